//! An adapter as PEFT's two files.

use super::keys::{self, PeftModule};
use super::{ADAPTER_CONFIG_FILE, ADAPTER_MODEL_FILE, Adapter, BASE_SHA256, SCENE_TOKENS};
use crate::error::{Error, Result};
use crate::weights::element::check_finite;
use crate::weights::safetensors_file::write_header;
use crate::weights::{HostTensor, StoredType};
use std::collections::BTreeMap;

/// The module of the scene-graph parameters.
const SCENE_MODULE: &str = "sg";

impl Adapter {
    /// The folder's files by name. Tensors are f32, in the order of their keys: equal adapters give equal bytes.
    ///
    /// Both projections of an attention are one module to PEFT, with one rank and alpha: of a pair that has another rank
    /// or alpha than its partner, or none, the file holds zeros and products that add up to the same.
    ///
    /// # Errors
    /// [`Error::NonFinite`]; [`Error::ShapeMismatch`] for pairs that no attention has; [`Error::InvalidInput`] where sizes
    /// overflow.
    pub fn to_files(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let modules = keys::modules(&self.pairs)?;
        let whole: &[&str] = if self.has_scene_tokens() { &[SCENE_MODULE] } else { &[] };
        let config = super::config::write(&modules, whole, self.dropout, self.base.name.as_deref())?;
        Ok(BTreeMap::from([
            (ADAPTER_CONFIG_FILE.to_owned(), config.into_bytes()),
            (ADAPTER_MODEL_FILE.to_owned(), self.tensor_file(&modules)?),
        ]))
    }

    fn tensor_file(&self, modules: &[PeftModule]) -> Result<Vec<u8>> {
        let pairs = modules.iter().flat_map(|module| &module.tensors).map(|(key, tensor)| (key.clone(), tensor));
        let whole = self.parameters.iter().map(|(key, tensor)| (keys::parameter_key(key), tensor));
        let tensors: BTreeMap<String, &HostTensor> = pairs.chain(whole).collect();
        let mut metadata = vec![("format", "pt".to_owned())];
        if let Some(sha256) = &self.base.sha256 {
            metadata.push((BASE_SHA256, sha256.clone()));
        }
        if let Some(scene) = self.scene_tokens.as_ref().filter(|_| self.has_scene_tokens()) {
            metadata.push((SCENE_TOKENS, serde_json::to_string(scene).map_err(Error::json(SCENE_TOKENS))?));
        }
        let entries: Vec<_> = tensors.iter().map(|(key, tensor)| (key.as_str(), tensor.shape.as_slice())).collect();
        let mut bytes = write_header(&entries, StoredType::F32.dtype(), &metadata)?;
        for (key, tensor) in &tensors {
            check_finite(key, &tensor.values)?;
            bytes.extend(StoredType::F32.encode(key, &tensor.values)?);
        }
        Ok(bytes)
    }
}

crate::source::native_only! {
    impl Adapter {
        /// Writes the folder, which may exist: each file beside its place, the tensors first, so that a folder with a
        /// config is whole.
        ///
        /// # Errors
        /// As [`Self::to_files`], and [`Error::Io`].
        pub fn write(&self, folder: &std::path::Path) -> Result<()> {
            let files = self.to_files()?;
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            for (file, bytes) in files.iter().rev() {
                crate::platform::write_beside(&folder.join(file), bytes)?;
            }
            Ok(())
        }
    }
}
