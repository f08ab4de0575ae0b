//! A whole training run with its files (native only): a log while it goes, a checkpoint to go on from, and at the end a
//! model folder with its results.

use crate::error::{Error, Result};
use crate::eval::{KindTable, WorldEvaluation};
use crate::event::{Abort, Event, Events, Silent};
use crate::model::VideoTextModel;
use crate::platform::{block_on, write_beside};
use crate::source::DiskFolder;
use crate::train::model_card::{Results, model_card};
use crate::train::{Checkpoint, StepReport, TrainConfig, Trainer};
use crate::weights::module::{LoadRules, apply};
use crate::weights::{HostTensors, ModelFolder, ModelWriter, SHARD_BYTES, StoredType};
use crate::world::Split;
use burn::tensor::Device;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// Files of a run beside those of the model.
const CHECKPOINT_FILE: &str = "training.safetensors";
const LOG_FILE: &str = "log.jsonl";
const RESULTS_FILE: &str = "results.json";
const CARD_FILE: &str = "README.md";
/// Where the model is written and tested before its files take their place.
const STAGING: &str = "finished";

/// Trains a model and writes it to `output`, which has `log.jsonl` and the checkpoint `training.safetensors` until the
/// model is there. With `resume` it goes on from that checkpoint. Emits [`Event::Progress`] of stage `train` in steps.
///
/// The table that is returned (Markdown) is of the model as written, in f16.
///
/// # Errors
/// [`Error::InvalidInput`] where `output` has files of another run; [`Error::NonFinite`] when training diverges;
/// [`Error::Aborted`] (a checkpoint is written first); [`Error::Io`] and what the trainer and the weights say.
pub fn run(
    config: &TrainConfig,
    device: &Device,
    output: &Path,
    resume: bool,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<String> {
    let (mut trainer, mut log) = start(config, device, output, resume)?;
    while !trainer.is_finished() {
        if abort.is_requested() {
            save(&trainer, output)?;
            return Err(Error::Aborted);
        }
        let report = block_on(trainer.step())?;
        log.add(&report, trainer.is_finished())?;
        let done = trainer.steps_done();
        events.emit(Event::Progress { stage: "train", done: done as u64, total: config.steps as u64 });
        if config.checkpoint_every > 0 && done.is_multiple_of(config.checkpoint_every) || trainer.is_finished() {
            save(&trainer, output)?;
        }
    }
    finish(&trainer, device, output, log.seconds(), events, abort)
}

fn save(trainer: &Trainer, output: &Path) -> Result<()> {
    block_on(Checkpoint::of(trainer))?.write(&output.join(CHECKPOINT_FILE))
}

/// A fresh trainer and log, or those of the checkpoint.
fn start(config: &TrainConfig, device: &Device, output: &Path, resume: bool) -> Result<(Trainer, Log)> {
    let refuse =
        |reason: String| Error::InvalidInput { what: format!("output {}", output.display()), reason };
    let path = output.join(CHECKPOINT_FILE);
    if resume {
        if !path.exists() {
            return Err(refuse(format!("it has no {CHECKPOINT_FILE} to go on from; leave out --resume")));
        }
        let checkpoint = Checkpoint::read(&path)?;
        if checkpoint.config != *config {
            let found = serde_json::to_string(&checkpoint.config).map_err(Error::json(CHECKPOINT_FILE))?;
            return Err(refuse(format!("its checkpoint is of a run with other settings: {found}")));
        }
        let log = Log::resume(&output.join(LOG_FILE), config.log_every, checkpoint.step)?;
        return Ok((checkpoint.resume(device)?, log));
    }
    let trainer = Trainer::new(config.clone(), device)?;
    if output.exists() && output.read_dir().map_err(Error::io("read", output))?.next().is_some() {
        return Err(refuse("it is not empty; name another folder, or go on from its checkpoint with --resume".into()));
    }
    std::fs::create_dir_all(output).map_err(Error::io("create", output))?;
    Ok((trainer, Log::resume(&output.join(LOG_FILE), config.log_every, 0)?))
}

/// Writes the model, reads it back and tests it, and puts everything in its place.
fn finish(
    trainer: &Trainer,
    device: &Device,
    output: &Path,
    seconds: f64,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<String> {
    let staging = output.join(STAGING);
    let writer = ModelWriter {
        config: trainer.model_config()?,
        preprocess: trainer.preprocess(),
        tokenizer_json: Some(trainer.tokenizer_json()),
        stored_type: StoredType::F16,
        shard_bytes: SHARD_BYTES,
        overwrite: true,
    };
    let source = block_on(HostTensors::of(&trainer.model()?))?;
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

    let results =
        Results { config: trainer.config(), seconds, parameters: written.parameters, bytes: written.total_bytes, tables };
    let json = serde_json::to_vec_pretty(&results.to_json()).map_err(Error::json(RESULTS_FILE))?;
    write_beside(&output.join(RESULTS_FILE), &json)?;
    write_beside(&output.join(CARD_FILE), model_card(&results).as_bytes())?;
    for entry in staging.read_dir().map_err(Error::io("read", &staging))? {
        let from = entry.map_err(Error::io("read", &staging))?.path();
        let to = output.join(from.file_name().unwrap_or_default());
        std::fs::rename(&from, &to).map_err(Error::io("move", &from))?;
    }
    std::fs::remove_dir(&staging).map_err(Error::io("remove", &staging))?;
    let checkpoint = output.join(CHECKPOINT_FILE);
    std::fs::remove_file(&checkpoint).map_err(Error::io("remove", &checkpoint))?;
    Ok(results.tables_as_text())
}

/// `log.jsonl`: one line every few steps, with means over them.
struct Log {
    file: std::fs::File,
    path: std::path::PathBuf,
    every: usize,
    started: Instant,
    /// Seconds of earlier parts of the run.
    before: f64,
    losses: Vec<f64>,
    skipped: usize,
}

impl Log {
    /// Keeps the lines of the first `steps` steps, if there are any, and adds to them.
    fn resume(path: &Path, every: usize, steps: usize) -> Result<Self> {
        let old = if steps > 0 && path.exists() {
            std::fs::read_to_string(path).map_err(Error::io("read", path))?
        } else {
            String::new()
        };
        let mut kept = String::new();
        let mut before = 0.0;
        for line in old.lines() {
            let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            if value["step"].as_u64().is_some_and(|step| step <= steps as u64) {
                before = value["seconds"].as_f64().unwrap_or(before);
                kept.push_str(line);
                kept.push('\n');
            }
        }
        write_beside(path, kept.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(path).map_err(Error::io("open", path))?;
        Ok(Self { file, path: path.to_owned(), every, started: Instant::now(), before, losses: Vec::new(), skipped: 0 })
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn add(&mut self, report: &StepReport, last: bool) -> Result<()> {
        if report.skipped {
            self.skipped += 1;
        } else {
            self.losses.push(report.loss);
        }
        let done = report.step + 1;
        if !done.is_multiple_of(self.every) && !last {
            return Ok(());
        }
        let loss = self.losses.iter().sum::<f64>() / self.losses.len() as f64;
        let line = serde_json::json!({
            "step": done, "loss": loss, "learning_rate": report.learning_rate,
            "gradient_norm": report.gradient_norm, "temperature": report.temperature, "skipped": self.skipped,
            "seconds": self.seconds(),
        });
        self.losses.clear();
        self.skipped = 0;
        writeln!(self.file, "{line}").map_err(Error::io("write", &self.path))
    }
}
