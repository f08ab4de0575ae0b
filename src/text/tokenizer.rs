//! From captions to rows of token ids.

use super::clean::{clean_clip, clean_plain, is_letter_or_number, is_space};
use crate::config::{CaptionCleaning, TextConfig};
use crate::error::{Error, Result};

/// Start and end tokens by their usual names; the first pair that a vocabulary has both of is used.
const START_END: [(&str, &str); 3] = [("<|startoftext|>", "<|endoftext|>"), ("[CLS]", "[SEP]"), ("<s>", "</s>")];

/// Usual names of the token that stands for a word that a vocabulary lacks.
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];

/// Token ids of a list of captions, ready to be a tensor `[rows, context]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIds {
    /// Row-major ids, each row `[start] ids [end] 0 …`; of a model that reads captions at their start, without the end.
    pub ids: Vec<i32>,
    /// Captions.
    pub rows: usize,
    /// Ids a row (L).
    pub context: usize,
}

impl TokenIds {
    /// Without the columns that are padding in every row, of which one is left at least.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        let rows = || self.ids.chunks_exact(self.context);
        let length = |row: &[i32]| row.iter().rposition(|id| *id != 0).map_or(1, |at| at + 1);
        let context = rows().map(length).max().unwrap_or(1);
        Self { ids: rows().flat_map(|row| &row[..context]).copied().collect(), rows: self.rows, context }
    }
}

/// A caption cleaning and a `tokenizer.json`.
#[derive(Clone)]
pub struct Tokenizer {
    model: tokenizers::Tokenizer,
    cleaning: CaptionCleaning,
    context_length: usize,
    start: i32,
    /// `None` where rows have no end.
    end: Option<i32>,
    unknown: Option<u32>,
    vocab_size: usize,
    /// Special tokens that a caption may spell out (CLIP cleaning only).
    literals: Vec<(String, u32)>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("cleaning", &self.cleaning)
            .field("context_length", &self.context_length)
            .field("vocab_size", &self.vocab_size)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// The tokenizer of a model: reads its `tokenizer.json` and refuses one that is another model's.
    ///
    /// # Errors
    /// Those of [`Tokenizer::from_json`] and [`Tokenizer::check_fits`].
    pub fn of_model(json: &str, file: &str, text: &TextConfig) -> Result<Self> {
        let mut tokenizer = Self::from_json(json.as_bytes(), file, text.cleaning, text.context_length)?;
        if !text.end_token {
            tokenizer.end = None;
        }
        tokenizer.check_fits(text.vocab_size, file)?;
        Ok(tokenizer)
    }

    /// Reads any Hugging Face `tokenizer.json`; `file` is its name in messages. Truncation, padding and special tokens
    /// are this type's business, so what the file says about them is not used.
    ///
    /// Start and end tokens are those named `<|startoftext|>` and `<|endoftext|>`, or `[CLS]` and `[SEP]`, or `<s>` and
    /// `</s>`.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] if it does not parse, [`Error::CorruptFile`] if it has no start and end token,
    /// [`Error::InvalidConfig`] if `context_length` has no room for these two.
    pub fn from_json(json: &[u8], file: &str, cleaning: CaptionCleaning, context_length: usize) -> Result<Self> {
        if context_length < 2 {
            let expected = "at least 2, for the start and the end token".to_owned();
            let value = context_length.to_string();
            return Err(Error::InvalidConfig { field: "text.context_length", value, expected });
        }
        let mut model = encoding_half(json, file)?;
        let corrupt = |reason: String| Error::CorruptFile { file: file.to_owned(), reason };
        let largest = model.get_vocab(true).into_values().max().unwrap_or(0);
        let as_id = |id: u32| i32::try_from(id).map_err(|_| corrupt(format!("token id {id} does not fit 31 bits")));
        as_id(largest)?;
        let both = |(start, end): &(&str, &str)| Some((model.token_to_id(start)?, model.token_to_id(end)?));
        let (start, end) = START_END.iter().find_map(both).ok_or_else(|| {
            let pairs: Vec<String> = START_END.iter().map(|(start, end)| format!("{start} and {end}")).collect();
            corrupt(format!("no start and end token; looked for {}", pairs.join(", ")))
        })?;
        let (start, end) = (as_id(start)?, as_id(end)?);
        let unknown = UNKNOWN.iter().find_map(|name| model.token_to_id(name));
        let literals = if cleaning == CaptionCleaning::Clip { spelled_specials(&model) } else { Vec::new() };
        // The literals are cut out here, by the rule of CLIP's own tokenizer.
        model.set_encode_special_tokens(cleaning == CaptionCleaning::Clip);
        let vocab_size = largest as usize + 1;
        let end = Some(end);
        Ok(Self { model, cleaning, context_length, start, end, unknown, vocab_size, literals })
    }

