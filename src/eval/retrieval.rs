//! Text-video retrieval: where the right text of a video stands among all texts, and the right video of a text among all
//! videos (models.md 1.8).
//!
//! Constraint: 10,000 videos and texts have 10^8 similarities; as f64 with their sorted order they fill gigabytes. Solution:
//! a rank is a count of better candidates, so that the matrix passes by in blocks of rows and nothing of its size is kept:
//! once for the best right candidate of every query, once to count the others (before, once for the sums of the dual
//! softmax). Cost: every block is asked for two or three times.

mod counts;
mod pairing;
mod ranks;
mod rescore;
#[cfg(test)]
mod tests;

pub use pairing::Pairing;
pub use ranks::{Rank, RankSummary, RetrievalDirection, RetrievalRanks};
pub use rescore::Rescored;

use crate::error::{Error, Result};
use crate::model::cosines;
use burn::tensor::Tensor;
use counts::Candidates;
use rescore::{DualSums, Raw};
use serde::Serialize;
use std::ops::Range;

/// Similarities in memory at once: 16 MB.
const BLOCK_NUMBERS: usize = 1 << 22;

/// Rows that one thread takes at a time.
const PIECE_ROWS: usize = 32;

/// Ranks both ways, by similarity as it is and, on request, after a dual softmax.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrievalMetrics {
    /// By similarity: what published tables hold unless they say otherwise.
    pub raw: RetrievalRanks,
    /// By similarity times its softmax over the queries (published as "dual softmax", "_dsl"): it presumes that the whole
    /// set of queries is known, so it is never to be compared with `raw`.
    pub dual_softmax: Option<RetrievalRanks>,
}

/// Ranks every right candidate both ways. A query with several right candidates (a video with several captions) has the
/// rank of its best one; how candidates of equal similarity are ordered is told by two ranks, see [`Rank`].
///
/// `similarity` gives the rows of a range of videos, `[rows, texts]` row-major, and must give the same numbers each time: it
/// is asked for every row twice, with `dual_softmax` three times.
///
/// # Errors
/// Those of `similarity`; [`Error::ShapeMismatch`] where it gives another number of values, [`Error::NonFinite`] where one is
/// no number.
pub async fn retrieval<F>(pairing: &Pairing, dual_softmax: bool, similarity: F) -> Result<RetrievalMetrics>
where
    F: AsyncFnMut(Range<usize>) -> Result<Vec<f32>>,
{
    let rows = (BLOCK_NUMBERS / pairing.texts()).max(1);
    in_blocks(pairing, dual_softmax, rows, similarity).await
}

/// [`retrieval`] by the cosines of embeddings: `videos` `[videos, dim]`, `texts` `[texts, dim]`, neither normalised. The
/// cosines are computed block by block where the tensors are.
///
/// # Errors
/// [`Error::ShapeMismatch`] where the tensors do not fit `pairing`; as [`retrieval`]; [`Error::Compute`] when the device fails.
pub async fn embedding_retrieval(
    pairing: &Pairing,
    dual_softmax: bool,
    videos: Tensor<2>,
    texts: Tensor<2>,
) -> Result<RetrievalMetrics> {
    let [rows, dim] = videos.dims();
    check_shape("video embeddings", vec![pairing.videos(), dim], vec![rows, dim])?;
    check_shape("text embeddings", vec![pairing.texts(), dim], texts.dims().to_vec())?;
    retrieval(pairing, dual_softmax, async |rows: Range<usize>| {
        let block = cosines(videos.clone().narrow(0, rows.start, rows.len()), texts.clone());
        let data = block.into_data_async().await.map_err(|error| Error::Compute { reason: error.to_string() })?;
        data.convert::<f32>().try_into_vec::<f32>().map_err(|error| Error::Compute { reason: format!("{error:?}") })
    })
    .await
}

