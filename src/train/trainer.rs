//! One training step at a time.

use crate::config::{ModelConfig, PreprocessConfig};
use crate::error::{Error, Result};
use crate::loss::{Reduction, contrastive, contrastive_with_negatives};
use crate::model::viclip::MIN_TEMPERATURE;
use crate::model::{VideoOptions, VideoTextModel};
use crate::text::{TokenIds, Tokenizer, word_level_json};
use crate::train::optimizer::squared_norm;
use crate::train::{AdamWGroups, AdamWSettings, Batch, CosineSchedule, Round, TrainConfig, draw_batch};
use crate::world::vocabulary;
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Serialize;

/// Steps in a row whose loss or gradient may be no number before training stops.
const BAD_STEPS: usize = 10;

/// Groups of like length that a step's captions are embedded in.
const LENGTH_GROUPS: usize = 4;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepReport {
    /// The step, counted from 0.
    pub step: usize,
    /// Its loss (mean over the rounds of captions).
    pub loss: f64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Global norm of the gradient before it is shortened.
    pub gradient_norm: f64,
    /// Temperature that the step's logits were divided by.
    pub temperature: f64,
    /// Whether the step was skipped because loss or gradient was no finite number.
    pub skipped: bool,
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
    /// A model with fresh parameters on `device`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`].
    pub fn new(config: TrainConfig, device: &Device) -> Result<Self> {
        config.validate()?;
        let tokenizer_json = word_level_json(&vocabulary());
        let preprocess = config.preprocess();
        let cleaning = config.model(4).text.cleaning;
        let tokenizer =
            Tokenizer::from_json(tokenizer_json.as_bytes(), "tokenizer.json", cleaning, config.context_length)?;
        let model_config = config.model(tokenizer.vocab_size());
        model_config.validate()?;
        let device = device.clone().autodiff();
        let warmup = (config.steps as f64 * config.warmup) as usize;
        Ok(Self {
            schedule: CosineSchedule { base: config.learning_rate, warmup, total: config.steps, least: 0.0 },
            model: Some(VideoTextModel::init(&model_config, config.seed, &device)),
            optimizer: AdamWGroups::new(AdamWSettings::viclip(config.weight_decay as f32)),
            config,
            preprocess,
            tokenizer,
            tokenizer_json,
            device,
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
        let model = self.model.take().ok_or_else(half_way)?;
        self.model = Some(load(model)?);
        self.optimizer.set_state(state);
        self.step = step;
        Ok(())
    }

    fn current(&self) -> Result<&VideoTextModel> {
        self.model.as_ref().ok_or_else(half_way)
    }

    /// One step. A step whose loss or gradient is no finite number changes nothing but the count.
    ///
    /// # Errors
    /// [`Error::NonFinite`] after ten such steps in a row; [`Error::Compute`] when the device fails.
    pub async fn step(&mut self) -> Result<StepReport> {
        let batch = draw_batch(&self.config, &self.preprocess, self.step)?;
        let loss = self.loss(&batch)?;
        let model = self.current()?;
        let gradients = GradientsParams::from_grads(loss.backward(), model);
        let plain = self.device.clone().inner();
        let measured =
            Tensor::cat(vec![loss.inner(), squared_norm(model, &gradients, &plain), model.temperature().inner()], 0);
        let measured =
            measured.into_data_async().await.map_err(|error| Error::Compute { reason: error.to_string() })?;
        let measured: Vec<f64> = measured.iter::<f64>().collect();
        let (loss, norm, temperature) = (measured[0], measured[1].sqrt(), measured[2]);
        let learning_rate = self.schedule.at(self.step);
        let skipped = !(loss.is_finite() && norm.is_finite());
        if skipped {
            self.bad_steps += 1;
            if self.bad_steps >= BAD_STEPS {
                return Err(Error::NonFinite { name: format!("loss of step {}", self.step), index: 0 });
            }
        } else {
            self.bad_steps = 0;
            let limit = self.config.clip_norm;
            let scale = if limit > 0.0 && norm > limit { limit / (norm + 1e-6) } else { 1.0 };
            let model = self.model.take().ok_or_else(half_way)?;
            self.model = Some(keep_temperature(self.optimizer.step(model, gradients, learning_rate, scale)));
        }
        let report = StepReport { step: self.step, loss, learning_rate, gradient_norm: norm, temperature, skipped };
        self.step += 1;
        Ok(report)
    }

    /// Mean contrastive loss of the rounds, `[1]`.
    fn loss(&self, batch: &Batch) -> Result<Tensor<1>> {
        let model = self.current()?;
        let (clips, side) = (self.config.batch, self.config.image_size);
        let pixels = TensorData::new(batch.pixels.clone(), [clips, self.config.frames, 3, side, side]);
        let keep = batch.keep.as_ref().map(|keep| {
            Tensor::<2, Int>::from_data(TensorData::new(keep.clone(), [clips, keep.len() / clips]), &self.device)
        });
        let options = VideoOptions { keep, ..VideoOptions::default() };
        let videos = model.encode_video(Tensor::from_data(pixels, &self.device), &options)?.embed;

        let captions: Vec<&String> =
            batch.rounds.iter().flat_map(|round| round.positives.iter().chain(&round.negatives)).collect();
        let ids = self.tokenizer.encode(&captions)?;
        let texts = encode_by_length(model, &ids, self.tokenizer.end_id(), &self.device)?;
        let temperature = model.temperature();
        let mut at = 0;
        let mut losses = Vec::new();
        for Round { positives, negatives } in &batch.rounds {
            let positive = texts.clone().narrow(0, at, positives.len());
            at += positives.len();
            let (videos, temperature) = (videos.clone(), temperature.clone());
            losses.push(if negatives.is_empty() {
                contrastive(videos, positive, temperature, None, Reduction::Mean)?
            } else {
                let negative = texts.clone().narrow(0, at, negatives.len());
                at += negatives.len();
                contrastive_with_negatives(videos, positive, negative, temperature, Reduction::Mean)?
            });
        }
        Ok(Tensor::cat(losses, 0).mean())
    }
}

fn half_way() -> Error {
    Error::Compute { reason: "an earlier training step failed half-way; start again from a checkpoint".to_owned() }
}

/// Holds a ViCLIP's temperature at its lower bound (models.md 1.8).
fn keep_temperature(model: VideoTextModel) -> VideoTextModel {
    match model {
        VideoTextModel::Viclip(mut viclip) => {
            let clamp = |value: Tensor<1>| Tensor::from_inner(value.inner().clamp_min(MIN_TEMPERATURE)).require_grad();
            viclip.temp = Param::map(viclip.temp, clamp);
            VideoTextModel::Viclip(viclip)
        }
        other @ VideoTextModel::Clip(_) => other,
    }
}

/// Embeds captions, `[captions, dim]`, in groups of like length without the columns that are padding in a whole group:
/// the encoder is causal and reads each row at its end mark, so what comes after changes nothing.
pub(super) fn encode_by_length(model: &VideoTextModel, ids: &TokenIds, end: i32, device: &Device) -> Result<Tensor<2>> {
    let rows: Vec<&[i32]> = ids.ids.chunks(ids.context).collect();
    let length = |row: usize| rows[row].iter().position(|id| *id == end).map_or(ids.context, |at| at + 1);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| (length(*row), *row));
    let mut parts = Vec::new();
    for group in order.chunks(rows.len().div_ceil(LENGTH_GROUPS)) {
        let longest = group.last().map_or(ids.context, |row| length(*row));
        let kept: Vec<i32> = group.iter().flat_map(|row| &rows[*row][..longest]).copied().collect();
        let kept = TensorData::new(kept, [group.len(), longest]);
        parts.push(model.encode_text(Tensor::<2, Int>::from_data(kept, device))?);
    }
    let mut place = vec![0i32; rows.len()];
    order.iter().enumerate().for_each(|(at, row)| place[*row] = at as i32);
    let place = Tensor::<1, Int>::from_data(TensorData::new(place, [rows.len()]), device);
    Ok(Tensor::cat(parts, 0).select(0, place))
}
