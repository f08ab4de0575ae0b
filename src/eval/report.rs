//! A run's results for people (native only): a Markdown text, and one HTML file that needs nothing beside it, with bars,
//! published numbers, and the samples that the model got most wrong.

mod bars;
mod baselines;
mod hardest;
mod html;

pub use baselines::{Baseline, baselines};

use crate::error::{Error, Result};
use crate::eval::run::HardSample;
use crate::eval::run::results::shown;
use crate::eval::run::stored::RESULTS_FILE;
use crate::eval::run::{MissingVideo, RunSettings, ShortVideo, TableRow, table_markdown};
use crate::event::Abort;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Videos named one by one.
const NAMED: usize = 20;

/// What `results.json` says, as far as a report tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    table: Vec<TableRow>,
    metrics: BTreeMap<String, Option<f64>>,
    missing: Vec<MissingVideo>,
    short: Vec<ShortVideo>,
    config: RunSettings,
    #[serde(skip)]
    hardest: Vec<HardSample>,
}

impl Report {
    /// Reads the folder of a finished run.
    ///
    /// # Errors
    /// [`Error::MissingFile`] where it is not finished, [`Error::Io`], [`Error::InvalidJson`], [`Error::InvalidRow`].
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RESULTS_FILE);
        if !path.exists() {
            let advice = "the run is not finished; give its command again to go on".to_owned();
            let (folder, file) = (folder.display().to_string(), RESULTS_FILE.to_owned());
            return Err(Error::MissingFile { folder, file, advice });
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let report: Self = serde_json::from_str(&text).map_err(Error::json(path.display().to_string()))?;
        let hardest = hardest::read(folder, report.config.task)?;
        Ok(Self { hardest, ..report })
    }

    /// The report as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}: {}\n\n", self.config.task, self.config.model.name);
        text.push_str(&table_markdown(&self.table));
        for (name, value) in self.numbers() {
            let _ = write!(text, "\n{name}: {value}\n");
        }
        let published = baselines(self.config.task);
        if !published.is_empty() {
            text.push_str("\n## Published\n\n| group | model | accuracy % | source |\n|---|---|---:|---|\n");
            for baseline in published {
                let Baseline { group, model, percent, source } = baseline;
                let _ = writeln!(text, "| {group} | {model} | {percent:.1} | {source} |");
            }
        }
        if !self.hardest.is_empty() {
            text.push_str("\n## Most wrong\n\n");
            for sample in &self.hardest {
                let _ = writeln!(text, "- {} ({}): {}", sample.video, sample.kind, sample.told.join("; "));
            }
        }
        text.push_str(&self.unusual());
        text.push_str("\n## What decides these numbers\n\n");
        for (name, value) in self.settings() {
            let _ = writeln!(text, "- {name}: {value}");
        }
        text
    }

    /// The report as one HTML file; `videos` is the folder with the videos, for pictures (none: those of the generated
    /// world alone have pictures).
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be listed, [`Error::Compute`] where the chart cannot be drawn,
    /// [`Error::Aborted`]. A picture that cannot be made is left out.
    pub fn to_html(&self, videos: Option<&Path>, abort: &Abort) -> Result<String> {
        html::page(self, videos, abort)
    }

    /// Numbers beside the table, by name, as text.
    fn numbers(&self) -> Vec<(String, String)> {
        self.metrics
            .iter()
            .filter(|(name, _)| !name.contains("_recall@"))
            .filter(|(name, _)| !self.table.iter().any(|row| **name == format!("acc_{}", row.name)))
            .map(|(name, value)| (name.replace('_', " "), shown(name, *value)))
            .collect()
    }

    /// What is missing and short, named.
    fn unusual(&self) -> String {
        let mut text = String::new();
        if !self.missing.is_empty() {
            let _ = writeln!(text, "\n## Missing: {} videos\n", self.missing.len());
            for video in self.missing.iter().take(NAMED) {
                let _ = writeln!(text, "- {} ({} samples): {}", video.video, video.samples, video.reason);
            }
        }
        if !self.short.is_empty() {
            let _ = writeln!(text, "\n## Fewer frames than the model takes: {} videos\n", self.short.len());
            for video in self.short.iter().take(NAMED) {
                let _ = writeln!(text, "- {}: {} frames", video.video, video.frame_count);
            }
        }
        text
    }

    /// The settings that matter most; `run.json` has all.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let RunSettings { preprocess, model, data, .. } = &self.config;
        let files: Vec<String> =
            data.iter().map(|file| format!("{} ({})", file.file, &file.sha256[..12.min(file.sha256.len())])).collect();
        vec![
            ("frames", format!("{} ({})", preprocess.frames, preprocess.sampling)),
            ("resize", format!("{} to {} pixels", preprocess.resize, preprocess.image_size)),
            ("captions", if self.config.pre_text { "cleaned (pre_text)" } else { "as they are" }.to_owned()),
            ("score", self.config.score.name().to_owned()),
            ("number type", model.dtype.clone()),
            ("device", format!("{} ({})", model.device, model.device_description)),
            ("weights", model.weights_sha256.clone()),
            ("data", if files.is_empty() { self.config.split.clone() } else { files.join(", ") }),
        ]
    }
}
