//! WiSE-FT: a fine-tuned model's weights averaged with those it began from (Wortsman et al. 2022), as ViCLIP's zero-shot
//! scripts do with CLIP's at one half (models.md 1.1).

use super::Session;
use super::adapters::Adapters;
use crate::error::{Error, Result};
use crate::event::{Abort, Events};
use crate::model::{is_adapter_key, is_scene_key, is_temperature_key};
use crate::source::Folder;
use crate::weights::ModelFolder;
use crate::weights::module::{DeviceTensor, LoadRules, apply, collect};
use std::collections::BTreeMap;

impl Session {
    /// Every weight becomes `share` times its own plus `1 - share` times the base's. The base is a model folder of the same
    /// architecture, or, for a ViCLIP model, of the CLIP model it grew out of. What the base has no counterpart of stays as
    /// it is: temporal positions, the temperature, scene-graph tokens, adapters.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a share outside 0 to 1 and with adapters on (they come after), [`Error::MissingTensor`] and [`Error::ShapeMismatch`] for a base
    /// of another architecture; those of [`ModelFolder`]; [`Error::Aborted`].
    pub async fn mixed_with<F: Folder>(
        self,
        base: F,
        share: f64,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Self> {
        if !(0.0..=1.0).contains(&share) {
            let reason = format!("{share} is no share; 1 is the model alone, 0 the base alone");
            return Err(Error::InvalidInput { what: "share of the model in the mixture".to_owned(), reason });
        }
        if self.adapters().next().is_some() {
            let reason = "adapters are loaded on it; mix first, then load them".to_owned();
            return Err(Error::InvalidInput { what: "model to be mixed".to_owned(), reason });
        }
        let folder = ModelFolder::open(base).await?;
        let theirs = folder.load(self.device().device(), events, abort).await?;
        let mut mixed = BTreeMap::new();
        for (key, own) in collect(self.model()) {
            let values = if is_kept(&key) {
                own.values
            } else {
                let other = counterpart(&key, &own, &theirs, &folder.name())?;
                own.values * share + other.values.cast(self.float_type()) * (1.0 - share)
            };
            mixed.insert(key, DeviceTensor { shape: own.shape, values });
        }
        let model = apply(self.model, mixed, &self.name, &LoadRules::published())?;
        // With them goes the fingerprint of the weights as they were.
        Ok(Self { model, adapters: Adapters::default(), ..self })
    }
}

/// What no base has.
fn is_kept(key: &str) -> bool {
    key.ends_with("temporal_positional_embedding")
        || is_temperature_key(key)
        || is_scene_key(key)
        || is_adapter_key(key)
}

/// The base's tensor for the key, under the same name or CLIP's, cut to the same positions.
fn counterpart(
    key: &str,
    own: &DeviceTensor,
    theirs: &BTreeMap<String, DeviceTensor>,
    file: &str,
) -> Result<DeviceTensor> {
    let clip = key.strip_prefix("vision_encoder.").map(|rest| format!("visual.{rest}"));
    let clip = clip.or_else(|| key.strip_prefix("text_encoder.").map(ToOwned::to_owned));
    let found = theirs.get(key).or_else(|| theirs.get(clip.as_deref()?));
    let other = found.ok_or_else(|| Error::MissingTensor {
        name: key.to_owned(),
        file: file.to_owned(),
        expected: own.shape.clone(),
        closest: clip.clone().unwrap_or_else(|| "none".to_owned()),
    })?;
    // CLIP's patch embedding has no axis of time.
    let extents = |shape: &[usize]| shape.iter().copied().filter(|extent| *extent != 1).collect::<Vec<_>>();
    if extents(&other.shape) == extents(&own.shape) {
        return Ok(other.clone());
    }
    match (&own.shape[..], &other.shape[..]) {
        // CLIP's captions have 77 positions, ViCLIP's the first 32 of them.
        ([rows, width], [more, same]) if key.ends_with("positional_embedding") && more > rows && width == same => {
            Ok(DeviceTensor { shape: own.shape.clone(), values: other.values.clone().narrow(0, 0, rows * width) })
        }
        _ => Err(Error::ShapeMismatch {
            name: format!("{key} of {file}"),
            expected: own.shape.clone(),
            got: other.shape.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dtype;
    use crate::event::Silent;
    use crate::platform::{ComputeDevice, block_on};
    use crate::source::{DiskFolder, MemoryFolder};
    use safetensors::SafeTensors;
    use safetensors::tensor::TensorView;

    type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

    fn fixture(name: &str) -> (String, Tensors) {
        let folder = format!("{}/tests/fixtures/{name}/", env!("CARGO_MANIFEST_DIR"));
        let config = std::fs::read_to_string(format!("{folder}config.json")).unwrap();
        let bytes = std::fs::read(format!("{folder}checkpoint.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let floats = |data: &[u8]| data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let float = |(_, tensor): &(String, TensorView<'_>)| tensor.dtype() == safetensors::Dtype::F32;
        let tensors = file.tensors().into_iter().filter(float);
        let tensors = tensors.map(|(name, t)| (name, (t.shape().to_vec(), floats(t.data()))));
        (config, tensors.collect())
    }

    fn folder(config: &str, tensors: &Tensors) -> MemoryFolder {
        let bytes: BTreeMap<&str, Vec<u8>> = tensors
            .iter()
            .map(|(name, (_, values))| (name.as_str(), values.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let views = tensors.iter().map(|(name, (shape, _))| {
            (name.as_str(), TensorView::new(safetensors::Dtype::F32, shape.clone(), &bytes[name.as_str()]).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        let files = [("config.json", config.as_bytes().to_vec()), ("model.safetensors", file)];
        MemoryFolder::new("folder", files.map(|(name, bytes)| (name.to_owned(), bytes)).into())
    }

    fn open(config: &str, tensors: &Tensors) -> Session {
        let folder = folder(config, tensors);
        block_on(Session::open(folder, ComputeDevice::cpu(), Dtype::F32, &mut Silent, &Abort::default())).unwrap()
    }

    fn numbers(session: &Session) -> BTreeMap<String, Vec<f32>> {
        let read = |(key, tensor): (String, DeviceTensor)| (key, tensor.values.into_data().try_into_vec().unwrap());
        collect(session.model()).into_iter().map(read).collect()
    }

    /// The fixture's tensors doubled, under CLIP's names and in its shapes.
    fn as_clip(config: &str, tensors: &Tensors) -> (String, Tensors) {
        let mut config: serde_json::Value = serde_json::from_str(config).unwrap();
        config.as_object_mut().unwrap().remove("frames");
        config["ctx"] = 23.into();
        let mut clip = Tensors::new();
        for (name, (shape, values)) in tensors {
            let doubled: Vec<f32> = values.iter().map(|x| 2.0 * x).collect();
            match name.as_str() {
                "temp" | "vision_encoder.temporal_positional_embedding" => {}
                "vision_encoder.conv1.weight" => {
                    let shape = vec![shape[0], shape[1], shape[3], shape[4]];
                    clip.insert("visual.conv1.weight".to_owned(), (shape, doubled));
                }
                "text_encoder.positional_embedding" => {
                    let longer = [doubled, vec![9.0; 3 * shape[1]]].concat();
                    clip.insert("positional_embedding".to_owned(), (vec![shape[0] + 3, shape[1]], longer));
                }
                _ => {
                    let name = name.replace("vision_encoder.", "visual.").replace("text_encoder.", "");
                    clip.insert(name, (shape.clone(), doubled));
                }
            }
        }
        clip.insert("logit_scale".to_owned(), (Vec::new(), vec![1.0]));
        (config.to_string(), clip)
    }

    #[test]
    fn weights_are_averaged_with_clip_s_and_the_rest_stays() {
        let (config, tensors) = fixture("viclip_tiny_ids");
        let own = numbers(&open(&config, &tensors));
        let (clip_config, clip) = as_clip(&config, &tensors);
        for share in [1.0, 0.5, 0.25, 0.0] {
            let base = folder(&clip_config, &clip);
            let mixed =
                block_on(open(&config, &tensors).mixed_with(base, share, &mut Silent, &Abort::default())).unwrap();
            for (key, values) in numbers(&mixed) {
                let kept = key == "temp" || key.ends_with("temporal_positional_embedding");
                let factor = if kept { 1.0 } else { 2.0 - share as f32 };
                for (value, before) in values.iter().zip(&own[&key]) {
                    assert!(
                        (value - factor * before).abs() <= 1e-6 * before.abs(),
                        "{key} at {share}: {value}, {before}"
                    );
                }
            }
        }
    }

    #[test]
    fn internvideo2_is_averaged_with_another_internvideo2() {
        let (config, tensors) = fixture("internvideo2_tiny");
        let own = numbers(&open(&config, &tensors));
        let doubled = tensors.iter().map(|(name, (shape, values))| {
            (name.clone(), (shape.clone(), values.iter().map(|x| 2.0 * x).collect::<Vec<f32>>()))
        });
        let base = folder(&config, &doubled.collect());
        let mixed = block_on(open(&config, &tensors).mixed_with(base, 0.25, &mut Silent, &Abort::default())).unwrap();
        let mixed = numbers(&mixed);
        assert!(mixed.len() == own.len() && own.len() > 100);
        for (key, values) in mixed {
            let factor = if key == "temp" { 1.0 } else { 1.75 };
            for (value, before) in values.iter().zip(&own[&key]) {
                assert!((value - factor * before).abs() <= 1e-6 * before.abs(), "{key}: {value}, {before}");
            }
        }
    }

    #[test]
    fn another_architecture_and_no_share_are_refused() {
        let (config, tensors) = fixture("viclip_tiny_ids");
        let (memory, disk) = (folder(&config, &tensors), DiskFolder::open("tests/fixtures/viclip_tiny").unwrap());
        for share in [-0.1, 1.5, f64::NAN] {
            let mixed = block_on(open(&config, &tensors).mixed_with(&memory, share, &mut Silent, &Abort::default()));
            assert_eq!(mixed.err().unwrap().code(), "invalid-input");
        }
        let mixed = block_on(open(&config, &tensors).mixed_with(disk, 0.5, &mut Silent, &Abort::default()));
        assert_eq!(mixed.err().unwrap().code(), "shape-mismatch");
    }
}
