//! The zip archive that PyTorch's files are, native only: what is wrong with one is told before anything of it is
//! unpacked, and nothing unpacks to far more than it is.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;
use zip::ZipArchive;

/// Largest pickle accepted; a state dict's is about 100 bytes a tensor.
pub(super) const PICKLE_LIMIT: u64 = 64 << 20;

/// `torch.save` stores without compression; a rezipped file reaches about 1.2. Far more is an attack.
const EXPANSION_LIMIT: u64 = 100;

/// The entry that describes the tensors; its folder is the root of all others.
const PICKLE: &str = "data.pkl";

/// TorchScript's second pickle, which no state dict has.
const SCRIPT_PICKLE: &str = "constants.pkl";

/// An opened archive.
pub(super) struct Archive {
    file: String,
    zip: ZipArchive<BufReader<File>>,
    /// Bytes of the file.
    size: u64,
    /// Folder of the pickle with its slash; empty at the top.
    root: String,
    /// Every entry named like the pickle, by index.
    pickles: Vec<usize>,
}

impl Archive {
    /// Opens an archive; its entries' sizes are held against what they are stored in.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] or [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let corrupt = |reason: String| Error::CorruptFile { file: file.clone(), reason };
        let opened = File::open(path).map_err(Error::io("open", path))?;
        let size = opened.metadata().map_err(Error::io("read", path))?.len();
        let mut zip = ZipArchive::new(BufReader::new(opened))
            .map_err(|error| corrupt(format!("it is no complete zip archive ({error}); it may be cut short")))?;
        let (mut pickles, mut roots) = (Vec::new(), Vec::new());
        for at in 0..zip.len() {
            let entry = zip.by_index_raw(at).map_err(|error| corrupt(error.to_string()))?;
            let name = entry.name().map_err(|error| corrupt(error.to_string()))?.to_string();
            if entry.size() / EXPANSION_LIMIT > entry.compressed_size() {
                let (size, packed) = (entry.size(), entry.compressed_size());
                return Err(corrupt(format!("its entry {name} unpacks {packed} bytes to {size}: a zip bomb")));
            }
            if let Some(root) = name.strip_suffix(PICKLE).filter(|root| root.is_empty() || root.ends_with('/')) {
                pickles.push(at);
                roots.push(root.to_owned());
            }
        }
        let root = roots.into_iter().min_by_key(String::len);
        let root = root.ok_or_else(|| corrupt(format!("it is a zip archive without {PICKLE}, no checkpoint")))?;
        Ok(Self { file, zip, size, root, pickles })
    }

    /// The file's name in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether it is a TorchScript module (`torch.jit.save`) rather than a state dict.
    pub fn is_torchscript(&self) -> bool {
        self.entry(SCRIPT_PICKLE).is_some()
    }

    /// The bytes of every pickle that a reader might take for the checkpoint's.
    ///
    /// # Errors
    /// [`Error::CorruptFile`].
    pub fn pickles(&mut self) -> Result<Vec<Vec<u8>>> {
        self.pickles.clone().into_iter().map(|at| self.whole(at, PICKLE_LIMIT)).collect()
    }

    /// The bytes of the pickle at the root.
    ///
    /// # Errors
    /// [`Error::CorruptFile`].
    pub fn pickle(&mut self) -> Result<Vec<u8>> {
        let at = self.entry(PICKLE).ok_or_else(|| self.corrupt(format!("its {PICKLE} cannot be found")))?;
        self.whole(at, PICKLE_LIMIT)
    }

    /// The index of an entry below the root: `data/0`.
    pub fn entry(&self, name: &str) -> Option<usize> {
        self.zip.index_for_name(&format!("{}{name}", self.root))
    }

    /// Bytes of an entry when unpacked.
    ///
    /// # Errors
    /// [`Error::CorruptFile`].
    pub fn entry_size(&mut self, at: usize) -> Result<u64> {
        let size = self.zip.by_index_raw(at).map(|entry| entry.size());
        size.map_err(|error| self.corrupt(error.to_string()))
    }

    /// An entry of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::CorruptFile`].
    pub fn whole(&mut self, at: usize, limit: u64) -> Result<Vec<u8>> {
        let size = self.entry_size(at)?;
        if size > limit {
            return Err(self.corrupt(format!("entry {at} has {size} bytes, at most {limit} belong there")));
        }
        self.range(at, 0..size)
    }

    /// Some bytes of an entry; memory is taken as they come, not as they are announced. Where they reach the entry's end,
    /// its checksum was looked at.
    ///
    /// # Errors
    /// [`Error::CorruptFile`].
    pub fn range(&mut self, at: usize, range: Range<u64>) -> Result<Vec<u8>> {
        let corrupt = |reason: String| Error::CorruptFile { file: self.file.clone(), reason };
        let damaged = |error: std::io::Error| corrupt(format!("entry {at} does not unpack: {error}"));
        let mut entry = self.zip.by_index(at).map_err(|error| corrupt(error.to_string()))?;
        let size = entry.size();
        std::io::copy(&mut (&mut entry).take(range.start), &mut std::io::sink()).map_err(damaged)?;
        let mut bytes = Vec::new();
        let count = range.end.saturating_sub(range.start);
        (&mut entry).take(count).read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 != count {
            return Err(corrupt(format!("entry {at} ends after {} of {count} bytes", bytes.len())));
        }
        if range.end == size {
            // The checksum is compared by the read that finds the end.
            entry.read(&mut [0]).map_err(damaged)?;
        }
        Ok(bytes)
    }

    /// Refuses a tensor that is far larger than the file: one element may be declared as a repeated view of any size;
    /// weights never are.
    ///
    /// # Errors
    /// [`Error::CorruptFile`].
    pub fn check_expansion(&self, tensor: &str, bytes: u64) -> Result<()> {
        if bytes / EXPANSION_LIMIT > self.size {
            return Err(self.corrupt(format!("\"{tensor}\" unpacks to {bytes} bytes, the file has {}", self.size)));
        }
        Ok(())
    }

    /// [`Error::CorruptFile`] for this file.
    pub fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::CorruptFile { file: self.file.clone(), reason: reason.into() }
    }
}
