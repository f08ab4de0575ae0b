//! Scene-graph (SG) tokens and their heads (SGCR-Vid section 4.2, Eqs. 3-6; models.md 5.1, 5.2, 5.7).

use crate::config::{Activation, ClassHeads, ClassScores, ModelConfig, SceneTokensVariant};
use crate::nn::{FULLY_MASKED, LayerNorm, Linear, Mlp, attend, lazy, project, unit};
use burn::module::{Module, Param};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};

/// Key `sg`: the tokens, the three attentions that fill them from a video's patches, and the heads that read a
/// triplet (subject, predicate, object, two boxes) from each of them.
#[derive(Module, Debug)]
pub struct SceneTokens {
    /// `[F, S, width]`: F = 1 where all frames share the tokens, else the number of frames.
    pub tokens: Param<Tensor<3>>,
    /// Tokens to the patches of their frame (Eq. 4).
    pub cross: SceneAttention,
    /// Tokens of a frame among themselves (Eq. 5).
    pub spatial: SceneAttention,
    /// Tokens to those of earlier frames (Eq. 6).
    pub temporal: SceneAttention,
    /// Box of the subject, `[F, width, 4]`.
    pub box_s: Param<Tensor<3>>,
    /// Box of the object, `[F, width, 4]`.
    pub box_o: Param<Tensor<3>>,
    /// Class of the subject, `[width, embed_dim]`.
    pub cls_s: Param<Tensor<2>>,
    /// Class of the object, `[width, embed_dim]`.
    pub cls_o: Param<Tensor<2>>,
    /// Class of the predicate, `[width, embed_dim]`.
    pub cls_p: Param<Tensor<2>>,
    /// Hidden layer before `cls_s` ("mlp" heads only), width to width.
    pub mlp_s: Option<Linear>,
    /// As `mlp_s`, before `cls_o`.
    pub mlp_o: Option<Linear>,
    /// As `mlp_s`, before `cls_p`.
    pub mlp_p: Option<Linear>,
    /// Class row of "no entity", `[embed_dim]`.
    pub no_entity: Param<Tensor<1>>,
    /// Class row of "no predicate", `[embed_dim]`.
    pub no_predicate: Param<Tensor<1>>,
    #[module(skip)]
    first_frame_attends: bool,
    #[module(skip)]
    class_scores: ClassScores,
}

/// The tokens after each of the three attentions, `[batch, frames, S, width]`.
#[derive(Debug, Clone)]
pub struct SceneStages {
    /// After Eq. 4.
    pub cross: Tensor<4>,
    /// After Eq. 5.
    pub spatial: Tensor<4>,
    /// After Eq. 6: what enters the encoder.
    pub temporal: Tensor<4>,
}

/// What the heads read from z_bar.
#[derive(Debug, Clone)]
pub struct SceneHeads {
    /// `[batch, frames, S, entities + 1]`, last class "no entity".
    pub logit_s: Tensor<4>,
    /// As `logit_s`, for the object.
    pub logit_o: Tensor<4>,
    /// `[batch, frames, S, predicates + 1]`, last class "no predicate".
    pub logit_p: Tensor<4>,
    /// `[batch, frames, S, 4]`: centre x, centre y, width, height as parts of the frame's size.
    pub box_s: Tensor<4>,
    /// As `box_s`, for the object.
    pub box_o: Tensor<4>,
}

