//! Text that was UTF-8 and was read in a single-byte encoding, perhaps several times over.

use super::badness::is_bad;
use super::bytes;
use super::charmap::{self, CHARMAPS, LATIN_LIKE};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Undoes wrong decodings until the text no longer changes.
pub(super) fn fix_encoding(text: String) -> String {
    let mut text = text;
    while let Some(fixed) = undo_one_decoding(&text).filter(|fixed| *fixed != text) {
        text = fixed;
    }
    text
}

fn undo_one_decoding(text: &str) -> Option<String> {
    if text.is_ascii() || !is_bad(text) {
        return None;
    }
    let mut latin_1 = None;
    for (index, map) in CHARMAPS.iter().enumerate() {
        let Some(encoded) = charmap::encode(text, index) else { continue };
        if index == 0 {
            latin_1 = Some(encoded.clone());
        }
        let restored = if map.restores_space { bytes::restore_spaces(encoded) } else { encoded };
        let whole = if map.lossy { bytes::replace_damaged(&restored) } else { restored };
        if let Some(decoded) = bytes::decode(&whole) {
            return Some(decoded);
        }
    }
    let in_part = fix_parts(text);
    if in_part != text {
        return Some(in_part);
    }
    // C1 controls (they alone make bad Latin-1 out of these bytes) were meant as Windows-1252.
    let windows = |byte: u8| match byte {
        0x81 | 0x8d | 0x8f | 0x90 | 0x9d => None,
        _ => Some(charmap::WINDOWS_1252.decode(byte)),
    };
    let meant = latin_1.and_then(|bytes| bytes.into_iter().map(windows).collect::<Option<String>>());
    if let Some(meant) = meant.filter(|meant| meant != text) {
        return Some(meant);
    }
    let fix_c1 = |c: char| if is_c1(c) { charmap::WINDOWS_1252.decode(c as u8) } else { c };
    text.contains(is_c1).then(|| text.chars().map(fix_c1).collect())
}

fn is_c1(c: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&c)
}

/// What UTF-8's bytes look like in the encodings that resemble Latin-1.
struct Utf8Letters {
    lead_of_2: BTreeSet<char>,
    lead_of_3: BTreeSet<char>,
    lead_of_4: BTreeSet<char>,
    continuation: BTreeSet<char>,
}

static LETTERS: LazyLock<Utf8Letters> = LazyLock::new(|| {
    let letters = |ranges: &[(u8, u8)]| {
        let ranges = ranges
            .iter()
            .flat_map(|(first, last)| CHARMAPS[..LATIN_LIKE].iter().flat_map(|map| map.characters(*first, *last)));
        ranges.collect::<BTreeSet<char>>()
    };
    Utf8Letters {
        lead_of_2: letters(&[(0xc2, 0xdf)]),
        lead_of_3: letters(&[(0xe0, 0xef)]),
        // Characters above U+FFFF in use begin with these two bytes.
        lead_of_4: letters(&[(0xf0, 0xf0), (0xf3, 0xf3)]),
        continuation: letters(&[(0x80, 0xbf)]),
    }
});

/// Continuation letters that are common in sound text too; they do not show that mojibake came before.
const HARMLESS: &str = "\u{2013}\u{2014}\u{2015}\u{2018}\u{2019}\u{201a}\u{201c}\u{201d}\u{201e}•…";

/// Repairs the stretches that look like UTF-8 on their own, where the text as a whole is in no single encoding.
fn fix_parts(text: &str) -> String {
    let letters = &*LETTERS;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let after_garble = before.is_some_and(|b| letters.continuation.contains(&b) && !HARMLESS.contains(b));
        let length = if after_garble { 0 } else { garble_length(rest, letters) };
        let (part, after) = rest.split_at(if length == 0 { c.len_utf8() } else { length });
        if length > 0 && length < text.len() && is_bad(part) {
            out.push_str(&fix_encoding(part.to_owned()));
        } else {
            out.push_str(part);
        }
        before = part.chars().next_back();
        rest = after;
    }
    out
}

/// Bytes of `text` up to where it stops to look like UTF-8 sequences; a space may stand for a no-break space.
fn garble_length(text: &str, letters: &Utf8Letters) -> usize {
    let continues = |c: &char| *c == ' ' || letters.continuation.contains(c);
    let mut length = 0;
    loop {
        let mut chars = text[length..].chars();
        let followers = match chars.next() {
            Some(c) if letters.lead_of_2.contains(&c) => 1,
            Some(c) if letters.lead_of_3.contains(&c) => 2,
            Some(c) if letters.lead_of_4.contains(&c) => 3,
            _ => return length,
        };
        if chars.by_ref().take(followers).filter(continues).count() < followers {
            return length;
        }
        length = text.len() - chars.as_str().len();
    }
}
