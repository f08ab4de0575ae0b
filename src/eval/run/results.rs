//! What comes out of a run: `results.json`, with lmms-eval's keys and `CLIP_benchmark`'s metrics, and a table for people.

use super::Task;
use super::facts::ClipFacts;
use super::near_misses::PairLine;
use super::settings::RunSettings;
use crate::data::benchmark::PairTask;
use crate::error::{Error, Result};
use crate::eval::{CONTROL, ClusteredMean, Judged, PairTally, Tally, VideoLanguageEntailment, paper_columns, roc_auc};
use crate::world::NearMissKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use web_time::{SystemTime, UNIX_EPOCH};

/// The group of all samples.
const ALL: &str = "all";

/// The file of a task's samples in the output folder.
pub fn samples_file(task: Task) -> String {
    format!("samples_{task}.jsonl")
}

/// A video without results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingVideo {
    /// As the data names it.
    pub video: String,
    /// Samples that it takes with it.
    pub samples: usize,
    /// The error's code.
    pub code: String,
    /// The error.
    pub reason: String,
}

impl MissingVideo {
    /// With its samples still to be counted.
    #[must_use]
    pub fn new(video: &str, error: &Error) -> Self {
        Self::told(video, error.code(), &error.to_string())
    }

    /// As [`MissingVideo::new`], of an error that arose elsewhere.
    #[must_use]
    pub fn told(video: &str, code: &str, reason: &str) -> Self {
        Self { video: video.to_owned(), samples: 0, code: code.to_owned(), reason: reason.to_owned() }
    }
}

/// A video with fewer frames than the model takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortVideo {
    /// As the data names it.
    pub video: String,
    /// Frames that decode.
    pub frame_count: usize,
}

/// What took how long; no part of what is to be reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Videos decoded or taken from the cache.
    pub videos: u64,
    /// Seconds that threads spent on finding, reading and decoding, summed up.
    pub decode_seconds: f64,
    /// Seconds of embedding.
    pub embed_seconds: f64,
    /// Seconds from the start of the run, or of its last part.
    pub total_seconds: f64,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name in files.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Right answers and ties.
    #[serde(flatten)]
    pub tally: PairTally,
    /// The accuracy with its errors over videos.
    pub mean: ClusteredMean,
}

impl Group {
    /// Counts samples given as (judged, video).
    pub(in crate::eval) fn of<'a>(name: &str, title: &str, samples: impl Iterator<Item = (Judged, &'a str)>) -> Self {
        let (mut tally, mut values) = (PairTally::default(), Vec::new());
        for (judged, video) in samples {
            tally.add(judged);
            values.push((f64::from(u8::from(judged.correct)), video));
        }
        Self { name: name.to_owned(), title: title.to_owned(), tally, mean: ClusteredMean::of(values) }
    }
}

/// One row of the table as files have it; shares are 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableRow {
    /// Its name in files.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Right answers.
    pub correct: u64,
    /// Samples.
    pub total: u64,
    /// Samples with equal scores.
    pub ties: u64,
    /// Videos.
    pub videos: usize,
    /// Share of right answers; null without samples.
    pub accuracy: Option<f64>,
    /// Wilson's 95 % interval.
    pub wilson: [f64; 2],
    /// The 95 % interval by errors clustered by video.
    pub by_video: [f64; 2],
}

impl TableRow {
    pub(in crate::eval) fn of(group: &Group) -> Self {
        let Tally { correct, total } = group.tally.tally;
        let (low, high) = group.tally.tally.interval();
        let (low_video, high_video) = group.mean.interval();
        Self {
            name: group.name.clone(),
            title: group.title.clone(),
            correct,
            total,
            ties: group.tally.ties,
            videos: group.mean.clusters,
            accuracy: (total > 0).then(|| group.tally.tally.accuracy()),
            wilson: [low, high],
            by_video: [low_video.max(0.0), high_video.min(1.0)],
        }
    }
}

/// Rows as a Markdown table, in percent.
#[must_use]
pub fn table_markdown(rows: &[TableRow]) -> String {
    let mut text = String::from(
        "| group | accuracy % | 95 % (Wilson) | 95 % (by video) | ties | samples | videos |\n|---|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows {
        let [low, high] = row.wilson.map(|x| 100.0 * x);
        let [low_video, high_video] = row.by_video.map(|x| 100.0 * x);
        let accuracy = row.accuracy.map_or_else(|| "–".to_owned(), |accuracy| format!("{:.1}", 100.0 * accuracy));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {accuracy} | {low:.1} – {high:.1} | {low_video:.1} – {high_video:.1} | {} | {} | {} |",
            row.title, row.ties, row.total, row.videos
        );
    }
    text
}

