//! What one training step sees of one annotated video: frames to decode, what is to be found in each, and its texts.
//! Everything but the pixels; all of it follows from the graph and a seed.

use super::label_text::LabelTexts;
use super::negatives::Negatives;
use super::sample_choices::{MissingNegatives, SampleChoices, Targets, Templates};
use super::scene_negatives::Facts;
use super::scene_text::SceneText;
use super::temporal::TEMPORAL_TEMPLATES;
use crate::graph::{
    ClipGraph, Interval, Spans, Target, Triplet, VideoGraph, draw_triple, sample_frames, segment_middles,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How samples are drawn.
#[derive(Debug, Clone)]
pub struct SampleRules {
    /// T': frames a sample.
    pub frames: usize,
    /// What "O spans F and B" means.
    pub spans: Spans,
    /// Labels in words.
    pub texts: LabelTexts,
    /// Whether the visual branch's classes are told with the object's colour, where it is known ("red robot"): classes
    /// are open, and a small model knows colours long before shapes. The paper's are the bare labels.
    pub colored_classes: bool,
    /// The tables of negatives.
    pub negatives: Negatives,
    /// What the paper leaves open.
    pub choices: SampleChoices,
}

impl SampleRules {
    /// The defaults with `frames` frames a sample (8 for `ViCLIP`, 4 for `InternVideo2`).
    #[must_use]
    pub fn new(frames: usize) -> Self {
        let negatives = Negatives::built_in().clone();
        Self {
            frames,
            spans: Spans::default(),
            texts: LabelTexts::default(),
            colored_classes: false,
            negatives,
            choices: SampleChoices::default(),
        }
    }
}

/// A triplet to be found in a frame, classes in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleTarget {
    /// Subject's class.
    pub subject: String,
    /// Predicate.
    pub predicate: String,
    /// Object's class.
    pub object: String,
    /// `[4]`: centre x, centre y, width, height, in parts of the frame.
    pub subject_box: [f32; 4],
    /// `[4]`: as `subject_box`.
    pub object_box: [f32; 4],
}

/// The texts of a sample; a negative that cannot be made is absent and left out of the loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleTexts {
    /// G_O in words.
    pub positive: String,
    /// With other attributes.
    pub attribute: Option<String>,
    /// With other predicates.
    pub predicate: Option<String>,
    /// With subjects and objects exchanged.
    pub active_passive: Option<String>,
    /// Position of the drawn template in [`TEMPORAL_TEMPLATES`].
    pub template: usize,
    /// G_F before G_B.
    pub temporal: String,
    /// G_B before G_F; absent where that is true too.
    pub temporal_negative: Option<String>,
    /// Both orders in the other templates, where all are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_templates: Vec<OrderTexts>,
}

/// An order of events and its opposite, in one template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTexts {
    /// G_F before G_B.
    pub temporal: String,
    /// G_B before G_F; absent where that is true too.
    pub temporal_negative: Option<String>,
}

impl SampleTexts {
    /// Whether no negative is missing.
    const fn is_complete(&self) -> bool {
        self.attribute.is_some()
            && self.predicate.is_some()
            && self.active_passive.is_some()
            && self.temporal_negative.is_some()
    }

    /// The order of events in every template that was asked for, each beside its opposite.
    pub fn orders(&self) -> impl Iterator<Item = (&String, Option<&String>)> {
        let others = self.other_templates.iter();
        std::iter::once((&self.temporal, self.temporal_negative.as_ref()))
            .chain(others.map(|order| (&order.temporal, order.temporal_negative.as_ref())))
    }
}

/// Draws of one video for a sample with every negative, where these are asked for ([`MissingNegatives::Resampled`]).
const RESAMPLES: usize = 16;

/// One video's part of a training step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphSample {
    /// The video.
    pub video_id: String,
    /// `[T']`: frames to decode, ascending.
    pub frames: Vec<u32>,
    /// `[T'][triplets]`: for each frame, every triplet alive in it whose boxes are known.
    pub targets: Vec<Vec<SampleTarget>>,
    /// The texts.
    pub texts: SampleTexts,
}

impl GraphSample {
    /// Draws a sample; `None` for a video without an (F, B, O).
    #[must_use]
    pub fn draw(graph: &VideoGraph, rules: &SampleRules, seed: u64) -> Option<Self> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let clips = graph.clips();
        let first = Self::draw_once(graph, &clips, rules, &mut rng)?;
        if rules.choices.missing_negatives == MissingNegatives::LeftOut || first.texts.is_complete() {
            return Some(first);
        }
        let complete = |sample: &Self| sample.texts.is_complete();
        let again = (1..RESAMPLES).filter_map(|_| Self::draw_once(graph, &clips, rules, &mut rng)).find(complete);
        again.or(Some(first))
    }

    fn draw_once(graph: &VideoGraph, clips: &[ClipGraph], rules: &SampleRules, rng: &mut Pcg64Mcg) -> Option<Self> {
        let intervals: Vec<Interval> = clips.iter().map(|clip| clip.interval).collect();
        let triple = draw_triple(&intervals, rules.spans, rng)?;
        let frames = sample_frames(&intervals, triple, rules.frames)?.frames;
        let told = [triple.front, triple.back, triple.over].map(|at| &clips[at]);
        let targets = frames.iter().map(|frame| targets(graph, *frame, rules, told)).collect();
        let texts = rules.tell(graph, told, rng);
        Some(Self { video_id: graph.video_id.clone(), frames, targets, texts })
    }

    /// A sample of the whole video, with no order of events to learn: for one without an (F, B, O), such as a clip of which
    /// a single frame is annotated. `None` for a graph without relations.
    #[must_use]
    pub fn whole(graph: &VideoGraph, rules: &SampleRules, seed: u64) -> Option<Self> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let interval = Interval::new(0, graph.frame_count);
        let told: BTreeSet<Triplet> = graph
            .relations
            .iter()
            .map(|r| Triplet { subject: r.subject, predicate: r.predicate.clone(), object: r.object })
            .collect();
        let over = ClipGraph { interval, triplets: told.into_iter().collect() };
        if over.triplets.is_empty() {
            return None;
        }
        let frames = segment_middles(interval, rules.frames);
        let told = [&over, &over, &over];
        let targets = frames.iter().map(|frame| targets(graph, *frame, rules, told)).collect();
        let texts = rules.tell(graph, told, &mut rng);
        Some(Self { video_id: graph.video_id.clone(), frames, targets, texts })
    }
}

