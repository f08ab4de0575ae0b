//! Multi-head attention that never holds more than a slice of its score matrix.

use crate::nn::Lora;
use crate::nn::host;
use crate::nn::linear::{Linear, adapted, affine};
use crate::nn::param::lazy;
use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

/// Scores that are held at once, in numbers: 64 MiB of f32. The whole matrix of ViCLIP-B/16 with SG tokens
/// (12 heads, 1665 tokens, two clips) passes the 128 MiB that WebGPU binds by default.
const SCORES_AT_ONCE: usize = 16 << 20;

/// The same where the scores lie in host memory: 8 MiB, what a core's caches still hold.
const SCORES_AT_ONCE_ON_HOST: usize = 2 << 20;

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
    /// Adapter of the fused projection as one `[3 width, width]` matrix; no part of a checkpoint.
    pub in_proj_lora: Option<Lora>,
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
            in_proj_lora: None,
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

    /// As [`Attention::forward`] for `[batch, shared + frames * patches, width]`, where the first `shared` tokens attend to all
    /// and each frame's to these and to its own; on request with the attention of token 0, `[batch, heads, tokens]`.
    #[must_use]
    pub fn forward_by_frame(
        &self,
        x: Tensor<3>,
        shared: usize,
        frames: usize,
        row_wanted: bool,
    ) -> (Tensor<3>, Option<Tensor<3>>) {
        let [q, k, v] = self.qkv(x);
        let row = row_wanted.then(|| attention_of_first_query(q.clone(), k.clone()));
        let [batch, heads, tokens, size] = q.dims();
        let patches = (tokens - shared) / frames;
        // Each frame is a batch item of its own: `[batch * frames, heads, patches, size]`.
        let of_frames = |x: Tensor<4>| {
            let x = x.narrow(2, shared, frames * patches).reshape([batch, heads, frames, patches, size]);
            x.swap_dims(1, 2).reshape([batch * frames, heads, patches, size])
        };
        let with_shared = |x: Tensor<4>| {
            let head = x.clone().narrow(2, 0, shared).reshape([batch, 1, heads, shared, size]);
            let head = head.expand([batch, frames, heads, shared, size]);
            Tensor::cat(vec![head.reshape([batch * frames, heads, shared, size]), of_frames(x)], 2)
        };
        let within = attend(of_frames(q.clone()), with_shared(k.clone()), with_shared(v.clone()), None);
        let within = within.reshape([batch, frames, heads, patches, size]).swap_dims(1, 2);
        let across = attend(q.narrow(2, 0, shared), k, v, None);
        let attended = Tensor::cat(vec![across, within.reshape([batch, heads, frames * patches, size])], 2);
        (self.out_proj.forward(join_heads(attended)), row)
    }

    fn qkv(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        let (weight, bias) = (self.in_proj_weight.val(), self.in_proj_bias.val());
        split_heads(adapted(x, weight, Some(bias), self.in_proj_lora.as_ref()), self.heads)
    }
}

/// One matrix product for `N` projections, split into heads: `x` `[batch, tokens, in]`, `weight` `[N width, in]`,
/// each result `[batch, heads, tokens, width / heads]` (views of one buffer where the device has strides).
#[must_use]
pub fn project<const N: usize>(x: Tensor<3>, weight: Tensor<2>, bias: Tensor<1>, heads: usize) -> [Tensor<4>; N] {
    split_heads(affine(x, weight, bias), heads)
}

/// `[batch, tokens, N width]` to `N` of `[batch, heads, tokens, width / heads]`.
#[must_use]
pub fn split_heads<const N: usize>(projected: Tensor<3>, heads: usize) -> [Tensor<4>; N] {
    let [batch, tokens, all] = projected.dims();
    let split = projected.reshape([batch, tokens, N, heads, all / N / heads]).permute([2, 0, 3, 1, 4]);
    std::array::from_fn(|i| split.clone().narrow(0, i, 1).squeeze_dim::<4>(0))
}

/// `[batch, heads, tokens, size]` to `[batch, tokens, heads * size]`.
#[must_use]
pub fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, tokens, size] = x.dims();
    x.swap_dims(1, 2).reshape([batch, tokens, heads * size])
}

/// `softmax(q k^T / sqrt(size) + mask) v` for any number of queries and keys, in blocks of queries:
/// `query` `[batch, heads, queries, size]`, `key` and `value` `[batch, heads, keys, size]`, `mask` `[1, 1, queries, keys]`, or
/// `[batch, 1, 1, keys]` where it is the same for all queries.
#[must_use]
pub fn attend(query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, mask: Option<Tensor<4>>) -> Tensor<4> {
    let [batch, heads, _, _] = query.dims();
    let keys = key.dims()[2];
    let limit = if host::is_here(&query) { SCORES_AT_ONCE_ON_HOST } else { SCORES_AT_ONCE };
    let rows = (limit / (batch * heads * keys).max(1)).max(1);
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
        let of_block = |mask: Tensor<4>| if mask.dims()[2] == 1 { mask } else { mask.narrow(2, start, length) };
        let mask = mask.clone().map(of_block);
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
    let weights = match () {
        () if host::is_here(&scores) => host::softmax_rows(scores),
        () if host::is_here_tracked(&scores) => host::softmax_rows_tracked(scores),
        () => softmax(scores, 3),
    };
    weights.matmul(value)
}

