//! VELOCITI's numbers from score files, whoever made them: models that answer with a probability of entailment are read
//! strictly too (formats.md 2.3).

use super::{CONTROL, ClusteredMean, PairTally, Tally, TieRule, VideoLanguageEntailment, paper_columns};
use serde::Serialize;
use std::fmt::Write as _;

/// A pair's scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredPair<'a> {
    /// The test.
    pub test: &'a str,
    /// The video.
    pub video: &'a str,
    /// Score of the positive caption.
    pub positive: f64,
    /// Score of the negative caption.
    pub negative: f64,
}

/// A test's numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreRow {
    /// The test; "all" for the last row, in which `control` does not count.
    pub test: String,
    /// Right answers by `ClassicVLE` and ties, which are wrong.
    pub classic: PairTally,
    /// `ClassicVLE`.
    pub classic_vle: f64,
    /// Its 95 % interval, Wilson's.
    pub wilson: [f64; 2],
    /// Its 95 % interval by errors clustered by video.
    pub by_video: [f64; 2],
    /// `StrictVLE`.
    pub strict_vle: f64,
    /// Share of positives above 0.5.
    pub positives_accepted: f64,
    /// Among those, the share of negatives below 0.5; null where there are none.
    pub negatives_refused: Option<f64>,
}

/// All tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreTable {
    /// One row a test, then one of all.
    pub rows: Vec<ScoreRow>,
    /// Plain mean of those of the paper's seven columns that there are, by `ClassicVLE`; null without any.
    pub classic_mean: Option<f64>,
    /// The same by `StrictVLE`.
    pub strict_mean: Option<f64>,
    /// Whether all scores lie from 0 to 1: others are no probabilities, and `StrictVLE` means nothing for them.
    pub are_probabilities: bool,
}

impl ScoreTable {
    /// Judges pairs; tests in the order in which they come.
    #[must_use]
    pub fn of(pairs: &[ScoredPair<'_>]) -> Self {
        let mut tests: Vec<&str> = Vec::new();
        for pair in pairs {
            if !tests.contains(&pair.test) {
                tests.push(pair.test);
            }
        }
        let of_test = |test: &str| pairs.iter().filter(|pair| pair.test == test).copied().collect::<Vec<_>>();
        let mut rows: Vec<(ScoreRow, Tally)> = tests.iter().map(|test| row(test, &of_test(test))).collect();
        let mean = |tallies: Vec<(&str, Tally)>| Some(paper_columns(tallies).mean()).filter(|mean| mean.is_finite());
        let classic_mean = mean(rows.iter().map(|(row, _)| (row.test.as_str(), row.classic.tally)).collect());
        let strict_mean = mean(rows.iter().map(|(row, strict)| (row.test.as_str(), *strict)).collect());
        let counted: Vec<_> = pairs.iter().filter(|pair| pair.test != CONTROL).copied().collect();
        if !counted.is_empty() {
            rows.push(row("all", &counted));
        }
        let is_probability = |score: f64| (0.0..=1.0).contains(&score);
        let are_probabilities = pairs.iter().all(|pair| is_probability(pair.positive) && is_probability(pair.negative));
        let rows = rows.into_iter().map(|(row, _)| row).collect();
        Self { rows, classic_mean, strict_mean, are_probabilities }
    }

    /// A Markdown table, in percent.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::from(
            "| test | ClassicVLE % | 95 % (Wilson) | 95 % (by video) | StrictVLE % | positives > 0.5 % | of these, negatives < 0.5 % | ties | pairs |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        for row in &self.rows {
            let [wilson, by_video] =
                [row.wilson, row.by_video].map(|[low, high]| format!("{} – {}", percent(low), percent(high)));
            let refused = row.negatives_refused.map_or_else(|| "–".to_owned(), percent);
            let (classic, strict) = (percent(row.classic_vle), percent(row.strict_vle));
            let (accepted, PairTally { tally, ties }) = (percent(row.positives_accepted), row.classic);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {classic} | {wilson} | {by_video} | {strict} | {accepted} | {refused} | {ties} | {} |",
                row.test, tally.total
            );
        }
        if let (Some(classic), Some(strict)) = (self.classic_mean, self.strict_mean) {
            let (classic, strict) = (percent(classic), percent(strict));
            let _ = write!(text, "\nmean of the paper's columns: {classic} % (ClassicVLE), {strict} % (StrictVLE)");
        }
        if !self.are_probabilities {
            text.push_str("\nscores lie outside of 0 to 1, so StrictVLE says nothing about this model");
        }
        text
    }
}

