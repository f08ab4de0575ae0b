//! Adapters on a base model, each with a weight.

use super::{Adapter, LowRank};
use crate::error::{Error, Result};
use crate::model::{VideoTextModel, is_scene_key};
use crate::nn::Lora;
use crate::weights::HostTensor;
use crate::weights::module::{DeviceTensor, LoadRules, apply, collect};
use crate::weights::tensor::missing;
use crate::weights::tensors_of;
use burn::tensor::{DType, Device, Tensor};
use std::collections::BTreeMap;

/// The base with adapters on, at their weights `w`: linear maps become `W + sum_i w_i scale_i B_i A_i` (computed beside W,
/// which stays as it is), whole parameters `P + sum_i w_i (P_i - P)`. Scene-graph parameters that the base lacks are taken
/// as they are. The result shares the base's tensors.
///
/// # Errors
/// [`Error::UnexpectedTensor`], [`Error::ShapeMismatch`] and [`Error::MissingTensor`] for adapters that do not fit;
/// [`Error::InvalidInput`] for a weight that is no number, and for two adapters with scene-graph parameters that the
/// base lacks.
pub fn mix(base: &VideoTextModel, adapters: &[(&Adapter, f64)]) -> Result<VideoTextModel> {
    if let Some((adapter, weight)) = adapters.iter().find(|(_, weight)| !weight.is_finite()) {
        let reason = format!("it is {weight}; give a number, 0 to leave the adapter out");
        return Err(Error::InvalidInput { what: format!("weight of adapter {}", adapter.name), reason });
    }
    let active: Vec<(&Adapter, f64)> = adapters.iter().copied().filter(|(_, weight)| *weight != 0.0).collect();
    for (adapter, _) in &active {
        adapter.check_fits(base)?;
    }
    let temperature = base.temperature();
    let (device, dtype) = (temperature.device(), temperature.dtype());
    let model = with_scene_tokens(base, &active)?;
    let parameters = parameters(base, &active, &device, dtype);
    // An empty beginning: the model may lack any tensor here, and keeps its own.
    let rules = LoadRules { may_lack: vec![String::new()], ..LoadRules::default() };
    let mut model = apply(model, parameters, "the adapters", &rules)?;
    model.set_adapters(pairs(&active, &device, dtype))?;
    Ok(model)
}

impl Adapter {
    /// Whether the base has a place for every tensor.
    ///
    /// # Errors
    /// As [`mix`].
    pub fn check_fits(&self, base: &VideoTextModel) -> Result<()> {
        let linears: BTreeMap<String, [usize; 2]> =
            base.adaptable_linears().into_iter().map(|linear| (linear.path, linear.shape)).collect();
        let unexpected = |name: &str| Error::UnexpectedTensor { names: name.to_owned(), file: self.name.clone() };
        for (path, pair) in &self.pairs {
            let expected = linears.get(path).ok_or_else(|| unexpected(path))?;
            check_shape(&format!("B A of {path}"), expected, &pair.shape())?;
        }
        let mut config = base.config().clone();
        if let Some(scene) = self.brings_scene_tokens(base)? {
            config.scene_tokens = scene.clone();
            config.validate()?;
        }
        let expected = tensors_of(&config);
        for (key, tensor) in &self.parameters {
            check_shape(key, expected.get(key).ok_or_else(|| unexpected(key))?, &tensor.shape)?;
        }
        if base.scene_tokens().is_none() && self.has_scene_tokens() {
            for (key, shape) in expected.iter().filter(|(key, _)| is_scene_key(key)) {
                if !self.parameters.contains_key(key) {
                    return Err(missing(key, shape, &self.name, self.parameters.keys()));
                }
            }
        }
        Ok(())
    }

    /// The settings of scene-graph tokens that the adapter has and the base has not.
    fn brings_scene_tokens(&self, base: &VideoTextModel) -> Result<Option<&crate::config::SceneTokensConfig>> {
        if base.scene_tokens().is_some() || !self.has_scene_tokens() {
            return Ok(None);
        }
        self.scene_tokens.as_ref().map(Some).ok_or_else(|| Error::InvalidInput {
            what: format!("adapter {}", self.name),
            reason: format!(
                "it has scene-graph parameters but not their settings (metadata {} of its safetensors file, which is lost \
                 when PEFT saves an adapter again); give it a base that has scene-graph tokens",
                super::SCENE_TOKENS
            ),
        })
    }
}

