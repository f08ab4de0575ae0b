//! State dicts in PyTorch's zip format (`.pth`, `.pt`, `.bin`), native only. The crate `pytorch-reader` reads them lazily
//! and runs nothing; what it would pass over in silence (foreign callables) is refused here first.

use super::archive::{Archive, PICKLE_LIMIT};
use super::pickle::{Names, check_pickle};
use super::tensor::TensorInfo;
use crate::error::{Error, Result};
use pytorch_reader::{DType, PytorchReader, Tensor};
use safetensors::Dtype;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Pickles in a row that the format before 1.6 begins with.
const LEGACY_PICKLES: usize = 5;

/// The first bytes of a zip archive.
pub(super) const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// A checkpoint's tensors, each to be read by itself, by the names in the file (`model.vision_encoder.proj`).
pub(super) struct PytorchFile {
    file: String,
    tensors: BTreeMap<String, Tensor>,
}

impl PytorchFile {
    /// Opens a state dict whose archive was opened already.
    ///
    /// # Errors
    /// [`Error::UnsafePickle`] or [`Error::CorruptFile`].
    pub fn open(path: &Path, mut archive: Archive) -> Result<Self> {
        for pickle in archive.pickles()? {
            check_pickle(&pickle, 0, Names::Checkpoint, archive.file())?;
        }
        let reader = PytorchReader::new(path).map_err(|error| archive.corrupt(error.to_string()))?;
        let tensors: BTreeMap<_, _> = reader.into_tensors().into_iter().collect();
        for (name, tensor) in &tensors {
            archive.check_expansion(name, tensor.byte_len() as u64)?;
        }
        Ok(Self { file: archive.file().to_owned(), tensors })
    }

    /// Name, shape and type of every tensor.
    pub fn infos(&self) -> BTreeMap<String, TensorInfo> {
        let info = |tensor: &Tensor| TensorInfo { shape: tensor.shape().to_vec(), dtype: dtype(tensor.dtype()) };
        self.tensors.iter().map(|(name, tensor)| (name.clone(), info(tensor))).collect()
    }

    /// A tensor's elements, row-major and contiguous whatever its strides, little-endian.
    ///
    /// # Errors
    /// [`Error::CorruptFile`]; [`Error::MissingTensor`] for a name that is not in [`PytorchFile::infos`].
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let tensor = self.tensors.get(name);
        let tensor = tensor.ok_or_else(|| super::tensor::missing(name, &[], &self.file, self.tensors.keys()))?;
        tensor.read().map_err(|error| Error::CorruptFile { file: self.file.clone(), reason: error.to_string() })
    }
}

/// Says what a file is that is neither a zip archive nor safetensors. A pickle that would call something is still
/// reported as that.
pub(super) fn refuse_other(path: &Path, file: &str) -> Error {
    let corrupt = |reason: &str| Error::CorruptFile { file: file.to_owned(), reason: reason.to_owned() };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|opened| opened.take(PICKLE_LIMIT).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Error::io("read", path)(error);
    }
    if bytes.is_empty() {
        return corrupt("it is empty");
    }
    let resave = "re-save it with PyTorch 1.6 or newer: torch.save(torch.load(file, weights_only=True), new_file)";
    if bytes.get(257..262) == Some(b"ustar") {
        return corrupt(&format!("it is a tar checkpoint of PyTorch before 0.1.10; {resave}"));
    }
    let mut at = 0;
    for pickle in 0..LEGACY_PICKLES {
        match check_pickle(&bytes, at, Names::Checkpoint, file) {
            Ok(end) => at = end,
            Err(error @ Error::UnsafePickle { .. }) => return error,
            Err(_) if pickle == 0 => return corrupt("it is neither safetensors nor a PyTorch checkpoint"),
            Err(_) => break,
        }
    }
    corrupt(&format!("it is a checkpoint of PyTorch before 1.6 or a bare pickle; {resave}"))
}

fn dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool => Dtype::BOOL,
    }
}
