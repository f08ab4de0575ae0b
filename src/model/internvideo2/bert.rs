//! The text encoder: BERT (models.md 2.2). Its lower blocks embed captions; the upper ones, if the model has them, also attend
//! to a video's tokens and match captions with it (models.md 2.3).

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
        let layer = |at| {
            let seen = (at >= text.layers).then_some(config.vision.width);
            BertBlock::empty(config, own.text_hidden, seen, device)
        };
        Self {
            bert: Bert {
                embeddings: Embeddings {
                    word_embeddings: TokenEmbedding::empty(text.vocab_size, text.width, device),
                    position_embeddings: TokenEmbedding::empty(own.text_positions, text.width, device),
                    token_type_embeddings: TokenEmbedding::empty(2, text.width, device),
                    layer_norm: LayerNorm::empty(text.width, EPS, device),
                },
                encoder: Encoder { layer: (0..text.layers + own.matching_layers).map(layer).collect() },
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
    /// The blocks that embed captions, then those that match them with a video.
    pub layer: Vec<BertBlock>,
}

impl Bert {
    /// The blocks that embed captions.
    #[must_use]
    pub fn embedding_blocks(&self) -> &[BertBlock] {
        let layer = &self.encoder.layer;
        &layer[..layer.iter().take_while(|block| block.crossattention.is_none()).count()]
    }

    /// `ids` `[batch, positions]`, padded with 0 at the end, to the last embedding block's output
    /// `[batch, positions, width]`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Result<Tensor<3>> {
        let (mut x, mask) = self.prepare(ids)?;
        for block in self.embedding_blocks() {
            x = block.forward(x, mask.clone(), None);
        }
        Ok(x)
    }

    /// As [`Bert::forward`] through all blocks, of which the upper ones see one video's tokens `[1, tokens, video width]`.
    ///
    /// # Errors
    /// As there.
    pub fn forward_with_video(&self, ids: Tensor<2, Int>, video: &Tensor<3>) -> Result<Tensor<3>> {
        let (mut x, mask) = self.prepare(ids)?;
        for block in &self.encoder.layer {
            x = block.forward(x, mask.clone(), Some(video));
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

/// `x = norm(x + attention(x)); x = norm(x + crossattention(x, video)); x = norm(x + mlp(x))`, of an embedding block without
/// the second.
#[derive(Module, Debug)]
pub struct BertBlock {
    /// Key `attention`.
    pub attention: BertAttention,
    /// Key `crossattention`, of the blocks that match: keys and values are a video's tokens.
    pub crossattention: Option<BertAttention>,
    /// Key `intermediate`: width to hidden.
    pub intermediate: Dense,
    /// Key `output`: hidden to width.
    pub output: DenseAndNorm,
    #[module(skip)]
    heads: usize,
}

/// Keys `attention` and `crossattention`.
#[derive(Module, Debug)]
pub struct BertAttention {
    /// Key `self`: queries, keys, values.
    pub self_: BertProjections,
    /// Key `output`.
    pub output: DenseAndNorm,
}

impl BertAttention {
    /// Of what is `seen` wide to `width`.
    fn empty(width: usize, seen: usize, device: &Device) -> Self {
        let map = |inputs| Linear::empty(inputs, width, device);
        Self {
            self_: BertProjections { query: map(width), key: map(seen), value: map(seen) },
            output: DenseAndNorm::empty(width, width, device),
        }
    }

    /// `x` `[batch, positions, width]` attends to `seen` `[batch, tokens, its width]`.
    fn forward(&self, x: Tensor<3>, seen: Tensor<3>, mask: Option<Tensor<4>>, heads: usize) -> Tensor<3> {
        let heads_of = |map: &Linear, x: Tensor<3>| -> Tensor<4> {
            let [heads] = split_heads(map.forward(x), heads);
            heads
        };
        let BertProjections { query, key, value } = &self.self_;
        let (k, v) = (heads_of(key, seen.clone()), heads_of(value, seen));
        let attended = attend(heads_of(query, x.clone()), k, v, mask);
        self.output.forward(join_heads(attended), x)
    }

    /// Its linear maps, in a block where it is called by these names.
    fn linears_mut(&mut self, names: [&'static str; 4]) -> [LinearSlot<'_>; 4] {
        let [query, key, value, output] = names;
        let projections = &mut self.self_;
        [
            projections.query.slot(query),
            projections.key.slot(key),
            projections.value.slot(value),
            self.output.dense.slot(output),
        ]
    }
}

/// To the text encoder's width each.
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
    /// Not yet filled weights; `seen` is the width of what the block sees beside captions, if anything.
    fn empty(config: &ModelConfig, hidden: usize, seen: Option<usize>, device: &Device) -> Self {
        let width = config.text.width;
        Self {
            attention: BertAttention::empty(width, width, device),
            crossattention: seen.map(|seen| BertAttention::empty(width, seen, device)),
            intermediate: Dense { dense: Linear::empty(width, hidden, device) },
            output: DenseAndNorm::empty(hidden, width, device),
            heads: config.text.heads,
        }
    }

    /// `[batch, positions, width]` to the same; `mask` is added to the scores of self-attention. A block that matches sees
    /// one video's tokens `[1, tokens, its width]`, the same for all captions.
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, mask: Tensor<4>, video: Option<&Tensor<3>>) -> Tensor<3> {
        let mut x = self.attention.forward(x.clone(), x, Some(mask), self.heads);
        if let (Some(attention), Some(video)) = (&self.crossattention, video) {
            // As one sequence of queries, for which the video's keys and values are there once.
            let [batch, positions, width] = x.dims();
            let queries = x.reshape([1, batch * positions, width]);
            x = attention.forward(queries, video.clone(), None, self.heads).reshape([batch, positions, width]);
        }
        let hidden = activate(self.intermediate.dense.forward(x.clone()), Activation::Gelu);
        self.output.forward(hidden, x)
    }
}

impl Adaptable for BertBlock {
    fn linears_mut(&mut self) -> Vec<LinearSlot<'_>> {
        let attention =
            ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"];
        let crossattention = [
            "crossattention.self.query",
            "crossattention.self.key",
            "crossattention.self.value",
            "crossattention.output.dense",
        ];
        let mut linears = Vec::from(self.attention.linears_mut(attention));
        linears.extend(self.crossattention.iter_mut().flat_map(|cross| cross.linears_mut(crossattention)));
        linears.push(self.intermediate.dense.slot("intermediate.dense"));
        linears.push(self.output.dense.slot("output.dense"));
        linears
    }
}