/// Results of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// What decided them.
    pub settings: RunSettings,
    /// Samples of the data.
    pub original: usize,
    /// Samples with results.
    pub effective: usize,
    /// The table.
    pub groups: Vec<Group>,
    /// Other numbers by name: shares, 0..1, but for those whose name ends in `_rank`.
    pub metrics: BTreeMap<String, f64>,
    /// Videos without results.
    pub missing: Vec<MissingVideo>,
    /// Videos with few frames.
    pub short: Vec<ShortVideo>,
    /// What took how long.
    pub times: Times,
}

/// A run that came to its end, its results written.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What came out.
    pub results: Results,
}

impl Results {
    /// Without any rows yet.
    #[must_use]
    pub fn new(
        settings: RunSettings,
        original: usize,
        effective: usize,
        missing: Vec<MissingVideo>,
        times: Times,
    ) -> Self {
        let (groups, metrics, short) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { settings, original, effective, groups, metrics, missing, short, times }
    }

    /// Adds a row for samples given as (judged, video).
    pub fn add_group<'a>(&mut self, name: &str, samples: impl Iterator<Item = (Judged, &'a str)>) {
        let kind = NearMissKind::ALL.into_iter().find(|kind| kind.name() == name);
        self.add_titled(name, kind.map_or(name, |kind| kind.title()), samples);
    }

    /// Adds a row under a title of its own.
    pub fn add_titled<'a>(&mut self, name: &str, title: &str, samples: impl Iterator<Item = (Judged, &'a str)>) {
        self.groups.push(Group::of(name, title, samples));
    }

    /// Notes a clip's length if it is short.
    pub fn see_clip(&mut self, video: &str, clip: &ClipFacts) {
        let wanted = self.settings.preprocess.frames;
        if clip.is_short(wanted) && self.short.iter().all(|short| short.video != video) {
            self.short.push(ShortVideo { video: video.to_owned(), frame_count: clip.frame_count });
        }
    }

    /// Rows and numbers of pairs.
    pub fn add_pairs(&mut self, lines: &[PairLine]) {
        let mut kinds: Vec<&str> = Vec::new();
        for line in lines {
            if !kinds.contains(&line.sample.kind.as_str()) {
                kinds.push(&line.sample.kind);
            }
        }
        // The paper's order where the names are its, the data's order else.
        let place = |name: &str| NearMissKind::ALL.iter().position(|kind| kind.name() == name).unwrap_or(usize::MAX);
        kinds.sort_by_key(|kind| place(kind));
        let counted = |line: &&PairLine| line.sample.kind != CONTROL;
        self.add_lines(ALL, lines.iter().filter(counted));
        for kind in kinds.iter().filter(|kind| **kind != ALL) {
            self.add_lines(kind, lines.iter().filter(|line| line.sample.kind == **kind));
        }
        if lines.iter().any(|line| line.sample.hard.is_some()) {
            self.add_lines("hard", lines.iter().filter(|line| line.sample.hard == Some(true)));
        }
        self.add_own_numbers(lines, &kinds);
    }

    fn add_lines<'a>(&mut self, name: &str, lines: impl Iterator<Item = &'a PairLine>) {
        let judged = |line: &'a PairLine| (Judged { correct: line.correct, tie: line.tie }, line.sample.video.as_str());
        self.add_group(name, lines.map(judged));
    }

    /// What a benchmark's authors report beside accuracies.
    fn add_own_numbers(&mut self, lines: &[PairLine], kinds: &[&str]) {
        let task = self.settings.task;
        let tallies: Vec<(&str, Tally)> =
            self.groups.iter().map(|group| (group.name.as_str(), group.tally.tally)).collect();
        let mean = match task {
            Task::Pairs(PairTask::Velociti) | Task::World => Some(paper_columns(tallies.iter().copied()).mean()),
            _ if kinds.len() > 1 => {
                let of_kinds =
                    tallies.iter().filter(|(name, _)| kinds.contains(name)).map(|(_, tally)| tally.accuracy());
                Some(of_kinds.sum::<f64>() / kinds.len() as f64)
            }
            _ => None,
        };
        if let Some(mean) = mean {
            self.metrics.insert("mean_of_kinds".to_owned(), mean);
        }
        if task == Task::Pairs(PairTask::Velociti) {
            let mut entailment = VideoLanguageEntailment::default();
            for line in lines.iter().filter(|line| line.sample.kind != CONTROL) {
                entailment.add(line.pos_score, line.neg_score);
            }
            self.metrics.insert("classic_vle".to_owned(), entailment.classic.accuracy());
            self.metrics.insert("strict_vle".to_owned(), entailment.strict.accuracy());
        }
        if task == Task::Pairs(PairTask::Videocon) {
            self.metrics.insert("roc_auc".to_owned(), auc(lines.iter()));
            if lines.iter().any(|line| line.sample.hard.is_some()) {
                let hard = lines.iter().filter(|line| line.sample.hard == Some(true));
                self.metrics.insert("roc_auc_hard".to_owned(), auc(hard));
            }
        }
    }

    /// Whether every sample has a result.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Samples without results.
    #[must_use]
    pub fn missing_samples(&self) -> usize {
        self.missing.iter().map(|video| video.samples).sum()
    }

    /// `results.json`: everything but `date`, `total_evaluation_time_seconds` and `times` follows from data, weights and
    /// settings.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let task = self.settings.task.name();
        let name = |group: &Group| if group.name == ALL { task.to_owned() } else { format!("{task}_{}", group.name) };
        let mut results: Map<String, Value> =
            self.groups.iter().map(|group| (name(group), harness_entry(&name(group), group))).collect();
        if let Some(Value::Object(entry)) = results.get_mut(task) {
            entry.extend(self.metrics.iter().map(|(name, value)| (format!("{name},none"), json!(value))));
        }
        let subtasks: Vec<String> = self.groups.iter().filter(|group| group.name != ALL).map(name).collect();
        let mut metrics: Map<String, Value> =
            self.metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        metrics.extend(self.groups.iter().map(|group| (format!("acc_{}", group.name), json!(group.mean.mean))));
        let recalls = self.groups.iter().filter_map(|group| Some((recall_name(&group.name)?, json!(group.mean.mean))));
        metrics.extend(recalls);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        json!({
            "results": results,
            "group_subtasks": { task: subtasks },
            "higher_is_better": { task: { "acc": true } },
            "n-samples": { task: { "original": self.original, "effective": self.effective } },
            "metrics": metrics,
            "dataset": task,
            "model": self.settings.model.name,
            "model_name": self.settings.model.name,
            "table": self.rows(),
            "config": self.settings,
            "missing": self.missing,
            "short": self.short,
            "date": now,
            "total_evaluation_time_seconds": self.times.total_seconds,
            "times": self.times,
        })
    }

    /// `results.json` as its file has it.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] never in practice: all its keys are texts.
    pub fn to_document(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(&self.to_json()).map_err(Error::json("results.json"))
    }

    /// The table's rows.
    #[must_use]
    pub fn rows(&self) -> Vec<TableRow> {
        self.groups.iter().map(TableRow::of).collect()
    }

    /// The table in Markdown, in percent, with what is missing below it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = table_markdown(&self.rows());
        for (name, value) in &self.metrics {
            let _ = write!(text, "\n{}: {}", name.replace('_', " "), shown(name, Some(*value)));
        }
        if !self.short.is_empty() {
            let _ = write!(text, "\n{} videos have fewer frames than the model takes", self.short.len());
        }
        if !self.missing.is_empty() {
            let (videos, samples) = (self.missing.len(), self.missing_samples());
            let _ = write!(text, "\n{videos} videos are missing, and {samples} samples with them");
        }
        text.trim_end().to_owned()
    }
}

