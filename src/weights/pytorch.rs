//! PyTorch's zip checkpoints (`.pth`, `.pt`, `.bin`), native only. The crate `pytorch-reader` reads them lazily and runs
//! nothing; what it would pass over in silence (foreign callables) is refused here first, and so are archives that unpack
//! to far more than they are.

use super::pickle::check_pickle;
use super::tensor::TensorInfo;
use crate::error::{Error, Result};
use pytorch_reader::{DType, PytorchReader, Tensor};
use safetensors::Dtype;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Largest pickle accepted; a state dict's is about 100 bytes a tensor.
const PICKLE_LIMIT: u64 = 64 << 20;

/// `torch.save` stores without compression; a rezipped file reaches about 1.2. Far more is an attack.
const EXPANSION_LIMIT: u64 = 100;

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
    /// Opens a zip checkpoint.
    ///
    /// # Errors
    /// [`Error::UnsafePickle`], [`Error::CorruptFile`] or [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let corrupt = |reason: String| Error::CorruptFile { file: file.clone(), reason };
        check_archive(path, &file)?;
        let reader = PytorchReader::new(path).map_err(|error| corrupt(error.to_string()))?;
        let tensors: BTreeMap<_, _> = reader.into_tensors().into_iter().collect();
        // A tensor may be declared as a repeated view of one element and so unpack to any size; weights never are.
        let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        if let Some((name, tensor)) =
            tensors.iter().find(|(_, tensor)| tensor.byte_len() as u64 / EXPANSION_LIMIT > size)
        {
            return Err(corrupt(format!("\"{name}\" unpacks to {} bytes, the file has {size}", tensor.byte_len())));
        }
        Ok(Self { file, tensors })
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

/// Everything that is wrong with an archive before its tensors are looked at.
fn check_archive(path: &Path, file: &str) -> Result<()> {
    let corrupt = |reason: String| Error::CorruptFile { file: file.to_owned(), reason };
    let opened = File::open(path).map_err(Error::io("open", path))?;
    let mut archive = ZipArchive::new(BufReader::new(opened))
        .map_err(|error| corrupt(format!("it is no complete zip archive ({error}); it may be cut short")))?;
    let mut pickles = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(|error| corrupt(error.to_string()))?;
        let name = entry.name().map_err(|error| corrupt(error.to_string()))?.to_string();
        if entry.size() / EXPANSION_LIMIT > entry.compressed_size() {
            let (size, packed) = (entry.size(), entry.compressed_size());
            return Err(corrupt(format!("its entry {name} unpacks {packed} bytes to {size}: a zip bomb")));
        }
        if name.ends_with("constants.pkl") {
            let advice = "it is a TorchScript archive; load it in PyTorch and torch.save its state_dict()";
            return Err(corrupt(advice.to_owned()));
        }
        if name == "data.pkl" || name.ends_with("/data.pkl") {
            pickles.push(at);
        }
    }
    for at in pickles {
        let mut entry = archive.by_index(at).map_err(|error| corrupt(error.to_string()))?;
        if entry.size() > PICKLE_LIMIT {
            return Err(corrupt(format!("its pickle has {} bytes, a state dict's is far smaller", entry.size())));
        }
        let mut bytes = Vec::new();
        (&mut entry).take(PICKLE_LIMIT).read_to_end(&mut bytes).map_err(|error| corrupt(error.to_string()))?;
        check_pickle(&bytes, 0, file)?;
    }
    Ok(())
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
        match check_pickle(&bytes, at, file) {
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
