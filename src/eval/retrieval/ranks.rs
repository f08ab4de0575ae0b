//! Ranks of retrieval, and what is told of them.

use crate::eval::Tally;
use serde::Serialize;
use std::fmt;

/// Where the best right candidate of a query stands, counted from 1. Candidates of equal similarity have no order; a program
/// that sorts puts them by accident. So there are two ranks: with the wrong ones among the equals behind it, and before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rank {
    /// Equals stand behind it.
    pub optimistic: usize,
    /// Equals stand before it: a tie is wrong.
    pub pessimistic: usize,
}

/// One reading of the ranks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankSummary {
    /// Queries with rank 1.
    pub at_1: Tally,
    /// Queries with rank 5 or better.
    pub at_5: Tally,
    /// Queries with rank 10 or better.
    pub at_10: Tally,
    /// Median rank (of an even number of queries, the mean of the middle two).
    pub median: f64,
    /// Mean rank.
    pub mean: f64,
}

impl RankSummary {
    /// Sums up ranks; NaN for the median and mean of none.
    #[must_use]
    pub fn of(ranks: impl IntoIterator<Item = usize>) -> Self {
        let mut ranks: Vec<usize> = ranks.into_iter().collect();
        ranks.sort_unstable();
        let count = ranks.len();
        let within =
            |rank: usize| Tally { correct: ranks.partition_point(|found| *found <= rank) as u64, total: count as u64 };
        let middle = |at: usize| ranks.get(at).map_or(f64::NAN, |rank| *rank as f64);
        Self {
            at_1: within(1),
            at_5: within(5),
            at_10: within(10),
            median: f64::midpoint(middle(count.saturating_sub(1) / 2), middle(count / 2)),
            mean: ranks.iter().sum::<usize>() as f64 / count as f64,
        }
    }
}

/// One direction: queries of one kind, candidates of the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrievalDirection {
    /// A tie is wrong: what to report.
    pub pessimistic: RankSummary,
    /// A tie is right.
    pub optimistic: RankSummary,
    /// Queries whose two ranks differ.
    pub tied: u64,
    /// Rank of each query.
    #[serde(skip)]
    pub ranks: Vec<Rank>,
}

impl RetrievalDirection {
    /// Sums up the ranks of all queries.
    #[must_use]
    pub fn new(ranks: Vec<Rank>) -> Self {
        Self {
            pessimistic: RankSummary::of(ranks.iter().map(|rank| rank.pessimistic)),
            optimistic: RankSummary::of(ranks.iter().map(|rank| rank.optimistic)),
            tied: ranks.iter().filter(|rank| rank.optimistic != rank.pessimistic).count() as u64,
            ranks,
        }
    }
}

/// Both directions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrievalRanks {
    /// A query is a text, the candidates are all videos.
    pub text_to_video: RetrievalDirection,
    /// A query is a video, the candidates are all texts.
    pub video_to_text: RetrievalDirection,
}

/// As a Markdown table: recall in percent, a tie being wrong.
impl fmt::Display for RetrievalRanks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| retrieval | R@1 % | 95 % interval | R@5 % | R@10 % | median rank | mean rank | ties | queries |"
        )?;
        write!(f, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for (name, direction) in [("text to video", &self.text_to_video), ("video to text", &self.video_to_text)] {
            let ranks = &direction.pessimistic;
            let (low, high) = ranks.at_1.interval();
            let [at_1, low, high, at_5, at_10] =
                [ranks.at_1.accuracy(), low, high, ranks.at_5.accuracy(), ranks.at_10.accuracy()]
                    .map(|share| 100.0 * share);
            write!(
                f,
                "\n| {name} | {at_1:.1} | {low:.1} – {high:.1} | {at_5:.1} | {at_10:.1} | {:.1} | {:.1} | {} | {} |",
                ranks.median, ranks.mean, direction.tied, ranks.at_1.total
            )?;
        }
        Ok(())
    }
}
