//! The visual branch (SGCR-Vid section 4.2, L_VSG; models.md 5.3): SG tokens are matched to the triplets of their frame,
//! then classes and boxes are held against them.
//!
//! Constraint: the solver works on the host, and a page may not wait for a device. Solution: classes and boxes come to the
//! host in one awaited read; costs and matching are computed there in f64, where every device gets the same answer.

use crate::error::{Error, Result};
use crate::loss::boxes::{generalized_iou, generalized_iou_of};
use crate::loss::matching::assign;
use crate::model::scene_tokens::SceneHeads;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// A triplet to be found in one frame. Classes are rows of the label embeddings that the heads were given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TripletTarget {
    /// Row of the subject's class.
    pub subject: usize,
    /// Row of the predicate.
    pub predicate: usize,
    /// Row of the object's class.
    pub object: usize,
    /// `[4]`: centre x, centre y, width, height, in parts of the frame.
    pub subject_box: [f32; 4],
    /// `[4]`: as `subject_box`.
    pub object_box: [f32; 4],
}

/// The triplets of each frame: `[batch * frames]`, frames of a clip together.
pub type FrameTargets = Vec<Vec<TripletTarget>>;

/// For each frame, pairs of an SG token and a triplet: `[batch * frames]`, tokens ascending.
pub type Matches = Vec<Vec<(usize, usize)>>;

/// Weights of the parts, for the costs of a match as for the loss (models.md 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneLossConfig {
    /// lambda 1, of the three classes.
    pub class_weight: f64,
    /// lambda 2, of the boxes' absolute differences.
    pub l1_weight: f64,
    /// lambda 3, of the boxes' generalised overlap.
    pub giou_weight: f64,
    /// Weight of "no entity" and "no predicate" in the cross-entropies: most tokens stand for nothing. 0 leaves tokens
    /// without a match out (choice 9 of models.md 5.7).
    pub no_object_weight: f64,
    /// Weights of a match's cost (choice 10).
    pub match_weights: MatchWeights,
    /// How the terms of the subject's and the object's box are put together (choice 11).
    pub box_terms: BoxTerms,
}

/// Weights of a match's cost (choice 10 of models.md 5.7). Classes always count by their probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchWeights {
    /// Those of the loss.
    #[default]
    Loss,
    /// 1 for classes, distances and overlaps.
    Unit,
}

/// How the terms of the subject's and the object's box are put together (choice 11 of models.md 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxTerms {
    /// Their sum.
    #[default]
    Sum,
    /// Their mean.
    Mean,
}

impl SceneLossConfig {
    /// Weights of a match's classes, distances and overlaps.
    fn of_match(&self) -> [f64; 3] {
        let [classes, l1, giou] = match self.match_weights {
            MatchWeights::Loss => [self.class_weight, self.l1_weight, self.giou_weight],
            MatchWeights::Unit => [1.0; 3],
        };
        [classes, l1 * self.of_box(), giou * self.of_box()]
    }

    /// What one box's term counts beside the other's.
    const fn of_box(&self) -> f64 {
        match self.box_terms {
            BoxTerms::Sum => 1.0,
            BoxTerms::Mean => 0.5,
        }
    }
}

impl Default for SceneLossConfig {
    fn default() -> Self {
        Self {
            class_weight: 1.0 / 3.0,
            l1_weight: 5.0,
            giou_weight: 2.0,
            no_object_weight: 0.1,
            match_weights: MatchWeights::default(),
            box_terms: BoxTerms::default(),
        }
    }
}

/// L_VSG and its parts, `[1]` each.
#[derive(Debug, Clone)]
pub struct SceneLoss {
    /// L_VSG.
    pub total: Tensor<1>,
    /// L_s: cross-entropy of the subjects' classes.
    pub subject: Tensor<1>,
    /// L_o: of the objects'.
    pub object: Tensor<1>,
    /// L_r: of the predicates.
    pub predicate: Tensor<1>,
    /// L_l1: absolute differences of both boxes, a matched pair.
    pub l1: Tensor<1>,
    /// L_giou: 1 - generalised overlap of both boxes, a matched pair.
    pub giou: Tensor<1>,
}

