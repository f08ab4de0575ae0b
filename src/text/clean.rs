//! What is done to a caption before a tokenizer sees it.

use super::{ftfy::fix_text, html::unescape};

/// OpenAI CLIP's cleaning (models.md 1.5): text repair as in ftfy, HTML character references decoded twice, white space
/// collapsed and trimmed, lower case.
#[must_use]
pub fn clean_clip(text: &str) -> String {
    let fixed = fix_text(text);
    single_spaces(&unescape(&unescape(&fixed))).to_lowercase()
}

/// White space collapsed and trimmed, lower case; nothing else.
#[must_use]
pub fn clean_plain(text: &str) -> String {
    single_spaces(text).to_lowercase()
}

/// Every run of white space as one space, none at the ends.
fn single_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// White space as Python's `str.isspace` and `\s` see it: Unicode's plus the four separators U+001C to U+001F.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Unicode's letters and numbers (general categories L and N), which is also Python's `str.isalnum`.
pub(super) fn is_letter_or_number(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    // `is_alphanumeric` goes by the property Alphabetic, which adds vowel signs and circled letters.
    let circled = matches!(c, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f149}' | '\u{1f150}'..='\u{1f169}' | '\u{1f170}'..='\u{1f189}');
    c.is_alphanumeric() && !circled && !unicode_normalization_alignments::char::is_combining_mark(c)
}
