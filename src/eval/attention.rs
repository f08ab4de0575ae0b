//! How much of the CLS token's attention goes to which tokens, layer by layer (SGCR-Vid, Figure 4).

use crate::model::AttentionShares;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Shares of CLS's attention in one layer, mean over its heads; the three add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LayerShares {
    /// To CLS itself.
    pub cls: f64,
    /// To the SG tokens of all frames.
    pub scene: f64,
    /// To the patch tokens of all frames.
    pub patch: f64,
}

impl LayerShares {
    /// The numbers to be read from a device: `[batch, layers]` shares as `[batch * layers, 3]`.
    #[must_use]
    pub fn numbers(shares: &AttentionShares) -> Tensor<2> {
        let parts = [&shares.cls, &shares.scene, &shares.patch];
        let [batch, layers] = shares.cls.dims();
        Tensor::stack::<3>(parts.map(Tensor::clone).to_vec(), 2).reshape([batch * layers, 3])
    }

    /// What [`Self::numbers`] hold: clip by clip, layer by layer.
    #[must_use]
    pub fn from_numbers(numbers: &[f32]) -> Vec<Self> {
        let rows = numbers.chunks_exact(3).map(|row| [row[0], row[1], row[2]].map(f64::from));
        rows.map(|[cls, scene, patch]| Self { cls, scene, patch }).collect()
    }
}

/// `[CLS, scene-graph tokens, patches]`.
impl From<LayerShares> for [f64; 3] {
    fn from(shares: LayerShares) -> Self {
        [shares.cls, shares.scene, shares.patch]
    }
}

/// Mean of the shares over clips.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttentionMean {
    sums: Vec<LayerShares>,
    clips: u64,
}

impl AttentionMean {
    /// Takes one clip's shares, one entry a layer. All clips must be of one model.
    pub fn add(&mut self, layers: &[LayerShares]) {
        self.sums.resize(self.sums.len().max(layers.len()), LayerShares::default());
        for (sum, layer) in self.sums.iter_mut().zip(layers) {
            sum.cls += layer.cls;
            sum.scene += layer.scene;
            sum.patch += layer.patch;
        }
        self.clips += 1;
    }

    /// Clips taken.
    #[must_use]
    pub const fn clips(&self) -> u64 {
        self.clips
    }

    /// The mean of each layer, the first layer first; none without clips.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerShares> {
        let clips = self.clips as f64;
        let mean = |sum: &LayerShares| LayerShares {
            cls: sum.cls / clips,
            scene: sum.scene / clips,
            patch: sum.patch / clips,
        };
        self.sums.iter().map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn shares_are_read_by_clip_and_layer_and_averaged() {
        let layer = |values: [[f32; 2]; 2]| Tensor::<2>::from_data(values, &Device::flex());
        let shares = AttentionShares {
            cls: layer([[0.5, 0.25], [0.25, 0.125]]),
            scene: layer([[0.25, 0.25], [0.5, 0.125]]),
            patch: layer([[0.25, 0.5], [0.25, 0.75]]),
        };
        let numbers: Vec<f32> = LayerShares::numbers(&shares).into_data().iter::<f32>().collect();
        let read = LayerShares::from_numbers(&numbers);
        assert_eq!(read[1], LayerShares { cls: 0.25, scene: 0.25, patch: 0.5 });
        let mut mean = AttentionMean::default();
        read.chunks(2).for_each(|clip| mean.add(clip));
        assert_eq!(mean.clips(), 2);
        let expected = [
            LayerShares { cls: 0.375, scene: 0.375, patch: 0.25 },
            LayerShares { cls: 0.1875, scene: 0.1875, patch: 0.625 },
        ];
        assert_eq!(mean.layers(), expected);
        assert!(AttentionMean::default().layers().is_empty());
    }
}