/// Costs of giving each token (row) each triplet (column) of one frame, `[S, triplets]`.
#[must_use]
pub fn match_costs(frame: &FramePrediction<'_>, targets: &[TripletTarget], config: &SceneLossConfig) -> Vec<f64> {
    let tokens = frame.box_s.len() / 4;
    let [classes, l1_weight, giou_weight] = config.of_match();
    let cost = |token: usize, target: &TripletTarget| {
        let class = |of: &[f32], row: usize| f64::from(of[token * (of.len() / tokens) + row]);
        let own = |of: &[f32]| [0, 1, 2, 3].map(|i| of[4 * token + i]);
        let l1 = |a: [f32; 4], b: [f32; 4]| a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
        let (box_s, box_o) = (own(frame.box_s), own(frame.box_o));
        let probability = class(frame.subject, target.subject)
            + class(frame.object, target.object)
            + class(frame.predicate, target.predicate);
        let distance = l1(box_s, target.subject_box) + l1(box_o, target.object_box);
        let overlap = generalized_iou_of(box_s, target.subject_box) + generalized_iou_of(box_o, target.object_box);
        l1_weight * distance - classes * probability - giou_weight * overlap
    };
    (0..tokens).flat_map(|token| targets.iter().map(move |target| cost(token, target))).collect()
}

/// What the heads say of one frame, on the host.
#[derive(Debug, Clone, Copy)]
pub struct FramePrediction<'a> {
    /// `[S, entities + 1]`: probabilities of the subject's classes.
    pub subject: &'a [f32],
    /// As `subject`, of the object's.
    pub object: &'a [f32],
    /// `[S, predicates + 1]`.
    pub predicate: &'a [f32],
    /// `[S, 4]`.
    pub box_s: &'a [f32],
    /// `[S, 4]`.
    pub box_o: &'a [f32],
}

/// Class probabilities and boxes of all frames, on the host.
#[derive(Debug, Clone)]
pub struct HostPredictions {
    /// Numbers of subject, object, predicate, subject's box, object's box, one after the other.
    parts: [Vec<f32>; 5],
    frames: usize,
}

impl HostPredictions {
    /// Reads what the heads say.
    ///
    /// # Errors
    /// [`Error::Compute`] when the device fails.
    pub async fn read(heads: &SceneHeads) -> Result<Self> {
        let [batch, frames, _, _] = heads.logit_s.dims();
        let flat = |x: Tensor<4>| {
            let count = x.shape().num_elements();
            x.reshape([count])
        };
        let classes = |logits: &Tensor<4>| softmax(logits.clone().detach(), 3);
        let boxes = |boxes: &Tensor<4>| boxes.clone().detach();
        let parts = [
            flat(classes(&heads.logit_s)),
            flat(classes(&heads.logit_o)),
            flat(classes(&heads.logit_p)),
            flat(boxes(&heads.box_s)),
            flat(boxes(&heads.box_o)),
        ];
        let counts = parts.clone().map(|part| part.dims()[0]);
        let all = Tensor::cat(parts.to_vec(), 0).into_data_async().await;
        let all = all.map_err(|error| Error::Compute { reason: error.to_string() })?;
        let mut numbers = all.iter::<f32>();
        let parts = counts.map(|count| numbers.by_ref().take(count).collect());
        Ok(Self { parts, frames: batch * frames })
    }

    /// Frames of all clips.
    #[must_use]
    pub const fn frames(&self) -> usize {
        self.frames
    }

    /// One frame's.
    #[must_use]
    pub fn frame(&self, at: usize) -> FramePrediction<'_> {
        let [subject, object, predicate, box_s, box_o] = self.parts.each_ref().map(|part| {
            let count = part.len() / self.frames.max(1);
            &part[at * count..(at + 1) * count]
        });
        FramePrediction { subject, object, predicate, box_s, box_o }
    }

    /// The cheapest matching of each frame's tokens and triplets.
    #[must_use]
    pub fn matches(&self, targets: &FrameTargets, config: &SceneLossConfig) -> Matches {
        let one = |(at, targets): (usize, &Vec<TripletTarget>)| {
            assign(&match_costs(&self.frame(at), targets, config), targets.len())
        };
        targets.iter().take(self.frames).enumerate().map(one).collect()
    }
}

/// L_VSG of matched tokens.
///
/// # Errors
/// [`Error::ShapeMismatch`] when targets or matches are not one a frame, or name classes or tokens that are not there.
pub fn scene_loss(
    heads: &SceneHeads,
    targets: &FrameTargets,
    matches: &Matches,
    config: &SceneLossConfig,
) -> Result<SceneLoss> {
    let matched = Matched::collect(heads, targets, matches)?;
    let weight = config.no_object_weight;
    let subject = weighted_cross_entropy(rows(&heads.logit_s), &matched.classes[0], weight);
    let object = weighted_cross_entropy(rows(&heads.logit_o), &matched.classes[1], weight);
    let predicate = weighted_cross_entropy(rows(&heads.logit_p), &matched.classes[2], weight);
    let [l1_s, giou_s] = matched.box_losses(&heads.box_s, &matched.subject_boxes);
    let [l1_o, giou_o] = matched.box_losses(&heads.box_o, &matched.object_boxes);
    let [l1, giou] = [l1_s + l1_o, giou_s + giou_o].map(|both| both * config.of_box());
    let classes = subject.clone() + object.clone() + predicate.clone();
    let total = classes * config.class_weight + l1.clone() * config.l1_weight + giou.clone() * config.giou_weight;
    Ok(SceneLoss { total, subject, object, predicate, l1, giou })
}

