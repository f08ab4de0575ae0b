//! Frames that are in memory already: what the page decoded, what the generated world drew, what a test made up.

use super::{FrameSource, Frames, VideoInfo};
use crate::error::{Error, Result};

/// A clip held in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySource {
    frames: Frames,
    fps: Option<f64>,
}

impl MemorySource {
    /// Wraps `frames`; `fps` in frames a second where it is known.
    #[must_use]
    pub const fn new(frames: Frames, fps: Option<f64>) -> Self {
        Self { frames, fps }
    }
}

impl FrameSource for MemorySource {
    fn info(&self) -> VideoInfo {
        let Frames { width, height, .. } = self.frames;
        VideoInfo { frame_count: self.frames.count(), fps: self.fps, width, height }
    }

    fn read(&mut self, indices: &[usize]) -> Result<Frames> {
        check_indices(indices, self.frames.count(), "clip")?;
        let mut data = Vec::with_capacity(indices.len() * self.frames.frame_size());
        for &index in indices {
            data.extend_from_slice(self.frames.frame(index));
        }
        Frames::new(self.frames.width, self.frames.height, data)
    }
}

/// Every source's first check of what it is asked for.
///
/// # Errors
/// [`Error::NoFrames`] for no index at all, [`Error::InvalidInput`] for one past the end of `clip`.
pub(super) fn check_indices(indices: &[usize], count: usize, clip: &str) -> Result<()> {
    if indices.is_empty() {
        return Err(Error::NoFrames { clip: clip.to_owned(), reason: "no frame was asked for".to_owned() });
    }
    match indices.iter().find(|&&index| index >= count) {
        Some(index) => Err(Error::InvalidInput {
            what: format!("frame {index} of {clip}"),
            reason: format!("it has {count} frames, counted from 0"),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip() -> MemorySource {
        MemorySource::new(Frames::new(2, 1, (0..18).collect()).unwrap(), Some(25.0))
    }

    #[test]
    fn frames_come_in_the_order_asked_for() {
        assert_eq!(clip().info(), VideoInfo { frame_count: 3, fps: Some(25.0), width: 2, height: 1 });
        let frames = clip().read(&[2, 0, 2]).unwrap();
        assert_eq!(frames.data, [12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]);
    }

    #[test]
    fn an_index_past_the_end_or_none_is_refused() {
        assert_eq!(clip().read(&[0, 3]).unwrap_err().code(), "invalid-input");
        assert_eq!(clip().read(&[]).unwrap_err().code(), "no-frames");
    }
}
