//! `log.jsonl` of a run: one line every few steps, with means over them (native only).

use crate::data::prefetch::{SkippedClip, SkippedVideo};
use crate::error::{Error, Result};
use crate::platform::write_beside;
use crate::train::{LossParts, StepReport};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// `log.jsonl`: one line every few steps, with means over them.
pub(super) struct Log {
    file: std::fs::File,
    /// Its length: whole lines.
    bytes: u64,
    path: std::path::PathBuf,
    every: usize,
    started: Instant,
    /// Seconds of earlier parts of the run.
    before: f64,
    reports: Vec<StepReport>,
    skipped: usize,
    /// The step after which validation clips were tested last.
    validated: Option<usize>,
}

impl Log {
    /// Keeps the lines of the first `steps` steps, if there are any, and adds to them.
    pub fn resume(path: &Path, every: usize, steps: usize) -> Result<Self> {
        let old = if steps > 0 && path.exists() {
            std::fs::read_to_string(path).map_err(Error::io("read", path))?
        } else {
            String::new()
        };
        let mut kept = String::new();
        let (mut before, mut validated) = (0.0, None);
        for line in old.lines() {
            let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            if value["step"].as_u64().is_some_and(|step| step <= steps as u64) {
                before = value["seconds"].as_f64().unwrap_or(before);
                if value["validation_accuracy"].is_number() {
                    validated = value["step"].as_u64().and_then(|step| usize::try_from(step).ok());
                }
                kept.push_str(line);
                kept.push('\n');
            }
        }
        write_beside(path, kept.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(path).map_err(Error::io("open", path))?;
        Ok(Self {
            file,
            bytes: kept.len() as u64,
            path: path.to_owned(),
            every,
            started: Instant::now(),
            before,
            reports: Vec::new(),
            skipped: 0,
            validated,
        })
    }

    /// Seconds of training, earlier parts of the run included.
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Takes a step's report; writes a line when it is time.
    pub fn add(&mut self, report: &StepReport, last: bool) -> Result<()> {
        if report.skipped {
            self.skipped += 1;
        } else {
            self.reports.push(*report);
        }
        let done = report.step + 1;
        if !done.is_multiple_of(self.every) && !last {
            return Ok(());
        }
        let mean = |of: fn(&StepReport) -> Option<f64>| {
            let values: Vec<f64> = self.reports.iter().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let parts: Vec<LossParts> = self.reports.iter().map(|report| report.parts).collect();
        let line = Line {
            step: done,
            loss: mean(|report| Some(report.loss)),
            parts: LossParts::mean(&parts),
            learning_rate: report.learning_rate,
            gradient_norm: report.gradient_norm,
            temperature: report.temperature,
            skipped: self.skipped,
            seconds: self.seconds(),
        };
        self.reports.clear();
        self.skipped = 0;
        self.write(&line)
    }

    /// Whether validation clips were tested after that step.
    pub fn has_validation(&self, step: usize) -> bool {
        self.validated == Some(step)
    }

    /// Adds the result of a test on validation clips.
    pub fn add_validation(&mut self, step: usize, accuracy: f64) -> Result<()> {
        self.validated = Some(step);
        self.write(&serde_json::json!({"step": step, "validation_accuracy": accuracy, "seconds": self.seconds()}))
    }

    /// Adds a clip that was left out of a step.
    pub fn add_skipped(&mut self, step: usize, clip: &SkippedClip) -> Result<()> {
        let SkippedClip { file, code, reason } = clip;
        self.write(&serde_json::json!({"step": step, "skipped_video": file, "code": code, "reason": reason}))
    }

    /// The videos that were left out, over all parts of the run whose log this is.
    pub fn skipped(path: &Path) -> Result<BTreeMap<String, SkippedVideo>> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let mut skipped = BTreeMap::new();
        for line in text.lines() {
            let line: serde_json::Value =
                serde_json::from_str(line).map_err(Error::json(path.display().to_string()))?;
            if let (Some(video), Some(reason)) = (line["skipped_video"].as_str(), line["reason"].as_str()) {
                let none = || SkippedVideo { times: 0, reason: String::new() };
                let entry: &mut SkippedVideo = skipped.entry(video.to_owned()).or_insert_with(none);
                entry.times += 1;
                reason.clone_into(&mut entry.reason);
            }
        }
        Ok(skipped)
    }

    /// A whole line, or nothing of it: half of one would spoil the next.
    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(line).map_err(Error::json("log.jsonl"))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            self.file.set_len(self.bytes).map_err(Error::io("shorten", &self.path))?;
            return Err(Error::io("write", &self.path)(error));
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}

#[derive(Serialize)]
struct Line {
    step: usize,
    /// Absent where every step was skipped.
    loss: Option<f64>,
    #[serde(flatten)]
    parts: LossParts,
    learning_rate: f64,
    gradient_norm: f64,
    temperature: f64,
    skipped: usize,
    seconds: f64,
}
