//! What candidates are ranked by: the similarity, or the similarity after a dual softmax.

use super::{Block, Pairing};
use crate::platform::parallel_map;

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
