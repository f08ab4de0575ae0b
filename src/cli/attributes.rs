//! Where attribute words of annotated objects come from: captions of regions, or the videos.

use super::{Context, output};
use crate::data::attributes::{AttributeSource, EstimateRules, RegionCaptions, VideoAttributes};
use crate::data::{Negatives, Skipped};
use std::path::PathBuf;
use std::sync::Arc;

/// What describes the objects; without either, they have no attributes.
#[derive(Debug, clap::Args)]
pub struct AttributeArgs {
    /// Captions of regions, one {"video", "frame", "track", "caption"} a line: their colour, size and position words are
    /// voted on
    #[arg(long, value_name = "FILE.jsonl", conflicts_with = "estimate_attributes")]
    captions: Option<PathBuf>,
    /// Folder of the annotated videos: colours, sizes and positions are estimated from their frames and voted on
    #[arg(long, value_name = "VIDEOS")]
    estimate_attributes: Option<PathBuf>,
}

impl AttributeArgs {
    /// Opens what was given; bad lines of captions are told on standard error. The words are those of `table`.
    ///
    /// # Errors
    /// Those of [`RegionCaptions::open`] and [`VideoAttributes::open`].
    pub fn open(
        &self,
        table: &Negatives,
        strict: bool,
        context: &Context,
    ) -> crate::Result<Option<Arc<dyn AttributeSource>>> {
        if let Some(path) = &self.captions {
            let captions = RegionCaptions::open(path, table, strict, &context.abort)?;
            let report = captions.report();
            tell_skipped(&report.skipped, report.captions, "captions");
            return Ok(Some(Arc::new(captions)));
        }
        if let Some(folder) = &self.estimate_attributes {
            return Ok(Some(Arc::new(VideoAttributes::open(folder, EstimateRules::default(), &context.abort)?)));
        }
        Ok(None)
    }
}

/// Names on standard error what was refused, and its number among all.
pub fn tell_skipped(skipped: &[Skipped], read: u64, what: &str) {
    for Skipped { file, line, column, reason } in skipped {
        output::note(&format!("skipped {file}, line {line}, column {column}: {reason}"));
    }
    if !skipped.is_empty() {
        output::note(&format!("{} of {} {what} skipped", skipped.len(), skipped.len() as u64 + read));
    }
}
