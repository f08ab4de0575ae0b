//! The attribute words of one caption: its words, their classes by a part-of-speech tagger, and what the grammar of
//! `phrase` makes of them.

use super::phrase::{Class, Told, Word, attributes};
use crate::data::negatives::Negatives;
use english_pos_tagger::Tagger;
use std::collections::BTreeMap;

/// Adjectives of the built-in table that the tagger's lexicon lacks.
const UNKNOWN_TO_THE_TAGGER: [&str; 24] = [
    "beige",
    "chubby",
    "compact",
    "crimson",
    "cyan",
    "grey",
    "lavender",
    "magenta",
    "maroon",
    "miniature",
    "navy",
    "olive",
    "scarlet",
    "skinny",
    "slender",
    "slim",
    "tan",
    "teal",
    "turquoise",
    "upright",
    "upside-down",
    "violet",
    "foreground",
    "coloured",
];
/// What a compound of words may end in and still be of the whole object: "rust-colored", "left-hand".
const WHOLE: [&str; 5] = ["colored", "coloured", "sized", "hand", "side"];

/// Takes the attribute words out of captions.
pub struct AttributeTagger {
    tagger: Tagger,
    /// The kind of each word.
    kinds: BTreeMap<String, String>,
}

impl AttributeTagger {
    /// A tagger that knows the attribute words of a table of negatives, and their kinds.
    #[must_use]
    pub fn new(table: &Negatives) -> Self {
        let words = table.attributes.iter().flat_map(|(kind, words)| words.keys().map(move |word| (word, kind)));
        let kinds: BTreeMap<String, String> = words.map(|(word, kind)| (word.clone(), kind.clone())).collect();
        let mut tagger = Tagger::new();
        let adjective = |word: &str| (word.to_owned(), ["JJ", "NN"]);
        let own = kinds.keys().filter(|word| Negatives::built_in().kind(word).is_none());
        tagger.update_lexicon(own.map(|word| adjective(word)));
        tagger.update_lexicon(UNKNOWN_TO_THE_TAGGER.map(adjective));
        Self { tagger, kinds }
    }

    /// The attributes that a caption tells of its object, at most one of a kind: `(kind, word)`, without a word where the
    /// caption tells several colours.
    #[must_use]
    pub fn attributes(&self, caption: &str) -> Vec<Told<'_>> {
        let texts = self.split(caption);
        let tagged = self.tagger.tag_raw_tokens(&texts);
        let words: Vec<Word> = tagged
            .into_iter()
            .map(|token| Word {
                class: match token.value.as_str() {
                    "'s" => Class::Possessive,
                    compound if compound.contains('-') && compound.ends_with("ed") => Class::Adjective,
                    _ => Class::of(&token.pos.unwrap_or_default()),
                },
                kind: self.kinds.get(&token.value).map(String::as_str),
                text: token.value,
            })
            .collect();
        attributes(&words)
    }

    /// The words of a caption's first sentence in lower case; commas and "'s" are words.
    fn split(&self, caption: &str) -> Vec<String> {
        let caption = caption.to_lowercase().replace('\u{2019}', "'").replace(['\u{2010}', '\u{2011}'], "-");
        let mut words = Vec::new();
        for part in caption.split_whitespace() {
            let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
            let after = &part[word.len()..];
            let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
            let (word, owner) = match word.strip_suffix("'s") {
                Some(word) => (word, true),
                None => (word, after.starts_with('\'') && word.ends_with('s')),
            };
            self.push_parts(word, &mut words);
            if owner {
                words.push("'s".to_owned());
            }
            if after.contains(['.', '!', '?', ';', ':']) {
                break;
            }
            if after.contains(',') {
                words.push(",".to_owned());
            }
        }
        words
    }

    /// A word, or the words of a compound that count one by one: "dark-red", "black-and-white", "medium-sized", "left-hand".
    /// Other compounds stay whole and are no attributes: "red-haired", "t-shirt".
    fn push_parts(&self, word: &str, words: &mut Vec<String>) {
        let parts: Vec<&str> = word.split('-').filter(|part| !part.is_empty()).collect();
        let known = |part: &&str| self.kinds.contains_key(*part) || *part == "and";
        let (last, rest) = match parts.split_last() {
            None => return,
            Some((_, [])) => return words.push(word.to_owned()),
            Some((last, rest)) => (last, rest),
        };
        if self.kinds.contains_key(word) {
            words.push(word.to_owned());
        } else if rest.iter().all(known) && known(last) {
            words.extend(parts.iter().map(|part| (*part).to_owned()));
        } else if rest.iter().all(known) && WHOLE.contains(last) {
            words.extend(rest.iter().map(|part| (*part).to_owned()));
            if last.ends_with("ed") {
                words.push((*last).to_owned());
            }
        } else {
            words.push(word.to_owned());
        }
    }
}

#[cfg(test)]
#[path = "../tests/attribute_words.rs"]
mod tests;
