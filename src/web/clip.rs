//! A clip on its way from the browser's decoder to the model.

use crate::config::PreprocessConfig;
use crate::error::{Error, Result};
use crate::video::{Frames, VideoInfo, preprocess, sampling};
use wasm_bindgen::prelude::*;

/// What JS tells of a video; `fps` may be NaN where there is no clock.
pub(super) fn video_info(frame_count: usize, fps: f64, width: usize, height: usize) -> VideoInfo {
    VideoInfo { frame_count, fps: fps.is_finite().then_some(fps), width, height }
}

/// A frame `[height, width, 4]` as `[height, width, 3]`.
pub(super) fn without_alpha(width: usize, height: usize, rgba: &[u8]) -> Result<Vec<u8>> {
    if rgba.len() != width * height * 4 {
        let reason = format!("{} bytes are no {width} x {height} RGBA frame", rgba.len());
        return Err(Error::InvalidInput { what: "frame".to_owned(), reason });
    }
    Ok(rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
}

/// The frames of one clip, taken in one by one and kept at the model's size, so that a 4K video never lies here whole.
#[wasm_bindgen]
pub struct ClipFrames {
    config: PreprocessConfig,
    seed: u64,
    resized: Vec<u8>,
    count: usize,
    chosen: Option<(VideoInfo, Vec<usize>)>,
}

impl ClipFrames {
    pub(super) const fn new(config: PreprocessConfig, seed: u64) -> Self {
        Self { config, seed, resized: Vec::new(), count: 0, chosen: None }
    }

    /// Of frames that are at the model's size already.
    pub(super) fn of(frames: Frames, config: PreprocessConfig) -> Self {
        let count = frames.count();
        Self { config, seed: 0, resized: frames.data, count, chosen: None }
    }

    pub(super) const fn config(&self) -> &PreprocessConfig {
        &self.config
    }

    /// The video and the frames of it that [`ClipFrames::indices`] chose.
    pub(super) fn chosen(&self) -> Option<(&VideoInfo, &[usize])> {
        self.chosen.as_ref().map(|(info, indices)| (info, indices.as_slice()))
    }

    /// Notes frames that were chosen elsewhere; gives them as JS has them.
    pub(super) fn choose(&mut self, info: VideoInfo, indices: Vec<usize>) -> Vec<u32> {
        // Where this runs, usize has 32 bits.
        let told = indices.iter().map(|index| *index as u32).collect();
        self.chosen = Some((info, indices));
        told
    }

    /// What the model will see: `[frames, size, size, 3]`.
    pub(super) fn frames(&self) -> Result<Frames> {
        Frames::new(self.config.image_size, self.config.image_size, self.resized.clone())
    }

    fn push_rgb(&mut self, width: usize, height: usize, rgb: Vec<u8>) -> Result<()> {
        let frame = Frames::new(width, height, rgb)?;
        if frame.count() != 1 {
            let reason = format!("{} frames at once; push one frame at a time", frame.count());
            return Err(Error::InvalidInput { what: "frame".to_owned(), reason });
        }
        self.resized.extend(preprocess::resized(&frame, &self.config).data);
        self.count += 1;
        Ok(())
    }
}

#[wasm_bindgen]
impl ClipFrames {
    /// Which frames of a video of `frame_count` frames to decode, in this order (repeats allowed). `fps` may be NaN
    /// where there is no clock.
    ///
    /// # Errors
    /// An empty clip, or a rule that needs a clock where there is none.
    #[wasm_bindgen(js_name = indices)]
    pub fn indices(&mut self, frame_count: usize, fps: f64, width: usize, height: usize) -> Result<Vec<u32>, JsValue> {
        let info = video_info(frame_count, fps, width, height);
        let indices = sampling::frame_indices(self.config.sampling, &info, self.config.frames, self.seed)?;
        Ok(self.choose(info, indices))
    }

    /// Takes the next frame, RGBA: `[height, width, 4]`. Alpha is left out, as the command line's decoder does.
    ///
    /// # Errors
    /// Bytes that are no frame of this size.
    #[wasm_bindgen(js_name = pushRgba)]
    pub fn push_rgba(&mut self, width: usize, height: usize, rgba: &[u8]) -> Result<(), JsValue> {
        Ok(self.push_rgb(width, height, without_alpha(width, height, rgba)?)?)
    }

    /// Frames taken in so far.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn count(&self) -> usize {
        self.count
    }
}
