//! Counts of right answers.

use crate::eval::clustered::Z;
use serde::{Deserialize, Serialize};

/// How many of how many answers are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Right answers.
    pub correct: u64,
    /// Answers.
    pub total: u64,
}

impl Tally {
    /// Counts one more answer.
    pub fn add(&mut self, right: bool) {
        self.correct += u64::from(right);
        self.total += 1;
    }

    /// Share of right answers, 0..1; NaN where there are none.
    #[must_use]
    pub fn accuracy(self) -> f64 {
        self.correct as f64 / self.total as f64
    }

    /// Wilson's 95 % interval of the accuracy (Wilson 1927), 0..1. Without answers it is all of it.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        if self.total == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.total as f64, self.accuracy());
        let scale = 1.0 + Z * Z / n;
        let centre = (p + Z * Z / (2.0 * n)) / scale;
        let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((centre - half).max(0.0), (centre + half).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_the_reference_s() {
        let cases = crate::eval::reference_cases("wilson");
        for case in &cases {
            let tally = Tally { correct: case["correct"].as_u64().unwrap(), total: case["total"].as_u64().unwrap() };
            let (low, high) = tally.interval();
            for (got, name) in [(low, "low"), (high, "high")] {
                let expected = case[name].as_f64().unwrap();
                assert!((got - expected).abs() < 1e-12, "{tally:?}: {name} {got} instead of {expected}");
            }
        }
        assert!(cases.len() >= 8);
    }

    #[test]
    fn the_interval_is_wilsons() {
        // The interval's ends are where a true share p has the observed one z standard deviations away.
        for (correct, total) in [(8, 10), (431, 600), (1, 3)] {
            let tally = Tally { correct, total };
            let (low, high) = tally.interval();
            for p in [low, high] {
                let deviations = (tally.accuracy() - p).abs() / (p * (1.0 - p) / total as f64).sqrt();
                assert!((deviations - 1.959_963_985).abs() < 1e-6, "{correct}/{total}: {deviations} at {p}");
            }
        }
        for (correct, total, low, high) in
            [(8, 10, 0.490_162_47, 0.943_317_75), (0, 20, 0.0, 0.161_125_16), (500, 1000, 0.469_069_60, 0.530_930_40)]
        {
            let (a, b) = Tally { correct, total }.interval();
            assert!((a - low).abs() < 1e-6 && (b - high).abs() < 1e-6, "{correct}/{total}: {a} {b}");
        }
        assert_eq!(Tally::default().interval(), (0.0, 1.0));
    }
}
