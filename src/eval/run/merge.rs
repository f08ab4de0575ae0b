//! The parts of a run that was dealt out (`--shard`), put together.

use super::classes::{self, ClassLine};
use super::journal::Journal;
use super::lines::to_bytes;
use super::near_misses::{PairLine, results};
use super::results::{MissingVideo, Outcome, Times, samples_file};
use super::stored::{RESULTS_FILE, SETTINGS_FILE};
use super::{RunSettings, Shard, Task};
use crate::data::benchmark::RetrievalTask;
use crate::error::{Error, Result};
use crate::platform::write_beside;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What of a part's results is needed beside its samples.
#[derive(Deserialize)]
struct PartResults {
    missing: Vec<MissingVideo>,
    #[serde(rename = "n-samples")]
    samples: serde_json::Value,
    times: Times,
}

/// Merges finished parts into a folder that is like that of a run that was never dealt out.
///
/// # Errors
/// [`Error::InvalidInput`] where parts are of different runs or do not make a whole; [`Error::MissingFile`] where one is not
/// finished; [`Error::Io`] and damaged files.
pub fn merge(parts: &[PathBuf], output: &Path) -> Result<Outcome> {
    let settings = whole(parts)?;
    let mut missing = Vec::new();
    let mut times = Times::default();
    let mut original = 0;
    for part in parts {
        let results = part_results(part)?;
        missing.extend(results.missing);
        times.videos += results.times.videos;
        times.decode_seconds += results.times.decode_seconds;
        times.embed_seconds += results.times.embed_seconds;
        times.total_seconds = times.total_seconds.max(results.times.total_seconds);
        let count = results.samples[settings.task.name()]["original"].as_u64().unwrap_or_default();
        original = original.max(count as usize);
    }
    let file = samples_file(settings.task);
    let merged = match settings.task {
        Task::Pairs(_) | Task::World => {
            let lines: Vec<PairLine> = lines(parts, &file, |line: &PairLine| line.at, output)?;
            results(&settings, &lines, original, missing, times)
        }
        Task::Kinetics => {
            let lines: Vec<ClassLine> = lines(parts, &file, |line: &ClassLine| line.at, output)?;
            classes::results(&settings, original, &lines, missing, times)
        }
        Task::Retrieval(task) => return Err(nothing_to_merge(task)),
    };
    write_beside(&output.join(SETTINGS_FILE), &settings.to_json()?)?;
    merged.write(output)
}

fn nothing_to_merge(task: RetrievalTask) -> Error {
    let reason = format!(
        "every text looks among all videos, so parts have nothing to merge; run `sgcr eval {}` without --shard and with the \
         --cache that the parts filled: it embeds nothing again",
        task.name()
    );
    Error::InvalidInput { what: "parts of a retrieval run".to_owned(), reason }
}

/// The settings of the whole, where the parts are all of its parts.
fn whole(parts: &[PathBuf]) -> Result<RunSettings> {
    let refuse = |reason: String| Err(Error::InvalidInput { what: "parts to merge".to_owned(), reason });
    let mut found: Vec<Shard> = Vec::new();
    let mut whole: Option<RunSettings> = None;
    for part in parts {
        let mut settings = RunSettings::read(part)?;
        let Some(shard) = settings.shard.take() else {
            return refuse(format!("{} is no part: it was run without --shard", part.display()));
        };
        found.push(shard);
        let differences = whole.as_ref().map_or_else(Vec::new, |whole| whole.differences(&settings));
        if !differences.is_empty() {
            return refuse(format!("{} was run with other settings: {}", part.display(), differences.join(", ")));
        }
        whole = Some(settings);
    }
    let Some(whole) = whole else { return refuse("give at least one folder".to_owned()) };
    found.sort_by_key(|shard| shard.index);
    let count = found[0].count;
    let expected = (1..=count).map(|index| Shard { index, count });
    if !found.iter().copied().eq(expected) {
        let found: Vec<String> = found.iter().map(Shard::to_string).collect();
        return refuse(format!("they are {}; every part of one number is needed, each once", found.join(", ")));
    }
    Ok(whole)
}

fn part_results(part: &Path) -> Result<PartResults> {
    let path = part.join(RESULTS_FILE);
    if !path.exists() {
        let advice = "the part is not finished; run it again to go on".to_owned();
        let (folder, file) = (part.display().to_string(), RESULTS_FILE.to_owned());
        return Err(Error::MissingFile { folder, file, advice });
    }
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    serde_json::from_str(&text).map_err(Error::json(path.display().to_string()))
}

/// All parts' lines in the data's order, written to the merged journal.
fn lines<T: DeserializeOwned + Serialize>(
    parts: &[PathBuf],
    file: &str,
    at: impl Fn(&T) -> usize,
    output: &Path,
) -> Result<Vec<T>> {
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(Journal::read::<T>(&part.join(file))?);
    }
    lines.sort_by_key(&at);
    std::fs::create_dir_all(output).map_err(Error::io("create", output))?;
    let path = output.join(file);
    write_beside(&path, &to_bytes(&lines)?)?;
    Ok(lines)
}