/// A test's row, and its right answers by the strict reading.
fn row(test: &str, pairs: &[ScoredPair<'_>]) -> (ScoreRow, Tally) {
    let (mut entailment, mut classic) = (VideoLanguageEntailment::default(), PairTally::default());
    let mut values = Vec::new();
    for pair in pairs {
        let judged = TieRule::Wrong.judge(pair.positive, pair.negative);
        entailment.add(pair.positive, pair.negative);
        classic.add(judged);
        values.push((f64::from(u8::from(judged.correct)), pair.video));
    }
    let VideoLanguageEntailment { strict, negatives_refused, .. } = entailment;
    let ((low, high), (low_video, high_video)) = (classic.tally.interval(), ClusteredMean::of(values).interval());
    let row = ScoreRow {
        test: test.to_owned(),
        classic,
        classic_vle: classic.tally.accuracy(),
        wilson: [low, high],
        by_video: [low_video.max(0.0), high_video.min(1.0)],
        strict_vle: strict.accuracy(),
        positives_accepted: Tally { correct: negatives_refused.total, total: strict.total }.accuracy(),
        negatives_refused: (negatives_refused.total > 0).then(|| negatives_refused.accuracy()),
    };
    (row, strict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_rows_and_control_is_no_column() {
        // By hand: agent_bind one of two (a tie is wrong) and one of two strictly; chrono right, but not strictly.
        let pair = |test, positive, negative| ScoredPair { test, video: "v", positive, negative };
        let pairs = [
            pair("agent_bind", 0.9, 0.1),
            pair("chrono", 0.4, 0.3),
            pair("agent_bind", 0.6, 0.6),
            pair(CONTROL, 0.9, 0.2),
        ];
        let table = ScoreTable::of(&pairs);
        let of = |test: &str| table.rows.iter().find(|row| row.test == test).unwrap();
        let (bind, chrono, all) = (of("agent_bind"), of("chrono"), of("all"));
        assert_eq!((bind.classic_vle, bind.strict_vle, bind.classic.ties), (0.5, 0.5, 1));
        assert_eq!((bind.positives_accepted, bind.negatives_refused), (1.0, Some(0.5)));
        assert_eq!((chrono.classic_vle, chrono.strict_vle, chrono.negatives_refused), (1.0, 0.0, None));
        assert_eq!(all.classic.tally, Tally { correct: 2, total: 3 });
        assert_eq!(
            table.rows.iter().map(|row| &*row.test).collect::<Vec<_>>(),
            ["agent_bind", "chrono", CONTROL, "all"]
        );
        assert_eq!((table.classic_mean, table.strict_mean), (Some(0.75), Some(0.25)));
        assert!(table.are_probabilities && table.to_markdown().contains("75.0 % (ClassicVLE), 25.0 % (StrictVLE)"));
        assert!(!ScoreTable::of(&[pair("chrono", 1.4, 0.3)]).are_probabilities);
        assert_eq!(ScoreTable::of(&[pair(CONTROL, 0.4, 0.3)]).classic_mean, None);
        // Equal in f32, not in f64.
        assert_eq!(ScoreTable::of(&[pair("chrono", 1.0 - 1e-12, 1.0 - 2e-12)]).rows[0].classic_vle, 1.0);
    }
}
