//! Contrast of a video with single labels, of which several are true of it at once: what pre-training on captions alone
//! leaves undone (an encoder that has only seen sentences gives all words nearly the same embedding).

use crate::error::{Error, Result};
use crate::loss::similarity_logits;
use burn::tensor::activation::softplus;
use burn::tensor::{Tensor, TensorData};

/// Stands for minus infinity among logits: its exponential is 0 beside any cosine over any temperature in use.
const MASKED: f64 = -1e9;

/// Labels of one kind and the videos that they are true of. Labels of different kinds are not held against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagRows {
    /// Rows of the text embeddings, one a label.
    pub labels: Vec<i32>,
    /// For each video, places in `labels`.
    pub present: Vec<Vec<usize>>,
}

/// Mean over the videos, and over each one's true labels, of `-log(e^{c+} / (e^{c+} + sum e^{c-}))` with
/// `c = cosine / temperature`, `[1]`; `c-` goes over the labels that are not true of the video. A video without true
/// labels counts as 0.
///
/// `videos` `[videos, dim]`, `labels` `[labels, dim]` (neither normalised), `temperature` `[1]`.
///
/// # Errors
/// [`Error::ShapeMismatch`] when `present` is not one a video, or names labels that are not there.
pub fn tag_contrast(
    videos: Tensor<2>,
    labels: Tensor<2>,
    present: &[Vec<usize>],
    temperature: Tensor<1>,
) -> Result<Tensor<1>> {
    let ([rows, _], [columns, _]) = (videos.dims(), labels.dims());
    let outside = present.iter().flatten().find(|label| **label >= columns);
    if present.len() != rows || outside.is_some() {
        let got = outside.map_or(vec![present.len()], |label| vec![present.len(), label + 1]);
        return Err(Error::ShapeMismatch { name: "true labels".to_owned(), expected: vec![rows, columns], got });
    }
    let mut truth = vec![0.0f32; rows * columns];
    let mut share = truth.clone();
    for (row, labels) in present.iter().enumerate() {
        for label in labels {
            truth[row * columns + label] = 1.0;
            share[row * columns + label] = 1.0 / (labels.len() * rows) as f32;
        }
    }
    let device = videos.device();
    let matrix = |values| Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &device);
    let logits = similarity_logits(videos, labels, temperature);
    let others = log_sum_exp(logits.clone() + matrix(truth) * MASKED);
    Ok((softplus(others - logits, 1.0) * matrix(share)).sum())
}

/// `[rows, columns]` to `[rows, 1]`.
fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let most = x.clone().max_dim(1).detach();
    (x - most.clone()).exp().sum_dim(1).log() + most
}
