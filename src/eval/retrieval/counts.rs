//! Counting the candidates that stand before the right one.

use super::rescore::Rule;
use super::{Block, Pairing, Rank, RetrievalDirection, RetrievalRanks};
use crate::platform::parallel_map;

/// What is known of the queries of one direction.
struct Queries {
    /// Score of each query's best right candidate.
    best: Vec<f64>,
    /// Candidates with a higher score.
    above: Vec<u32>,
    /// Candidates with this score or a higher one.
    at_least: Vec<u32>,
    /// Right candidates with just this score; one at least.
    equal_right: Vec<u32>,
}

impl Queries {
    fn new(count: usize) -> Self {
        let zeros = || vec![0; count];
        Self { best: vec![f64::NEG_INFINITY; count], above: zeros(), at_least: zeros(), equal_right: zeros() }
    }

    fn direction(self) -> RetrievalDirection {
        let rank = |query: usize| Rank {
            optimistic: 1 + self.above[query] as usize,
            pessimistic: 1 + (self.at_least[query] - self.equal_right[query]) as usize,
        };
        RetrievalDirection::new((0..self.best.len()).map(rank).collect())
    }
}

/// Both directions under one rule.
pub struct Candidates<'a, R> {
    rule: R,
    pairing: &'a Pairing,
    /// A query is a video.
    videos: Queries,
    /// A query is a text.
    texts: Queries,
}

impl<'a, R: Rule> Candidates<'a, R> {
    pub fn new(rule: R, pairing: &'a Pairing) -> Self {
        Self { rule, pairing, videos: Queries::new(pairing.videos()), texts: Queries::new(pairing.texts()) }
    }

    /// First pass: the score of each query's best right candidate.
    pub fn see_right(&mut self, block: &Block) {
        for (video, row) in block.rows() {
            for &text in self.pairing.texts_of(video) {
                let similarity = f64::from(row[text]);
                let best = &mut self.videos.best[video];
                *best = best.max(self.rule.of_text(video, text, similarity));
                let best = &mut self.texts.best[text];
                *best = best.max(self.rule.of_video(video, text, similarity));
            }
        }
    }

    /// Second pass, once all rows were seen: the candidates that are as good or better.
    pub fn count(&mut self, block: &Block) {
        let (rule, videos, texts) = (&self.rule, &self.videos.best, &self.texts.best);
        let pieces = parallel_map(block.pieces(), |(first, values)| Piece::count(rule, first, values, videos, texts));
        let mut video = block.first;
        for piece in pieces {
            for (above, at_least) in piece.rows {
                (self.videos.above[video], self.videos.at_least[video]) = (above, at_least);
                video += 1;
            }
            add(&mut self.texts.above, &piece.above);
            add(&mut self.texts.at_least, &piece.at_least);
        }
        for (video, row) in block.rows() {
            for &text in self.pairing.texts_of(video) {
                let similarity = f64::from(row[text]);
                let of_text = self.rule.of_text(video, text, similarity);
                self.videos.equal_right[video] += u32::from(of_text == self.videos.best[video]);
                let of_video = self.rule.of_video(video, text, similarity);
                self.texts.equal_right[text] += u32::from(of_video == self.texts.best[text]);
            }
        }
    }

    /// The ranks, once all rows were counted.
    pub fn ranks(self) -> RetrievalRanks {
        RetrievalRanks { text_to_video: self.texts.direction(), video_to_text: self.videos.direction() }
    }
}

fn add(sums: &mut [u32], more: &[u32]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// The counts of a few rows.
struct Piece {
    /// Of each row: texts above the video's best right one, and texts at least as high.
    rows: Vec<(u32, u32)>,
    /// Of each text: videos among these rows above its best right one.
    above: Vec<u32>,
    /// Of each text: videos among these rows at least as high.
    at_least: Vec<u32>,
}

impl Piece {
    /// `values` are the rows of the videos from `first` on; `videos` and `texts` hold the best right scores.
    fn count<R: Rule>(rule: &R, first: usize, values: &[f32], videos: &[f64], texts: &[f64]) -> Self {
        let width = texts.len();
        let mut piece = Self { rows: Vec::new(), above: vec![0; width], at_least: vec![0; width] };
        for (video, row) in (first..).zip(values.chunks_exact(width)) {
            let (mut above, mut at_least) = (0, 0);
            for (text, similarity) in row.iter().enumerate() {
                let similarity = f64::from(*similarity);
                let score = rule.of_text(video, text, similarity);
                above += u32::from(score > videos[video]);
                at_least += u32::from(score >= videos[video]);
                let score = rule.of_video(video, text, similarity);
                piece.above[text] += u32::from(score > texts[text]);
                piece.at_least[text] += u32::from(score >= texts[text]);
            }
            piece.rows.push((above, at_least));
        }
        piece
    }
}