/// Ranks every right candidate both ways by scores that some of each query's candidates got by a second look; the others
/// stand behind them, level with each other.
///
/// # Errors
/// [`Error::ShapeMismatch`] where the scores are of another number of videos or texts; [`Error::NonFinite`].
pub async fn rescored_retrieval(pairing: &Pairing, scores: Rescored) -> Result<RetrievalRanks> {
    check_shape("scores of candidates", vec![pairing.videos(), pairing.texts()], scores.extents().to_vec())?;
    scores.check()?;
    let (texts, rows) = (pairing.texts(), (BLOCK_NUMBERS / pairing.texts()).max(1));
    let ranges = (0..pairing.videos()).step_by(rows).map(|first| first..(first + rows).min(pairing.videos()));
    let mut candidates = Candidates::new(scores, pairing);
    // The rule knows its scores; the similarity is not asked.
    let mut nothing = async |rows: Range<usize>| Ok::<_, Error>(vec![0.0_f32; rows.len() * texts]);
    for range in ranges.clone() {
        candidates.see_right(&Block::read(range, texts, &mut nothing).await?);
    }
    for range in ranges {
        candidates.count(&Block::read(range, texts, &mut nothing).await?);
    }
    Ok(candidates.ranks())
}

fn check_shape(name: &str, expected: Vec<usize>, got: Vec<usize>) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::ShapeMismatch { name: name.to_owned(), expected, got }) }
}

async fn in_blocks<F>(pairing: &Pairing, dual_softmax: bool, rows: usize, mut similarity: F) -> Result<RetrievalMetrics>
where
    F: AsyncFnMut(Range<usize>) -> Result<Vec<f32>>,
{
    let ranges = (0..pairing.videos()).step_by(rows).map(|first| first..(first + rows).min(pairing.videos()));
    let mut raw = Candidates::new(Raw, pairing);
    let mut dual = None;
    if dual_softmax {
        let mut sums = DualSums::new(pairing);
        for range in ranges.clone() {
            sums.add(&Block::read(range, pairing.texts(), &mut similarity).await?);
        }
        dual = Some(Candidates::new(sums.rule(), pairing));
    }
    for range in ranges.clone() {
        let block = Block::read(range, pairing.texts(), &mut similarity).await?;
        raw.see_right(&block);
        dual.iter_mut().for_each(|dual| dual.see_right(&block));
    }
    for range in ranges {
        let block = Block::read(range, pairing.texts(), &mut similarity).await?;
        raw.count(&block);
        dual.iter_mut().for_each(|dual| dual.count(&block));
    }
    Ok(RetrievalMetrics { raw: raw.ranks(), dual_softmax: dual.map(Candidates::ranks) })
}

/// Similarities of some videos with all texts.
struct Block {
    /// The first row's video.
    first: usize,
    texts: usize,
    /// `[rows, texts]`.
    values: Vec<f32>,
}

impl Block {
    async fn read<F>(range: Range<usize>, texts: usize, similarity: &mut F) -> Result<Self>
    where
        F: AsyncFnMut(Range<usize>) -> Result<Vec<f32>>,
    {
        let (first, rows) = (range.start, range.len());
        let values = similarity(range).await?;
        if values.len() != rows * texts {
            let (expected, got) = (vec![rows, texts], vec![values.len()]);
            return Err(Error::ShapeMismatch { name: "similarity".to_owned(), expected, got });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Error::NonFinite { name: "similarity".to_owned(), index: first * texts + index }),
            None => Ok(Self { first, texts, values }),
        }
    }

    /// Each video with its row.
    fn rows(&self) -> impl Iterator<Item = (usize, &[f32])> {
        (self.first..).zip(self.values.chunks_exact(self.texts))
    }

    /// The first video of every [`PIECE_ROWS`] rows, and these rows.
    fn pieces(&self) -> Vec<(usize, &[f32])> {
        let firsts = (self.first..).step_by(PIECE_ROWS);
        firsts.zip(self.values.chunks(PIECE_ROWS * self.texts)).collect()
    }
}
