//! Measuring a model: near-miss accuracy over clips, retrieval, what its scene-graph tokens stand for; reports.

mod answer_attention;
mod attention;
mod grounding;
mod pairwise;
mod retrieval;
mod scene_labels;
mod scene_reader;
mod tally;
mod world_clips;
mod world_grounding;
mod world_retrieval;

crate::source::native_only! {
    pub mod ablation;
    mod attention_figure;

    pub use attention_figure::{AttentionPanel, attention_figure};
}

pub use answer_attention::AnswerAttention;
pub use attention::{AttentionMean, LayerShares};
pub use grounding::{Grounding, MIN_OVERLAP, box_overlap};
pub use pairwise::{KindTable, WorldEvaluation};
pub use retrieval::{
    Pairing, Rank, RankSummary, RetrievalDirection, RetrievalMetrics, RetrievalRanks, embedding_retrieval, retrieval,
};
pub use scene_labels::SceneLabels;
pub use scene_reader::{Choice, SceneReader, TokenTriplet};
pub use tally::Tally;
pub use world_grounding::WorldGrounding;
pub use world_retrieval::WorldRetrieval;
