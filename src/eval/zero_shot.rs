//! Zero-shot recognition: a clip against every class, each told in several prompts (models.md 1.8, formats.md 4.5).

use crate::eval::Tally;
use serde::{Deserialize, Serialize};

/// The 16 prompts of ViCLIP's and InternVideo2's evaluation; `{}` is the class (InternVideo 3965eef, `text_prompt.py`).
pub const KINETICS_PROMPTS: [&str; 16] = [
    "a photo of action {}",
    "a picture of action {}",
    "Human action of {}",
    "{}, an action",
    "{} this is an action",
    "{}, a video of action",
    "Playing action of {}",
    "{}",
    "Playing a kind of action, {}",
    "Doing a kind of action, {}",
    "Look, the human is {}",
    "Can you recognize the action of {}?",
    "Video classification of {}",
    "A video of {}",
    "The man is {}",
    "The woman is {}",
];

/// One vector a class, from those of its prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptMean {
    /// The mean of unit vectors as it is: a clip's product with it is its mean cosine with the prompts (ViCLIP).
    Plain,
    /// That mean brought to length 1 again (CLIP_benchmark).
    Unit,
}

impl PromptMean {
    /// The class's vector of unit vectors `[prompts][dim]`.
    #[must_use]
    pub fn of(self, prompts: &[Vec<f32>]) -> Vec<f32> {
        let dim = prompts.first().map_or(0, Vec::len);
        let mean = |at: usize| prompts.iter().map(|prompt| f64::from(prompt[at])).sum::<f64>() / prompts.len() as f64;
        let mean: Vec<f64> = (0..dim).map(mean).collect();
        let length = match self {
            Self::Plain => 1.0,
            Self::Unit => mean.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE),
        };
        mean.into_iter().map(|x| (x / length) as f32).collect()
    }
}

/// How many classes score above the right one, at best and at worst: they differ where classes tie with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRank {
    /// Classes with a strictly higher score.
    pub optimistic: usize,
    /// Classes with a score at least as high, the right one left out.
    pub pessimistic: usize,
}

impl ClassRank {
    /// The rank of class `label` among `scores`; a score that is no number ranks last.
    #[must_use]
    pub fn of(scores: &[f32], label: usize) -> Self {
        let own = scores.get(label).copied().unwrap_or(f32::NAN);
        if own.is_nan() {
            let last = scores.len().saturating_sub(1);
            return Self { optimistic: last, pessimistic: last };
        }
        let optimistic = scores.iter().filter(|score| **score > own).count();
        let pessimistic = scores.iter().enumerate().filter(|(at, score)| *at != label && **score >= own).count();
        Self { optimistic, pessimistic }
    }

    /// Whether equal scores leave the rank open.
    #[must_use]
    pub const fn is_tied(self) -> bool {
        self.optimistic != self.pessimistic
    }
}

/// Top-1 and top-5 over many clips. Ties are decided against the model; how many there were is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZeroShot {
    /// The right class scores highest.
    pub top1: Tally,
    /// The right class is among the five highest.
    pub top5: Tally,
    /// Clips whose rank equal scores leave open.
    pub ties: u64,
    /// Top-1 by class.
    pub by_class: Vec<Tally>,
}

impl ZeroShot {
    /// For so many classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { by_class: vec![Tally::default(); classes], ..Self::default() }
    }

    /// Counts a clip of class `label`.
    pub fn add(&mut self, rank: ClassRank, label: usize) {
        self.top1.add(rank.pessimistic < 1);
        self.top5.add(rank.pessimistic < 5);
        self.ties += u64::from(rank.is_tied());
        if let Some(tally) = self.by_class.get_mut(label) {
            tally.add(rank.pessimistic < 1);
        }
    }

    /// Mean over the classes that have clips of their top-1, 0..1; NaN without any.
    #[must_use]
    pub fn mean_per_class_recall(&self) -> f64 {
        let seen: Vec<f64> =
            self.by_class.iter().filter(|tally| tally.total > 0).map(|tally| tally.accuracy()).collect();
        seen.iter().sum::<f64>() / seen.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::scores::{dot, unit};

    /// The fixture's videos, prompts and labels; its scores and metrics are the original functions'.
    #[test]
    fn scores_and_recall_are_the_original_s() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieval/");
        let bytes = std::fs::read(format!("{path}tensors.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let words = |name: &str| -> Vec<[u8; 4]> {
            file.tensor(name).unwrap().data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]).collect()
        };
        let floats = |name: &str| -> Vec<f32> { words(name).into_iter().map(f32::from_le_bytes).collect() };
        let (videos, prompts, expected) = (floats("zs_video"), floats("zs_class_prompts"), floats("zs_scores"));
        let classes: Vec<Vec<f32>> = prompts
            .chunks_exact(4 * 16)
            .map(|class| {
                PromptMean::Plain.of(&class.chunks_exact(16).map(|prompt| unit(prompt).unwrap()).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!((videos.len(), classes.len()), (20 * 16, 12));
        let mut result = ZeroShot::new(12);
        for (at, (video, label)) in videos.chunks_exact(16).zip(words("zs_label")).enumerate() {
            let video = unit(video).unwrap();
            let scores: Vec<f32> = classes.iter().map(|class| dot(&video, class)).collect();
            for (got, expected) in scores.iter().zip(&expected[at * 12..]) {
                assert!((got - expected).abs() < 1e-6, "{got} instead of {expected}");
            }
            let label = i32::from_le_bytes(label) as usize;
            result.add(ClassRank::of(&scores, label), label);
        }
        let metrics = std::fs::read_to_string(format!("{path}metrics.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&metrics).unwrap();
        assert!((100.0 * result.top1.accuracy() - expected["zero_shot"]["top1"].as_f64().unwrap()).abs() < 0.005);
        assert!((100.0 * result.top5.accuracy() - expected["zero_shot"]["top5"].as_f64().unwrap()).abs() < 0.005);
        assert_eq!(result.ties, 0);
    }

    #[test]
    fn the_prompts_are_the_published_ones() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/benchmarks/k400_templates.json");
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let published: Vec<String> = serde_json::from_value(file["kinetics_templates_action_clip"].clone()).unwrap();
        assert_eq!(published, KINETICS_PROMPTS);
    }

    #[test]
    fn ties_count_against_the_model() {
        let rank = ClassRank::of(&[0.5, 0.25, 0.5, 0.5], 2);
        assert_eq!(rank, ClassRank { optimistic: 0, pessimistic: 2 });
        assert!(rank.is_tied() && !ClassRank::of(&[0.5, 0.25], 0).is_tied());
        let mut result = ZeroShot::new(4);
        result.add(rank, 2);
        result.add(ClassRank::of(&[0.1, 0.9, 0.0, 0.0], 1), 1);
        result.add(ClassRank::of(&[f32::NAN, 0.9, 0.0, 0.0], 0), 0);
        assert_eq!((result.top1, result.top5.correct, result.ties), (Tally { correct: 1, total: 3 }, 3, 1));
        assert!((result.mean_per_class_recall() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_unit_mean_has_length_one() {
        let prompts = [vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(PromptMean::Plain.of(&prompts), [0.5, 0.5]);
        let unit = PromptMean::Unit.of(&prompts);
        assert!((unit[0] - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-7);
    }
}
