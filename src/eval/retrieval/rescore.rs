//! What candidates are ranked by: the similarity, the similarity after a dual softmax, or scores of a second look.

use super::{Block, Pairing};
use crate::error::{Error, Result};
use crate::platform::parallel_map;
use std::collections::BTreeMap;

/// The score of a text for a video, and of a video for a text.
pub trait Rule: Sync {
    /// Score of `text` among the candidates of `video`, at this similarity.
    fn of_text(&self, video: usize, text: usize, similarity: f64) -> f64;

    /// Score of `video` among the candidates of `text`, at this similarity.
    fn of_video(&self, video: usize, text: usize, similarity: f64) -> f64;
}

/// The similarity itself.
pub struct Raw;

impl Rule for Raw {
    fn of_text(&self, _video: usize, _text: usize, similarity: f64) -> f64 {
        similarity
    }

    fn of_video(&self, _video: usize, _text: usize, similarity: f64) -> f64 {
        similarity
    }
}

/// The score of candidates that were not looked at again (models.md 2.3).
const UNSEEN: f64 = -100.0;

/// Scores of some candidates of each query.
#[derive(Debug, Clone)]
pub struct Rescored {
    /// Of each video, its texts' scores.
    texts_of: Vec<BTreeMap<usize, f32>>,
    /// Of each text, its videos' scores.
    videos_of: Vec<BTreeMap<usize, f32>>,
}

impl Rescored {
    /// None yet.
    #[must_use]
    pub fn new(videos: usize, texts: usize) -> Self {
        Self { texts_of: vec![BTreeMap::new(); videos], videos_of: vec![BTreeMap::new(); texts] }
    }

    /// A text's score among the candidates of a video.
    pub fn add_text(&mut self, video: usize, text: usize, score: f32) {
        self.texts_of[video].insert(text, score);
    }

    /// A video's score among the candidates of a text.
    pub fn add_video(&mut self, video: usize, text: usize, score: f32) {
        self.videos_of[text].insert(video, score);
    }

    /// Videos and texts.
    pub(super) const fn extents(&self) -> [usize; 2] {
        [self.texts_of.len(), self.videos_of.len()]
    }

    /// # Errors
    /// [`Error::NonFinite`].
    pub(super) fn check(&self) -> Result<()> {
        let scores = self.texts_of.iter().chain(&self.videos_of).flat_map(BTreeMap::values);
        match scores.enumerate().find(|(_, score)| !score.is_finite()) {
            Some((index, _)) => Err(Error::NonFinite { name: "scores of candidates".to_owned(), index }),
            None => Ok(()),
        }
    }
}

impl Rule for Rescored {
    fn of_text(&self, video: usize, text: usize, _similarity: f64) -> f64 {
        self.texts_of[video].get(&text).map_or(UNSEEN, |score| f64::from(*score))
    }

    fn of_video(&self, video: usize, text: usize, _similarity: f64) -> f64 {
        self.videos_of[text].get(&video).map_or(UNSEEN, |score| f64::from(*score))
    }
}

/// `s * softmax(s)`, the softmax going over the queries: over all videos for a text's score, over all texts for a video's
/// (fixture `retrieval`; without a temperature).
pub struct DualSoftmax {
    /// Logarithm of the sum of exponentials of each video's row.
    videos: Vec<f64>,
    /// The same of each text's column.
    texts: Vec<f64>,
}

/// [`DualSoftmax`] in the making.
pub struct DualSums {
    videos: Vec<f64>,
    texts: Vec<LogSum>,
}

impl DualSums {
    /// Nothing summed up yet.
    pub fn new(pairing: &Pairing) -> Self {
        Self { videos: Vec::with_capacity(pairing.videos()), texts: vec![LogSum::NOTHING; pairing.texts()] }
    }

    /// Takes the next rows.
    pub fn add(&mut self, block: &Block) {
        let width = block.texts;
        for (rows, columns) in parallel_map(block.pieces(), |(_, values)| sums(values, width)) {
            self.videos.extend(rows);
            self.texts.iter_mut().zip(columns).for_each(|(sum, more)| sum.add(more));
        }
    }

    /// Once all rows were taken.
    pub fn rule(self) -> DualSoftmax {
        DualSoftmax { videos: self.videos, texts: self.texts.into_iter().map(LogSum::value).collect() }
    }
}

impl Rule for DualSoftmax {
    fn of_text(&self, _video: usize, text: usize, similarity: f64) -> f64 {
        similarity * (similarity - self.texts[text]).exp()
    }

    fn of_video(&self, video: usize, _text: usize, similarity: f64) -> f64 {
        similarity * (similarity - self.videos[video]).exp()
    }
}

/// Log-sums of some rows, and of their part of every column.
fn sums(values: &[f32], width: usize) -> (Vec<f64>, Vec<LogSum>) {
    let row = |row: &[f32]| {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum = row.iter().map(|s| f64::from(*s - top).exp()).sum::<f64>();
        f64::from(top) + sum.ln()
    };
    let rows = values.chunks_exact(width).map(row).collect();
    let mut columns = vec![LogSum::NOTHING; width];
    for row in values.chunks_exact(width) {
        for (column, s) in columns.iter_mut().zip(row) {
            column.top = column.top.max(f64::from(*s));
        }
    }
    for row in values.chunks_exact(width) {
        for (column, s) in columns.iter_mut().zip(row) {
            column.sum += (f64::from(*s) - column.top).exp();
        }
    }
    (rows, columns)
}

/// `sum * exp(top)`: a sum of exponentials that does not overflow.
#[derive(Debug, Clone, Copy)]
struct LogSum {
    top: f64,
    sum: f64,
}

impl LogSum {
    const NOTHING: Self = Self { top: f64::NEG_INFINITY, sum: 0.0 };

    /// `other` must hold at least one number.
    fn add(&mut self, other: Self) {
        let top = self.top.max(other.top);
        self.sum = self.sum * (self.top - top).exp() + other.sum * (other.top - top).exp();
        self.top = top;
    }

    fn value(self) -> f64 {
        self.top + self.sum.ln()
    }
}
