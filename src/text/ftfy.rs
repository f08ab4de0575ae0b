//! Repair of damaged text as the Python package ftfy does it (version 6.3.1, Apache-2.0), because CLIP's tokenizer runs
//! captions through it: mojibake, HTML character references, curly quotes, ligatures, full-width letters, line breaks,
//! terminal escapes, control characters, NFC. The behaviour and the character classes are ftfy's; the tests hold this
//! against it, string by string.

mod badness;
mod bytes;
pub(super) mod charmap;
mod glyphs;
mod mojibake;

use super::html::unescape_closed;
use mojibake::fix_encoding;
use unicode_normalization_alignments::UnicodeNormalization;

/// Longest piece of a line that is repaired at once, in characters.
const MAX_SEGMENT: usize = 1_000_000;

/// Repairs each line of `text` (ftfy's `fix_text` with its default settings).
///
/// HTML character references are decoded until the first line with a `<`, which marks the text as real HTML.
#[must_use]
pub fn fix_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_html = false;
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.char_indices().nth(MAX_SEGMENT).map_or(rest.len(), |(at, _)| at);
            let (segment, after) = rest.split_at(end);
            is_html |= segment.contains('<');
            out.push_str(&fix_segment(segment, is_html));
            rest = after;
        }
    }
    out
}

/// Repeats all steps until none changes anything: one repair may uncover the next.
fn fix_segment(segment: &str, is_html: bool) -> String {
    let mut text = segment.to_owned();
    loop {
        let unescaped = if is_html { text.clone() } else { unescape_closed(&text) };
        let tidied = glyphs::tidy(&fix_encoding(unescaped));
        let fixed = if tidied.is_ascii() { tidied } else { tidied.nfc().map(|(c, _)| c).collect() };
        if fixed == text {
            return fixed;
        }
        text = fixed;
    }
}
