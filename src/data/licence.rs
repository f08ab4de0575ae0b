//! Data that may be measured on and must not be trained on. Readers of training data ask here, whatever name a file has.

use crate::error::Error;
use serde_json::{Map, Value};

/// The columns that make a row VELOCITI's (formats.md 2.1).
const VELOCITI_COLUMNS: [&str; 4] = ["video_id", "test_name", "pos", "neg"];

/// Whether an object is a row of VELOCITI.
pub fn is_velociti(fields: &Map<String, Value>) -> bool {
    VELOCITI_COLUMNS.iter().all(|key| fields.contains_key(*key))
}

/// The refusal of such a row.
pub fn velociti_refused(file: &str) -> Error {
    let reason = "these are VELOCITI's rows, and their licence (CC BY-NC-SA 4.0 with a clause of its own) forbids to tune the \
                  parameters of any model with them; measure on them with `sgcr eval velociti`";
    Error::NotForTraining { file: file.to_owned(), reason: reason.to_owned() }
}
