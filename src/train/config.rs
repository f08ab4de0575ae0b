//! Everything a training run depends on.

use crate::config::{
    Activation, CaptionCleaning, Internvideo2Config, LoraConfig, ModelConfig, ModelType, PreprocessConfig,
    SceneTokensConfig, TextConfig, VisionConfig,
};
use crate::data::SampleChoices;
use crate::error::{Error, Result};
use crate::loss::{ObjectiveConfig, Reduction};
use crate::model::{is_adapter_key, is_matching_key, is_scene_key, is_temperature_key};
use crate::train::{DataConfig, GroupRates, WriteErrors};
use crate::world::Level;
use serde::{Deserialize, Serialize};

/// Settings of a run. Two runs with equal settings on the generated world see the same clips in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Encoder pair: of a fresh model `viclip` or `internvideo2`.
    pub model_type: ModelType,
    /// Extents that InternVideo2 alone has; none: in the proportions of its published model.
    pub internvideo2: Option<Internvideo2Config>,
    /// Side of the square frames in pixels.
    pub image_size: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Frames a clip.
    pub frames: usize,
    /// Width of the video encoder.
    pub vision_width: usize,
    /// Blocks of the video encoder.
    pub vision_layers: usize,
    /// Heads of the video encoder.
    pub vision_heads: usize,
    /// Width of the text encoder.
    pub text_width: usize,
    /// Blocks of the text encoder.
    pub text_layers: usize,
    /// Heads of the text encoder.
    pub text_heads: usize,
    /// Tokens of a caption, its two marks included.
    pub context_length: usize,
    /// Joint dimension.
    pub embed_dim: usize,
    /// Clips a step.
    pub batch: usize,
    /// Steps in all.
    pub steps: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps that warms up.
    pub warmup: f64,
    /// Decoupled weight decay of the matrices.
    pub weight_decay: f64,
    /// Largest global norm of the gradient; a longer one is shortened to it. 0: no limit.
    pub clip_norm: f64,
    /// Share of patch tokens hidden from the video encoder while training.
    pub mask_ratio: f64,
    /// Share of the steps, at the end, that hide none.
    pub unmasked: f64,
    /// Near-miss pairs of each clip a step, each a positive and a hard negative; 0: plain captions only.
    pub near_misses: usize,
    /// What everything random follows from.
    pub seed: u64,
    /// Steps between two checkpoints; 0: none.
    pub checkpoint_every: usize,
    /// Steps between two lines of the log.
    pub log_every: usize,
    /// Fresh clips of each split that the finished model is tested on.
    pub eval_clips: usize,
    /// Level of the generated world.
    pub level: Level,
    /// Whether the pairs of a step come from groups that share their actors ([`Level::GROUP`]), so that only what these do
    /// tells the clips apart; else each is of another group.
    pub shared_casts: bool,
    /// Annotated clips of each step, beside the pairs: their scene graphs teach the text and the visual branch.
    pub scenes: usize,
    /// Whether a step's clips are stills: one of their frames, which gets the mean of the temporal positions (ViCLIP's
    /// image path). Eight stills cost as much as a clip of eight frames and show eight times as many casts.
    pub stills: bool,
    /// Whether L_VSG's classes are told with their colours ("red robot"); the paper's are the bare labels.
    pub colored_classes: bool,
    /// What the paper leaves open about annotated clips.
    pub samples: SampleChoices,
    /// What is minimised.
    pub objective: ObjectiveConfig,
    /// SG tokens that a model without any gets.
    pub scene_tokens: SceneTokensConfig,
    /// Adapters to train in place of the whole model (SG tokens train beside them).
    pub lora: Option<LoraConfig>,
    /// Whether SG tokens, their attentions and heads train.
    pub train_scene: bool,
    /// Whether the temperature trains (choice 24 of models.md 5.7).
    pub train_temperature: bool,
    /// Learning rates of the groups, as multiples of the schedule's.
    pub rates: GroupRates,
    /// Batches whose mean gradient makes one step.
    pub accumulate: usize,
    /// Clips that are in memory with their graph at once; 0: all. The result is that of the whole batch.
    pub micro_batch: usize,
    /// Whether the video encoder's blocks are computed again in the backward pass instead of kept.
    pub recompute: bool,
    /// Steps in a row without finite numbers after which training stops.
    pub bad_steps: usize,
    /// Steps between two tests on validation clips; 0: none.
    pub validate_every: usize,
    /// Clips of such a test: fresh ones of the generated world, or pairs of the manifest that are not trained on.
    pub validation_clips: usize,
    /// Whether the finished model is the one that did best on them, not the last one.
    pub keep_best: bool,
    /// What a checkpoint, a line of the log or a curve does that cannot be written.
    pub write_errors: WriteErrors,
    /// The user's own data, in place of the generated world.
    pub data: DataConfig,
}

