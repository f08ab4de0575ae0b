//! Objectives: how far embeddings are from what captions and scene graphs say.

mod boxes;
mod contrastive;
mod matching;
pub mod objective;
mod ranking;
mod regions;
#[cfg(test)]
#[path = "loss/tests/regions.rs"]
mod regions_tests;
pub mod scene;
#[cfg(test)]
#[path = "loss/tests/scene.rs"]
mod scene_tests;
#[cfg(test)]
#[path = "loss/tests/captions.rs"]
mod tests;

pub use boxes::{generalized_iou, generalized_iou_of};
pub use contrastive::{Reduction, contrastive, contrastive_with_negatives, similarity_logits};
pub use matching::assign;
pub use objective::{Embeds, Objective, ObjectiveConfig, RoundRows, SceneRows, objective};
pub use ranking::ranking;
pub use regions::{Region, region_contrast, regions};
pub use scene::{BoxTerms, FrameTargets, MatchWeights, Matches, SceneLoss, SceneLossConfig, TripletTarget};
