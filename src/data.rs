//! Data sets as users download them: scene-graph annotations and what training reads out of them.
//!
//! Constraints: VidVRD and VidOR hold 8,835 files, some of tens of megabytes, in two dialects with half a dozen traps, and
//! a page has to read the same folder that the command line reads. Solution: one file at a time is read through
//! [`Folder`](crate::source::Folder), parsed by serde into plain records, checked, and turned into a
//! [`VideoGraph`](crate::graph::VideoGraph); what is unusual but usable is counted ([`Traps`]), what is wrong refuses its
//! file with path, line and reason ([`ReadReport`]). Cost: a file is in memory twice for a moment, as bytes and as
//! records; an index of a data set keeps names alone, and reads a file again when it is drawn.
//!
//! The text branch (section 4.2) needs negatives that are false of the video. Constraint: its authors asked a language model
//! and checked by hand; their tables are not published, and no table knows a video. Solution: a table of our own
//! ([`Negatives`]), checked by rules, corrected by what a data set shows together ([`CoOccurrence`]), and at each use held
//! against what is true in those frames ([`Facts`]). Cost: some sentences of a negative stay as they are, and a graph about
//! which nothing false can be said has none.
//!
//! - [`benchmark`]: what models are measured on, as its authors publish it
//! - [`annotation`]: one JSON document; [`AnnotationFolder`]: a folder of them; [`vocabulary`]: the label lists
//! - [`DrawnGraph`]: a graph drawn by hand on a few frames
//! - [`GraphSample`], [`GraphIndex`], [`BatchSampler`], [`video_texts`]: what a training step sees, in seeded order
//! - `prefetch` (native): the same with its frames, decoded ahead; `find_video`: where they are
//! - [`GraphStats`], [`page()`]: a data set in counts, a video on a page
//! - [`LabelTexts`], [`SceneText`], [`TEMPORAL_TEMPLATES`]: graphs in words
//! - [`Negatives`], [`Facts`], [`CoOccurrence`], [`entails`]: what is false of them
//! - [`attributes`]: words for the objects' colour, size and position

pub mod annotation;
pub mod attributes;
mod bad_video;
pub mod benchmark;
mod co_occurrence;
mod drawn_graph;
mod folder;
mod graph_sample;
mod label_text;
mod licence;
mod locate;
mod meaning;
mod negatives;
mod order;
mod page;
mod pairs;
#[cfg(test)]
#[path = "data/tests/random_graph.rs"]
mod random_graph;
mod report;
mod sample_choices;
mod sampler;
mod scene_negatives;
mod scene_text;
mod stats;
mod temporal;
pub mod vocabulary;
mod world_negatives;

// Threads, files and ffmpeg: the page decodes what it shows, one clip at a time.
crate::source::native_only! {
    mod find_video;
    pub mod prefetch;

    pub use find_video::{find_video, find_video_near};
}

pub use bad_video::BadVideo;
pub use co_occurrence::CoOccurrence;
pub use drawn_graph::{DrawnEntity, DrawnFrame, DrawnGraph, DrawnTriplet};
pub use folder::{AnnotationFolder, MergeSegments, ReadOptions};
pub use graph_sample::{GraphSample, OrderTexts, SampleRules, SampleTarget, SampleTexts, unique_labels};
pub use label_text::LabelTexts;
pub use meaning::entails;
pub use negatives::{Negatives, WordTable};
pub use order::{Position, SeededOrder, Turn, sample_seed};
pub use page::{escaped, page};
pub use pairs::{BatchShares, VideoText, video_texts};
pub use report::{ReadReport, Skipped, Traps};
pub use sample_choices::{MissingNegatives, Replaced, SampleChoices, Targets, Templates};
pub use sampler::{Batch, BatchPlan, BatchPosition, BatchSampler, GraphIndex};
pub use scene_negatives::{Facts, Pick};
pub use scene_text::{Phrase, SceneText, Sentence};
pub use stats::GraphStats;
pub use temporal::{TEMPORAL_TEMPLATES, TemporalTemplate};
