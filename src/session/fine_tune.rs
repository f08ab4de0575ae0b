//! Fine-tuning of a session's model with low-rank adapters, step by step when asked: the page (and a program) pulls. To
//! pause is not to pull, to cancel is to drop. The same loss, optimizer and samplers as in native training.
//!
//! A [`FineTune`] holds the model's tensors together with its session, which goes on serving: the session's own model does
//! not change until the finished adapter is loaded.

mod batch;
mod options;
mod sample_file;
mod samples;
mod state_file;
#[cfg(test)]
#[path = "fine_tune/tests.rs"]
mod tests;
mod validation;

pub use options::FineTuneOptions;
pub use sample_file::{read_samples, write_samples};
pub use samples::{FineTuneSample, GraphPlan, Lesson};
pub use validation::Validation;

use crate::config::Dtype;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::model::is_scene_key;
use crate::platform::ComputeDevice;
use crate::session::Session;
use crate::session::memory_plan::MemoryPlan;
use crate::train::{StepReport, Trainer, TrainingBase, TrainingState};
use crate::weights::module::LoadRules;
use crate::weights::{Adapter, AdapterBase};
use samples::Parted;
use serde::{Deserialize, Serialize};
use state_file::{StateFile, read_state, write_state};
use validation::Tested;

/// A run.
pub struct FineTune {
    trainer: Trainer,
    samples: Parted,
    options: FineTuneOptions,
    plan: MemoryPlan,
    base: AdapterBase,
    device: ComputeDevice,
    standing: Standing,
    best: Option<TrainingState>,
}

/// How the run stands by its tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Before the first step.
    pub before: Option<Validation>,
    /// The best so far, and the steps that had been done.
    pub best: Option<(usize, Validation)>,
    /// The last one.
    pub last: Option<Validation>,
    /// Tests since the best.
    pub stale: usize,
}

/// What a run came to.
#[derive(Debug)]
pub struct FineTuned {
    /// What was learnt.
    pub adapter: Adapter,
    /// Steps that had been done when the adapter was as it is.
    pub step: usize,
    /// The held-out samples without it.
    pub before: Validation,
    /// The held-out samples with it.
    pub after: Validation,
}

impl Session {
    /// How a run on `clips` clips would use memory.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for options out of range.
    pub fn plan_fine_tune(&self, clips: usize, options: &FineTuneOptions) -> Result<MemoryPlan> {
        options.check()?;
        options.lora(options.upper_blocks).validate()?;
        Ok(MemoryPlan::new(self.base(), clips, options, self.device.limits()))
    }

    /// The next smaller plan of the same run, none after the smallest.
    #[must_use]
    pub fn smaller_plan(&self, plan: &MemoryPlan, clips: usize, options: &FineTuneOptions) -> Option<MemoryPlan> {
        plan.smaller(self.base(), clips, options)
    }

    /// Begins a run on the model without adapters.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] for a plan that does not fit; [`Error::InvalidInput`] for samples that do not fit the model or
    /// leave nothing to train on; [`Error::InvalidConfig`]; device errors.
    pub async fn fine_tune(
        &mut self,
        samples: Vec<FineTuneSample>,
        options: FineTuneOptions,
        plan: MemoryPlan,
    ) -> Result<FineTune> {
        options.check()?;
        if !plan.fits {
            return Err(Error::OutOfMemory { wanted: plan.bytes, limit: plan.limit.unwrap_or_default() });
        }
        if self.dtype != Dtype::F32 {
            let expected = "f32: half precision is not trained in".to_owned();
            return Err(Error::InvalidConfig { field: "dtype", value: self.dtype.to_string(), expected });
        }
        for sample in &samples {
            if let Lesson::Caption { caption, near_misses } = &sample.lesson {
                self.tokenizer()?.check(&std::iter::once(caption).chain(near_misses).cloned().collect::<Vec<_>>())?;
            }
        }
        let samples = Parted::of(samples, options.validation_share, options.seed, &self.preprocess)?;
        let sha256 = Some(self.fingerprint().await?.to_owned());
        let base = AdapterBase { name: Some(self.name.clone()), sha256 };
        let config = options.train_config(self.config(), &plan);
        let tokenizer_json = self.tokenizer_json()?.to_owned();
        let start = TrainingBase { model: self.base().clone(), preprocess: self.preprocess.clone(), tokenizer_json };
        let trainer = Trainer::new(config, Some(start), self.device.device())?;
        let device = self.device.clone();
        let standing = Standing::default();
        Ok(FineTune { trainer, samples, options, plan, base, device, standing, best: None })
    }

    /// Goes on from [`FineTune::state`] with the run's own samples; `plan` may be another one.
    ///
    /// # Errors
    /// Those of [`Session::fine_tune`]; [`Error::WrongBase`] for a run on another model; [`Error::CorruptFile`],
    /// [`Error::InvalidJson`], [`Error::MissingTensor`] and its like for a damaged state.
    pub async fn resume_fine_tune(
        &mut self,
        samples: Vec<FineTuneSample>,
        state: &[u8],
        plan: Option<MemoryPlan>,
    ) -> Result<FineTune> {
        let StateFile { options, standing, base, mut plan_then, now, best } = read_state(state)?;
        let sha256 = self.fingerprint().await?;
        if base.sha256.as_deref() != Some(sha256) {
            return Err(Error::WrongBase {
                adapter: options.name,
                base: base.name.unwrap_or_default(),
                expected: base.sha256.unwrap_or_default(),
                got: sha256.to_owned(),
            });
        }
        if let Some(plan) = plan {
            // Which blocks train is the run's own.
            plan_then = MemoryPlan { upper_blocks: plan_then.upper_blocks, ..plan };
        }
        let mut run = self.fine_tune(samples, options, plan_then).await?;
        let rules = LoadRules { may_lack: vec![String::new()], ..LoadRules::default() };
        now.restore(&mut run.trainer, run.device.device(), "the run's checkpoint", &rules)?;
        (run.standing, run.best) = (standing, best);
        Ok(run)
    }
}

