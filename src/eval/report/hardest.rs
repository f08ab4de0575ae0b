//! The samples that a model got most wrong.

use crate::error::Result;
use crate::eval::run::results::samples_file;
use crate::eval::run::{ClassLine, Journal, PairLine, RankLine, Task};
use std::path::Path;

/// How many are shown.
const SHOWN: usize = 12;

/// A sample that was got wrong.
#[derive(Debug, Clone, PartialEq)]
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

/// The wrong answers of a run, the most wrong first: pairs by how much higher the false caption scored, classes by rank.
///
/// # Errors
/// Those of [`Journal::read`].
pub fn read(folder: &Path, task: Task) -> Result<Vec<HardSample>> {
    let path = folder.join(samples_file(task));
    match task {
        Task::Pairs(_) | Task::World => Ok(pairs(Journal::read(&path)?)),
        Task::Retrieval(_) => Ok(ranks(Journal::read(&path)?)),
        Task::Kinetics => Ok(classes(Journal::read(&path)?)),
    }
}

fn pairs(mut lines: Vec<PairLine>) -> Vec<HardSample> {
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

fn classes(mut lines: Vec<ClassLine>) -> Vec<HardSample> {
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

/// Texts whose video stands far back.
fn ranks(mut lines: Vec<RankLine>) -> Vec<HardSample> {
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
