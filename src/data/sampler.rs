//! What an annotated data set is drawn from, and batches of it with video-text pairs. Frames are named here, not decoded.

use super::co_occurrence::CoOccurrence;
use super::folder::AnnotationFolder;
use super::graph_sample::{GraphSample, SampleRules};
use super::order::{Position, SeededOrder, Turn};
use super::pairs::{BatchShares, VideoText};
use super::report::ReadReport;
use crate::error::{Error, Result};
use crate::event::{Abort, Events};
use crate::graph::{Interval, SpanTally, Spans, count_triples};
use crate::source::Folder;
use serde::{Deserialize, Serialize};

/// What is known of a data set after one reading: names, not graphs.
#[derive(Debug, Clone, Default)]
pub struct GraphIndex {
    /// The files of the videos that the reading of "spans" can use, sorted.
    pub files: Vec<String>,
    /// How many videos which reading serves.
    pub tally: SpanTally,
    /// What is true together.
    pub co_occurrence: CoOccurrence,
    /// What was read and what was refused.
    pub report: ReadReport,
}

impl GraphIndex {
    /// Reads the folder once.
    ///
    /// # Errors
    /// Those of [`AnnotationFolder::scan`]; [`Error::Aborted`].
    pub async fn build<F: Folder>(
        folder: &AnnotationFolder<F>,
        spans: Spans,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Self> {
        let mut index = Self::default();
        let report = folder.scan(events, |file, annotation| {
            abort.check()?;
            let clips = annotation.graph.clips();
            let intervals: Vec<Interval> = clips.iter().map(|clip| clip.interval).collect();
            index.tally.add(&intervals);
            index.co_occurrence.observe(&annotation.graph);
            if count_triples(&intervals, spans) > 0 {
                index.files.push(file.to_owned());
            }
            Ok(())
        });
        index.report = report.await?;
        Ok(index)
    }
}

/// A batch before anything of it is read: what takes part, each with the seed of what is drawn of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    /// Pairs.
    pub pairs: Vec<(VideoText, u64)>,
    /// Annotation files.
    pub graphs: Vec<(String, u64)>,
}

/// A batch of training: pairs for the contrastive loss, annotated videos for the two branches.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Pairs, each with the seed of its frames.
    pub pairs: Vec<(VideoText, u64)>,
    /// Samples of annotated videos.
    pub graphs: Vec<GraphSample>,
}

/// Where a sampler of batches is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchPosition {
    /// Among the pairs.
    pub pairs: Position,
    /// Among the annotated videos.
    pub graphs: Position,
}

/// Batches without end, mixed by ratio.
#[derive(Debug, Clone)]
pub struct BatchSampler {
    pairs: Vec<VideoText>,
    files: Vec<String>,
    pair_order: Option<SeededOrder>,
    graph_order: Option<SeededOrder>,
    sizes: (usize, usize),
}

impl BatchSampler {
    /// Batches of `size` with this share of `pairs` and of the annotated videos `files` ([`GraphIndex::files`]).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where a kind has a share but no members, and those of [`BatchShares::split`].
    pub fn new(pairs: Vec<VideoText>, files: Vec<String>, shares: BatchShares, size: usize, seed: u64) -> Result<Self> {
        let sizes = shares.split(size)?;
        // The two orders share nothing but the seed: its complement keeps them from being one.
        let pair_order = (sizes.0 > 0).then(|| SeededOrder::new(pairs.len(), !seed)).transpose()?;
        let graph_order = (sizes.1 > 0).then(|| SeededOrder::new(files.len(), seed)).transpose()?;
        Ok(Self { pairs, files, pair_order, graph_order, sizes })
    }

    /// Where it is, to go on from with [`BatchSampler::resume`].
    #[must_use]
    pub fn position(&self) -> BatchPosition {
        let of = |order: &Option<SeededOrder>| order.as_ref().map(SeededOrder::position).unwrap_or_default();
        BatchPosition { pairs: of(&self.pair_order), graphs: of(&self.graph_order) }
    }

    /// Goes to a position of a sampler made of the same: what follows is what followed there.
    ///
    /// # Errors
    /// Those of [`SeededOrder::resume`].
    pub fn resume(&mut self, position: BatchPosition) -> Result<()> {
        let orders = [(&mut self.pair_order, position.pairs), (&mut self.graph_order, position.graphs)];
        orders.into_iter().filter_map(|(order, at)| Some((order.as_mut()?, at))).try_for_each(|(o, at)| o.resume(at))
    }

    /// Pairs and annotated videos of a batch.
    #[must_use]
    pub const fn sizes(&self) -> (usize, usize) {
        self.sizes
    }

    /// Pairs and annotated videos that it draws from, kinds without a share left out.
    #[must_use]
    pub const fn members(&self) -> usize {
        let (pairs, graphs) = self.sizes;
        (if pairs > 0 { self.pairs.len() } else { 0 }) + (if graphs > 0 { self.files.len() } else { 0 })
    }

    /// Names what the next batch is made of, and goes on past it.
    pub fn plan(&mut self) -> BatchPlan {
        let turns = |order: &mut Option<SeededOrder>, count| -> Vec<Turn> {
            order.iter_mut().flat_map(|order| (0..count).map(|_| order.advance()).collect::<Vec<_>>()).collect()
        };
        let pairs = turns(&mut self.pair_order, self.sizes.0).into_iter();
        let pairs = pairs.map(|turn| (self.pairs[turn.index].clone(), turn.seed)).collect();
        let graphs = turns(&mut self.graph_order, self.sizes.1).into_iter();
        let graphs = graphs.map(|turn| (self.files[turn.index].clone(), turn.seed)).collect();
        BatchPlan { pairs, graphs }
    }

    /// The next batch: each annotation file is read, its sample drawn, and its graph dropped.
    ///
    /// # Errors
    /// Those of [`AnnotationFolder::sample`].
    pub async fn batch<F: Folder>(&mut self, folder: &AnnotationFolder<F>, rules: &SampleRules) -> Result<Batch> {
        let BatchPlan { pairs, graphs: files } = self.plan();
        let mut graphs = Vec::with_capacity(files.len());
        for (file, seed) in files {
            graphs.push(folder.sample(&file, rules, seed).await?);
        }
        Ok(Batch { pairs, graphs })
    }
}

impl<F: Folder> AnnotationFolder<F> {
    /// Reads a file and draws a sample of it.
    ///
    /// # Errors
    /// Those of [`AnnotationFolder::read`]; [`Error::InvalidInput`] for a video without an (F, B, O): an index names none,
    /// so that the file has changed since.
    pub async fn sample(&self, file: &str, rules: &SampleRules, seed: u64) -> Result<GraphSample> {
        let graph = self.read(file).await?.graph;
        GraphSample::draw(&graph, rules, seed).ok_or_else(|| {
            let reason = "no two of its graphs are spanned by a third; index the folder again".to_owned();
            Error::InvalidInput { what: file.to_owned(), reason }
        })
    }
}

#[cfg(test)]
#[path = "tests/sampler.rs"]
mod tests;
