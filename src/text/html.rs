//! HTML character references (`&amp;`, `&#x2014;`), decoded by the HTML5 rules for text, as Python's `html.unescape`
//! decodes them. The table is the HTML standard's list of 2,125 names.

use super::ftfy::charmap;
use std::sync::LazyLock;

/// One name a line, sorted: name, `!` where the closing semicolon may be missing, code points in hexadecimal.
const NAMES: &str = include_str!("entities.txt");

/// Longest run of characters after `&` that is looked at.
const MAX_NAME: usize = 32;

struct Entity {
    name: &'static str,
    /// Decoded also where no semicolon follows.
    bare: bool,
    code_points: &'static str,
}

impl Entity {
    fn text(&self) -> String {
        self.code_points
            .split('+')
            .filter_map(|hex| u32::from_str_radix(hex, 16).ok())
            .filter_map(char::from_u32)
            .collect()
    }
}

static ENTITIES: LazyLock<Vec<Entity>> = LazyLock::new(|| {
    NAMES
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, code_points)| {
            let bare = name.ends_with('!');
            Entity { name: name.trim_end_matches('!'), bare, code_points }
        })
        .collect()
});

fn find(name: &str) -> Option<&'static Entity> {
    let at = ENTITIES.binary_search_by(|entity| entity.name.cmp(name)).ok()?;
    ENTITIES.get(at)
}

/// The longest proper beginning of `name` that is decoded without a semicolon: its text and its length.
fn bare_beginning(name: &str) -> Option<(String, usize)> {
    let ends = name.char_indices().map(|(at, _)| at).filter(|at| *at >= 2);
    ends.rev().find_map(|end| find(&name[..end]).filter(|entity| entity.bare).map(|entity| (entity.text(), end)))
}

/// Decodes every character reference in `text` once.
pub(super) fn unescape(text: &str) -> String {
    replace_references(text, |rest| numeric(rest).or_else(|| named(rest)))
}

/// Decodes references as ftfy does: only with their semicolon, but also shouted ones (`&EACUTE;`).
pub(super) fn unescape_closed(text: &str) -> String {
    replace_references(text, |rest| {
        let body = rest.strip_prefix('#').unwrap_or(rest);
        let length = body.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if length == 0 || length > 24 || body.as_bytes().get(length) != Some(&b';') {
            return None;
        }
        let end = rest.len() - body.len() + length + 1;
        if body.len() == rest.len() {
            return closed_name(&body[..length]).map(|decoded| (decoded, end));
        }
        // A number that ends early ("&#65abc;") or means a semicolon is left alone.
        numeric(rest).filter(|(decoded, used)| *used == end && decoded != ";")
    })
}

fn closed_name(name: &str) -> Option<String> {
    if let Some(entity) = find(name) {
        return Some(entity.text());
    }
    let shouted = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    if !shouted || bare_beginning(&format!("{name};")).is_some() {
        return None;
    }
    find(&name.to_ascii_lowercase()).map(|entity| entity.text().to_uppercase())
}

/// Calls `decode` with what follows each `&`; it answers with the replacement and how many bytes it used up.
fn replace_references(text: &str, decode: impl Fn(&str) -> Option<(String, usize)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some((replacement, used)) = decode(after) {
            out.push_str(&replacement);
            rest = &after[used..];
        } else {
            out.push('&');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// `#123;` or `#x7b;`, the semicolon optional.
fn numeric(rest: &str) -> Option<(String, usize)> {
    let body = rest.strip_prefix('#')?;
    let (digits, radix) = body.strip_prefix(['x', 'X']).map_or((body, 10), |hex| (hex, 16));
    let length = digits.chars().take_while(|c| c.is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let number = digits[..length]
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .fold(0_u32, |sum, digit| sum.saturating_mul(radix).saturating_add(digit));
    let used = rest.len() - digits.len() + length + usize::from(digits[length..].starts_with(';'));
    Some((code_point(number).map_or_else(String::new, String::from), used))
}

/// The character that the HTML standard gives a number; nothing for control characters and non-characters.
fn code_point(number: u32) -> Option<char> {
    match number {
        0x80..=0x9f => Some(charmap::WINDOWS_1252.decode(number as u8)),
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        0x1_0000.. if number & 0xfffe == 0xfffe && number <= 0x10_ffff => None,
        0xfffe | 0xffff => None,
        0 => Some(char::REPLACEMENT_CHARACTER),
        _ => Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

/// `amp;`, `amp`, or a name that only begins with one that needs no semicolon (`ampere`).
fn named(rest: &str) -> Option<(String, usize)> {
    let stops = |c: char| matches!(c, '\t' | '\n' | '\u{c}' | ' ' | '<' | '&' | '#' | ';');
    let end =
        rest.char_indices().take(MAX_NAME).take_while(|(_, c)| !stops(*c)).last().map(|(at, c)| at + c.len_utf8())?;
    let closed = rest[end..].starts_with(';');
    if let Some(entity) = find(&rest[..end]).filter(|entity| closed || entity.bare) {
        return Some((entity.text(), end + usize::from(closed)));
    }
    // With the semicolon the whole name is a proper beginning too, but then it was found above.
    bare_beginning(&rest[..end])
}
