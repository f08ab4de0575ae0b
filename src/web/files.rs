//! Where a model folder's files come from in the page.

use crate::source::{BlobFolder, Folder as _, HttpFolder};
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Blob};

/// The two kinds of folders that a page has.
pub(super) enum PageFolder {
    /// Files at hand: picked from disk, or in the browser's cache.
    Blobs(BlobFolder),
    /// Files read from a server as they are needed, kept nowhere.
    Http(HttpFolder),
}

/// A folder to be read again: Blobs are handles, an address is a name.
pub(super) enum KeptFolder {
    /// Files at hand.
    Blobs(BlobFolder),
    /// Files below an address.
    Http(String),
}

impl KeptFolder {
    /// Of a folder that is about to be read.
    pub(super) fn of(folder: &PageFolder) -> Self {
        match folder {
            PageFolder::Blobs(folder) => Self::Blobs(folder.clone()),
            PageFolder::Http(folder) => Self::Http(folder.name()),
        }
    }

    /// Its own name, without what it lies in.
    pub(super) fn name(&self) -> String {
        let name = match self {
            Self::Blobs(folder) => folder.name(),
            Self::Http(base) => base.clone(),
        };
        name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// A model folder for [`Engine::open`](super::engine::Engine::open).
#[wasm_bindgen]
pub struct ModelFiles {
    pub(super) folder: PageFolder,
}

#[wasm_bindgen]
impl ModelFiles {
    /// Files by name; `name` appears in messages.
    #[wasm_bindgen(js_name = fromBlobs)]
    pub fn from_blobs(name: String, names: Vec<String>, blobs: Vec<Blob>) -> Self {
        let files: BTreeMap<_, _> = names.into_iter().zip(blobs).collect();
        Self { folder: PageFolder::Blobs(BlobFolder::new(name, files)) }
    }

    /// Files below a base address, read in pieces by Range requests.
    #[wasm_bindgen(js_name = fromUrl)]
    pub fn from_url(base: String, signal: Option<AbortSignal>) -> Self {
        Self { folder: PageFolder::Http(HttpFolder::new(base, signal)) }
    }
}
