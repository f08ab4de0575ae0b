//! The end of a run (native only): the model is written, read back and tested, and everything put in its place.

use crate::error::{Error, Result};
use crate::eval::{KindTable, WorldEvaluation};
use crate::event::{Abort, Event, Events, Silent};
use crate::model::{VideoTextModel, is_scene_key, is_temperature_key};
use crate::platform::{block_on, write_beside};
use crate::source::DiskFolder;
use crate::train::folder_card::FolderOutcome;
use crate::train::keeping::Keeping;
use crate::train::log::Log;
use crate::train::model_card::{Outcome, Results, model_card};
use crate::train::run::{BEST_FILE, CHECKPOINT_FILE, LOG_FILE};
use crate::train::source::Source;
use crate::train::{Finished, RunOptions, Trainer, TrainingBase};
use crate::weights::module::{LoadRules, apply};
use crate::weights::{
    Adapter, AdapterBase, HostTensors, ModelFolder, ModelWriter, SHARD_BYTES, StoredType, fingerprint,
};
use crate::world::Split;
use burn::tensor::Device;

const RESULTS_FILE: &str = "results.json";
const CARD_FILE: &str = "README.md";
/// What was trained on top of a base, as PEFT has it.
const ADAPTER_FOLDER: &str = "adapter";
/// Where the model is written and tested before its files take their place.
const STAGING: &str = "finished";

/// A run all of whose steps are done.
pub(super) struct Ending<'a> {
    pub trainer: &'a Trainer,
    pub source: &'a Source,
    pub keeping: &'a Keeping,
    /// Wall-clock seconds of training.
    pub seconds: f64,
}

/// Writes the model, reads it back and tests it, and puts everything in its place.
pub(super) fn finish(
    ending: &Ending<'_>,
    options: &RunOptions<'_>,
    device: &Device,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<Finished> {
    let Ending { trainer, source, keeping, seconds } = *ending;
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
    let tensors = block_on(HostTensors::of(&model))?;
    let written = writer.write(&staging, &tensors, &mut Silent, abort)?;

    let folder = block_on(ModelFolder::open(DiskFolder::open(&staging)?))?;
    let tensors = block_on(folder.load(device, &mut Silent, abort))?;
    let file = staging.display().to_string();
    let model = apply(VideoTextModel::empty(folder.config(), device), tensors, &file, &LoadRules::default())?;
    let (tokenizer, preprocess) = (trainer.tokenizer(), folder.preprocess());
    let level = trainer.config().level;
    let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device, level };
    let outcome = match source.facts() {
        None => Outcome::World(near_misses(&evaluation, trainer.config().eval_clips as u64, events, abort)?),
        Some(facts) => {
            let held_out = source.held_out().map(|held_out| held_out.measure(&evaluation, events, abort)).transpose()?;
            let skipped = Log::skipped(&output.join(LOG_FILE))?;
            Outcome::Folders(Box::new(FolderOutcome { facts: facts.clone(), skipped, held_out }))
        }
    };
    let results = Results {
        config: trainer.config(),
        base: options.base,
        seconds,
        parameters: written.parameters,
        bytes: written.total_bytes,
        outcome,
        not_written: keeping.failed(),
    };
    let json = serde_json::to_vec_pretty(&results.to_json()).map_err(Error::json(RESULTS_FILE))?;
    write_beside(&output.join(RESULTS_FILE), &json)?;
    write_beside(&output.join(CARD_FILE), model_card(&results).as_bytes())?;
    put_in_place(options)?;
    tell_unwritten(ending, events);
    Ok(Finished { report: results.report(), tables: results.outcome.into_tables(), seconds })
}

/// Files that are not what they should be.
fn tell_unwritten(ending: &Ending<'_>, events: &mut impl Events) {
    let mut tell = |message| events.emit(Event::Notice { code: "not-written", message });
    for (file, times) in ending.keeping.failed() {
        tell(format!("{file} could not be written {times} times; what it says is not whole"));
    }
    if let Some(cache) = ending.source.cache().filter(|cache| cache.unwritten > 0) {
        let reason = cache.reason.unwrap_or_default();
        tell(format!("{} frames could not be put into the cache ({reason}); they were decoded again", cache.unwritten));
    }
}

fn near_misses(
    evaluation: &WorldEvaluation<'_>,
    clips: u64,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<Vec<(Split, KindTable)>> {
    let mut test = |split: Split| -> Result<(Split, KindTable)> {
        Ok((split, block_on(evaluation.near_misses(split, 0..clips, &mut *events, abort))?))
    };
    Ok(vec![test(Split::Test)?, test(Split::Compositional)?])
}

/// Moves the model's files out of their staging folder and takes the checkpoints away.
fn put_in_place(options: &RunOptions<'_>) -> Result<()> {
    let output = options.output;
    let staging = output.join(STAGING);
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
    Ok(())
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
