//! How a run begins, or goes on (native only): its files and data are looked at before anything is written.

use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use crate::train::log::Log;
use crate::train::run::{CHECKPOINT_FILE, CURVES, LOG_FILE};
use crate::train::run_folder::differences;
use crate::train::source::Source;
use crate::train::{
    Checkpoint, DataConfig, EventWriter, RunFolder, RunOptions, RunRecord, RunStart, TrainConfig, Trainer, TrainingBase,
    data_hash,
};
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::Path;

/// Settings that change no number: what a run does about faults, how it decodes, where it keeps frames. It may go on with
/// others than it began with, as a run has to that a bad video has stopped.
const FREE: [&str; 6] =
    ["data.bad_video", "data.workers", "data.ahead", "data.cache", "data.cache_bytes", "write_errors"];
/// Name of the base's hash.
const BASE: &str = "base";

/// A run that is ready to take steps.
pub(super) struct Started {
    pub trainer: Trainer,
    pub source: Source,
    pub log: Log,
    pub record: RunFolder,
    pub curves: EventWriter,
}

/// A fresh run, or the one of the checkpoint.
pub(super) fn start(
    options: &RunOptions<'_>,
    device: &Device,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<Started> {
    if options.resume { go_on(options, device, events, abort) } else { begin(options, device, events, abort) }
}

fn begin(options: &RunOptions<'_>, device: &Device, events: &mut impl Events, abort: &Abort) -> Result<Started> {
    let RunOptions { config, base, output, .. } = *options;
    config.validate()?;
    let mut data = data_hashes(&config.data, abort)?;
    if let Some(base) = base {
        data.insert(BASE.to_owned(), data_hash(base, ".safetensors", abort)?);
    }
    let base = base.map(|path| TrainingBase::open(path, device, events, abort)).transpose()?;
    let trainer = Trainer::new(config.clone(), base, device)?;
    if output.exists() && output.read_dir().map_err(Error::io("read", output))?.next().is_some() {
        let reason = "it is not empty; name another folder, or go on from its checkpoint with --resume";
        return Err(refuse(output, reason));
    }
    let source = Source::open(&trainer, None, events, abort)?;
    std::fs::create_dir_all(output).map_err(Error::io("create", output))?;
    let record = RunFolder::begin(output, trainer.config(), told(config.seed, data, &source, device))?;
    let curves = EventWriter::create(&output.join(CURVES), None)?;
    let log = Log::resume(&output.join(LOG_FILE), config.log_every, 0)?;
    Ok(Started { trainer, source, log, record, curves })
}

fn go_on(options: &RunOptions<'_>, device: &Device, events: &mut impl Events, abort: &Abort) -> Result<Started> {
    let RunOptions { config, base, output, .. } = *options;
    let path = output.join(CHECKPOINT_FILE);
    if !path.exists() {
        let reason = format!("it has no {CHECKPOINT_FILE} to go on from; leave out --resume");
        return Err(refuse(output, &reason));
    }
    let mut checkpoint = Checkpoint::read(&path)?;
    let config = config.clone().of_model(&checkpoint.model);
    let tree = |config: &TrainConfig| serde_json::to_value(config).map_err(Error::json(CHECKPOINT_FILE));
    let differences = differences(&tree(&checkpoint.config)?, &tree(&config)?, &FREE);
    if !differences.is_empty() {
        return Err(Error::DifferentRun { folder: output.display().to_string(), differences });
    }
    checkpoint.config = config;
    let (step, position) = (checkpoint.step, checkpoint.position);
    let trainer = checkpoint.resume(device)?;
    let config = trainer.config();
    let before = RunRecord::read(output)?;
    let mut data = data_hashes(&config.data, abort)?;
    // The checkpoint has all that a base gives: it need not be there any more.
    let of_base = match base {
        Some(base) => Some(data_hash(base, ".safetensors", abort)?),
        None => before.data.get(BASE).cloned(),
    };
    data.extend(of_base.map(|hash| (BASE.to_owned(), hash)));
    let source = Source::open(&trainer, position, events, abort)?;
    let videos = source.facts().map(|facts| &facts.videos);
    if before.parts.last().is_some_and(|part| part.videos.as_ref() != videos) {
        let message = "some videos have come, gone or changed in size since the run was stopped".to_owned();
        events.emit(Event::Notice { code: "videos-changed", message });
    }
    let start = told(config.seed, data, &source, device);
    let log = Log::resume(&output.join(LOG_FILE), config.log_every, step)?;
    let record = RunFolder::resume(output, config, start, step as u64, &FREE)?;
    let curves = EventWriter::create(&output.join(CURVES), Some(step as u64 + 1))?;
    Ok(Started { trainer, source, log, record, curves })
}

fn refuse(output: &Path, reason: &str) -> Error {
    Error::InvalidInput { what: format!("output {}", output.display()), reason: reason.to_owned() }
}

/// What `run.json` says of this part.
fn told(seed: u64, data: BTreeMap<String, String>, source: &Source, device: &Device) -> RunStart {
    let videos = source.facts().map(|facts| facts.videos.clone());
    RunStart { videos, ..RunStart::of_this_process(seed, data, format!("{device:?}")) }
}

/// Hashes of the files that a run learns from, videos left out: the generated world follows from the settings, and terabytes
/// of videos are told by names and sizes alone.
fn data_hashes(data: &DataConfig, abort: &Abort) -> Result<BTreeMap<String, String>> {
    let DataConfig { manifest, validation, annotations, region_captions, negatives, labels, .. } = data;
    let files = [
        ("manifest", manifest),
        ("validation", validation),
        ("annotations", annotations),
        ("region_captions", region_captions),
        ("negatives", negatives),
        ("labels", labels),
    ];
    let files = files.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
    files.map(|(name, path)| Ok((name.to_owned(), data_hash(path, ".json", abort)?))).collect()
}
