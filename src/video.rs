//! Clips: frames of a video, which of them are used, and how they become the model's input. Decoding lies behind
//! [`FrameSource`], so that the command line (ffmpeg), a folder of images, a tensor file and the page (`WebCodecs`) share
//! the sampling, resize and normalise code.

pub mod cuts;
// Programs and files exist natively only; the page decodes with WebCodecs and hands over a `MemorySource`.
#[cfg(not(target_arch = "wasm32"))]
pub mod decode;
#[cfg(not(target_arch = "wasm32"))]
pub mod encode;
mod memory;
pub mod paint;
#[cfg(not(target_arch = "wasm32"))]
pub mod picture;
pub mod preprocess;
#[cfg(not(target_arch = "wasm32"))]
mod program;
pub mod resize;
pub mod sampling;
mod windows;

pub use memory::MemorySource;
pub use windows::WindowRule;

use crate::error::{Error, Result};

/// Frames that a visit of a source holds at a time, where frames are read one by one anyway.
const VISITED_AT_ONCE: usize = 8;

/// RGB frames of one clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `[frames, height, width, 3]`, row-major, RGB.
    pub data: Vec<u8>,
}

impl Frames {
    /// Wraps raw RGB bytes.
    ///
    /// # Errors
    /// [`Error::NoFrames`] for none, [`Error::InvalidInput`] where the bytes are no whole number of frames.
    pub fn new(width: usize, height: usize, data: Vec<u8>) -> Result<Self> {
        let size = width * height * 3;
        if size == 0 || data.is_empty() {
            return Err(Error::NoFrames {
                clip: "clip".to_owned(),
                reason: format!("{width} x {height} pixels, {} bytes", data.len()),
            });
        }
        if !data.len().is_multiple_of(size) {
            let reason = format!(
                "{} bytes are no whole number of {width} x {height} RGB frames ({size} bytes each)",
                data.len()
            );
            return Err(Error::InvalidInput { what: "frames".to_owned(), reason });
        }
        Ok(Self { width, height, data })
    }

    /// Number of frames.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.data.len() / self.frame_size()
    }

    /// Bytes of one frame.
    #[must_use]
    pub const fn frame_size(&self) -> usize {
        self.width * self.height * 3
    }

    /// The bytes of frame `index`: `[height, width, 3]`.
    #[must_use]
    pub fn frame(&self, index: usize) -> &[u8] {
        &self.data[index * self.frame_size()..(index + 1) * self.frame_size()]
    }
}

/// What is known of a video before any frame is decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoInfo {
    /// Decodable frames.
    pub frame_count: usize,
    /// Frames a second; `None` where the source has no clock (a folder of images).
    pub fps: Option<f64>,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

/// Where frames come from: a video file, a folder of images, a tensor file, the generated world.
pub trait FrameSource {
    /// Length, rate and size.
    fn info(&self) -> VideoInfo;

    /// Decodes the frames at `indices` (0-based, any order, repeats allowed), in that order.
    ///
    /// # Errors
    /// [`Error::Decode`] and [`Error::InvalidInput`] for an index past the end.
    fn read(&mut self, indices: &[usize]) -> Result<Frames>;

    /// Shows the frames at `indices` (ascending, none twice) one after another, each `[height, width, 3]`: for more of them
    /// than memory holds.
    ///
    /// # Errors
    /// Those of [`FrameSource::read`], and what `see` returns.
    fn visit(&mut self, indices: &[usize], see: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for part in indices.chunks(VISITED_AT_ONCE) {
            let frames = self.read(part)?;
            (0..frames.count()).try_for_each(|index| see(frames.frame(index)))?;
        }
        Ok(())
    }
}
