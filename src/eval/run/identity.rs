//! Which model made the numbers.

use super::hash;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::source::Folder;
use crate::weights::{REFERENCE_FILE, WeightsIndex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Files of a model folder that decide what it computes, beside its weights.
const SETTINGS: [&str; 4] = ["adapter_config.json", "config.json", "preprocessor_config.json", "tokenizer.json"];
/// Weights in shards.
const INDEX_FILE: &str = "model.safetensors.index.json";
/// Weights in one file, the first that is there.
const SINGLE_FILES: [&str; 3] = ["model.safetensors", "checkpoint.safetensors", "adapter_model.safetensors"];
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
    /// Hashes the files of a model folder or of an adapter's that decide what it computes.
    ///
    /// # Errors
    /// Those of [`Folder`]; [`Error::Aborted`](crate::Error::Aborted).
    pub async fn hash_files<F: Folder>(folder: &F, prefix: &str, abort: &Abort) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for name in deciding_files(folder).await? {
            let sha256 = hash::of_folder_file(folder, &name, abort).await?;
            files.insert(format!("{prefix}{name}"), sha256);
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

/// Whether a file of this name decides what a model computes.
pub(super) fn decides(name: &str) -> bool {
    let is_weights =
        Path::new(name).extension().is_some_and(|extension| WEIGHTS.iter().any(|known| extension == *known));
    name != REFERENCE_FILE && (SETTINGS.contains(&name) || is_weights)
}

/// Those of a folder; of a web server's, which lists none, the ones that a model is read from.
async fn deciding_files<F: Folder>(folder: &F) -> Result<Vec<String>> {
    match folder.list().await {
        Ok(names) => return Ok(names.into_iter().filter(|name| !name.contains('/') && decides(name)).collect()),
        Err(Error::InvalidInput { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut names = Vec::new();
    for name in SETTINGS {
        if folder.has(name).await? {
            names.push(name.to_owned());
        }
    }
    if folder.has(INDEX_FILE).await? {
        let index = WeightsIndex::from_json(&folder.text(INDEX_FILE).await?, INDEX_FILE)?;
        names.extend(index.shards().into_iter().map(ToOwned::to_owned));
    } else {
        for name in SINGLE_FILES {
            if folder.has(name).await? {
                names.push(name.to_owned());
                break;
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryFolder;

    /// Is served, not listed.
    struct Server(MemoryFolder);

    impl Folder for Server {
        fn name(&self) -> String {
            self.0.name()
        }

        async fn has(&self, file: &str) -> Result<bool> {
            self.0.has(file).await
        }

        async fn size(&self, file: &str) -> Result<u64> {
            self.0.size(file).await
        }

        async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>> {
            self.0.range(file, begin, end).await
        }
    }

    #[test]
    fn a_folder_is_the_same_on_disk_in_memory_and_on_a_server() {
        let folder = tempfile::tempdir().unwrap();
        let index = r#"{"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
        let mut memory = MemoryFolder::new("m", BTreeMap::new());
        for (name, text) in [
            ("config.json", "c"),
            ("tokenizer.json", "t"),
            ("model-1.safetensors", "1"),
            ("model-2.safetensors", "2"),
            (INDEX_FILE, index),
            ("README.md", "r"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
            memory.insert(name, text.as_bytes().to_vec());
        }
        let on_disk = ModelIdentity::hash_folder(folder.path(), "").unwrap();
        let hash = |folder: &Server| pollster::block_on(ModelIdentity::hash_files(folder, "", &Abort::default()));
        assert_eq!(on_disk.len(), 4);
        let in_memory = pollster::block_on(ModelIdentity::hash_files(&memory, "", &Abort::default())).unwrap();
        assert_eq!(in_memory, on_disk);
        assert_eq!(hash(&Server(memory)).unwrap(), on_disk);
    }

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