    /// Ids a row (L).
    #[must_use]
    pub const fn context_length(&self) -> usize {
        self.context_length
    }

    /// One more than the largest id: the rows that a token embedding must have.
    #[must_use]
    pub const fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Id of the token that ends each row, if one does. Text encoders that read a caption at its end do so where the id is
    /// largest, so for them it has to be `vocab_size() - 1`.
    #[must_use]
    pub const fn end_id(&self) -> Option<i32> {
        self.end
    }

    /// Refuses a vocabulary that is another model's: every id needs one of the token embedding's `rows`, and a text
    /// encoder that reads where the id is largest has to find the end of the text there. `file` is its name in messages.
    ///
    /// # Errors
    /// [`Error::InvalidInput`].
    pub fn check_fits(&self, rows: usize, file: &str) -> Result<()> {
        let refuse = |reason: String| Err(Error::InvalidInput { what: file.to_owned(), reason });
        let largest = self.vocab_size - 1;
        if largest >= rows {
            return refuse(format!(
                "its ids go up to {largest}, the model knows {rows} (text.vocab_size); give this model's own tokenizer"
            ));
        }
        if let Some(end) = self.end.filter(|end| *end as usize != largest) {
            return refuse(format!(
                "its end token has id {end} and others go up to {largest}, but the model takes a text's embedding where the id \
                 is largest; give a tokenizer whose end token comes last"
            ));
        }
        Ok(())
    }

