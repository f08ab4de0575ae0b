//! Does text look like mojibake? Short sequences of characters that hardly ever meet in sound text.

use crate::text::clean::{is_letter_or_number, is_space};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const COMMON: u32 = 1;
const C1: u32 = 1 << 1;
const BAD: u32 = 1 << 2;
const LAW: u32 = 1 << 3;
const CURRENCY: u32 = 1 << 4;
const OPENING: u32 = 1 << 5;
const CLOSING: u32 = 1 << 6;
const NUMERIC: u32 = 1 << 7;
const KAOMOJI: u32 = 1 << 8;
const UPPER_ACCENTED: u32 = 1 << 9;
const LOWER_ACCENTED: u32 = 1 << 10;
const UPPER_COMMON: u32 = 1 << 11;
const LOWER_COMMON: u32 = 1 << 12;
const BOX: u32 = 1 << 13;
// By rule, not by list:
const LOWER_ASCII: u32 = 1 << 14;
const UPPER_ASCII: u32 = 1 << 15;
const NO_ASCII_LETTER: u32 = 1 << 16;
const SPACE: u32 = 1 << 17;
const WORD: u32 = 1 << 18;
const NO_LINE_BREAK: u32 = 1 << 19;

const LATIN: u32 = LOWER_ASCII | UPPER_ASCII;
const COMMON_LETTER: u32 = LOWER_COMMON | UPPER_COMMON;
const ACCENTED: u32 = LOWER_ACCENTED | UPPER_ACCENTED;
const PUNCTUATION: u32 = OPENING | CLOSING;

/// ftfy's classes of the characters that mojibake is made of; `a-z` is a range.
const CLASSES: [(u32, &str); 14] = [
    (COMMON, "\u{a0}\u{ad}´·\u{2013}\u{2014}\u{2015}\u{2019}…"),
    (C1, "\u{80}-\u{9f}"),
    (BAD, "¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\u{fffd}"),
    (LAW, "§¶"),
    (CURRENCY, "¢£¥₧€"),
    (OPENING, "¡©«¿΄΅\u{2018}\u{201a}\u{201c}\u{201e}•‹\u{f8ff}"),
    (CLOSING, "®»˝\u{201d}›™"),
    (NUMERIC, "±²³µ¹¼½¾×÷⁄№∂∆∏∑√∞∩∫≈≠≡≤≥"),
    (KAOMOJI, "°Ò-ÖÙ-Üò-öø-üŌŐŪŲ"),
    (UPPER_ACCENTED, "À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"),
    (LOWER_ACCENTED, "ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґﬁﬂ"),
    (UPPER_COMMON, "ÞΆΈΉΊΌΎΏΑ-ΫЁ-Я"),
    (LOWER_COMMON, "ά-ωа-џ"),
    (BOX, "│┌┐┘├┤┬┼═-╬▀▄█▌▐-▓"),
];

