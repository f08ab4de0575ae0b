//! Contrastive training. [`Trainer`] does one step when asked: the command line and the page pull; to pause is not to
//! pull, to cancel is to drop. What is trained on, in which order and with which masks follows from the seed alone.

mod batch;
mod config;
mod mask;
mod optimizer;
mod schedule;
#[cfg(test)]
mod tests;
mod trainer;

crate::source::native_only! {
    mod checkpoint;
    mod model_card;
    mod run;

    pub use checkpoint::Checkpoint;
    pub use run::run;
}

pub use batch::{Batch, Round, draw_batch};
pub use config::TrainConfig;
pub use mask::kept_patches;
pub use optimizer::{AdamWGroups, AdamWSettings, GroupRates, decays};
pub use schedule::CosineSchedule;
pub use trainer::{StepReport, Trainer};
