//! Which words of a tagged caption are attributes of what the caption is about: its first noun.
//!
//! A region's caption names its object first: "a brown dog wearing a red collar". What stands before that noun is said of
//! it ("brown dog"), what follows a form of "be" ("the dog is black"), and a place in the picture ("a dog on the left").
//! All else is of other things: "red" above is the collar's.

use super::{COLOR, POSITION};

/// What a word is in its sentence, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// "the", "his", "two".
    Determiner,
    /// "red", "larger".
    Adjective,
    /// "dog".
    Noun,
    /// "it", "there".
    Pronoun,
    /// "sitting", "painted", "left".
    Participle,
    /// "is", "stands".
    Verb,
    /// "very".
    Adverb,
    /// "on", "to".
    Preposition,
    /// "and".
    Conjunction,
    /// "'s".
    Possessive,
    /// "which".
    Relative,
    /// ",".
    Comma,
    /// Anything else.
    Other,
}

impl Class {
    /// The class of a tag of the Penn Treebank.
    pub fn of(tag: &str) -> Self {
        match tag {
            "DT" | "PDT" | "PRP$" | "CD" => Self::Determiner,
            "JJ" | "JJR" | "JJS" => Self::Adjective,
            "NN" | "NNS" | "NNP" | "NNPS" => Self::Noun,
            "PRP" | "EX" => Self::Pronoun,
            "VBG" | "VBN" | "VBD" => Self::Participle,
            "VB" | "VBP" | "VBZ" | "MD" => Self::Verb,
            "RB" | "RBR" | "RBS" => Self::Adverb,
            "IN" | "TO" | "RP" => Self::Preposition,
            "CC" => Self::Conjunction,
            "POS" => Self::Possessive,
            "WDT" | "WP" => Self::Relative,
            "," => Self::Comma,
            _ => Self::Other,
        }
    }
}

/// A word of a caption.
#[derive(Debug, Clone)]
pub struct Word<'a> {
    /// In lower case.
    pub text: String,
    /// What it is in the sentence.
    pub class: Class,
    /// The kind of attribute that it can be.
    pub kind: Option<&'a str>,
}

/// An attribute that a caption tells: its kind, and its word, or none where several colours are told.
pub type Told<'a> = (&'a str, Option<String>);

/// Colour words that tell a shade of the colour they stand before; as nouns ("light", "cream" is none) they are things.
const SHADES: [&str; 5] = ["dark", "light", "bright", "pale", "deep"];
/// Nouns of quantity: with "of", what is meant comes after.
const QUANTITIES: [&str; 18] = [
    "bunch", "closeup", "couple", "flock", "group", "herd", "image", "pack", "pair", "photo", "picture", "piece",
    "row", "set", "slice", "stack", "up", "view",
];
/// Forms of "be" and what is said like it.
const BE: [&str; 9] = ["is", "are", "was", "were", "be", "looks", "look", "appears", "seems"];
/// Words after an attribute that leave it the whole object's: "medium sized dog", "brown colored dog".
const OF_THE_WHOLE: [&str; 5] = ["colored", "coloured", "sized", "size", "color"];
/// What may follow a place: "on the left side".
const SIDES: [&str; 7] = ["side", "corner", "part", "half", "edge", "end", "hand"];
/// What a place may be of to be one in the picture: "on the left of the image".
const PICTURES: [&str; 9] = ["image", "picture", "photo", "photograph", "frame", "screen", "scene", "video", "view"];

/// The attributes of a caption's object: one of a kind.
pub fn attributes<'a>(words: &[Word<'a>]) -> Vec<Told<'a>> {
    let mut found = Vec::new();
    let begin = past_quantity(words, past_opening(words, 0));
    let Some(end) = noun_phrase(words, begin, &mut found) else { return Vec::new() };
    let at = predicate(words, end, &mut found);
    place(words, at, &mut found);
    elect(words, &found)
}

fn is(words: &[Word], at: usize, list: &[&str]) -> bool {
    words.get(at).is_some_and(|word| list.contains(&word.text.as_str()))
}

fn class(words: &[Word], at: usize) -> Option<Class> {
    words.get(at).map(|word| word.class)
}

/// Past "there is", "this is".
fn past_opening(words: &[Word], at: usize) -> usize {
    let opens = matches!(class(words, at), Some(Class::Pronoun)) || is(words, at, &["this", "that", "these", "those"]);
    let said = is(words, at + 1, &BE) || class(words, at + 1) == Some(Class::Possessive); // "it's"
    if opens && said { at + 2 } else { at }
}

/// Past "a group of".
fn past_quantity(words: &[Word], at: usize) -> usize {
    let of = (at..words.len().min(at + 5)).find(|of| is(words, *of, &["of"]));
    of.filter(|of| *of > at && is(words, of - 1, &QUANTITIES)).map_or(at, |of| of + 1)
}

