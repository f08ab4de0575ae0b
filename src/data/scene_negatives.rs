//! Negatives of one graph's text (section 4.2): an attribute, a predicate, or who does it to whom is changed.
//!
//! Constraint: what is changed must become false of the video, and a table knows words, not the video. Solution: the same
//! words are looked up in [`Facts`], all that holds in the frames of the graph; a change that a fact makes true is not
//! made. Cost: a dog that bites one child keeps "dog bite child" out of every negative of these frames.

use super::meaning::{converse, entails};
use super::negatives::Negatives;
use super::sample_choices::Replaced;
use super::scene_text::{Phrase, SceneText, Sentence};
use std::collections::BTreeMap;

/// Which of so many candidates is taken: `|_| 0` for the first, a seeded draw in training.
pub type Pick<'a> = &'a mut dyn FnMut(usize) -> usize;

/// What is true while a graph lasts.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    said: SceneText,
}

impl Facts {
    /// All of `said` is true ([`SceneText::during`]); nothing else is known.
    #[must_use]
    pub fn new(said: SceneText) -> Self {
        Self { said }
    }

    /// Whether no fact makes the sentence true.
    #[must_use]
    pub fn refute(&self, sentence: &Sentence) -> bool {
        let claim = &sentence.predicate;
        !self.said.sentences.iter().any(|fact| {
            let straight = fits(&sentence.subject, &fact.subject) && fits(&sentence.object, &fact.object);
            let turned = fits(&sentence.subject, &fact.object) && fits(&sentence.object, &fact.subject);
            straight && entails(&fact.predicate, claim)
                || turned && converse(&fact.predicate).is_some_and(|said| entails(said, claim))
        })
    }

    /// Whether nothing of this name is known to have the attribute.
    fn lack(&self, noun: &str, word: &str) -> bool {
        let phrases = self.said.sentences.iter().flat_map(|fact| [&fact.subject, &fact.object]);
        phrases.filter(|phrase| phrase.noun == noun).all(|phrase| phrase.attributes.iter().all(|own| own != word))
    }
}

/// Whether a description is true of what is known: a "dog" is any dog, a "red dog" one known to be red.
fn fits(description: &Phrase, known: &Phrase) -> bool {
    description.noun == known.noun && description.attributes.iter().all(|word| known.attributes.contains(word))
}

impl Negatives {
    /// Every attribute with a fitting negative (or one of them) is replaced by it, the same way wherever the object is told;
    /// `None` where none is.
    pub fn attribute_negative(
        &self,
        text: &SceneText,
        facts: &Facts,
        replaced: Replaced,
        pick: Pick,
    ) -> Option<SceneText> {
        let mut negatives: BTreeMap<(u32, &str), Option<String>> = BTreeMap::new();
        for Phrase { tid, attributes, noun } in text.sentences.iter().flat_map(|told| [&told.subject, &told.object]) {
            for word in attributes {
                negatives.entry((*tid, word)).or_insert_with(|| {
                    let list = self.of_attribute(word).iter();
                    take(list.filter(|negative| *negative != word && facts.lack(noun, negative)).collect(), pick)
                });
            }
        }
        let changes = negatives.into_iter().filter_map(|(word, negative)| Some((word, negative?))).collect();
        let changes: BTreeMap<(u32, &str), String> = replaced.of(changes, pick).into_iter().collect();
        let mut changed = text.clone();
        for phrase in changed.sentences.iter_mut().flat_map(|told| [&mut told.subject, &mut told.object]) {
            for word in &mut phrase.attributes {
                let negative = changes.get(&(phrase.tid, word.as_str())).cloned();
                negative.into_iter().for_each(|negative| *word = negative);
            }
        }
        different(changed, text)
    }

    /// Every predicate with a fitting negative (or one of them) is replaced by it; `None` where none is.
    pub fn predicate_negative(
        &self,
        text: &SceneText,
        facts: &Facts,
        replaced: Replaced,
        pick: Pick,
    ) -> Option<SceneText> {
        let mut changes = Vec::new();
        for (at, sentence) in text.sentences.iter().enumerate() {
            let with = |predicate: &String| Sentence { predicate: predicate.clone(), ..sentence.clone() };
            let list = self.of_predicate(&sentence.label).iter();
            let fitting = list.filter(|negative| **negative != sentence.predicate && facts.refute(&with(negative)));
            changes.extend(take(fitting.collect(), pick).map(|negative| (at, negative)));
        }
        let mut changed = text.clone();
        for (at, negative) in replaced.of(changes, pick) {
            changed.sentences[at].predicate = negative;
        }
        different(changed, text)
    }

    /// Subject and object exchanged in every sentence whose predicate is not symmetric (or in one of them); `None` where
    /// that changes nothing.
    pub fn active_passive_negative(
        &self,
        text: &SceneText,
        facts: &Facts,
        replaced: Replaced,
        pick: Pick,
    ) -> Option<SceneText> {
        let exchanged = |(at, sentence): (usize, &Sentence)| {
            let mut exchanged = sentence.clone();
            std::mem::swap(&mut exchanged.subject, &mut exchanged.object);
            (!self.symmetric.contains(&sentence.label) && facts.refute(&exchanged)).then_some((at, exchanged))
        };
        let changes = text.sentences.iter().enumerate().filter_map(exchanged).collect();
        let mut changed = text.clone();
        for (at, exchanged) in replaced.of(changes, pick) {
            changed.sentences[at] = exchanged;
        }
        different(changed, text)
    }
}

fn take(candidates: Vec<&String>, pick: Pick) -> Option<String> {
    if candidates.is_empty() {
        return None;
    }
    candidates.get(pick(candidates.len())).map(|words| (*words).clone())
}

fn different(changed: SceneText, text: &SceneText) -> Option<SceneText> {
    (changed.to_string() != text.to_string()).then_some(changed)
}

#[cfg(test)]
#[path = "tests/scene_negatives.rs"]
mod tests;
