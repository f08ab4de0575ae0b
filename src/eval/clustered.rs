//! How far a mean of samples may be from the truth where several samples share a video: their errors are alike, so that
//! they tell less than as many videos would.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The 97.5 % point of the normal distribution.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// A mean with its standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ClusteredMean {
    /// The mean of all samples.
    pub mean: f64,
    /// Its standard error if samples were independent: sample deviation over the root of their number.
    pub stderr: f64,
    /// Its standard error with samples of one cluster correlated as they are.
    pub stderr_clustered: f64,
    /// Samples.
    pub samples: usize,
    /// Clusters.
    pub clusters: usize,
}

impl ClusteredMean {
    /// Of values with the names of their clusters (videos), by lmms-eval's formula (formats.md 8):
    /// `sqrt(SE^2 + (1 / n^2) sum over clusters of [(sum d)^2 - sum d^2])`, d the distance from the mean. All zero for no
    /// samples.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = (f64, &'a str)>) -> Self {
        let values: Vec<(f64, &str)> = values.into_iter().collect();
        let count = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().map(|(value, _)| value).sum::<f64>() / count;
        // Sum and sum of squares of the distances, by cluster; sorted, so that sums come out the same every time.
        let mut clusters: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for (value, cluster) in &values {
            let (sum, squares) = clusters.entry(cluster).or_default();
            *sum += value - mean;
            *squares += (value - mean).powi(2);
        }
        let squares: f64 = clusters.values().map(|(_, squares)| squares).sum();
        let variance = if values.len() > 1 { squares / (count - 1.0) / count } else { 0.0 };
        let shared: f64 = clusters.values().map(|(sum, squares)| sum * sum - squares).sum();
        // Clusters whose samples are less alike than chance make it smaller; rounding must not make it negative.
        let clustered = (variance + shared / (count * count)).max(0.0);
        Self {
            mean,
            stderr: variance.sqrt(),
            stderr_clustered: clustered.sqrt(),
            samples: values.len(),
            clusters: clusters.len(),
        }
    }

    /// The mean's 95 % interval by the clustered error (normal approximation).
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        (self.mean - Z * self.stderr_clustered, self.mean + Z * self.stderr_clustered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values and errors of tests/fixtures/eval_arithmetic (statsmodels, numpy).
    #[test]
    fn errors_are_the_reference_s() {
        let cases = crate::eval::reference_cases("clustered");
        for case in &cases {
            let values: Vec<f64> = serde_json::from_value(case["values"].clone()).unwrap();
            let names: Vec<String> = serde_json::from_value(case["clusters"].clone()).unwrap();
            let got = ClusteredMean::of(values.iter().copied().zip(names.iter().map(String::as_str)));
            for (name, value) in
                [("mean", got.mean), ("stderr", got.stderr), ("stderr_clustered", got.stderr_clustered)]
            {
                let expected = case[name].as_f64().unwrap();
                assert!((value - expected).abs() < 1e-12, "{name}: {value} instead of {expected}");
            }
        }
        assert!(cases.len() >= 5);
    }

    /// All samples of a video the same: as many samples as videos are worth of information.
    #[test]
    fn copies_of_a_sample_tell_nothing_new() {
        let one = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0].map(|value| (value, 1));
        let names: Vec<String> = (0..8).map(|at| format!("v{at}")).collect();
        let copied = one.iter().zip(&names).flat_map(|((value, _), name)| vec![(*value, name.as_str()); 50]);
        let copied = ClusteredMean::of(copied);
        let single = ClusteredMean::of(one.iter().zip(&names).map(|((value, _), name)| (*value, name.as_str())));
        assert!((copied.mean - single.mean).abs() < 1e-12);
        // Up to n against n - 1 in the plain part.
        assert!((copied.stderr_clustered / single.stderr_clustered - (7.0_f64 / 8.0).sqrt()).abs() < 1e-3);
        assert!(copied.stderr < single.stderr / 5.0);
        assert_eq!((copied.clusters, copied.samples), (8, 400));
        assert_eq!(ClusteredMean::of([]), ClusteredMean::default());
        assert_eq!(ClusteredMean::of([(1.0, "a")]).interval(), (1.0, 1.0));
    }
}
