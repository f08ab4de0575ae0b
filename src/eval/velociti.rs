//! VELOCITI's own numbers (formats.md 2.3): ClassicVLE, StrictVLE, the paper's seven columns and their mean.

use crate::eval::{KindTable, Tally, TieRule};
use crate::world::NearMissKind;
use serde::{Deserialize, Serialize};

/// The test that checks a model for sanity; no column of the table, no part of the mean.
pub const CONTROL: &str = "control";

/// Scores of pairs under VELOCITI's three readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VideoLanguageEntailment {
    /// ClassicVLE: the positive caption scores strictly higher.
    pub classic: Tally,
    /// StrictVLE: the positive scores above 0.5 and the negative below it; 0.5 itself fails. Means something for
    /// probabilities of entailment, not for cosines.
    pub strict: Tally,
    /// Strict analysis: among pairs whose positive scores above 0.5, those whose negative scores below it. Its total over
    /// that of the others is the share of positives above 0.5.
    pub negatives_refused: Tally,
}

impl VideoLanguageEntailment {
    /// Counts one more pair.
    pub fn add(&mut self, positive: impl Into<f64>, negative: impl Into<f64>) {
        let (positive, negative) = (positive.into(), negative.into());
        self.classic.add(TieRule::Wrong.judge(positive, negative).correct);
        self.strict.add(positive > 0.5 && negative < 0.5);
        if positive > 0.5 {
            self.negatives_refused.add(negative < 0.5);
        }
    }
}

/// The paper's seven columns of tallies by test name; other tests, `control` among them, are left out. The table's mean is
/// the plain mean of the columns.
#[must_use]
pub fn paper_columns<'a>(tallies: impl IntoIterator<Item = (&'a str, Tally)>) -> KindTable {
    let mut table = KindTable::default();
    for (name, tally) in tallies {
        if let Some(kind) = NearMissKind::ALL.into_iter().find(|kind| kind.name() == name) {
            table.set(kind, tally);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample file's three rows and what its authors' rule makes of them (expected_SYNTHETIC.json: classic 0.333).
    #[test]
    fn the_sample_s_tie_is_wrong() {
        let mut entailment = VideoLanguageEntailment::default();
        for (positive, negative) in [(0.31, 0.29), (0.27, 0.27), (0.2, 0.25)] {
            entailment.add(positive, negative);
        }
        assert_eq!((entailment.classic.accuracy() * 1000.0).round() / 1000.0, 0.333);
        assert_eq!(entailment.strict, Tally { correct: 0, total: 3 });
        assert_eq!(entailment.negatives_refused, Tally::default());
    }

    /// Pairs of the retrieval fixture, which the original functions judged.
    #[test]
    fn both_readings_are_the_original_s() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieval/");
        let bytes = std::fs::read(format!("{path}tensors.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let floats = |name: &str| -> Vec<f32> {
            let data = file.tensor(name).unwrap();
            data.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        };
        let mut entailment = VideoLanguageEntailment::default();
        for (positive, negative) in floats("pair_pos").into_iter().zip(floats("pair_neg")) {
            entailment.add(positive, negative);
        }
        let metrics = std::fs::read_to_string(format!("{path}metrics.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&metrics).unwrap();
        let expected = |name: &str| expected["pairwise"][name].as_f64().unwrap();
        assert!((entailment.classic.accuracy() - expected("classic_acc")).abs() < 1e-12);
        assert!((entailment.strict.accuracy() - expected("strict_acc")).abs() < 1e-12);
        assert_eq!(entailment.classic.total, 40);
    }

    #[test]
    fn a_half_fails_on_either_side() {
        let mut entailment = VideoLanguageEntailment::default();
        for (positive, negative) in [(0.9, 0.1), (0.5, 0.1), (0.9, 0.5), (0.4, 0.3), (0.9, 0.95)] {
            entailment.add(positive, negative);
        }
        assert_eq!(entailment.strict, Tally { correct: 1, total: 5 });
        assert_eq!(entailment.negatives_refused, Tally { correct: 1, total: 3 });
        assert_eq!(entailment.classic, Tally { correct: 4, total: 5 });
    }

    #[test]
    fn control_is_no_column() {
        let tally = |correct| Tally { correct, total: 10 };
        let table = paper_columns([("chrono", tally(5)), (CONTROL, tally(10)), ("agent_random", tally(8))]);
        assert!((table.mean() - 0.65).abs() < 1e-12);
        assert_eq!(table.of(NearMissKind::AgentIdentification), tally(8));
        assert_eq!(table.rows().len(), 7);
    }
}
