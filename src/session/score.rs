//! How well captions fit a clip.

use crate::error::{Error, Result};
use serde::Serialize;

/// One caption's result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaptionScore {
    /// The caption as given.
    pub caption: String,
    /// Cosine of clip and caption embedding.
    pub cosine: f32,
    /// Softmax over all captions of `logit_scale * cosine`.
    pub probability: f32,
    /// Cosine less the best other caption's; above 0 for the winner alone. `None` for a single caption.
    pub margin: Option<f32>,
    /// How well clip and caption match, looked at together; where the model was asked that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<f32>,
}

/// All captions of one clip, in the order given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// What the softmax multiplies cosines by: `1 / temp` (`ViCLIP`), `exp(logit_scale)` (CLIP).
    pub logit_scale: f32,
    /// One row a caption.
    pub captions: Vec<CaptionScore>,
}

impl Scores {
    /// Compares one clip with captions.
    ///
    /// # Shapes
    /// - `video`: `[dim]`; each of `texts`: `[dim]`; none need be normalised
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no captions, [`Error::ShapeMismatch`] for embeddings of other models,
    /// [`Error::NonFinite`] for an embedding with NaN or of length zero.
    pub fn new(video: &[f32], texts: &[Vec<f32>], captions: &[String], logit_scale: f32) -> Result<Self> {
        if captions.is_empty() || captions.len() != texts.len() {
            let reason =
                format!("{} captions, {} caption embeddings; give at least one caption", captions.len(), texts.len());
            return Err(Error::InvalidInput { what: "captions".to_owned(), reason });
        }
        let video = normalized("video embedding", video)?;
        let mut cosines = Vec::with_capacity(texts.len());
        for text in texts {
            if text.len() != video.len() {
                let name = "caption embedding".to_owned();
                return Err(Error::ShapeMismatch { name, expected: vec![video.len()], got: vec![text.len()] });
            }
            let text = normalized("caption embedding", text)?;
            cosines.push(video.iter().zip(&text).map(|(v, t)| v * t).sum::<f64>());
        }
        let probabilities = softmax(&cosines, f64::from(logit_scale));
        let captions = captions
            .iter()
            .enumerate()
            .map(|(i, caption)| CaptionScore {
                caption: caption.clone(),
                cosine: cosines[i] as f32,
                probability: probabilities[i] as f32,
                margin: best_other(&cosines, i).map(|other| (cosines[i] - other) as f32),
                matching: None,
            })
            .collect();
        Ok(Self { logit_scale, captions })
    }

    /// Adds how well the clip and each caption match ([`Session::match_video`](super::Session::match_video)), which then says
    /// which is best.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of captions.
    pub fn with_matching(mut self, scores: &[f32]) -> Result<Self> {
        if scores.len() != self.captions.len() {
            let (expected, got) = (vec![self.captions.len()], vec![scores.len()]);
            return Err(Error::ShapeMismatch { name: "matching scores".to_owned(), expected, got });
        }
        for (caption, score) in self.captions.iter_mut().zip(scores) {
            caption.matching = Some(*score);
        }
        Ok(self)
    }

    /// Position of the best caption (the first of equals): by how well it matches where that is known, by its cosine else.
    #[must_use]
    pub fn best(&self) -> usize {
        let value = |i: usize| self.captions[i].matching.unwrap_or(self.captions[i].cosine);
        let mut best = 0;
        for i in 1..self.captions.len() {
            if value(i) > value(best) {
                best = i;
            }
        }
        best
    }
}

/// The vector at length 1, in f64 so that a cosine of equal vectors is 1 to the last digit shown.
fn normalized(name: &str, vector: &[f32]) -> Result<Vec<f64>> {
    if let Some(index) = vector.iter().position(|x| !x.is_finite()) {
        return Err(Error::NonFinite { name: name.to_owned(), index });
    }
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return Err(Error::NonFinite { name: format!("{name} (of length zero)"), index: 0 });
    }
    Ok(vector.iter().map(|x| f64::from(*x) / length).collect())
}

fn softmax(cosines: &[f64], scale: f64) -> Vec<f64> {
    let top = cosines.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = cosines.iter().map(|c| (scale * (c - top)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

fn best_other(cosines: &[f64], index: usize) -> Option<f64> {
    cosines.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, c)| *c).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captions(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("caption {i}")).collect()
    }

    #[test]
    fn cosine_softmax_and_margin_by_hand() {
        // cosines 0.6 and 0.8; softmax at scale 10: 1 / (1 + e^2) and its complement.
        let scores = Scores::new(&[2.0, 0.0], &[vec![3.0, 4.0], vec![8.0, -6.0]], &captions(2), 10.0).unwrap();
        assert!((scores.captions[0].cosine - 0.6).abs() < 1e-6);
        assert!((scores.captions[0].probability - 0.119_202_92).abs() < 1e-6);
        assert!((scores.captions[1].margin.unwrap() - 0.2).abs() < 1e-6);
        assert!((scores.captions[0].margin.unwrap() + 0.2).abs() < 1e-6);
        assert_eq!(scores.best(), 1);
    }

    #[test]
    fn one_caption_has_probability_one_and_no_margin() {
        let scores = Scores::new(&[1.0, 1.0], &[vec![-1.0, 0.5]], &captions(1), 100.0).unwrap();
        assert_eq!((scores.captions[0].probability, scores.captions[0].margin), (1.0, None));
    }

    #[test]
    fn what_matches_best_is_best() {
        let scores = Scores::new(&[2.0, 0.0], &[vec![3.0, 4.0], vec![8.0, -6.0]], &captions(2), 10.0).unwrap();
        assert_eq!(scores.clone().with_matching(&[0.5]).unwrap_err().code(), "shape-mismatch");
        let matched = scores.clone().with_matching(&[0.5, -1.0]).unwrap();
        assert_eq!((scores.best(), matched.best(), matched.captions[1].matching), (1, 0, Some(-1.0)));
        let json = serde_json::to_string(&scores).unwrap();
        assert!(!json.contains("matching"), "{json}");
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        assert_eq!(Scores::new(&[1.0], &[], &[], 1.0).unwrap_err().code(), "invalid-input");
        assert_eq!(Scores::new(&[1.0], &[vec![1.0, 2.0]], &captions(1), 1.0).unwrap_err().code(), "shape-mismatch");
        assert_eq!(Scores::new(&[f32::NAN], &[vec![1.0]], &captions(1), 1.0).unwrap_err().code(), "non-finite");
        assert_eq!(Scores::new(&[1.0], &[vec![0.0]], &captions(1), 1.0).unwrap_err().code(), "non-finite");
    }
}
