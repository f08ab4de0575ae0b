//! Captions to embeddings: each text once, in batches of like length, so that little is computed for padding.

use super::hash;
use super::identity::ModelIdentity;
use crate::error::{Error, Result};
use crate::eval::scores::unit;
use crate::text::{TokenIds, pre_text};
use std::collections::{BTreeMap, BTreeSet};

/// Captions a batch.
const BATCH: usize = 64;

/// Unit vectors by caption as the data has it.
#[derive(Debug, Default)]
pub struct Captions {
    /// By text as the model sees it.
    vectors: BTreeMap<String, Vec<f32>>,
    clean: bool,
}

impl Captions {
    /// None yet; `clean` where captions are cleaned first.
    #[must_use]
    pub const fn new(clean: bool) -> Self {
        Self { vectors: BTreeMap::new(), clean }
    }

    /// The batches that captions are embedded in; `tokens` gives rows of token ids. They follow from the set of captions
    /// alone, so that a run that goes on has the numbers of one that was never stopped.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn batches<'a>(
        &self,
        captions: impl IntoIterator<Item = &'a str>,
        tokens: impl FnOnce(&[String]) -> Result<TokenIds>,
    ) -> Result<Vec<Batch>> {
        let texts: BTreeSet<String> = captions.into_iter().map(|caption| self.seen(caption)).collect();
        batches(texts.into_iter().collect(), tokens)
    }

    /// Takes the embeddings of a batch.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of them; [`Error::NonFinite`].
    pub fn add(&mut self, batch: &Batch, embeds: &[Vec<f32>]) -> Result<()> {
        if embeds.len() != batch.texts.len() {
            let (expected, got) = (vec![batch.texts.len()], vec![embeds.len()]);
            return Err(Error::ShapeMismatch { name: "caption embeddings".to_owned(), expected, got });
        }
        for (text, vector) in batch.texts.iter().zip(embeds) {
            self.vectors.insert(text.clone(), unit(vector)?);
        }
        Ok(())
    }

    /// The unit vector of a caption that was embedded.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for any other.
    pub fn of(&self, caption: &str) -> Result<&[f32]> {
        let reason = "it was not embedded; this is a fault of sgcr".to_owned();
        let unknown = || Error::InvalidInput { what: format!("caption \"{caption}\""), reason };
        self.vectors.get(&self.seen(caption)).map(Vec::as_slice).ok_or_else(unknown)
    }

    fn seen(&self, caption: &str) -> String {
        seen(caption, self.clean)
    }
}

/// A caption as the tokenizer gets it; `clean` where captions are cleaned first.
pub fn seen(caption: &str, clean: bool) -> String {
    if clean { pre_text(caption, None) } else { caption.to_owned() }
}

/// Captions that are embedded together.
#[derive(Debug)]
pub struct Batch {
    texts: Vec<String>,
    /// Rows cut to the longest.
    tokens: TokenIds,
}

/// Batches of neighbours by length.
fn batches(texts: Vec<String>, tokens: impl FnOnce(&[String]) -> Result<TokenIds>) -> Result<Vec<Batch>> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = tokens(&texts)?;
    // Rows are padded with zeros behind the end token, whose id is never 0.
    let length = |row: &[i32]| row.iter().rposition(|id| *id != 0).map_or(1, |at| at + 1);
    let mut rows: Vec<(usize, String, &[i32])> = texts
        .into_iter()
        .zip(tokens.ids.chunks_exact(tokens.context))
        .map(|(text, row)| (length(row), text, row))
        .collect();
    rows.sort();
    let batches = rows.chunks(BATCH).map(|rows| {
        let context = rows.iter().map(|(length, ..)| *length).max().unwrap_or(1);
        let ids = rows.iter().flat_map(|(_, _, row)| &row[..context]).copied().collect();
        let tokens = TokenIds { ids, rows: rows.len(), context };
        Batch { texts: rows.iter().map(|(_, text, _)| text.clone()).collect(), tokens }
    });
    Ok(batches.collect())
}

impl Batch {
    /// How many captions.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.texts.len()
    }

    /// Rows of token ids, cut to the longest.
    #[must_use]
    pub const fn tokens(&self) -> &TokenIds {
        &self.tokens
    }

    /// What its embeddings are kept under.
    #[must_use]
    pub fn key(&self, model: &ModelIdentity) -> String {
        let base = ["captions", model.weights_sha256.as_str(), model.device.as_str(), model.dtype.as_str()];
        hash::of_parts(base.into_iter().chain(self.texts.iter().map(String::as_str)))
    }
}
