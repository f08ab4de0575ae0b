//! One line that tells a base model from any other, so that an adapter is not put on the wrong one.
//!
//! For every parameter, in the byte order of the keys: the line `KEY [EXTENTS] HASH`, closed by a newline. `EXTENTS` are
//! decimal numbers with `, ` between (nothing for a scalar), `HASH` is the sha256 of the row-major numbers as
//! little-endian f16, rounded to nearest, ties to even; hex is lower-case. The fingerprint is the sha256 of these lines.
//!
//! Rounding to f16 is on purpose: a model and its f16 copy are the same base, and an adapter trained on the one serves
//! the other. Fine-tuned weights differ: of millions of numbers, some pass a rounding boundary.

use super::index::hex;
use super::module::collect;
use crate::error::{Error, Result};
use crate::model::is_adapter_key;
use burn::module::Module;
use half::f16;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The fingerprint of a module's parameters as they are now; factors of adapters do not count, so adapters must not be
/// merged. Reads every tensor back from the device, one at a time.
///
/// # Errors
/// [`Error::Compute`] where the device fails.
pub async fn fingerprint<M: Module>(module: &M) -> Result<String> {
    let mut lines = BTreeMap::new();
    for (key, tensor) in collect(module) {
        if is_adapter_key(&key) {
            continue;
        }
        let data = tensor.data().await?.convert::<f32>();
        let values: Vec<f32> = data.try_to_vec().map_err(|error| Error::Compute { reason: format!("{error:?}") })?;
        lines.insert(key, (tensor.shape, hash_of(&values)));
    }
    let mut text = String::new();
    for (key, (shape, hash)) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} {shape:?} {hash}");
    }
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    Ok(hex(hash))
}

/// In pieces, so that the f16 copy of a large tensor is never whole in memory.
fn hash_of(values: &[f32]) -> String {
    let mut hash = Sha256::new();
    let mut bytes = Vec::new();
    for piece in values.chunks(1 << 16) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()));
        hash.update(&bytes);
    }
    hex(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LoraConfig;
    use crate::event::{Abort, Silent};
    use crate::model::VideoTextModel;
    use crate::source::DiskFolder;
    use crate::weights::ModelFolder;
    use crate::weights::module::{LoadRules, apply};
    use burn::module::{ModuleMapper, Param};
    use burn::tensor::{Device, FloatDType, Tensor};
    use pollster::block_on;

    /// Of tests/fixtures/viclip_tiny_ids/checkpoint.safetensors, by Python's standard library (tests/peft/fingerprint.py).
    const VICLIP_TINY_IDS: &str = "10fd3afc088ee532c88bad0cd2268679bcd65f168bf8e917a774e53966a5e2df";

    fn model() -> VideoTextModel {
        let folder = DiskFolder::open("tests/fixtures/viclip_tiny_ids").unwrap();
        let folder = block_on(ModelFolder::open(folder)).unwrap();
        let tensors = block_on(folder.load(&Device::flex(), &mut Silent, &Abort::default())).unwrap();
        apply(VideoTextModel::empty(folder.config(), &Device::flex()), tensors, "x", &LoadRules::default()).unwrap()
    }

    struct Change(fn(f32) -> f32, FloatDType);

    impl ModuleMapper for Change {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let (shape, device) = (tensor.shape(), tensor.device());
                let values: Vec<f32> = tensor.into_data().try_into_vec().unwrap();
                let values: Vec<f32> = values.into_iter().map(self.0).collect();
                Tensor::<D>::from_data(burn::tensor::TensorData::new(values, shape), &device).cast(self.1)
            })
        }
    }

    #[test]
    fn it_is_what_another_program_computes() {
        assert_eq!(block_on(fingerprint(&model())).unwrap(), VICLIP_TINY_IDS);
    }

    #[test]
    fn half_precision_copies_and_adapters_do_not_change_it_other_weights_do() {
        let of = |change: fn(f32) -> f32| {
            let changed = model().map(&mut Change(change, FloatDType::F32));
            block_on(fingerprint(&changed)).unwrap()
        };
        assert_eq!(of(|x| x), VICLIP_TINY_IDS);
        assert_eq!(of(|x| f16::from_f32(x).to_f32()), VICLIP_TINY_IDS);
        assert_ne!(of(|x| x * 1.0005), VICLIP_TINY_IDS);
        let half = model().map(&mut Change(|x| x, FloatDType::F16));
        assert_eq!(block_on(fingerprint(&half)).unwrap(), VICLIP_TINY_IDS);
        let mut adapted = model();
        adapted.add_adapters(&LoraConfig::default(), 1).unwrap();
        assert_eq!(block_on(fingerprint(&adapted)).unwrap(), VICLIP_TINY_IDS);
    }
}
