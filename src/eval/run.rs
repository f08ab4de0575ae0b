//! A benchmark from its files to results: natively a folder of them; in the page what it shows and exports.
//!
//! Constraints: a benchmark is thousands of videos and takes hours, so it must survive being killed at any moment and give
//! the same numbers to the last digit; decoding must not hold up the device, nor the device the decoding; and whoever reads
//! a number must be able to tell what it depends on. Solution: captions are embedded first, in batches of like length that
//! follow from the data alone; then one video after another is decoded ahead by threads, embedded by itself (never in a batch
//! whose neighbours a restart would change), kept in a cache named after weights, video and settings, scored, and written to
//! a journal line by line. A restart reads the journal, drops a torn last line and goes on. Results follow from the journal's
//! lines in the data's order, and hold everything that decides a number. Cost: small models on fast devices would gain from
//! batches of videos.
//!
//! - [`Task`], [`Question`]: what is measured
//! - [`RunSettings`], [`ModelIdentity`]: what decides the numbers
//! - [`PulledRun`]: samples, answers and results, without threads and files: the page pulls it video by video
//! - `Request`, `evaluate`, `EmbeddingCache`, `Journal`, `merge`, `compare` (native only): in a folder
//! - [`Results`]: what comes out

mod captions;
mod classes;
pub(in crate::eval) mod embedded_rows;
mod facts;
pub(in crate::eval) mod hardest;
pub(in crate::eval) mod hash;
mod identity;
mod lines;
mod near_misses;
mod pulled;
pub(in crate::eval) mod results;
mod retrieval;
mod settings;
mod task;

crate::source::native_only! {
    mod cache;
    mod candidates;
    mod clips;
    mod compare;
    mod drive;
    pub(in crate::eval) mod feed;
    pub(in crate::eval) mod file_hash;
    mod journal;
    mod matching;
    mod merge;
    pub(in crate::eval) mod stored;
    mod velociti_csv;
    pub(in crate::eval) mod videos;

    pub use cache::EmbeddingCache;
    pub use clips::picture_frame;
    pub use compare::{Comparison, KindComparison, compare};
    pub use drive::{Embedder, Request, evaluate};
    pub use journal::Journal;
    pub use merge::merge;
}

pub use classes::ClassLine;
pub use facts::ClipFacts;
pub use hardest::HardSample;
pub use hash::PieceHash;
pub use identity::{Mixture, ModelIdentity, WeightedAdapter};
pub use near_misses::PairLine;
pub use pulled::{Drawn, Finished, PulledRun};
pub use results::{MissingVideo, Outcome, Results, ShortVideo, TableRow, Times, table_markdown};
pub use retrieval::RankLine;
pub use settings::{DataHash, Question, RunSettings, ScoreRule, Shard};
pub use task::Task;

/// A video's embedding.
#[derive(Debug)]
pub struct EmbeddedVideo {
    /// What it is kept under.
    pub key: String,
    /// Of length 1, `[dim]`.
    pub vector: Vec<f32>,
    /// What it was made from.
    pub facts: ClipFacts,
    /// Milliseconds of decoding and embedding.
    pub milliseconds: f64,
}
