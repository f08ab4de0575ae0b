//! The samples that a run got most wrong, from its folder.

use crate::error::Result;
use crate::eval::run::hardest::{of_classes, of_pairs, of_ranks};
use crate::eval::run::results::samples_file;
use crate::eval::run::{HardSample, Journal, Task};
use std::path::Path;

/// The wrong answers of a run, the most wrong first: pairs by how much higher the false caption scored, classes by rank.
///
/// # Errors
/// Those of [`Journal::read`].
pub fn read(folder: &Path, task: Task) -> Result<Vec<HardSample>> {
    let path = folder.join(samples_file(task));
    match task {
        Task::Pairs(_) | Task::World => Ok(of_pairs(Journal::read(&path)?)),
        Task::Retrieval(_) => Ok(of_ranks(Journal::read(&path)?)),
        Task::Kinetics => Ok(of_classes(Journal::read(&path)?)),
    }
}
