//! Adapters on a session: loaded, mixed and taken off while the base stays.

use super::engine::{Engine, listener};
use super::error::plain;
use crate::session::Pairing;
use crate::source::BlobFolder;
use wasm_bindgen::prelude::*;
use web_sys::Blob;

#[wasm_bindgen]
impl Engine {
    /// The fingerprint of the model without adapters.
    ///
    /// # Errors
    /// Device errors.
    pub async fn fingerprint(&mut self) -> Result<String, JsValue> {
        Ok(self.session.fingerprint().await?.to_owned())
    }

    /// Reads an adapter from its files and keeps it, not yet in use, under `id`; gives the fingerprint of its base, where
    /// its files tell.
    ///
    /// # Errors
    /// An adapter of another base (unless `any_base`), damaged or missing files, an `id` that is taken.
    #[wasm_bindgen(js_name = loadAdapter)]
    pub async fn load_adapter(
        &mut self,
        id: String,
        names: Vec<String>,
        blobs: Vec<Blob>,
        any_base: bool,
        on_event: js_sys::Function,
    ) -> Result<Option<String>, JsValue> {
        let folder = BlobFolder::new(id.clone(), names.into_iter().zip(blobs).collect());
        let pairing = if any_base { Pairing::Any } else { Pairing::Checked };
        self.session.load_adapter(&id, &folder, pairing, &mut listener(on_event)).await?;
        self.hashes.add_adapter(&id, &folder).await?;
        let loaded = self.session.adapters().find(|(name, ..)| *name == id);
        Ok(loaded.and_then(|(.., adapter)| adapter.base.sha256.clone()))
    }

    /// Puts loaded adapters on by their weights; those that are not named go off.
    ///
    /// # Errors
    /// An unknown id, a weight that is no number, adapters that cannot be mixed.
    #[wasm_bindgen(js_name = setAdapterWeights)]
    pub fn set_adapter_weights(&mut self, ids: Vec<String>, weights: Vec<f64>) -> Result<(), JsValue> {
        let weights: Vec<(&str, f64)> = ids.iter().map(String::as_str).zip(weights).collect();
        Ok(self.session.set_adapter_weights(&weights)?)
    }

    /// Forgets a loaded adapter.
    ///
    /// # Errors
    /// An unknown id.
    #[wasm_bindgen(js_name = dropAdapter)]
    pub fn drop_adapter(&mut self, id: String) -> Result<(), JsValue> {
        Ok(self.session.drop_adapter(&id)?)
    }

    /// Weights of the loaded adapters by id.
    ///
    /// # Errors
    /// None in practice: the object holds only numbers.
    #[wasm_bindgen(js_name = adapterWeights)]
    pub fn adapter_weights(&self) -> Result<JsValue, JsValue> {
        let weights: std::collections::BTreeMap<&str, f64> =
            self.session.adapters().map(|(id, weight, _)| (id, weight)).collect();
        plain(&weights)
    }
}
