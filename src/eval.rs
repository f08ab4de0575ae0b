//! Measuring a model: near misses told apart, classes recognised, videos and texts that find each other, what scene-graph
//! tokens stand for; how certain the numbers are, and reports.
//!
//! - [`Judged`], [`TieRule`], [`Tally`]: right and wrong by each benchmark's rule, ties counted; Wilson's intervals
//! - [`ClusteredMean`], [`Paired`]: errors over videos, and two models on the same samples
//! - [`roc_auc`], [`VideoLanguageEntailment`], [`paper_columns`], [`ScoreTable`], [`VideoconTable`], [`ZeroShot`],
//!   [`retrieval()`]: the benchmarks' own numbers
//! - [`WorldEvaluation`]: the generated world, without files
//! - [`ClipIndex`]: clips found by text; [`library`]: videos as such clips
//! - [`run`]: a benchmark from its files to results; `report` (native only): those results for people

mod attention;
mod clustered;
mod grounding;
mod judge;
pub mod library;
mod paired;
mod pairwise;
mod retrieval;
mod roc;
pub mod run;
mod scene_labels;
mod scene_reader;
mod score_table;
pub mod scores;
mod search;
mod tally;
mod velociti;
mod videocon_table;
mod world_attention;
mod world_clips;
mod world_grounding;
mod world_retrieval;
mod zero_shot;

crate::source::native_only! {
    pub mod ablation;
    mod attention_figure;
    pub mod report;

    pub use attention_figure::{AttentionPanel, attention_figure};
}

pub use attention::{AttentionMean, LayerShares};
pub use clustered::ClusteredMean;
pub use grounding::{Grounding, MIN_OVERLAP, box_overlap};
pub use judge::{Judged, PairTally, TieRule};
pub use paired::{Paired, exact_mcnemar};
pub use pairwise::{KindTable, WorldEvaluation};
pub use retrieval::{
    Pairing, Rank, RankSummary, Rescored, RetrievalDirection, RetrievalMetrics, RetrievalRanks, embedding_retrieval,
    rescored_retrieval, retrieval,
};
pub use roc::roc_auc;
pub use scene_labels::SceneLabels;
pub use scene_reader::{Choice, SceneReader, TokenTriplet};
pub use score_table::{ScoreRow, ScoreTable, ScoredPair};
pub use search::{ClipIndex, ClipPlace, Hit};
pub use tally::Tally;
pub use velociti::{CONTROL, VideoLanguageEntailment, paper_columns};
pub use videocon_table::{UnscoredPair, VideoconTable};
pub use world_attention::WorldAttention;
pub use world_grounding::WorldGrounding;
pub use world_retrieval::WorldRetrieval;
pub use zero_shot::{ClassRank, KINETICS_PROMPTS, PromptMean, ZeroShot};

/// Cases of tests/fixtures/eval_arithmetic, whose numbers are scipy's, statsmodels' and scikit-learn's.
#[cfg(test)]
fn reference_cases(kind: &str) -> Vec<serde_json::Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/eval_arithmetic/cases.json");
    let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    cases[kind].as_array().unwrap().clone()
}
