//! Two runs side by side: which of the samples that both have each got right.

use super::journal::Journal;
use super::results::samples_file;
use super::settings::RunSettings;
use crate::error::{Error, Result};
use crate::eval::Paired;
use crate::world::NearMissKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What of a sample's line matters here; near misses and classes have it alike.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    video: String,
    kind: String,
    correct: bool,
}

/// The comparison over one kind of samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindComparison {
    /// The kind; `all` for all samples.
    pub kind: String,
    /// Accuracy of A.
    pub accuracy_a: f64,
    /// Accuracy of B.
    pub accuracy_b: f64,
    /// The four cells, the test, the difference.
    #[serde(flatten)]
    pub paired: Paired,
}

/// Run A beside run B.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Model of A.
    pub model_a: String,
    /// Model of B.
    pub model_b: String,
    /// All samples first, then kind by kind.
    pub kinds: Vec<KindComparison>,
    /// Samples that only A has results for.
    pub only_in_a: usize,
    /// Samples that only B has results for.
    pub only_in_b: usize,
    /// Settings in which the runs differ: besides the model there should be none.
    pub settings_that_differ: Vec<String>,
}

/// Compares the runs in two folders on the samples that both have.
///
/// # Errors
/// [`Error::MissingFile`] and [`Error::InvalidRow`] for folders that hold no run, [`Error::InvalidInput`] for runs of
/// different data or without a sample in common.
pub fn compare(a: &Path, b: &Path) -> Result<Comparison> {
    let (settings_a, settings_b) = (RunSettings::read(a)?, RunSettings::read(b)?);
    let refuse = |reason: String| Err(Error::InvalidInput { what: "runs to compare".to_owned(), reason });
    if (settings_a.task, &settings_a.data, &settings_a.split) != (settings_b.task, &settings_b.data, &settings_b.split)
    {
        return refuse("they are of different data; the same samples are needed to tell models apart".to_owned());
    }
    let file = samples_file(settings_a.task);
    let lines_a: Vec<Line> = Journal::read(&a.join(&file))?;
    let lines_b: Vec<Line> = Journal::read(&b.join(&file))?;
    let (count_a, count_b) = (lines_a.len(), lines_b.len());
    let by_id: BTreeMap<String, Line> = lines_b.into_iter().map(|line| (line.id.clone(), line)).collect();
    let both: Vec<(Line, bool)> = lines_a
        .into_iter()
        .filter_map(|line| by_id.get(&line.id).map(|other| other.correct).map(|correct| (line, correct)))
        .collect();
    if both.is_empty() {
        return refuse("they have no sample in common".to_owned());
    }
    let mut kinds: Vec<&str> = Vec::new();
    for (line, _) in &both {
        if !kinds.contains(&line.kind.as_str()) {
            kinds.push(&line.kind);
        }
    }
    let place = |name: &str| NearMissKind::ALL.iter().position(|kind| kind.name() == name).unwrap_or(usize::MAX);
    kinds.sort_by_key(|kind| place(kind));
    let mut rows = vec![row("all", &both, |_| true)];
    if kinds.len() > 1 {
        rows.extend(kinds.iter().map(|kind| row(kind, &both, |line| line.kind == **kind)));
    }
    Ok(Comparison {
        kinds: rows,
        only_in_a: count_a - both.len(),
        only_in_b: count_b - both.len(),
        settings_that_differ: settings_a.differences(&settings_b),
        model_a: settings_a.model.name,
        model_b: settings_b.model.name,
    })
}

fn row(kind: &str, lines: &[(Line, bool)], belongs: impl Fn(&Line) -> bool) -> KindComparison {
    let samples: Vec<(bool, bool, &str)> = lines
        .iter()
        .filter(|(line, _)| belongs(line))
        .map(|(line, other)| (line.correct, *other, line.video.as_str()))
        .collect();
    let share = |right: fn(&(bool, bool, &str)) -> bool| {
        samples.iter().filter(|sample| right(sample)).count() as f64 / samples.len() as f64
    };
    KindComparison {
        kind: kind.to_owned(),
        accuracy_a: share(|(a, ..)| *a),
        accuracy_b: share(|(_, b, _)| *b),
        paired: Paired::of(&samples),
    }
}

impl Comparison {
    /// A table in Markdown, in percent, with what is unlike below it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "A: {}, B: {}\n\n| samples | A % | B % | B - A | 95 % (by video) | only A | only B | p (McNemar) |\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
            self.model_a, self.model_b
        );
        for row in &self.kinds {
            let (low, high) = row.paired.difference.interval();
            let [a, b, difference, low, high] =
                [row.accuracy_a, row.accuracy_b, row.paired.difference.mean, low, high].map(|x| 100.0 * x);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {a:.1} | {b:.1} | {difference:+.1} | {low:+.1} – {high:+.1} | {} | {} | {:.2e} |",
                row.kind, row.paired.only_a, row.paired.only_b, row.paired.p
            );
        }
        if self.only_in_a + self.only_in_b > 0 {
            let _ = write!(text, "\nleft out: {} samples of A and {} of B", self.only_in_a, self.only_in_b);
        }
        let others: Vec<&str> =
            self.settings_that_differ.iter().map(String::as_str).filter(|name| *name != "model").collect();
        if !others.is_empty() {
            let _ = write!(text, "\nthe runs also differ in: {}", others.join(", "));
        }
        text.trim_end().to_owned()
    }
}
