//! A whole training run with its files (native only): a log while it goes, a checkpoint to go on from, and at the end a
//! model folder with its results.

use crate::error::{Error, Result};
use crate::eval::{KindTable, WorldEvaluation};
use crate::event::{Abort, Event, Events, Silent};
use crate::platform::block_on;
use crate::train::finish::{Ending, finish};
use crate::train::keeping::Keeping;
use crate::train::source::Source;
use crate::train::start::{Started, start};
use crate::train::{Checkpoint, EventWriter, StepReport, TrainConfig, Trainer, wall_time};
use crate::world::Split;
use burn::tensor::Device;
use std::path::Path;

/// Files of a run beside those of the model.
pub(super) const CHECKPOINT_FILE: &str = "training.safetensors";
pub(super) const BEST_FILE: &str = "best.safetensors";
pub(super) const LOG_FILE: &str = "log.jsonl";
/// TensorBoard's event files.
pub(super) const CURVES: &str = "tensorboard";

/// Where a run begins and ends.
#[derive(Debug, Clone)]
pub struct RunOptions<'a> {
    /// The settings.
    pub config: &'a TrainConfig,
    /// Folder of the model to start from; without it, a fresh one.
    pub base: Option<&'a Path>,
    /// Folder to write.
    pub output: &'a Path,
    /// Whether to go on from the checkpoint in `output`.
    pub resume: bool,
}

/// What a run that came to its end has to say.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Tables of the model as written (Markdown).
    pub report: String,
    /// The same as counts; none of a run on folders.
    pub tables: Vec<(Split, KindTable)>,
    /// Wall-clock seconds of training.
    pub seconds: f64,
}

/// Trains a model and writes it to `output`: `config.toml` and `run.json` say what was run, `log.jsonl` and `tensorboard/`
/// how it went; the checkpoint `training.safetensors` is there until the model is. With `resume` it goes on from that
/// checkpoint. Emits [`Event::Progress`] of stage `train` in steps, and notices of what was left out or not written.
///
/// What is reported is of the model as written, in f16, adapters merged.
///
/// # Errors
/// [`Error::InvalidInput`] where `output` has files of another run, [`Error::DifferentRun`] where its run has other settings
/// or data; [`Error::BadClip`] for data that cannot be read and [`Error::Io`] for files that cannot be written, unless the
/// settings say to go on; [`Error::NonFinite`] when training diverges; [`Error::Aborted`] (a checkpoint is written first); and
/// what the trainer and the weights say.
pub fn run(options: &RunOptions<'_>, device: &Device, events: &mut impl Events, abort: &Abort) -> Result<Finished> {
    let mut started = start(options, device, events, abort)?;
    let mut keeping = Keeping::new(options.config.write_errors);
    let best = Best::read(options.output);
    let mut steps = Steps { started: &mut started, keeping: &mut keeping, best, output: options.output, device };
    let trained = steps.take(events, abort);
    let outcome = trained.as_ref().map_or_else(|error| error.code(), |()| "finished");
    let noted = started.record.end(outcome);
    if matches!(trained, Err(Error::Io { .. })) && options.output.join(CHECKPOINT_FILE).exists() {
        let message = "what was written before is whole; make room and go on with --resume".to_owned();
        events.emit(Event::Notice { code: "not-written", message });
    }
    // What ended the run is told, not that this could not be noted either.
    trained?;
    keeping.attempt(noted, events)?;
    let Started { mut trainer, source, log, .. } = started;
    let best = options.output.join(BEST_FILE);
    if trainer.config().keep_best && best.exists() {
        trainer = Checkpoint::read(&best)?.resume(device)?;
    }
    let ending = Ending { trainer: &trainer, source: &source, keeping: &keeping, seconds: log.seconds() };
    finish(&ending, options, device, events, abort)
}

/// The steps that are left.
struct Steps<'a> {
    started: &'a mut Started,
    keeping: &'a mut Keeping,
    best: Best,
    output: &'a Path,
    device: &'a Device,
}