/// Reads a noun with what stands before it from `at` on: positions of its attributes go to `found`, the position after it
/// is returned. None where no noun phrase begins there.
fn noun_phrase(words: &[Word], mut at: usize, found: &mut Vec<usize>) -> Option<usize> {
    let first = found.len();
    let mut begun = false;
    let mut last = None; // The latest word that could be the noun, where no plain noun comes.
    while let Some(word) = words.get(at) {
        match word.class {
            _ if word.kind.is_some() && word.class != Class::Preposition => {
                last = Some(at);
                if modifies(words, at) {
                    found.push(at);
                }
            }
            Class::Noun => {
                while matches!(class(words, at + 1), Some(Class::Noun)) {
                    at += 1;
                }
                if class(words, at + 1) != Some(Class::Possessive) {
                    return Some(at + 1);
                }
                found.truncate(first); // The owner's.
                at += 1;
            }
            // "holding a ball" has no noun of its own.
            Class::Determiner if begun => return None,
            Class::Determiner | Class::Adverb => {}
            Class::Adjective | Class::Participle => last = Some(at),
            Class::Comma | Class::Conjunction if continues(words, at + 1) => {}
            _ => break,
        }
        begun |= !matches!(word.class, Class::Determiner | Class::Adverb);
        at += 1;
    }
    // "an orange on a plate", "a yellow key" where "key" passes for an adjective: the last word is the noun itself.
    let noun = last?;
    found.retain(|candidate| *candidate != noun);
    Some(at)
}

/// Whether more words before a noun come after a comma or an "and".
fn continues(words: &[Word], at: usize) -> bool {
    let Some(word) = words.get(at) else { return false };
    word.kind.is_some() || matches!(word.class, Class::Adjective | Class::Participle | Class::Adverb)
}

/// Whether a word of the vocabulary, before a noun, is an attribute there by its class.
fn modifies(words: &[Word], at: usize) -> bool {
    let word = &words[at];
    let whole = is(words, at + 1, &OF_THE_WHOLE);
    // "red haired", "long sleeved": said of a part; "white bed" and "red long-haired dog" are not so.
    let of_a_part = words.get(at + 1).is_some_and(|next| {
        let participle = matches!(next.class, Class::Participle | Class::Adjective) && next.text.ends_with("ed");
        participle && next.kind.is_none() && !next.text.contains('-')
    });
    let by_class = match (word.class, word.kind) {
        (Class::Adjective, _) => true,
        (Class::Noun, Some(COLOR)) => !SHADES.contains(&word.text.as_str()),
        (_, Some(POSITION)) => true,
        _ => false,
    };
    whole || by_class && !of_a_part
}

/// Reads "is black and white" and the like from `at` on; returns where the reading ended.
fn predicate(words: &[Word], mut at: usize, found: &mut Vec<usize>) -> usize {
    if class(words, at) == Some(Class::Relative) || is(words, at, &["that"]) {
        at += 1;
    }
    if !is(words, at, &BE) {
        return at;
    }
    at += 1;
    while let Some(word) = words.get(at) {
        match (word.class, word.kind) {
            (Class::Determiner, _) => return noun_phrase(words, at, found).unwrap_or(at),
            (Class::Adjective, Some(_)) | (Class::Noun, Some(COLOR)) => {
                // "close to the wall", "right behind the cat" tell no place in the picture.
                let relative = matches!(class(words, at + 1), Some(Class::Preposition));
                if !(relative && word.kind == Some(POSITION)) && modifies(words, at) {
                    found.push(at);
                }
            }
            (Class::Adjective | Class::Adverb | Class::Comma | Class::Conjunction, _) => {}
            _ => return at,
        }
        at += 1;
    }
    at
}

/// Reads "standing on the left" and the like from `at` on.
fn place(words: &[Word], mut at: usize, found: &mut Vec<usize>) {
    while matches!(class(words, at), Some(Class::Participle | Class::Adverb)) {
        at += 1;
    }
    if !is(words, at, &["on", "at", "in", "to"]) || !is(words, at + 1, &["the"]) {
        return;
    }
    at += 2;
    let is_place = |at: usize| words.get(at).is_some_and(|word| word.kind == Some(POSITION));
    if is(words, at, &["far", "very"]) {
        at += 1;
    }
    let place = at;
    // "top left corner": all of it.
    while is_place(at) {
        at += 1;
    }
    if at == place {
        return;
    }
    while is(words, at, &SIDES) {
        at += 1;
    }
    let determined = usize::from(class(words, at + 1) == Some(Class::Determiner));
    let ends = match class(words, at) {
        None | Some(Class::Comma | Class::Conjunction | Class::Participle | Class::Verb) => true,
        Some(_) => is(words, at, &["of", "in"]) && is(words, at + 1 + determined, &PICTURES),
    };
    if ends {
        found.push(place);
    }
}

/// One word a kind: of sizes and places the first; of colours the only one, where a shade before a colour ("dark red") and
/// a colour before another ("navy blue") tell one colour with it.
fn elect<'a>(words: &[Word<'a>], found: &[usize]) -> Vec<Told<'a>> {
    let kind = |at: usize| words.get(at).and_then(|word| word.kind);
    let told = |at: &usize| {
        let next = found.contains(&(at + 1)).then(|| kind(at + 1)).flatten();
        let shades = SHADES.contains(&words[*at].text.as_str());
        next != Some(COLOR) || !(shades || kind(*at) == Some(COLOR))
    };
    let mut elected: Vec<Told> = Vec::new();
    for at in found.iter().filter(|at| told(at)) {
        let Some(kind) = kind(*at) else { continue };
        let word = &words[*at].text;
        match elected.iter_mut().find(|(other, _)| *other == kind) {
            None => elected.push((kind, Some(word.clone()))),
            Some((COLOR, first)) if first.as_ref() != Some(word) => *first = None,
            Some(_) => {}
        }
    }
    elected
}
