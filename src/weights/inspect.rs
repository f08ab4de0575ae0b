//! What is in a checkpoint or model folder, without loading it (native only).

use super::adapter::{ADAPTER_CONFIG_FILE, Adapter, AdapterBase};
use super::checkpoint::Checkpoint;
use super::folder::CONFIG_FILE;
use super::index::{INDEX_FILE, WeightsIndex, hex};
use super::reference::REFERENCE_FILE;
use super::tensor::TensorSource;
use crate::config::{ModelConfig, SceneTokensConfig};
use crate::error::{Error, Result};
use crate::platform::block_on;
use crate::source::DiskFolder;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Extensions of files that hold tensors.
const WEIGHTS: &[&str] = &["safetensors", "pth", "pt", "bin"];

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectReport {
    /// The file or folder.
    pub path: PathBuf,
    /// Its config, where it has one that is read here.
    pub config: Option<ModelConfig>,
    /// What an adapter folder is.
    pub adapter: Option<AdapterReport>,
    /// Every file of the folder, by name.
    pub files: Vec<FileReport>,
    /// Every tensor, by file and name.
    pub tensors: Vec<TensorReport>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Bytes of all tensors.
    pub tensor_bytes: u64,
}

/// An adapter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdapterReport {
    /// The model it belongs to.
    pub base: AdapterBase,
    /// The version of PEFT that saved it, or for whose reading it was written.
    pub peft_version: Option<String>,
    /// Share of inputs that was dropped in training.
    pub dropout: f64,
    /// Its low-rank pairs.
    pub pairs: Vec<PairReport>,
    /// Keys of the parameters that it replaces whole.
    pub parameters: Vec<String>,
    /// Settings of its scene-graph tokens.
    pub scene_tokens: Option<SceneTokensConfig>,
}

/// A low-rank pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairReport {
    /// Path of the linear map that it is added to.
    pub target: String,
    /// That map's extents: `[out, in]`.
    pub shape: [usize; 2],
    /// Rows of A.
    pub rank: usize,
    /// Scale times rank.
    pub alpha: f64,
}

impl AdapterReport {
    fn of(adapter: Adapter) -> Self {
        let pair = |(target, pair): (String, super::LowRank)| PairReport {
            shape: pair.shape(),
            rank: pair.rank(),
            alpha: pair.alpha(),
            target,
        };
        Self {
            base: adapter.base,
            peft_version: adapter.peft_version,
            dropout: adapter.dropout,
            pairs: adapter.pairs.into_iter().map(pair).collect(),
            parameters: adapter.parameters.into_keys().collect(),
            scene_tokens: adapter.scene_tokens,
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// Its sha256, lower-case hex.
    pub sha256: String,
    /// Whether that is what the index says; `None` where no index names it.
    pub matches_index: Option<bool>,
}

/// A tensor, under its name in the file but for wrappers (`model.`, `module.`, …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorReport {
    /// The file it is in.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Its extents; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its element type as safetensors names it: `F32`, `F16`, `BF16` …
    pub dtype: String,
    /// Its bytes.
    pub bytes: u64,
}

/// Lists a file's or folder's tensors and hashes its files.
///
/// # Errors
/// [`Error::Io`]; those of [`Checkpoint::open_part`] for a weights file; [`Error::InvalidInput`] for a folder without
/// weights; those of [`Adapter::read`] for an adapter folder.
pub fn inspect(path: &Path) -> Result<InspectReport> {
    let mut report = InspectReport {
        path: path.to_owned(),
        config: None,
        adapter: None,
        files: Vec::new(),
        tensors: Vec::new(),
        parameters: 0,
        tensor_bytes: 0,
    };
    let index = read_index(path)?;
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        paths = files_of(path)?;
        let config = path.join(CONFIG_FILE);
        if path.join(ADAPTER_CONFIG_FILE).is_file() {
            report.adapter = Some(AdapterReport::of(block_on(Adapter::read(&DiskFolder::open(path)?))?));
        }
        if config.is_file() {
            let text = std::fs::read_to_string(&config).map_err(Error::io("read", &config))?;
            report.config = Some(ModelConfig::from_json(&text, &config.display().to_string())?);
        }
    }
    for path in &paths {
        report.add(path, index.as_ref())?;
    }
    if report.tensors.is_empty() {
        let reason = format!("it has no weights (files that end in {})", WEIGHTS.join(", "));
        return Err(Error::InvalidInput { what: path.display().to_string(), reason });
    }
    Ok(report)
}

