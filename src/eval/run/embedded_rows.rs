//! Embeddings as the files that keep them: safetensors with a matrix and, of clips, what they were made from.

use super::facts::ClipFacts;
use crate::error::{Error, Result};
use crate::eval::library::VideoWindows;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// The tensor's name in a file.
const EMBEDS: &str = "embeds";
/// The metadata's key of a clip's facts.
const FACTS: &str = "clip";

/// A clip's embedding `[dim]` and what is known of the clip; `None` where the file is damaged.
pub fn clip(bytes: &[u8]) -> Option<(Vec<f32>, ClipFacts)> {
    let (rows, facts) = rows_and_facts(bytes)?;
    let [row] = &rows[..] else { return None };
    Some((row.clone(), facts))
}

/// The embeddings of a video's windows and what is known of them; `None` where the file is damaged.
pub fn windows(bytes: &[u8]) -> Option<(Vec<Vec<f32>>, VideoWindows)> {
    let (rows, facts): (Vec<_>, VideoWindows) = rows_and_facts(bytes)?;
    (rows.len() == facts.windows.len()).then_some((rows, facts))
}

/// A batch of captions' embeddings; `None` where the file is damaged or holds another number.
pub fn texts(bytes: &[u8], count: usize) -> Option<Vec<Vec<f32>>> {
    rows(bytes).filter(|rows| rows.len() == count)
}

/// A file of rows of one length.
///
/// # Errors
/// [`Error::InvalidInput`] never in practice: rows come from one model.
pub fn plain(rows: &[Vec<f32>]) -> Result<Vec<u8>> {
    write(rows, None)
}

/// A file of rows with what is known of them.
///
/// # Errors
/// As [`plain`].
pub fn with_facts(rows: &[Vec<f32>], facts: &impl Serialize) -> Result<Vec<u8>> {
    let facts = serde_json::to_string(facts).map_err(Error::json("embeddings"))?;
    write(rows, Some(HashMap::from([(FACTS.to_owned(), facts)])))
}

/// The rows of the tensor, if it is one of finite f32.
fn rows(bytes: &[u8]) -> Option<Vec<Vec<f32>>> {
    let file = SafeTensors::deserialize(bytes).ok()?;
    let tensor = file.tensor(EMBEDS).ok()?;
    let [_, dim] = *tensor.shape() else { return None };
    if tensor.dtype() != Dtype::F32 || dim == 0 {
        return None;
    }
    let numbers: Vec<f32> =
        tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    numbers.iter().all(|x| x.is_finite()).then(|| numbers.chunks_exact(dim).map(<[f32]>::to_vec).collect())
}

/// The rows, and what is said of them.
fn rows_and_facts<F: DeserializeOwned>(bytes: &[u8]) -> Option<(Vec<Vec<f32>>, F)> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    let facts = serde_json::from_str(metadata.metadata().as_ref()?.get(FACTS)?).ok()?;
    Some((rows(bytes)?, facts))
}

fn write(rows: &[Vec<f32>], metadata: Option<HashMap<String, String>>) -> Result<Vec<u8>> {
    let invalid = |reason: String| Error::InvalidInput { what: "embeddings".to_owned(), reason };
    let shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(|error| invalid(error.to_string()))?;
    safetensors::serialize([(EMBEDS, view)], metadata).map_err(|error| invalid(error.to_string()))
}
