//! A session as the model of a benchmark's run.

use super::Session;
use crate::error::Result;
use crate::eval::run::{Embedder, Mixture, ModelIdentity, WeightedAdapter};
use crate::model::VideoOptions;
use crate::platform::block_on;
use crate::text::TokenIds;
use burn::tensor::{Int, Tensor, TensorData};
use std::path::Path;

impl Embedder for Session {
    fn embed_clip(&self, pixels: Vec<f32>, frames: usize) -> Result<Vec<f32>> {
        let size = self.config().vision.image_size;
        let data = TensorData::new(pixels, [1, frames, 3, size, size]);
        let pixels = Tensor::<5>::from_data(data, self.device().device()).cast(self.float_type());
        let embed = self.model().encode_video(pixels, &VideoOptions::default())?.embed;
        block_on(self.read(embed, "video embedding"))
    }

    fn tokens(&self, captions: &[String]) -> Result<TokenIds> {
        self.tokenizer()?.encode(captions)
    }

    fn embed_tokens(&self, tokens: &TokenIds) -> Result<Vec<Vec<f32>>> {
        let ids = TensorData::new(tokens.ids.clone(), [tokens.rows, tokens.context]);
        let ids = Tensor::<2, Int>::from_data(ids, self.device().device());
        let flat = block_on(self.read(self.model().encode_text(ids)?, "caption embedding"))?;
        Ok(flat.chunks(flat.len() / tokens.rows.max(1)).map(<[f32]>::to_vec).collect())
    }
}

impl Session {
    /// What of the model and its device decides numbers; `folder` is the one it was opened from, `base` another whose
    /// weights were mixed in ([`Session::mixed_with`]) with the model's own share, `adapters` the folders of those that are on
    /// with their weights.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn identity(
        &self,
        folder: &Path,
        base: Option<(&Path, f64)>,
        adapters: &[(&Path, f64)],
    ) -> Result<ModelIdentity> {
        let name = |folder: &Path| folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let mut files = ModelIdentity::hash_folder(folder, "")?;
        let mixture = base.map(|(base, share)| Mixture { base: name(base), share });
        if let Some((base, _)) = base {
            files.extend(ModelIdentity::hash_folder(base, "base/")?);
        }
        for (at, (adapter, _)) in adapters.iter().enumerate() {
            files.extend(ModelIdentity::hash_folder(adapter, &format!("lora{at}/"))?);
        }
        let adapters: Vec<WeightedAdapter> =
            adapters.iter().map(|(folder, weight)| WeightedAdapter { folder: name(folder), weight: *weight }).collect();
        Ok(ModelIdentity {
            name: name(folder),
            model_type: self.config().model_type.to_string(),
            scene_tokens: self.config().scene_tokens.variant.to_string(),
            weights_sha256: ModelIdentity::hash_of(&files, mixture.as_ref(), &adapters),
            files,
            device: self.device().name().to_string(),
            device_description: self.device().description().to_owned(),
            dtype: self.dtype.to_string(),
            mixture,
            adapters,
        })
    }
}
