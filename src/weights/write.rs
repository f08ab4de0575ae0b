//! Writing a model folder (native only): in shards that a page can fetch and check one by one, beside the place where the
//! folder will be, so that a failure leaves nothing behind.

use super::element::StoredType;
use super::folder::{CONFIG_FILE, PREPROCESS_FILE, SINGLE_FILE, TOKENIZER_FILE};
use super::index::{INDEX_FILE, IndexMetadata, WeightsIndex, hex};
use super::safetensors_file::write_header;
use super::tensor::TensorSource;
use crate::config::{ModelConfig, PreprocessConfig};
use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Largest shard by default: small enough to fetch, check and upload in one go in a page.
pub const SHARD_BYTES: u64 = 64 << 20;

/// The progress stage of writing, in bytes.
const STAGE: &str = "write";

/// What a model folder consists of, and how it is written.
pub struct ModelWriter<'a> {
    /// Architecture.
    pub config: &'a ModelConfig,
    /// Preprocessing.
    pub preprocess: &'a PreprocessConfig,
    /// Text of `tokenizer.json`; without it the model can score token ids only.
    pub tokenizer_json: Option<&'a str>,
    /// Element type of the weights.
    pub stored_type: StoredType,
    /// Largest shard in bytes; a tensor beyond it gets a shard of its own.
    pub shard_bytes: u64,
    /// Whether a model folder at the same place may be replaced.
    pub overwrite: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriteReport {
    /// The folder.
    pub folder: PathBuf,
    /// Weight files with their bytes.
    pub shards: Vec<(String, u64)>,
    /// Tensors in all.
    pub tensors: usize,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Bytes of all tensors.
    pub total_bytes: u64,
}

/// A tensor to write: name and shape.
type Entry<'a> = (&'a str, &'a [usize]);

