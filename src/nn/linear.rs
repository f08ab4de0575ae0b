//! Linear maps with the checkpoint's `[out, in]` weights.

use crate::nn::param::lazy;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// `y = x W^T + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Not yet filled weights for `inputs` to `outputs` features.
    #[must_use]
    pub fn empty(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { weight: lazy([outputs, inputs], device), bias: lazy([outputs], device) }
    }

    /// `[batch, tokens, in]` to `[batch, tokens, out]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        affine(x, self.weight.val(), self.bias.val())
    }
}

/// `x W^T + b` as one matrix product over all tokens: `x` `[batch, tokens, in]`, `weight` `[out, in]`, `bias` `[out]`.
#[must_use]
pub fn affine(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    let [batch, tokens, inputs] = x.dims();
    let [outputs, _] = weight.dims();
    let y = x.reshape([batch * tokens, inputs]).matmul(weight.transpose()) + bias.unsqueeze::<2>();
    y.reshape([batch, tokens, outputs])
}