    /// The caption as the vocabulary sees it.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        match self.cleaning {
            CaptionCleaning::Clip => clean_clip(text),
            CaptionCleaning::Plain => clean_plain(text),
            CaptionCleaning::None => text.trim().to_owned(),
        }
    }

    /// Refuses captions of which nothing is left after cleaning.
    ///
    /// # Errors
    /// [`Error::EmptyCaption`] with the position of the first.
    pub fn check(&self, captions: &[impl AsRef<str>]) -> Result<()> {
        match captions.iter().position(|caption| self.clean(caption.as_ref()).is_empty()) {
            Some(index) => Err(Error::EmptyCaption { index }),
            None => Ok(()),
        }
    }

    /// One row a caption: start token, ids, end token, zeros up to the context length (models.md 1.5), or the same without
    /// the end token (2.2). A caption that is too long is cut, the end token in the last place; an empty one is start and
    /// end alone, which [`Self::check`] refuses where people write captions.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the vocabulary cannot express one.
    pub fn encode(&self, captions: &[impl AsRef<str>]) -> Result<TokenIds> {
        let mut ids = Vec::with_capacity(captions.len() * self.context_length);
        let room = self.context_length - 1 - usize::from(self.end.is_some());
        for (index, caption) in captions.iter().enumerate() {
            let tokens = self.encode_ids(caption.as_ref())?;
            let kept = tokens.len().min(room);
            ids.push(self.start);
            // Every id is at most the largest one, which was checked when the file was read.
            ids.extend(tokens[..kept].iter().map(|id| *id as i32));
            ids.extend(self.end);
            ids.resize((index + 1) * self.context_length, 0);
        }
        Ok(TokenIds { ids, rows: captions.len(), context: self.context_length })
    }

    /// Ids of one caption after cleaning, without start and end token, of any length.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the vocabulary cannot express it.
    pub fn encode_ids(&self, text: &str) -> Result<Vec<u32>> {
        self.tokens(&self.clean(text))
    }

    /// Whether the vocabulary lacks a word of the text and has a token to say so (those of bytes lack none).
    ///
    /// # Errors
    /// Those of [`Self::encode_ids`].
    pub fn has_unknown(&self, text: &str) -> Result<bool> {
        match self.unknown {
            Some(unknown) => Ok(self.encode_ids(text)?.contains(&unknown)),
            None => Ok(false),
        }
    }

    fn tokens(&self, cleaned: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let mut piece = 0;
        let mut from = 0;
        while let Some((at, literal, id)) = self.next_literal(cleaned, from) {
            // CLIP's pattern takes a run of punctuation whole, and a literal's first characters with it.
            let swallowed = |c: char| !is_space(c) && !is_letter_or_number(c);
            if at > piece && cleaned[..at].ends_with(swallowed) {
                from = at + 1;
                continue;
            }
            self.append(&cleaned[piece..at], &mut ids)?;
            ids.push(id);
            piece = at + literal.len();
            from = piece;
        }
        self.append(&cleaned[piece..], &mut ids)?;
        Ok(ids)
    }

    /// The first spelled-out special token from byte `from` on: where, its text, its id.
    fn next_literal(&self, text: &str, from: usize) -> Option<(usize, &str, u32)> {
        let rest = text.get(from..)?;
        let found = self.literals.iter().filter_map(|(literal, id)| Some((from + rest.find(literal)?, literal, *id)));
        found
            .min_by_key(|(at, literal, _)| (*at, std::cmp::Reverse(literal.len())))
            .map(|(at, l, id)| (at, l.as_str(), id))
    }

    fn append(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        if !text.is_empty() {
            let encoding = self.model.encode_fast(text, false).map_err(|error| Error::InvalidInput {
                what: format!("caption \"{text}\""),
                reason: format!("the vocabulary cannot express it: {error}"),
            })?;
            ids.extend_from_slice(encoding.get_ids());
        }
        Ok(())
    }
}

/// Reads what is needed to encode: the file without its truncation, padding, decoder and post-processor.
fn encoding_half(json: &[u8], file: &str) -> Result<tokenizers::Tokenizer> {
    let mut value: serde_json::Value = serde_json::from_slice(json).map_err(Error::json(file))?;
    if let Some(fields) = value.as_object_mut() {
        // The library panics on decoders that it does not know.
        fields.retain(|name, _| !["truncation", "padding", "decoder", "post_processor"].contains(&name.as_str()));
    }
    check_precompiled(&value["normalizer"]).map_err(Error::json(file))?;
    let added = value["added_tokens"].clone();
    let model: tokenizers::Tokenizer = serde_json::from_value(value).map_err(Error::json(file))?;
    // The library only warns when it has to give an added token another id.
    for token in added.as_array().into_iter().flatten() {
        let content = token["content"].as_str().unwrap_or_default();
        if model.token_to_id(content).map(u64::from) != token["id"].as_u64() {
            let reason = format!("added token \"{content}\" cannot have id {}", token["id"]);
            return Err(Error::CorruptFile { file: file.to_owned(), reason });
        }
    }
    Ok(model)
}

/// Tries SentencePiece's character maps on their own: inside a file, the library panics on damaged ones.
fn check_precompiled(normalizer: &serde_json::Value) -> std::result::Result<(), serde_json::Error> {
    if normalizer["type"] == "Precompiled" {
        serde_json::from_str::<tokenizers::normalizers::Precompiled>(&normalizer.to_string())?;
    }
    normalizer["normalizers"].as_array().into_iter().flatten().try_for_each(check_precompiled)
}

/// Special tokens whose text can be part of a cleaned caption.
fn spelled_specials(model: &tokenizers::Tokenizer) -> Vec<(String, u32)> {
    let added = model.get_added_tokens_decoder().into_iter();
    let mut specials: Vec<(String, u32)> =
        added.filter(|(_, token)| token.special && !token.content.is_empty()).map(|(id, t)| (t.content, id)).collect();
    specials.sort_by_key(|(_, id)| *id);
    specials
}
