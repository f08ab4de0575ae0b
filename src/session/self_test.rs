//! Does this device compute right? A tiny model with scene-graph tokens runs on it and on the CPU; the numbers must
//! agree. Drivers that compute wrong numbers without any error exist (SPIR-V on SwiftShader), so this runs at start.

use crate::config::{ModelConfig, SceneTokensConfig, SceneTokensVariant, TextConfig, VisionConfig};
use crate::error::{Error, Result};
use crate::model::{VideoOptions, VideoTextModel};
use crate::platform::{ComputeDevice, DeviceName};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Largest difference allowed between two devices; embeddings have a scale of 1. A right driver stays below 1e-5.
pub const SELF_TEST_TOLERANCE: f64 = 1e-3;

fn config() -> ModelConfig {
    ModelConfig {
        embed_dim: 16,
        vision: VisionConfig {
            image_size: 16,
            patch_size: 8,
            width: 32,
            layers: 2,
            heads: 2,
            frames: 2,
            proxy_tokens: 0,
        },
        text: TextConfig {
            context_length: 8,
            vocab_size: 64,
            width: 32,
            layers: 1,
            heads: 2,
            ..ModelConfig::viclip_b16().text
        },
        scene_tokens: SceneTokensConfig {
            variant: SceneTokensVariant::Block,
            tokens: 3,
            heads: 2,
            ..SceneTokensConfig::default()
        },
        ..ModelConfig::viclip_b16()
    }
}

/// Compares a device with the CPU: one clip and one caption through a tiny model of fixed weights. Returns the largest
/// difference.
///
/// # Errors
/// [`Error::SelfTest`] above [`SELF_TEST_TOLERANCE`], or what the device reports.
pub async fn self_test(device: &ComputeDevice) -> Result<f64> {
    if device.name() == DeviceName::Cpu {
        return Ok(0.0);
    }
    let expected = forward(&Device::flex()).await?;
    let got = forward(device.device()).await?;
    device.check()?;
    let difference = expected
        .iter()
        .zip(&got)
        .map(|(a, b)| f64::from((a - b).abs()))
        // f64::max would forget a NaN.
        .fold(0.0, |worst: f64, d| if worst.is_nan() || worst >= d { worst } else { d });
    if difference <= SELF_TEST_TOLERANCE {
        Ok(difference)
    } else {
        let check = "forward pass of a tiny model".to_owned();
        Err(Error::SelfTest { device: device.name().to_string(), check, difference, tolerance: SELF_TEST_TOLERANCE })
    }
}

/// Clip and caption embedding of the tiny model, one after the other.
async fn forward(device: &Device) -> Result<Vec<f32>> {
    let model = VideoTextModel::init(&config(), 7, device);
    let pixels: Vec<f32> = (0..2 * 3 * 16 * 16).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect();
    let pixels = Tensor::<5>::from_data(TensorData::new(pixels, [1, 2, 3, 16, 16]), device);
    let ids = Tensor::<2, Int>::from_data(TensorData::new(vec![62, 5, 17, 40, 63, 0, 0, 0], [1, 8]), device);
    let video = model.encode_video(pixels, &VideoOptions::default())?.embed;
    let both = Tensor::cat(vec![video, model.encode_text(ids)?], 0);
    let data = both.into_data_async().await.map_err(|error| Error::Compute { reason: format!("{error:?}") })?;
    data.convert::<f32>().try_into_vec::<f32>().map_err(|error| Error::Compute { reason: format!("{error:?}") })
}
