//! Captions to embeddings: each text once, in batches of like length, so that little is computed for padding.

use super::videos::Run;
use super::{Embedder, hash};
use crate::error::{Error, Result};
use crate::eval::scores::unit;
use crate::event::{Event, Events};
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
    /// Embeds captions, or takes them from the cache. Batches follow from the set of captions alone, so that a run that goes
    /// on has the numbers of one that was never stopped.
    ///
    /// # Errors
    /// Those of the tokenizer, the model and the cache; [`Error::Aborted`].
    pub fn embed<'a>(
        run: &Run<'_, impl Embedder>,
        captions: impl IntoIterator<Item = &'a str>,
        events: &mut impl Events,
    ) -> Result<Self> {
        let mut embedded = Self { vectors: BTreeMap::new(), clean: run.settings().pre_text };
        let texts: BTreeSet<String> = captions.into_iter().map(|caption| embedded.seen(caption)).collect();
        let texts: Vec<String> = texts.into_iter().collect();
        let total = texts.len() as u64;
        for batch in batches(texts, run.model())? {
            run.abort().check()?;
            for (text, vector) in batch.texts.iter().zip(batch.embed(run)?) {
                embedded.vectors.insert(text.clone(), unit(&vector)?);
            }
            let done = embedded.vectors.len() as u64;
            events.emit(Event::Progress { stage: "captions", done, total });
        }
        Ok(embedded)
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

    /// The caption as the tokenizer gets it.
    fn seen(&self, caption: &str) -> String {
        if self.clean { pre_text(caption, None) } else { caption.to_owned() }
    }
}

/// Captions that are embedded together.
struct Batch {
    texts: Vec<String>,
    /// Rows cut to the longest.
    tokens: TokenIds,
}

/// Batches of neighbours by length.
fn batches(texts: Vec<String>, model: &impl Embedder) -> Result<Vec<Batch>> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = model.tokens(&texts)?;
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
    fn embed(&self, run: &Run<'_, impl Embedder>) -> Result<Vec<Vec<f32>>> {
        let model = &run.settings().model;
        let base = ["captions", model.weights_sha256.as_str(), model.device.as_str(), model.dtype.as_str()];
        let key = hash::of_parts(base.into_iter().chain(self.texts.iter().map(String::as_str)));
        if let Some(embeds) = run.cache().texts(&key, self.texts.len()) {
            return Ok(embeds);
        }
        let embeds = run.model().embed_tokens(&self.tokens)?;
        if embeds.len() != self.texts.len() {
            let (expected, got) = (vec![self.texts.len()], vec![embeds.len()]);
            return Err(Error::ShapeMismatch { name: "caption embeddings".to_owned(), expected, got });
        }
        run.cache().keep_texts(&key, &embeds)?;
        Ok(embeds)
    }
}
