//! Measuring a model: near-miss accuracy over clips, reports.

mod pairwise;
mod tally;

crate::source::native_only! {
    pub mod ablation;
}

pub use pairwise::{KindTable, WorldEvaluation};
pub use tally::Tally;
