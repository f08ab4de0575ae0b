//! Texts and videos that find each other: every video and every text is embedded once, then all are ranked both ways.

use super::EmbeddedVideo;
use super::captions::Captions;
use super::facts::ClipFacts;
use super::results::Results;
use crate::data::benchmark::{RetrievalCaption, RetrievalSet};
use crate::error::Result;
use crate::eval::{Judged, Pairing, RetrievalDirection, RetrievalMetrics, RetrievalRanks, embedding_retrieval};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Places that recall is told at.
const RECALL_AT: [usize; 3] = [1, 5, 10];

/// A video that is embedded: a line of the journal. The embedding is in the cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoLine {
    /// Position in the data, counted from 0.
    pub at: usize,
    /// The video as its row names it.
    pub video: String,
    /// Its embedding's key in the cache.
    pub key: String,
    /// What the embedding was made from.
    pub clip: ClipFacts,
    /// Milliseconds of decoding and embedding.
    pub ms: f64,
}

impl VideoLine {
    /// Of the video at position `at` of the data.
    pub fn new(set: &RetrievalSet, at: usize, video: EmbeddedVideo) -> Self {
        let EmbeddedVideo { key, facts, milliseconds, .. } = video;
        Self { at, video: set.videos[at].clone(), key, clip: facts, ms: milliseconds }
    }
}

/// One query and where its right answer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankLine {
    /// Direction and number of the query.
    pub id: String,
    /// The query's video: its own, or the one that its text belongs to.
    pub video: String,
    /// `t2v` (a text looks for its video) or `v2t`.
    pub kind: String,
    /// The text of a query that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the right answer comes first, ties being wrong.
    pub correct: bool,
    /// Whether equal scores leave its rank open.
    pub tie: bool,
    /// Its rank from 1 with equals behind it.
    pub optimistic: usize,
    /// Its rank from 1 with equals before it.
    pub pessimistic: usize,
    /// A frame that the model saw.
    pub frame: usize,
}

/// What is ranked: unit vectors of the videos that could be used, and of their texts.
pub struct Ranked<'a> {
    pub(super) lines: Vec<&'a VideoLine>,
    pub(super) videos: Vec<Vec<f32>>,
    pub(super) captions: Vec<&'a RetrievalCaption>,
    pub(super) texts: Vec<Vec<f32>>,
    /// Position in `lines` of each text's video.
    pub(super) video_of: Vec<usize>,
}

impl<'a> Ranked<'a> {
    /// Takes videos with their unit vectors, and the captions of these.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where a caption was not embedded.
    pub fn new(
        lines: &'a [VideoLine],
        videos: Vec<Vec<f32>>,
        captions: impl Iterator<Item = &'a RetrievalCaption>,
        texts: &Captions,
    ) -> Result<Self> {
        let places: BTreeMap<usize, usize> = lines.iter().enumerate().map(|(place, line)| (line.at, place)).collect();
        let mut ranked = Self {
            lines: lines.iter().collect(),
            videos,
            captions: Vec::new(),
            texts: Vec::new(),
            video_of: Vec::new(),
        };
        for caption in captions {
            if let Some(place) = places.get(&caption.video) {
                ranked.captions.push(caption);
                ranked.texts.push(texts.of(&caption.text)?.to_vec());
                ranked.video_of.push(*place);
            }
        }
        Ok(ranked)
    }

    /// Captions that are ranked.
    pub const fn captions(&self) -> usize {
        self.captions.len()
    }

    /// On the CPU whatever the model's device: ranks are counts, and should not depend on it.
    ///
    /// # Errors
    /// Those of [`embedding_retrieval`].
    pub async fn rank(&self) -> Result<RetrievalMetrics> {
        let pairing = Pairing::captions(self.videos.len(), &self.video_of)?;
        let matrix = |rows: &[Vec<f32>]| {
            let dim = rows.first().map_or(0, Vec::len);
            Tensor::<2>::from_data(TensorData::new(rows.concat(), [rows.len(), dim]), &Device::flex())
        };
        embedding_retrieval(&pairing, true, matrix(&self.videos), matrix(&self.texts)).await
    }

    /// A line a query, texts first.
    pub fn samples(&self, ranks: &RetrievalRanks) -> Vec<RankLine> {
        let line = |kind: &str, query: usize, video: usize, text: Option<&str>, rank: crate::eval::Rank| {
            let frames = &self.lines[video].clip.frames;
            RankLine {
                id: format!("{kind}:{query}"),
                video: self.lines[video].video.clone(),
                kind: kind.to_owned(),
                text: text.map(ToOwned::to_owned),
                correct: rank.pessimistic == 1,
                tie: rank.optimistic != rank.pessimistic,
                optimistic: rank.optimistic,
                pessimistic: rank.pessimistic,
                frame: frames.get(frames.len() / 2).copied().unwrap_or(0),
            }
        };
        let texts = ranks.text_to_video.ranks.iter().enumerate();
        let texts = texts.map(|(at, rank)| line("t2v", at, self.video_of[at], Some(&self.captions[at].text), *rank));
        let videos = ranks.video_to_text.ranks.iter().enumerate().map(|(at, rank)| line("v2t", at, at, None, *rank));
        texts.chain(videos).collect()
    }

    /// Adds rows and numbers to results.
    pub fn add(&self, results: &mut Results, metrics: &RetrievalMetrics) {
        for line in &self.lines {
            results.see_clip(&line.video, &line.clip);
        }
        let of_texts: Vec<&str> = self.video_of.iter().map(|video| self.lines[*video].video.as_str()).collect();
        let of_videos: Vec<&str> = self.lines.iter().map(|line| line.video.as_str()).collect();
        let RetrievalRanks { text_to_video, video_to_text } = &metrics.raw;
        add_direction(results, ("t2v", "text to video"), text_to_video, &of_texts);
        add_direction(results, ("v2t", "video to text"), video_to_text, &of_videos);
        if let Some(RetrievalRanks { text_to_video, video_to_text }) = &metrics.dual_softmax {
            for (name, direction) in [("t2v", text_to_video), ("v2t", video_to_text)] {
                let ranks = &direction.pessimistic;
                for (at, tally) in [(1, ranks.at_1), (5, ranks.at_5), (10, ranks.at_10)] {
                    results.metrics.insert(format!("{name}_r{at}_dual_softmax"), tally.accuracy());
                }
            }
        }
    }
}

/// Rows and numbers of one direction.
pub(super) fn add_direction(
    results: &mut Results,
    (name, title): (&str, &str),
    direction: &RetrievalDirection,
    videos: &[&str],
) {
    for at in RECALL_AT {
        let judged = direction.ranks.iter().zip(videos).map(|(rank, video)| {
            (Judged { correct: rank.pessimistic <= at, tie: rank.optimistic != rank.pessimistic }, *video)
        });
        results.add_titled(&format!("{name}_r{at}"), &format!("{title} R@{at}"), judged);
        let optimistic = direction.ranks.iter().filter(|rank| rank.optimistic <= at).count();
        let pessimistic = direction.ranks.iter().filter(|rank| rank.pessimistic <= at).count();
        if optimistic != pessimistic {
            let share = optimistic as f64 / direction.ranks.len() as f64;
            results.metrics.insert(format!("{name}_r{at}_with_ties_right"), share);
        }
    }
    results.metrics.insert(format!("{name}_median_rank"), direction.pessimistic.median);
    results.metrics.insert(format!("{name}_mean_rank"), direction.pessimistic.mean);
}
