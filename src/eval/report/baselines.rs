//! Published numbers that are certain: chance, and Tables 1 and 3 of the SGCR-Vid paper. (Its Table 2, VELOCITI, is not
//! among them: the text at hand has its cells out of order.)

use crate::data::benchmark::PairTask;
use crate::eval::run::Task;

/// A published number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    /// The row of our table that it belongs to.
    pub group: &'static str,
    /// The model.
    pub model: &'static str,
    /// Accuracy or recall at 1, in percent.
    pub percent: f64,
    /// Where it is from.
    pub source: &'static str,
}

const CHANCE: &str = "chance";
const TABLE_1: &str = "SGCR-Vid, Table 1";
const TABLE_3: &str = "SGCR-Vid, Table 3";

/// Table 3: accuracy on VideoCon's human rows that a single frame does not tell.
const VIDEOCON: [(&str, f64); 10] = [
    ("CLIP (400M)", 66.7),
    ("NegCLIP (2.9M)", 62.2),
    ("ViFi-CLIP (400K)", 63.6),
    ("CLIP-ViP (100M)", 68.0),
    ("ViCLIP (200M)", 65.1),
    ("InternVideo2 (400M)", 71.1),
    ("ViCLIP (10M)", 66.0),
    ("ViCLIP (10M) + SGCR-Vid", 70.1),
    ("InternVideo2 (26M)", 73.8),
    ("InternVideo2 (26M) + SGCR-Vid", 74.6),
];

/// Table 1, zero-shot: K400's top-1.
const KINETICS: [(&str, f64); 6] = [
    ("ViCLIP (200M)", 59.8),
    ("ViCLIP (10M)", 57.6),
    ("ViCLIP (10M) + SGCR-Vid", 56.6),
    ("InternVideo2 (400M)", 72.7),
    ("InternVideo2 (26M)", 66.9),
    ("InternVideo2 (26M) + SGCR-Vid", 65.1),
];

/// The published numbers beside a task's own.
#[must_use]
pub fn baselines(task: Task) -> Vec<Baseline> {
    let rows = |group, source, rows: &[(&'static str, f64)]| -> Vec<Baseline> {
        rows.iter().map(|(model, percent)| Baseline { group, model, percent: *percent, source }).collect()
    };
    let chance = |percent| Baseline { group: "all", model: "random", percent, source: CHANCE };
    match task {
        Task::Pairs(PairTask::Videocon) => [vec![chance(50.0)], rows("hard", TABLE_3, &VIDEOCON)].concat(),
        Task::Pairs(_) | Task::World => vec![chance(50.0)],
        Task::Kinetics => [vec![chance(0.25)], rows("all", TABLE_1, &KINETICS)].concat(),
    }
}
