//! Pairs of captions: which of two fits the clip.

use super::captions::Captions;
use super::clips::{ClipFacts, world_name};
use super::journal::{Journal, to_bytes};
use super::results::{MissingVideo, Outcome, Results, Times};
use super::settings::RunSettings;
use super::velociti_csv;
use super::videos::{EmbeddedVideo, Run};
use super::{Embedder, Request};
use crate::data::benchmark::PairSample;
use crate::error::{Error, Result};
use crate::eval::scores::dot;
use crate::event::Events;
use crate::platform::{parallel_map, write_beside};
use crate::world::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Clips of the generated world where no limit is given.
const WORLD_CLIPS: usize = 1000;

/// A pair with its scores: a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairLine {
    /// Position in the data, counted from 0.
    pub at: usize,
    /// The pair.
    #[serde(flatten)]
    pub sample: PairSample,
    /// Cosine of the clip and the positive caption.
    pub pos_score: f32,
    /// Cosine of the clip and the negative caption.
    pub neg_score: f32,
    /// Whether the answer counts as right.
    pub correct: bool,
    /// Whether the scores are equal.
    pub tie: bool,
    /// What the clip's embedding was made from.
    pub clip: ClipFacts,
    /// Milliseconds of decoding and embedding the video, however many samples share it.
    pub ms: f64,
}

/// The near misses of the generated world's clips, from the first of the split.
///
/// # Errors
/// [`Error::UnknownName`] for a split that does not exist.
pub fn of_world(request: &Request) -> Result<Vec<PairSample>> {
    let (level, split) = Level::split_named(&request.split).ok_or_else(|| Error::UnknownName {
        kind: "split of the generated world",
        name: request.split.clone(),
        known: Level::split_names(),
    })?;
    let clips: Vec<u64> = (0..request.limit.unwrap_or(WORLD_CLIPS) as u64).collect();
    let pairs = parallel_map(clips, |clip| {
        let clip = level.clip(split, clip);
        let sample = |miss: crate::world::NearMiss| PairSample {
            id: format!("{}:{}", world_name(clip.seed), miss.kind.name()),
            video: world_name(clip.seed),
            positive: miss.positive,
            negative: miss.negative,
            kind: miss.kind.name().to_owned(),
            hard: None,
            events: Vec::new(),
        };
        clip.near_misses().into_iter().map(sample).collect::<Vec<_>>()
    });
    Ok(pairs.into_iter().flatten().collect())
}

/// Scores the pairs that are not in the journal yet, and sums up all.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate).
pub fn run(run: &Run<'_, impl Embedder>, samples: Vec<PairSample>, events: &mut impl Events) -> Result<Outcome> {
    let original = samples.len();
    let samples = Selected::new(run, samples)?;
    run.start()?;
    let (mut journal, lines) = Journal::open::<PairLine>(&run.journal())?;
    let mut done: BTreeMap<usize, PairLine> = lines.into_iter().map(|line| (line.at, line)).collect();
    // A line of a row that is not there any more cannot be: the data's hash is part of the settings.
    let waiting = samples.waiting(&done);
    let videos: Vec<&str> = waiting.iter().map(|(video, _)| *video).collect();
    let texts = samples.0.iter().flat_map(|(_, sample)| [sample.positive.as_str(), sample.negative.as_str()]);
    let captions = if videos.is_empty() { Captions::default() } else { Captions::embed(run, texts, events)? };
    let rule = run.settings().ties;
    let (mut missing, times) = run.for_each_video(&videos, events, |at, video| {
        let EmbeddedVideo { vector, facts, milliseconds, .. } = video;
        let mut lines = Vec::new();
        for (at, sample) in &waiting[at].1 {
            let pos_score = dot(&vector, captions.of(&sample.positive)?);
            let neg_score = dot(&vector, captions.of(&sample.negative)?);
            let judged = rule.judge(pos_score, neg_score);
            let (at, sample, clip) = (*at, (*sample).clone(), facts.clone());
            let (correct, tie) = (judged.correct, judged.tie);
            lines.push(PairLine { at, sample, pos_score, neg_score, correct, tie, clip, ms: milliseconds });
        }
        journal.append(&lines)?;
        done.extend(lines.into_iter().map(|line| (line.at, line)));
        Ok(())
    })?;
    for video in &mut missing {
        video.samples = waiting.iter().find(|(name, _)| *name == video.video).map_or(0, |(_, samples)| samples.len());
    }
    let lines: Vec<PairLine> = done.into_values().collect();
    finish(run, &lines, original, missing, times)
}

/// The samples of this part, with their positions in the data.
struct Selected(Vec<(usize, PairSample)>);

/// A video and the samples of it that have no scores yet.
type Waiting<'a> = (&'a str, Vec<(usize, &'a PairSample)>);

impl Selected {
    fn new(run: &Run<'_, impl Embedder>, mut samples: Vec<PairSample>) -> Result<Self> {
        if run.request().videos.is_some() {
            // Of the generated world the limit counts clips, which were drawn by it.
            samples.truncate(run.request().limit.unwrap_or(usize::MAX));
        }
        let mut ids = BTreeMap::new();
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let mut selected = Vec::new();
        for (at, sample) in samples.into_iter().enumerate() {
            if let Some(other) = ids.insert(sample.id.clone(), at) {
                let reason = format!("samples {other} and {at} have the same name; give files of different names");
                return Err(Error::InvalidInput { what: format!("sample \"{}\"", sample.id), reason });
            }
            let next = numbers.len();
            let number = *numbers.entry(sample.video.clone()).or_insert(next);
            if run.has(number) {
                selected.push((at, sample));
            }
        }
        Ok(Self(selected))
    }

    /// What is left to do, videos in the order of their first sample.
    fn waiting(&self, done: &BTreeMap<usize, PairLine>) -> Vec<Waiting<'_>> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut waiting: Vec<Waiting<'_>> = Vec::new();
        for (at, sample) in self.0.iter().filter(|(at, _)| !done.contains_key(at)) {
            let place = *places.entry(&sample.video).or_insert_with(|| {
                waiting.push((&sample.video, Vec::new()));
                waiting.len() - 1
            });
            waiting[place].1.push((*at, sample));
        }
        waiting
    }
}

/// Writes the journal in the data's order, and the results.
fn finish(
    run: &Run<'_, impl Embedder>,
    lines: &[PairLine],
    original: usize,
    missing: Vec<MissingVideo>,
    times: Times,
) -> Result<Outcome> {
    write_beside(&run.journal(), &to_bytes(lines, &run.journal())?)?;
    if run.request().velociti_csv {
        velociti_csv::write(&run.request().output.join("velociti"), lines)?;
    }
    let times = Times { total_seconds: run.seconds(), ..times };
    results(run.settings(), lines, original, missing, times).write(&run.request().output)
}

/// The results of lines in the data's order.
pub fn results(
    settings: &RunSettings,
    lines: &[PairLine],
    original: usize,
    missing: Vec<MissingVideo>,
    times: Times,
) -> Results {
    let mut results = Results::new(settings.clone(), original, lines.len(), missing, times);
    results.add_pairs(lines);
    for line in lines {
        results.see_clip(&line.sample.video, &line.clip);
    }
    results
}
