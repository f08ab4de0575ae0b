//! VideoCon's numbers from score files, whoever made them: accuracy over pairs and ROC-AUC over captions, of all rows and of
//! the hard ones (formats.md 3).

use super::run::results::{Group, shown};
use super::run::{TableRow, table_markdown};
use super::{TieRule, roc_auc};
use crate::data::benchmark::{CaptionScores, PairSample};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The group of all pairs.
const ALL: &str = "all";
/// The group of rows that a single frame does not tell.
const HARD: &str = "hard";

/// A pair of the data without a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnscoredPair {
    /// Its name in the data.
    pub id: String,
    /// The video as the data names it.
    pub video: String,
    /// The caption that no score file has; of two the positive one.
    pub caption: String,
}

/// Accuracy and ROC-AUC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoconTable {
    /// All pairs, then each misalignment where the data names them, then the hard ones where it says which are.
    pub rows: Vec<TableRow>,
    /// `roc_auc` and, where rows are hard, `roc_auc_hard`: captions against contrast captions, whatever their videos; null
    /// without any.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Pairs without a score.
    pub missing: Vec<UnscoredPair>,
}

/// A pair with the scores of its captions.
struct Scored<'a> {
    sample: &'a PairSample,
    positive: f64,
    negative: f64,
}

impl VideoconTable {
    /// Judges the data's pairs by scores: right where the caption scores higher than the contrast caption; a tie is wrong.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where no pair has both scores.
    pub fn of(samples: &[PairSample], scores: &CaptionScores) -> Result<Self> {
        let (mut scored, mut missing) = (Vec::new(), Vec::new());
        for sample in samples {
            let PairSample { id, video, positive, negative, .. } = sample;
            match [positive, negative].map(|caption| (caption, scores.of(video, caption))) {
                [(_, Some(positive)), (_, Some(negative))] => scored.push(Scored { sample, positive, negative }),
                [(caption, None), _] | [_, (caption, None)] => {
                    missing.push(UnscoredPair { id: id.clone(), video: video.clone(), caption: caption.clone() });
                }
            }
        }
        if scored.is_empty() {
            let reason = "none has both captions of a pair of the data; do data and scores belong together?".to_owned();
            return Err(Error::InvalidInput { what: "the score files".to_owned(), reason });
        }
        let mut table = Self { rows: Vec::new(), metrics: BTreeMap::new(), missing };
        table.add(ALL, scored.iter());
        let mut kinds: Vec<&str> = Vec::new();
        for kind in scored.iter().map(|pair| pair.sample.kind.as_str()) {
            if kind != ALL && !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        for kind in kinds {
            table.add(kind, scored.iter().filter(|pair| pair.sample.kind == kind));
        }
        table.add_auc("roc_auc", scored.iter());
        if scored.iter().any(|pair| pair.sample.hard.is_some()) {
            let hard = || scored.iter().filter(|pair| pair.sample.hard == Some(true));
            table.add(HARD, hard());
            table.add_auc("roc_auc_hard", hard());
        }
        Ok(table)
    }

    fn add<'a>(&mut self, name: &str, pairs: impl Iterator<Item = &'a Scored<'a>>) {
        let judged =
            |pair: &'a Scored<'a>| (TieRule::Wrong.judge(pair.positive, pair.negative), pair.sample.video.as_str());
        self.rows.push(TableRow::of(&Group::of(name, name, pairs.map(judged))));
    }

