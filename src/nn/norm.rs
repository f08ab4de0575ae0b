//! Normalisations over the last axis.

use crate::nn::param::lazy;
use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor, module::layer_norm};

/// `(x - mean) / sqrt(variance + eps) * weight + bias` with the biased variance.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[width]`.
    pub weight: Param<Tensor<1>>,
    /// `[width]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    eps: f64,
}

impl LayerNorm {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, eps: f64, device: &Device) -> Self {
        Self { weight: lazy([width], device), bias: lazy([width], device), eps }
    }

    /// Any shape that ends in `width`.
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), self.eps)
    }
}

/// `weight * x / sqrt(mean(x^2) + eps)`, computed in f32 whatever the number type of `x`.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[width]`.
    pub weight: Param<Tensor<1>>,
    #[module(skip)]
    eps: f64,
}

impl RmsNorm {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, eps: f64, device: &Device) -> Self {
        Self { weight: lazy([width], device), eps }
    }

    /// `[batch, tokens, width]` to the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let dtype = x.dtype();
        let x = x.cast(FloatDType::F32);
        let mean_square = (x.clone() * x.clone()).mean_dim(2);
        let normal = x / (mean_square + self.eps).sqrt();
        normal.cast(dtype) * self.weight.val().unsqueeze::<3>()
    }
}

/// Rows of length one: `x / max(|x|, 1e-12)` over the last axis.
#[must_use]
pub fn unit<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Clamped before the root, whose gradient at zero is infinite.
    let length = (x.clone() * x.clone()).sum_dim(D - 1).clamp_min(1e-24).sqrt();
    x / length
}
