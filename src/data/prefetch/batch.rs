//! A batch with its frames, as training takes it.

use super::loader::{ClipLoader, LoadedClip};
use crate::config::PreprocessConfig;
use crate::data::graph_sample::{GraphSample, unique_labels};
use crate::data::pairs::VideoText;
use crate::data::sampler::BatchPosition;
use crate::video::Frames;
use crate::video::preprocess::normalise;
use serde::Serialize;

/// Frames of clips that have as many each, as bytes: a quarter of what the model's floats take while they wait. Nothing is
/// lost by it, for every resize rule rounds to bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipFrames {
    /// Frames of a clip.
    pub frames: usize,
    /// `[clips * frames, size, size, 3]`: resized, RGB.
    pub levels: Frames,
}

/// A clip that is missing from a batch, for its video could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedClip {
    /// The video of a pair, the annotation file of an annotated video.
    pub file: String,
    /// The error's stable code.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

/// A batch of training: pairs for the contrastive loss, annotated videos for the two branches.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedBatch {
    /// Frames of the pairs.
    pub pair_frames: ClipFrames,
    /// The pairs.
    pub pairs: Vec<VideoText>,
    /// Frames of the annotated videos.
    pub graph_frames: ClipFrames,
    /// Samples of the annotated videos: targets with boxes of each frame, positive and negative texts.
    pub graphs: Vec<GraphSample>,
    /// Entity classes of the targets, each once, sorted.
    pub entities: Vec<String>,
    /// Predicates of the targets, each once, sorted.
    pub predicates: Vec<String>,
    /// Clips that were to be part of it.
    pub skipped: Vec<SkippedClip>,
    /// What the batch after this one goes on from.
    pub position: BatchPosition,
}

impl ClipFrames {
    const fn none(frames: usize, size: usize) -> Self {
        Self { frames, levels: Frames { width: size, height: size, data: Vec::new() } }
    }

    /// Clips.
    #[must_use]
    pub fn clips(&self) -> usize {
        self.levels.count() / self.frames.max(1)
    }

    /// The model's input, `[clips, frames, 3, size, size]`, row-major.
    #[must_use]
    pub fn pixels(&self, config: &PreprocessConfig) -> Vec<f32> {
        normalise(&self.levels, config.mean, config.std)
    }
}

impl LoadedBatch {
    /// An empty batch, to be filled in the order of its plan.
    pub(super) fn empty(loader: &ClipLoader, position: BatchPosition) -> Self {
        Self {
            pair_frames: ClipFrames::none(loader.pair_frames(), loader.size()),
            pairs: Vec::new(),
            graph_frames: ClipFrames::none(loader.graph_frames(), loader.size()),
            graphs: Vec::new(),
            entities: Vec::new(),
            predicates: Vec::new(),
            skipped: Vec::new(),
            position,
        }
    }

    pub(super) fn push(&mut self, clip: LoadedClip) {
        match clip {
            LoadedClip::Pair(text, frames) => {
                self.pair_frames.levels.data.extend(frames.data);
                self.pairs.push(text);
            }
            LoadedClip::Graph(sample, frames) => {
                self.graph_frames.levels.data.extend(frames.data);
                self.graphs.push(*sample);
            }
        }
    }

    /// Once all its clips are in.
    pub(super) fn finished(mut self) -> Self {
        (self.entities, self.predicates) = unique_labels(&self.graphs);
        self
    }

    /// Clips of either kind.
    #[must_use]
    pub const fn clips(&self) -> usize {
        self.pairs.len() + self.graphs.len()
    }
}
