//! Measuring a model: near-miss accuracy over clips, reports.

mod pairwise;
mod tally;

pub use pairwise::{KindTable, WorldEvaluation};
pub use tally::Tally;
