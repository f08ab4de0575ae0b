//! SGCR-Vid's objective of a step (section 4.4; models.md 5.4): `L = L_con + L_TSG + alpha L_VSG`, as a function of
//! embeddings. Whoever made them, in one piece or by micro-batches, takes the gradients from here to the encoders.

use crate::error::{Error, Result};
use crate::loss::scene::{FrameTargets, HostPredictions, Matches, SceneLoss, SceneLossConfig, scene_loss};
use crate::loss::{Reduction, contrastive, contrastive_with_negatives, ranking, region_contrast, regions};
use crate::model::scene_tokens::SceneTokens;
use crate::nn::unit;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Kinds of Intra-SG negatives: attribute, predicate, active-passive.
pub const NEGATIVE_KINDS: usize = 3;

/// Which losses are summed, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveConfig {
    /// How L_con's two directions are put together (choice 13 of models.md 5.7).
    pub reduction: Reduction,
    /// Whether the text branch's L_TSG is part of it.
    pub text_branch: bool,
    /// Whether the visual branch's L_VSG is part of it.
    pub visual_branch: bool,
    /// alpha: weight of L_VSG.
    pub alpha: f64,
    /// Whether L_VSG teaches the text encoder its classes' labels too (choice 12 of models.md 5.7).
    pub labels_learn: bool,
    /// Weight of the contrast of regions with phrases ([`region_contrast`]), which is no part of the paper's L; 0: none.
    pub region_weight: f64,
    /// Weights inside L_VSG.
    pub scene: SceneLossConfig,
}

/// The paper's for ViCLIP (A.3).
impl Default for ObjectiveConfig {
    fn default() -> Self {
        let scene = SceneLossConfig::default();
        Self {
            reduction: Reduction::Sum,
            text_branch: true,
            visual_branch: true,
            alpha: 0.1,
            labels_learn: false,
            region_weight: 0.0,
            scene,
        }
    }
}

/// Captions of the step's pairs, as rows of the text embeddings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoundRows {
    /// The true caption of each pair's video.
    pub positives: Vec<i32>,
    /// Near misses, of any number: they compete in the direction from video to text.
    pub negatives: Vec<i32>,
}

/// Texts of the step's annotated videos, as rows of the text embeddings, and what is to be found in their frames. Texts that
/// no loss reads may be left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneRows {
    /// Annotated videos.
    pub videos: usize,
    /// The graph in words, one a video.
    pub positives: Vec<i32>,
    /// Its negatives; absent where none can be made.
    pub negatives: Vec<[Option<i32>; NEGATIVE_KINDS]>,
    /// F and B in their order, as many a video as templates are used (choice 16 of models.md 5.7), a video's together.
    pub temporal: Vec<i32>,
    /// The other order, one for each of `temporal`; absent where that is true too.
    pub temporal_negatives: Vec<Option<i32>>,
    /// Entity classes of the step.
    pub entities: Vec<i32>,
    /// Predicates of the step.
    pub predicates: Vec<i32>,
    /// `[videos * frames]`.
    pub targets: FrameTargets,
}

/// What the encoders made: videos of pairs first, then annotated ones.
#[derive(Debug, Clone)]
pub struct Embeds {
    /// `[pairs + annotated, dim]`, not normalised.
    pub videos: Tensor<2>,
    /// z_bar of the same videos, `[pairs + annotated, frames, S, width]`; where regions are wanted with the outputs at the
    /// patch positions, `[pairs + annotated, frames, S + patches, width]`.
    pub scene: Option<Tensor<4>>,
    /// What leads from outputs at patch positions to the joint space, `[width, dim]`.
    pub projection: Option<Tensor<2>>,
    /// `[texts, dim]`, not normalised.
    pub texts: Tensor<2>,
    /// tau, `[1]`.
    pub temperature: Tensor<1>,
}

