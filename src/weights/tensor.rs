//! Tensors by name: what a file says of them, in host memory, on the device.

use super::element::check_finite;
use super::module::{DeviceTensor, collect};
use crate::error::{Error, Result};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::Dtype;
use std::collections::BTreeMap;

/// What a file says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Element type in the file.
    pub dtype: Dtype,
}

impl TensorInfo {
    /// Numbers in the tensor.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes it takes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.elements() as u64 * self.dtype.bitsize() as u64 / 8
    }
}

/// A tensor in host memory.
#[derive(Clone, PartialEq)]
pub struct HostTensor {
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

impl std::fmt::Debug for HostTensor {
    /// The shape and the first numbers: millions of them would help nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = &self.values[..self.values.len().min(8)];
        f.debug_struct("HostTensor").field("shape", &self.shape).field("first", &first).finish()
    }
}

impl HostTensor {
    /// Puts it on the device. The values are moved, not copied.
    #[must_use]
    pub fn upload(self, device: &Device) -> DeviceTensor {
        let data = TensorData::new(self.values, [self.shape.iter().product::<usize>()]);
        DeviceTensor { shape: self.shape, values: Tensor::from_data(data, device) }
    }
}

/// Tensors that can be read one by one: a checkpoint, a model in memory.
pub trait TensorSource {
    /// How it is named in messages.
    fn name(&self) -> String;

    /// Every tensor it has.
    fn tensors(&self) -> &BTreeMap<String, TensorInfo>;

    /// Reads one as f32. Values are finite.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::NonFinite`], [`Error::UnsupportedDtype`], [`Error::CorruptFile`] or [`Error::Io`].
    fn read(&self, name: &str) -> Result<HostTensor>;
}

/// Named tensors in memory as a source, for writing.
#[derive(Debug, Clone, Default)]
pub struct HostTensors {
    infos: BTreeMap<String, TensorInfo>,
    tensors: BTreeMap<String, HostTensor>,
}

impl HostTensors {
    /// Takes named tensors.
    #[must_use]
    pub fn new(tensors: BTreeMap<String, HostTensor>) -> Self {
        let info = |tensor: &HostTensor| TensorInfo { shape: tensor.shape.clone(), dtype: Dtype::F32 };
        let infos = tensors.iter().map(|(name, tensor)| (name.clone(), info(tensor))).collect();
        Self { infos, tensors }
    }

    /// Reads a module's parameters back from its device.
    ///
    /// # Errors
    /// [`Error::Compute`] where the device fails.
    pub async fn of<M: Module>(module: &M) -> Result<Self> {
        Self::of_some(module, |_| true).await
    }

    /// [`Self::of`] for those parameters whose key is `wanted`.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub async fn of_some<M: Module>(module: &M, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in collect(module).into_iter().filter(|(name, _)| wanted(name)) {
            let data = tensor.data().await?.convert::<f32>();
            let values = data.try_to_vec().map_err(|error| Error::Compute { reason: format!("{error:?}") })?;
            tensors.insert(name, HostTensor { shape: tensor.shape, values });
        }
        Ok(Self::new(tensors))
    }
}

impl TensorSource for HostTensors {
    fn name(&self) -> String {
        "the model in memory".to_owned()
    }

    fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.infos
    }

    fn read(&self, name: &str) -> Result<HostTensor> {
        let tensor = self.tensors.get(name).ok_or_else(|| missing(name, &[], &self.name(), self.infos.keys()))?;
        check_finite(name, &tensor.values)?;
        Ok(tensor.clone())
    }
}

/// [`Error::MissingTensor`] with the three names nearest to the one sought.
pub(crate) fn missing<'a>(
    name: &str,
    expected: &[usize],
    file: &str,
    known: impl Iterator<Item = &'a String>,
) -> Error {
    let mut near: Vec<_> = known.map(|known| (strsim::normalized_levenshtein(name, known), known)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let closest = near.iter().take(3).map(|(_, known)| known.as_str()).collect::<Vec<_>>().join(", ");
    Error::MissingTensor { name: name.to_owned(), file: file.to_owned(), expected: expected.to_vec(), closest }
}
