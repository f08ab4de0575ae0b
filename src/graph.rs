//! Scene graphs of a video: objects with box tracks, and triplets (subject, predicate, object) over frame intervals.
//! Intervals are half-open `[begin, end)`; boxes are exclusive at right and bottom. No tensors here.
//!
//! Constraint: SGCR-Vid (section 4.1) draws a triple of clip-level graphs (F, B, O) uniformly among all that a video has;
//! a long video has hundreds of graphs, and so tens of millions of triples. Solution: triples are counted and the n-th is
//! found without listing them (both readings of "spans" ask of F and of B alone, so that per O a sorted list of begins
//! answers); [`triples`] lists them where a list is wanted. Cost: O(n² log n) a draw instead of a table kept a video.
//!
//! - [`Interval`], [`TimeRelation`]: how stretches of frames lie to each other
//! - [`VideoGraph::merge_segments`], [`VideoGraph::clips`]: from annotated instances to clip-level graphs
//! - [`Spans`], [`GraphTriple`], [`triples`], [`draw_triple`], [`SpanTally`]: the choice of F, B and O
//! - [`sample_frames`], [`VideoGraph::targets`]: the frames, and what the visual branch has to find in one

mod clip;
mod interval;
mod sample;
mod segments;
mod span;
mod target;

pub use clip::{ClipGraph, Triplet};
pub use interval::{Interval, TimeRelation};
pub use sample::{FrameSample, sample_frames, segment_middles};
pub use span::{GraphTriple, SpanTally, Spans, count_triples, draw_triple, nth_triple, triples};
pub use target::Target;

use std::collections::BTreeMap;

/// An axis-aligned box in pixels; `x1` and `y1` are exclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Left.
    pub x0: f32,
    /// Top.
    pub y0: f32,
    /// Right (exclusive).
    pub x1: f32,
    /// Bottom (exclusive).
    pub y1: f32,
}

/// One object of a video and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Track id (`tid`): unique in its video, gaps allowed.
    pub tid: u32,
    /// Entity class, e.g. "dog".
    pub category: String,
    /// Attribute words by kind ("color", "size"): at most one of a kind.
    pub attributes: BTreeMap<String, String>,
    /// Box of each frame in which the object is seen.
    pub boxes: BTreeMap<u32, BoundingBox>,
}

/// `subject predicate object` over `[begin, end)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relation {
    /// First frame.
    pub begin: u32,
    /// First frame after it.
    pub end: u32,
    /// Subject's track id.
    pub subject: u32,
    /// Predicate, e.g. "chase".
    pub predicate: String,
    /// Object's track id.
    pub object: u32,
    /// Adverb, e.g. "slowly", where known (the generated world).
    pub manner: Option<String>,
}

/// The scene graph of a whole video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoGraph {
    /// Video id.
    pub video_id: String,
    /// Frames.
    pub frame_count: u32,
    /// Frames a second.
    pub fps: f64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Objects, by ascending track id.
    pub tracks: Vec<Track>,
    /// Relations, sorted.
    pub relations: Vec<Relation>,
}

impl Relation {
    /// The frames over which it holds.
    #[must_use]
    pub const fn interval(&self) -> Interval {
        Interval::new(self.begin, self.end)
    }
}

impl VideoGraph {
    /// The track of this id.
    #[must_use]
    pub fn track(&self, tid: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.tid == tid)
    }
}