/// The objective and its parts, `[1]` each; absent where a part is switched off or has nothing to be computed of.
#[derive(Debug, Clone)]
pub struct Objective {
    /// L.
    pub total: Tensor<1>,
    /// L_con, mean over the rounds.
    pub contrastive: Option<Tensor<1>>,
    /// L_TSG^R.
    pub triplets: Option<Tensor<1>>,
    /// L_TSG^T.
    pub order: Option<Tensor<1>>,
    /// L_VSG.
    pub scene: Option<SceneLoss>,
    /// Contrast of regions with phrases.
    pub regions: Option<Tensor<1>>,
    /// Tokens and triplets that were held against each other.
    pub matches: Matches,
}

/// L of a step. `rounds` of captions are each held against the pairs' videos; `scene_tokens` has the heads that read
/// z_bar.
///
/// # Errors
/// [`Error::InvalidInput`] for a step without anything to learn from; [`Error::ShapeMismatch`] when rows, videos and
/// targets do not fit together; [`Error::Compute`] when the device fails.
pub async fn objective(
    embeds: &Embeds,
    rounds: &[RoundRows],
    scenes: Option<&SceneRows>,
    scene_tokens: Option<&SceneTokens>,
    config: &ObjectiveConfig,
) -> Result<Objective> {
    let annotated = scenes.map_or(0, |scenes| scenes.videos);
    let videos = embeds.videos.dims()[0];
    let Some(pairs) = videos.checked_sub(annotated) else {
        return Err(mismatch("annotated videos", videos, annotated));
    };
    let contrastive = if pairs > 0 { contrastive_rounds(embeds, pairs, rounds, config.reduction)? } else { None };
    let (mut triplets, mut order, mut scene, mut phrases, mut matches) = (None, None, None, None, Matches::new());
    if let Some(rows) = scenes.filter(|_| annotated > 0) {
        let videos = embeds.videos.clone().narrow(0, pairs, annotated);
        if config.text_branch {
            let (r, t) = text_branch(&videos, embeds, rows)?;
            (triplets, order) = (Some(r), Some(t));
        }
        if let (true, Some(tokens), Some(z_bar)) = (config.visual_branch, scene_tokens, &embeds.scene) {
            let z_bar = z_bar.clone().narrow(0, pairs, annotated).narrow(2, 0, tokens.count());
            let (loss, found) = visual_branch(z_bar, tokens, embeds, rows, config).await?;
            (scene, matches) = (Some(loss), found);
        }
        if config.region_weight > 0.0 {
            phrases = Some(region_part(embeds, pairs, rows, scene_tokens.map_or(0, SceneTokens::count))?);
        }
    }
    let weighted = scene.as_ref().map(|scene: &SceneLoss| scene.total.clone() * config.alpha);
    let regions = phrases.clone().map(|loss: Tensor<1>| loss * config.region_weight);
    let parts = [contrastive.clone(), triplets.clone(), order.clone(), weighted, regions];
    let total = parts.into_iter().flatten().reduce(|sum, part| sum + part).ok_or_else(|| Error::InvalidInput {
        what: "training step".to_owned(),
        reason: "it has neither pairs nor annotated videos that a loss is switched on for".to_owned(),
    })?;
    Ok(Objective { total, contrastive, triplets, order, scene, regions: phrases, matches })
}

fn contrastive_rounds(
    embeds: &Embeds,
    pairs: usize,
    rounds: &[RoundRows],
    reduction: Reduction,
) -> Result<Option<Tensor<1>>> {
    let mut losses = Vec::new();
    for round in rounds {
        let videos = embeds.videos.clone().narrow(0, 0, pairs);
        let (texts, temperature) = (embeds.rows(&round.positives), embeds.temperature.clone());
        losses.push(if round.negatives.is_empty() {
            contrastive(videos, texts, temperature, None, reduction)?
        } else {
            contrastive_with_negatives(videos, texts, embeds.rows(&round.negatives), temperature, reduction)?
        });
    }
    Ok((!losses.is_empty()).then(|| Tensor::cat(losses, 0).mean()))
}

