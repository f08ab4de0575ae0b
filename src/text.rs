//! Captions on their way to the text encoder: cleaning (what OpenAI's CLIP does before its tokenizer, and what the
//! published evaluations do before that) and tokenizers (any Hugging Face `tokenizer.json`).

mod bert_vocabulary;
mod clean;
mod clip_vocabulary;
mod ftfy;
mod html;
mod pre_text;
mod tokenizer;
mod word_level;

#[cfg(test)]
mod tests;

pub use clean::{clean_clip, clean_plain};
pub use ftfy::fix_text;
pub use pre_text::pre_text;
pub use tokenizer::{TokenIds, Tokenizer};
pub use word_level::word_level_json;
