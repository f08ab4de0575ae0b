//! Samples as a file: a safetensors container of frames, what is said of them in its metadata. A run that a reload cut off
//! goes on from it without decoding anything again.

use super::samples::{FineTuneSample, Lesson};
use crate::error::{Error, Result};
use crate::video::Frames;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const LESSONS: &str = "sgcr.lessons";
const FILE: &str = "the samples' file";

#[derive(Serialize, Deserialize)]
struct Line {
    lesson: Lesson,
    held_out: Option<bool>,
}

/// The samples' file.
///
/// # Errors
/// [`Error::InvalidInput`] where sizes overflow.
pub fn write_samples(samples: &[FineTuneSample]) -> Result<Vec<u8>> {
    let lines: Vec<Line> =
        samples.iter().map(|sample| Line { lesson: sample.lesson.clone(), held_out: sample.held_out }).collect();
    let lessons = serde_json::to_string(&lines).map_err(Error::json(FILE))?;
    let refused = |error: safetensors::SafeTensorError| Error::InvalidInput {
        what: "samples to write".to_owned(),
        reason: error.to_string(),
    };
    let mut views = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        let Frames { width, height, data } = &sample.frames;
        let shape = vec![sample.frames.count(), *height, *width, 3];
        views.push((name(at), TensorView::new(Dtype::U8, shape, data).map_err(refused)?));
    }
    let metadata = HashMap::from([(LESSONS.to_owned(), lessons)]);
    safetensors::serialize(views, Some(metadata)).map_err(refused)
}

/// Samples from their file.
///
/// # Errors
/// [`Error::CorruptFile`], [`Error::InvalidJson`].
pub fn read_samples(bytes: &[u8]) -> Result<Vec<FineTuneSample>> {
    let corrupt = |reason: String| Error::CorruptFile { file: FILE.to_owned(), reason };
    let damaged = |error: safetensors::SafeTensorError| corrupt(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let lessons = header.metadata().as_ref().and_then(|metadata| metadata.get(LESSONS));
    let lessons = lessons.ok_or_else(|| corrupt(format!("no \"{LESSONS}\" in its metadata")))?;
    let lines: Vec<Line> = serde_json::from_str(lessons).map_err(Error::json(FILE))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let sample = |(at, Line { lesson, held_out }): (usize, Line)| {
        let view = tensors.tensor(&name(at)).map_err(damaged)?;
        let &[_, height, width, 3] = view.shape() else {
            return Err(corrupt(format!("frames of shape {:?}", view.shape())));
        };
        Ok(FineTuneSample { frames: Frames::new(width, height, view.data().to_vec())?, lesson, held_out })
    };
    lines.into_iter().enumerate().map(sample).collect()
}

fn name(at: usize) -> String {
    format!("frames/{at}")
}
