//! A session as the model of a run in a folder (native only).

use crate::error::Result;
use crate::eval::run::{Embedder, Mixture, ModelIdentity, WeightedAdapter};
use crate::event::Abort;
use crate::platform::block_on;
use crate::session::Session;
use crate::text::TokenIds;
use std::path::Path;

impl Embedder for Session {
    fn embed_clip(&self, pixels: Vec<f32>, frames: usize) -> Result<Vec<f32>> {
        block_on(self.embed_pixels(pixels, frames))
    }

    fn tokens(&self, captions: &[String]) -> Result<TokenIds> {
        self.tokenizer()?.encode(captions)
    }

    fn embed_tokens(&self, tokens: &TokenIds) -> Result<Vec<Vec<f32>>> {
        block_on(self.embed_rows(tokens))
    }

    fn check_matching(&self) -> Result<()> {
        self.model().check_matching()
    }

    fn match_clip(&self, pixels: Vec<f32>, frames: usize, tokens: &TokenIds, abort: &Abort) -> Result<Vec<f32>> {
        block_on(self.match_pixels(pixels, frames, tokens, abort))
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
        Ok(self.identity_of(name(folder), files, mixture, adapters))
    }
}
