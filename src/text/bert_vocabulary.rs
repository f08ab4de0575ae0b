//! BERT's `tokenizer.json` out of its published `vocab.txt` (models.md 2.2).

use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// Name of the file in messages.
const FILE: &str = "the BERT vocabulary";
/// Begins a caption; tells a BERT vocabulary from other files of words.
const START: &str = "[CLS]";
/// Stands for a word that cannot be put together of the vocabulary's pieces.
const UNKNOWN: &str = "[UNK]";
/// Tokens that a caption may spell out: they are not cut.
const SPECIAL: [&str; 5] = ["[PAD]", UNKNOWN, START, "[SEP]", "[MASK]"];
/// A longer word is unknown as a whole.
const LONGEST_WORD: usize = 100;

impl Tokenizer {
    /// Whether a file is a BERT vocabulary, by its content.
    #[must_use]
    pub fn is_bert_vocabulary(bytes: &[u8]) -> bool {
        bytes.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_end() == START.as_bytes())
    }

    /// Builds the `tokenizer.json` of an uncased BERT from `vocab.txt`, one piece a line: control characters out, Chinese
    /// characters apart, lower case without accents, words cut into the longest pieces there are. Read it back with
    /// [`CaptionCleaning::None`](crate::config::CaptionCleaning::None); other tools of the Hugging Face family read it too.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] if it is no text, or lacks the tokens for a caption's start and for unknown words.
    pub fn bert_from_vocabulary(bytes: &[u8]) -> Result<String> {
        let corrupt = |reason: String| Error::CorruptFile { file: FILE.to_owned(), reason };
        let text = std::str::from_utf8(bytes).map_err(|error| corrupt(format!("it is no UTF-8 text: {error}")))?;
        let vocab: Map<String, Value> =
            text.lines().enumerate().map(|(id, piece)| (piece.to_owned(), id.into())).collect();
        if let Some(lacking) = [START, UNKNOWN].into_iter().find(|token| !vocab.contains_key(*token)) {
            return Err(corrupt(format!("it has no {lacking}")));
        }
        let added = SPECIAL.iter().filter_map(|token| {
            let id = vocab.get(*token)?;
            Some(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                "special": true,
            }))
        });
        let start = json!({"SpecialToken": {"id": START, "type_id": 0}});
        let caption = |id: &str, kind: u8| json!({"Sequence": {"id": id, "type_id": kind}});
        let json = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added.collect::<Vec<_>>(),
            "normalizer": {
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": true,
                "lowercase": true,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            // No [SEP] behind: InternVideo2's tokenizer leaves it out.
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [start, caption("A", 0)],
                "pair": [start, caption("A", 0), caption("B", 1)],
                "special_tokens": {START: {"id": START, "ids": [vocab[START]], "tokens": [START]}},
            },
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {
                "type": "WordPiece", "unk_token": UNKNOWN, "continuing_subword_prefix": "##",
                "max_input_chars_per_word": LONGEST_WORD, "vocab": vocab,
            },
        });
        serde_json::to_string(&json).map_err(Error::json(FILE))
    }
}
