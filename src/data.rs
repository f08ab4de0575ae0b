//! Data sets as users download them: scene-graph annotations and what training reads out of them.
//!
//! Constraints: VidVRD and VidOR hold 8,835 files, some of tens of megabytes, in two dialects with half a dozen traps, and
//! a page has to read the same folder that the command line reads. Solution: one file at a time is read through
//! [`Folder`](crate::source::Folder), parsed by serde into plain records, checked, and turned into a
//! [`VideoGraph`](crate::graph::VideoGraph); what is unusual but usable is counted ([`Traps`]), what is wrong refuses its
//! file with path, line and reason ([`ReadReport`]). Cost: a file is in memory twice for a moment, as bytes and as
//! records; an index of a data set keeps names and intervals alone, and reads a file again when it is drawn.
//!
//! - [`annotation`]: one JSON document; [`AnnotationFolder`]: a folder of them; [`vocabulary`]: the label lists

pub mod annotation;
mod folder;
mod locate;
mod report;
pub mod vocabulary;

pub use folder::{AnnotationFolder, MergeSegments, ReadOptions};
pub use report::{ReadReport, Skipped, Traps};
