//! What a run learns from: clips at the model's size with captions or graphs, and their file, from which a run goes on that a
//! reload cut off.

use crate::config::PreprocessConfig;
use crate::data::annotation::Annotation;
use crate::data::{DrawnGraph, GraphSample, Negatives, SampleRules, SeededOrder, sample_seed};
use crate::error::{Error, Result};
use crate::graph::VideoGraph;
use crate::nn::mix;
use crate::video::Frames;
use crate::world::action::Predicate;
use crate::world::kind::Kind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Different samples (frames, texts) that are drawn of an annotated clip, one of them each time it is seen.
const DRAWS: u64 = 4;

/// One clip to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct FineTuneSample {
    /// Resized frames, `[frames, side, side, 3]`: those to be seen, or of an annotated clip those of all its draws.
    pub frames: Frames,
    /// What is said of it.
    pub lesson: Lesson,
    /// Whether it is tested on and not trained on; by chance where it does not say.
    pub held_out: Option<bool>,
}

/// What is said of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lesson {
    /// A caption that fits and some that nearly do.
    Caption {
        /// True of the clip.
        caption: String,
        /// False of it.
        near_misses: Vec<String>,
    },
    /// Samples drawn of its scene graph; their frames are positions in [`FineTuneSample::frames`].
    Graph(Vec<GraphSample>),
}

/// Samples drawn of an annotated clip before its frames are there.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphPlan {
    /// Frames of the clip to decode, ascending, each once.
    pub frames: Vec<u32>,
    draws: Vec<GraphSample>,
}

impl GraphPlan {
    /// Plans for a document in VidOR's or VidVRD's layout. `clip_frames` is how many frames the clip has.
    ///
    /// # Errors
    /// [`Error::InvalidJson`]; [`Error::InvalidInput`] for a graph without relations, and for a clip that is shorter than its
    /// graph.
    pub fn of_document(json: &str, model_frames: usize, clip_frames: usize, seed: u64) -> Result<Self> {
        let Annotation { graph, .. } = Annotation::parse(json.as_bytes(), "the scene graph")?;
        let plan = Self::draw(&graph, model_frames, seed)?;
        plan.check_length(clip_frames)?;
        Ok(plan)
    }

    /// Plans for what was drawn by hand.
    ///
    /// # Errors
    /// [`Error::InvalidJson`]; those of [`DrawnGraph::graph`]; [`Error::InvalidInput`] for a frame that the clip has not.
    pub fn of_drawn(json: &str, model_frames: usize, clip_frames: usize, seed: u64) -> Result<Self> {
        let drawn: DrawnGraph = serde_json::from_str(json).map_err(Error::json("what was drawn"))?;
        let places = drawn.clip_frames();
        let mut plan = Self::draw(&drawn.graph("drawn")?, model_frames, seed)?;
        plan.frames = plan.frames.iter().map(|frame| places[*frame as usize]).collect();
        plan.check_length(clip_frames)?;
        Ok(plan)
    }

    fn draw(graph: &VideoGraph, model_frames: usize, seed: u64) -> Result<Self> {
        let negatives = if is_worlds(graph) { Negatives::of_world() } else { Negatives::built_in().clone() };
        let rules = SampleRules { negatives, ..SampleRules::new(model_frames) };
        let draw = |at: u64| {
            let seed = sample_seed(seed, 0, at);
            GraphSample::draw(graph, &rules, seed).or_else(|| GraphSample::whole(graph, &rules, seed))
        };
        let mut draws: Vec<GraphSample> = (0..DRAWS).filter_map(draw).collect();
        if draws.is_empty() {
            let reason = "it has no relation; there is nothing to learn from".to_owned();
            return Err(Error::InvalidInput { what: "scene graph".to_owned(), reason });
        }
        let frames: BTreeSet<u32> = draws.iter().flat_map(|draw| draw.frames.iter().copied()).collect();
        let places: BTreeMap<u32, u32> = frames.iter().copied().zip(0..).collect();
        for frame in draws.iter_mut().flat_map(|draw| &mut draw.frames) {
            *frame = places[&*frame];
        }
        Ok(Self { frames: frames.into_iter().collect(), draws })
    }

    fn check_length(&self, clip_frames: usize) -> Result<()> {
        match self.frames.last() {
            Some(last) if *last as usize >= clip_frames => {
                let reason =
                    format!("it tells of frame {last}, the clip has {clip_frames} frames; is it another clip's?");
                Err(Error::InvalidInput { what: "scene graph".to_owned(), reason })
            }
            _ => Ok(()),
        }
    }

