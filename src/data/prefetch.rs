//! Batches of training with their frames, decoded ahead by threads.
//!
//! Constraint: to decode a clip takes longer than a step may wait, and a run must be the same to the bit on any machine and
//! after any stop. Solution: one thread plans batches from the seed ([`BatchSampler::plan`]); threads take the clips one by
//! one, each of which follows from its plan alone; batches are put together in the order of the plan, and each carries the
//! position to go on from. How far ahead they are is counted in batches, which bounds memory: at most
//! [`PrefetchOptions::ahead`] batches of resized frames wait as bytes (128 clips of 8 frames of 224 x 224: 154 MB), beside
//! the frames that each thread is at in their own size. Cost: a slow clip holds up its batch, and those after it once the
//! queue is full.
//!
//! A video that is missing or damaged ends the reading or is left out of its batch, which is smaller then, and counted
//! ([`BadVideo`]). What is wrong with the machine (no ffmpeg) ends it either way.
//!
//! - [`ClipLoader`], [`AnnotatedVideos`]: what is read, and how
//! - [`FrameCache`]: sampled frames on disk
//! - [`Prefetch`], [`LoadedBatch`], [`PrefetchReport`]: batches, and what became of them

mod batch;
mod cache;
mod crew;
mod loader;
mod store;

pub use batch::{ClipFrames, LoadedBatch, SkippedClip};
pub use cache::{CacheReport, FrameCache, VideoKey};
pub use loader::{AnnotatedVideos, ClipLoader};

use super::bad_video::BadVideo;
use super::sampler::{BatchPlan, BatchPosition, BatchSampler};
use crate::error::{Error, Result};
use crate::event::Abort;
use crew::Crew;
use loader::{ClipOrder, LoadedClip};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::sync::Arc;

/// Most threads and most batches ahead: above it is a slip of the pen.
const MOST: usize = 1024;

/// How batches are read ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefetchOptions {
    /// Threads that decode; ffmpeg starts threads of its own beside them.
    pub workers: usize,
    /// Batches that are read or being read beyond the one that was taken last.
    pub ahead: usize,
    /// What a video does that cannot be read.
    pub bad_video: BadVideo,
}

/// A video that was left out, over all epochs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedVideo {
    /// How often it was left out.
    pub times: u64,
    /// Why, the last time.
    pub reason: String,
}

/// What was read so far, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PrefetchReport {
    /// Batches that were taken.
    pub batches: u64,
    /// Clips in them.
    pub clips: u64,
    /// Clips that were left out.
    pub skipped_clips: u64,
    /// Their videos.
    pub skipped: BTreeMap<String, SkippedVideo>,
    /// What the cache did, if there is one.
    pub cache: Option<CacheReport>,
}

/// Batches without end, decoded ahead. Dropping it stops the threads and waits for them.
#[derive(Debug)]
pub struct Prefetch {
    sampler: BatchSampler,
    loader: Arc<ClipLoader>,
    options: PrefetchOptions,
    abort: Abort,
    crew: Crew<Tag, ClipOrder, Result<LoadedClip>>,
    /// Batches under way, the next one first.
    waiting: VecDeque<Pending>,
    /// Batches that were taken out of `waiting`.
    taken: u64,
    position: BatchPosition,
    report: PrefetchReport,
    ended: bool,
}

/// Whose clip it is.
#[derive(Debug, Clone, Copy)]
struct Tag {
    batch: u64,
    clip: usize,
}

/// A batch under way.
#[derive(Debug)]
struct Pending {
    names: Vec<String>,
    clips: Vec<Option<Result<LoadedClip>>>,
    missing: usize,
    after: BatchPosition,
}

impl Default for PrefetchOptions {
    /// A thread a core, two batches ahead.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { workers, ahead: 2, bad_video: BadVideo::default() }
    }
}

impl PrefetchOptions {
    fn check(&self) -> Result<()> {
        for (field, value) in [("workers", self.workers), ("ahead", self.ahead)] {
            if value == 0 || value > MOST {
                let expected = format!("from 1 to {MOST}");
                return Err(Error::InvalidConfig { field, value: value.to_string(), expected });
            }
        }
        Ok(())
    }
}

impl Prefetch {
    /// Starts the threads on the batches that `sampler` comes to next. `abort` ends the waiting for a batch, and with it
    /// the reading.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for options out of their range, [`Error::InvalidInput`] where `loader` does not know where
    /// videos of a kind are that the batches have, [`Error::Io`] where the system gives no thread.
    pub fn start(sampler: BatchSampler, loader: ClipLoader, options: PrefetchOptions, abort: &Abort) -> Result<Self> {
        options.check()?;
        loader.check(sampler.sizes())?;
        let (pairs, graphs) = sampler.sizes();
        let loader = Arc::new(loader);
        let task = {
            let loader = Arc::clone(&loader);
            move |order, stop: &Abort| loader.load(order, stop)
        };
        let crew = Crew::start(options.workers, options.ahead * (pairs + graphs), task)?;
        let mut prefetch = Self {
            position: sampler.position(),
            sampler,
            loader,
            options,
            abort: abort.clone(),
            crew,
            waiting: VecDeque::with_capacity(options.ahead),
            taken: 0,
            report: PrefetchReport::default(),
            ended: false,
        };
        prefetch.plan_ahead()?;
        Ok(prefetch)
    }

