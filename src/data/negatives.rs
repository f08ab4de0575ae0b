//! The tables of negatives (section 4.2, A.2): for an attribute word or a predicate, words that cannot be true at the same
//! time. The built-in table covers every predicate of VidVRD, VidOR and the generated world and the words of three kinds
//! of attributes; it was written by rule and by hand and read line by line. A user's table takes its place whole.

use super::co_occurrence::CoOccurrence;
use super::label_text::LabelTexts;
use super::meaning::entails;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Words by the word they are negatives of.
pub type WordTable = BTreeMap<String, Vec<String>>;

/// What may stand in a negative text for what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Negatives {
    /// Tables of attribute words by kind ("color", "size", "position").
    pub attributes: BTreeMap<String, WordTable>,
    /// Negative predicates, in words, by label.
    pub predicates: WordTable,
    /// Labels that hold both ways ("next_to"): subject and object exchanged say the same.
    #[serde(default)]
    pub symmetric: BTreeSet<String>,
}

static BUILT_IN: LazyLock<Negatives> =
    // Cannot fail: a test reads it.
    LazyLock::new(|| Negatives::from_json(include_str!("negatives.json"), "negatives.json").unwrap_or_default());

impl Negatives {
    /// The built-in table.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// A user's table, in the layout of the built-in one (`negatives.json`): `{"attributes": {kind: {word: [words]}},
    /// "predicates": {label: [words]}, "symmetric": [labels]}`. `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::InvalidJson`]; [`Error::InvalidInput`] for a negative that is blank or that says the same as what it is to
    /// negate.
    pub fn from_json(json: &str, file: &str) -> Result<Self> {
        let table: Self = serde_json::from_str(json).map_err(Error::json(file))?;
        let texts = LabelTexts::default();
        let attributes = table.attributes.values().flatten().map(|(word, list)| (word.clone(), list));
        let predicates = table.predicates.iter().map(|(label, list)| (texts.text(label).into_owned(), list));
        for (words, list) in attributes.chain(predicates) {
            for negative in list {
                let wrong = if negative.trim().is_empty() {
                    "blank"
                } else if entails(&words, negative) {
                    "true wherever that is"
                } else {
                    continue;
                };
                let what = format!("negative \"{negative}\" of \"{words}\"");
                return Err(Error::InvalidInput { what, reason: format!("in {file} it is {wrong}") });
            }
        }
        Ok(table)
    }

    /// The table as a user's file.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] never happens for text keys; serde's signature has it.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(Error::json("negatives"))
    }

    /// Negatives of an attribute word; none for a word of no kind.
    #[must_use]
    pub fn of_attribute(&self, word: &str) -> &[String] {
        self.attributes.values().find_map(|table| table.get(word)).map_or(&[], Vec::as_slice)
    }

    /// The kind of an attribute word.
    #[must_use]
    pub fn kind(&self, word: &str) -> Option<&str> {
        self.attributes.iter().find(|(_, table)| table.contains_key(word)).map(|(kind, _)| kind.as_str())
    }

    /// Negatives of a predicate, in words.
    #[must_use]
    pub fn of_predicate(&self, label: &str) -> &[String] {
        self.predicates.get(label).map_or(&[], Vec::as_slice)
    }

    /// Takes out what the data contradicts: negatives that `seen` shows true of the same pair at the same time `minimum`
    /// times or more, as (label, negative); labels that it shows to hold both ways become symmetric.
    pub fn reject(&mut self, seen: &CoOccurrence, minimum: u64, texts: &LabelTexts) -> Vec<(String, String)> {
        let mut rejected = Vec::new();
        for (label, list) in &mut self.predicates {
            let together: Vec<_> =
                seen.companions(label).filter(|(_, n)| *n >= minimum).map(|(other, _)| texts.text(other)).collect();
            list.retain(|negative| {
                let contradicted = together.iter().any(|fact| entails(fact, negative));
                if contradicted {
                    rejected.push((label.clone(), negative.clone()));
                }
                !contradicted
            });
        }
        let mutual = self.predicates.keys().filter(|label| seen.mutual(label) >= minimum.max(1));
        self.symmetric.extend(mutual.cloned().collect::<Vec<_>>());
        rejected
    }
}

#[cfg(test)]
#[path = "tests/negatives.rs"]
mod tests;
