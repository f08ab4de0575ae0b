//! The page's stand-in for checkpoints that only native programs read.

use super::tensor::TensorSource;
use crate::error::{Error, Result};
use std::path::Path;

/// Refuses: pickles are read natively only.
pub(super) fn open_pickled(path: &Path) -> Result<Box<dyn TensorSource>> {
    let advice = "convert the checkpoint with the native program: sgcr convert";
    Err(Error::NotBuilt { what: format!("reading {}", path.display()), advice: advice.to_owned() })
}
