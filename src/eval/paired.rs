//! Two runs on the same samples: which model is better, and whether that could be chance.

use crate::eval::ClusteredMean;
use serde::{Deserialize, Serialize};

/// The comparison of run A with run B.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Paired {
    /// Samples that both got right.
    pub both: u64,
    /// Samples that only A got right.
    pub only_a: u64,
    /// Samples that only B got right.
    pub only_b: u64,
    /// Samples that neither got right.
    pub neither: u64,
    /// Exact McNemar test (two-sided): how probable so uneven a split of the samples that they differ in is, were both
    /// models equally good.
    pub p: f64,
    /// Accuracy of B less that of A, with its errors over videos.
    pub difference: ClusteredMean,
}

impl Paired {
    /// Of samples as (A is right, B is right, video).
    #[must_use]
    pub fn of(samples: &[(bool, bool, &str)]) -> Self {
        let count = |a: bool, b: bool| samples.iter().filter(|(x, y, _)| (*x, *y) == (a, b)).count() as u64;
        let (only_a, only_b) = (count(true, false), count(false, true));
        let differences = samples.iter().map(|(a, b, video)| (f64::from(i8::from(*b) - i8::from(*a)), *video));
        Self {
            both: count(true, true),
            only_a,
            only_b,
            neither: count(false, false),
            p: exact_mcnemar(only_a, only_b),
            difference: ClusteredMean::of(differences),
        }
    }
}

/// Two-sided exact McNemar test: twice the probability of at most min(b, c) heads in b + c throws of a fair coin, at most
/// 1 (McNemar 1947; exact form as in statsmodels).
#[must_use]
pub fn exact_mcnemar(only_a: u64, only_b: u64) -> f64 {
    let (few, total) = (only_a.min(only_b), only_a + only_b);
    if total == 0 {
        return 1.0;
    }
    let (n, k) = (total as f64, few as f64);
    // The largest term by logarithms, the smaller ones by their ratios: n is in the thousands, 2^n in no float.
    let largest =
        libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0) - n * std::f64::consts::LN_2;
    let (mut sum, mut term) = (1.0, 1.0);
    for i in (1..=few).rev() {
        term *= i as f64 / (total - i + 1) as f64;
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    (2.0 * largest.exp() * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_is_the_reference_s() {
        let cases = crate::eval::reference_cases("mcnemar");
        for case in &cases {
            let (b, c) = (case["b"].as_u64().unwrap(), case["c"].as_u64().unwrap());
            let (got, expected) = (exact_mcnemar(b, c), case["p"].as_f64().unwrap());
            assert!((got - expected).abs() <= 1e-9 * expected, "{b}, {c}: {got} instead of {expected}");
            assert_eq!(got.to_bits(), exact_mcnemar(c, b).to_bits());
        }
        assert!(cases.len() >= 10);
    }

    #[test]
    fn p_of_small_numbers_by_hand() {
        // 10 throws, at most 1 head: 11 / 1024, twice.
        assert!((exact_mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-15);
        assert!((exact_mcnemar(5, 0) - 2.0 / 32.0).abs() < 1e-15);
        assert!((exact_mcnemar(4, 4) - 1.0).abs() < 1e-15);
        assert!((exact_mcnemar(0, 0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_four_cells_and_the_difference() {
        let samples = [
            (true, true, "a"),
            (false, true, "a"),
            (false, true, "b"),
            (true, false, "b"),
            (false, false, "c"),
            (false, true, "d"),
        ];
        let paired = Paired::of(&samples);
        assert_eq!((paired.both, paired.only_a, paired.only_b, paired.neither), (1, 1, 3, 1));
        assert!((paired.difference.mean - 2.0 / 6.0).abs() < 1e-12);
        assert!((paired.p - 10.0 / 16.0).abs() < 1e-12);
        let (low, high) = paired.difference.interval();
        assert!(low < 2.0 / 6.0 && high > 2.0 / 6.0);
    }
}
