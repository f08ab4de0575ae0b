//! Samples as lines of JSON.

use crate::error::{Error, Result};
use serde::Serialize;

/// The lines as a file's content.
///
/// # Errors
/// [`Error::InvalidJson`] never in practice: keys of our lines are texts.
pub fn to_bytes<T: Serialize>(lines: &[T]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, line).map_err(Error::json("samples"))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
