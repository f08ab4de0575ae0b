//! Blocks of the video encoder (models.md 2.1, step 2).

use crate::config::{Activation, Internvideo2Config, ModelConfig};
use crate::nn::{
    Adaptable, Linear, LinearSlot, Projection, RmsNorm, activate, attend, attention_of_first_query, join_heads, lazy,
    split_heads,
};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Epsilon of every RMS norm.
const RMS_EPS: f64 = 1e-6;

/// `x += ls1 * attn(norm1(x)); x += ls2 * mlp(norm2(x))`.
#[derive(Module, Debug)]
pub struct VisionBlock {
    /// Before the attention.
    pub norm1: RmsNorm,
    /// Self-attention.
    pub attn: VisionAttention,
    /// Scale of what the attention adds.
    pub ls1: LayerScale,
    /// Before the MLP.
    pub norm2: RmsNorm,
    /// Two layers.
    pub mlp: VisionMlp,
    /// Scale of what the MLP adds.
    pub ls2: LayerScale,
}

impl VisionBlock {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(config: &ModelConfig, own: &Internvideo2Config, device: &Device) -> Self {
        let width = config.vision.width;
        Self {
            norm1: RmsNorm::empty(width, RMS_EPS, device),
            attn: VisionAttention::empty(width, config.vision.heads, device),
            ls1: LayerScale::empty(width, device),
            norm2: RmsNorm::empty(width, RMS_EPS, device),
            mlp: VisionMlp::empty(width, own.vision_hidden, config.activation, device),
            ls2: LayerScale::empty(width, device),
        }
    }

    /// `[batch, tokens, width]` to the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let attended = self.attn.forward(self.norm1.forward(x.clone()));
        self.add(x, attended)
    }

    /// As [`VisionBlock::forward`], with the attention of token 0 (CLS) beside it: `[batch, heads, tokens]`.
    #[must_use]
    pub fn forward_with_first_query(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let (attended, row) = self.attn.forward_with_first_query(self.norm1.forward(x.clone()));
        (self.add(x, attended), row)
    }

    fn add(&self, x: Tensor<3>, attended: Tensor<3>) -> Tensor<3> {
        let x = x + self.ls1.forward(attended);
        let hidden = self.mlp.forward(self.norm2.forward(x.clone()));
        x + self.ls2.forward(hidden)
    }
}

impl Adaptable for VisionBlock {
    fn linears_mut(&mut self) -> Vec<LinearSlot<'_>> {
        let (attn, mlp) = (&mut self.attn, &mut self.mlp);
        vec![attn.qkv.slot("attn.qkv"), attn.proj.slot("attn.proj"), mlp.fc1.slot("mlp.fc1"), mlp.fc2.slot("mlp.fc2")]
    }
}

/// Self-attention whose queries and keys are normalised over all heads together.
#[derive(Module, Debug)]
pub struct VisionAttention {
    /// Rows `[q; k; v]`: `[3 width, width]`.
    pub qkv: Projection,
    /// Width to width.
    pub proj: Linear,
    /// Of the queries, before they are split into heads.
    pub q_norm: RmsNorm,
    /// Of the keys, before they are split into heads.
    pub k_norm: RmsNorm,
    #[module(skip)]
    heads: usize,
}

impl VisionAttention {
    fn empty(width: usize, heads: usize, device: &Device) -> Self {
        Self {
            qkv: Projection::empty(width, 3 * width, device),
            proj: Linear::empty(width, width, device),
            q_norm: RmsNorm::empty(width, RMS_EPS, device),
            k_norm: RmsNorm::empty(width, RMS_EPS, device),
            heads,
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [q, k, v] = self.heads_of(x);
        self.proj.forward(join_heads(attend(q, k, v, None)))
    }

    fn forward_with_first_query(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let [q, k, v] = self.heads_of(x);
        let row = attention_of_first_query(q.clone(), k.clone());
        (self.proj.forward(join_heads(attend(q, k, v, None))), row)
    }

    /// Queries, keys and values, `[batch, heads, tokens, width / heads]` each.
    fn heads_of(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        let width = x.dims()[2];
        let qkv = self.qkv.forward(x);
        let part = |at: usize| qkv.clone().narrow(2, at * width, width);
        let parts = [self.q_norm.forward(part(0)), self.k_norm.forward(part(1)), part(2)];
        parts.map(|part| {
            let [heads] = split_heads(part, self.heads);
            heads
        })
    }
}

/// `fc2(activation(fc1(x)))`.
#[derive(Module, Debug)]
pub struct VisionMlp {
    /// Width to hidden.
    pub fc1: Linear,
    /// Hidden to width.
    pub fc2: Linear,
    #[module(skip)]
    activation: Activation,
}

impl VisionMlp {
    fn empty(width: usize, hidden: usize, activation: Activation, device: &Device) -> Self {
        Self { fc1: Linear::empty(width, hidden, device), fc2: Linear::empty(hidden, width, device), activation }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(activate(self.fc1.forward(x), self.activation))
    }
}

/// A factor for each feature.
#[derive(Module, Debug)]
pub struct LayerScale {
    /// `[width]`.
    pub gamma: Param<Tensor<1>>,
}

impl LayerScale {
    fn empty(width: usize, device: &Device) -> Self {
        Self { gamma: lazy([width], device) }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        x * self.gamma.val().unsqueeze::<3>()
    }
}
