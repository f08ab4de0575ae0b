//! A scene graph flattened into sentences (section 4.2): "thin adult sitting on floor. adult holding thin stick".

use super::label_text::LabelTexts;
use crate::graph::{Interval, Track, Triplet, VideoGraph};
use std::fmt;

/// An object of the graph in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Its track id.
    pub tid: u32,
    /// Attribute words, in the order in which they are told.
    pub attributes: Vec<String>,
    /// Its class in words.
    pub noun: String,
}

/// A triplet in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Who.
    pub subject: Phrase,
    /// The predicate as labelled: what the tables of negatives know it by.
    pub label: String,
    /// The predicate in words; in a negative, other words than the label's.
    pub predicate: String,
    /// To whom.
    pub object: Phrase,
}

/// A graph in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SceneText {
    /// A sentence a triplet.
    pub sentences: Vec<Sentence>,
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.attributes.iter().try_for_each(|word| write!(f, "{word} "))?;
        f.write_str(&self.noun)
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {} {}", self.subject, self.predicate, self.object)
    }
}

impl fmt::Display for SceneText {
    /// Sentences with ". " between them, no period at the end.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (at, sentence) in self.sentences.iter().enumerate() {
            let between = if at == 0 { "" } else { ". " };
            write!(f, "{between}{sentence}")?;
        }
        Ok(())
    }
}

/// Kinds of attributes in the order in which English tells them; others follow.
const ATTRIBUTE_ORDER: [&str; 3] = ["position", "size", "color"];

impl Phrase {
    fn of(track: &Track, texts: &LabelTexts) -> Self {
        let first = ATTRIBUTE_ORDER.iter().filter_map(|kind| track.attributes.get(*kind));
        let others = track.attributes.iter().filter(|(kind, _)| !ATTRIBUTE_ORDER.contains(&kind.as_str()));
        let attributes = first.chain(others.map(|(_, word)| word)).cloned().collect();
        Self { tid: track.tid, attributes, noun: texts.text(&track.category).into_owned() }
    }
}

impl SceneText {
    /// These triplets of a graph; one whose track the graph lacks is left out.
    #[must_use]
    pub fn of(graph: &VideoGraph, triplets: &[Triplet], texts: &LabelTexts) -> Self {
        let sentence = |triplet: &Triplet| {
            Some(Sentence {
                subject: Phrase::of(graph.track(triplet.subject)?, texts),
                label: triplet.predicate.clone(),
                predicate: texts.text(&triplet.predicate).into_owned(),
                object: Phrase::of(graph.track(triplet.object)?, texts),
            })
        };
        Self { sentences: triplets.iter().filter_map(sentence).collect() }
    }

    /// Everything that holds in some frame of an interval.
    #[must_use]
    pub fn during(graph: &VideoGraph, interval: Interval, texts: &LabelTexts) -> Self {
        let alive = graph.relations.iter().filter(|relation| relation.interval().overlap(interval).is_some());
        let triplets: Vec<Triplet> =
            alive.map(|r| Triplet { subject: r.subject, predicate: r.predicate.clone(), object: r.object }).collect();
        Self::of(graph, &triplets, texts)
    }
}