impl ModelWriter<'_> {
    /// Writes every tensor of `source`, one at a time, and the folder's other files; the folder appears at `output` when
    /// all of it is there.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `output` exists and may not be replaced; [`Error::Io`]; [`Error::Aborted`]; those of
    /// the source. After any of them `output` is what it was.
    pub fn write(
        &self,
        output: &Path,
        source: &dyn TensorSource,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<WriteReport> {
        self.write_then(output, source, events, abort, |_| Ok(()))
    }

    /// [`Self::write`], with `finish` adding to the folder (its place until then is the argument) before it appears.
    ///
    /// # Errors
    /// As [`Self::write`], and those of `finish`.
    pub fn write_then(
        &self,
        output: &Path,
        source: &dyn TensorSource,
        events: &mut impl Events,
        abort: &Abort,
        finish: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<WriteReport> {
        check_place(output, self.overwrite)?;
        let parent = parent_of(output);
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let staging = tempfile::Builder::new().prefix(".sgcr-").tempdir_in(parent);
        let staging = staging.map_err(Error::io("create a folder in", parent))?;
        // Inside, because the temporary folder itself is readable by its owner only.
        let folder = staging.path().join("model");
        std::fs::create_dir(&folder).map_err(Error::io("create", &folder))?;

        let report = self.write_weights(&folder, source, events, abort)?;
        self.write_json(&folder, CONFIG_FILE, self.config)?;
        self.write_json(&folder, PREPROCESS_FILE, self.preprocess)?;
        if let Some(tokenizer) = self.tokenizer_json {
            write_file(&folder.join(TOKENIZER_FILE), tokenizer.as_bytes())?;
        }
        finish(&folder)?;
        put_in_place(&folder, output, &staging.path().join("replaced"))?;
        Ok(WriteReport { folder: output.to_owned(), ..report })
    }

    fn write_weights(
        &self,
        folder: &Path,
        source: &dyn TensorSource,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<WriteReport> {
        let element = self.stored_type.dtype().bitsize() as u64 / 8;
        let infos = source.tensors();
        let parameters: u64 = infos.values().map(|info| info.elements() as u64).sum();
        let entries = infos.iter().map(|(name, info)| (name.as_str(), info.shape.as_slice()));
        let shards = plan(entries, element, self.shard_bytes);
        let mut index = WeightsIndex {
            metadata: IndexMetadata { total_size: parameters * element, sha256: BTreeMap::new() },
            weight_map: BTreeMap::new(),
        };
        let mut written = Vec::new();
        let mut progress = |done| events.emit(Event::Progress { stage: STAGE, done, total: parameters * element });
        let mut done = 0;
        for (number, shard) in shards.iter().enumerate() {
            let file = match shards.len() {
                1 => SINGLE_FILE.to_owned(),
                count => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
            };
            let mut output = HashedFile::create(folder.join(&file))?;
            let metadata = [("format", "pt".to_owned())];
            output.write(&write_header(shard, self.stored_type.dtype(), &metadata)?)?;
            for (name, _) in shard {
                abort.check()?;
                let bytes = self.stored_type.encode(name, &source.read(name)?.values)?;
                output.write(&bytes)?;
                index.weight_map.insert((*name).to_owned(), file.clone());
                done += bytes.len() as u64;
                progress(done);
            }
            let (size, sha256) = output.finish()?;
            index.metadata.sha256.insert(file.clone(), sha256);
            written.push((file, size));
        }
        self.write_json(folder, INDEX_FILE, &index)?;
        let total_bytes = parameters * element;
        Ok(WriteReport { folder: folder.to_owned(), shards: written, tensors: infos.len(), parameters, total_bytes })
    }

    fn write_json(&self, folder: &Path, file: &str, content: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(content).map_err(Error::json(file))?;
        text.push('\n');
        write_file(&folder.join(file), text.as_bytes())
    }
}

/// Only an empty folder or, with `overwrite`, one that is a model folder and nothing else may be replaced.
pub(super) fn check_place(output: &Path, overwrite: bool) -> Result<()> {
    let refuse = |reason: &str| {
        Err(Error::InvalidInput { what: format!("output {}", output.display()), reason: reason.to_owned() })
    };
    if !output.try_exists().map_err(Error::io("look for", output))? {
        return Ok(());
    }
    if !output.is_dir() {
        return refuse("it is a file; name a folder");
    }
    let entries: Vec<_> = std::fs::read_dir(output)
        .and_then(|entries| entries.collect::<std::io::Result<_>>())
        .map_err(Error::io("read", output))?;
    if entries.is_empty() {
        return Ok(());
    }
    if !overwrite {
        return refuse("it is not empty; name another folder, or ask to overwrite it");
    }
    let folders = entries.iter().any(|entry| entry.path().is_dir());
    if folders || !output.join(CONFIG_FILE).exists() {
        return refuse("it is no model folder, so it is not overwritten; name another folder");
    }
    Ok(())
}

/// Shares tensors out to shards in their order: a shard is closed before it would pass `limit`, header included.
fn plan<'a>(entries: impl Iterator<Item = Entry<'a>>, element: u64, limit: u64) -> Vec<Vec<Entry<'a>>> {
    // A header entry is the name, the shape and two offsets; 160 bytes beside the name are never reached.
    let header = |name: &str| name.len() as u64 + 160;
    let mut shards: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut bytes = header("");
    for (name, shape) in entries {
        let more = shape.iter().product::<usize>() as u64 * element + header(name);
        let full = bytes + more > limit && shards.last().is_some_and(|shard| !shard.is_empty());
        if full {
            shards.push(Vec::new());
            bytes = header("");
        }
        bytes += more;
        if let Some(shard) = shards.last_mut() {
            shard.push((name, shape));
        }
    }
    shards
}

/// Moves the finished folder to `output`; what was there goes to `aside`, and back if the move fails.
fn put_in_place(folder: &Path, output: &Path, aside: &Path) -> Result<()> {
    let existed = output.exists();
    if existed {
        std::fs::rename(output, aside).map_err(Error::io("replace", output))?;
    }
    std::fs::rename(folder, output).map_err(|error| {
        if existed {
            // Nothing more can be done if this fails as well; the first error is the one to tell.
            let _ = std::fs::rename(aside, output);
        }
        Error::io("create", output)(error)
    })
}

