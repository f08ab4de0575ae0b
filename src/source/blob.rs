//! A folder of Blobs in the page: dropped files, a directory picker, the browser's cache. Nothing is read before it is
//! asked for.

use super::Folder;
use super::javascript::{blob_range, blob_size};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use web_sys::Blob;

/// Blobs (a `File` is one) by file name.
#[derive(Debug, Clone, Default)]
pub struct BlobFolder {
    name: String,
    files: BTreeMap<String, Blob>,
}

impl BlobFolder {
    /// A folder of these Blobs; `name` appears in messages.
    #[must_use]
    pub fn new(name: impl Into<String>, files: BTreeMap<String, Blob>) -> Self {
        Self { name: name.into(), files }
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, file: impl Into<String>, blob: Blob) {
        self.files.insert(file.into(), blob);
    }

    fn file(&self, file: &str) -> Result<&Blob> {
        self.files.get(file).ok_or_else(|| Error::MissingFile {
            folder: self.name.clone(),
            file: file.to_owned(),
            advice: format!("it has {}", self.files.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
        })
    }
}

impl Folder for BlobFolder {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn has(&self, file: &str) -> Result<bool> {
        Ok(self.files.contains_key(file))
    }

    async fn size(&self, file: &str) -> Result<u64> {
        Ok(blob_size(self.file(file)?))
    }

    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>> {
        blob_range(self.file(file)?, begin, end, file).await
    }

    async fn list(&self) -> Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }
}
