//! Where a model folder's files come from in the page.

use crate::source::{BlobFolder, HttpFolder};
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
