//! One training step at a time.

use crate::config::{ModelConfig, ModelType, PreprocessConfig, SceneTokensVariant};
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::loss::Objective;
use crate::model::VideoTextModel;
use crate::model::internvideo2::TEMPERATURES;
use crate::model::viclip::MIN_TEMPERATURE;
use crate::nn::{mix, train_only};
use crate::text::{Tokenizer, word_level_json};
use crate::train::gradients::{GradientPlan, first_bad_gradient, gradients};
use crate::train::inputs::StepInputs;
use crate::train::loss_parts::{LossParts, parts_of};
use crate::train::optimizer::squared_norm;
use crate::train::{AdamWGroups, AdamWSettings, Batch, CosineSchedule, TrainConfig, draw_batch};
use crate::world::vocabulary;
use burn::module::{Module, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use std::ops::RangeInclusive;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepReport {
    /// The step, counted from 0.
    pub step: usize,
    /// L, what is minimised.
    pub loss: f64,
    /// Its parts.
    #[serde(flatten)]
    pub parts: LossParts,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Global norm of the gradient before it is shortened.
    pub gradient_norm: f64,
    /// Temperature that the step's logits were divided by.
    pub temperature: f64,
    /// Whether the step was skipped because loss or gradient was no finite number.
    pub skipped: bool,
}

/// What training starts from: a model and what goes with it.
#[derive(Clone)]
pub struct TrainingBase {
    /// The model, on the device to train on.
    pub model: VideoTextModel,
    /// How frames become its pixels.
    pub preprocess: PreprocessConfig,
    /// Its tokenizer's file.
    pub tokenizer_json: String,
}

/// A model in training, its optimizer and where it is.
pub struct Trainer {
    config: TrainConfig,
    preprocess: PreprocessConfig,
    schedule: CosineSchedule,
    tokenizer: Tokenizer,
    tokenizer_json: String,
    /// `None` only while a step replaces it.
    model: Option<VideoTextModel>,
    optimizer: AdamWGroups,
    device: Device,
    step: usize,
    bad_steps: usize,
}

impl Trainer {
    /// A model to train on `device`: `base`, or one with fresh parameters. SG tokens and adapters that the settings ask
    /// for are put on. With a base, the settings' fields of the architecture are the base's.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]; [`Error::InvalidInput`] for a base whose tokenizer does not fit it.
    pub fn new(config: TrainConfig, base: Option<TrainingBase>, device: &Device) -> Result<Self> {
        config.validate()?;
        let base = match base {
            Some(base) => base,
            None => fresh(&config, device)?,
        };
        let mut model = base.model;
        let (scene, own) = (&config.scene_tokens, &model.config().scene_tokens);
        if scene.variant != SceneTokensVariant::None && own.variant == SceneTokensVariant::None {
            model = model.with_scene_tokens(scene, config.seed)?;
        }
        if let Some(lora) = &config.lora {
            model.add_adapters(lora, config.seed)?;
        }
        let config = config.of_model(model.config());
        let tokenizer = Tokenizer::of_model(&base.tokenizer_json, "tokenizer.json", &model.config().text)?;
        // Which parameters get gradients is settled before the model keeps any.
        let model = train_only(model, |key| config.trains(key)).train();
        let warmup = (config.steps as f64 * config.warmup) as usize;
        let settings = AdamWSettings::viclip(config.weight_decay as f32);
        Ok(Self {
            schedule: CosineSchedule { base: config.learning_rate, warmup, total: config.steps, least: 0.0 },
            model: Some(model),
            optimizer: AdamWGroups::new(settings).with_rates(config.rates),
            preprocess: base.preprocess,
            tokenizer,
            tokenizer_json: base.tokenizer_json,
            device: device.clone().autodiff(),
            config,
            step: 0,
            bad_steps: 0,
        })
    }

    /// Steps done.
    #[must_use]
    pub const fn steps_done(&self) -> usize {
        self.step
    }

    /// Whether all steps are done.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.step >= self.config.steps
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// How frames become pixels.
    #[must_use]
    pub const fn preprocess(&self) -> &PreprocessConfig {
        &self.preprocess
    }

    /// The tokenizer.
    #[must_use]
    pub const fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokenizer's file.
    #[must_use]
    pub fn tokenizer_json(&self) -> &str {
        &self.tokenizer_json
    }

    /// The model as it is, for use without gradients.
    ///
    /// # Errors
    /// [`Error::Compute`] after a step that failed half-way.
    pub fn model(&self) -> Result<VideoTextModel> {
        Ok(self.current()?.valid())
    }

    /// The architecture.
    ///
    /// # Errors
    /// [`Error::Compute`] after a step that failed half-way.
    pub fn model_config(&self) -> Result<&ModelConfig> {
        Ok(self.current()?.config())
    }

    /// The optimizer's moments.
    #[must_use]
    pub const fn optimizer(&self) -> &AdamWGroups {
        &self.optimizer
    }

    /// Goes on from a checkpoint: `parameters` on this trainer's device, the optimizer's moments, steps done.
    ///
    /// # Errors
    /// [`Error::Compute`] after a step that failed half-way; those of `load`, which fills the model.
    pub fn restore(
        &mut self,
        load: impl FnOnce(VideoTextModel) -> Result<VideoTextModel>,
        state: std::collections::BTreeMap<String, burn::optim::AdamWState<1>>,
        step: usize,
    ) -> Result<()> {
        let model = load(self.model.take().ok_or_else(half_way)?)?;
        self.model = Some(train_only(model, |key| self.config.trains(key)));
        self.optimizer.set_state(state);
        self.step = step;
        Ok(())
    }

    /// The model with its gradients' marks.
    pub(super) fn current(&self) -> Result<&VideoTextModel> {
        self.model.as_ref().ok_or_else(half_way)
    }

    /// One step on the generated world. A step whose loss or gradient is no finite number changes nothing but the count.
    ///
    /// # Errors
    /// [`Error::NonFinite`], naming the first such tensor, after so many steps in a row as the settings allow;
    /// [`Error::Compute`] when the device fails; [`Error::Aborted`] (nothing is changed then).
    pub async fn step(&mut self, abort: &Abort) -> Result<StepReport> {
        let batches = self.world_batches()?;
        self.step_on(&batches, abort).await
    }

    /// The batches of the generated world that the next step is to be taken on.
    ///
    /// # Errors
    /// Those of [`draw_batch`].
    pub fn world_batches(&self) -> Result<Vec<Batch>> {
        let accumulate = self.config.accumulate;
        let draw = |i: usize| draw_batch(&self.config, &self.preprocess, self.step * accumulate + i);
        (0..accumulate).map(draw).collect()
    }

    /// One step on batches whose mean gradient it takes.
    ///
    /// # Errors
    /// Those of [`Trainer::step`]; [`Error::InvalidInput`] for batches that do not fit the model.
    pub async fn step_on(&mut self, batches: &[Batch], abort: &Abort) -> Result<StepReport> {
        let model = self.current()?;
        let mut sum = GradientsAccumulator::new();
        let mut losses = Vec::new();
        for (at, batch) in batches.iter().enumerate() {
            let shape = [self.config.step_frames(), self.config.image_size];
            let inputs = StepInputs::of(batch, shape, &self.config.objective, &self.tokenizer)?;
            let part = (self.step * batches.len() + at) as u64;
            let plan = GradientPlan {
                objective: &self.config.objective,
                micro_batch: self.config.micro_batch,
                recompute: self.config.recompute,
                mask_seed: self.config.lora.as_ref().map(|_| mix(self.config.seed ^ part, "dropout")),
                abort,
            };
            let (objective, of) = gradients(model, &inputs, &plan).await?;
            sum.accumulate(model, of);
            losses.push(objective);
        }
        let gradients = sum.grads();
        let measured = measure(model, &losses, &gradients, &self.device.clone().inner()).await?;
        let learning_rate = self.schedule.at(self.step);
        let (loss, parts, temperature) = (measured.loss, measured.parts, measured.temperature);
        // The norm of the mean is that of the sum divided.
        let gradient_norm = measured.norm / batches.len().max(1) as f64;
        let skipped = !(loss.is_finite() && gradient_norm.is_finite());
        if skipped {
            self.skip(&gradients).await?;
        } else {
            self.bad_steps = 0;
            let limit = self.config.clip_norm;
            let clip = if limit > 0.0 && gradient_norm > limit { limit / (gradient_norm + 1e-6) } else { 1.0 };
            let scale = clip / batches.len().max(1) as f64;
            let model = self.model.take().ok_or_else(half_way)?;
            self.model = Some(keep_temperature(self.optimizer.step(model, gradients, learning_rate, scale)));
        }
        let report = StepReport { step: self.step, loss, parts, learning_rate, gradient_norm, temperature, skipped };
        self.step += 1;
        Ok(report)
    }

    /// Counts a step without finite numbers.
    async fn skip(&mut self, gradients: &GradientsParams) -> Result<()> {
        self.bad_steps += 1;
        if self.bad_steps < self.config.bad_steps {
            return Ok(());
        }
        let bad = first_bad_gradient(self.current()?, gradients).await?;
        let (name, index) = bad.map_or_else(
            || (format!("loss of step {}", self.step), 0),
            |(key, at)| (format!("gradient of {key} in step {}", self.step), at),
        );
        Err(Error::NonFinite { name, index })
    }
}

/// A model with fresh parameters and the generated world's vocabulary.
fn fresh(config: &TrainConfig, device: &Device) -> Result<TrainingBase> {
    let tokenizer_json = word_level_json(&vocabulary());
    let cleaning = config.model(4).text.cleaning;
    let words = Tokenizer::from_json(tokenizer_json.as_bytes(), "tokenizer.json", cleaning, config.context_length)?;
    let model = config.model(words.vocab_size());
    if !matches!(model.model_type, ModelType::Viclip | ModelType::Internvideo2) {
        let expected = "viclip or internvideo2 for a fresh model; others are trained from a --base".to_owned();
        return Err(Error::InvalidConfig { field: "model_type", value: model.model_type.to_string(), expected });
    }
    model.validate()?;
    let preprocess = config.preprocess();
    Ok(TrainingBase { model: VideoTextModel::init(&model, config.seed, device), preprocess, tokenizer_json })
}

/// What a step's report needs of the device.
struct Measured {
    loss: f64,
    parts: LossParts,
    norm: f64,
    temperature: f64,
}

/// Loss and parts (means over the batches), norm of the gradients, temperature: in one read.
async fn measure(
    model: &VideoTextModel,
    objectives: &[Objective],
    gradients: &GradientsParams,
    device: &Device,
) -> Result<Measured> {
    let plain = |x: &Tensor<1>| x.clone().inner();
    let mut numbers = vec![squared_norm(model, gradients, device), plain(&model.temperature())];
    for objective in objectives {
        numbers.push(plain(&objective.total));
        numbers.extend(parts_of(objective).into_iter().flatten().map(plain));
    }
    let numbers = Tensor::cat(numbers, 0).into_data_async().await;
    let numbers = numbers.map_err(|error| Error::Compute { reason: error.to_string() })?;
    let mut numbers = numbers.iter::<f64>();
    let mut next = || numbers.next().unwrap_or(f64::NAN);
    let (norm, temperature) = (next().sqrt(), next());
    let (mut loss, mut parts) = (0.0, Vec::new());
    for objective in objectives {
        loss += next();
        let there = parts_of(objective).map(|part| part.is_some());
        parts.push(LossParts::of(|part| there[part].then(&mut next)));
    }
    Ok(Measured { loss: loss / objectives.len().max(1) as f64, parts: LossParts::mean(&parts), norm, temperature })
}

fn half_way() -> Error {
    Error::Compute { reason: "an earlier training step failed half-way; start again from a checkpoint".to_owned() }
}

/// Holds a ViCLIP's temperature at its lower bound (models.md 1.8), an InternVideo2's between its bounds (2.3).
fn keep_temperature(model: VideoTextModel) -> VideoTextModel {
    let clamped = |temp: Param<Tensor<1>>, bounds: RangeInclusive<f64>| {
        temp.map(|value| Tensor::from_inner(value.inner().clamp(*bounds.start(), *bounds.end())).require_grad())
    };
    match model {
        VideoTextModel::Viclip(mut viclip) if viclip.temp.is_require_grad() => {
            viclip.temp = clamped(viclip.temp, MIN_TEMPERATURE..=f64::from(f32::MAX));
            VideoTextModel::Viclip(viclip)
        }
        VideoTextModel::Internvideo2(mut internvideo2) if internvideo2.temp.is_require_grad() => {
            internvideo2.temp = clamped(internvideo2.temp, TEMPERATURES);
            VideoTextModel::Internvideo2(internvideo2)
        }
        other => other,
    }
}
