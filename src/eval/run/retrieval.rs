//! Texts and videos that find each other: every video and every text is embedded once, then all are ranked both ways.

use super::Embedder;
use super::captions::Captions;
use super::clips::ClipFacts;
use super::journal::{Journal, to_bytes};
use super::results::{Outcome, Results, Times};
use super::videos::Run;
use crate::data::benchmark::{RetrievalCaption, RetrievalSet};
use crate::error::{Error, Result};
use crate::eval::scores::unit;
use crate::eval::{Judged, Pairing, RetrievalDirection, RetrievalMetrics, RetrievalRanks, embedding_retrieval};
use crate::event::Events;
use crate::platform::{block_on, write_beside};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Places that recall is told at.
const RECALL_AT: [usize; 3] = [1, 5, 10];

/// A video that is embedded: a line of the journal. The embedding is in the cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct VideoLine {
    /// Position in the data, counted from 0.
    at: usize,
    /// The video as its row names it.
    video: String,
    /// Its embedding's key in the cache.
    key: String,
    /// What the embedding was made from.
    clip: ClipFacts,
    /// Milliseconds of decoding and embedding.
    ms: f64,
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
struct Ranked<'a> {
    lines: Vec<&'a VideoLine>,
    videos: Vec<Vec<f32>>,
    captions: Vec<&'a RetrievalCaption>,
    texts: Vec<Vec<f32>>,
    /// Position in `lines` of each text's video.
    video_of: Vec<usize>,
}

/// Embeds the videos that are not in the journal yet, and ranks all. Of one part of the videos nothing is ranked: a run
/// without `--shard` on the same cache does that.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate).
pub fn run(run: &Run<'_, impl Embedder>, set: &RetrievalSet, events: &mut impl Events) -> Result<Outcome> {
    let videos = set.videos.len().min(run.request().limit.unwrap_or(usize::MAX));
    run.start()?;
    let path = run.video_journal();
    let (mut journal, lines) = Journal::open::<VideoLine>(&path)?;
    let kept = lines.into_iter().filter(|line| run.cache().video(&line.key).is_some());
    let mut done: BTreeMap<usize, VideoLine> = kept.map(|line| (line.at, line)).collect();
    let waiting: Vec<usize> = (0..videos).filter(|at| run.has(*at) && !done.contains_key(at)).collect();
    let names: Vec<&str> = waiting.iter().map(|at| set.videos[*at].as_str()).collect();
    let (mut missing, times) = run.for_each_video(&names, events, |place, video| {
        let (at, ms) = (waiting[place], video.milliseconds);
        let line = VideoLine { at, video: set.videos[at].clone(), key: video.key, clip: video.facts, ms };
        journal.append(std::slice::from_ref(&line))?;
        done.insert(at, line);
        Ok(())
    })?;
    for video in &mut missing {
        video.samples = set.captions.iter().filter(|caption| set.videos[caption.video] == video.video).count();
    }
    let lines: Vec<VideoLine> = done.into_values().collect();
    write_beside(&path, &to_bytes(&lines, &path)?)?;
    let captions = || set.captions.iter().filter(|caption| caption.video < videos);
    let original = captions().count();
    if run.request().shard.is_some() || lines.is_empty() {
        let times = Times { total_seconds: run.seconds(), ..times };
        return Results::new(run.settings().clone(), original, 0, missing, times).write(&run.request().output);
    }
    let texts = Captions::embed(run, captions().map(|caption| caption.text.as_str()), events)?;
    let ranked = Ranked::new(run, &lines, captions(), &texts)?;
    let metrics = ranked.rank()?;
    let samples = ranked.samples(&metrics.raw);
    write_beside(&run.journal(), &to_bytes(&samples, &run.journal())?)?;
    let times = Times { total_seconds: run.seconds(), ..times };
    let effective = ranked.captions.len();
    let mut results = Results::new(run.settings().clone(), original, effective, missing, times);
    ranked.add(&mut results, &metrics);
    results.write(&run.request().output)
}

impl<'a> Ranked<'a> {
    fn new(
        run: &Run<'_, impl Embedder>,
        lines: &'a [VideoLine],
        captions: impl Iterator<Item = &'a RetrievalCaption>,
        texts: &Captions,
    ) -> Result<Self> {
        let places: BTreeMap<usize, usize> = lines.iter().enumerate().map(|(place, line)| (line.at, place)).collect();
        let mut ranked = Self {
            lines: lines.iter().collect(),
            videos: Vec::new(),
            captions: Vec::new(),
            texts: Vec::new(),
            video_of: Vec::new(),
        };
        for line in lines {
            let (embed, _) = run.cache().video(&line.key).ok_or_else(|| Error::CorruptFile {
                file: format!("embedding {} in the cache", line.key),
                reason: "it was there a moment ago; does something else clear the cache?".to_owned(),
            })?;
            ranked.videos.push(unit(&embed)?);
        }
        for caption in captions {
            if let Some(place) = places.get(&caption.video) {
                ranked.captions.push(caption);
                ranked.texts.push(texts.of(&caption.text)?.to_vec());
                ranked.video_of.push(*place);
            }
        }
        Ok(ranked)
    }

    /// On the CPU whatever the model's device: ranks are counts, and should not depend on it.
    fn rank(&self) -> Result<RetrievalMetrics> {
        let pairing = Pairing::captions(self.videos.len(), &self.video_of)?;
        let matrix = |rows: &[Vec<f32>]| {
            let dim = rows.first().map_or(0, Vec::len);
            Tensor::<2>::from_data(TensorData::new(rows.concat(), [rows.len(), dim]), &Device::flex())
        };
        block_on(embedding_retrieval(&pairing, true, matrix(&self.videos), matrix(&self.texts)))
    }

    /// A line a query, texts first.
    fn samples(&self, ranks: &RetrievalRanks) -> Vec<RankLine> {
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

    fn add(&self, results: &mut Results, metrics: &RetrievalMetrics) {
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
fn add_direction(results: &mut Results, (name, title): (&str, &str), direction: &RetrievalDirection, videos: &[&str]) {
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
