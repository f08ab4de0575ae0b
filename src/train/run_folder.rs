//! What a run was (native only): `config.toml` and `run.json` in its folder say with which settings, seed, data, program
//! and device it ran, by which command and when. A run goes on only with the settings and the data it began with.

mod data_hash;
#[cfg(test)]
mod tests;
mod time;

pub use data_hash::data_hash;

use crate::error::{Error, Result};
use crate::platform::write_beside;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The settings, to be given again as `--config`.
const CONFIG_FILE: &str = "config.toml";
/// Everything, for programs.
const RECORD_FILE: &str = "run.json";
/// The version that `Cargo.toml` pins.
const BURN_VERSION: &str = "0.22.1";

/// Settings as a TOML document. Optional settings that are not set are written as `"none"`, as the command line's settings
/// files have it.
///
/// # Errors
/// [`Error::InvalidSetting`] where TOML cannot hold a value.
pub fn to_toml<T: Serialize>(settings: &T) -> Result<String> {
    let mut tree = serde_json::to_value(settings).map_err(Error::json("settings"))?;
    name_nulls(&mut tree);
    toml::to_string(&tree)
        .map_err(|error| Error::InvalidSetting { place: "settings as TOML".to_owned(), reason: error.to_string() })
}

/// TOML has no null. In the tables of a list, which are read whole, what is not set is left out.
fn name_nulls(tree: &mut Value) {
    match tree {
        Value::Null => *tree = Value::String("none".to_owned()),
        Value::Object(table) => table.values_mut().for_each(name_nulls),
        Value::Array(items) => {
            for table in items.iter_mut().filter_map(Value::as_object_mut) {
                table.retain(|_, value| !value.is_null());
            }
        }
        _ => {}
    }
}

/// What a run needs to say of itself beside its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// What everything random follows from.
    pub seed: u64,
    /// Hashes of the data by a name of theirs ("pairs", "annotations"); see [`data_hash`].
    pub data: BTreeMap<String, String>,
    /// The compute device: name, adapter and driver.
    pub device: String,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// A hash of the videos' names and sizes; none on the generated world.
    pub videos: Option<String>,
}

impl RunStart {
    /// With the command line of this process.
    #[must_use]
    pub fn of_this_process(seed: u64, data: BTreeMap<String, String>, device: String) -> Self {
        let command = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        Self { seed, data, device, command, videos: None }
    }
}

/// What `run.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The settings as JSON.
    pub config: Value,
    /// What everything random follows from.
    pub seed: u64,
    /// Hashes of the data by name.
    pub data: BTreeMap<String, String>,
    /// The run's parts: the first start, and one for each time it went on.
    pub parts: Vec<RunPart>,
}

/// One process of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPart {
    /// Steps that were done when it began.
    pub first_step: u64,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// The compute device.
    pub device: String,
    /// What it ran with.
    pub versions: Versions,
    /// A hash of the names and sizes of the videos that it found. They are no part of `data`, so that a run goes on once a
    /// bad video was put right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub videos: Option<String>,
    /// When it began, in UTC (RFC 3339).
    pub started: String,
    /// When it ended; none while it runs, and for good where it was killed.
    pub ended: Option<String>,
    /// How it ended: "finished", "stopped", or an error's code.
    pub outcome: Option<String>,
}

/// Versions of what computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// This crate's.
    pub sgcr: String,
    /// The commit it was built from, where the build was told (`SGCR_COMMIT`).
    pub commit: Option<String>,
    /// burn's.
    pub burn: String,
    /// System and processor.
    pub system: String,
}

