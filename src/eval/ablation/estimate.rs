//! A mean over seeds and what it is uncertain by.

use super::student;

/// Share of intervals that hold the true mean.
const CONFIDENCE: f64 = 0.95;

/// A mean with its 95 % t interval, in the values' unit (percent points throughout this report).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width; none for a single value.
    pub half: Option<f64>,
    /// How many values.
    pub count: usize,
    /// Two-sided probability of a mean at least so far from 0 if the true one were 0; none for a single value.
    pub p: Option<f64>,
}

impl Estimate {
    /// Of some values; none of no values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let n = count as f64;
        let mean = values.iter().sum::<f64>() / n;
        if count == 1 {
            return Some(Self { mean, half: None, count, p: None });
        }
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (variance / n).sqrt();
        let half = student::critical(1.0 - CONFIDENCE, count - 1) * error;
        let p = match (error > 0.0, mean == 0.0) {
            (true, _) => student::two_sided(mean / error, count - 1),
            (false, true) => 1.0,
            (false, false) => 0.0,
        };
        Some(Self { mean, half: Some(half), count, p: Some(p) })
    }

    /// The interval's lower end; the mean where there is none.
    #[must_use]
    pub fn low(&self) -> f64 {
        self.mean - self.half.unwrap_or(0.0)
    }

    /// The interval's upper end; the mean where there is none.
    #[must_use]
    pub fn high(&self) -> f64 {
        self.mean + self.half.unwrap_or(0.0)
    }

    /// `61.2 ± 1.4`.
    #[must_use]
    pub fn told(&self) -> String {
        self.with(format!("{:.1}", self.mean))
    }

    /// A difference: `+3.1 ± 0.9`, `−0.4 ± 1.2`.
    #[must_use]
    pub fn told_signed(&self) -> String {
        self.with(signed(self.mean))
    }

    /// A difference with its interval's ends: `+3.1 (+2.2 to +4.0)`.
    #[must_use]
    pub fn told_with_ends(&self) -> String {
        match self.half {
            Some(_) => format!("{} ({} to {})", signed(self.mean), signed(self.low()), signed(self.high())),
            None => format!("{} (one seed, no interval)", signed(self.mean)),
        }
    }

    fn with(&self, mean: String) -> String {
        self.half.map_or(mean.clone(), |half| format!("{mean} ± {half:.1}"))
    }
}

/// With its sign and one decimal; what rounds to 0 has none.
#[must_use]
pub fn signed(value: f64) -> String {
    let size = format!("{:.1}", value.abs());
    match size.as_str() {
        "0.0" => size,
        _ if value > 0.0 => format!("+{size}"),
        _ => format!("\u{2212}{size}"),
    }
}

/// Holm's correction: the probabilities as they stand when all are looked at together, in the same order.
#[must_use]
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut corrected = vec![0.0; probabilities.len()];
    let mut least = 0.0_f64;
    for (rank, at) in order.into_iter().enumerate() {
        least = least.max(probabilities[at] * (probabilities.len() - rank) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_scipys() {
        // scipy.stats: t.interval(0.95, n - 1, mean, sem(values)) and ttest_1samp(values, 0).pvalue
        let cases: [(&[f64], [f64; 4]); 3] = [
            (&[61.2, 63.0, 60.1], [61.43333333333, 57.79652404958, 65.07014261708, 1.892504858949e-4]),
            (&[0.5, -0.25], [0.125, -4.639826776066, 4.889826776066, 0.7951672353009]),
            (&[3.1, 2.9, 3.4, 2.2, 4.0], [3.12, 2.299185901255, 3.940814098745, 4.560343137959e-4]),
        ];
        for (values, expected) in cases {
            let estimate = Estimate::of(values).unwrap();
            let got = [estimate.mean, estimate.low(), estimate.high(), estimate.p.unwrap()];
            for (got, expected) in got.into_iter().zip(expected) {
                assert!((got - expected).abs() < 1e-10 * expected.abs().max(1.0), "{values:?}: {got}, not {expected}");
            }
        }
    }

    #[test]
    fn few_values() {
        assert_eq!(Estimate::of(&[]), None);
        let one = Estimate::of(&[3.0]).unwrap();
        assert_eq!((one.mean, one.half, one.low(), one.high(), one.told()), (3.0, None, 3.0, 3.0, "3.0".to_owned()));
        let same = Estimate::of(&[2.0, 2.0, 2.0]).unwrap();
        assert_eq!((same.half, same.p), (Some(0.0), Some(0.0)));
        assert_eq!(Estimate::of(&[0.0, 0.0]).unwrap().p, Some(1.0));
    }

    #[test]
    fn differences_have_signs() {
        for (value, expected) in [(3.12, "+3.1"), (-0.44, "\u{2212}0.4"), (0.04, "0.0"), (-0.04, "0.0"), (0.0, "0.0")] {
            assert_eq!(signed(value), expected);
        }
        let estimate = Estimate { mean: 1.0, half: Some(2.0), count: 3, p: None };
        assert_eq!(estimate.told_signed(), "+1.0 ± 2.0");
        assert_eq!(estimate.told_with_ends(), "+1.0 (\u{2212}1.0 to +3.0)");
    }

    #[test]
    fn holm_is_statsmodels() {
        // statsmodels.stats.multitest.multipletests(method="holm")
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]);
        for (got, expected) in corrected.iter().zip([0.04, 0.09, 0.09, 0.025, 0.9]) {
            assert!((got - expected).abs() < 1e-12, "{corrected:?}");
        }
        assert!(holm(&[]).is_empty());
    }
}
