//! A published checkpoint on disk, whatever its container and its names (native only).

use super::archive::Archive;
use super::element::{append_f32, check_finite};
use super::names::{Layout, NameMap};
use super::pytorch::{PytorchFile, ZIP_MAGIC, refuse_other};
use super::safetensors_file::{LENGTH_BYTES, header_length, parse_header};
use super::tensor::{HostTensor, TensorInfo, TensorSource, missing};
use super::torchscript::ScriptFile;
use super::transformers::Assembly;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Where tensors' bytes lie.
enum Container {
    /// File position of each tensor.
    Safetensors {
        path: PathBuf,
        begins: BTreeMap<String, u64>,
    },
    Pytorch(PytorchFile),
    TorchScript(ScriptFile),
}

/// An opened checkpoint: its tensors under our names, none of them read yet.
pub struct Checkpoint {
    file: String,
    container: Container,
    /// Our name to the file's.
    stored: BTreeMap<String, String>,
    /// Our name to what makes the tensor, where it is not one of the file's as it is.
    assembled: BTreeMap<String, Assembly>,
    /// Tensors of the file that others are made of.
    parts: BTreeMap<String, TensorInfo>,
    tensors: BTreeMap<String, TensorInfo>,
    layout: Option<Layout>,
    left_out: Vec<String>,
}

impl Checkpoint {
    /// Opens a model: `.safetensors` or PyTorch's zip format (a state dict, or a TorchScript module as OpenAI publishes
    /// CLIP), by content, with or without wrappers around the names.
    ///
    /// # Errors
    /// [`Error::UnsafePickle`], [`Error::CorruptFile`], [`Error::UnsupportedDtype`] or [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let mut checkpoint = Self::open_part(path)?;
        let stored = checkpoint.infos_by_stored_name();
        let map = NameMap::of(stored.keys().map(String::as_str), &checkpoint.file)?;
        checkpoint.rename(map.names, &stored);
        for (ours, assembly) in &map.assembled {
            checkpoint.tensors.insert(ours.clone(), assembly.info(&stored, &checkpoint.file)?);
        }
        let is_part = |name: &String| map.assembled.values().any(|assembly| assembly.stored().contains(name));
        checkpoint.parts = stored.into_iter().filter(|(name, _)| is_part(name)).collect();
        checkpoint.assembled = map.assembled;
        (checkpoint.layout, checkpoint.left_out) = (Some(map.layout), map.left_out);
        Ok(checkpoint)
    }

    /// Opens a file that may hold parts of a model only, e.g. `sg.*`; names keep their spelling but for wrappers.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_part(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let (container, infos) = open_container(path, &file)?;
        let stored = infos.keys().map(|name| (name.clone(), name.clone())).collect();
        let mut checkpoint = Self {
            file,
            container,
            stored,
            assembled: BTreeMap::new(),
            parts: BTreeMap::new(),
            tensors: infos.clone(),
            layout: None,
            left_out: Vec::new(),
        };
        checkpoint.rename(NameMap::unwrapped(infos.keys().map(String::as_str)), &infos);
        Ok(checkpoint)
    }

    /// Whose names the file uses; `None` for parts.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        self.layout
    }

    /// Tensors of the file that are no part of a model: optimiser state, buffers.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    fn infos_by_stored_name(&self) -> BTreeMap<String, TensorInfo> {
        self.stored.iter().map(|(ours, theirs)| (theirs.clone(), self.tensors[ours].clone())).collect()
    }

    fn rename(&mut self, names: BTreeMap<String, String>, infos: &BTreeMap<String, TensorInfo>) {
        self.tensors = names.iter().map(|(ours, theirs)| (ours.clone(), infos[theirs].clone())).collect();
        self.stored = names;
    }

    /// A tensor of the file, called `name` in errors.
    fn values(&self, name: &str, stored: &str, info: &TensorInfo) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(info.elements());
        append_f32(name, info.dtype, &self.bytes(stored, info)?, &mut values)?;
        check_finite(name, &values)?;
        Ok(values)
    }

    fn bytes(&self, stored: &str, info: &TensorInfo) -> Result<Vec<u8>> {
        match &self.container {
            Container::Pytorch(file) => file.bytes(stored),
            Container::TorchScript(file) => file.bytes(stored),
            Container::Safetensors { path, begins } => {
                let mut file = File::open(path).map_err(Error::io("open", path))?;
                let begin = begins.get(stored).copied().unwrap_or_default();
                file.seek(SeekFrom::Start(begin)).map_err(Error::io("read", path))?;
                // The header was held against the file's size, so this is no more than the file has.
                let mut bytes = vec![0; info.bytes() as usize];
                file.read_exact(&mut bytes).map_err(Error::io("read", path))?;
                Ok(bytes)
            }
        }
    }
}

