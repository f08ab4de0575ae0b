//! Pre-norm transformer blocks (models.md 1.3, step 5).

use crate::config::Activation;
use crate::nn::{Attention, LayerNorm, Lora, Mlp};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// `x += attn(ln_1(x)); x += mlp(ln_2(x))`.
#[derive(Module, Debug)]
pub struct ResidualAttentionBlock {
    /// Self-attention.
    pub attn: Attention,
    /// Before the attention.
    pub ln_1: LayerNorm,
    /// Before the MLP.
    pub ln_2: LayerNorm,
    /// Four times as wide inside.
    pub mlp: Mlp,
}

impl ResidualAttentionBlock {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, heads: usize, eps: f64, activation: Activation, device: &Device) -> Self {
        Self {
            attn: Attention::empty(width, heads, device),
            ln_1: LayerNorm::empty(width, eps, device),
            ln_2: LayerNorm::empty(width, eps, device),
            mlp: Mlp::empty(width, activation, device),
        }
    }

    /// `[batch, tokens, width]` to the same; `mask` `[1, 1, tokens, tokens]` is added to the scores.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let attended = self.attn.forward(self.ln_1.forward(x.clone()), mask);
        self.add_mlp(x + attended)
    }

    /// As [`ResidualAttentionBlock::forward`] without a mask, with the attention of token 0 (CLS) beside it:
    /// `[batch, heads, tokens]`.
    #[must_use]
    pub fn forward_with_first_query(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let (attended, row) = self.attn.forward_with_first_query(self.ln_1.forward(x.clone()));
        (self.add_mlp(x + attended), row)
    }

    /// As [`ResidualAttentionBlock::forward`], tokens attending as in [`Attention::forward_by_frame`]; on request with the
    /// attention of token 0 (CLS), `[batch, heads, tokens]`.
    #[must_use]
    pub fn forward_by_frame(
        &self,
        x: Tensor<3>,
        shared: usize,
        frames: usize,
        row_wanted: bool,
    ) -> (Tensor<3>, Option<Tensor<3>>) {
        let (attended, row) = self.attn.forward_by_frame(self.ln_1.forward(x.clone()), shared, frames, row_wanted);
        (self.add_mlp(x + attended), row)
    }

    fn add_mlp(&self, x: Tensor<3>) -> Tensor<3> {
        x.clone() + self.mlp.forward(self.ln_2.forward(x))
    }
}

impl Adaptable for ResidualAttentionBlock {
    fn linears_mut(&mut self) -> Vec<LinearSlot<'_>> {
        let Attention { in_proj_weight, in_proj_lora, out_proj, .. } = &mut self.attn;
        let Mlp { c_fc, c_proj, .. } = &mut self.mlp;
        vec![
            LinearSlot { name: "attn.in_proj", weight: in_proj_weight, lora: in_proj_lora },
            out_proj.slot("attn.out_proj"),
            c_fc.slot("mlp.c_fc"),
            c_proj.slot("mlp.c_proj"),
        ]
    }
}

/// A block whose linear maps can carry adapters.
pub trait Adaptable {
    /// Its linear maps.
    fn linears_mut(&mut self) -> Vec<LinearSlot<'_>>;
}

/// A linear map of a block, for whoever puts an adapter on it or merges one.
#[derive(Debug)]
pub struct LinearSlot<'a> {
    /// Its path in the block, e.g. `attn.in_proj`, `mlp.c_fc`.
    pub name: &'static str,
    /// `[out, in]`.
    pub weight: &'a mut Param<Tensor<2>>,
    /// Its adapter.
    pub lora: &'a mut Option<Lora>,
}

/// A stack of blocks.
#[derive(Module, Debug)]
pub struct Transformer {
    /// The blocks, first to last. Public so that a caller can walk them one at a time: to give way to the page between
    /// blocks, or to recompute them in the backward pass.
    pub resblocks: Vec<ResidualAttentionBlock>,
}

impl Transformer {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, layers: usize, heads: usize, eps: f64, activation: Activation, device: &Device) -> Self {
        let block = |_| ResidualAttentionBlock::empty(width, heads, eps, activation, device);
        Self { resblocks: (0..layers).map(block).collect() }
    }

    /// `[batch, tokens, width]` to the same; `mask` `[1, 1, tokens, tokens]` is added to every block's scores.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        self.resblocks.iter().fold(x, |x, block| block.forward(x, mask.clone()))
    }
}
