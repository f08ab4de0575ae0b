//! A whole training run with its files (native only): a log while it goes, a checkpoint to go on from, and at the end a
//! model folder with its results.

use crate::error::{Error, Result};
use crate::eval::{KindTable, WorldEvaluation};
use crate::event::{Abort, Event, Events, Silent};
use crate::model::{VideoTextModel, is_scene_key, is_temperature_key};
use crate::platform::{block_on, write_beside};
use crate::source::DiskFolder;
use crate::train::log::Log;
use crate::train::model_card::{Results, model_card};
use crate::train::{
    Checkpoint, EventWriter, RunFolder, RunRecord, RunStart, StepReport, TrainConfig, Trainer, TrainingBase, data_hash,
    wall_time,
};
use crate::weights::module::{LoadRules, apply};
use crate::weights::{
    Adapter, AdapterBase, HostTensors, ModelFolder, ModelWriter, SHARD_BYTES, StoredType, fingerprint,
};
use crate::world::Split;
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::Path;

/// Files of a run beside those of the model.
const CHECKPOINT_FILE: &str = "training.safetensors";
const BEST_FILE: &str = "best.safetensors";
const LOG_FILE: &str = "log.jsonl";
const RESULTS_FILE: &str = "results.json";
const CARD_FILE: &str = "README.md";
/// What was trained on top of a base, as PEFT has it.
const ADAPTER_FOLDER: &str = "adapter";
/// TensorBoard's event files.
const CURVES: &str = "tensorboard";
/// Where the model is written and tested before its files take their place.
const STAGING: &str = "finished";

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
    /// The same as counts.
    pub tables: Vec<(Split, KindTable)>,
    /// Wall-clock seconds of training.
    pub seconds: f64,
}

/// Trains a model and writes it to `output`: `config.toml` and `run.json` say what was run, `log.jsonl` and `tensorboard/`
/// how it went; the checkpoint `training.safetensors` is there until the model is. With `resume` it goes on from that checkpoint. Emits [`Event::Progress`] of stage `train` in steps.
///
/// What is reported is of the model as written, in f16, adapters merged.
///
/// # Errors
/// [`Error::InvalidInput`] where `output` has files of another run; [`Error::NonFinite`] when training diverges;
/// [`Error::Aborted`] (a checkpoint is written first); [`Error::Io`] and what the trainer and the weights say.
pub fn run(options: &RunOptions<'_>, device: &Device, events: &mut impl Events, abort: &Abort) -> Result<Finished> {
    let Started { mut trainer, mut log, mut record, mut curves } = start(options, device, events, abort)?;
    let trained = train(&mut trainer, &mut log, &mut curves, options.output, device, events, abort);
    record.end(trained.as_ref().map_or_else(|error| error.code(), |()| "finished"))?;
    trained?;
    let best = options.output.join(BEST_FILE);
    if trainer.config().keep_best && best.exists() {
        trainer = Checkpoint::read(&best)?.resume(device)?;
    }
    finish(&trainer, options, device, log.seconds(), events, abort)
}