/// What one position of a rule allows: any of the classes, or any of the characters.
struct Place(u32, &'static str);

impl Place {
    fn allows(&self, c: char, class: u32) -> bool {
        class & self.0 != 0 || self.1.contains(c)
    }
}

const fn of(classes: u32) -> Place {
    Place(classes, "")
}

const fn one(characters: &'static str) -> Place {
    Place(0, characters)
}

/// What follows `Ø` or `Ù` in Arabic read as Windows-1252; two pairs are asked for, since common characters are in it.
const ARABIC_SECOND: Place = Place(COMMON | CURRENCY | BAD | NUMERIC | OPENING, "ŸŠ®°µ»");

/// Sequences that hardly ever occur but in mojibake.
static RULES: &[&[Place]] = &[
    &[of(C1)],
    &[of(BAD | ACCENTED | BOX | PUNCTUATION | CURRENCY | NUMERIC | LAW), of(BAD)],
    &[of(LATIN), of(COMMON_LETTER), of(BAD)],
    &[of(BAD), of(ACCENTED | BOX | PUNCTUATION | CURRENCY | NUMERIC | LAW)],
    &[of(LOWER_ACCENTED | LOWER_COMMON | BOX | CLOSING | CURRENCY | NUMERIC), of(UPPER_ACCENTED)],
    &[of(BOX | CLOSING | CURRENCY | NUMERIC), of(LOWER_ACCENTED)],
    &[of(LOWER_ACCENTED | BOX | CLOSING), of(CURRENCY)],
    &[of(SPACE), of(UPPER_ACCENTED), of(CURRENCY)],
    &[of(UPPER_ACCENTED | BOX), of(NUMERIC | LAW)],
    &[of(ACCENTED | BOX | CURRENCY | CLOSING), of(OPENING), of(NUMERIC)],
    &[of(ACCENTED | CURRENCY | NUMERIC | BOX | LAW), of(CLOSING), of(OPENING)],
    &[of(CURRENCY | NUMERIC | BOX), of(OPENING)],
    &[of(LOWER_ASCII), of(UPPER_ACCENTED), of(OPENING | CURRENCY)],
    &[of(BOX), of(KAOMOJI)],
    &[of(ACCENTED | CURRENCY | NUMERIC | PUNCTUATION | LAW), of(BOX)],
    &[of(BOX), of(CLOSING)],
    &[of(ACCENTED), of(PUNCTUATION), of(WORD)],
    &[one("Œœ"), of(NO_ASCII_LETTER)],
    &[of(UPPER_ACCENTED), one("°")],
    // Windows-1252, what the classes miss.
    &[one("ÂÃÎÐ"), Place(PUNCTUATION, "€œŠš¢£Ÿž\u{a0}\u{ad}®©°·»\u{2013}\u{2014}´")],
    &[one("×"), one("²³")],
    &[one("ØÙ"), ARABIC_SECOND, one("ØÙ"), ARABIC_SECOND],
    &[one("à"), one("²µ¹¼½¾")],
    // Mac Roman.
    &[one("√"), one("±∂†≠®™´≤≥¥µø")],
    &[one("≈"), one("°¢")],
    &[one("\u{201a}"), one("Ä"), one("ìîïòôúùû†°¢π")],
    &[one("\u{201a}"), one("âó"), one("àä°ê")],
    // Windows-1251.
    &[one("в"), one("Ђ")],
    &[one("ВГРС"), Place(C1 | BAD | PUNCTUATION | CURRENCY, "°µ"), one("ВГРС")],
    &[one("Г"), one("ў"), one("В"), one("Ђ"), one("В"), of(NO_LINE_BREAK), Place(LATIN, " ")],
    // Windows-1252 again: `à`, `á`, the no-break space, and `Â` before what it was added to.
    &[one("Ã"), one("\u{a0}¡")],
    &[of(LOWER_ASCII), one("ÃÂ"), one(" ")],
    &[of(LOWER_ASCII), of(SPACE), one("ÃÂ"), one(" ")],
    &[Place(LOWER_ASCII | CLOSING, ".,?!"), one("Â"), Place(PUNCTUATION, " ")],
    // Windows-1253.
    &[one("β"), one("€"), one("™\u{a0}Ά\u{ad}®°")],
    &[one("ΒΓΞΟ"), Place(C1 | BAD | PUNCTUATION | CURRENCY, "°"), one("ΒΓΞΟ")],
    // Windows-1257.
    &[one("ā"), one("€")],
];

/// At the beginning of a text, where no letter before can bear witness.
const AT_START: [Place; 2] = [one("ÃÂ"), one(" ")];

static CLASS_OF: LazyLock<BTreeMap<char, u32>> = LazyLock::new(|| {
    let mut class_of = BTreeMap::new();
    for (class, characters) in CLASSES {
        let mut rest = characters.chars().peekable();
        while let Some(first) = rest.next() {
            let last = rest.next_if_eq(&'-').and_then(|_| rest.next()).unwrap_or(first);
            (first..=last).for_each(|c| *class_of.entry(c).or_default() |= class);
        }
    }
    class_of
});

fn class(c: char) -> u32 {
    let listed = if c.is_ascii() { 0 } else { CLASS_OF.get(&c).copied().unwrap_or(0) };
    let ruled = [
        (LOWER_ASCII, c.is_ascii_lowercase()),
        (UPPER_ASCII, c.is_ascii_uppercase()),
        (NO_ASCII_LETTER, !c.is_ascii_alphabetic()),
        (SPACE, is_space(c)),
        (WORD, c == '_' || is_letter_or_number(c)),
        (NO_LINE_BREAK, c != '\n'),
    ];
    ruled.iter().filter(|(_, holds)| *holds).fold(listed, |sum, (class, _)| sum | class)
}

/// Whether any sequence in `text` gives it away as mojibake.
pub(super) fn is_bad(text: &str) -> bool {
    let classed: Vec<(char, u32)> = text.chars().map(|c| (c, class(c))).collect();
    let fits = |rest: &[(char, u32)], rule: &[Place]| {
        rest.len() >= rule.len() && rest.iter().zip(rule).all(|((c, class), place)| place.allows(*c, *class))
    };
    // Each rule has a character beyond ASCII among its first three places.
    let may_begin = |at: usize| classed[at..].iter().take(3).any(|(c, _)| !c.is_ascii());
    let begins = |at: usize| may_begin(at) && RULES.iter().any(|rule| fits(&classed[at..], rule));
    fits(&classed, &AT_START) || (0..classed.len()).any(begins)
}
