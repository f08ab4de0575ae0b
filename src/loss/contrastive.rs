//! Contrastive loss of videos and captions (SGCR-Vid Eq. 2; models.md 1.8).

use crate::error::{Error, Result};
use crate::nn::unit;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// How the two directions, video to text and text to video, are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// Their sum (SGCR-Vid Eq. 2).
    Sum,
    /// Half of it (ViCLIP's and InternVideo2's code).
    Mean,
}

/// `cosine / temperature` of every video with every text: `[videos, dim]` and `[texts, dim]` to `[videos, texts]`;
/// `temperature` `[1]`.
#[must_use]
pub fn similarity_logits(videos: Tensor<2>, texts: Tensor<2>, temperature: Tensor<1>) -> Tensor<2> {
    unit(videos).matmul(unit(texts).transpose()) / temperature.unsqueeze::<2>()
}

/// Contrastive loss, `[1]`, of videos `[batch, dim]` with their captions `[batch, dim]` (neither normalised).
///
/// `ids` names the sample of each row where some may be the same one: rows with equal ids are each other's positives,
/// with equal shares.
///
/// # Errors
/// [`Error::ShapeMismatch`] when videos, captions and ids are not equally many.
pub fn contrastive(
    videos: Tensor<2>,
    texts: Tensor<2>,
    temperature: Tensor<1>,
    ids: Option<&[u64]>,
    reduction: Reduction,
) -> Result<Tensor<1>> {
    check_rows("captions", videos.dims()[0], texts.dims()[0])?;
    if let Some(ids) = ids {
        check_rows("ids", videos.dims()[0], ids.len())?;
    }
    let logits = similarity_logits(videos, texts, temperature);
    let to_text = cross_entropy(logits.clone(), ids);
    let to_video = cross_entropy(logits.transpose(), ids);
    Ok(reduce(to_text, to_video, reduction))
}

/// As [`contrastive`] with hard negatives, `[negatives, dim]` of any number: captions that are true of no video of the
/// batch (near misses). They compete in the direction from video to text only (as in NegCLIP).
///
/// # Errors
/// [`Error::ShapeMismatch`] when videos and captions are not equally many.
pub fn contrastive_with_negatives(
    videos: Tensor<2>,
    texts: Tensor<2>,
    negatives: Tensor<2>,
    temperature: Tensor<1>,
    reduction: Reduction,
) -> Result<Tensor<1>> {
    let batch = videos.dims()[0];
    check_rows("captions", batch, texts.dims()[0])?;
    let logits = similarity_logits(videos, Tensor::cat(vec![texts, negatives], 0), temperature);
    let to_video = cross_entropy(logits.clone().narrow(1, 0, batch).transpose(), None);
    Ok(reduce(cross_entropy(logits, None), to_video, reduction))
}

fn reduce(to_text: Tensor<1>, to_video: Tensor<1>, reduction: Reduction) -> Tensor<1> {
    match reduction {
        Reduction::Sum => to_text + to_video,
        Reduction::Mean => (to_text + to_video) / 2.0,
    }
}

/// Mean over rows of the cross-entropy with the diagonal or, where ids repeat, with equal shares of equal ids:
/// `logits` `[rows, columns]`, columns past the rows being negatives.
fn cross_entropy(logits: Tensor<2>, ids: Option<&[u64]>) -> Tensor<1> {
    let [rows, columns] = logits.dims();
    let mut targets = vec![0.0f32; rows * columns];
    for row in 0..rows {
        let same = |column: usize| ids.map_or(row == column, |ids| ids[row] == ids[column]);
        let share = 1.0 / (0..rows).filter(|column| same(*column)).count() as f32;
        for column in (0..rows).filter(|column| same(*column)) {
            targets[row * columns + column] = share;
        }
    }
    let targets = Tensor::<2>::from_data(TensorData::new(targets, [rows, columns]), &logits.device());
    -(log_softmax(logits, 1) * targets).sum() / rows as f64
}

fn check_rows(what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got && got > 0 {
        return Ok(());
    }
    Err(Error::ShapeMismatch { name: what.to_owned(), expected: vec![expected.max(1)], got: vec![got] })
}
