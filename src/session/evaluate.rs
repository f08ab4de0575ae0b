//! A session as the model of benchmarks and searches: what decides its numbers, and their parts that need a device.

use super::Session;
use crate::error::Result;
use crate::eval::run::{Mixture, ModelIdentity, PulledRun, WeightedAdapter};
use crate::model::VideoOptions;
use crate::text::TokenIds;
use burn::tensor::{Int, Tensor, TensorData};
use std::collections::BTreeMap;
use web_time::Instant;

crate::source::native_only! {
    mod native;
}

impl Session {
    /// Embeds one clip: `pixels` `[frames, 3, side, side]` to `[dim]`, not normalised.
    ///
    /// # Errors
    /// Those of the model and of the device.
    pub async fn embed_pixels(&self, pixels: Vec<f32>, frames: usize) -> Result<Vec<f32>> {
        let pixels = self.pixel_tensor(pixels, frames);
        let embed = self.model().encode_video(pixels, &VideoOptions::default())?.embed;
        self.read(embed, "video embedding").await
    }

    /// One clip's pixels `[frames, 3, side, side]` on the device, `[1, frames, 3, side, side]`.
    pub(super) fn pixel_tensor(&self, pixels: Vec<f32>, frames: usize) -> Tensor<5> {
        let size = self.config().vision.image_size;
        let data = TensorData::new(pixels, [1, frames, 3, size, size]);
        Tensor::<5>::from_data(data, self.device().device()).cast(self.float_type())
    }

    /// Embeds rows of token ids, all of the same length: one `[dim]` a row, not normalised.
    ///
    /// # Errors
    /// Those of the model and of the device.
    pub async fn embed_rows(&self, tokens: &TokenIds) -> Result<Vec<Vec<f32>>> {
        let ids = TensorData::new(tokens.ids.clone(), [tokens.rows, tokens.context]);
        let ids = Tensor::<2, Int>::from_data(ids, self.device().device());
        let flat = self.read(self.model().encode_text(ids)?, "caption embedding").await?;
        Ok(flat.chunks(flat.len() / tokens.rows.max(1)).map(<[f32]>::to_vec).collect())
    }

    /// Embeds the captions of a run that come next; gives a file to keep, `None` once there are none.
    ///
    /// # Errors
    /// As [`Session::embed_rows`].
    pub async fn embed_next_captions(&self, run: &mut PulledRun) -> Result<Option<Vec<u8>>> {
        let Some((tokens, _)) = run.next_captions() else { return Ok(None) };
        let embeds = self.embed_rows(tokens).await?;
        run.take_captions(&embeds).map(Some)
    }

    /// Draws and embeds a clip of the generated world for a run; gives a file to keep.
    ///
    /// # Errors
    /// Those of [`PulledRun::draw`], of the model and of the device.
    pub async fn embed_drawn(&self, run: &mut PulledRun, video: usize) -> Result<Vec<u8>> {
        let started = Instant::now();
        let drawn = run.draw(video)?;
        let decoding = started.elapsed().as_secs_f64();
        let embed = self.encode_frames(&drawn.frames, &run.settings().preprocess).await?;
        let embedding = started.elapsed().as_secs_f64() - decoding;
        run.take_video(video, &embed, drawn.facts, [decoding, embedding])
    }

    /// What of the model and its device decides numbers. `name` is the model's for people, `files` the hashes of what it was
    /// read from ([`ModelIdentity::hash_files`]), with those of a model that was mixed in and of the adapters that are on.
    #[must_use]
    pub fn identity_of(
        &self,
        name: String,
        files: BTreeMap<String, String>,
        mixture: Option<Mixture>,
        adapters: Vec<WeightedAdapter>,
    ) -> ModelIdentity {
        ModelIdentity {
            name,
            model_type: self.config().model_type.to_string(),
            scene_tokens: self.config().scene_tokens.variant.to_string(),
            weights_sha256: ModelIdentity::hash_of(&files, mixture.as_ref(), &adapters),
            files,
            device: self.device().name().to_string(),
            device_description: self.device().description().to_owned(),
            dtype: self.dtype.to_string(),
            mixture,
            adapters,
        }
    }
}
