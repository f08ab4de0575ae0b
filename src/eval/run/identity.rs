//! Which model made the numbers.

use super::hash;
use crate::error::{Error, Result};
use crate::weights::REFERENCE_FILE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Files of a model folder that decide what it computes, beside its weights.
const SETTINGS: [&str; 3] = ["config.json", "preprocessor_config.json", "tokenizer.json"];
/// Extensions of weights.
const WEIGHTS: [&str; 4] = ["safetensors", "pth", "pt", "bin"];

/// Weights that were averaged with another model's (WiSE-FT).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// The other model's folder, for people; its files are among the model's as `base/NAME`.
    pub base: String,
    /// Share of the model's own weights.
    pub share: f64,
}

/// Low-rank adapters that were put on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightedAdapter {
    /// Their folder, for people; the first one's files are among the model's as `lora0/NAME`.
    pub folder: String,
    /// What they were multiplied by.
    pub weight: f64,
}

/// A model and what it ran on, as far as it decides numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The folder's name, for people.
    pub name: String,
    /// `viclip`, `clip`, `clip-vip` or `internvideo2`.
    pub model_type: String,
    /// `none`, `literal` or `block`.
    pub scene_tokens: String,
    /// Sha256 of the files' names and hashes, those of a base that is mixed in and of adapters included, with their shares.
    pub weights_sha256: String,
    /// Each file's sha256.
    pub files: BTreeMap<String, String>,
    /// `cpu`, `webgpu`, `cuda:N`.
    pub device: String,
    /// What that is: adapter and driver.
    pub device_description: String,
    /// Number type of weights and arithmetic.
    pub dtype: String,
    /// What was mixed in, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Mixture>,
    /// What was put on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<WeightedAdapter>,
}

impl ModelIdentity {
    /// Hashes a model folder; `prefix` goes before its files' names (for folders beside the model's own).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn hash_folder(folder: &Path, prefix: &str) -> Result<BTreeMap<String, String>> {
        let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
        let mut files = BTreeMap::new();
        for entry in entries.map_err(Error::io("read", folder))? {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_weights = path.extension().is_some_and(|extension| WEIGHTS.iter().any(|known| extension == *known));
            let decides = SETTINGS.contains(&name.as_str()) || name == "adapter_config.json" || is_weights;
            if path.is_file() && decides && name != REFERENCE_FILE {
                files.insert(format!("{prefix}{name}"), hash::of_path(&path)?);
            }
        }
        Ok(files)
    }

    /// One hash of all files, the mixture's share and the adapters' weights.
    #[must_use]
    pub fn hash_of(
        files: &BTreeMap<String, String>,
        mixture: Option<&Mixture>,
        adapters: &[WeightedAdapter],
    ) -> String {
        let mut parts: Vec<String> = files.iter().flat_map(|(name, sha256)| [name.clone(), sha256.clone()]).collect();
        parts.extend(mixture.map(|mixture| format!("share {}", mixture.share)));
        parts.extend(adapters.iter().map(|adapter| format!("weight {}", adapter.weight)));
        hash::of_parts(parts.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_cards_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors", "results.json", "README.md", REFERENCE_FILE] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let files = ModelIdentity::hash_folder(folder.path(), "base/").unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["base/config.json", "base/model.safetensors"]);
        let before = ModelIdentity::hash_of(&files, None, &[]);
        std::fs::write(folder.path().join("model.safetensors"), "other").unwrap();
        let mixture = Mixture { base: "b".to_owned(), share: 0.5 };
        assert_ne!(ModelIdentity::hash_of(&files, Some(&mixture), &[]), before);
        let adapter = |weight| [WeightedAdapter { folder: "a".to_owned(), weight }];
        assert_ne!(
            ModelIdentity::hash_of(&files, None, &adapter(1.0)),
            ModelIdentity::hash_of(&files, None, &adapter(0.5))
        );
        let changed = ModelIdentity::hash_folder(folder.path(), "base/").unwrap();
        assert_ne!(ModelIdentity::hash_of(&changed, None, &[]), before);
    }
}