impl Steps<'_> {
    fn take(&mut self, events: &mut impl Events, abort: &Abort) -> Result<()> {
        // Where an earlier part was ended after its checkpoint and before this.
        if self.is_validated_now() && !self.started.log.has_validation(self.started.trainer.steps_done()) {
            self.validate(events, abort)?;
        }
        while !self.started.trainer.is_finished() {
            self.step(events, abort)?;
            if self.is_due(self.started.trainer.config().checkpoint_every) {
                let saved = self.save();
                self.keeping.attempt(saved, events)?;
                self.keeping.attempt(self.started.curves.flush(), events)?;
            }
            if self.is_validated_now() {
                self.validate(events, abort)?;
            }
        }
        self.keeping.attempt(self.started.curves.flush(), events)
    }

    /// One step with its lines.
    fn step(&mut self, events: &mut impl Events, abort: &Abort) -> Result<()> {
        let Started { trainer, source, .. } = &mut *self.started;
        let stepped = match source.draw(trainer) {
            Ok(batches) => block_on(trainer.step_on(&batches, abort)),
            Err(error) => Err(error),
        };
        let report = match stepped {
            // The trainer is as the last step left it.
            Err(error @ (Error::Aborted | Error::BadClip { .. } | Error::NoFrames { .. })) => {
                let saved = self.save();
                self.keeping.attempt(saved, events)?;
                return Err(error);
            }
            report => report?,
        };
        let (done, finished, total) = (trainer.steps_done(), trainer.is_finished(), trainer.config().steps);
        for clip in source.step_done() {
            self.keeping.attempt(self.started.log.add_skipped(done, &clip), events)?;
        }
        self.keeping.attempt(self.started.log.add(&report, finished), events)?;
        self.keeping.attempt(draw_curves(&mut self.started.curves, &report), events)?;
        events.emit(Event::Progress { stage: "train", done: done as u64, total: total as u64 });
        Ok(())
    }

    /// Whether something is to be done now that is done every so many steps (0: at the end alone).
    fn is_due(&self, every: usize) -> bool {
        let trainer = &self.started.trainer;
        every > 0 && trainer.steps_done().is_multiple_of(every) || trainer.is_finished()
    }

    fn is_validated_now(&self) -> bool {
        let every = self.started.trainer.config().validate_every;
        every > 0 && self.started.trainer.steps_done() > 0 && self.is_due(every)
    }

    fn validate(&mut self, events: &mut impl Events, abort: &Abort) -> Result<()> {
        let Started { trainer, source, log, curves, .. } = &mut *self.started;
        let done = trainer.steps_done();
        let accuracy = match validate(trainer, source, self.device, abort) {
            Err(Error::Aborted) => {
                let saved = self.save();
                self.keeping.attempt(saved, events)?;
                return Err(Error::Aborted);
            }
            accuracy => accuracy?,
        };
        // Before the log's line, which says that it was done.
        self.keeping.attempt(self.best.offer(accuracy, trainer, self.output), events)?;
        self.keeping.attempt(log.add_validation(done, accuracy), events)?;
        let curve = curves.scalar("validation/accuracy", done as u64, accuracy as f32, wall_time());
        self.keeping.attempt(curve, events)
    }

    fn save(&self) -> Result<()> {
        let Started { trainer, source, .. } = &*self.started;
        block_on(Checkpoint::of(trainer))?.at(source.position()).write(&self.output.join(CHECKPOINT_FILE))
    }
}

/// A step's numbers for TensorBoard.
fn draw_curves(curves: &mut EventWriter, report: &StepReport) -> Result<()> {
    let parts = &report.parts;
    let points = [
        ("loss/total", Some(report.loss)),
        ("loss/contrastive", parts.contrastive),
        ("loss/tsg_triplets", parts.triplets),
        ("loss/tsg_order", parts.order),
        ("loss/vsg", parts.scene),
        ("loss/vsg_subject", parts.scene_subject),
        ("loss/vsg_object", parts.scene_object),
        ("loss/vsg_predicate", parts.scene_predicate),
        ("loss/vsg_l1", parts.scene_l1),
        ("loss/vsg_giou", parts.scene_giou),
        ("loss/regions", parts.regions),
        ("learning_rate", Some(report.learning_rate)),
        ("gradient_norm", Some(report.gradient_norm)),
        ("temperature", Some(report.temperature)),
    ];
    let now = wall_time();
    for (tag, value) in points {
        if let Some(value) = value {
            curves.scalar(tag, report.step as u64 + 1, value as f32, now)?;
        }
    }
    Ok(())
}

/// On the generated world the share of near misses of fresh clips that the model tells apart, mean over the kinds; on folders
/// the recall at 1 among the held-out pairs, mean of both directions.
fn validate(trainer: &Trainer, source: &Source, device: &Device, abort: &Abort) -> Result<f64> {
    let model = trainer.model()?;
    let (tokenizer, preprocess, level) = (trainer.tokenizer(), trainer.preprocess(), trainer.config().level);
    let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device, level };
    if let Some(held_out) = source.held_out() {
        return Ok(held_out.measure(&evaluation, &mut Silent, abort)?.accuracy());
    }
    let clips = trainer.config().validation_clips as u64;
    Ok(block_on(evaluation.near_misses(Split::Validation, 0..clips, &mut Silent, abort))?.mean())
}

/// The best result on validation clips so far, and its checkpoint.
struct Best(f64);

impl Best {
    /// That of an earlier part of the run, or none yet.
    fn read(output: &Path) -> Self {
        let lines = std::fs::read_to_string(output.join(LOG_FILE)).unwrap_or_default();
        let accuracy =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["validation_accuracy"].as_f64();
        Self(lines.lines().filter_map(accuracy).fold(f64::NEG_INFINITY, f64::max))
    }

    fn offer(&mut self, accuracy: f64, trainer: &Trainer, output: &Path) -> Result<()> {
        if accuracy > self.0 {
            block_on(Checkpoint::of(trainer))?.write(&output.join(BEST_FILE))?;
            self.0 = accuracy;
        }
        Ok(())
    }
}
