//! Objectives: how far embeddings are from what the captions say.

mod contrastive;
mod ranking;
#[cfg(test)]
mod tests;

pub use contrastive::{Reduction, contrastive, contrastive_with_negatives, similarity_logits};
pub use ranking::ranking;