/// L_TSG^R and L_TSG^T.
fn text_branch(videos: &Tensor<2>, embeds: &Embeds, rows: &SceneRows) -> Result<(Tensor<1>, Tensor<1>)> {
    let [count, dim] = videos.dims();
    let templates = rows.temporal.len() / count;
    for (name, expected, got) in [
        ("texts of the annotated videos", count, rows.positives.len()),
        ("negatives of the annotated videos", count, rows.negatives.len()),
        ("temporal texts", count * templates.max(1), rows.temporal.len()),
        ("temporal negatives", rows.temporal.len(), rows.temporal_negatives.len()),
    ] {
        if got != expected {
            return Err(mismatch(name, expected, got));
        }
    }
    let one = |videos: Tensor<2>, positives: &[i32], negatives: Vec<Option<i32>>| {
        let count = positives.len();
        let each = negatives.len() / count;
        // An absent one stands for any row; it is left out.
        let index: Vec<i32> = negatives.iter().map(|row| row.unwrap_or_default()).collect();
        let there: Vec<f32> = negatives.iter().map(|row| f32::from(u8::from(row.is_some()))).collect();
        let negatives = embeds.rows(&index).reshape([count, each, dim]);
        let there = Tensor::from_data(TensorData::new(there, [count, each]), &videos.device());
        let positives = embeds.rows(positives);
        Ok(ranking(videos, positives, negatives, Some(there), embeds.temperature.clone())?.mean())
    };
    let by_template = videos.clone().unsqueeze_dim::<3>(1).expand([count, templates, dim]);
    Ok((
        one(videos.clone(), &rows.positives, rows.negatives.iter().flatten().copied().collect())?,
        one(by_template.reshape([count * templates, dim]), &rows.temporal, rows.temporal_negatives.clone())?,
    ))
}

async fn visual_branch(
    z_bar: Tensor<4>,
    tokens: &SceneTokens,
    embeds: &Embeds,
    rows: &SceneRows,
    config: &ObjectiveConfig,
) -> Result<(SceneLoss, Matches)> {
    let classes = |labels: &[i32]| {
        let texts = embeds.rows(labels);
        unit(if config.labels_learn { texts } else { texts.detach() })
    };
    let heads = tokens.heads(z_bar, classes(&rows.entities), classes(&rows.predicates), embeds.temperature.clone());
    let matches = HostPredictions::read(&heads).await?.matches(&rows.targets, &config.scene);
    Ok((scene_loss(&heads, &rows.targets, &matches, &config.scene)?, matches))
}

/// The contrast of the annotated videos' regions with their phrases, of a model with `tokens` SG tokens a frame.
fn region_part(embeds: &Embeds, pairs: usize, rows: &SceneRows, tokens: usize) -> Result<Tensor<1>> {
    let patches = embeds.scene.as_ref().map_or(0, |outputs| outputs.dims()[2].saturating_sub(tokens));
    let (Some(outputs), Some(projection), true) = (&embeds.scene, &embeds.projection, patches > 0) else {
        let expected = "0: this model does not tell what it saw at each patch (ViCLIP does, where none is hidden)";
        let (field, value) = ("objective.region_weight", "above 0".to_owned());
        return Err(Error::InvalidConfig { field, value, expected: expected.to_owned() });
    };
    let found = regions(&rows.targets, patches.isqrt());
    let outputs = outputs.clone().narrow(0, pairs, rows.videos).narrow(2, tokens, patches);
    let labels = embeds.rows(&rows.entities);
    region_contrast(outputs, projection.clone(), labels, &found, embeds.temperature.clone())
}

impl Embeds {
    /// Some of the texts, `[rows, dim]`.
    fn rows(&self, rows: &[i32]) -> Tensor<2> {
        let index = TensorData::new(rows.to_vec(), [rows.len()]);
        self.texts.clone().select(0, Tensor::<1, Int>::from_data(index, &self.texts.device()))
    }
}

fn mismatch(name: &str, expected: usize, got: usize) -> Error {
    Error::ShapeMismatch { name: name.to_owned(), expected: vec![expected], got: vec![got] }
}
