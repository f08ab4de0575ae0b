//! Published numbers that are certain: chance, and Tables 1 and 3 of the SGCR-Vid paper. (Its Table 2, VELOCITI, is not
//! among them: the text at hand has its cells out of order.)

use crate::data::benchmark::{PairTask, RetrievalTask};
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

/// Table 1, zero-shot recall at 1: text to video and video to text on MSR-VTT, MSVD and DiDeMo.
const RETRIEVAL: [(&str, [[f64; 2]; 3]); 6] = [
    ("ViCLIP (200M)", [[39.3, 39.5], [47.3, 70.0], [17.1, 25.5]]),
    ("ViCLIP (10M)", [[37.2, 37.0], [44.1, 68.4], [16.8, 25.7]]),
    ("ViCLIP (10M) + SGCR-Vid", [[38.4, 37.0], [44.5, 66.3], [16.8, 24.4]]),
    ("InternVideo2 (400M)", [[51.9, 53.7], [59.3, 83.1], [57.9, 57.1]]),
    ("InternVideo2 (26M)", [[49.6, 52.1], [58.9, 83.9], [51.0, 54.5]]),
    ("InternVideo2 (26M) + SGCR-Vid", [[50.4, 50.8], [58.1, 84.2], [51.3, 54.4]]),
];

fn retrieval(task: RetrievalTask) -> Vec<Baseline> {
    let column = match task {
        RetrievalTask::Msrvtt => 0,
        RetrievalTask::Msvd => 1,
        RetrievalTask::Didemo => 2,
    };
    let rows = RETRIEVAL.iter().flat_map(|(model, columns)| {
        let [text_to_video, video_to_text] = columns[column];
        [("t2v_r1", text_to_video), ("v2t_r1", video_to_text)].map(|(group, percent)| Baseline {
            group,
            model,
            percent,
            source: TABLE_1,
        })
    });
    rows.collect()
}

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
        Task::Retrieval(task) => retrieval(task),
        Task::Kinetics => [vec![chance(0.25)], rows("all", TABLE_1, &KINETICS)].concat(),
    }
}
