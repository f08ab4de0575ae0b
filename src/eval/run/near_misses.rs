//! Pairs of captions: which of two fits the clip.

use super::captions::Captions;
use super::facts::{ClipFacts, world_name};
use super::results::{MissingVideo, Results, Times};
use super::settings::{Question, RunSettings};
use super::{EmbeddedVideo, Task};
use crate::data::benchmark::{DataFile, PairSample, Purpose, read_pairs};
use crate::error::{Error, Result};
use crate::eval::scores::dot;
use crate::platform::parallel_map;
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
    /// Score of the clip and the positive caption ([`RunSettings::score`]).
    pub pos_score: f32,
    /// Score of the clip and the negative caption.
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

/// All pairs that a question is about, of its data files or of the generated world.
///
/// # Errors
/// Those of [`read_pairs`]; [`Error::UnknownName`] for a split that the generated world has not;
/// [`Error::InvalidInput`] for a task that is no such question.
pub fn samples(question: &Question, files: &[DataFile]) -> Result<Vec<PairSample>> {
    match question.task {
        Task::Pairs(task) => read_pairs(task, files, &question.split, Purpose::Evaluation),
        Task::World => of_world(&question.split, question.limit),
        Task::Retrieval(_) | Task::Kinetics => {
            let reason = "it has no pairs; this is a fault of sgcr".to_owned();
            Err(Error::InvalidInput { what: format!("task {}", question.task), reason })
        }
    }
}

/// The near misses of the generated world's clips, from the first of the split.
fn of_world(name: &str, limit: Option<usize>) -> Result<Vec<PairSample>> {
    let (level, split) = Level::split_named(name).ok_or_else(|| Error::UnknownName {
        kind: "split of the generated world",
        name: name.to_owned(),
        known: Level::split_names(),
    })?;
    let clips: Vec<u64> = (0..limit.unwrap_or(WORLD_CLIPS) as u64).collect();
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

/// The samples of a run's part of the data, with their positions in it.
#[derive(Debug)]
pub struct Selected(Vec<(usize, PairSample)>);

/// A video and the samples of it that have no scores yet.
type Waiting<'a> = (&'a str, Vec<(usize, &'a PairSample)>);

impl Selected {
    /// Picks them.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where two have one name.
    pub fn new(settings: &RunSettings, mut samples: Vec<PairSample>) -> Result<Self> {
        if settings.task != Task::World {
            // Of the generated world the limit counts clips, which were drawn by it.
            samples.truncate(settings.limit.unwrap_or(usize::MAX));
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
            if settings.has(number) {
                selected.push((at, sample));
            }
        }
        Ok(Self(selected))
    }

    /// Both captions of every sample.
    pub fn captions(&self) -> impl Iterator<Item = &str> {
        self.all().iter().flat_map(|(_, sample)| [sample.positive.as_str(), sample.negative.as_str()])
    }

    /// Every sample with its position in the data.
    pub fn all(&self) -> &[(usize, PairSample)] {
        &self.0
    }

    /// What is left to do, videos in the order of their first sample.
    pub fn waiting(&self, done: &BTreeMap<usize, PairLine>) -> Vec<Waiting<'_>> {
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

/// The lines of an embedded video's samples, given with their positions in the data.
///
/// # Errors
/// [`Error::InvalidInput`] where a caption was not embedded.
pub fn lines<'a>(
    settings: &RunSettings,
    samples: impl IntoIterator<Item = (usize, &'a PairSample)>,
    video: &EmbeddedVideo,
    captions: &Captions,
) -> Result<Vec<PairLine>> {
    let cosine = |caption: &str| -> Result<f32> { Ok(dot(&video.vector, captions.of(caption)?)) };
    scored_lines(settings, samples, (&video.facts, video.milliseconds), cosine)
}

/// The lines of samples whose captions `score` scores with a clip, of which are known the facts and the milliseconds it took.
///
/// # Errors
/// Those of `score`.
pub fn scored_lines<'a>(
    settings: &RunSettings,
    samples: impl IntoIterator<Item = (usize, &'a PairSample)>,
    (facts, ms): (&ClipFacts, f64),
    score: impl Fn(&str) -> Result<f32>,
) -> Result<Vec<PairLine>> {
    let line = |(at, sample): (usize, &PairSample)| {
        let (pos_score, neg_score) = (score(&sample.positive)?, score(&sample.negative)?);
        let judged = settings.ties.judge(pos_score, neg_score);
        let (sample, clip) = (sample.clone(), facts.clone());
        Ok(PairLine { at, sample, pos_score, neg_score, correct: judged.correct, tie: judged.tie, clip, ms })
    };
    samples.into_iter().map(line).collect()
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
