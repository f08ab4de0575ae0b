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
        self.check_output(output)?;
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
        put_in_place(&folder, output, &staging.path().join("replaced"))?;
        Ok(WriteReport { folder: output.to_owned(), ..report })
    }

    /// Only an empty folder or, with `overwrite`, one that is a model folder and nothing else may be replaced.
    fn check_output(&self, output: &Path) -> Result<()> {
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
        if !self.overwrite {
            return refuse("it is not empty; name another folder, or ask to overwrite it");
        }
        let folders = entries.iter().any(|entry| entry.path().is_dir());
        if folders || !output.join(CONFIG_FILE).exists() {
            return refuse("it is no model folder, so it is not overwritten; name another folder");
        }
        Ok(())
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