/// Mean cross-entropy of `logits` `[rows, classes]` with a class for each row, weighted by row: the last class by
/// `last_weight`, the others by 1.
#[must_use]
pub fn weighted_cross_entropy(logits: Tensor<2>, classes: &[usize], last_weight: f64) -> Tensor<1> {
    let [count, known] = logits.dims();
    let weights: Vec<f32> =
        classes.iter().map(|class| if class + 1 == known { last_weight as f32 } else { 1.0 }).collect();
    let sum: f32 = weights.iter().sum();
    let device = logits.device();
    let index: Vec<i32> = classes.iter().map(|class| *class as i32).collect();
    let index = Tensor::<2, Int>::from_data(TensorData::new(index, [count, 1]), &device);
    let weights = Tensor::<1>::from_data(TensorData::new(weights, [count]), &device);
    let chosen = log_softmax(logits, 1).gather(1, index).reshape([count]);
    -(chosen * weights).sum() / f64::from(sum.max(f32::MIN_POSITIVE))
}

/// `[batch, frames, S, n]` as `[rows, n]`.
fn rows(x: &Tensor<4>) -> Tensor<2> {
    x.clone().flatten::<2>(0, 2)
}

/// Matches as rows of all tokens.
struct Matched {
    /// For subject, object, predicate: the class of each token of all frames; the last one where nothing is matched.
    classes: [Vec<usize>; 3],
    /// Row of each matched token.
    rows: Vec<i32>,
    subject_boxes: Vec<f32>,
    object_boxes: Vec<f32>,
}

impl Matched {
    fn collect(heads: &SceneHeads, targets: &FrameTargets, matches: &Matches) -> Result<Self> {
        let [batch, frames, tokens, entities] = heads.logit_s.dims();
        let predicates = heads.logit_p.dims()[3];
        for (name, got) in [("targets", targets.len()), ("matches", matches.len())] {
            if got != batch * frames {
                return Err(mismatch(&format!("{name} of the frames"), batch * frames, got));
            }
        }
        let none = |classes: usize| vec![classes - 1; batch * frames * tokens];
        let mut found = Self {
            classes: [none(entities), none(entities), none(predicates)],
            rows: Vec::new(),
            subject_boxes: Vec::new(),
            object_boxes: Vec::new(),
        };
        for (frame, (targets, pairs)) in targets.iter().zip(matches).enumerate() {
            for &(token, target) in pairs {
                let target =
                    targets.get(target).ok_or_else(|| mismatch("triplets of a frame", target + 1, targets.len()))?;
                let row = frame * tokens + token;
                let classes = [(target.subject, entities), (target.object, entities), (target.predicate, predicates)];
                for (of, (class, known)) in found.classes.iter_mut().zip(classes) {
                    if token >= tokens || class + 1 >= known {
                        return Err(mismatch("classes of a triplet", known - 1, class + 1));
                    }
                    of[row] = class;
                }
                found.rows.push(row as i32);
                found.subject_boxes.extend(target.subject_box);
                found.object_boxes.extend(target.object_box);
            }
        }
        Ok(found)
    }

    /// L1 and generalised overlap of the matched boxes, `[1]` each, a matched pair; 0 where nothing is matched.
    fn box_losses(&self, boxes: &Tensor<4>, expected: &[f32]) -> [Tensor<1>; 2] {
        let (device, count) = (boxes.device(), self.rows.len());
        if count == 0 {
            return [Tensor::zeros([1], &device), Tensor::zeros([1], &device)];
        }
        let index = Tensor::<1, Int>::from_data(TensorData::new(self.rows.clone(), [count]), &device);
        let expected = Tensor::<2>::from_data(TensorData::new(expected.to_vec(), [count, 4]), &device);
        let chosen = rows(boxes).select(0, index);
        let l1 = (chosen.clone() - expected.clone()).abs().sum() / count as f64;
        let giou = (-generalized_iou(chosen, expected) + 1.0).sum() / count as f64;
        [l1, giou]
    }
}

fn mismatch(name: &str, expected: usize, got: usize) -> Error {
    Error::ShapeMismatch { name: name.to_owned(), expected: vec![expected], got: vec![got] }
}
