//! The samples that a model got most wrong.

use super::classes::ClassLine;
use super::near_misses::PairLine;
use super::retrieval::RankLine;
use serde::Serialize;

/// How many are shown.
const SHOWN: usize = 12;

/// A sample that was got wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HardSample {
    /// The video.
    pub video: String,
    /// Its kind.
    pub kind: String,
    /// A frame that the model saw.
    pub frame: usize,
    /// What was asked and answered, line by line.
    pub told: Vec<String>,
}

/// Of pairs: by how much higher the false caption scored.
pub(in crate::eval) fn of_pairs(mut lines: Vec<PairLine>) -> Vec<HardSample> {
    lines.retain(|line| !line.correct);
    let margin = |line: &PairLine| line.neg_score - line.pos_score;
    lines.sort_by(|a, b| margin(b).total_cmp(&margin(a)).then(a.at.cmp(&b.at)));
    let hard = |line: PairLine| HardSample {
        frame: middle(&line.clip.frames),
        told: vec![
            format!("true, {:.3}: {}", line.pos_score, line.sample.positive),
            format!("false, {:.3}: {}", line.neg_score, line.sample.negative),
        ],
        video: line.sample.video,
        kind: line.sample.kind,
    };
    lines.into_iter().take(SHOWN).map(hard).collect()
}

/// Of classes: by the right one's rank.
pub(in crate::eval) fn of_classes(mut lines: Vec<ClassLine>) -> Vec<HardSample> {
    lines.retain(|line| !line.correct);
    lines.sort_by(|a, b| b.rank.pessimistic.cmp(&a.rank.pessimistic).then(a.at.cmp(&b.at)));
    let hard = |line: ClassLine| HardSample {
        frame: middle(&line.clip.frames),
        told: vec![format!("rank {}", line.rank.pessimistic + 1), format!("best: {}", line.best.join(", "))],
        video: line.video,
        kind: line.kind,
    };
    lines.into_iter().take(SHOWN).map(hard).collect()
}

/// Of texts: by their video's rank.
pub(in crate::eval) fn of_ranks(mut lines: Vec<RankLine>) -> Vec<HardSample> {
    lines.retain(|line| !line.correct && line.text.is_some());
    lines.sort_by(|a, b| b.pessimistic.cmp(&a.pessimistic).then(a.id.cmp(&b.id)));
    let hard = |line: RankLine| HardSample {
        frame: line.frame,
        told: vec![format!("its video has rank {}", line.pessimistic), line.text.unwrap_or_default()],
        video: line.video,
        kind: line.kind,
    };
    lines.into_iter().take(SHOWN).map(hard).collect()
}

fn middle(frames: &[usize]) -> usize {
    frames.get(frames.len() / 2).copied().unwrap_or(0)
}