impl Versions {
    /// Those of this program.
    #[must_use]
    pub fn of_this_program() -> Self {
        Self {
            sgcr: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("SGCR_COMMIT").map(str::to_owned),
            burn: BURN_VERSION.to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// The folder of a run that is going on.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    record: RunRecord,
}

impl RunFolder {
    /// Starts a run: makes the folder where it is not there and writes both files.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidSetting`] for settings that TOML cannot hold.
    pub fn begin<T: Serialize>(path: &Path, config: &T, start: RunStart) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(Error::io("create", path))?;
        let text = to_toml(config)?;
        let config = serde_json::to_value(config).map_err(Error::json("settings"))?;
        let RunStart { seed, data, device, command, videos } = start;
        let parts = vec![RunPart { videos, ..part(0, device, command) }];
        let folder = Self { path: path.to_owned(), record: RunRecord { config, seed, data, parts } };
        write_beside(&path.join(CONFIG_FILE), text.as_bytes())?;
        folder.write()?;
        Ok(folder)
    }

    /// Goes on with the run in a folder, `first_step` steps of which are done. Settings named in `free` ("data.workers") may
    /// differ; those that the record lacks, being newer than it, had their defaults.
    ///
    /// # Errors
    /// [`Error::DifferentRun`] that lists every setting and hash that differs; [`Error::MissingFile`], [`Error::Io`] or
    /// [`Error::InvalidJson`] where the folder holds no run that can be read.
    pub fn resume<T: Serialize + DeserializeOwned>(
        path: &Path,
        config: &T,
        start: RunStart,
        first_step: u64,
        free: &[&str],
    ) -> Result<Self> {
        let mut record = RunRecord::read(path)?;
        let there = T::deserialize(&record.config).map_err(Error::json(RECORD_FILE))?;
        let tree = |config: &T| serde_json::to_value(config).map_err(Error::json(RECORD_FILE));
        let (there, here) = (tree(&there)?, tree(config)?);
        let RunStart { seed, data, device, command, videos } = start;
        let mut differences = differences(&there, &here, free);
        if record.seed != seed && !differences.iter().any(|text| text.starts_with("seed ")) {
            differences.push(differs("seed", Some(&record.seed), Some(&seed)));
        }
        let names: BTreeSet<&String> = record.data.keys().chain(data.keys()).collect();
        for name in names {
            let (there, here) = (record.data.get(name), data.get(name));
            if there != here {
                differences.push(differs(&format!("data \"{name}\""), there, here));
            }
        }
        if !differences.is_empty() {
            return Err(Error::DifferentRun { folder: path.display().to_string(), differences });
        }
        record.parts.push(RunPart { videos, ..part(first_step, device, command) });
        let folder = Self { path: path.to_owned(), record };
        folder.write()?;
        Ok(folder)
    }

    /// What is known of the run.
    #[must_use]
    pub const fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Notes how this part of the run ended: "finished", "stopped", or an error's code.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn end(&mut self, outcome: &str) -> Result<()> {
        if let Some(part) = self.record.parts.last_mut() {
            part.ended = Some(time::utc(SystemTime::now()));
            part.outcome = Some(outcome.to_owned());
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.record).map_err(Error::json(RECORD_FILE))?;
        text.push(b'\n');
        write_beside(&self.path.join(RECORD_FILE), &text)
    }
}

impl RunRecord {
    /// That of the run in a folder.
    ///
    /// # Errors
    /// [`Error::MissingFile`] for a folder without one, [`Error::Io`], [`Error::InvalidJson`].
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD_FILE);
        if !path.exists() {
            return Err(Error::MissingFile {
                folder: folder.display().to_string(),
                file: RECORD_FILE.to_owned(),
                advice: "it holds no run to go on with; name the folder of one, or start afresh".to_owned(),
            });
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        serde_json::from_str(&text).map_err(Error::json(path.display().to_string()))
    }
}

fn part(first_step: u64, device: String, command: Vec<String>) -> RunPart {
    let (versions, started) = (Versions::of_this_program(), time::utc(SystemTime::now()));
    RunPart { first_step, command, device, versions, videos: None, started, ended: None, outcome: None }
}

/// Every value that differs between two trees of settings, by its dotted name, those named in `free` left out.
pub(super) fn differences(there: &Value, here: &Value, free: &[&str]) -> Vec<String> {
    differences_below("", Some(there), Some(here), free)
}

fn differences_below(name: &str, there: Option<&Value>, here: Option<&Value>, free: &[&str]) -> Vec<String> {
    if there == here || free.contains(&name) {
        return Vec::new();
    }
    let (Some(Value::Object(old)), Some(Value::Object(new))) = (there, here) else {
        return vec![differs(name, there, here)];
    };
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let inner = |key: &String| if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
    keys.into_iter().flat_map(|key| differences_below(&inner(key), old.get(key), new.get(key), free)).collect()
}

fn differs<T: std::fmt::Display>(name: &str, there: Option<&T>, here: Option<&T>) -> String {
    let told = |value: Option<&T>| value.map_or_else(|| "absent".to_owned(), ToString::to_string);
    format!("{name} (there {}, now {})", told(there), told(here))
}
