//! What a user may choose of a fine-tuning run.

use crate::config::{LoraConfig, LoraTowers, ModelConfig, SceneTokensConfig, SceneTokensVariant};
use crate::error::{Error, Result};
use crate::loss::{ObjectiveConfig, Reduction};
use crate::session::memory_plan::MemoryPlan;
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};

/// Settings of a run, as the page gives them (`FineTuneOptions` in `pkg/src/types_fine_tune.ts`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct FineTuneOptions {
    /// What the adapter will be called.
    pub name: String,
    /// Rows of A, columns of B.
    pub rank: usize,
    /// The adapter's output is multiplied by `alpha / rank`; twice the rank where it is not given.
    pub alpha: Option<f64>,
    /// Share of an adapter's inputs that is zeroed in training.
    pub dropout: f64,
    /// Which linear maps, as [`LoraConfig::targets`].
    pub targets: Vec<String>,
    /// In which encoders.
    pub towers: LoraTowers,
    /// Only the last so many blocks of each encoder.
    pub upper_blocks: Option<usize>,
    /// Whether scene-graph tokens and heads train; a model without gets fresh ones.
    pub scene_tokens: bool,
    /// Weight of L_VSG.
    pub scene_weight: f64,
    /// Updates.
    pub steps: usize,
    /// Clips a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// What everything random follows from.
    pub seed: u64,
    /// Share of the samples that do not say whether they are held out, that is.
    pub validation_share: f64,
    /// Steps between two tests on held-out samples.
    pub validate_every: usize,
    /// Tests in a row without a better result that end the run; 0: none do.
    pub early_stop: usize,
    /// Steps between two checkpoints; 0: none.
    pub checkpoint_every: usize,
    /// Bytes that the device may take.
    pub memory_limit: Option<u64>,
}

impl Default for FineTuneOptions {
    fn default() -> Self {
        Self {
            name: "adapter".to_owned(),
            rank: 8,
            alpha: None,
            dropout: 0.0,
            targets: LoraConfig::default().targets,
            towers: LoraTowers::Both,
            upper_blocks: None,
            scene_tokens: false,
            scene_weight: 0.1,
            steps: 60,
            batch: 8,
            learning_rate: 1e-3,
            weight_decay: 0.01,
            seed: 0,
            validation_share: 0.25,
            validate_every: 10,
            early_stop: 0,
            checkpoint_every: 10,
            memory_limit: None,
        }
    }
}

impl FineTuneOptions {
    /// Reads them from JSON; what is left out has its default.
    ///
    /// # Errors
    /// [`Error::InvalidJson`]; [`Error::InvalidConfig`] as [`Self::check`].
    pub fn from_json(json: &str) -> Result<Self> {
        let options: Self = serde_json::from_str(json).map_err(Error::json("the options of a fine-tuning run"))?;
        options.check()?;
        Ok(options)
    }

    /// Checks what [`TrainConfig::validate`] does not see.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] naming the first field that is out of range.
    pub fn check(&self) -> Result<()> {
        let invalid = |field, value: String, expected: &str| {
            Err(Error::InvalidConfig { field, value, expected: expected.to_owned() })
        };
        if !(0.0..1.0).contains(&self.validation_share) {
            return invalid("validationShare", self.validation_share.to_string(), "from 0 to below 1");
        }
        for (field, value) in [("batch", self.batch), ("steps", self.steps), ("validateEvery", self.validate_every)] {
            if value == 0 {
                return invalid(field, value.to_string(), "at least 1");
            }
        }
        Ok(())
    }

    /// The adapters' settings; `upper_blocks` those of the plan.
    #[must_use]
    pub fn lora(&self, upper_blocks: Option<usize>) -> LoraConfig {
        LoraConfig {
            rank: self.rank,
            alpha: self.alpha.unwrap_or(2.0 * self.rank as f64),
            dropout: self.dropout,
            targets: self.targets.clone(),
            towers: self.towers,
            upper_blocks,
        }
    }

    /// The SG tokens that a model gets which has none: those of SGCR-Vid, as many heads as the encoder has.
    #[must_use]
    pub fn fresh_scene_tokens(&self, model: &ModelConfig) -> SceneTokensConfig {
        let heads = model.vision.heads;
        let variant = if self.scene_tokens { SceneTokensVariant::Literal } else { SceneTokensVariant::None };
        SceneTokensConfig { variant, heads, ..SceneTokensConfig::default() }
    }

    /// The trainer's settings.
    #[must_use]
    pub fn train_config(&self, model: &ModelConfig, plan: &MemoryPlan) -> TrainConfig {
        TrainConfig {
            // The trainer's own batches are not used: a single clip with near misses has something to differ from.
            batch: self.batch.max(2),
            steps: self.steps,
            learning_rate: self.learning_rate,
            warmup: 0.1,
            weight_decay: self.weight_decay,
            mask_ratio: 0.0,
            seed: self.seed,
            objective: ObjectiveConfig {
                reduction: Reduction::Mean,
                alpha: self.scene_weight,
                ..ObjectiveConfig::default()
            },
            lora: Some(self.lora(plan.upper_blocks)),
            scene_tokens: self.fresh_scene_tokens(model),
            train_scene: self.scene_tokens,
            train_temperature: false,
            micro_batch: if plan.recompute { plan.micro_batch } else { 0 },
            recompute: plan.recompute,
            ..TrainConfig::default().of_model(model)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_page_writes_them() {
        let options = FineTuneOptions::from_json(r#"{"rank": 4, "learningRate": 0.01, "towers": "vision"}"#).unwrap();
        assert_eq!((options.rank, options.learning_rate, options.towers), (4, 0.01, LoraTowers::Vision));
        assert_eq!(options.lora(Some(2)).scale(), 2.0);
        assert_eq!(FineTuneOptions::from_json("{}").unwrap(), FineTuneOptions::default());
        for (json, said) in
            [(r#"{"rnak": 4}"#, "rnak"), (r#"{"validationShare": 1}"#, "validationShare"), (r#"{"steps": 0}"#, "steps")]
        {
            let error = FineTuneOptions::from_json(json).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
