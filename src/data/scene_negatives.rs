//! Negatives of one graph's text (section 4.2): an attribute, a predicate, or who does it to whom is changed.
//!
//! Constraint: what is changed must become false of the video, and a table knows words, not the video. Solution: the same
//! words are looked up in [`Facts`], all that holds in the frames of the graph; a change that a fact makes true is not
//! made. Cost: a dog that bites one child keeps "dog bite child" out of every negative of these frames.

use super::meaning::{converse, entails};
use super::negatives::Negatives;
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
    /// Every attribute with a fitting negative is replaced by it, the same way wherever the object is told; `None` where
    /// none is.
    pub fn attribute_negative(&self, text: &SceneText, facts: &Facts, pick: Pick) -> Option<SceneText> {
        let mut chosen: BTreeMap<(u32, String), Option<String>> = BTreeMap::new();
        let mut replace = |phrase: &mut Phrase| {
            let Phrase { tid, attributes, noun } = phrase;
            for word in attributes {
                let choice = chosen.entry((*tid, word.clone())).or_insert_with(|| {
                    let list = self.of_attribute(word).iter();
                    take(list.filter(|negative| *negative != word && facts.lack(noun, negative)).collect(), pick)
                });
                if let Some(negative) = choice {
                    word.clone_from(negative);
                }
            }
        };
        let mut changed = text.clone();
        for sentence in &mut changed.sentences {
            replace(&mut sentence.subject);
            replace(&mut sentence.object);
        }
        different(changed, text)
    }

    /// Every predicate with a fitting negative is replaced by it; `None` where none is.
    pub fn predicate_negative(&self, text: &SceneText, facts: &Facts, pick: Pick) -> Option<SceneText> {
        let mut changed = text.clone();
        for sentence in &mut changed.sentences {
            let with = |predicate: &String| Sentence { predicate: predicate.clone(), ..sentence.clone() };
            let list = self.of_predicate(&sentence.label).iter();
            let fitting = list.filter(|negative| **negative != sentence.predicate && facts.refute(&with(negative)));
            if let Some(negative) = take(fitting.collect(), pick) {
                sentence.predicate = negative;
            }
        }
        different(changed, text)
    }

    /// Subject and object exchanged in every sentence whose predicate is not symmetric; `None` where that changes nothing.
    #[must_use]
    pub fn active_passive_negative(&self, text: &SceneText, facts: &Facts) -> Option<SceneText> {
        let mut changed = text.clone();
        for sentence in changed.sentences.iter_mut().filter(|sentence| !self.symmetric.contains(&sentence.label)) {
            let mut exchanged = sentence.clone();
            std::mem::swap(&mut exchanged.subject, &mut exchanged.object);
            if facts.refute(&exchanged) {
                *sentence = exchanged;
            }
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
