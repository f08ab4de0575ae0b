//! A benchmark from its files to a folder of results (native only).
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
//! - [`Task`], [`Request`], [`evaluate`]: what is measured
//! - [`RunSettings`], [`ModelIdentity`]: what decides the numbers
//! - [`EmbeddingCache`], [`Journal`]: what survives
//! - [`Results`], [`merge()`], [`compare()`]: what comes out

mod cache;
mod captions;
mod classes;
mod clips;
mod compare;
pub(in crate::eval) mod feed;
pub(in crate::eval) mod hash;
mod identity;
mod journal;
mod merge;
mod near_misses;
pub(crate) mod results;
mod retrieval;
mod settings;
mod task;
mod velociti_csv;
pub(in crate::eval) mod videos;

pub use cache::EmbeddingCache;
pub use classes::ClassLine;
pub use clips::{ClipFacts, picture_frame};
pub use compare::{Comparison, KindComparison, compare};
pub use identity::{Mixture, ModelIdentity, WeightedAdapter};
pub use journal::Journal;
pub use merge::merge;
pub use near_misses::PairLine;
pub use results::{MissingVideo, Outcome, Results, ShortVideo, TableRow, Times, table_markdown};
pub use retrieval::RankLine;
pub use settings::{DataHash, RunSettings, Shard};
pub use task::Task;

use crate::config::PreprocessConfig;
use crate::data::benchmark::{ClassSet, Purpose, RetrievalSet, read_pairs};
use crate::error::Result;
use crate::event::{Abort, Events};
use crate::text::TokenIds;
use std::path::PathBuf;
use videos::Run;

/// The model as a run needs it; [`Session`](crate::session::Session) is one.
pub trait Embedder {
    /// Embeds one clip: `pixels` `[frames, 3, side, side]` to `[dim]`, not normalised.
    ///
    /// # Errors
    /// Those of the model and of the device.
    fn embed_clip(&self, pixels: Vec<f32>, frames: usize) -> Result<Vec<f32>>;

    /// The captions' rows of token ids.
    ///
    /// # Errors
    /// Those of the tokenizer.
    fn tokens(&self, captions: &[String]) -> Result<TokenIds>;

    /// Embeds rows of token ids, all of the same length: one `[dim]` a row, not normalised.
    ///
    /// # Errors
    /// Those of the model and of the device.
    fn embed_tokens(&self, tokens: &TokenIds) -> Result<Vec<Vec<f32>>>;
}

/// What is to be measured, where the data is, and where results go.
#[derive(Debug, Clone)]
pub struct Request {
    /// The benchmark.
    pub task: Task,
    /// Its annotation files, or folders of them; none for the generated world.
    pub data: Vec<PathBuf>,
    /// The folder with its videos; `None` for the generated world.
    pub videos: Option<PathBuf>,
    /// Folder to write.
    pub output: PathBuf,
    /// Folder of embeddings [default: `cache` in the output folder].
    pub cache: Option<PathBuf>,
    /// The split that rows or clips are taken of, where data has splits.
    pub split: String,
    /// Only so many samples from the first (near misses) or videos (retrieval, classes). Of the generated world: clips.
    pub limit: Option<usize>,
    /// One part of the videos.
    pub shard: Option<Shard>,
    /// How clips become the model's input.
    pub preprocess: PreprocessConfig,
    /// Seed of sampling rule "rand".
    pub sampling_seed: u64,
    /// Whether captions are cleaned first, as the published evaluations do.
    pub pre_text: bool,
    /// The model, for the record.
    pub model: ModelIdentity,
    /// Threads that decode ahead.
    pub decoders: usize,
    /// Start anew where the folder holds a run with other settings.
    pub overwrite: bool,
    /// Also write VELOCITI's own score files.
    pub velociti_csv: bool,
}

/// Runs a benchmark, or goes on with it, and writes its results: `run.json` (settings), the journal of its samples and
/// `results.json` in the output folder. Emits [`Event::Progress`](crate::event::Event) of the stages `captions` and `videos`.
///
/// A video that cannot be used is no error: its samples are missing, and named in the results.
///
/// # Errors
/// Data that does not parse; [`Error::InvalidInput`](crate::Error::InvalidInput) where the folder holds another run;
/// [`Error::Aborted`](crate::Error::Aborted) (what was done stays); those of the model, the device and the disk.
pub fn evaluate(request: &Request, model: &impl Embedder, events: &mut impl Events, abort: &Abort) -> Result<Outcome> {
    let run = Run::open(request, model, abort)?;
    match request.task {
        Task::Pairs(task) => {
            let samples = read_pairs(task, run.files(), &request.split, Purpose::Evaluation)?;
            near_misses::run(&run, samples, events)
        }
        Task::World => near_misses::run(&run, near_misses::of_world(request)?, events),
        Task::Retrieval(task) => retrieval::run(&run, &RetrievalSet::read(task, run.files())?, events),
        Task::Kinetics => classes::run(&run, &ClassSet::read(run.files())?, events),
    }
}
