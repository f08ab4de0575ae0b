//! The candidates of retrieval that get a second look, and what comes of it (native only).

use super::results::Results;
use super::retrieval::{Ranked, add_direction};
use crate::error::Result;
use crate::eval::scores::dot;
use crate::eval::{Pairing, Rescored, RetrievalRanks, rescored_retrieval};
use crate::platform::parallel_map;
use std::collections::BTreeSet;

/// Which candidates of each query are looked at again.
#[derive(Debug)]
pub struct Candidates {
    /// Texts of each video.
    pub of_videos: Vec<BTreeSet<usize>>,
    /// Videos of each text.
    pub of_texts: Vec<BTreeSet<usize>>,
}

impl Candidates {
    /// The best `count` of every query by cosine, the earlier of equals first.
    #[must_use]
    pub fn best(ranked: &Ranked<'_>, count: usize) -> Self {
        let best = |query: &[f32], candidates: &[Vec<f32>]| -> BTreeSet<usize> {
            let cosines = candidates.iter().map(|candidate| dot(query, candidate));
            let mut scored: Vec<(f32, usize)> = cosines.zip(0..).collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            scored.into_iter().take(count).map(|(_, at)| at).collect()
        };
        Self {
            of_videos: parallel_map(ranked.videos.iter().collect(), |video| best(video, &ranked.texts)),
            of_texts: parallel_map(ranked.texts.iter().collect(), |text| best(text, &ranked.videos)),
        }
    }

    /// The texts to look at with each video: its own candidates, and the texts that it is a candidate of.
    #[must_use]
    pub fn by_video(&self) -> Vec<Vec<usize>> {
        let mut texts = self.of_videos.clone();
        for (text, videos) in self.of_texts.iter().enumerate() {
            for video in videos {
                texts[*video].insert(text);
            }
        }
        texts.into_iter().map(|texts| texts.into_iter().collect()).collect()
    }

    /// The scores of texts with a video, given to the queries whose candidates they are.
    pub fn give(&self, video: usize, texts: &[usize], scores: &[f32], rescored: &mut Rescored) {
        for (text, score) in texts.iter().zip(scores) {
            if self.of_videos[video].contains(text) {
                rescored.add_text(video, *text, *score);
            }
            if self.of_texts[*text].contains(&video) {
                rescored.add_video(video, *text, *score);
            }
        }
    }
}

impl Ranked<'_> {
    /// The videos that are ranked, as the data names them.
    pub fn names(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.video.as_str()).collect()
    }

    /// Ranks by the scores of candidates that were looked at again.
    ///
    /// # Errors
    /// Those of [`rescored_retrieval`].
    pub async fn rank_again(&self, scores: Rescored) -> Result<RetrievalRanks> {
        rescored_retrieval(&Pairing::captions(self.videos.len(), &self.video_of)?, scores).await
    }

    /// Adds rows and numbers of these ranks.
    pub fn add_matched(&self, results: &mut Results, ranks: &RetrievalRanks) {
        let names = self.names();
        let of_texts: Vec<&str> = self.video_of.iter().map(|video| names[*video]).collect();
        let RetrievalRanks { text_to_video, video_to_text } = ranks;
        add_direction(results, ("t2v_match", "text to video, matched,"), text_to_video, &of_texts);
        add_direction(results, ("v2t_match", "video to text, matched,"), video_to_text, &names);
    }
}
