//! Clips found by text: embeddings with their places in videos, ranked by cosine. Pure code; where embeddings come from (a
//! folder natively: `library`; the user's files in the page) is the caller's.

use super::scores::{dot, unit};
use crate::error::{Error, Result};
use serde::Serialize;
use std::cmp::Ordering;
use std::ops::Range;

/// Where a clip lies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipPlace {
    /// The video's name.
    pub video: String,
    /// Its frames `[first, end)`, counted from 0.
    pub frames: Range<usize>,
    /// Begin and end in seconds; `None` where the video has no clock.
    pub seconds: Option<[f64; 2]>,
}

impl ClipPlace {
    /// The frames of a video of this rate.
    #[must_use]
    pub fn new(video: &str, frames: Range<usize>, fps: Option<f64>) -> Self {
        let seconds = fps.map(|fps| [frames.start as f64 / fps, frames.end as f64 / fps]);
        Self { video: video.to_owned(), frames, seconds }
    }

    /// Whether both show some moment of the same video.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.frames.start < other.frames.end && other.frames.start < self.frames.end && self.video == other.video
    }
}

/// A clip that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// Where it is.
    #[serde(flatten)]
    pub place: ClipPlace,
    /// Cosine of clip and query.
    pub cosine: f32,
}

/// Embeddings of clips with their places.
#[derive(Debug, Clone, Default)]
pub struct ClipIndex {
    places: Vec<ClipPlace>,
    /// `[clips, dim]`, each of length 1.
    vectors: Vec<f32>,
    dim: usize,
}

impl ClipIndex {
    /// Adds a clip's embedding `[dim]`, of any length.
    ///
    /// # Errors
    /// [`Error::NonFinite`], [`Error::ShapeMismatch`] for another dim than the first one's.
    pub fn add(&mut self, place: ClipPlace, embed: &[f32]) -> Result<()> {
        if self.places.is_empty() {
            self.dim = embed.len();
        }
        self.check(embed, "clip embedding")?;
        self.vectors.extend(unit(embed)?);
        self.places.push(place);
        Ok(())
    }

    /// Clips in all.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The `top` clips nearest to a text's embedding `[dim]`, best first; of equal ones the first added. Unless `overlapping`,
    /// a clip that overlaps a better one is left out: neighbouring windows show nearly the same.
    ///
    /// # Errors
    /// [`Error::NonFinite`], [`Error::ShapeMismatch`].
    pub fn search(&self, query: &[f32], top: usize, overlapping: bool) -> Result<Vec<Hit>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        self.check(query, "text embedding")?;
        let query = unit(query)?;
        let cosines: Vec<f32> = self.vectors.chunks_exact(self.dim).map(|clip| dot(clip, &query)).collect();
        let mut order: Vec<usize> = (0..cosines.len()).collect();
        order.sort_by(|a, b| cosines[*b].partial_cmp(&cosines[*a]).unwrap_or(Ordering::Equal));
        let mut hits: Vec<Hit> = Vec::new();
        for at in order {
            if hits.len() == top {
                break;
            }
            let place = &self.places[at];
            if overlapping || !hits.iter().any(|hit| hit.place.overlaps(place)) {
                hits.push(Hit { place: place.clone(), cosine: cosines[at] });
            }
        }
        Ok(hits)
    }

    fn check(&self, embed: &[f32], name: &str) -> Result<()> {
        if embed.len() == self.dim {
            return Ok(());
        }
        let (expected, got) = (vec![self.dim], vec![embed.len()]);
        Err(Error::ShapeMismatch { name: name.to_owned(), expected, got })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn the_best_come_first_and_neighbours_of_a_better_one_not_at_all() {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(7);
        let mut vector = || [(); 5].map(|()| rng.random_range(-1.0_f32..1.0));
        let mut index = ClipIndex::default();
        let mut all = Vec::new();
        for video in ["a", "b", "c"] {
            for window in 0..40 {
                let (place, vector) = (ClipPlace::new(video, 5 * window..5 * window + 10, Some(10.0)), vector());
                index.add(place.clone(), &vector).unwrap();
                all.push((place, vector));
            }
        }
        let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        for _ in 0..20 {
            let query = vector();
            let cosine = |v: &[f32]| v.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>() / length(v) / length(&query);
            let mut sorted: Vec<f32> = all.iter().map(|(_, v)| cosine(v)).collect();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let hits = index.search(&query, 9, true).unwrap();
            assert!(hits.iter().zip(&sorted).all(|(hit, expected)| (hit.cosine - expected).abs() < 1e-6));
            let hits = index.search(&query, 9, false).unwrap();
            assert_eq!(hits.len(), 9);
            let worst = hits[8].cosine;
            for (place, vector) in &all {
                let cosine = cosine(vector);
                let mut others = hits.iter().filter(|hit| hit.place != *place);
                let beaten = others.any(|hit| hit.place.overlaps(place) && hit.cosine >= cosine - 1e-6);
                let found = hits.iter().any(|hit| hit.place == *place);
                assert!(if found { !beaten } else { beaten || cosine <= worst + 1e-6 }, "{place:?}");
            }
        }
    }

    #[test]
    fn times_follow_from_frames_and_ends_may_touch() {
        let place = |video, frames| ClipPlace::new(video, frames, Some(25.0));
        assert_eq!(place("a", 50..75).seconds, Some([2.0, 3.0]));
        assert!(!place("a", 0..50).overlaps(&place("a", 50..75)) && !place("a", 0..5).overlaps(&place("b", 0..5)));
        assert!(place("a", 0..51).overlaps(&place("a", 50..75)));
        assert_eq!(ClipPlace::new("a", 0..1, None).seconds, None);
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        let mut index = ClipIndex::default();
        assert!(index.search(&[1.0], 1, false).unwrap().is_empty());
        index.add(ClipPlace::new("a", 0..1, None), &[1.0, 0.0]).unwrap();
        assert_eq!(index.add(ClipPlace::new("b", 0..1, None), &[1.0]).unwrap_err().code(), "shape-mismatch");
        assert_eq!(index.search(&[1.0], 1, false).unwrap_err().code(), "shape-mismatch");
        assert_eq!(index.search(&[0.0, f32::NAN], 1, false).unwrap_err().code(), "non-finite");
        assert_eq!(index.len(), 1);
    }
}
