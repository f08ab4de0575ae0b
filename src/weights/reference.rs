//! `reference.safetensors`: what a model answered when its folder was made, so that any device, browser and later version
//! can be held against it.
//!
//! Tensors, all f32: `pixels` `[videos, frames, 3, size, size]` (preprocessed), `token_ids` `[captions, context]` (whole
//! numbers), `video_embed` `[videos, joint]` and `text_embed` `[captions, joint]` (not normalised).

use super::element::{append_f32, check_finite};
use super::safetensors_file::{LENGTH_BYTES, header_length, parse_header, write_header};
use super::tensor::HostTensor;
use crate::error::{Error, Result};
use safetensors::Dtype;
use serde::Serialize;
use std::collections::BTreeMap;

/// Its file name in a model folder.
pub const REFERENCE_FILE: &str = "reference.safetensors";

/// Inputs with the embeddings that a model gave for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// `[videos, frames, 3, size, size]`.
    pub pixels: HostTensor,
    /// `[captions, context]`.
    pub token_ids: HostTensor,
    /// `[videos, joint]`.
    pub video_embed: HostTensor,
    /// `[captions, joint]`.
    pub text_embed: HostTensor,
}

/// How far a model is from its reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Verification {
    /// Largest difference of a video embedding's element, divided by the largest element of the reference.
    pub video_difference: f64,
    /// The same of the text embeddings.
    pub text_difference: f64,
}

impl Verification {
    /// The larger of the two; NaN if either is.
    #[must_use]
    pub fn largest(&self) -> f64 {
        let (video, text) = (self.video_difference, self.text_difference);
        if video.is_nan() || text.is_nan() { f64::NAN } else { video.max(text) }
    }
}

impl Reference {
    /// The file's bytes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where sizes overflow.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let tensors = [
            ("pixels", &self.pixels),
            ("token_ids", &self.token_ids),
            ("video_embed", &self.video_embed),
            ("text_embed", &self.text_embed),
        ];
        let entries: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor.shape.as_slice())).collect();
        let mut bytes = write_header(&entries, Dtype::F32, &[("format", "pt".to_owned())])?;
        for (_, tensor) in tensors {
            bytes.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        }
        Ok(bytes)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::CorruptFile`], [`Error::NonFinite`], [`Error::ShapeMismatch`] where the ranks are others.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self> {
        let corrupt = |reason: &str| Error::CorruptFile { file: file.to_owned(), reason: reason.to_owned() };
        let size = bytes.len() as u64;
        let (first, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| corrupt("it is cut short"))?;
        let length = header_length(*first, size, file)? as usize;
        let header = parse_header(&rest[..length], size, file)?;
        let data = &bytes[LENGTH_BYTES as usize + length..];
        let mut tensors = BTreeMap::new();
        for (name, info, begin) in header.tensors {
            let mut values = Vec::new();
            let begin = begin as usize;
            append_f32(&name, info.dtype, &data[begin..begin + info.bytes() as usize], &mut values)?;
            check_finite(&name, &values)?;
            tensors.insert(name, HostTensor { shape: info.shape, values });
        }
        let mut take = |name: &str, rank: usize| {
            let tensor = tensors.remove(name).ok_or_else(|| corrupt(&format!("it has no \"{name}\"")))?;
            if tensor.shape.len() == rank {
                return Ok(tensor);
            }
            Err(corrupt(&format!("\"{name}\" has shape {:?}, a tensor of rank {rank} belongs here", tensor.shape)))
        };
        Ok(Self {
            pixels: take("pixels", 5)?,
            token_ids: take("token_ids", 2)?,
            video_embed: take("video_embed", 2)?,
            text_embed: take("text_embed", 2)?,
        })
    }

    /// Runs a model on the stored inputs and compares. `encode_video` takes [`Reference::pixels`], `encode_text` takes
    /// [`Reference::token_ids`]; both give `[rows, joint]` row-major, not normalised.
    ///
    /// # Errors
    /// Those of the two functions; [`Error::ShapeMismatch`] where they give another number of elements.
    pub async fn verify(
        &self,
        encode_video: impl AsyncFnOnce(&HostTensor) -> Result<Vec<f32>>,
        encode_text: impl AsyncFnOnce(&HostTensor) -> Result<Vec<f32>>,
    ) -> Result<Verification> {
        let video = encode_video(&self.pixels).await?;
        let text = encode_text(&self.token_ids).await?;
        Ok(Verification {
            video_difference: difference("video_embed", &self.video_embed, &video)?,
            text_difference: difference("text_embed", &self.text_embed, &text)?,
        })
    }
}

/// Largest difference over the largest magnitude of `expected`.
fn difference(name: &str, expected: &HostTensor, got: &[f32]) -> Result<f64> {
    if expected.values.len() != got.len() {
        let (expected, got) = (expected.shape.clone(), vec![got.len()]);
        return Err(Error::ShapeMismatch { name: name.to_owned(), expected, got });
    }
    let scale = expected.values.iter().fold(0.0f64, |scale, value| scale.max(f64::from(value.abs())));
    let mut largest = 0.0f64;
    for (expected, got) in expected.values.iter().zip(got) {
        let difference = (f64::from(*expected) - f64::from(*got)).abs();
        // `max` would pass over NaN, which is the worst difference of all.
        if difference.is_nan() {
            return Ok(f64::NAN);
        }
        largest = largest.max(difference);
    }
    Ok(largest / scale.max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    fn reference() -> Reference {
        let tensor = |shape: &[usize]| {
            let values = (0..shape.iter().product::<usize>()).map(|i| i as f32 * 0.25 - 1.0).collect();
            HostTensor { shape: shape.to_vec(), values }
        };
        Reference {
            pixels: tensor(&[2, 1, 3, 2, 2]),
            token_ids: tensor(&[3, 4]),
            video_embed: tensor(&[2, 5]),
            text_embed: tensor(&[3, 5]),
        }
    }

    #[test]
    fn bytes_round_trip() {
        let reference = reference();
        assert_eq!(Reference::from_bytes(&reference.to_bytes().unwrap(), "r").unwrap(), reference);
        assert_eq!(Reference::from_bytes(&[0; 7], "r").unwrap_err().code(), "corrupt-file");
        let mut bytes = reference.to_bytes().unwrap();
        bytes.pop();
        assert_eq!(Reference::from_bytes(&bytes, "r").unwrap_err().code(), "corrupt-file");
    }

    #[test]
    fn a_model_is_as_far_off_as_its_worst_element() {
        let reference = reference();
        let same = |tensor: &HostTensor| tensor.values.clone();
        let mut off = same(&reference.video_embed);
        off[3] += 0.125;
        let run = |video: Vec<f32>, text: Vec<f32>| {
            block_on(reference.verify(async |_: &HostTensor| Ok(video), async |_: &HostTensor| Ok(text)))
        };
        let found = run(off, same(&reference.text_embed)).unwrap();
        assert_eq!((found.video_difference, found.text_difference), (0.125 / 1.25, 0.0));
        let nan = run(same(&reference.video_embed), vec![f32::NAN; 15]).unwrap();
        assert!(nan.largest().is_nan());
        assert_eq!(run(vec![0.0], vec![]).unwrap_err().code(), "shape-mismatch");
    }
}
