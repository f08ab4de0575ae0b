//! Cuts between scenes, as PySceneDetect's content detector finds them with its default settings (formats.md 5.4; checked
//! against the package itself, `tests/scenedetect`).
//!
//! A frame's score is how far its hue, saturation and brightness lie from the last frame's; scores from the threshold on
//! are cuts, but for those that follow one another too closely (`merge`). Pure code: the page uses it too. The crate
//! `scenesdetect` 0.5.1 was tried first: it computes colours in floating point, its scores differ by up to 0.15 from the
//! package's, and it finds a cut where the package finds none.

mod hsv;
mod merge;
mod score;

use crate::error::{Error, Result};
use crate::event::Abort;
use crate::video::FrameSource;
use merge::Merger;
use score::Scorer;
use std::ops::Range;

/// Frames between two looks at the abort flag.
const PATIENCE: usize = 16;

/// When a change counts as a cut.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutRule {
    /// Score from which on a frame begins a scene; from 0 to 255.
    pub threshold: f64,
    /// Frames that a scene has at least, but for the last one.
    pub min_frames: usize,
}

impl Default for CutRule {
    /// PySceneDetect's.
    fn default() -> Self {
        Self { threshold: 27.0, min_frames: 15 }
    }
}

impl CutRule {
    /// Checks the range.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a threshold outside of 0 to 255, which nothing or everything would reach.
    pub fn validate(&self) -> Result<()> {
        if (0.0..=255.0).contains(&self.threshold) {
            return Ok(());
        }
        let reason = format!("{}; it lies from 0 to 255, PySceneDetect's is 27", self.threshold);
        Err(Error::InvalidInput { what: "threshold of scene cuts".to_owned(), reason })
    }
}

/// Finds cuts frame by frame.
#[derive(Debug)]
pub struct CutDetector {
    rule: CutRule,
    scorer: Scorer,
    merger: Merger,
    frames: usize,
    cuts: Vec<usize>,
}

impl CutDetector {
    /// For frames of `width` x `height` pixels, both at least 1.
    #[must_use]
    pub fn new(width: usize, height: usize, rule: CutRule) -> Self {
        let (scorer, merger) = (Scorer::new(width, height), Merger::new(rule.min_frames));
        Self { rule, scorer, merger, frames: 0, cuts: Vec::new() }
    }

    /// Takes the next frame, `[height, width, 3]` RGB; returns its score (0 for the first).
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for a frame of another size.
    pub fn see(&mut self, frame: &[u8]) -> Result<f64> {
        let score = self.scorer.score(frame)?;
        self.cuts.extend(self.merger.next(self.frames, score >= self.rule.threshold));
        self.frames += 1;
        Ok(score)
    }

    /// First frames of the scenes found so far, but for the first scene's.
    #[must_use]
    pub fn cuts(&self) -> &[usize] {
        &self.cuts
    }

    /// The scenes so far as frames `[first, end)`, from the first frame to the last one seen; without a cut that is one.
    #[must_use]
    pub fn scenes(&self) -> Vec<Range<usize>> {
        let begins = std::iter::once(0).chain(self.cuts.iter().copied());
        let ends = self.cuts.iter().copied().chain(std::iter::once(self.frames));
        begins.zip(ends).map(|(first, end)| first..end).filter(|scene| !scene.is_empty()).collect()
    }
}

/// A clip's scenes and the score of each frame; every frame is decoded.
///
/// # Errors
/// Whatever is wrong with clip or rule; [`Error::Aborted`].
pub fn scenes(clip: &mut dyn FrameSource, rule: CutRule, abort: &Abort) -> Result<(Vec<Range<usize>>, Vec<f64>)> {
    rule.validate()?;
    let info = clip.info();
    let mut detector = CutDetector::new(info.width, info.height, rule);
    let mut scores = Vec::with_capacity(info.frame_count);
    clip.visit(&(0..info.frame_count).collect::<Vec<_>>(), &mut |frame| {
        if scores.len().is_multiple_of(PATIENCE) {
            abort.check()?;
        }
        scores.push(detector.see(frame)?);
        Ok(())
    })?;
    Ok((detector.scenes(), scores))
}

#[cfg(test)]
mod tests;