/// The weights with which query 0 (CLS) attends to every key, without the rest of the matrix:
/// `query`, `key` `[batch, heads, tokens, size]` to `[batch, heads, tokens]`.
#[must_use]
pub fn attention_of_first_query(query: Tensor<4>, key: Tensor<4>) -> Tensor<3> {
    let size = query.dims()[3];
    let scores = query.narrow(2, 0, 1).matmul(key.transpose()) / (size as f64).sqrt();
    softmax(scores, 3).squeeze_dim::<3>(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;
    use burn::tensor::TensorData;

    fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        assert_eq!(a.dims(), b.dims());
        floats((a - b).abs()).into_iter().fold(0.0, f32::max)
    }

    fn random(shape: [usize; 4]) -> Tensor<4> {
        Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
    }

    /// Sums over keys, one number at a time.
    fn brute_force(q: &Tensor<4>, k: &Tensor<4>, v: &Tensor<4>, mask: Option<&Tensor<4>>) -> Tensor<4> {
        let ([batch, heads, queries, size], keys) = (q.dims(), k.dims()[2]);
        let (q, k, v) = (floats(q.clone()), floats(k.clone()), floats(v.clone()));
        let mask = mask.map(|mask| floats(mask.clone()));
        let mut out = Vec::new();
        for head in 0..batch * heads {
            for query in 0..queries {
                let weight = |key: usize| {
                    let dot: f64 = (0..size)
                        .map(|i| {
                            f64::from(q[(head * queries + query) * size + i])
                                * f64::from(k[(head * keys + key) * size + i])
                        })
                        .sum();
                    let bias = mask.as_ref().map_or(0.0, |mask| f64::from(mask[query * keys + key]));
                    (dot / (size as f64).sqrt() + bias).exp()
                };
                let weights: Vec<f64> = (0..keys).map(weight).collect();
                let total: f64 = weights.iter().sum();
                for i in 0..size {
                    let sum: f64 =
                        (0..keys).map(|key| weights[key] * f64::from(v[(head * keys + key) * size + i])).sum();
                    out.push((sum / total) as f32);
                }
            }
        }
        Tensor::from_data(TensorData::new(out, [batch, heads, queries, size]), &Device::flex())
    }

    #[test]
    fn blocks_of_queries_change_nothing() {
        let (q, k, v) = (random([2, 3, 11, 5]), random([2, 3, 7, 5]), random([2, 3, 7, 5]));
        let mask = random([1, 1, 11, 7]);
        for mask in [None, Some(mask)] {
            let expected = brute_force(&q, &k, &v, mask.as_ref());
            for rows in [1, 4, 11, 100] {
                let got = attend_in_blocks(q.clone(), k.clone(), v.clone(), mask.clone(), rows);
                assert!(distance(got, expected.clone()) < 1e-5, "{rows} rows");
            }
            assert!(distance(attend(q.clone(), k.clone(), v.clone(), mask), expected) < 1e-5);
        }
    }

    #[test]
    fn masked_keys_count_for_nothing() {
        let (q, k, v) = (random([1, 2, 3, 4]), random([1, 2, 6, 4]), random([1, 2, 6, 4]));
        let values = (0..18).map(|i| if i % 6 < 4 { 0.0 } else { FULLY_MASKED }).collect::<Vec<f32>>();
        let mask = Tensor::from_data(TensorData::new(values, [1, 1, 3, 6]), &Device::flex());
        let of_all = mask.clone().narrow(2, 0, 1);
        let got = attend(q.clone(), k.clone(), v.clone(), Some(mask));
        let expected = brute_force(&q, &k.clone().narrow(2, 0, 4), &v.clone().narrow(2, 0, 4), None);
        assert!(distance(got, expected.clone()) < 1e-5);
        for rows in [1, 2, 3] {
            let got = attend_in_blocks(q.clone(), k.clone(), v.clone(), Some(of_all.clone()), rows);
            assert!(distance(got, expected.clone()) < 1e-5, "one row for all queries, {rows} rows at once");
        }
    }

    #[test]
    fn the_first_query_s_row_is_the_one_used() {
        // With one-hot values, attention returns its weights.
        let (q, k) = (random([2, 3, 5, 8]), random([2, 3, 5, 8]));
        let eye: Tensor<2> = Tensor::eye(5, &Device::flex());
        let one_hot = eye.reshape([1, 1, 5, 5]).expand([2, 3, 5, 5]);
        let all = attend(q.clone(), k.clone(), one_hot, None);
        assert!(distance(attention_of_first_query(q, k), all.narrow(2, 0, 1).squeeze_dim::<3>(2)) < 1e-6);
    }
}
