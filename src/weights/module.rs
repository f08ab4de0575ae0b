//! Between a module's parameters and named tensors, by the parameters' checkpoint keys.

use crate::error::{Error, Result};
use crate::nn::ParamPath;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;

/// Parameters that checkpoints hold as scalars (shape `[]`) and modules as `[1]`.
const SCALARS: &[&str] = &["temp", "logit_scale"];

/// Ends the key of a table with a row per frame (`[1, frames, width]`) whose surplus rows are dropped at load.
const TEMPORAL_TABLE: &str = "temporal_positional_embedding";

/// A tensor of any rank on a device.
#[derive(Debug, Clone)]
pub struct DeviceTensor {
    /// Its shape; `[]` for a scalar.
    pub shape: Vec<usize>,
    /// Its numbers in row-major order.
    pub values: Tensor<1>,
}

impl DeviceTensor {
    /// Reads the numbers back; works in the page.
    ///
    /// # Errors
    /// [`Error::Compute`] when the device fails.
    pub async fn data(&self) -> Result<TensorData> {
        let data = self.values.clone().into_data_async().await;
        let data = data.map_err(|error| Error::Compute { reason: error.to_string() })?;
        let (bytes, _, dtype) = data.into_parts();
        Ok(TensorData::from_bytes(bytes, self.shape.clone(), dtype))
    }
}

/// Which differences between a checkpoint and a module are no errors.
#[derive(Debug, Clone, Default)]
pub struct LoadRules {
    /// Keys of the checkpoint that are passed over.
    pub ignore: Vec<String>,
    /// Beginnings of keys that the checkpoint may lack, e.g. `sg.` to start SGCR-Vid from plain ViCLIP. Such parameters
    /// keep what they had.
    pub may_lack: Vec<String>,
}

impl LoadRules {
    /// For published files: OpenAI's CLIP has three numbers among its tensors.
    #[must_use]
    pub fn published() -> Self {
        let ignore = ["input_resolution", "context_length", "vocab_size"].map(str::to_owned).to_vec();
        Self { ignore, may_lack: Vec::new() }
    }
}

/// Key and shape (as in the checkpoint) of every parameter. Allocates nothing.
#[must_use]
pub fn shapes<M: Module>(module: &M) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    module.visit(&mut shapes);
    shapes.found
}

/// Every parameter with its numbers (shared with the module, not copied), in the module's order.
#[must_use]
pub fn collect<M: Module>(module: &M) -> Vec<(String, DeviceTensor)> {
    let mut values = Values::default();
    module.visit(&mut values);
    values.found
}

/// Compares what a checkpoint has (key to shape) with what `module` needs, before anything is read or downloaded.
///
/// # Errors
/// [`Error::MissingTensor`], [`Error::UnexpectedTensor`] or [`Error::ShapeMismatch`].
pub fn check<M: Module>(module: &M, found: &BTreeMap<String, Vec<usize>>, file: &str, rules: &LoadRules) -> Result<()> {
    let expected = shapes(module);
    for (key, shape) in &expected {
        match found.get(key) {
            Some(got) if fits(key, shape, got) => {}
            Some(got) => {
                return Err(Error::ShapeMismatch { name: key.clone(), expected: shape.clone(), got: got.clone() });
            }
            None if rules.may_lack.iter().any(|start| key.starts_with(start.as_str())) => {}
            None => {
                let closest = nearest(key, found.keys());
                let (name, file, expected) = (key.clone(), file.to_owned(), shape.clone());
                return Err(Error::MissingTensor { name, file, expected, closest });
            }
        }
    }
    let unexpected = found.keys().filter(|key| !expected.contains_key(*key) && !rules.ignore.contains(*key));
    let unexpected: Vec<&str> = unexpected.map(String::as_str).collect();
    if unexpected.is_empty() {
        return Ok(());
    }
    let mut names = unexpected[..unexpected.len().min(8)].join(", ");
    if unexpected.len() > 8 {
        names.push_str(&format!(" and {} more", unexpected.len() - 8));
    }
    Err(Error::UnexpectedTensor { names, file: file.to_owned() })
}

/// Puts `tensors` (already on the module's device, so that nothing is copied) in the place of `module`'s parameters.
/// `file` is named in errors. On an error nothing has changed but that `module` and `tensors` are gone.
///
/// # Errors
/// Those of [`check`].
pub fn apply<M: Module>(
    module: M,
    tensors: BTreeMap<String, DeviceTensor>,
    file: &str,
    rules: &LoadRules,
) -> Result<M> {
    let found = tensors.iter().map(|(key, tensor)| (key.clone(), tensor.shape.clone())).collect();
    check(&module, &found, file, rules)?;
    Ok(module.map(&mut Apply { path: ParamPath::default(), tensors }))
}

/// Whether a stored shape can be loaded where `expected` is needed.
fn fits(key: &str, expected: &[usize], got: &[usize]) -> bool {
    expected == got || (expected.is_empty() && got == [1]) || surplus_frames(key, expected, got)
}

fn surplus_frames(key: &str, expected: &[usize], got: &[usize]) -> bool {
    key.ends_with(TEMPORAL_TABLE)
        && matches!((expected, got), ([1, frames, width], [1, more, same]) if more > frames && width == same)
}

/// The three most similar keys, comma-separated.
fn nearest<'a>(key: &str, keys: impl Iterator<Item = &'a String>) -> String {
    let mut keys: Vec<_> = keys.map(|other| (strsim::normalized_levenshtein(key, other), other.as_str())).collect();
    keys.sort_by(|a, b| b.0.total_cmp(&a.0));
    if keys.is_empty() {
        return "(the file is empty)".to_owned();
    }
    keys.iter().take(3).map(|(_, key)| *key).collect::<Vec<_>>().join(", ")
}

/// A parameter's shape as checkpoints write it.
fn stored_shape(key: &str, shape: &[usize]) -> Vec<usize> {
    if SCALARS.contains(&key) { Vec::new() } else { shape.to_vec() }
}

#[derive(Default)]
struct Shapes {
    path: ParamPath,
    found: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let key = self.path.key();
        let shape = stored_shape(&key, param.lazy_shape().as_slice());
        self.found.insert(key, shape);
    }
}

#[derive(Default)]
struct Values {
    path: ParamPath,
    found: Vec<(String, DeviceTensor)>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let key = self.path.key();
        let tensor = param.val().detach();
        let shape = tensor.shape();
        let values = tensor.reshape([shape.num_elements()]);
        let shape = stored_shape(&key, shape.as_slice());
        self.found.push((key, DeviceTensor { shape, values }));
    }
}

struct Apply {
    path: ParamPath,
    tensors: BTreeMap<String, DeviceTensor>,
}

impl ModuleMapper for Apply {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let key = self.path.key();
        let Some(DeviceTensor { shape: got, values }) = self.tensors.remove(&key) else { return param };
        let shape = param.lazy_shape();
        let id = param.id;
        let tensor = if surplus_frames(&key, shape.as_slice(), &got) {
            let width = got[2];
            values.reshape([got[1], width]).narrow(0, 0, shape[1]).reshape(shape)
        } else {
            values.reshape(shape)
        };
        param.transform_for_load(tensor, id)
    }
}
