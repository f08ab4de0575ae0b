//! What a run does about files that it cannot write.

use serde::{Deserialize, Serialize};

/// What a checkpoint, a line of the log or a curve does that cannot be written: the disk is full, or was taken away. What
/// was written before stays as it is either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteErrors {
    /// It ends the run, which goes on from its last checkpoint once there is room.
    #[default]
    Stop,
    /// Training goes on without it; it is told and counted.
    GoOn,
}