fn check_shape(name: &str, expected: &[usize], got: &[usize]) -> Result<()> {
    // A scalar may be stored as [1].
    if expected == got || (expected.is_empty() && got == [1]) {
        return Ok(());
    }
    Err(Error::ShapeMismatch { name: name.to_owned(), expected: expected.to_vec(), got: got.to_vec() })
}

/// The base, with room for scene-graph parameters where an adapter brings them.
fn with_scene_tokens(base: &VideoTextModel, adapters: &[(&Adapter, f64)]) -> Result<VideoTextModel> {
    let mut bring = Vec::new();
    for (adapter, _) in adapters {
        if let Some(scene) = adapter.brings_scene_tokens(base)? {
            bring.push((adapter, scene));
        }
    }
    match bring[..] {
        [] => Ok(base.clone()),
        [(_, scene)] => base.clone().with_empty_scene_tokens(scene),
        [(first, _), (second, _), ..] => {
            let reason = format!(
                "{} and {} both bring scene-graph tokens that the base model lacks; use one of them at a time",
                first.name, second.name
            );
            Err(Error::InvalidInput { what: "adapters".to_owned(), reason })
        }
    }
}

/// The parameters that are not the base's any more.
fn parameters(
    base: &VideoTextModel,
    adapters: &[(&Adapter, f64)],
    device: &Device,
    dtype: DType,
) -> BTreeMap<String, DeviceTensor> {
    let changes = |key: &str| adapters.iter().any(|(adapter, _)| adapter.parameters.contains_key(key));
    let own: BTreeMap<String, DeviceTensor> = collect(base).into_iter().filter(|(key, _)| changes(key)).collect();
    let mut mixed: BTreeMap<String, DeviceTensor> = BTreeMap::new();
    for (adapter, weight) in adapters {
        for (key, tensor) in &adapter.parameters {
            let given = tensor.clone().upload(device);
            let given = DeviceTensor { values: given.values.cast(dtype), ..given };
            let Some(own) = own.get(key) else {
                mixed.insert(key.clone(), given);
                continue;
            };
            let so_far = mixed.get(key).map_or_else(|| own.values.clone(), |tensor| tensor.values.clone());
            let alone = *weight == 1.0 && !mixed.contains_key(key);
            // Not by way of the difference: a single adapter's parameters are exact.
            let values = if alone { given.values } else { so_far + (given.values - own.values.clone()) * *weight };
            mixed.insert(key.clone(), DeviceTensor { shape: own.shape.clone(), values });
        }
    }
    mixed
}

/// One adapter a linear map.
fn pairs(adapters: &[(&Adapter, f64)], device: &Device, dtype: DType) -> BTreeMap<String, Lora> {
    let mut by_path: BTreeMap<&String, Vec<(&LowRank, f64)>> = BTreeMap::new();
    for (adapter, weight) in adapters {
        for (path, pair) in &adapter.pairs {
            by_path.entry(path).or_default().push((pair, *weight));
        }
    }
    let upload = |tensor: HostTensor| -> Tensor<2> {
        let shape = [tensor.shape[0], tensor.shape[1]];
        tensor.upload(device).values.cast(dtype).reshape(shape)
    };
    let lora = |pair: LowRank| Lora::new(upload(pair.a), upload(pair.b), pair.scale);
    by_path.into_iter().map(|(path, pairs)| (path.clone(), lora(joined(&pairs)))).collect()
}

/// Several pairs as one: the rows of all A, the columns of all B, each with its weight and scale.
fn joined(pairs: &[(&LowRank, f64)]) -> LowRank {
    if let [(pair, weight)] = pairs {
        return LowRank { scale: pair.scale * weight, ..(*pair).clone() };
    }
    let rank: usize = pairs.iter().map(|(pair, _)| pair.rank()).sum();
    let [outputs, inputs] = pairs.first().map_or([0, 0], |(pair, _)| pair.shape());
    let a = pairs.iter().flat_map(|(pair, _)| &pair.a.values).copied().collect();
    let mut b = Vec::with_capacity(outputs * rank);
    for row in 0..outputs {
        for (pair, weight) in pairs {
            let (columns, factor) = (pair.rank(), weight * pair.scale);
            let row = &pair.b.values[row * columns..(row + 1) * columns];
            b.extend(row.iter().map(|value| (f64::from(*value) * factor) as f32));
        }
    }
    let tensor = |shape, values| HostTensor { shape, values };
    LowRank { a: tensor(vec![rank, inputs], a), b: tensor(vec![outputs, rank], b), scale: 1.0 }
}
