//! Multi-head attention that never holds more than a slice of its score matrix.

use crate::nn::linear::{Linear, affine};
use crate::nn::param::lazy;
use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

/// Scores that are held at once, in numbers: 64 MiB of f32. The whole matrix of ViCLIP-B/16 with SG tokens
/// (12 heads, 1665 tokens, two clips) passes the 128 MiB that WebGPU binds by default.
const SCORES_AT_ONCE: usize = 16 << 20;

/// Additive mask value whose exponential is zero. Not infinity: WGSL lets a compiler assume there is none.
pub const FULLY_MASKED: f32 = -1e9;

/// Self-attention with the fused projection of PyTorch's `MultiheadAttention`.
#[derive(Module, Debug)]
pub struct Attention {
    /// Rows `[q; k; v]`: `[3 width, width]`.
    pub in_proj_weight: Param<Tensor<2>>,
    /// `[3 width]`.
    pub in_proj_bias: Param<Tensor<1>>,
    /// Width to width.
    pub out_proj: Linear,
    #[module(skip)]
    heads: usize,
}

impl Attention {
    /// Not yet filled weights.
    #[must_use]
    pub fn empty(width: usize, heads: usize, device: &Device) -> Self {
        Self {
            in_proj_weight: lazy([3 * width, width], device),
            in_proj_bias: lazy([3 * width], device),
            out_proj: Linear::empty(width, width, device),
            heads,
        }
    }

    /// `x` `[batch, tokens, width]` attends to itself; `mask` `[1, 1, tokens, tokens]` is added to the scores.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let [q, k, v] = self.qkv(x);
        self.out_proj.forward(join_heads(attend(q, k, v, mask)))
    }

    /// As [`Attention::forward`] without a mask, with the attention of token 0 (CLS) beside it: `[batch, heads, tokens]`.
    #[must_use]
    pub fn forward_with_first_query(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let [q, k, v] = self.qkv(x);
        let row = attention_of_first_query(q.clone(), k.clone());
        (self.out_proj.forward(join_heads(attend(q, k, v, None))), row)
    }

    fn qkv(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        project(x, self.in_proj_weight.val(), self.in_proj_bias.val(), self.heads)
    }
}

/// One matrix product for `N` projections, split into heads: `x` `[batch, tokens, in]`, `weight` `[N width, in]`,
/// each result `[batch, heads, tokens, width / heads]` (views of one buffer where the device has strides).
#[must_use]
pub fn project<const N: usize>(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, heads: usize) -> [Tensor<4>; N] {
    let projected = affine(x, weight, bias);
    let [batch, tokens, all] = projected.dims();
    let split = projected.reshape([batch, tokens, N, heads, all / N / heads]).permute([2, 0, 3, 1, 4]);
    std::array::from_fn(|i| split.clone().narrow(0, i, 1).squeeze_dim::<4>(0))
}

/// `[batch, heads, tokens, size]` to `[batch, tokens, heads * size]`.
pub(super) fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, tokens, size] = x.dims();
    x.swap_dims(1, 2).reshape([batch, tokens, heads * size])
}

/// `softmax(q k^T / sqrt(size) + mask) v` for any number of queries and keys, in blocks of queries:
/// `query` `[batch, heads, queries, size]`, `key` and `value` `[batch, heads, keys, size]`, `mask` `[1, 1, queries, keys]`.
#[must_use]
pub fn attend(query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, mask: Option<Tensor<4>>) -> Tensor<4> {
    let [batch, heads, _, _] = query.dims();
    let keys = key.dims()[2];
    let rows = (SCORES_AT_ONCE / (batch * heads * keys).max(1)).max(1);
    attend_in_blocks(query, key, value, mask, rows)
}

/// [`attend`] with at most `rows` queries at once.
#[must_use]
pub fn attend_in_blocks(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    mask: Option<Tensor<4>>,
    rows: usize,
) -> Tensor<4> {
    let [_, _, queries, size] = query.dims();
    let query = query / (size as f64).sqrt();
    let key = key.transpose();
    if queries <= rows {
        return weigh(query, key, value, mask);
    }
    let blocks = (0..queries).step_by(rows).map(|start| {
        let length = rows.min(queries - start);
        let mask = mask.clone().map(|mask| mask.narrow(2, start, length));
        weigh(query.clone().narrow(2, start, length), key.clone(), value.clone(), mask)
    });
    Tensor::cat(blocks.collect(), 2)
}

/// One block: scaled queries, transposed keys.
fn weigh(query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, mask: Option<Tensor<4>>) -> Tensor<4> {
    let scores = query.matmul(key);
    let scores = match mask {
        Some(mask) => scores + mask,
        None => scores,
    };
    softmax(scores, 3).matmul(value)
}

/// The weights with which query 0 (CLS) attends to every key, without the rest of the matrix:
/// `query`, `key` `[batch, heads, tokens, size]` to `[batch, heads, tokens]`.
#[must_use]
pub fn attention_of_first_query(query: Tensor<4>, key: Tensor<4>) -> Tensor<3> {
    let size = query.dims()[3];
    let scores = query.narrow(2, 0, 1).matmul(key.transpose()) / (size as f64).sqrt();
    softmax(scores, 3).squeeze_dim::<3>(2)
}
