//! What one trained model of an ablation measured, as its run writes it.

use crate::error::{Error, Result};
use crate::eval::{AttentionMean, KindTable, WorldAttention};
use crate::world::{NearMissKind, Split};
use serde::{Deserialize, Serialize};

/// Which branches of SGCR-Vid a cell trains with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The contrastive loss alone, on the same pairs for the same steps.
    Baseline,
    /// With the text branch.
    Tsg,
    /// With the visual branch.
    Vsg,
    /// With both: SGCR-Vid.
    Both,
}

impl Variant {
    /// In the order of the tables.
    pub const ALL: [Self; 4] = [Self::Baseline, Self::Tsg, Self::Vsg, Self::Both];

    /// A name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Tsg => "+ TSG",
            Self::Vsg => "+ VSG",
            Self::Both => "+ both",
        }
    }
}

/// Of which sweep a cell is a point. Cells of the ablation itself have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sweep {
    /// Over alpha, the weight of the visual branch's loss (the paper's Figure 6).
    Alpha,
    /// Over S', the scene-graph tokens of a frame (Figure 7).
    SceneTokens,
}

/// One model of an ablation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What it trained with.
    pub name: Variant,
    /// What everything random in it follows from. Cells of equal seed are compared in pairs.
    pub seed: u64,
    /// The sweep it belongs to.
    #[serde(default)]
    pub sweep: Option<Sweep>,
    /// Weight of the visual branch's loss.
    pub alpha: f64,
    /// Scene-graph tokens of a frame.
    pub scene_tokens: usize,
    /// Steps of training.
    pub steps: usize,
    /// Hours of training and testing on the wall clock.
    pub hours: f64,
    /// Hash of all its settings.
    pub config_hash: String,
    /// Near misses told apart.
    pub kinds: Vec<KindCount>,
    /// Retrieval between videos and texts.
    #[serde(default)]
    pub retrieval: Vec<Retrieval>,
    /// How well its scene-graph tokens point at what they name.
    #[serde(default)]
    pub grounding: Option<Grounding>,
    /// The losses while it trained.
    #[serde(default)]
    pub losses: Vec<LossPoint>,
    /// Whom the CLS token attends to.
    #[serde(default)]
    pub attention: Option<Attention>,
}

/// Near misses of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindCount {
    /// A [`Split`]'s name.
    pub split: String,
    /// A [`NearMissKind`]'s name.
    pub kind: String,
    /// Pairs whose true caption scored strictly higher.
    pub correct: u64,
    /// Pairs.
    pub total: u64,
}

/// Recall at rank 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// A [`Split`]'s name.
    pub split: String,
    /// Share of texts whose own video is first, 0..1.
    pub text_to_video: f64,
    /// Share of videos whose own text is first, 0..1.
    pub video_to_text: f64,
    /// Pairs.
    pub n: u64,
}

/// Triplets of the truth that a scene-graph token predicts, both boxes at the IoU or better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grounding {
    /// Triplets found.
    pub found: u64,
    /// Triplets.
    pub triplets: u64,
    /// The least intersection over union, 0..1.
    pub iou: f64,
}

/// Losses of one step (or means over a few).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossPoint {
    /// The step.
    pub step: usize,
    /// Contrastive.
    pub con: f64,
    /// Text branch.
    #[serde(default)]
    pub tsg: Option<f64>,
    /// Visual branch, before alpha.
    #[serde(default)]
    pub vsg: Option<f64>,
}

/// Attention of the CLS token by layer: head-mean shares of `[CLS, scene-graph tokens, patches]`, which sum to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// Over all near misses.
    pub all: Vec<[f64; 3]>,
    /// Over clips of near misses that were told apart; empty where not measured.
    #[serde(default)]
    pub right: Vec<[f64; 3]>,
    /// Over clips of those that were not.
    #[serde(default)]
    pub wrong: Vec<[f64; 3]>,
}

impl Attention {
    /// As it was measured.
    #[must_use]
    pub fn of(measured: &WorldAttention) -> Self {
        let shares = |mean: &AttentionMean| mean.layers().into_iter().map(Into::into).collect();
        Self { all: shares(&measured.all), right: shares(&measured.right), wrong: shares(&measured.wrong) }
    }
}

impl Cell {
    /// Adds the counts of a tested split.
    pub fn add_kinds(&mut self, split: Split, table: &KindTable) {
        let count = |(kind, tally): &(NearMissKind, crate::eval::Tally)| KindCount {
            split: split.name().to_owned(),
            kind: kind.name().to_owned(),
            correct: tally.correct,
            total: tally.total,
        };
        self.kinds.extend(table.rows().iter().map(count));
    }

    /// How messages call it.
    pub(super) fn told(&self) -> String {
        format!("cell {}, seed {}, alpha {}, {} tokens", self.name.title(), self.seed, self.alpha, self.scene_tokens)
    }

    /// Checks names and numbers.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the cell and what is wrong.
    pub fn validate(&self) -> Result<()> {
        let wrong = |reason: String| Err(Error::InvalidInput { what: self.told(), reason });
        for count in &self.kinds {
            if Split::ALL.iter().all(|split| split.name() != count.split) {
                return wrong(format!("the world has no split \"{}\"", count.split));
            }
            if NearMissKind::ALL.iter().all(|kind| kind.name() != count.kind) {
                return wrong(format!("there is no kind of near miss \"{}\"", count.kind));
            }
            if count.correct > count.total {
                return wrong(format!("{} of {} are right of {}", count.correct, count.total, count.kind));
            }
            if self.kinds.iter().filter(|other| (&other.split, &other.kind) == (&count.split, &count.kind)).count() > 1
            {
                return wrong(format!("{} of the {} split is counted twice", count.kind, count.split));
            }
        }
        let mut shares: Vec<f64> = self.retrieval.iter().flat_map(|r| [r.text_to_video, r.video_to_text]).collect();
        if let Some(attention) = &self.attention {
            shares.extend([&attention.all, &attention.right, &attention.wrong].into_iter().flatten().flatten());
        }
        if let Some(grounding) = self.grounding {
            shares.push(grounding.iou);
            if grounding.found > grounding.triplets {
                return wrong(format!("{} of {} triplets are found", grounding.found, grounding.triplets));
            }
        }
        if let Some(share) = shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            return wrong(format!("{share} is no share from 0 to 1"));
        }
        if !(self.hours.is_finite() && self.hours >= 0.0 && self.alpha.is_finite()) {
            return wrong(format!("hours {} and alpha {} must be finite", self.hours, self.alpha));
        }
        Ok(())
    }
}