/// What is to be found in a frame of a sample that is told of by three graphs.
fn targets(graph: &VideoGraph, frame: u32, rules: &SampleRules, told: [&ClipGraph; 3]) -> Vec<SampleTarget> {
    let class = |tid: u32, label: &str| {
        let words = rules.texts.text(label);
        let color = graph.track(tid).and_then(|track| track.attributes.get("color"));
        match color.filter(|_| rules.colored_classes) {
            Some(color) => format!("{color} {words}"),
            None => words.into_owned(),
        }
    };
    let wanted = |target: &Target<'_>| {
        let same = |t: &Triplet| {
            (t.subject, t.predicate.as_str(), t.object) == (target.subject, target.predicate, target.object)
        };
        rules.choices.targets == Targets::Frame || told.iter().any(|graph| graph.triplets.iter().any(same))
    };
    let found = graph.targets(frame).into_iter().filter(wanted).map(|target| SampleTarget {
        subject: class(target.subject, target.subject_class),
        predicate: rules.texts.text(target.predicate).into_owned(),
        object: class(target.object, target.object_class),
        subject_box: target.subject_box,
        object_box: target.object_box,
    });
    found.collect()
}

/// The entity classes and the predicates of a batch, each once, sorted: the classes that the visual branch tells apart.
#[must_use]
pub fn unique_labels(samples: &[GraphSample]) -> (Vec<String>, Vec<String>) {
    let targets = || samples.iter().flat_map(|sample| sample.targets.iter().flatten());
    let entities: BTreeSet<&String> = targets().flat_map(|target| [&target.subject, &target.object]).collect();
    let predicates: BTreeSet<&String> = targets().map(|target| &target.predicate).collect();
    (entities.into_iter().cloned().collect(), predicates.into_iter().cloned().collect())
}

impl SampleRules {
    fn tell(&self, graph: &VideoGraph, [front, back, over]: [&ClipGraph; 3], rng: &mut Pcg64Mcg) -> SampleTexts {
        let [f, b, o] = [front, back, over].map(|clip| SceneText::of(graph, &clip.triplets, &self.texts));
        let facts = Facts::new(SceneText::during(graph, over.interval, &self.texts));
        // u64: the same draw where pointers have 32 bits.
        let mut pick = |count: usize| rng.random_range(0..count as u64) as usize;
        let template = pick(TEMPORAL_TEMPLATES.len());
        let replaced = self.choices.replaced;
        let attribute = self.negatives.attribute_negative(&o, &facts, replaced, &mut pick);
        let predicate = self.negatives.predicate_negative(&o, &facts, replaced, &mut pick);
        let active_passive = self.negatives.active_passive_negative(&o, &facts, replaced, &mut pick);
        let told = |text: Option<SceneText>| text.map(|text| text.to_string());
        let reversed_holds = comes_before(graph, &back.triplets, &front.triplets);
        let order = |template: usize| {
            let [temporal, reversed] =
                [(&f, &b), (&b, &f)].map(|(one, two)| TEMPORAL_TEMPLATES[template].fill(one, two));
            let is_false = reversed != temporal && !reversed_holds;
            OrderTexts { temporal, temporal_negative: is_false.then_some(reversed) }
        };
        let others =
            (0..TEMPORAL_TEMPLATES.len()).filter(|at| self.choices.templates == Templates::All && *at != template);
        let other_templates = others.map(order).collect();
        let OrderTexts { temporal, temporal_negative } = order(template);
        SampleTexts {
            positive: o.to_string(),
            attribute: told(attribute),
            predicate: told(predicate),
            active_passive: told(active_passive),
            template,
            temporal,
            temporal_negative,
            other_templates,
        }
    }
}

/// Whether at some frame all of `first` holds and at a later one all of `second`, by classes: another dog that does the
/// same makes a text true as well.
fn comes_before(graph: &VideoGraph, first: &[Triplet], second: &[Triplet]) -> bool {
    let class = |tid: u32| graph.track(tid).map(|track| track.category.as_str());
    let holds = |triplets: &[Triplet], frame: u32| {
        triplets.iter().all(|t| {
            graph.relations.iter().any(|r| {
                r.interval().has(frame)
                    && r.predicate == t.predicate
                    && class(r.subject) == class(t.subject)
                    && class(r.object) == class(t.object)
            })
        })
    };
    let earliest = (0..graph.frame_count).find(|frame| holds(first, *frame));
    earliest.is_some_and(|earliest| (earliest + 1..graph.frame_count).rev().any(|frame| holds(second, frame)))
}

#[cfg(test)]
#[path = "tests/graph_sample.rs"]
mod tests;
