//! Clips of the generated world as a model's input, and what the model makes of them.

use super::WorldEvaluation;
use crate::config::PreprocessConfig;
use crate::error::{Error, Result};
use crate::model::{VideoEncoding, VideoOptions};
use crate::platform::parallel_map;
use crate::video::sampling::frame_indices;
use crate::video::{FrameSource as _, preprocess};
use crate::world::{Level, Split, WorldClip};
use burn::tensor::{Int, Tensor, TensorData};
use std::ops::Range;

/// Clips embedded at once.
const CLIPS_AT_ONCE: u64 = 16;

/// A clip and what the model sees of it.
pub struct DrawnClip {
    pub clip: WorldClip,
    /// The frames that are used.
    pub frames: Vec<usize>,
    /// `[frames, 3, side, side]`.
    pub pixels: Vec<f32>,
}

impl DrawnClip {
    /// Draws clip `index` of a level's split.
    pub fn new(preprocessing: &PreprocessConfig, level: Level, split: Split, index: u64) -> Result<Self> {
        let clip = level.clip(split, index);
        let frames = frame_indices(preprocessing.sampling, &clip.info(), preprocessing.frames, index)?;
        let pixels = preprocess::pixels(&clip.render(&frames), preprocessing);
        Ok(Self { clip, frames, pixels })
    }
}

/// The clips in pieces that are embedded at once.
pub fn batches(clips: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let end = clips.end;
    clips.clone().step_by(CLIPS_AT_ONCE as usize).map(move |start| start..(start + CLIPS_AT_ONCE).min(end))
}

impl WorldEvaluation<'_> {
    /// Draws clips on all cores; `keep` takes of each what is needed.
    pub(super) fn draw<T: Send>(
        &self,
        split: Split,
        clips: Range<u64>,
        keep: impl Fn(DrawnClip) -> T + Sync + Send,
    ) -> Result<Vec<T>> {
        let (preprocessing, level) = (self.preprocess, self.level);
        let draw = |index| DrawnClip::new(preprocessing, level, split, index).map(&keep);
        let drawn = parallel_map(clips.collect(), draw);
        drawn.into_iter().collect()
    }

    /// Embeds clips by their pixels.
    pub(super) fn encode<'p>(
        &self,
        clips: impl ExactSizeIterator<Item = &'p Vec<f32>>,
        options: &VideoOptions,
    ) -> Result<VideoEncoding> {
        let side = self.preprocess.image_size;
        let shape = [clips.len(), self.preprocess.frames, 3, side, side];
        let pixels: Vec<f32> = clips.flatten().copied().collect();
        self.model.encode_video(Tensor::from_data(TensorData::new(pixels, shape), self.device), options)
    }

    /// Embeds captions: `[captions, dim]`, not normalised.
    pub(super) fn embed_captions(&self, captions: &[impl AsRef<str>]) -> Result<Tensor<2>> {
        let ids = self.tokenizer.encode(captions)?;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.ids, [ids.rows, ids.context]), self.device);
        self.model.encode_text(ids)
    }
}

/// Reads numbers from the device.
pub async fn read(tensor: Tensor<2>) -> Result<Vec<f32>> {
    let data = tensor.into_data_async().await.map_err(|error| Error::Compute { reason: error.to_string() })?;
    Ok(data.iter::<f32>().collect())
}
