//! Bytes that are almost UTF-8.

use super::charmap::SUBSTITUTE;

/// The byte ranges, ends included, that one position of a pattern allows.
type Position = &'static [(u8, u8)];

const SPACE: Position = &[(b' ', b' ')];
const CONTINUATION: Position = &[(0x80, 0xbf)];
/// Continuation bytes but 0x85 and 0xA0, which are often meant as such.
const LIKELY: Position = &[(0x80, 0x84), (0x86, 0x9f), (0xa1, 0xbf)];
const LOST: Position = &[(SUBSTITUTE, SUBSTITUTE)];
const LOST_OR_MARK: Position = &[(SUBSTITUTE, SUBSTITUTE), (b'?', b'?')];
const ANY: Position = &[(SUBSTITUTE, SUBSTITUTE), (0x80, 0xbf)];
const ANY_OR_MARK: Position = &[(SUBSTITUTE, SUBSTITUTE), (b'?', b'?'), (0x80, 0xbf)];
const SURROGATE_LEAD: Position = &[(0xed, 0xed)];
const HIGH_SURROGATE: Position = &[(0xa0, 0xaf)];
const LOW_SURROGATE: Position = &[(0xb0, 0xbf)];
const LEAD_OF_3: Position = &[(0xe0, 0xef)];
const LEAD_OF_4: Position = &[(0xf0, 0xf4)];
const LEAD_F0: Position = &[(0xf0, 0xf0)];

/// UTF-8 in which a no-break space (0xA0) has become a space; only where the result is a likely character.
const SPACED: &[&[Position]] = &[
    &[&[(0xc2, 0xc3), (0xc5, 0xc5), (0xce, 0xce), (0xd0, 0xd0), (0xd9, 0xd9)], SPACE],
    &[&[(0xe2, 0xe3)], SPACE, LIKELY],
    &[&[(0xe0, 0xe3)], LIKELY, SPACE],
    &[LEAD_F0, SPACE, CONTINUATION, CONTINUATION],
    &[LEAD_F0, CONTINUATION, SPACE, CONTINUATION],
    &[LEAD_F0, CONTINUATION, CONTINUATION, SPACE],
];

/// UTF-8 and CESU-8 in which bytes were lost (0x1A), one of them perhaps written `?`.
const DAMAGED: &[&[Position]] = &[
    &[&[(0xc2, 0xdf)], LOST],
    &[&[(0xc2, 0xc3)], &[(b'?', b'?')]],
    &[SURROGATE_LEAD, HIGH_SURROGATE, LOST_OR_MARK, SURROGATE_LEAD, LOW_SURROGATE, ANY_OR_MARK],
    &[SURROGATE_LEAD, HIGH_SURROGATE, ANY_OR_MARK, SURROGATE_LEAD, LOW_SURROGATE, LOST_OR_MARK],
    &[LEAD_OF_3, LOST_OR_MARK, ANY],
    &[LEAD_OF_3, ANY, LOST_OR_MARK],
    &[LEAD_OF_4, LOST_OR_MARK, ANY, ANY],
    &[LEAD_OF_4, ANY, LOST_OR_MARK, ANY],
    &[LEAD_OF_4, ANY, ANY, LOST_OR_MARK],
    &[LOST],
];

/// Length of the first of `patterns` that `bytes` begins with.
fn matching(bytes: &[u8], patterns: &[&[Position]]) -> Option<usize> {
    let fits = |(byte, ranges): (&u8, &Position)| ranges.iter().any(|(low, high)| (low..=high).contains(&byte));
    patterns.iter().find(|p| bytes.len() >= p.len() && bytes.iter().zip(**p).all(fits)).map(|p| p.len())
}

/// `bytes` with every match of `patterns` replaced.
fn replace(bytes: &[u8], patterns: &[&[Position]], mut replacement: impl FnMut(&[u8], &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if let Some(length) = matching(rest, patterns) {
            let (found, after) = rest.split_at(length);
            replacement(found, &mut out);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// Puts back no-break spaces that became spaces inside UTF-8 sequences.
pub(super) fn restore_spaces(bytes: Vec<u8>) -> Vec<u8> {
    if !(0..bytes.len()).any(|at| matching(&bytes[at..], SPACED).is_some()) {
        return bytes;
    }
    replace(&separate_a_grave(&bytes), SPACED, |found, out| {
        out.extend(found.iter().map(|byte| if *byte == b' ' { 0xa0 } else { *byte }));
    })
}

/// `Ã la mode` was `à la mode`: the space stays beside the restored byte. Portuguese `às`, `àquele` and the like
/// were one word.
fn separate_a_grave(bytes: &[u8]) -> Vec<u8> {
    const ONE_WORD: [&[u8]; 5] = [b" ", b"quele", b"quela", b"quilo", b"s "];
    let mut out = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        out.push(*byte);
        let next = &bytes[at + 1..];
        if *byte == 0xc3 && next.first() == Some(&b' ') && !ONE_WORD.iter().any(|word| next[1..].starts_with(word)) {
            out.push(0xa0);
        }
    }
    out
}

/// Replaces sequences with lost bytes by U+FFFD.
pub(super) fn replace_damaged(bytes: &[u8]) -> Vec<u8> {
    replace(bytes, DAMAGED, |_, out| out.extend("\u{fffd}".as_bytes()))
}

/// Decodes UTF-8, with CESU-8's surrogate pairs and Java's two-byte zero beside it. Nothing if it is neither.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().enumerate().position(|(at, _)| is_variant(&rest[at..])) {
        out.push_str(std::str::from_utf8(&rest[..at]).ok()?);
        let (character, length) = decode_variant(&rest[at..])?;
        out.push(character);
        rest = &rest[at + length..];
    }
    out.push_str(std::str::from_utf8(rest).ok()?);
    Some(out)
}

fn is_variant(bytes: &[u8]) -> bool {
    // 0xC0 just before a final line break counts too: ftfy's pattern for "end of text" admits one there.
    matches!(bytes, [0xc0, 0x80, ..] | [0xc0, b'\n'] | [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..])
}

/// The character at the beginning of `bytes` and its length in bytes.
fn decode_variant(bytes: &[u8]) -> Option<(char, usize)> {
    match *bytes {
        [0xc0, ..] => Some(('\0', 2)),
        [_, high @ 0xa0..=0xaf, middle, 0xed, low @ 0xb0..=0xbf, last @ 0x80..=0xbf, ..] => {
            let bits = |byte: u8, mask: u8, shift: u32| u32::from(byte & mask) << shift;
            let offset = bits(high, 0x0f, 16) | bits(middle, 0x3f, 10) | bits(low, 0x0f, 6) | bits(last, 0x3f, 0);
            char::from_u32(0x1_0000 + offset).map(|character| (character, 6))
        }
        _ => None,
    }
}