    /// The sample, with the frames of [`Self::frames`] resized.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for another number of frames.
    pub fn with_frames(self, frames: Frames, held_out: Option<bool>) -> Result<FineTuneSample> {
        if frames.count() != self.frames.len() {
            let reason = format!("{} of its {} frames were read", frames.count(), self.frames.len());
            return Err(Error::InvalidInput { what: "annotated clip".to_owned(), reason });
        }
        Ok(FineTuneSample { frames, lesson: Lesson::Graph(self.draws), held_out })
    }
}

/// Whether a graph speaks the generated world's language, whose models know no other words.
fn is_worlds(graph: &VideoGraph) -> bool {
    graph.tracks.iter().all(|track| Kind::ALL.iter().any(|kind| kind.name() == track.category))
        && graph.relations.iter().all(|relation| Predicate::named(&relation.predicate).is_some())
}

/// Samples in two parts.
#[derive(Debug, Clone)]
pub(super) struct Parted {
    pub trained: Vec<FineTuneSample>,
    pub held_out: Vec<FineTuneSample>,
}

impl Parted {
    /// Holds out those that say so, and `share` of those that do not say.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where nothing is left to train on, and for clips of another size than the model's.
    pub fn of(samples: Vec<FineTuneSample>, share: f64, seed: u64, preprocess: &PreprocessConfig) -> Result<Self> {
        for sample in &samples {
            sample.check(preprocess)?;
        }
        let open = samples.iter().filter(|sample| sample.held_out.is_none()).count();
        let mut chosen = BTreeSet::new();
        let count = (share * open as f64).round() as usize;
        if count > 0 && count < open {
            let mut order = SeededOrder::new(open, mix(seed, "held out"))?;
            chosen.extend((0..count).map(|_| order.advance().index));
        }
        let mut at = 0;
        let (mut trained, mut held_out) = (Vec::new(), Vec::new());
        for sample in samples {
            let held = sample.held_out.unwrap_or_else(|| {
                at += 1;
                chosen.contains(&(at - 1))
            });
            if held { held_out.push(sample) } else { trained.push(sample) }
        }
        if trained.is_empty() {
            let reason = "there is none to train on; give at least one that is not held out".to_owned();
            return Err(Error::InvalidInput { what: "samples".to_owned(), reason });
        }
        Ok(Self { trained, held_out })
    }
}

impl FineTuneSample {
    fn check(&self, preprocess: &PreprocessConfig) -> Result<()> {
        let side = preprocess.image_size;
        let refuse = |reason: String| Err(Error::InvalidInput { what: "sample".to_owned(), reason });
        if (self.frames.width, self.frames.height) != (side, side) {
            let (width, height) = (self.frames.width, self.frames.height);
            return refuse(format!("its frames are {width} x {height}, the model takes {side} x {side}"));
        }
        let expected = |count: usize| format!("it has {} frames, {count} are needed", self.frames.count());
        match &self.lesson {
            Lesson::Caption { .. } if self.frames.count() != preprocess.frames => refuse(expected(preprocess.frames)),
            Lesson::Caption { caption, near_misses } => {
                match std::iter::once(caption).chain(near_misses).position(|text| text.trim().is_empty()) {
                    Some(index) => Err(Error::EmptyCaption { index }),
                    None => Ok(()),
                }
            }
            Lesson::Graph(draws) => {
                let used = draws.iter().flat_map(|draw| &draw.frames).max().map_or(1, |last| *last as usize + 1);
                let lengths = draws.iter().all(|draw| draw.frames.len() == preprocess.frames);
                if draws.is_empty() || !lengths || used > self.frames.count() {
                    return refuse(expected(used.max(preprocess.frames)));
                }
                Ok(())
            }
        }
    }

    /// Resized frames of one sight of the clip, `[frames, side, side, 3]`.
    pub(super) fn sight(&self, draw: usize) -> Vec<u8> {
        let size = self.frames.width * self.frames.height * 3;
        match &self.lesson {
            Lesson::Caption { .. } => self.frames.data.clone(),
            Lesson::Graph(draws) => {
                let frames = draws[draw].frames.iter();
                frames
                    .flat_map(|at| &self.frames.data[*at as usize * size..(*at as usize + 1) * size])
                    .copied()
                    .collect()
            }
        }
    }
}
