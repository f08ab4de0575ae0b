//! Long videos in pieces that a model can look at: windows of equal length over each scene.

use crate::error::{Error, Result};
use std::ops::Range;

/// How long windows are and how closely they follow one another.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowRule {
    /// Length in seconds.
    pub seconds: f64,
    /// From one window's begin to the next one's at most, in seconds.
    pub step: f64,
}

impl Default for WindowRule {
    /// Ten seconds, each window half over the next: the clips that ViCLIP was trained on are about as long.
    fn default() -> Self {
        Self { seconds: 10.0, step: 5.0 }
    }
}

impl WindowRule {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a length or step that is not above 0, or steps that would leave gaps.
    pub fn validate(&self) -> Result<()> {
        let Self { seconds, step } = *self;
        if seconds.is_finite() && step > 0.0 && step <= seconds {
            return Ok(());
        }
        let reason =
            format!("{seconds} s, every {step} s; both must be above 0, and the step no longer than the window");
        Err(Error::InvalidInput { what: "windows".to_owned(), reason })
    }

    /// Windows that cover the scenes (frames `[first, end)`), in their order: a scene that is no longer than a window is one;
    /// over a longer one, windows of full length are spread evenly from its first frame to its last. Without a clock each
    /// scene is one window.
    #[must_use]
    pub fn windows(&self, scenes: &[Range<usize>], fps: Option<f64>) -> Vec<Range<usize>> {
        let frames = |seconds: f64| fps.map_or(usize::MAX, |fps| ((seconds * fps).round() as usize).max(1));
        let (length, step) = (frames(self.seconds), frames(self.step));
        let mut windows = Vec::new();
        for scene in scenes {
            let rest = scene.len().saturating_sub(length);
            let count = rest.div_ceil(step);
            for at in 0..=count {
                // u64: in the page a product of frame numbers would not fit usize.
                let offset = (rest as u64 * at as u64).checked_div(count as u64).unwrap_or(0);
                let first = scene.start + offset as usize;
                windows.push(first..(first.saturating_add(length)).min(scene.end));
            }
        }
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice::from_ref;

    fn rule(seconds: f64, step: f64) -> WindowRule {
        WindowRule { seconds, step }
    }

    #[test]
    fn short_scenes_are_one_window_and_long_ones_several() {
        // By hand: 25 frames, windows of 10 every 5 at most: 15 to go in 3 steps.
        let windows = rule(1.0, 0.5).windows(&[0..7, 7..17, 17..42], Some(10.0));
        assert_eq!(windows, [0..7, 7..17, 17..27, 22..32, 27..37, 32..42]);
        // 11 frames: one to go, one step of 1.
        assert_eq!(rule(1.0, 0.5).windows(from_ref(&(3..14)), Some(10.0)), [3..13, 4..14]);
        assert_eq!(rule(1.0, 0.5).windows(&[0..50, 50..99], None), [0..50, 50..99]);
        assert!(rule(1.0, 0.5).windows(&[], Some(10.0)).is_empty());
    }

    #[test]
    fn windows_cover_every_frame_and_never_cross_a_cut() {
        for (length, fps) in [(1, 25.0), (249, 25.0), (250, 25.0), (251, 25.0), (10_000, 29.97), (777, 0.01)] {
            for (seconds, step) in [(10.0, 5.0), (10.0, 10.0), (3.3, 0.1), (0.001, 0.001)] {
                let scenes = [0..length, length..2 * length];
                let windows = rule(seconds, step).windows(&scenes, Some(fps));
                let most = ((seconds * fps).round() as usize).max(1);
                let apart = ((step * fps).round() as usize).max(1);
                for scene in &scenes {
                    let inside: Vec<_> = windows.iter().filter(|window| scene.contains(&window.start)).collect();
                    assert_eq!((inside[0].start, inside[inside.len() - 1].end), (scene.start, scene.end));
                    assert!(inside.iter().all(|window| window.len() == most.min(length)), "{scene:?} {inside:?}");
                    for pair in inside.windows(2) {
                        assert!(pair[0].start < pair[1].start && pair[1].start <= pair[0].start + apart);
                        assert!(pair[1].start <= pair[0].end);
                    }
                }
            }
        }
    }

    #[test]
    fn windows_with_gaps_are_refused() {
        for (seconds, step) in [(10.0, 11.0), (0.0, 0.0), (-1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::NAN)] {
            assert_eq!(rule(seconds, step).validate().unwrap_err().code(), "invalid-input", "{seconds} {step}");
        }
        rule(1.0, 1.0).validate().unwrap();
    }
}