/// The steps that are left.
fn train(
    trainer: &mut Trainer,
    log: &mut Log,
    curves: &mut EventWriter,
    output: &Path,
    device: &Device,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<()> {
    let steps = trainer.config().steps;
    let mut best = Best::read(output);
    while !trainer.is_finished() {
        let report = match block_on(trainer.step(abort)) {
            Err(Error::Aborted) => {
                save(trainer, output)?;
                return Err(Error::Aborted);
            }
            report => report?,
        };
        log.add(&report, trainer.is_finished())?;
        draw_curves(curves, &report)?;
        let done = trainer.steps_done();
        events.emit(Event::Progress { stage: "train", done: done as u64, total: steps as u64 });
        let due = |every: usize| every > 0 && done.is_multiple_of(every) || trainer.is_finished();
        if due(trainer.config().checkpoint_every) {
            save(trainer, output)?;
            curves.flush()?;
        }
        if trainer.config().validate_every > 0 && due(trainer.config().validate_every) {
            let accuracy = validate(trainer, device, abort)?;
            log.add_validation(done, accuracy)?;
            curves.scalar("validation/accuracy", done as u64, accuracy as f32, wall_time())?;
            best.offer(accuracy, trainer, output)?;
        }
    }
    curves.flush()
}

/// A step's numbers for TensorBoard.
fn draw_curves(curves: &mut EventWriter, report: &StepReport) -> Result<()> {
    let parts = &report.parts;
    let points = [
        ("loss/total", Some(report.loss)),
        ("loss/contrastive", parts.contrastive),
        ("loss/tags", parts.tags),
        ("loss/tsg_triplets", parts.triplets),
        ("loss/tsg_order", parts.order),
        ("loss/vsg", parts.scene),
        ("loss/vsg_subject", parts.scene_subject),
        ("loss/vsg_object", parts.scene_object),
        ("loss/vsg_predicate", parts.scene_predicate),
        ("loss/vsg_l1", parts.scene_l1),
        ("loss/vsg_giou", parts.scene_giou),
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

fn save(trainer: &Trainer, output: &Path) -> Result<()> {
    block_on(Checkpoint::of(trainer))?.write(&output.join(CHECKPOINT_FILE))
}

/// Share of near misses of fresh clips that the model tells apart, mean over the kinds.
fn validate(trainer: &Trainer, device: &Device, abort: &Abort) -> Result<f64> {
    let model = trainer.model()?;
    let evaluation =
        WorldEvaluation { model: &model, tokenizer: trainer.tokenizer(), preprocess: trainer.preprocess(), device };
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

/// A run that is ready to take steps.
struct Started {
    trainer: Trainer,
    log: Log,
    record: RunFolder,
    curves: EventWriter,
}

/// A fresh run, or the one of the checkpoint.
fn start(options: &RunOptions<'_>, device: &Device, events: &mut impl Events, abort: &Abort) -> Result<Started> {
    let RunOptions { config, base, output, resume } = *options;
    let refuse = |reason: String| Error::InvalidInput { what: format!("output {}", output.display()), reason };
    let path = output.join(CHECKPOINT_FILE);
    if resume {
        if !path.exists() {
            return Err(refuse(format!("it has no {CHECKPOINT_FILE} to go on from; leave out --resume")));
        }
        let checkpoint = Checkpoint::read(&path)?;
        // As text: a number of 17 digits does not always come back as itself.
        let text = |config: &TrainConfig| serde_json::to_string(config).map_err(Error::json(CHECKPOINT_FILE));
        let expected: TrainConfig = serde_json::from_str(&text(&config.clone().of_model(&checkpoint.model))?)
            .map_err(Error::json(CHECKPOINT_FILE))?;
        if checkpoint.config != expected {
            let found = text(&checkpoint.config)?;
            return Err(refuse(format!("its checkpoint is of a run with other settings: {found}")));
        }
        let done = checkpoint.step as u64;
        let log = Log::resume(&output.join(LOG_FILE), config.log_every, checkpoint.step)?;
        let trainer = checkpoint.resume(device)?;
        let data = match base {
            Some(base) => data_hashes(Some(base), abort)?,
            // The checkpoint has all that a base gives.
            None => RunRecord::read(output)?.data,
        };
        let start = RunStart::of_this_process(config.seed, data, format!("{device:?}"));
        let record = RunFolder::resume(output, trainer.config(), start, done)?;
        let curves = EventWriter::create(&output.join(CURVES), Some(done + 1))?;
        return Ok(Started { trainer, log, record, curves });
    }
    let data = data_hashes(base, abort)?;
    let base = base.map(|path| TrainingBase::open(path, device, events, abort)).transpose()?;
    let trainer = Trainer::new(config.clone(), base, device)?;
    if output.exists() && output.read_dir().map_err(Error::io("read", output))?.next().is_some() {
        return Err(refuse("it is not empty; name another folder, or go on from its checkpoint with --resume".into()));
    }
    std::fs::create_dir_all(output).map_err(Error::io("create", output))?;
    let start = RunStart::of_this_process(config.seed, data, format!("{device:?}"));
    let record = RunFolder::begin(output, trainer.config(), start)?;
    let curves = EventWriter::create(&output.join(CURVES), None)?;
    let log = Log::resume(&output.join(LOG_FILE), config.log_every, 0)?;
    Ok(Started { trainer, log, record, curves })
}

/// Hashes of what the run depends on beside its settings. The generated world follows from them.
fn data_hashes(base: Option<&Path>, abort: &Abort) -> Result<BTreeMap<String, String>> {
    let base = base.map(|base| Ok(("base".to_owned(), data_hash(base, ".safetensors", abort)?)));
    base.into_iter().collect()
}

/// What was trained on top of a base as a PEFT folder beside the merged model: for other bases' users a few megabytes.
fn write_adapter(trainer: &Trainer, options: &RunOptions<'_>, device: &Device, abort: &Abort) -> Result<()> {
    let (Some(path), Some(_)) = (options.base, &trainer.config().lora) else { return Ok(()) };
    let base = TrainingBase::open(path, device, &mut Silent, abort)?.model;
    let base = AdapterBase { name: Some(path.display().to_string()), sha256: Some(block_on(fingerprint(&base))?) };
    let temperature = trainer.config().train_temperature;
    let whole = |key: &str| is_scene_key(key) || temperature && is_temperature_key(key);
    let adapter = block_on(Adapter::of(&trainer.model()?, ADAPTER_FOLDER, base, whole))?;
    adapter.write(&options.output.join(ADAPTER_FOLDER))
}

/// Writes the model, reads it back and tests it, and puts everything in its place.
fn finish(
    trainer: &Trainer,
    options: &RunOptions<'_>,
    device: &Device,
    seconds: f64,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<Finished> {
    let output = options.output;
    let staging = output.join(STAGING);
    write_adapter(trainer, options, device, abort)?;
    let mut model = trainer.model()?;
    model.merge_adapters();
    model.remove_adapters();
    let writer = ModelWriter {
        config: model.config(),
        preprocess: trainer.preprocess(),
        tokenizer_json: Some(trainer.tokenizer_json()),
        stored_type: StoredType::F16,
        shard_bytes: SHARD_BYTES,
        overwrite: true,
    };
    let source = block_on(HostTensors::of(&model))?;
    let written = writer.write(&staging, &source, &mut Silent, abort)?;

    let folder = block_on(ModelFolder::open(DiskFolder::open(&staging)?))?;
    let tensors = block_on(folder.load(device, &mut Silent, abort))?;
    let file = staging.display().to_string();
    let model = apply(VideoTextModel::empty(folder.config(), device), tensors, &file, &LoadRules::default())?;
    let (tokenizer, preprocess) = (trainer.tokenizer(), folder.preprocess());
    let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device };
    let clips = trainer.config().eval_clips as u64;
    let mut test = |split: Split| -> Result<(Split, KindTable)> {
        Ok((split, block_on(evaluation.near_misses(split, 0..clips, events, abort))?))
    };
    let tables = vec![test(Split::Test)?, test(Split::Compositional)?];

    let results = Results {
        config: trainer.config(),
        base: options.base,
        seconds,
        parameters: written.parameters,
        bytes: written.total_bytes,
        tables,
    };
    let json = serde_json::to_vec_pretty(&results.to_json()).map_err(Error::json(RESULTS_FILE))?;
    write_beside(&output.join(RESULTS_FILE), &json)?;
    write_beside(&output.join(CARD_FILE), model_card(&results).as_bytes())?;
    for entry in staging.read_dir().map_err(Error::io("read", &staging))? {
        let from = entry.map_err(Error::io("read", &staging))?.path();
        let to = output.join(from.file_name().unwrap_or_default());
        std::fs::rename(&from, &to).map_err(Error::io("move", &from))?;
    }
    std::fs::remove_dir(&staging).map_err(Error::io("remove", &staging))?;
    for checkpoint in [CHECKPOINT_FILE, BEST_FILE].map(|name| output.join(name)) {
        if checkpoint.exists() {
            std::fs::remove_file(&checkpoint).map_err(Error::io("remove", &checkpoint))?;
        }
    }
    Ok(Finished { report: results.tables_as_text(), tables: results.tables, seconds })
}