impl TensorSource for Checkpoint {
    fn name(&self) -> String {
        self.file.clone()
    }

    fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<HostTensor> {
        let missing = || missing(name, &[], &self.file, self.tensors.keys());
        let info = self.tensors.get(name).ok_or_else(missing)?;
        if let Some(assembly) = self.assembled.get(name) {
            let parts = assembly.stored().iter().map(|stored| self.values(stored, stored, &self.parts[stored]));
            return Ok(assembly.assemble(info.shape.clone(), parts.collect::<Result<_>>()?));
        }
        let values = self.values(name, self.stored.get(name).ok_or_else(missing)?, info)?;
        Ok(HostTensor { shape: info.shape.clone(), values })
    }
}

/// A pickled checkpoint of a model folder.
pub(super) fn open_pickled(path: &Path) -> Result<Box<dyn TensorSource>> {
    Ok(Box::new(Checkpoint::open(path)?))
}

/// What a file is, is told by its first bytes, not by its name.
fn open_container(path: &Path, file: &str) -> Result<(Container, BTreeMap<String, TensorInfo>)> {
    let mut opened = File::open(path).map_err(Error::io("open", path))?;
    let size = opened.metadata().map_err(Error::io("read", path))?.len();
    let mut first = Vec::new();
    (&mut opened).take(LENGTH_BYTES + 1).read_to_end(&mut first).map_err(Error::io("read", path))?;
    if first.starts_with(ZIP_MAGIC) {
        let archive = Archive::open(path)?;
        if archive.is_torchscript() {
            let file = ScriptFile::open(archive)?;
            let infos = file.infos();
            return Ok((Container::TorchScript(file), infos));
        }
        let file = PytorchFile::open(path, archive)?;
        let infos = file.infos();
        return Ok((Container::Pytorch(file), infos));
    }
    // The JSON header begins with a brace; that it is one although its length is nonsense is an error worth its own words.
    let named = path.extension().is_some_and(|extension| extension == "safetensors");
    let Some((length, brace)) = first.split_first_chunk::<8>().filter(|(_, brace)| named || *brace == b"{") else {
        return Err(if named { too_short(file, size) } else { refuse_other(path, file) });
    };
    if brace.is_empty() {
        return Err(too_short(file, size));
    }
    let length = header_length(*length, size, file)?;
    let mut json = vec![0; length as usize];
    opened.seek(SeekFrom::Start(LENGTH_BYTES)).map_err(Error::io("read", path))?;
    opened.read_exact(&mut json).map_err(Error::io("read", path))?;
    let header = parse_header(&json, size, file)?;
    let begins = header.tensors.iter().map(|(name, _, begin)| (name.clone(), header.data_begin + begin)).collect();
    let infos: BTreeMap<_, _> = header.tensors.into_iter().map(|(name, info, _)| (name, info)).collect();
    Ok((Container::Safetensors { path: path.to_owned(), begins }, infos))
}

