//! Linear maps with the checkpoint's `[out, in]` weights.

use crate::nn::param::lazy;
use crate::nn::{LinearSlot, Lora};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// `y = x W^T + b`, with an adapter's part added where there is one.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// Key `lora`: no part of a checkpoint.
    pub lora: Option<Lora>,
}

impl Linear {
    /// Not yet filled weights for `inputs` to `outputs` features.
    #[must_use]
    pub fn empty(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { weight: lazy([outputs, inputs], device), bias: lazy([outputs], device), lora: None }
    }

    /// `[batch, tokens, in]` to `[batch, tokens, out]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        adapted(x, self.weight.val(), Some(self.bias.val()), self.lora.as_ref())
    }

    /// Itself for an adapter; `name` is its path in its block.
    pub const fn slot(&mut self, name: &'static str) -> LinearSlot<'_> {
        LinearSlot { name, weight: &mut self.weight, lora: &mut self.lora }
    }
}

/// `y = x W^T` without a bias, with an adapter's part added where there is one.
#[derive(Module, Debug)]
pub struct Projection {
    /// `[out, in]`.
    pub weight: Param<Tensor<2>>,
    /// Key `lora`: no part of a checkpoint.
    pub lora: Option<Lora>,
}

impl Projection {
    /// Not yet filled weights for `inputs` to `outputs` features.
    #[must_use]
    pub fn empty(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { weight: lazy([outputs, inputs], device), lora: None }
    }

    /// `[batch, tokens, in]` to `[batch, tokens, out]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        adapted(x, self.weight.val(), None, self.lora.as_ref())
    }

    /// Itself for an adapter; `name` is its path in its block.
    pub const fn slot(&mut self, name: &'static str) -> LinearSlot<'_> {
        LinearSlot { name, weight: &mut self.weight, lora: &mut self.lora }
    }
}

/// `x W^T + b` as one matrix product over all tokens: `x` `[batch, tokens, in]`, `weight` `[out, in]`, `bias` `[out]`.
#[must_use]
pub fn affine(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    adapted(x, weight, Some(bias), None)
}

/// [`affine`] with or without a bias, with an adapter's part added, unless its weights are merged.
#[must_use]
pub fn adapted(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>, lora: Option<&Lora>) -> Tensor<3> {
    let [batch, tokens, inputs] = x.dims();
    let [outputs, _] = weight.dims();
    let x = x.reshape([batch * tokens, inputs]);
    let lora = lora.filter(|lora| !lora.is_merged()).map(|lora| lora.forward(x.clone()));
    let y = x.matmul(weight.transpose());
    let y = match bias {
        Some(bias) => y + bias.unsqueeze::<2>(),
        None => y,
    };
    let y = match lora {
        Some(part) => y + part,
        None => y,
    };
    y.reshape([batch, tokens, outputs])
}
