//! `model.safetensors.index.json`: which shard holds which tensor (Hugging Face's layout), and each shard's hash (ours).

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Its file name.
pub(crate) const INDEX_FILE: &str = "model.safetensors.index.json";

/// The index of a model's shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsIndex {
    /// Totals and hashes.
    pub metadata: IndexMetadata,
    /// Tensor name to shard file.
    pub weight_map: BTreeMap<String, String>,
}

/// What an index says of all shards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexMetadata {
    /// Bytes of all tensors.
    #[serde(default)]
    pub total_size: u64,
    /// Shard file to its sha256 (lower-case hex); empty in folders that others wrote.
    #[serde(default)]
    pub sha256: BTreeMap<String, String>,
}

impl WeightsIndex {
    /// Parses an index.
    ///
    /// # Errors
    /// [`Error::InvalidJson`]; [`Error::InvalidInput`] where a shard's name leads out of the folder.
    pub fn from_json(text: &str, file: &str) -> Result<Self> {
        let index: Self = serde_json::from_str(text).map_err(Error::json(file))?;
        match index.weight_map.values().find(|shard| !is_plain_name(shard)) {
            Some(shard) => Err(Error::InvalidInput {
                what: file.to_owned(),
                reason: format!("shard \"{shard}\" is no plain file name"),
            }),
            None => Ok(index),
        }
    }

    /// The shard files, in order.
    #[must_use]
    pub fn shards(&self) -> Vec<&str> {
        let mut shards: Vec<_> = self.weight_map.values().map(String::as_str).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }
}

/// No path: an index from the net must not point elsewhere.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', ':']) && !name.starts_with('.')
}

/// Lower-case hexadecimal of a finished hash.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hugging_face_s_index_is_read_and_paths_are_refused() {
        let text =
            r#"{"metadata": {"total_size": 8, "format": "pt"}, "weight_map": {"a": "s-2", "b": "s-1", "c": "s-2"}}"#;
        assert_eq!(WeightsIndex::from_json(text, "i").unwrap().shards(), ["s-1", "s-2"]);
        for path in ["../x", "a/b", "C:x", ".hidden", ""] {
            let text = format!(r#"{{"metadata": {{}}, "weight_map": {{"a": "{path}"}}}}"#);
            assert_eq!(WeightsIndex::from_json(&text, "i").unwrap_err().code(), "invalid-input", "{path}");
        }
    }

    #[test]
    fn hex_is_lower_case() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(Sha256::new()), empty);
    }
}
