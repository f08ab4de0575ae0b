//! Ranking of a true caption above its own false ones (SGCR-Vid Eqs. 7-9; models.md 5.4).

use crate::error::{Error, Result};
use crate::nn::unit;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

/// Stands for minus infinity among logits: its exponential is 0 beside any cosine over any temperature in use.
const MASKED: f64 = -1e9;

/// `-log(e^{c+} / (e^{c+} + sum e^{c-}))` of each video with `c = cosine / temperature`, `[batch]`.
///
/// `videos` and `positives` `[batch, dim]`, `negatives` `[batch, count, dim]` (none normalised), `temperature` `[1]`.
/// `available` `[batch, count]` is 1 for a negative that exists and 0 for one that is to be left out; a video without
/// any has loss 0. L_R has up to three negatives (attributes, predicates, both); L_T has one, the reversed order.
///
/// # Errors
/// [`Error::ShapeMismatch`] when the shapes do not fit together.
pub fn ranking(
    videos: Tensor<2>,
    positives: Tensor<2>,
    negatives: Tensor<3>,
    available: Option<Tensor<2>>,
    temperature: Tensor<1>,
) -> Result<Tensor<1>> {
    let [batch, dim] = videos.dims();
    let [_, count, _] = negatives.dims();
    check("positives", &[batch, dim], &positives.dims())?;
    check("negatives", &[batch, count, dim], &negatives.dims())?;
    if let Some(available) = &available {
        check("available", &[batch, count], &available.dims())?;
    }
    let candidates = Tensor::cat(vec![positives.unsqueeze_dim::<3>(1), negatives], 1);
    let cosines = unit(candidates).matmul(unit(videos).unsqueeze_dim::<3>(2)).reshape([batch, 1 + count]);
    let logits = cosines / temperature.unsqueeze::<2>();
    let logits = match available {
        Some(available) => {
            let positive = Tensor::zeros([batch, 1], &logits.device());
            logits + Tensor::cat(vec![positive, (-available + 1.0) * MASKED], 1)
        }
        None => logits,
    };
    Ok(-log_softmax(logits, 1).narrow(1, 0, 1).reshape([batch]))
}

fn check(name: &str, expected: &[usize], got: &[usize]) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::ShapeMismatch { name: name.to_owned(), expected: expected.to_vec(), got: got.to_vec() })
}
