//! Shared by the test binaries: fixtures as tensors, comparison, and the device under test.
#![allow(dead_code, clippy::unwrap_used)]

pub mod prng;

use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use sgcr::config::ModelConfig;
use sgcr::model::VideoTextModel;
use sgcr::platform::ComputeDevice;
use sgcr::weights::module::{DeviceTensor, LoadRules, apply};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The device under test: `SGCR_TEST_DEVICE` (`cpu`, `webgpu`, `cuda:N`), else the CPU.
pub fn test_device() -> Device {
    let name = std::env::var("SGCR_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    sgcr::platform::block_on(ComputeDevice::open(name.parse().unwrap())).unwrap().device().clone()
}

/// `tests/fixtures/<name>`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A tensor as the file has it, widened to f32 (or kept as i64).
#[derive(Debug, Clone)]
pub struct Stored {
    pub shape: Vec<usize>,
    pub floats: Vec<f32>,
}

impl Stored {
    pub fn tensor<const D: usize>(&self, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.floats.clone(), self.shape.clone()), device)
    }

    pub fn ids(&self, device: &Device) -> Tensor<2, Int> {
        let ids: Vec<i32> = self.floats.iter().map(|&id| id as i32).collect();
        Tensor::from_data(TensorData::new(ids, self.shape.clone()), device)
    }
}

/// Every tensor of a safetensors file; integers become (exact) floats.
pub fn read(path: &str) -> BTreeMap<String, Stored> {
    let bytes = std::fs::read(fixture(path)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let widen = |dtype: Dtype, data: &[u8]| -> Vec<f32> {
        match dtype {
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::I32 => data.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
            Dtype::I64 => data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
            Dtype::U8 => data.iter().map(|&b| f32::from(b)).collect(),
            other => panic!("no fixture holds {other:?}"),
        }
    };
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            let floats = widen(view.dtype(), view.data());
            (name, Stored { shape: view.shape().to_vec(), floats })
        })
        .collect()
}

/// `config.json` of a fixture.
pub fn config(name: &str) -> ModelConfig {
    let text = std::fs::read_to_string(fixture(&format!("{name}/config.json"))).unwrap();
    ModelConfig::from_json(&text, "config.json").unwrap()
}

/// Tensors on the device, as the loaders hand them to `apply`.
pub fn on_device(stored: &BTreeMap<String, Stored>, device: &Device) -> BTreeMap<String, DeviceTensor> {
    let upload = |stored: &Stored| DeviceTensor {
        shape: stored.shape.clone(),
        values: Tensor::from_data(TensorData::new(stored.floats.clone(), [stored.floats.len()]), device),
    };
    stored.iter().map(|(name, stored)| (name.clone(), upload(stored))).collect()
}

/// A model with all its weights.
pub fn load(config: &ModelConfig, stored: &BTreeMap<String, Stored>, device: &Device) -> VideoTextModel {
    let empty = VideoTextModel::empty(config, device);
    apply(empty, on_device(stored, device), "fixture", &LoadRules::published()).unwrap()
}

/// Numbers of a tensor, on the host.
pub fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().unwrap()
}

/// Largest `|a - b| - rtol * |b|`, and a check of the shape.
pub fn excess<const D: usize>(got: Tensor<D>, expected: &Stored, rtol: f32) -> f32 {
    assert_eq!(got.dims().as_slice(), expected.shape.as_slice());
    let differences = floats(got).into_iter().zip(&expected.floats).map(|(a, b)| {
        assert!(a.is_finite());
        (a - b).abs() - rtol * b.abs()
    });
    differences.fold(0.0, f32::max)
}

/// Asserts `|got - expected| <= atol + rtol * |expected|` everywhere.
pub fn assert_close<const D: usize>(what: &str, got: Tensor<D>, expected: &Stored, rtol: f32, atol: f32) {
    let excess = excess(got, expected, rtol);
    assert!(excess <= atol, "{what}: off by {excess:e}, allowed {atol:e}");
}