impl SceneTokens {
    /// S: tokens of a frame.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tokens.dims()[1]
    }

    /// Not yet filled parameters. `config.scene_tokens.variant` must be one with tokens.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        let (scene, width) = (&config.scene_tokens, config.vision.width);
        let sets = if scene.per_frame { config.vision.frames } else { 1 };
        let class_head = || lazy([width, config.embed_dim], device);
        let hidden = || (scene.class_heads == ClassHeads::Mlp).then(|| Linear::empty(width, width, device));
        Self {
            tokens: lazy([sets, scene.tokens, width], device),
            cross: SceneAttention::empty(config, true, device),
            spatial: SceneAttention::empty(config, false, device),
            temporal: SceneAttention::empty(config, true, device),
            box_s: lazy([sets, width, 4], device),
            box_o: lazy([sets, width, 4], device),
            cls_s: class_head(),
            cls_o: class_head(),
            cls_p: class_head(),
            mlp_s: hidden(),
            mlp_o: hidden(),
            mlp_p: hidden(),
            no_entity: lazy([config.embed_dim], device),
            no_predicate: lazy([config.embed_dim], device),
            first_frame_attends: scene.first_frame_attends,
            class_scores: scene.class_scores,
        }
    }

    /// Fills the tokens from `patches` `[batch, frames, patches, width]` (with positions, of ViCLIP before `ln_pre`).
    #[must_use]
    pub fn forward(&self, patches: Tensor<4>) -> SceneStages {
        let [batch, frames, count, width] = patches.dims();
        let of_frames = per_frame(self.tokens.val(), frames);
        let tokens = of_frames.dims()[1];
        let shape = [batch, frames, tokens, width];
        let z = of_frames.unsqueeze::<4>().expand(shape).reshape([batch * frames, tokens, width]);
        let cross = self.cross.forward(z, Some(patches.reshape([batch * frames, count, width])), None);
        let spatial = self.spatial.forward(cross.clone(), None, None);
        let (cross, spatial) = (cross.reshape(shape), spatial.reshape(shape));
        let temporal = self.over_time(spatial.clone());
        SceneStages { cross, spatial, temporal }
    }

    /// Eq. 6: the tokens of frame t see those of frames before t.
    fn over_time(&self, z: Tensor<4>) -> Tensor<4> {
        let [batch, frames, tokens, width] = z.dims();
        let first = z.clone().narrow(1, 0, 1).flatten::<3>(1, 2);
        // The first frame has nothing before it (choice 1 of models.md 5.7).
        let first = if self.first_frame_attends {
            self.temporal.forward(first.clone(), Some(first), None)
        } else {
            self.temporal.pass(first)
        };
        if frames == 1 {
            return first.reshape([batch, 1, tokens, width]);
        }
        let later = z.clone().narrow(1, 1, frames - 1).flatten::<3>(1, 2);
        let earlier = z.narrow(1, 0, frames - 1).flatten::<3>(1, 2);
        let mask = earlier_frames_mask(frames - 1, tokens, &later.device());
        let later = self.temporal.forward(later, Some(earlier), Some(mask));
        Tensor::cat(vec![first, later], 1).reshape([batch, frames, tokens, width])
    }

    /// Reads `z_bar` `[batch, frames, S, width]` (models.md 5.3): class logits against `entities` `[Ke, embed_dim]` and
    /// `predicates` `[Kp, embed_dim]` (normalised text embeddings) as cosines over `temperature` `[1]` or as products
    /// ([`ClassScores`]), and boxes.
    #[must_use]
    pub fn heads(
        &self,
        z_bar: Tensor<4>,
        entities: Tensor<2>,
        predicates: Tensor<2>,
        temperature: Tensor<1>,
    ) -> SceneHeads {
        let entities = Tensor::cat(vec![entities, self.no_entity.val().unsqueeze::<2>()], 0);
        let predicates = Tensor::cat(vec![predicates, self.no_predicate.val().unsqueeze::<2>()], 0);
        let temperature = (self.class_scores == ClassScores::Cosine).then_some(temperature);
        let logits = |hidden: &Option<Linear>, head: &Param<Tensor<2>>, classes: &Tensor<2>| {
            let [batch, frames, tokens, width] = z_bar.dims();
            let rows = z_bar.clone().reshape([1, batch * frames * tokens, width]);
            let rows = match hidden {
                Some(hidden) => relu(hidden.forward(rows)),
                None => rows,
            };
            let features = rows.squeeze_dim::<2>(0).matmul(head.val());
            let scores = class_logits(features, classes.clone(), temperature.clone());
            scores.reshape([batch, frames, tokens, classes.dims()[0]])
        };
        SceneHeads {
            logit_s: logits(&self.mlp_s, &self.cls_s, &entities),
            logit_o: logits(&self.mlp_o, &self.cls_o, &entities),
            logit_p: logits(&self.mlp_p, &self.cls_p, &predicates),
            box_s: boxes(z_bar.clone(), self.box_s.val()),
            box_o: boxes(z_bar.clone(), self.box_o.val()),
        }
    }
}

/// `[F, a, b]` for `frames` frames: shared parameters are repeated, those of each frame are taken in order.
fn per_frame(parameters: Tensor<3>, frames: usize) -> Tensor<3> {
    let [sets, a, b] = parameters.dims();
    match sets {
        1 => parameters.expand([frames, a, b]),
        _ => parameters.narrow(0, 0, frames),
    }
}

/// `[rows, embed_dim]` against `[classes, embed_dim]`: cosines over the temperature, or products where there is none.
fn class_logits(features: Tensor<2>, classes: Tensor<2>, temperature: Option<Tensor<1>>) -> Tensor<2> {
    match temperature {
        Some(temperature) => unit(features).matmul(classes.transpose()) / temperature.unsqueeze::<2>(),
        None => features.matmul(classes.transpose()),
    }
}

