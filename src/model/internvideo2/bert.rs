//! The text encoder: BERT up to the block from which the checkpoint's blocks match captions with videos (models.md 2.2).

use crate::config::{Activation, Internvideo2Config, ModelConfig};
use crate::error::{Error, Result};
use crate::nn::{Adaptable, LayerNorm, Linear, LinearSlot, TokenEmbedding, activate, attend, join_heads, split_heads};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

/// Epsilon of every LayerNorm of BERT.
const EPS: f64 = 1e-12;

/// Added to the scores of padding, as the original does.
const PADDING: f64 = -10_000.0;

/// Key `text_encoder`.
#[derive(Module, Debug)]
pub struct TextEncoder {
    /// Key `bert`.
    pub bert: Bert,
}

impl TextEncoder {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, own: &Internvideo2Config, device: &Device) -> Self {
        let text = &config.text;
        let layer = |_| BertBlock::empty(text.width, text.heads, own.text_hidden, device);
        Self {
            bert: Bert {
                embeddings: Embeddings {
                    word_embeddings: TokenEmbedding::empty(text.vocab_size, text.width, device),
                    position_embeddings: TokenEmbedding::empty(own.text_positions, text.width, device),
                    token_type_embeddings: TokenEmbedding::empty(2, text.width, device),
                    layer_norm: LayerNorm::empty(text.width, EPS, device),
                },
                encoder: Encoder { layer: (0..text.layers).map(layer).collect() },
            },
        }
    }
}

/// Post-norm transformer that sees captions from both sides.
#[derive(Module, Debug)]
pub struct Bert {
    /// Key `embeddings`.
    pub embeddings: Embeddings,
    /// Key `encoder`.
    pub encoder: Encoder,
}

/// What a caption's ids become.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// `[vocabulary, width]`.
    pub word_embeddings: TokenEmbedding,
    /// `[positions, width]`.
    pub position_embeddings: TokenEmbedding,
    /// `[2, width]`, of which captions have the first.
    pub token_type_embeddings: TokenEmbedding,
    /// Key `LayerNorm`: of the sum.
    pub layer_norm: LayerNorm,
}

/// Key `encoder`.
#[derive(Module, Debug)]
pub struct Encoder {
    /// The blocks.
    pub layer: Vec<BertBlock>,
}

impl Bert {
    /// `ids` `[batch, positions]`, padded with 0 at the end, to the last block's output `[batch, positions, width]`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Result<Tensor<3>> {
        let (mut x, mask) = self.prepare(ids)?;
        for block in &self.encoder.layer {
            x = block.forward(x, mask.clone());
        }
        Ok(x)
    }

    /// The first block's input `[batch, positions, width]`, and what is added to all scores, `[batch, 1, 1, positions]`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn prepare(&self, ids: Tensor<2, Int>) -> Result<(Tensor<3>, Tensor<4>)> {
        let [batch, positions] = ids.dims();
        let table = self.embeddings.position_embeddings.weight.val();
        let known = table.dims()[0];
        if positions == 0 || positions > known || batch == 0 {
            let (expected, got) = (vec![batch.max(1), known], vec![batch, positions]);
            return Err(Error::ShapeMismatch { name: "token ids".to_owned(), expected, got });
        }
        let segment = self.embeddings.token_type_embeddings.weight.val().narrow(0, 0, 1);
        let added = table.narrow(0, 0, positions) + segment;
        let x = self.embeddings.word_embeddings.forward(ids.clone()) + added.unsqueeze::<3>();
        let padding = ids.equal_elem(0).float().cast(x.dtype()) * PADDING;
        Ok((self.embeddings.layer_norm.forward(x), padding.reshape([batch, 1, 1, positions])))
    }
}

/// `x = norm(x + attention(x)); x = norm(x + mlp(x))`.
#[derive(Module, Debug)]
pub struct BertBlock {
    /// Key `attention`.
    pub attention: BertAttention,
    /// Key `intermediate`: width to hidden.
    pub intermediate: Dense,
    /// Key `output`: hidden to width.
    pub output: DenseAndNorm,
    #[module(skip)]
    heads: usize,
}

/// Key `attention`.
#[derive(Module, Debug)]
pub struct BertAttention {
    /// Key `self`: queries, keys, values.
    pub self_: BertProjections,
    /// Key `output`.
    pub output: DenseAndNorm,
}

/// Width to width each.
#[derive(Module, Debug)]
pub struct BertProjections {
    /// Of the queries.
    pub query: Linear,
    /// Of the keys.
    pub key: Linear,
    /// Of the values.
    pub value: Linear,
}

/// A linear map.
#[derive(Module, Debug)]
pub struct Dense {
    /// The map.
    pub dense: Linear,
}

/// A linear map, and a norm of its output and what that is added to.
#[derive(Module, Debug)]
pub struct DenseAndNorm {
    /// The map.
    pub dense: Linear,
    /// Key `LayerNorm`.
    pub layer_norm: LayerNorm,
}

impl DenseAndNorm {
    fn empty(inputs: usize, width: usize, device: &Device) -> Self {
        Self { dense: Linear::empty(inputs, width, device), layer_norm: LayerNorm::empty(width, EPS, device) }
    }

    fn forward(&self, x: Tensor<3>, onto: Tensor<3>) -> Tensor<3> {
        self.layer_norm.forward(onto + self.dense.forward(x))
    }
}

impl BertBlock {
    /// Not yet filled weights.
    fn empty(width: usize, heads: usize, hidden: usize, device: &Device) -> Self {
        let map = || Linear::empty(width, width, device);
        Self {
            attention: BertAttention {
                self_: BertProjections { query: map(), key: map(), value: map() },
                output: DenseAndNorm::empty(width, width, device),
            },
            intermediate: Dense { dense: Linear::empty(width, hidden, device) },
            output: DenseAndNorm::empty(hidden, width, device),
            heads,
        }
    }

    /// `[batch, positions, width]` to the same; `mask` is added to the scores.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: Tensor<4>) -> Tensor<3> {
        let BertProjections { query, key, value } = &self.attention.self_;
        let [q, k, v] = [query, key, value].map(|map| {
            let [heads] = split_heads(map.forward(x.clone()), self.heads);
            heads
        });
        let attended = join_heads(attend(q, k, v, Some(mask)));
        let x = self.attention.output.forward(attended, x);
        let hidden = activate(self.intermediate.dense.forward(x.clone()), Activation::Gelu);
        self.output.forward(hidden, x)
    }
}

impl Adaptable for BertBlock {
    fn linears_mut(&mut self) -> Vec<LinearSlot<'_>> {
        let BertAttention { self_, output } = &mut self.attention;
        vec![
            self_.query.slot("attention.self.query"),
            self_.key.slot("attention.self.key"),
            self_.value.slot("attention.self.value"),
            output.dense.slot("attention.output.dense"),
            self.intermediate.dense.slot("intermediate.dense"),
            self.output.dense.slot("output.dense"),
        ]
    }
}