fn parent_of(output: &Path) -> &Path {
    match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(Error::io("write", path))
}

/// A file that is hashed while it is written.
struct HashedFile {
    path: PathBuf,
    output: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl HashedFile {
    fn create(path: PathBuf) -> Result<Self> {
        let output = BufWriter::new(File::create(&path).map_err(Error::io("create", &path))?);
        Ok(Self { path, output, hash: Sha256::new(), bytes: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.output.write_all(bytes).map_err(Error::io("write", &self.path))
    }

    fn finish(mut self) -> Result<(u64, String)> {
        self.output.flush().map_err(Error::io("write", &self.path))?;
        Ok((self.bytes, hex(self.hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Silent;
    use crate::weights::{HostTensor, TensorInfo};
    use safetensors::Dtype;

    /// Tensors whose numbers are made when they are read, so that large models take no memory; reading `broken` fails.
    struct Synthetic {
        tensors: BTreeMap<String, TensorInfo>,
        broken: Option<&'static str>,
    }

    impl Synthetic {
        fn new(shapes: &[(&str, &[usize])]) -> Self {
            let info = |shape: &[usize]| TensorInfo { shape: shape.to_vec(), dtype: Dtype::F32 };
            let tensors = shapes.iter().map(|(name, shape)| ((*name).to_owned(), info(shape))).collect();
            Self { tensors, broken: None }
        }
    }

    impl TensorSource for Synthetic {
        fn name(&self) -> String {
            "synthetic".to_owned()
        }

        fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
            &self.tensors
        }

        fn read(&self, name: &str) -> Result<HostTensor> {
            if self.broken == Some(name) {
                return Err(Error::NonFinite { name: name.to_owned(), index: 0 });
            }
            let info = &self.tensors[name];
            let seed = name.len() as f32;
            let values = (0..info.elements()).map(|i| seed + (i % 1000) as f32).collect();
            Ok(HostTensor { shape: info.shape.clone(), values })
        }
    }

    fn write(output: &Path, source: &Synthetic, shard_bytes: u64, overwrite: bool) -> Result<WriteReport> {
        write_then(output, source, shard_bytes, overwrite, |_| Ok(()))
    }

    fn write_then(
        output: &Path,
        source: &Synthetic,
        shard_bytes: u64,
        overwrite: bool,
        finish: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<WriteReport> {
        ModelWriter {
            config: &ModelConfig::viclip_b16(),
            preprocess: &PreprocessConfig::viclip(224, 8),
            tokenizer_json: Some("{}"),
            stored_type: StoredType::F32,
            shard_bytes,
            overwrite,
        }
        .write_then(output, source, &mut Silent, &Abort::default(), finish)
    }

    fn entries(folder: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn no_shard_of_a_large_model_passes_the_limit_but_for_a_single_tensor() {
        // 150 MB: twenty tensors of 4 MiB and one of 70 MiB.
        let names: Vec<String> = (0..20).map(|i| format!("block.{i:02}.weight")).collect();
        let mut shapes: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &[1024, 1024][..])).collect();
        shapes.push(("block.05.wide", &[70, 256, 1024]));
        let source = Synthetic::new(&shapes);
        let parent = tempfile::tempdir().unwrap();
        let output = parent.path().join("model");
        let report = write(&output, &source, SHARD_BYTES, false).unwrap();
        assert_eq!(report.total_bytes, (80 + 70) << 20);
        assert!(report.shards.len() >= 3, "{:?}", report.shards);
        let index = std::fs::read_to_string(output.join(INDEX_FILE)).unwrap();
        let index = WeightsIndex::from_json(&index, "i").unwrap();
        assert_eq!(index.metadata.total_size, report.total_bytes);
        let count = report.shards.len();
        for (number, (file, bytes)) in report.shards.iter().enumerate() {
            assert_eq!(*file, format!("model-{:05}-of-{count:05}.safetensors", number + 1));
            let content = std::fs::read(output.join(file)).unwrap();
            assert_eq!(content.len() as u64, *bytes);
            // Read by the format's own crate.
            let tensors = safetensors::SafeTensors::deserialize(&content).unwrap();
            assert!(*bytes <= SHARD_BYTES || tensors.len() == 1, "{file}: {bytes}");
            for (name, view) in tensors.iter() {
                assert_eq!(index.weight_map[name], *file);
                let expected = source.read(name).unwrap();
                assert_eq!(view.shape(), expected.shape);
                let middle = expected.values.len() / 2;
                assert_eq!(view.data()[4 * middle..4 * middle + 4], expected.values[middle].to_le_bytes());
            }
        }
        assert_eq!(index.weight_map.len(), source.tensors.len());
    }

    #[test]
    fn a_small_model_is_one_file_and_all_the_rest_is_there() {
        let parent = tempfile::tempdir().unwrap();
        let output = parent.path().join("deep/model");
        let report = write(&output, &Synthetic::new(&[("a", &[3]), ("b", &[])]), SHARD_BYTES, false).unwrap();
        assert_eq!(report.shards[0].0, "model.safetensors");
        let expected = ["config.json", "model.safetensors", INDEX_FILE, "preprocessor_config.json", "tokenizer.json"];
        assert_eq!(entries(&output), expected);
        assert_eq!(entries(output.parent().unwrap()), ["model"]);
    }

    #[test]
    fn a_failure_halfway_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let output = parent.path().join("model");
        let mut source = Synthetic::new(&[("a", &[1000]), ("b", &[1000]), ("c", &[1000])]);
        source.broken = Some("c");
        assert_eq!(write(&output, &source, 5000, false).unwrap_err().code(), "non-finite");
        assert!(entries(parent.path()).is_empty());
        // Nor where what is to be added at the end fails.
        source.broken = None;
        assert!(write_then(&output, &source, SHARD_BYTES, false, |_| Err(Error::Aborted)).is_err());
        assert!(entries(parent.path()).is_empty());
        // Nor is a folder touched that was to be replaced.
        source.broken = None;
        write(&output, &source, 5000, false).unwrap();
        let before = entries(&output);
        source.broken = Some("c");
        assert!(write(&output, &source, SHARD_BYTES, true).is_err());
        assert_eq!((entries(&output), entries(parent.path())), (before, vec!["model".to_owned()]));
    }

    #[test]
    fn only_model_folders_are_overwritten_and_only_when_asked() {
        let parent = tempfile::tempdir().unwrap();
        let output = parent.path().join("model");
        let source = Synthetic::new(&[("a", &[10])]);
        std::fs::create_dir(&output).unwrap();
        write(&output, &source, SHARD_BYTES, false).unwrap();
        assert_eq!(write(&output, &source, SHARD_BYTES, false).unwrap_err().code(), "invalid-input");
        std::fs::write(output.join("model-00001-of-00002.safetensors"), "old").unwrap();
        write(&output, &source, SHARD_BYTES, true).unwrap();
        assert_eq!(entries(&output).len(), 5, "files of the replaced model must not stay");

        let other = parent.path().join("photos");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("cat.jpg"), "x").unwrap();
        assert_eq!(write(&other, &source, SHARD_BYTES, true).unwrap_err().code(), "invalid-input");
        assert_eq!(entries(&other), ["cat.jpg"]);
        let file = other.join("cat.jpg");
        assert_eq!(write(&file, &source, SHARD_BYTES, true).unwrap_err().code(), "invalid-input");
    }

    #[test]
    fn a_stop_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let abort = Abort::default();
        abort.request();
        let writer = ModelWriter {
            config: &ModelConfig::viclip_b16(),
            preprocess: &PreprocessConfig::viclip(224, 8),
            tokenizer_json: None,
            stored_type: StoredType::F16,
            shard_bytes: SHARD_BYTES,
            overwrite: false,
        };
        let source = Synthetic::new(&[("a", &[10])]);
        let error = writer.write(&parent.path().join("m"), &source, &mut Silent, &abort).unwrap_err();
        assert_eq!(error.code(), "aborted");
        assert!(entries(parent.path()).is_empty());
    }
}