fn boxes(z_bar: Tensor<4>, head: Tensor<3>) -> Tensor<4> {
    let [batch, frames, tokens, width] = z_bar.dims();
    if head.dims()[0] == 1 {
        let flat = z_bar.reshape([batch * frames * tokens, width]).matmul(head.squeeze_dim::<2>(0));
        return sigmoid(flat).reshape([batch, frames, tokens, 4]);
    }
    // Frame by frame as the batch of one product: [frames, batch * S, width] x [frames, width, 4].
    let by_frame = z_bar.swap_dims(0, 1).reshape([frames, batch * tokens, width]);
    let flat = by_frame.matmul(per_frame(head, frames));
    sigmoid(flat).reshape([frames, batch, tokens, 4]).swap_dims(0, 1)
}

/// `[1, 1, frames * tokens, frames * tokens]`: queries of frame i (i = 1 is the clip's second frame) see keys of frame
/// j (j = 1 is the clip's first) where j <= i.
fn earlier_frames_mask(frames: usize, tokens: usize, device: &Device) -> Tensor<4> {
    let side = frames * tokens;
    let row = |query: usize| (0..side).map(move |key| if key / tokens > query / tokens { FULLY_MASKED } else { 0.0 });
    let values: Vec<f32> = (0..side).flat_map(row).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, side, side]), device)
}

/// One of the three attentions. The "literal" variant is bare attention; "block" is a pre-norm residual block.
#[derive(Module, Debug)]
pub struct SceneAttention {
    /// Rows `[q; k; v]`: `[3 width, width]`.
    pub in_proj_weight: Param<Tensor<2>>,
    /// `[3 width]`.
    pub in_proj_bias: Param<Tensor<1>>,
    /// Width to width.
    pub out_proj: Linear,
    /// Before the queries ("block" only); also before keys and values of the spatial attention.
    pub ln_q: Option<LayerNorm>,
    /// Before keys and values ("block" only, not in the spatial attention).
    pub ln_kv: Option<LayerNorm>,
    /// Before the MLP ("block" only).
    pub ln_mlp: Option<LayerNorm>,
    /// "block" only.
    pub mlp: Option<Mlp>,
    #[module(skip)]
    heads: usize,
}

impl SceneAttention {
    fn empty(config: &ModelConfig, other_source: bool, device: &Device) -> Self {
        let (scene, width) = (&config.scene_tokens, config.vision.width);
        let block = scene.variant == SceneTokensVariant::Block;
        let norm = |wanted: bool| wanted.then(|| LayerNorm::empty(width, config.layer_norm_eps, device));
        Self {
            in_proj_weight: lazy([3 * width, width], device),
            in_proj_bias: lazy([3 * width], device),
            out_proj: Linear::empty(width, width, device),
            ln_q: norm(block),
            ln_kv: norm(block && other_source),
            ln_mlp: norm(block),
            mlp: block.then(|| Mlp::empty(width, Activation::QuickGelu, device)),
            heads: scene.heads,
        }
    }

    /// `z` `[batch, queries, width]` attends to `source` `[batch, keys, width]`, or to itself where there is none.
    fn forward(&self, z: Tensor<3>, source: Option<Tensor<3>>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let attended = self.attend(z.clone(), source, mask);
        if self.mlp.is_some() { self.pass(z + attended) } else { attended }
    }

    /// What is left of the layer without its attention: f of models.md 5.2 ("block") or nothing ("literal").
    fn pass(&self, z: Tensor<3>) -> Tensor<3> {
        match (&self.ln_mlp, &self.mlp) {
            (Some(norm), Some(mlp)) => z.clone() + mlp.forward(norm.forward(z)),
            _ => z,
        }
    }

    fn attend(&self, z: Tensor<3>, source: Option<Tensor<3>>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let (weight, bias) = (self.in_proj_weight.val(), self.in_proj_bias.val());
        let z = normalised(self.ln_q.as_ref(), z);
        let [query, key, value] = match source {
            None => project(z, weight, bias, self.heads),
            Some(source) => {
                let source = normalised(self.ln_kv.as_ref(), source);
                let width = z.dims()[2];
                let (q_weight, q_bias) = (weight.clone().narrow(0, 0, width), bias.clone().narrow(0, 0, width));
                let (kv_weight, kv_bias) = (weight.narrow(0, width, 2 * width), bias.narrow(0, width, 2 * width));
                let [query] = project(z, q_weight, q_bias, self.heads);
                let [key, value] = project(source, kv_weight, kv_bias, self.heads);
                [query, key, value]
            }
        };
        let [batch, heads, queries, size] = query.dims();
        let joined = attend(query, key, value, mask).swap_dims(1, 2).reshape([batch, queries, heads * size]);
        self.out_proj.forward(joined)
    }
}

fn normalised(norm: Option<&LayerNorm>, x: Tensor<3>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}

#[cfg(test)]
#[path = "tests/scene_choices.rs"]
mod tests;
