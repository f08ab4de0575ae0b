//! Which tensors a model has, with their shapes, as its checkpoints store them (models.md 1.2, 3, 5.1), and whether a
//! file has just these.

use super::module::{LoadRules, check, shapes};
use super::tensor::TensorInfo;
use crate::config::ModelConfig;
use crate::error::Result;
use crate::model::VideoTextModel;
use burn::tensor::Device;
use std::collections::BTreeMap;

/// The model without values; the device is never used.
fn outline(config: &ModelConfig) -> VideoTextModel {
    VideoTextModel::empty(config, &Device::flex())
}

/// Every tensor of the model that `config` describes: checkpoint key to shape (empty for the scalars `temp`,
/// `logit_scale`).
#[must_use]
pub fn tensors_of(config: &ModelConfig) -> BTreeMap<String, Vec<usize>> {
    shapes(&outline(config))
}

/// Holds the tensors found in `file` against those that `config` asks for, before any of them is read.
///
/// # Errors
/// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch), [`Error::MissingTensor`](crate::Error::MissingTensor) or
/// [`Error::UnexpectedTensor`](crate::Error::UnexpectedTensor).
pub fn check_tensors(config: &ModelConfig, found: &BTreeMap<String, TensorInfo>, file: &str) -> Result<()> {
    let found = found.iter().map(|(name, info)| (name.clone(), info.shape.clone())).collect();
    check(&outline(config), &found, file, &LoadRules::default())
}

/// [`check_tensors`] where names are known, but only some of the shapes (`known`).
pub(crate) fn check_partly<'a>(
    config: &ModelConfig,
    names: impl Iterator<Item = &'a String>,
    known: &BTreeMap<&str, &[usize]>,
    file: &str,
) -> Result<()> {
    let outline = outline(config);
    let expected = shapes(&outline);
    let shape = |name: &String| match known.get(name.as_str()) {
        Some(shape) => shape.to_vec(),
        None => expected.get(name).cloned().unwrap_or_default(),
    };
    let found = names.map(|name| (name.clone(), shape(name))).collect();
    check(&outline, &found, file, &LoadRules::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use safetensors::Dtype;

    fn published(file: &str) -> BTreeMap<String, Vec<usize>> {
        let text = std::fs::read_to_string(format!("tests/fixtures/keys/{file}")).unwrap();
        let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        keys.iter()
            .map(|(name, about)| (name.clone(), serde_json::from_value(about["shape"].clone()).unwrap()))
            .collect()
    }

    fn infos(shapes: BTreeMap<String, Vec<usize>>) -> BTreeMap<String, TensorInfo> {
        shapes.into_iter().map(|(name, shape)| (name, TensorInfo { shape, dtype: Dtype::F32 })).collect()
    }

    #[test]
    fn published_viclip_models_have_exactly_these_tensors() {
        for (config, file, count, parameters) in [
            (ModelConfig::viclip_b16(), "keys_viclip_b.json", 303, 149_603_841),
            (ModelConfig::viclip_l14(), "keys_viclip_l.json", 447, 427_590_145),
        ] {
            let table = tensors_of(&config);
            assert_eq!(table, published(file));
            assert_eq!(table.len(), count);
            assert_eq!(table.values().map(|shape| shape.iter().product::<usize>()).sum::<usize>(), parameters);
        }
    }

    #[test]
    fn a_missing_tensor_is_named_with_its_nearest() {
        let mut found = infos(tensors_of(&ModelConfig::viclip_b16()));
        let shape = found.remove("vision_encoder.proj").unwrap();
        found.insert("vision_encoder.projection".to_owned(), shape);
        let error = check_tensors(&ModelConfig::viclip_b16(), &found, "x.pth").unwrap_err();
        let Error::MissingTensor { name, closest, expected, .. } = error else { panic!("{error}") };
        assert_eq!((name.as_str(), expected), ("vision_encoder.proj", vec![768, 512]));
        assert!(closest.starts_with("vision_encoder.projection"), "{closest}");
    }

    #[test]
    fn surplus_tensors_are_listed_up_to_a_count() {
        let mut found = infos(tensors_of(&ModelConfig::viclip_b16()));
        for i in 0..10 {
            found.insert(format!("extra.{i}"), TensorInfo { shape: vec![1], dtype: Dtype::F32 });
        }
        let error = check_tensors(&ModelConfig::viclip_b16(), &found, "x.pth").unwrap_err();
        let Error::UnexpectedTensor { names, .. } = error else { panic!("{error}") };
        assert!(names.starts_with("extra.0, extra.1") && names.ends_with("and 2 more"), "{names}");
    }

    #[test]
    fn a_config_of_another_size_is_a_shape_mismatch() {
        let found = infos(tensors_of(&ModelConfig::viclip_b16()));
        let error = check_tensors(&ModelConfig::viclip_l14(), &found, "x.pth").unwrap_err();
        assert_eq!(error.code(), "shape-mismatch");
    }
}