/// A small ViCLIP of the generated world; preset "world" is what the shipped model was started from.
impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            model_type: ModelType::Viclip,
            internvideo2: None,
            image_size: 64,
            patch_size: 8,
            frames: 8,
            vision_width: 128,
            vision_layers: 4,
            vision_heads: 4,
            text_width: 128,
            text_layers: 2,
            text_heads: 4,
            context_length: 48,
            embed_dim: 128,
            batch: 16,
            steps: 4600,
            learning_rate: 8e-4,
            warmup: 0.04,
            weight_decay: 0.1,
            clip_norm: 1.0,
            mask_ratio: 0.8,
            unmasked: 0.03,
            near_misses: 2,
            seed: 1,
            checkpoint_every: 200,
            log_every: 10,
            eval_clips: 1000,
            level: Level::default(),
            shared_casts: false,
            scenes: 0,
            stills: false,
            colored_classes: false,
            samples: SampleChoices::default(),
            objective: ObjectiveConfig { reduction: Reduction::Mean, ..ObjectiveConfig::default() },
            scene_tokens: SceneTokensConfig::default(),
            lora: None,
            train_scene: true,
            train_temperature: true,
            rates: GroupRates::default(),
            accumulate: 1,
            micro_batch: 0,
            recompute: false,
            bad_steps: 10,
            validate_every: 0,
            validation_clips: 200,
            keep_best: false,
            write_errors: WriteErrors::default(),
            data: DataConfig::default(),
        }
    }
}

impl TrainConfig {
    /// The model's architecture for a vocabulary of `vocab_size` tokens.
    #[must_use]
    pub fn model(&self, vocab_size: usize) -> ModelConfig {
        let vision = VisionConfig {
            image_size: self.image_size,
            patch_size: self.patch_size,
            width: self.vision_width,
            layers: self.vision_layers,
            heads: self.vision_heads,
            frames: self.frames,
            proxy_tokens: 0,
        };
        let is_internvideo2 = self.model_type == ModelType::Internvideo2;
        let text = TextConfig {
            context_length: self.context_length,
            cleaning: CaptionCleaning::Plain,
            end_token: !is_internvideo2,
            vocab_size,
            width: self.text_width,
            layers: self.text_layers,
            heads: self.text_heads,
        };
        let own = || self.internvideo2.clone().unwrap_or_else(|| Internvideo2Config::of(&vision, &text));
        ModelConfig {
            model_type: self.model_type,
            embed_dim: self.embed_dim,
            activation: if is_internvideo2 { Activation::GeluTanh } else { Activation::QuickGelu },
            layer_norm_eps: 1e-5,
            internvideo2: is_internvideo2.then(own),
            vision,
            text,
            scene_tokens: self.scene_tokens.clone(),
        }
    }

    /// The settings with the fields that describe a model's architecture taken from a model that is there.
    #[must_use]
    pub fn of_model(mut self, model: &ModelConfig) -> Self {
        let (vision, text) = (&model.vision, &model.text);
        (self.model_type, self.internvideo2) = (model.model_type, model.internvideo2.clone());
        (self.image_size, self.patch_size, self.frames) = (vision.image_size, vision.patch_size, vision.frames);
        (self.vision_width, self.vision_layers, self.vision_heads) = (vision.width, vision.layers, vision.heads);
        (self.text_width, self.text_layers, self.text_heads) = (text.width, text.layers, text.heads);
        (self.context_length, self.embed_dim) = (text.context_length, model.embed_dim);
        self.scene_tokens = model.scene_tokens.clone();
        self
    }

