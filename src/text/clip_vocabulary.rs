//! CLIP's `tokenizer.json` out of its published merges file.

use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use flate2::read::GzDecoder;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::HashSet;
use std::io::Read;

/// Name of the file in messages.
const FILE: &str = "the CLIP merges file";
/// CLIP uses these many merges of the 262,143 that the file has.
const MERGES: usize = 48_894;
/// End of a word in a symbol.
const WORD_END: &str = "</w>";
/// No merges file is larger when unpacked (CLIP's has 3.2 MB).
const MAX_BYTES: u64 = 1 << 26;

/// Contractions, letters, single digits, other runs. The two special tokens, which come first in CLIP's pattern, are
/// [`Tokenizer`]'s to find.
const SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

impl Tokenizer {
    /// Builds CLIP's `tokenizer.json` from `bpe_simple_vocab_16e6.txt`, packed (`.txt.gz`) or not (models.md 1.5).
    /// Read it back with [`Tokenizer::from_json`] and [`CaptionCleaning::Clip`](crate::config::CaptionCleaning::Clip);
    /// other tools of the Hugging Face family read it too.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] if it cannot be unpacked, is no text, is too short or merges symbols that do not exist.
    pub fn clip_from_merges(bytes: &[u8]) -> Result<String> {
        let text = unpack(bytes)?;
        let merges: Vec<&str> = text.lines().skip(1).take(MERGES).collect();
        if merges.len() < MERGES {
            return Err(corrupt(format!("it has {} merges, CLIP uses {MERGES}", merges.len())));
        }
        let tokens = vocabulary(&merges)?;
        let json = tokenizer_json(&tokens, &merges);
        serde_json::to_string(&json).map_err(Error::json(FILE))
    }
}

fn corrupt(reason: impl Into<String>) -> Error {
    Error::CorruptFile { file: FILE.to_owned(), reason: reason.into() }
}

fn unpack(bytes: &[u8]) -> Result<String> {
    let mut text = String::new();
    let read = if bytes.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(bytes).take(MAX_BYTES).read_to_string(&mut text)
    } else {
        bytes.take(MAX_BYTES).read_to_string(&mut text)
    };
    read.map_err(|error| corrupt(error.to_string()))?;
    Ok(text)
}

/// The printable symbol of each byte, in the order of the vocabulary: printable bytes stand for themselves and come
/// first, the others follow as U+0100 and up.
fn byte_symbols() -> impl Iterator<Item = char> {
    let printable = (0x21..=0x7e).chain(0xa1..=0xac).chain(0xae..=0xff).map(char::from);
    printable.chain('\u{100}'..='\u{143}')
}

/// All tokens, each at its id.
fn vocabulary(merges: &[&str]) -> Result<Vec<String>> {
    let mut tokens: Vec<String> = byte_symbols().map(String::from).collect();
    tokens.extend(byte_symbols().map(|symbol| format!("{symbol}{WORD_END}")));
    let mut known: HashSet<String> = tokens.iter().cloned().collect();
    for (index, merge) in merges.iter().enumerate() {
        let pair = merge.split_once(' ').filter(|(left, right)| known.contains(*left) && known.contains(*right));
        let Some((left, right)) = pair else {
            return Err(corrupt(format!("line {} (\"{merge}\") is no pair of earlier symbols", index + 2)));
        };
        let token = format!("{left}{right}");
        if !known.insert(token.clone()) {
            return Err(corrupt(format!("line {} makes \"{token}\" a second time", index + 2)));
        }
        tokens.push(token);
    }
    tokens.extend(["<|startoftext|>", "<|endoftext|>"].map(String::from));
    Ok(tokens)
}

/// The layout that the `tokenizers` library reads.
fn tokenizer_json<'a>(tokens: &'a [String], merges: &'a [&str]) -> impl Serialize + 'a {
    let start = tokens.len() - 2;
    let special = |id: usize| {
        serde_json::json!({
            "id": id, "content": tokens[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    TokenizerJson {
        version: "1.0",
        truncation: None,
        padding: None,
        added_tokens: [special(start), special(start + 1)],
        // No NFC here: the cleaning has done it before it decoded character references, and CLIP not again.
        normalizer: serde_json::json!({"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]}),
        pre_tokenizer: serde_json::json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
        ]}),
        post_processor: serde_json::json!({
            "type": "RobertaProcessing", "sep": [tokens[start + 1], start + 1], "cls": [tokens[start], start],
            "trim_offsets": false, "add_prefix_space": false,
        }),
        decoder: serde_json::json!({
            "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
        }),
        model: Bpe {
            r#type: "BPE",
            dropout: None,
            unk_token: "<|endoftext|>",
            continuing_subword_prefix: "",
            end_of_word_suffix: WORD_END,
            fuse_unk: false,
            vocab: Vocabulary(tokens),
            merges,
        },
    }
}

#[derive(serde::Serialize)]
struct TokenizerJson<'a> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: [serde_json::Value; 2],
    normalizer: serde_json::Value,
    pre_tokenizer: serde_json::Value,
    post_processor: serde_json::Value,
    decoder: serde_json::Value,
    model: Bpe<'a>,
}

#[derive(serde::Serialize)]
struct Bpe<'a> {
    r#type: &'static str,
    dropout: Option<f32>,
    unk_token: &'static str,
    continuing_subword_prefix: &'static str,
    end_of_word_suffix: &'static str,
    fuse_unk: bool,
    vocab: Vocabulary<'a>,
    merges: &'a [&'a str],
}

/// Tokens with their ids, in the order of the ids.
struct Vocabulary<'a>(&'a [String]);

impl Serialize for Vocabulary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, token) in self.0.iter().enumerate() {
            map.serialize_entry(token, &id)?;
        }
        map.end()
    }
}
