//! Learning rate over the steps.

/// Linear warm-up, then half a cosine down (models.md 1.8).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineSchedule {
    /// Highest learning rate.
    pub base: f64,
    /// Steps of warm-up.
    pub warmup: usize,
    /// Steps in all. As in the original, the cosine turns up again past them.
    pub total: usize,
    /// The learning rate is never below this share of `base`.
    pub least: f64,
}

impl CosineSchedule {
    /// Learning rate of step `step`, counted from 0.
    #[must_use]
    pub fn at(&self, step: usize) -> f64 {
        let factor = if step < self.warmup {
            step as f64 / self.warmup.max(1) as f64
        } else {
            let span = self.total.saturating_sub(self.warmup).max(1);
            let progress = (step - self.warmup) as f64 / span as f64;
            0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress))
        };
        self.base * factor.max(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_schedule_is_met() {
        let path = format!("{}/tests/fixtures/lr_schedule/cases.json", env!("CARGO_MANIFEST_DIR"));
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = cases.as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            // torch's own CosineAnnealingLR is the same without warm-up and names its length otherwise.
            let count = |name: &str| case[name].as_u64().map(|count| usize::try_from(count).unwrap());
            let schedule = CosineSchedule {
                base: case["base_lr"].as_f64().unwrap(),
                warmup: count("warmup").unwrap_or(0),
                total: count("total").or(count("T_max")).unwrap(),
                least: case["min_lr_multi"].as_f64().unwrap_or(0.0),
            };
            for (step, expected) in case["lr_at_step"].as_array().unwrap().iter().enumerate() {
                let (got, expected) = (schedule.at(step), expected.as_f64().unwrap());
                // Where the cosine is 0, an f64 leaves 1e-17 of the base.
                let tolerance = 1e-6 * expected.abs() + 1e-12 * schedule.base;
                assert!((got - expected).abs() <= tolerance, "step {step}: {got} instead of {expected}");
            }
        }
    }
}
