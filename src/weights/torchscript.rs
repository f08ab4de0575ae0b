//! TorchScript modules (`torch.jit.save`), native only: what OpenAI publishes CLIP as. Of such an archive only `data.pkl`
//! and the numbers in `data/` are read; its code is not looked at, let alone run.

mod machine;
mod view;

use self::machine::read_tensors;
use self::view::View;
use super::archive::Archive;
use super::pickle::{Names, check_pickle};
use super::tensor::{TensorInfo, missing};
use crate::error::Result;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Longest content of the entry `byteorder`.
const BYTE_ORDER_LIMIT: u64 = 16;

/// A module's tensors, each to be read by itself, by their attribute paths
/// (`visual.transformer.resblocks.0.attn.in_proj_weight`): the names that its `state_dict()` has.
pub(super) struct ScriptFile {
    file: String,
    archive: Mutex<Archive>,
    /// Each tensor and the index of the entry that holds its storage.
    tensors: BTreeMap<String, (View, usize)>,
}

impl ScriptFile {
    /// Reads which tensors there are; every one is known to lie within its storage then.
    ///
    /// # Errors
    /// [`Error::UnsafePickle`](crate::Error::UnsafePickle) or [`Error::CorruptFile`](crate::Error::CorruptFile).
    pub fn open(mut archive: Archive) -> Result<Self> {
        if let Some(at) = archive.entry("byteorder")
            && archive.whole(at, BYTE_ORDER_LIMIT)?.trim_ascii() != b"little"
        {
            return Err(archive.corrupt("its numbers are not little-endian; save it on another machine"));
        }
        let pickle = archive.pickle()?;
        check_pickle(&pickle, 0, Names::TorchScript, archive.file())?;
        let mut tensors = BTreeMap::new();
        for (name, view) in read_tensors(&pickle, archive.file())? {
            let entry = locate(&mut archive, &name, &view)?;
            tensors.insert(name, (view, entry));
        }
        Ok(Self { file: archive.file().to_owned(), archive: Mutex::new(archive), tensors })
    }

    /// Name, shape and type of every tensor.
    pub fn infos(&self) -> BTreeMap<String, TensorInfo> {
        self.tensors.iter().map(|(name, (view, _))| (name.clone(), view.info())).collect()
    }

    /// A tensor's elements, row-major and contiguous whatever its strides, little-endian.
    ///
    /// # Errors
    /// [`Error::CorruptFile`](crate::Error::CorruptFile); [`Error::MissingTensor`](crate::Error::MissingTensor) for a name
    /// that is not in [`ScriptFile::infos`].
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let found = self.tensors.get(name);
        let (view, entry) = found.ok_or_else(|| missing(name, &[], &self.file, self.tensors.keys()))?;
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let span = archive.range(*entry, view.span())?;
        view.gather(span).ok_or_else(|| archive.corrupt(format!("there is no memory for \"{name}\"")))
    }
}

/// The entry of a tensor's storage, which must hold as many elements as the pickle says.
fn locate(archive: &mut Archive, name: &str, view: &View) -> Result<usize> {
    let key = &view.storage().key;
    let entry = archive.entry(&format!("data/{key}"));
    let entry = entry.ok_or_else(|| archive.corrupt(format!("\"{name}\" has no numbers: no entry data/{key}")))?;
    let (declared, stored) = (view.storage().bytes(), archive.entry_size(entry)?);
    if stored < declared {
        let reason = format!("\"{name}\" is cut short: data/{key} has {stored} bytes, the pickle says {declared}");
        return Err(archive.corrupt(reason));
    }
    archive.check_expansion(name, view.info().bytes())?;
    Ok(entry)
}

#[cfg(test)]
mod tests;