impl FineTune {
    /// The options.
    #[must_use]
    pub const fn options(&self) -> &FineTuneOptions {
        &self.options
    }

    /// How its steps are computed.
    #[must_use]
    pub const fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Samples that are trained on, and samples that are held out.
    #[must_use]
    pub const fn samples(&self) -> (usize, usize) {
        (self.samples.trained.len(), self.samples.held_out.len())
    }

    /// Steps done.
    #[must_use]
    pub const fn steps_done(&self) -> usize {
        self.trainer.steps_done()
    }

    /// Whether all steps are done.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.trainer.is_finished()
    }

    /// How it stands by its tests.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether a test on the held-out samples is due: before the first step, after the last and every so many.
    #[must_use]
    pub fn validation_is_due(&self) -> bool {
        let due = self.steps_done().is_multiple_of(self.options.validate_every) || self.is_finished();
        due && !self.samples.held_out.is_empty()
    }

    /// Whether so many tests in a row were no better that the run is to end.
    #[must_use]
    pub const fn has_stalled(&self) -> bool {
        self.options.early_stop > 0 && self.standing.stale >= self.options.early_stop
    }

    /// One update.
    ///
    /// # Errors
    /// [`Error::Aborted`], between two blocks: nothing is changed then; [`Error::OutOfMemory`] where the device could not
    /// allocate, or holds more than the user allowed; [`Error::DeviceLost`]; those of [`Trainer::step_on`].
    pub async fn step(&mut self, abort: &Abort) -> Result<StepReport> {
        abort.check()?;
        let (options, preprocess) = (&self.options, self.trainer.preprocess());
        let batch = batch::batch(&self.samples.trained, options.batch, options.seed, self.steps_done(), preprocess)?;
        let report = self.trainer.step_on(&[batch], abort).await;
        let report = self.device.settle(report).await?;
        match (self.device.bytes_reserved(), self.options.memory_limit) {
            (Some(wanted), Some(limit)) if wanted > limit => Err(Error::OutOfMemory { wanted, limit }),
            _ => Ok(report),
        }
    }

    /// Tests the held-out samples; true where it is the best so far, which [`Self::finish`] gives back.
    ///
    /// # Errors
    /// [`Error::Aborted`]; device errors.
    pub async fn validate(&mut self, abort: &Abort) -> Result<(Validation, bool)> {
        let model = self.trainer.model()?;
        let tested = Tested {
            model: &model,
            tokenizer: self.trainer.tokenizer(),
            preprocess: self.trainer.preprocess(),
            device: self.device.device(),
        };
        let validation = tested.validate(&self.samples.held_out, abort).await;
        let validation = self.device.settle(validation).await?;
        let standing = &mut self.standing;
        standing.before.get_or_insert(validation);
        standing.last = Some(validation);
        let best = standing.best.is_none_or(|(_, best)| validation.beats(&best));
        if best {
            standing.best = Some((self.trainer.steps_done(), validation));
            standing.stale = 0;
            self.best = Some(self.now().await?);
        } else {
            standing.stale += 1;
        }
        Ok((validation, best))
    }

    /// Everything that the next step depends on, but for the samples: a file to go on from.
    ///
    /// # Errors
    /// Device errors; [`Error::NonFinite`].
    pub async fn state(&self) -> Result<Vec<u8>> {
        let now = self.now().await?;
        write_state(&StateFile {
            options: self.options.clone(),
            standing: self.standing,
            base: self.base.clone(),
            plan_then: self.plan.clone(),
            now,
            best: self.best.clone(),
        })
    }

    /// Ends the run: the adapter of the best test, or the last one where nothing was held out.
    ///
    /// # Errors
    /// Device errors; [`Error::NonFinite`] where training diverged.
    pub async fn finish(mut self) -> Result<FineTuned> {
        let before = self.standing.before.unwrap_or_default();
        let mut step = self.trainer.steps_done();
        let mut after = self.standing.last.unwrap_or_default();
        let held_out = !self.samples.held_out.is_empty();
        if let (Some(best), Some((at, validation)), true) = (self.best.take(), self.standing.best, held_out) {
            let rules = LoadRules { may_lack: vec![String::new()], ..LoadRules::default() };
            let best = TrainingState { step: at, ..best };
            best.restore(&mut self.trainer, self.device.device(), "the run's best step", &rules)?;
            (step, after) = (at, validation);
        }
        let whole = |key: &str| self.options.scene_tokens && is_scene_key(key);
        let adapter = Adapter::of(&self.trainer.model()?, self.options.name.clone(), self.base, whole).await;
        let adapter = self.device.settle(adapter).await?;
        Ok(FineTuned { adapter, step, before, after })
    }

    async fn now(&self) -> Result<TrainingState> {
        let config = self.trainer.config();
        let state = TrainingState::of(&self.trainer, |key| config.trains(key)).await;
        self.device.settle(state).await
    }
}
