//! What the paper leaves open about a sample: one setting for each of choices 15, 16, 17 and 20 of models.md 5.7. The
//! defaults are that table's.

use serde::{Deserialize, Serialize};

/// Choices 15, 16, 17 and 20 of models.md 5.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleChoices {
    /// What becomes of a sample that lacks a negative.
    pub missing_negatives: MissingNegatives,
    /// Which templates of temporal order a step sees.
    pub templates: Templates,
    /// How much of a graph a negative changes.
    pub replaced: Replaced,
    /// Which triplets are to be found in a frame.
    pub targets: Targets,
}

/// What becomes of a sample that lacks a negative: no attribute is known, say, or all predicates are symmetric (choice 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingNegatives {
    /// The loss leaves that negative out.
    #[default]
    LeftOut,
    /// Another (F, B, O) of the video is drawn, a few times; the first draw stands where none has them all.
    Resampled,
}

/// Which templates of temporal order a step sees (choice 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Templates {
    /// One, drawn.
    #[default]
    One,
    /// All seven; L_TSG^T is their mean.
    All,
}

/// How much of a graph a negative changes (choice 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replaced {
    /// Every attribute, predicate or pair that can be changed.
    #[default]
    All,
    /// One of them, drawn (as SGVL does).
    One,
}

/// Which triplets are to be found in a frame (choice 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Targets {
    /// All that hold in it (the paper's footnote 5).
    #[default]
    Frame,
    /// Those among them that the sample's G_F, G_B or G_O tell.
    Told,
}

impl Replaced {
    /// What is changed of what could be.
    pub(super) fn of<T>(self, mut changes: Vec<T>, pick: super::Pick) -> Vec<T> {
        if self == Self::All || changes.len() < 2 {
            return changes;
        }
        let at = pick(changes.len());
        vec![changes.swap_remove(at)]
    }
}

#[cfg(test)]
#[path = "tests/sample_choices.rs"]
mod tests;
