//! Classes recognised without training on them: a clip against all classes, each told in sixteen prompts.

use super::EmbeddedVideo;
use super::captions::Captions;
use super::facts::ClipFacts;
use super::results::{MissingVideo, Results, Times};
use super::settings::RunSettings;
use crate::data::benchmark::ClassSet;
use crate::error::Result;
use crate::eval::scores::dot;
use crate::eval::{ClassRank, Judged, KINETICS_PROMPTS, PromptMean, ZeroShot};
use crate::platform::parallel_map;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Classes told beside the right one.
const BEST: usize = 5;

/// A clip's result: a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassLine {
    /// Position in the data, counted from 0.
    pub at: usize,
    /// The sample's name: its row's number and video.
    pub id: String,
    /// The video as its row names it.
    pub video: String,
    /// Its class.
    pub kind: String,
    /// Whether its class is the best, ties being wrong.
    pub correct: bool,
    /// Whether equal scores leave its rank open.
    pub tie: bool,
    /// Its rank by the mean cosine with a class's prompts.
    pub rank: ClassRank,
    /// Its rank by the cosine with the mean of a class's prompts (`CLIP_benchmark`).
    pub rank_unit_mean: ClassRank,
    /// The five best classes.
    pub best: Vec<String>,
    /// What the clip's embedding was made from.
    pub clip: ClipFacts,
    /// Milliseconds of decoding and embedding.
    pub ms: f64,
}

/// Vectors `[classes][dim]`, both readings of several prompts.
#[derive(Debug)]
pub struct Classes {
    plain: Vec<Vec<f32>>,
    unit: Vec<Vec<f32>>,
}

/// The positions of the clips that a run is about.
pub fn selected<'a>(settings: &'a RunSettings, set: &ClassSet) -> impl Iterator<Item = usize> + use<'a> {
    (0..set.videos.len().min(settings.limit.unwrap_or(usize::MAX))).filter(move |at| settings.has(*at))
}

/// The texts that a set's classes are told in: each class in all prompts.
pub fn prompts(set: &ClassSet) -> Vec<String> {
    let prompts = |class: &String| KINETICS_PROMPTS.map(|prompt| prompt.replace("{}", class));
    set.classes.iter().flat_map(prompts).collect()
}

impl Classes {
    /// Of the embeddings of [`prompts`].
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where one was not embedded.
    pub fn new(set: &ClassSet, captions: &Captions) -> Result<Self> {
        let vectors: Result<Vec<Vec<f32>>> = prompts(set).iter().map(|text| Ok(captions.of(text)?.to_vec())).collect();
        let vectors = vectors?;
        let means = |mean: PromptMean| {
            let classes: Vec<&[Vec<f32>]> = vectors.chunks(KINETICS_PROMPTS.len()).collect();
            parallel_map(classes, move |prompts| mean.of(prompts))
        };
        Ok(Self { plain: means(PromptMean::Plain), unit: means(PromptMean::Unit) })
    }

    /// The line of the sample at position `at` of the data.
    #[must_use]
    pub fn line(&self, set: &ClassSet, at: usize, video: EmbeddedVideo) -> ClassLine {
        let (name, label) = &set.videos[at];
        let scores =
            |vectors: &[Vec<f32>]| -> Vec<f32> { vectors.iter().map(|class| dot(&video.vector, class)).collect() };
        let (plain, unit) = (scores(&self.plain), scores(&self.unit));
        let rank = ClassRank::of(&plain, *label);
        ClassLine {
            at,
            id: format!("{}:{name}", at + 1),
            video: name.clone(),
            kind: set.classes[*label].clone(),
            correct: rank.pessimistic == 0,
            tie: rank.is_tied(),
            rank,
            rank_unit_mean: ClassRank::of(&unit, *label),
            best: best(&plain).into_iter().map(|class| set.classes[class].clone()).collect(),
            clip: video.facts,
            ms: video.milliseconds,
        }
    }
}

/// The best classes, the earlier of equals first.
fn best(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    order.truncate(BEST);
    order
}

/// The results of lines in the data's order.
pub fn results(
    settings: &RunSettings,
    original: usize,
    lines: &[ClassLine],
    missing: Vec<MissingVideo>,
    times: Times,
) -> Results {
    let mut results = Results::new(settings.clone(), original, lines.len(), missing, times);
    add_classes(&mut results, lines);
    results
}

/// Rows and numbers of recognised clips, in the data's order.
fn add_classes(results: &mut Results, lines: &[ClassLine]) {
    let names: BTreeMap<&str, usize> = lines
        .iter()
        .map(|line| line.kind.as_str())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .zip(0..)
        .collect();
    let mut plain = ZeroShot::new(names.len());
    let mut unit = ZeroShot::new(names.len());
    for line in lines {
        let label = names.get(line.kind.as_str()).copied().unwrap_or_default();
        plain.add(line.rank, label);
        unit.add(line.rank_unit_mean, label);
        results.see_clip(&line.video, &line.clip);
    }
    let judged = |line: &ClassLine, within: usize| Judged { correct: line.rank.pessimistic < within, tie: line.tie };
    results.add_group("all", lines.iter().map(|line| (judged(line, 1), line.video.as_str())));
    results.add_group("top5", lines.iter().map(|line| (judged(line, 5), line.video.as_str())));
    let (top1, top5) = (plain.top1.accuracy(), plain.top5.accuracy());
    let metrics = [
        ("acc1", top1),
        ("acc5", top5),
        ("mean_of_top1_and_top5", f64::midpoint(top1, top5)),
        ("mean_per_class_recall", plain.mean_per_class_recall()),
        ("acc1_unit_mean", unit.top1.accuracy()),
        ("acc5_unit_mean", unit.top5.accuracy()),
    ];
    results.metrics.extend(metrics.map(|(name, value)| (name.to_owned(), value)));
}
