//! Attention pooling of the video encoder's tokens (models.md 2.1, step 3).

use crate::config::{Internvideo2Config, ModelConfig};
use crate::nn::{LayerNorm, Linear, Projection, attend, join_heads, lazy, split_heads};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// The mean of all tokens asks all tokens.
#[derive(Module, Debug)]
pub struct AttentionPooling {
    /// Of the query.
    pub norm1_q: LayerNorm,
    /// Of the tokens as keys.
    pub norm1_k: LayerNorm,
    /// Of the tokens as values.
    pub norm1_v: LayerNorm,
    /// The attention.
    pub cross_attn: CrossAttention,
}

impl AttentionPooling {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(config: &ModelConfig, own: &Internvideo2Config, device: &Device) -> Self {
        let norm = || LayerNorm::empty(config.vision.width, config.layer_norm_eps, device);
        Self {
            norm1_q: norm(),
            norm1_k: norm(),
            norm1_v: norm(),
            cross_attn: CrossAttention::empty(config.vision.width, own, device),
        }
    }

    /// `[batch, tokens, width]` to `[batch, 1, pooled width]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let query = self.norm1_q.forward(x.clone().mean_dim(1));
        let (key, value) = (self.norm1_k.forward(x.clone()), self.norm1_v.forward(x));
        self.cross_attn.forward(query, key, value)
    }
}

/// Attention with a projection for each of its inputs, whose biases are tensors of their own.
#[derive(Module, Debug)]
pub struct CrossAttention {
    /// Of the query, `[width]`.
    pub q_bias: Param<Tensor<1>>,
    /// Of the keys, `[width]`.
    pub k_bias: Param<Tensor<1>>,
    /// Of the values, `[width]`.
    pub v_bias: Param<Tensor<1>>,
    /// Width to width.
    pub q: Projection,
    /// Width to width.
    pub k: Projection,
    /// Width to width.
    pub v: Projection,
    /// Width to pooled width.
    pub proj: Linear,
    #[module(skip)]
    heads: usize,
}

impl CrossAttention {
    fn empty(width: usize, own: &Internvideo2Config, device: &Device) -> Self {
        let (bias, projection) = (|| lazy([width], device), || Projection::empty(width, width, device));
        Self {
            q_bias: bias(),
            k_bias: bias(),
            v_bias: bias(),
            q: projection(),
            k: projection(),
            v: projection(),
            proj: Linear::empty(width, own.pooled_width, device),
            heads: own.pooling_heads,
        }
    }

    fn forward(&self, query: Tensor<3>, key: Tensor<3>, value: Tensor<3>) -> Tensor<3> {
        let heads = |x: Tensor<3>, map: &Projection, bias: &Param<Tensor<1>>| -> Tensor<4> {
            let [heads] = split_heads(map.forward(x) + bias.val().unsqueeze::<3>(), self.heads);
            heads
        };
        let q = heads(query, &self.q, &self.q_bias);
        let (k, v) = (heads(key, &self.k, &self.k_bias), heads(value, &self.v, &self.v_bias));
        self.proj.forward(join_heads(attend(q, k, v, None)))
    }
}