    /// Whether a parameter trains, by its checkpoint key.
    #[must_use]
    pub fn trains(&self, key: &str) -> bool {
        if is_temperature_key(key) {
            return self.train_temperature;
        }
        if is_scene_key(key) {
            return self.train_scene;
        }
        // No loss here looks at a caption and a video together.
        let is_reached = self.model_type != ModelType::Internvideo2 || !is_matching_key(key, self.text_layers);
        is_reached && (self.lora.is_none() || is_adapter_key(key))
    }

    /// The model's preprocessing.
    #[must_use]
    pub const fn preprocess(&self) -> PreprocessConfig {
        PreprocessConfig::viclip(self.image_size, self.frames)
    }

    /// Frames of a step's clips.
    #[must_use]
    pub const fn step_frames(&self) -> usize {
        if self.stills { 1 } else { self.frames }
    }

    /// Whether step `step` hides patches.
    #[must_use]
    pub fn masks(&self, step: usize) -> bool {
        let masked = self.steps as f64 * (1.0 - self.unmasked);
        self.mask_ratio > 0.0 && (step as f64) < masked
    }

    /// Checks the numbers that [`ModelConfig::validate`] does not see.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] naming the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |field, value: String, expected: &str| {
            Err(Error::InvalidConfig { field, value, expected: expected.to_owned() })
        };
        if self.batch < 2 || self.batch > 1 << 16 {
            return invalid("batch", self.batch.to_string(), "from 2 to 65536 (a clip needs others to differ from)");
        }
        if self.steps == 0 {
            return invalid("steps", self.steps.to_string(), "at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return invalid("learning_rate", self.learning_rate.to_string(), "above 0");
        }
        let share = |value: f64| (0.0..=1.0).contains(&value);
        for (field, value) in [("warmup", self.warmup), ("unmasked", self.unmasked)] {
            if !share(value) {
                return invalid(field, value.to_string(), "from 0 to 1");
            }
        }
        if !(0.0..1.0).contains(&self.mask_ratio) {
            return invalid("mask_ratio", self.mask_ratio.to_string(), "from 0 to below 1");
        }
        for (field, value) in [("weight_decay", self.weight_decay), ("clip_norm", self.clip_norm)] {
            if !(value.is_finite() && value >= 0.0) {
                return invalid(field, value.to_string(), "0 or more");
            }
        }
        for (field, value) in [
            ("log_every", self.log_every),
            ("accumulate", self.accumulate),
            ("bad_steps", self.bad_steps),
            ("validation_clips", self.validation_clips),
        ] {
            if value == 0 {
                return invalid(field, value.to_string(), "at least 1");
            }
        }
        let GroupRates { adapters, scene, temperature, rest } = self.rates;
        for (field, value) in [
            ("objective.alpha", self.objective.alpha),
            ("objective.region_weight", self.objective.region_weight),
            ("rates.adapters", adapters),
            ("rates.scene", scene),
            ("rates.temperature", temperature),
            ("rates.rest", rest),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return invalid(field, value.to_string(), "0 or more");
            }
        }
        if self.stills && self.scene_tokens.per_frame {
            return invalid("stills", "true".to_owned(), "false: these SG tokens differ from frame to frame");
        }
        if self.objective.region_weight > 0.0 && self.model_type != ModelType::Viclip {
            let expected = "0: of the models that can be trained, ViCLIP alone tells what it saw at each patch";
            return invalid("objective.region_weight", self.objective.region_weight.to_string(), expected);
        }
        if self.objective.region_weight > 0.0 && self.mask_ratio > 0.0 && self.unmasked < 1.0 {
            return invalid("mask_ratio", self.mask_ratio.to_string(), "0, as regions are looked up among all patches");
        }
        if self.keep_best && self.validate_every == 0 {
            return invalid(
                "keep_best",
                "true".to_owned(),
                "false, or validate_every above 0: nothing tells which is best",
            );
        }
        self.data.validate(self)?;
        if let Some(lora) = &self.lora {
            lora.validate()?;
        }
        // Other types are a base's, which was checked when it was read.
        if matches!(self.model_type, ModelType::Viclip | ModelType::Internvideo2) {
            self.model(4).validate()?;
        }
        self.preprocess().validate()
    }
}
