//! Attribute words of objects (section 4.1, A.1): the data sets have none, so they are taken from captions of regions or
//! estimated from the pixels, and voted on.
//!
//! Constraints: what one frame says of an object is often wrong (blur, occlusion, a captioner's fancy), a data set has
//! tens of millions of regions, and a word that is false of its object makes a false positive text. Solution: each frame
//! votes and the most votes win ([`Poll`]); a caption's words count only where its grammar says them of the region's own
//! object (`phrase`); several colours of one object elect none. Cost: 24 bytes a vote are kept while a file of captions
//! is used, and what is said in a way that the grammar does not know is not heard.
//!
//! - [`AttributeSource`]: what an [`AnnotationFolder`](super::AnnotationFolder) asks for each video that it reads
//! - [`RegionCaptions`]: captions from a file of JSON lines; [`AttributeTagger`]: the words of one caption
//! - [`EstimateRules::estimate`]: words from frames and boxes; [`VideoAttributes`]: the same from a folder of videos
//! - [`basic_color`]: the name of a colour

mod color;
mod estimate;
mod poll;

pub use color::{BASIC_COLORS, basic_color};
pub use estimate::EstimateRules;
pub use poll::{Poll, TrackAttributes, assign};

// Word classes and files of videos: the page reads neither.
crate::source::native_only! {
    mod captions;
    mod phrase;
    mod tagger;
    mod videos;

    pub use captions::{CaptionReport, RegionCaptions};
    pub use tagger::AttributeTagger;
    pub use videos::VideoAttributes;
}

use super::report::Skipped;
use crate::error::Result;
use crate::graph::VideoGraph;
use std::collections::BTreeSet;

/// Kind of colour words in [`Track::attributes`](crate::graph::Track::attributes) and in the tables of negatives.
pub const COLOR: &str = "color";
/// Kind of size words.
pub const SIZE: &str = "size";
/// Kind of position words.
pub const POSITION: &str = "position";

/// Where the attribute words of annotated objects come from.
pub trait AttributeSource: std::fmt::Debug + Send + Sync {
    /// Puts the words into the tracks of a video read from the annotation `file`. Returns what of the source does not fit
    /// the video and was left out.
    ///
    /// # Errors
    /// Where nothing can be said of the video at all.
    fn describe(&self, file: &str, graph: &mut VideoGraph) -> Result<Vec<Skipped>>;

    /// What of the source belongs to none of these videos, once a folder has been read.
    fn left_over(&self, videos: &BTreeSet<String>) -> Option<Skipped>;
}
