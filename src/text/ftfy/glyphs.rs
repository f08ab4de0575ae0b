//! Characters that only look different: quotes, ligatures, widths, line breaks; and those that do not show at all.

use super::charmap;
use unicode_normalization_alignments::UnicodeNormalization;

/// Latin ligatures and digraphs and their letters. Those of other scripts, and ones in real use such as `æ`, stay.
const LIGATURES: &[(char, &str)] = &[
    ('Ĳ', "IJ"),
    ('ĳ', "ij"),
    ('ŉ', "ʼn"),
    ('Ǆ', "DŽ"),
    ('ǅ', "Dž"),
    ('ǆ', "dž"),
    ('Ǉ', "LJ"),
    ('ǈ', "Lj"),
    ('ǉ', "lj"),
    ('Ǌ', "NJ"),
    ('ǋ', "Nj"),
    ('ǌ', "nj"),
    ('Ǳ', "DZ"),
    ('ǲ', "Dz"),
    ('ǳ', "dz"),
    ('ﬀ', "ff"),
    ('ﬁ', "fi"),
    ('ﬂ', "fl"),
    ('ﬃ', "ffi"),
    ('ﬄ', "ffl"),
    ('ﬅ', "ſt"),
    ('ﬆ', "st"),
];

/// Replaces C1 controls by the Windows-1252 characters they stand for, ligatures by letters, half and full width by
/// the usual width, curly quotes by straight ones and every line break by `\n`; removes terminal escapes and
/// control characters.
pub(super) fn tidy(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            plain.push(c);
        } else {
            replace_character(c, &mut plain);
        }
    }
    // U+0085 was a C1 control and is gone already.
    let mut plain = plain.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    if plain.contains('\u{1b}') {
        plain = without_terminal_escapes(&plain);
    }
    plain.retain(|c| !is_invisible_control(c));
    plain
}

fn replace_character(c: char, out: &mut String) {
    let c = if ('\u{80}'..='\u{9f}').contains(&c) { charmap::WINDOWS_1252.decode(c as u8) } else { c };
    if let Ok(at) = LIGATURES.binary_search_by_key(&c, |(ligature, _)| *ligature) {
        out.extend(LIGATURES[at].1.chars().map(straight_quote));
    } else if c == '\u{3000}' {
        out.push(' ');
    } else if ('\u{ff01}'..='\u{ffef}').contains(&c) {
        out.extend(c.encode_utf8(&mut [0; 4]).nfkc().map(|(c, _)| c).map(straight_quote));
    } else {
        out.push(straight_quote(c));
    }
}

const fn straight_quote(c: char) -> char {
    match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        _ => c,
    }
}

/// Removes `ESC [ numbers letter`, which colours text in a terminal.
fn without_terminal_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let parameters = &rest[at + 2..];
        let after = parameters.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            out.push_str(&rest[..at]);
            rest = &after[1..];
        } else {
            out.push_str(&rest[..at + 2]);
            rest = parameters;
        }
    }
    out.push_str(rest);
    out
}

/// Control characters without a visible effect. Joiners, direction marks and emoji tags are none.
const fn is_invisible_control(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}'
    )
}
