//! From pixels and token ids to the first token vectors.

use crate::nn::param::lazy;
use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor};

/// Patch embedding of CLIP: a convolution whose stride is its size, without bias.
#[derive(Module, Debug)]
pub struct PatchConv {
    /// `[width, 3, patch, patch]`.
    pub weight: Param<Tensor<4>>,
}

impl PatchConv {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, patch: usize, device: &Device) -> Self {
        Self { weight: lazy([width, 3, patch, patch], device) }
    }

    /// `[frames, 3, side, side]` to `[frames, patches, width]`, patches row by row.
    #[must_use]
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        patchify(pixels, self.weight.val(), None)
    }
}

/// Patch embedding of ViCLIP: the same, stored as a 3-D convolution that is one frame deep.
#[derive(Module, Debug)]
pub struct TubeletConv {
    /// `[width, 3, 1, patch, patch]`.
    pub weight: Param<Tensor<5>>,
}

impl TubeletConv {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, patch: usize, device: &Device) -> Self {
        Self { weight: lazy([width, 3, 1, patch, patch], device) }
    }

    /// `[frames, 3, side, side]` to `[frames, patches, width]`, patches row by row.
    #[must_use]
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        patchify(pixels, self.weight.val().squeeze_dim::<4>(2), None)
    }
}

/// Patch embedding of InternVideo2: [`TubeletConv`] with a bias.
#[derive(Module, Debug)]
pub struct BiasedTubeletConv {
    /// `[width, 3, 1, patch, patch]`.
    pub weight: Param<Tensor<5>>,
    /// `[width]`.
    pub bias: Param<Tensor<1>>,
}

impl BiasedTubeletConv {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, patch: usize, device: &Device) -> Self {
        Self { weight: lazy([width, 3, 1, patch, patch], device), bias: lazy([width], device) }
    }

    /// `[frames, 3, side, side]` to `[frames, patches, width]`, patches row by row.
    #[must_use]
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        patchify(pixels, self.weight.val().squeeze_dim::<4>(2), Some(self.bias.val()))
    }
}

/// A convolution rather than a reshape and a matrix product: measured to be faster on the CPU device.
fn patchify(pixels: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [width, _, patch, _] = weight.dims();
    let grid = conv2d(pixels, weight, bias, ConvOptions::new([patch, patch], [0, 0], [1, 1], 1));
    let [frames, _, rows, columns] = grid.dims();
    grid.reshape([frames, width, rows * columns]).swap_dims(1, 2)
}

/// Vectors of token ids.
#[derive(Module, Debug)]
pub struct TokenEmbedding {
    /// `[vocabulary, width]`.
    pub weight: Param<Tensor<2>>,
}

impl TokenEmbedding {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(vocabulary: usize, width: usize, device: &Device) -> Self {
        Self { weight: lazy([vocabulary, width], device) }
    }

    /// `ids` `[batch, positions]` to `[batch, positions, width]`.
    #[must_use]
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [batch, positions] = ids.dims();
        let weight = self.weight.val();
        let width = weight.dims()[1];
        weight.select(0, ids.reshape([batch * positions])).reshape([batch, positions, width])
    }
}