    /// The position after the last batch that was taken, for [`BatchSampler::resume`]; batches that were only read ahead
    /// come again.
    #[must_use]
    pub const fn position(&self) -> BatchPosition {
        self.position
    }

    /// What was read so far.
    #[must_use]
    pub fn report(&self) -> PrefetchReport {
        PrefetchReport { cache: self.loader.cache().map(FrameCache::report), ..self.report.clone() }
    }

    /// Gives the clips of as many batches to the threads as may be under way.
    fn plan_ahead(&mut self) -> Result<()> {
        while self.waiting.len() < self.options.ahead {
            let BatchPlan { pairs, graphs } = self.sampler.plan();
            let pairs = pairs.into_iter().map(|(text, seed)| ClipOrder::Pair(text, seed));
            let graphs = graphs.into_iter().map(|(file, seed)| ClipOrder::Graph(file, seed));
            let orders: Vec<ClipOrder> = pairs.chain(graphs).collect();
            let batch = self.taken + self.waiting.len() as u64;
            self.waiting.push_back(Pending {
                names: orders.iter().map(|order| order.name().to_owned()).collect(),
                clips: orders.iter().map(|_| None).collect(),
                missing: orders.len(),
                after: self.sampler.position(),
            });
            for (clip, order) in orders.into_iter().enumerate() {
                self.crew.give(Tag { batch, clip }, order)?;
            }
        }
        Ok(())
    }

    /// The next batch that has a clip.
    fn advance(&mut self) -> Result<LoadedBatch> {
        let mut in_a_row = 0;
        loop {
            self.plan_ahead()?;
            self.wait_for_first()?;
            let Some(pending) = self.waiting.pop_front() else { continue };
            self.taken += 1;
            self.plan_ahead()?;
            let batch = self.put_together(pending)?;
            if batch.clips() > 0 {
                self.position = batch.position;
                self.report.batches += 1;
                self.report.clips += batch.clips() as u64;
                return Ok(batch);
            }
            in_a_row += batch.skipped.len();
            if let Some(last) = batch.skipped.last().filter(|_| in_a_row >= self.sampler.members()) {
                let reason = format!("{in_a_row} in a row could not be read, the last one: {}", last.reason);
                return Err(Error::NoFrames { clip: "every video".to_owned(), reason });
            }
        }
    }

    /// Takes back clips until the first batch has all of its.
    fn wait_for_first(&mut self) -> Result<()> {
        while self.waiting.front().is_some_and(|first| first.missing > 0) {
            let (Tag { batch, clip }, made) = self.crew.take(&self.abort)?;
            let at = usize::try_from(batch - self.taken).unwrap_or(usize::MAX);
            let Some(pending) = self.waiting.get_mut(at) else { continue };
            let panicked = |said| Error::Decode {
                file: pending.names[clip].clone(),
                reason: format!("the decoder broke down over it: {said}"),
            };
            pending.clips[clip] = Some(made.unwrap_or_else(|said| Err(panicked(said))));
            pending.missing -= 1;
        }
        Ok(())
    }

    /// In the order of the plan, so that the first error is the same however many threads there are.
    fn put_together(&mut self, pending: Pending) -> Result<LoadedBatch> {
        let mut batch = LoadedBatch::empty(&self.loader, pending.after);
        for (file, clip) in pending.names.into_iter().zip(pending.clips.into_iter().flatten()) {
            match clip {
                Ok(clip) => batch.push(clip),
                Err(error) if self.options.bad_video.passes_over(&error) => {
                    let reason = error.to_string();
                    self.report.skipped_clips += 1;
                    let skipped = self.report.skipped.entry(file.clone());
                    let skipped = skipped.or_insert_with(|| SkippedVideo { times: 0, reason: String::new() });
                    skipped.times += 1;
                    skipped.reason.clone_from(&reason);
                    batch.skipped.push(SkippedClip { file, code: error.code(), reason });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(batch.finished())
    }
}

impl Iterator for Prefetch {
    type Item = Result<LoadedBatch>;

    /// The next batch; after an error, none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.advance();
        if batch.is_err() {
            self.ended = true;
            self.crew.dismiss();
        }
        Some(batch)
    }
}

#[cfg(test)]
#[path = "tests/prefetch.rs"]
mod tests;
