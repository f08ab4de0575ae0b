//! Measuring a model: near-miss accuracy over clips, retrieval, reports.

mod pairwise;
mod retrieval;
mod tally;

pub use pairwise::{KindTable, WorldEvaluation};
pub use retrieval::{
    Pairing, Rank, RankSummary, RetrievalDirection, RetrievalMetrics, RetrievalRanks, embedding_retrieval, retrieval,
};
pub use tally::Tally;
