//! A vocabulary of whole words, for models that are trained on few of them.

use std::collections::HashSet;

/// A `tokenizer.json` with one token a word. A caption is put into lower case and split at white space and around each
/// punctuation mark; so are the `words` given, of which each part is taken once.
///
/// Ids: 0 `[PAD]`, 1 `[UNK]` (any other word), the words in their order, `<|startoftext|>`, and last `<|endoftext|>`,
/// because the text encoder pools where the id is largest.
#[must_use]
pub fn word_level_json(words: &[String]) -> String {
    let mut tokens = vec!["[PAD]".to_owned(), "[UNK]".to_owned()];
    let mut seen = HashSet::new();
    for part in words.iter().flat_map(|word| parts(&word.to_lowercase())) {
        if seen.insert(part.clone()) {
            tokens.push(part);
        }
    }
    tokens.extend(["<|startoftext|>", "<|endoftext|>"].map(String::from));
    let special = |id: usize| {
        serde_json::json!({
            "id": id, "content": tokens[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    let last = tokens.len() - 1;
    let vocab: serde_json::Map<String, serde_json::Value> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect();
    serde_json::json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(0), special(1), special(last - 1), special(last)],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Split", "pattern": {"Regex": PUNCTUATION}, "behavior": "Isolated", "invert": false},
        ]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": tokens[last - 1], "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": tokens[last], "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                tokens[last - 1].as_str(): {"id": tokens[last - 1], "ids": [last - 1], "tokens": [tokens[last - 1]]},
                tokens[last].as_str(): {"id": tokens[last], "ids": [last], "tokens": [tokens[last]]},
            },
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
    })
    .to_string()
}

/// ASCII's punctuation, as a pattern.
const PUNCTUATION: &str = "[!-/:-@\\[-`{-~]";

/// The parts that a caption's words are split into.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for word in text.split_whitespace() {
        let mut run = String::new();
        for c in word.chars() {
            if c.is_ascii_punctuation() {
                parts.extend((!run.is_empty()).then(|| std::mem::take(&mut run)));
                parts.push(c.to_string());
            } else {
                run.push(c);
            }
        }
        parts.extend((!run.is_empty()).then_some(run));
    }
    parts
}
