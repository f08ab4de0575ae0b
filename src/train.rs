//! Contrastive training. [`Trainer`] does one step when asked: the command line and the page pull; to pause is not to
//! pull, to cancel is to drop. What is trained on, in which order and with which masks follows from the seed alone.

mod batch;
mod config;
mod data_config;
mod gradients;
mod inputs;
#[cfg(test)]
#[path = "train/tests/internvideo2.rs"]
mod internvideo2_tests;
mod loss_parts;
mod mask;
mod optimizer;
mod presets;
mod schedule;
#[cfg(test)]
#[path = "train/tests/stills.rs"]
mod stills_tests;
#[cfg(test)]
#[path = "train/tests/trainer.rs"]
mod tests;
mod text_rows;
mod trainer;
mod training_state;
mod video_pass;
mod write_errors;

crate::source::native_only! {
    mod ablate;
    mod base;
    mod checkpoint;
    mod events;
    mod finish;
    mod folder_card;
    mod folders;
    mod held_out;
    mod keeping;
    mod log;
    mod model_card;
    mod run;
    mod run_folder;
    mod source;
    mod start;
    mod video_list;
    #[cfg(test)]
    #[path = "train/tests/folders.rs"]
    mod folder_tests;

    pub use ablate::{AblateConfig, AblateOptions, CellPlan, ablate};
    pub use checkpoint::Checkpoint;
    pub use events::{EventWriter, wall_time};
    pub use run::{Finished, RunOptions, run};
    pub use run_folder::{RunFolder, RunPart, RunRecord, RunStart, Versions, data_hash, to_toml};
}

pub use batch::{Batch, Round, draw_batch};
pub use config::TrainConfig;
pub use data_config::DataConfig;
pub use gradients::{GradientPlan, first_bad_gradient, gradients, gradients_by_key};
pub use inputs::StepInputs;
pub use loss_parts::LossParts;
pub use mask::kept_patches;
pub use optimizer::{AdamWGroups, AdamWSettings, GroupRates, decays};
pub use presets::{PRESETS, preset};
pub use schedule::CosineSchedule;
pub use text_rows::TextRows;
pub use trainer::{StepReport, Trainer, TrainingBase};
pub use training_state::TrainingState;
pub use video_pass::{OutputGradients, VideoOutputs, VideoPass};
pub use write_errors::WriteErrors;
