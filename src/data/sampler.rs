//! The order in which videos are seen: every video that has an (F, B, O) once an epoch, shuffled anew in each. Order and
//! content depend on the seed and the position alone; a position is two numbers, and going on from it is exact.

use super::co_occurrence::CoOccurrence;
use super::folder::AnnotationFolder;
use super::graph_sample::{GraphSample, SampleRules};
use super::report::ReadReport;
use crate::error::{Error, Result};
use crate::graph::{Interval, SpanTally, Spans, count_triples};
use crate::source::Folder;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
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
    /// Those of [`AnnotationFolder::scan`].
    pub async fn build<F: Folder>(folder: &AnnotationFolder<F>, spans: Spans) -> Result<Self> {
        let mut index = Self::default();
        let report = folder.scan(|file, annotation| {
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

/// Where a sampler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Times that all videos were seen.
    pub epoch: u64,
    /// Videos seen since.
    pub seen: u64,
}

/// A video to draw a sample from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Its annotation file.
    pub file: String,
    /// The sample's seed.
    pub seed: u64,
}

/// An endless, seeded order of files.
#[derive(Debug, Clone)]
pub struct GraphSampler {
    files: Vec<String>,
    seed: u64,
    position: Position,
    order: Vec<usize>,
}

impl GraphSampler {
    /// Starts at the first video of the first epoch.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no files.
    pub fn new(files: Vec<String>, seed: u64) -> Result<Self> {
        if files.is_empty() {
            let reason = "no video has two graphs apart and one that spans them; see `sgcr graph stats`".to_owned();
            return Err(Error::InvalidInput { what: "annotated videos".to_owned(), reason });
        }
        let order = shuffled(files.len(), seed, 0);
        Ok(Self { files, seed, position: Position::default(), order })
    }

    /// Where it is, to go on from with [`GraphSampler::resume`].
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Goes to a position of a sampler with the same files and seed: what follows is what followed there.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a position that such a sampler is never at.
    pub fn resume(&mut self, position: Position) -> Result<()> {
        if position.seen >= self.files.len() as u64 {
            let reason =
                format!("{} seen, but there are {} videos; was it saved with others?", position.seen, self.files.len());
            return Err(Error::InvalidInput { what: "position".to_owned(), reason });
        }
        self.position = position;
        self.order = shuffled(self.files.len(), self.seed, position.epoch);
        Ok(())
    }

    /// The next video.
    pub fn advance(&mut self) -> Draw {
        let Position { epoch, seen } = self.position;
        let file = self.files[self.order[seen as usize]].clone();
        let seed = sample_seed(self.seed, epoch, seen);
        self.position.seen += 1;
        if self.position.seen == self.files.len() as u64 {
            self.position = Position { epoch: epoch + 1, seen: 0 };
            self.order = shuffled(self.files.len(), self.seed, epoch + 1);
        }
        Draw { file, seed }
    }

    /// The samples of the next `count` videos: each file is read, its sample drawn, and its graph dropped.
    ///
    /// # Errors
    /// Those of reading a file that the index had read; [`Error::InvalidInput`] where a file has changed since and has no
    /// (F, B, O) any more.
    pub async fn samples<F: Folder>(
        &mut self,
        folder: &AnnotationFolder<F>,
        rules: &SampleRules,
        count: usize,
    ) -> Result<Vec<GraphSample>> {
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let Draw { file, seed } = self.advance();
            let graph = folder.read(&file).await?.graph;
            samples.push(GraphSample::draw(&graph, rules, seed).ok_or_else(|| {
                let reason = "no two of its graphs are spanned by a third; index the folder again".to_owned();
                Error::InvalidInput { what: file, reason }
            })?);
        }
        Ok(samples)
    }
}

/// The seed of the sample drawn of the `seen`-th video of an epoch.
#[must_use]
pub const fn sample_seed(seed: u64, epoch: u64, seen: u64) -> u64 {
    mixed(mixed(seed, epoch), seen)
}

fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = Pcg64Mcg::seed_from_u64(mixed(seed, epoch));
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        // u64: the same draw where pointers have 32 bits.
        order.swap(i, rng.random_range(0..=i as u64) as usize);
    }
    order
}

/// Two numbers into one that looks like neither (the finaliser of SplitMix64).
const fn mixed(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_add(b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
#[path = "tests/sampler.rs"]
mod tests;
