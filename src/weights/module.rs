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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelConfig, SceneTokensConfig, SceneTokensVariant};
    use crate::model::{VideoOptions, VideoTextModel};
    use burn::tensor::{Device, Int};

    fn config() -> ModelConfig {
        let mut config = ModelConfig::viclip_b16();
        config.embed_dim = 6;
        config.vision = crate::config::VisionConfig {
            image_size: 8,
            patch_size: 4,
            width: 8,
            layers: 2,
            heads: 2,
            frames: 3,
            proxy_tokens: 0,
        };
        config.text.vocab_size = 20;
        config.text.context_length = 7;
        (config.text.width, config.text.layers, config.text.heads) = (4, 1, 2);
        config
    }

    fn model(seed: u64) -> VideoTextModel {
        VideoTextModel::init(&config(), seed, &Device::flex())
    }

    fn tensors(model: &VideoTextModel) -> BTreeMap<String, DeviceTensor> {
        collect(model).into_iter().collect()
    }

    fn load(tensors: BTreeMap<String, DeviceTensor>, rules: &LoadRules) -> Result<VideoTextModel> {
        apply(VideoTextModel::empty(&config(), &Device::flex()), tensors, "a.safetensors", rules)
    }

    fn embed(model: &VideoTextModel) -> Vec<f32> {
        let pixels = Tensor::<5>::ones([1, 3, 3, 8, 8], &Device::flex()).cumsum(1);
        let video = model.encode_video(pixels, &VideoOptions::default()).unwrap().embed;
        let ids = Tensor::<2, Int>::from_data([[18, 3, 4, 19, 0, 0, 0]], &Device::flex());
        let both = Tensor::cat(vec![video, model.encode_text(ids).unwrap()], 1);
        both.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn keys_and_shapes_are_the_published_files() {
        for (config, fixture) in [
            (ModelConfig::viclip_b16(), include_str!("../../tests/fixtures/keys/keys_viclip_b.json")),
            (ModelConfig::viclip_l14(), include_str!("../../tests/fixtures/keys/keys_viclip_l.json")),
        ] {
            let published: serde_json::Value = serde_json::from_str(fixture).unwrap();
            let published: BTreeMap<String, Vec<usize>> = published
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, tensor)| (key.clone(), serde_json::from_value(tensor["shape"].clone()).unwrap()))
                .collect();
            // 1.7 GB of L/14 would be noticed if this allocated.
            assert_eq!(shapes(&VideoTextModel::empty(&config, &Device::flex())), published);
        }
    }

    #[test]
    fn what_was_collected_can_be_applied() {
        let source = model(1);
        assert_ne!(embed(&source), embed(&model(2)));
        let copy = load(tensors(&source), &LoadRules::default()).unwrap();
        assert_eq!(embed(&source), embed(&copy));
    }

    #[test]
    fn a_missing_tensor_is_named_with_its_nearest() {
        let mut given = tensors(&model(1));
        let moved = given.remove("vision_encoder.proj").unwrap();
        given.insert("vision_encoder.projection".to_owned(), moved);
        match load(given, &LoadRules::default()).unwrap_err() {
            Error::MissingTensor { name, file, expected, closest } => {
                assert_eq!((name.as_str(), file.as_str()), ("vision_encoder.proj", "a.safetensors"));
                assert_eq!(expected, [8, 6]);
                assert!(closest.starts_with("vision_encoder.projection,"), "{closest}");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn unexpected_tensors_are_named_unless_ignored() {
        let scalar = DeviceTensor { shape: Vec::new(), values: Tensor::zeros([1], &Device::flex()) };
        let mut given = tensors(&model(1));
        given.insert("context_length".to_owned(), scalar.clone());
        assert!(load(given.clone(), &LoadRules::published()).is_ok());
        for i in 0..10 {
            given.insert(format!("other.{i}"), scalar.clone());
        }
        match load(given, &LoadRules::published()).unwrap_err() {
            Error::UnexpectedTensor { names, .. } => {
                assert!(names.starts_with("other.0, other.1,") && names.ends_with(" and 2 more"), "{names}");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_tensor_of_another_shape_is_refused() {
        let mut given = tensors(&model(1));
        given.get_mut("text_encoder.text_projection").unwrap().shape = vec![6, 4];
        let error = load(given, &LoadRules::default()).unwrap_err();
        assert!(
            matches!(error, Error::ShapeMismatch { ref expected, ref got, .. } if expected == &[4, 6] && got == &[6, 4])
        );
    }

    #[test]
    fn surplus_frames_are_dropped_and_too_few_refused() {
        const TABLE: &str = "vision_encoder.temporal_positional_embedding";
        let source = model(1);
        let mut given = tensors(&source);
        let table = given[TABLE].clone();
        let values = Tensor::cat(vec![table.values.clone(), Tensor::ones([16], &Device::flex())], 0);
        given.insert(TABLE.to_owned(), DeviceTensor { shape: vec![1, 5, 8], values });
        assert_eq!(embed(&load(given.clone(), &LoadRules::default()).unwrap()), embed(&source));
        let values = table.values.narrow(0, 0, 16);
        given.insert(TABLE.to_owned(), DeviceTensor { shape: vec![1, 2, 8], values });
        assert_eq!(load(given, &LoadRules::default()).unwrap_err().code(), "shape-mismatch");
    }

    #[test]
    fn scene_tokens_can_be_added_to_a_plain_model_and_saved() {
        let scene = SceneTokensConfig {
            variant: SceneTokensVariant::Block,
            tokens: 2,
            heads: 2,
            ..SceneTokensConfig::default()
        };
        let source = model(1).with_scene_tokens(&scene, 5).unwrap();
        let given = tensors(&source);
        assert!(given.contains_key("sg.cross.ln_kv.weight") && !given.contains_key("sg.spatial.ln_kv.weight"));
        assert_eq!(given["sg.cls_s"].values.to_data(), given["vision_encoder.proj"].values.to_data());
        let mut with_scene = config();
        with_scene.scene_tokens = scene;
        let empty = VideoTextModel::empty(&with_scene, &Device::flex());
        let copy = apply(empty, given, "b", &LoadRules::default()).unwrap();
        assert_eq!(embed(&source), embed(&copy));
        // A plain checkpoint into such a model: only with leave to lack the tokens.
        let rules = LoadRules { may_lack: vec!["sg.".to_owned()], ..LoadRules::default() };
        let plain = tensors(&model(1));
        let empty = || VideoTextModel::empty(&with_scene, &Device::flex());
        assert_eq!(apply(empty(), plain.clone(), "b", &LoadRules::default()).unwrap_err().code(), "missing-tensor");
        assert!(apply(empty(), plain, "b", &rules).is_ok());
    }

    #[test]
    fn scalars_are_written_as_scalars() {
        let given = tensors(&model(1));
        assert!(given["temp"].shape.is_empty());
        let data = crate::platform::block_on(given["temp"].data()).unwrap();
        assert_eq!((data.shape().as_slice(), data.num_elements()), (&[][..], 1));
    }
}