fn too_short(file: &str, size: u64) -> Error {
    let reason = format!("it has {size} bytes, too few for safetensors");
    Error::CorruptFile { file: file.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixture(path: &str) -> PathBuf {
        Path::new("tests/fixtures").join(path)
    }

    fn open_error(path: &Path) -> Error {
        Checkpoint::open(path).err().unwrap_or_else(|| panic!("{} was opened", path.display()))
    }

    #[test]
    fn both_containers_of_a_checkpoint_hold_the_same_numbers() {
        for (pickled, plain, layout) in [
            ("viclip_tiny/checkpoint.pth", "viclip_tiny/checkpoint.safetensors", Layout::Viclip),
            ("viclip_tiny_ids/checkpoint.pth", "viclip_tiny_ids/checkpoint.safetensors", Layout::Viclip),
            ("clip_tiny/checkpoint.pt", "clip_tiny/checkpoint.safetensors", Layout::Clip),
        ] {
            let pickled = Checkpoint::open(&fixture(pickled)).unwrap();
            let plain = Checkpoint::open(&fixture(plain)).unwrap();
            assert_eq!((pickled.layout(), plain.layout()), (Some(layout), Some(layout)));
            assert_eq!(pickled.tensors(), plain.tensors());
            assert!(pickled.tensors().len() > 50);
            for name in plain.tensors().keys() {
                assert_eq!(pickled.read(name).unwrap(), plain.read(name).unwrap(), "{name}");
            }
        }
    }

    #[test]
    fn strides_offsets_shared_storages_and_types_are_honoured() {
        for protocol in [2, 4, 5] {
            let path = fixture(&format!("pickles/strided_protocol{protocol}.pth"));
            let file = Checkpoint::open_part(&path).unwrap();
            let read = |name: &str| file.read(name).unwrap();
            assert_eq!(read("whole").values, (0..12).map(|i| i as f32).collect::<Vec<_>>());
            let t = read("t");
            assert_eq!(t.shape, [4, 3]);
            assert_eq!(t.values, [0.0, 4.0, 8.0, 1.0, 5.0, 9.0, 2.0, 6.0, 10.0, 3.0, 7.0, 11.0]);
            assert_eq!(read("tail").values, [8.0, 9.0, 10.0, 11.0]);
            assert_eq!(read("every_second").values, [1.0, 3.0, 7.0, 9.0]);
            assert_eq!(read("half").values, [0.5, -2.0]);
            assert_eq!(read("bfloat").values, [1.0, -3.0]);
            assert_eq!(read("double").values, [0.1]);
            assert_eq!((read("long").values, read("long").shape), (vec![-7.0], vec![]));
            assert_eq!(file.read("absent").unwrap_err().code(), "missing-tensor");
        }
    }

    #[test]
    fn pickles_that_call_anything_are_refused_by_name_and_not_run() {
        for (stem, callables) in [
            ("os_system", &["posix.system"][..]),
            ("eval", &["builtins.eval", "__builtin__.eval"]),
            ("getattr", &["builtins.getattr", "__builtin__.getattr"]),
        ] {
            for protocol in [2, 4] {
                let error = open_error(&fixture(&format!("pickles/{stem}_protocol{protocol}.pth")));
                let Error::UnsafePickle { callable, .. } = &error else { panic!("{stem}: {error}") };
                assert!(callables.contains(&callable.as_str()), "{callable}");
            }
        }
        assert_eq!(open_error(&fixture("pickles/bare_os_system.pth")).code(), "unsafe-pickle");
        assert!(!Path::new("owned.txt").exists());
    }

    #[test]
    fn bombs_and_files_that_contradict_themselves_are_refused() {
        for (file, words) in [("bomb.pth", "zip bomb"), ("expanded.pth", "unpacks"), ("legacy.pth", "re-save")] {
            let error = open_error(&fixture("pickles").join(file));
            assert_eq!(error.code(), "corrupt-file", "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        let read = Checkpoint::open_part(&fixture("pickles/beyond_storage.pth")).and_then(|file| file.read("temp"));
        assert_eq!(read.unwrap_err().code(), "corrupt-file");
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (name, copy) in [("checkpoint.pth", "cut.pth"), ("checkpoint.safetensors", "cut.safetensors")] {
            let whole = std::fs::read(fixture("viclip_tiny_ids").join(name)).unwrap();
            let copy = folder.path().join(copy);
            for keep in [0, 1, 7, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
                std::fs::write(&copy, &whole[..keep]).unwrap();
                assert_eq!(open_error(&copy).code(), "corrupt-file", "{name} {keep}");
            }
        }
        assert_eq!(open_error(&folder.path().join("absent.pth")).code(), "io");
    }

    #[test]
    fn a_nan_is_found_with_its_place() {
        let path = fixture("viclip_tiny_ids/checkpoint.safetensors");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("nan.safetensors");
        std::fs::write(&copy, bytes).unwrap();
        let file = Checkpoint::open(&copy).unwrap();
        let errors: Vec<_> = file.tensors().keys().filter_map(|name| file.read(name).err()).collect();
        let [Error::NonFinite { name, index }] = errors.as_slice() else { panic!("{errors:?}") };
        assert_eq!(*index, file.tensors()[name].elements() - 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_opened_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), zip: bool) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.pt");
            let start = if zip { ZIP_MAGIC } else { &[] };
            std::fs::write(&path, [start, &bytes].concat()).unwrap();
            prop_assert!(Checkpoint::open(&path).is_err());
        }
    }
}