/// `CLIP_benchmark`'s name of a recall: images (here videos) are looked for by text, texts by image.
fn recall_name(group: &str) -> Option<String> {
    let (direction, at) = group.split_once("_r")?;
    let looked_for = match direction {
        "t2v" => "image",
        "v2t" => "text",
        _ => return None,
    };
    Some(format!("{looked_for}_retrieval_recall@{at}"))
}

/// A number as people read it: shares in percent, ranks as they are.
pub fn shown(name: &str, value: Option<f64>) -> String {
    match value {
        Some(rank) if name.ends_with("_rank") => format!("{rank:.1}"),
        Some(share) => format!("{:.1} %", 100.0 * share),
        None => "–".to_owned(),
    }
}

fn auc<'a>(lines: impl Iterator<Item = &'a PairLine>) -> f64 {
    let (positives, negatives): (Vec<f32>, Vec<f32>) = lines.map(|line| (line.pos_score, line.neg_score)).unzip();
    roc_auc(&positives, &negatives)
}

/// As lmms-eval has it.
fn harness_entry(name: &str, group: &Group) -> Value {
    json!({
        "alias": name,
        "acc,none": group.mean.mean,
        "acc_stderr,none": group.mean.stderr,
        "acc_stderr_clustered,none": group.mean.stderr_clustered,
    })
}