    fn add_auc<'a>(&mut self, name: &str, pairs: impl Iterator<Item = &'a Scored<'a>>) {
        let (positives, negatives): (Vec<f64>, Vec<f64>) = pairs.map(|pair| (pair.positive, pair.negative)).unzip();
        let area = Some(roc_auc(&positives, &negatives)).filter(|area| area.is_finite());
        self.metrics.insert(name.to_owned(), area);
    }

    /// The table in Markdown, in percent, with the areas below it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = table_markdown(&self.rows);
        for (name, value) in &self.metrics {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{}: {}", name.replace('_', " "), shown(name, *value));
        }
        if !self.missing.is_empty() {
            let _ = write!(text, "\n{} pairs have no score", self.missing.len());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::benchmark::DataFile;

    fn sample(at: usize, kind: &str, hard: Option<bool>) -> PairSample {
        PairSample {
            id: format!("human:{at}"),
            video: format!("v_{at}.mp4"),
            positive: format!("yes {at}"),
            negative: format!("no {at}"),
            kind: kind.to_owned(),
            hard,
            events: Vec::new(),
        }
    }

    fn scores(rows: &[(usize, f64, f64)]) -> CaptionScores {
        let mut text = String::new();
        for (at, yes, no) in rows {
            let _ = writeln!(text, "/elsewhere/v_{at}.webm,yes {at},{yes}\n/elsewhere/v_{at}.webm,no {at},{no}");
        }
        CaptionScores::read(&[DataFile { path: "scores.csv".into(), bytes: text.into_bytes() }]).unwrap()
    }

    #[test]
    fn pairs_are_right_by_themselves_and_captions_are_ranked_among_all() {
        // By hand: pair 0 right, 1 a tie, 2 wrong, 3 right; hard are 1 and 3.
        let rows = [(0, 0.9, 0.1), (1, 0.5, 0.5), (2, 0.3, 0.6), (3, 0.4, 0.2)];
        let samples: Vec<PairSample> = (0..4).map(|at| sample(at, ALL, Some(at % 2 == 1))).collect();
        let table = VideoconTable::of(&samples, &scores(&rows)).unwrap();
        let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, [ALL, HARD]);
        let [all, hard] = &table.rows[..] else { panic!("two rows") };
        assert_eq!((all.correct, all.total, all.ties, all.videos), (2, 4, 1, 4));
        assert_eq!((hard.correct, hard.total, hard.ties, hard.accuracy), (1, 2, 1, Some(0.5)));
        let won = |p: f64, n: f64| if p > n { 1.0 } else { f64::from(u8::from(p >= n)) / 2.0 };
        let area = |picked: &[(usize, f64, f64)]| {
            let pairs = picked.iter().flat_map(|(_, p, _)| picked.iter().map(move |(_, _, n)| won(*p, *n)));
            pairs.sum::<f64>() / (picked.len() * picked.len()) as f64
        };
        assert!((table.metrics["roc_auc"].unwrap() - area(&rows)).abs() < 1e-12);
        assert!((table.metrics["roc_auc_hard"].unwrap() - area(&[rows[1], rows[3]])).abs() < 1e-12);
        let markdown = table.to_markdown();
        assert!(markdown.contains("| hard | 50.0 |") && markdown.contains("roc auc hard: "), "{markdown}");
    }

    #[test]
    fn misalignments_are_rows_and_pairs_without_a_score_are_named() {
        let samples = [sample(0, "object", None), sample(1, "flip", None), sample(2, "object", None)];
        let table = VideoconTable::of(&samples, &scores(&[(0, 0.9, 0.1), (1, 0.2, 0.3)])).unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (row.name.as_str(), row.correct, row.total)).collect();
        assert_eq!(rows, [(ALL, 1, 2), ("object", 1, 1), ("flip", 0, 1)]);
        assert_eq!(table.metrics.keys().collect::<Vec<_>>(), ["roc_auc"]);
        let caption = "yes 2".to_owned();
        let (id, video) = ("human:2".to_owned(), "v_2.mp4".to_owned());
        assert_eq!(table.missing, [UnscoredPair { id, video, caption }]);
        assert!(table.to_markdown().contains("1 pairs have no score"));
        let error = VideoconTable::of(&samples, &scores(&[(7, 0.9, 0.1)])).unwrap_err();
        assert_eq!(error.code(), "invalid-input");
    }
}
