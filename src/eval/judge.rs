//! What counts as a right answer to a pair: the positive caption scores higher. Benchmarks differ in what a tie is.

use crate::eval::Tally;
use serde::{Deserialize, Serialize};

/// What equal scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TieRule {
    /// Wrong (VELOCITI, VideoCon): a model that cannot tell has not told.
    #[default]
    Wrong,
    /// Right (SugarCrepe): the first of the best captions is taken, and the positive comes first.
    Right,
}

/// How one pair came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Whether the answer counts as right.
    pub correct: bool,
    /// Whether the scores are equal.
    pub tie: bool,
}

impl TieRule {
    /// Compares two scores, f32 or f64: two probabilities near 1 may differ in f64 alone. A score that is no number is wrong
    /// under either rule.
    #[must_use]
    pub fn judge(self, positive: impl Into<f64>, negative: impl Into<f64>) -> Judged {
        let (positive, negative) = (positive.into(), negative.into());
        // Not a comparison of measured quantities: the benchmarks' rules are about equal floats.
        #[allow(clippy::float_cmp)]
        let tie = positive == negative;
        Judged { correct: positive > negative || tie && self == Self::Right, tie }
    }
}

/// Right answers and ties among them or among the wrong ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PairTally {
    /// Right answers of how many.
    #[serde(flatten)]
    pub tally: Tally,
    /// Pairs with equal scores; whether they count as right is the benchmark's rule.
    pub ties: u64,
}

impl PairTally {
    /// Counts one more pair.
    pub fn add(&mut self, judged: Judged) {
        self.tally.add(judged.correct);
        self.ties += u64::from(judged.tie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_follow_the_rule_and_are_counted() {
        let scores = [(0.31, 0.29), (0.27, 0.27), (0.2, 0.25), (f32::NAN, 0.1), (0.1, f32::NAN), (f32::NAN, f32::NAN)];
        for (rule, correct) in [(TieRule::Wrong, 1), (TieRule::Right, 2)] {
            let mut tally = PairTally::default();
            for (positive, negative) in scores {
                tally.add(rule.judge(positive, negative));
            }
            assert_eq!(tally, PairTally { tally: Tally { correct, total: 6 }, ties: 1 }, "{rule:?}");
        }
    }
}
