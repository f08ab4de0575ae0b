//! The two-layer perceptron of a block.

use crate::config::Activation;
use crate::nn::host;
use crate::nn::linear::Linear;
use burn::module::Module;
use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::{Device, Tensor};

/// `c_proj(activation(c_fc(x)))`.
#[derive(Module, Debug)]
pub struct Mlp {
    /// Width to hidden.
    pub c_fc: Linear,
    /// Hidden to width.
    pub c_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    /// Not yet filled weights; the hidden layer is four times as wide.
    #[must_use]
    pub fn empty(width: usize, activation: Activation, device: &Device) -> Self {
        Self {
            c_fc: Linear::empty(width, 4 * width, device),
            c_proj: Linear::empty(4 * width, width, device),
            activation,
        }
    }

    /// `[batch, tokens, width]` to the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.c_proj.forward(activate(self.c_fc.forward(x), self.activation))
    }
}

/// Applies `activation` to every element.
#[must_use]
pub fn activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::QuickGelu if host::is_here(&x) => host::quick_gelu(x),
        Activation::QuickGelu if host::is_here_tracked(&x) => host::quick_gelu_tracked(x),
        Activation::QuickGelu => x.clone() * sigmoid(x * 1.702),
        Activation::Gelu => gelu(x),
        Activation::GeluTanh if host::is_here(&x) => host::gelu_tanh(x),
        Activation::GeluTanh if host::is_here_tracked(&x) => host::gelu_tanh_tracked(x),
        // By a sigmoid, which is the same: tanh of large numbers is no number on some GPUs.
        Activation::GeluTanh => {
            let cube = x.clone() * x.clone() * x.clone();
            let power = (x.clone() + cube * host::GELU_CUBE) * host::GELU_SCALE;
            x * sigmoid(power)
        }
    }
}
