//! Clips and captions to embeddings.

use super::{Scores, Session};
use crate::config::{PreprocessConfig, ResizeRule, SamplingRule};
use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use crate::model::{VideoEncoding, VideoOptions};
use crate::video::{FrameSource, Frames, preprocess, sampling};
use burn::tensor::{Int, Tensor, TensorData};
use serde::Deserialize;

/// Captions encoded in one go: enough to fill a device, little enough for any memory.
pub(super) const CAPTION_BATCH: usize = 64;

/// What of the model's own preprocessing to change for a clip. The default changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipOptions {
    /// Frames to use.
    pub frames: Option<usize>,
    /// Which frames.
    pub sampling: Option<SamplingRule>,
    /// Resize rule.
    pub resize: Option<ResizeRule>,
    /// Seed of sampling rule "rand".
    pub seed: u64,
}

impl ClipOptions {
    /// The model's preprocessing with these changes.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a frame count out of range.
    pub fn apply(&self, model: &PreprocessConfig) -> Result<PreprocessConfig> {
        let config = PreprocessConfig {
            frames: self.frames.unwrap_or(model.frames),
            sampling: self.sampling.unwrap_or(model.sampling),
            resize: self.resize.unwrap_or(model.resize),
            ..model.clone()
        };
        config.validate()?;
        Ok(config)
    }
}

impl Session {
    /// Samples, decodes and encodes one clip: the embedding `[dim]`, not normalised.
    ///
    /// # Errors
    /// What is wrong with the clip, or a device error.
    pub async fn encode_video(&self, source: &mut dyn FrameSource, options: &ClipOptions) -> Result<Vec<f32>> {
        let (frames, config) = self.sampled(source, options)?;
        self.encode_frames(&frames, &config).await
    }

    /// The frames of a clip that the model is to see, and how they become its input.
    pub(super) fn sampled(
        &self,
        source: &mut dyn FrameSource,
        options: &ClipOptions,
    ) -> Result<(Frames, PreprocessConfig)> {
        let config = options.apply(&self.preprocess)?;
        let indices = sampling::frame_indices(config.sampling, &source.info(), config.frames, options.seed)?;
        Ok((source.read(&indices)?, config))
    }

    /// Encodes frames that are already the ones to use: the embedding `[dim]`, not normalised.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a number of frames the model has no positions for; device errors.
    pub async fn encode_frames(&self, frames: &Frames, config: &PreprocessConfig) -> Result<Vec<f32>> {
        let embed = self.forward_frames(frames, config, &VideoOptions::default())?.embed;
        self.read(embed, "video embedding").await
    }

    /// The forward pass behind [`Self::encode_frames`], with everything the encoder can tell.
    ///
    /// # Errors
    /// As [`Self::encode_frames`], but for what shows only when results are read.
    pub fn forward_frames(
        &self,
        frames: &Frames,
        config: &PreprocessConfig,
        options: &VideoOptions,
    ) -> Result<VideoEncoding> {
        let count = frames.count();
        let size = config.image_size;
        let pixels = preprocess::pixels(frames, config);
        let pixels = Tensor::<5>::from_data(TensorData::new(pixels, [1, count, 3, size, size]), self.device.device());
        self.model.encode_video(pixels.cast(self.float_type()), options)
    }

    /// Refuses captions that say nothing.
    ///
    /// # Errors
    /// [`Error::EmptyCaption`] with the position of the first.
    pub fn check_captions(&self, captions: &[String]) -> Result<()> {
        self.tokenizer()?.check(captions)
    }

    /// Encodes captions: one embedding `[dim]` each, not normalised.
    ///
    /// # Errors
    /// [`Error::MissingFile`] without a tokenizer, [`Error::Aborted`], device errors.
    pub async fn encode_text(
        &self,
        captions: &[String],
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Vec<Vec<f32>>> {
        let mut embeds = Vec::with_capacity(captions.len());
        if captions.is_empty() {
            return Ok(embeds);
        }
        let tokens = self.tokenizer()?.encode(captions)?;
        for rows in tokens.ids.chunks(CAPTION_BATCH * tokens.context) {
            abort.check()?;
            let count = rows.len() / tokens.context;
            let ids = TensorData::new(rows.to_vec(), [count, tokens.context]);
            let ids = Tensor::<2, Int>::from_data(ids, self.device.device());
            let flat = self.read(self.model.encode_text(ids)?, "caption embedding").await?;
            embeds.extend(flat.chunks(flat.len() / count).map(<[f32]>::to_vec));
            events.emit(Event::Progress { stage: "captions", done: embeds.len() as u64, total: captions.len() as u64 });
        }
        Ok(embeds)
    }

    /// What the softmax multiplies cosines by.
    ///
    /// # Errors
    /// Device errors.
    pub async fn logit_scale(&self) -> Result<f32> {
        let temperature = self.read(self.model.temperature().unsqueeze::<2>(), "temperature").await?;
        Ok(1.0 / temperature[0])
    }

    /// Scores captions against an encoded clip.
    ///
    /// # Errors
    /// As [`Self::encode_text`] and [`Scores::new`].
    pub async fn score(
        &self,
        video: &[f32],
        captions: &[String],
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Scores> {
        let texts = self.encode_text(captions, events, abort).await?;
        Scores::new(video, &texts, captions, self.logit_scale().await?)
    }

    /// Reads a result back and makes sure that it is one: a device that reported an error, or NaN, is told.
    pub(super) async fn read(&self, tensor: Tensor<2>, name: &str) -> Result<Vec<f32>> {
        let data = tensor.into_data_async().await.map_err(|error| device_error(&error));
        let data = self.device.settle(data).await?;
        let values = data
            .convert::<f32>()
            .try_into_vec::<f32>()
            .map_err(|error| Error::Compute { reason: format!("{error:?}") })?;
        match values.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(Error::NonFinite { name: name.to_owned(), index }),
            None => Ok(values),
        }
    }
}

/// burn reports a lost device only as text.
fn device_error(error: &burn::tensor::ExecutionError) -> Error {
    let reason = format!("{error:?}");
    if reason.contains("Poisoned") || reason.contains("lost") {
        Error::DeviceLost { reason }
    } else if reason.contains("OutOfMemory") || reason.contains("out of memory") {
        Error::OutOfMemory { wanted: 0, limit: 0 }
    } else {
        Error::Compute { reason }
    }
}
