//! Which model an engine has, by the hashes of the files that it was read from.

use super::engine::Engine;
use super::files::KeptFolder;
use crate::error::Result;
use crate::eval::run::{ModelIdentity, WeightedAdapter};
use crate::event::Abort;
use crate::source::{BlobFolder, HttpFolder};
use std::collections::BTreeMap;

/// Hashes by file name.
type FileHashes = BTreeMap<String, String>;

/// Of the model's files, once something asked for them, and of its adapters'.
pub(super) struct Hashes {
    folder: KeptFolder,
    model: Option<FileHashes>,
    adapters: BTreeMap<String, FileHashes>,
}

impl Hashes {
    /// Of a model that was read from a folder.
    pub(super) const fn new(folder: KeptFolder) -> Self {
        Self { folder, model: None, adapters: BTreeMap::new() }
    }

    /// Those of the model; reads all its files the first time.
    async fn model(&mut self, abort: &Abort) -> Result<FileHashes> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let model = match &self.folder {
            KeptFolder::Blobs(folder) => ModelIdentity::hash_files(folder, "", abort).await?,
            KeptFolder::Http(base) => {
                ModelIdentity::hash_files(&HttpFolder::new(base.as_str(), None), "", abort).await?
            }
        };
        Ok(self.model.insert(model).clone())
    }

    /// Notes an adapter that was loaded from these files.
    pub(super) async fn add_adapter(&mut self, id: &str, folder: &BlobFolder) -> Result<()> {
        let files = ModelIdentity::hash_files(folder, "", &Abort::default()).await?;
        self.adapters.insert(id.to_owned(), files);
        Ok(())
    }
}

impl Engine {
    /// What decides numbers: the model, its adapters, the device.
    pub(super) async fn identity(&mut self, abort: &Abort) -> Result<ModelIdentity> {
        let mut files = self.hashes.model(abort).await?;
        let mut adapters = Vec::new();
        for (id, weight, _) in self.session.adapters().filter(|(_, weight, _)| *weight != 0.0) {
            let own = self.hashes.adapters.get(id).into_iter().flatten();
            files.extend(own.map(|(file, sha256)| (format!("lora{}/{file}", adapters.len()), sha256.clone())));
            adapters.push(WeightedAdapter { folder: id.to_owned(), weight });
        }
        let name = self.hashes.folder.name();
        Ok(self.session.identity_of(name, files, None, adapters))
    }
}
