//! A session as the model of a benchmark's run.

use super::Session;
use crate::error::Result;
use crate::eval::run::{Embedder, Mixture, ModelIdentity};
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
    /// weights were mixed in ([`Session::mixed_with`]), with the model's own share.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn identity(&self, folder: &Path, base: Option<(&Path, f64)>) -> Result<ModelIdentity> {
        let name = |folder: &Path| folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let mut files = ModelIdentity::hash_folder(folder, "")?;
        let mut mixture = None;
        if let Some((base, share)) = base {
            files.extend(ModelIdentity::hash_folder(base, "base/")?);
            mixture = Some(Mixture { base: name(base), share });
        }
        Ok(ModelIdentity {
            name: name(folder),
            model_type: self.config().model_type.to_string(),
            scene_tokens: self.config().scene_tokens.variant.to_string(),
            weights_sha256: ModelIdentity::hash_of(&files, mixture.as_ref()),
            files,
            device: self.device().name().to_string(),
            device_description: self.device().description().to_owned(),
            dtype: self.dtype.to_string(),
            mixture,
        })
    }
}