impl InspectReport {
    fn add(&mut self, path: &Path, index: Option<&WeightsIndex>) -> Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (bytes, sha256) = hash_file(path)?;
        let expected = index.and_then(|index| index.metadata.sha256.get(&name));
        let matches_index = expected.map(|expected| expected.eq_ignore_ascii_case(&sha256));
        // A single file that was asked for is read whatever it is called; stored outputs are no weights.
        let weights = path == self.path
            || name != REFERENCE_FILE
                && path.extension().is_some_and(|extension| WEIGHTS.iter().any(|known| extension == *known));
        if weights {
            for (tensor, info) in Checkpoint::open_part(path)?.tensors() {
                self.parameters += info.elements() as u64;
                self.tensor_bytes += info.bytes();
                self.tensors.push(TensorReport {
                    file: name.clone(),
                    name: tensor.clone(),
                    shape: info.shape.clone(),
                    dtype: info.dtype.to_string(),
                    bytes: info.bytes(),
                });
            }
        }
        self.files.push(FileReport { name, bytes, sha256, matches_index });
        Ok(())
    }
}

fn read_index(path: &Path) -> Result<Option<WeightsIndex>> {
    let file = path.join(INDEX_FILE);
    if !file.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
    WeightsIndex::from_json(&text, &file.display().to_string()).map(Some)
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let entries = entries.map_err(Error::io("read", folder))?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// Size and sha256, read in pieces.
fn hash_file(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let count = file.read(&mut piece).map_err(Error::io("read", path))?;
        if count == 0 {
            return Ok((size, hex(hash)));
        }
        hash.update(&piece[..count]);
        size += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Abort, Silent};
    use crate::weights::{ConvertOptions, convert};

    #[test]
    fn a_file_s_tensors_are_listed() {
        let report = inspect(Path::new("tests/fixtures/viclip_tiny_ids/checkpoint.pth")).unwrap();
        let proj = report.tensors.iter().find(|tensor| tensor.name == "vision_encoder.proj").unwrap();
        assert_eq!((proj.shape.as_slice(), proj.dtype.as_str(), proj.bytes), (&[32, 16][..], "F32", 2048));
        assert_eq!(report.tensor_bytes, report.parameters * 4);
        assert_eq!(report.files[0].sha256.len(), 64);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["tensors"].as_array().unwrap().len(), report.tensors.len());
    }

    #[test]
    fn a_damaged_shard_shows() {
        let parent = tempfile::tempdir().unwrap();
        let mut options = ConvertOptions::new("tests/fixtures/viclip_tiny_ids/checkpoint.pth", parent.path().join("m"));
        options.config = Some("tests/fixtures/viclip_tiny_ids/config.json".into());
        options.shard_bytes = 200_000;
        convert(&options, &mut Silent, &Abort::default(), |_| Ok(())).unwrap();
        let verdicts = || -> Vec<_> {
            inspect(&options.output).unwrap().files.iter().filter_map(|file| file.matches_index).collect()
        };
        assert!(verdicts().len() > 1 && verdicts().iter().all(|ok| *ok));
        let parameters = inspect(&options.output).unwrap().parameters;
        std::fs::copy("tests/fixtures/viclip_tiny_ids/inputs.safetensors", options.output.join(REFERENCE_FILE))
            .unwrap();
        assert_eq!(inspect(&options.output).unwrap().parameters, parameters, "stored outputs are no weights");
        let name = inspect(&options.output).unwrap().tensors[0].file.clone();
        let shard = options.output.join(name);
        let mut bytes = std::fs::read(&shard).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&shard, bytes).unwrap();
        assert_eq!(verdicts().iter().filter(|ok| !**ok).count(), 1);
    }

    #[test]
    fn a_folder_without_weights_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(inspect(folder.path()).unwrap_err().code(), "invalid-input");
        assert_eq!(inspect(&folder.path().join("absent")).unwrap_err().code(), "io");
    }
}
