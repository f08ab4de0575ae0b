//! Benchmarks as their authors publish them: near-miss pairs, video-text retrieval, zero-shot recognition.
//!
//! Constraint: a dozen benchmarks come as CSV, JSON lists, JSON lines and word lists, the same one in several layouts that
//! differ in separators, key names and what they call a video. Solution: every file becomes [`Row`]s (fields by name, with
//! the line they begin on), a benchmark's reader picks its fields, and what a layout is shows in its content, not in its
//! name. A row that makes no sense refuses the file with path, line and reason: a benchmark with rows left out is another
//! benchmark. Cost: a file is in memory as a table of strings; the largest (VideoCon's 115,000 rows) takes some 100 MB.
//!
//! The page reads the same files from memory. Sources of the layouts: formats.md 2, 3, 4, 8; its traps:
//! section 9.
//!
//! - [`read_pairs`]: VELOCITI, VideoCon, VITATECS, SugarCrepe, and any table of video, positive, negative
//! - [`RetrievalSet`]: MSR-VTT, MSVD, DiDeMo; [`ClassSet`]: Kinetics-400
//! - [`videocon_scores`], [`CaptionScores`], [`velociti_scores`]: the score files of others
//! - [`VideoNames`], `VideoIndex` (native only): the video that a row means, among a folder's files

mod classes;
mod csv_rows;
mod json_rows;
mod pairs;
mod pickled;
mod retrieval;
mod row;
mod scores;
#[cfg(test)]
mod tests;
mod videos;

crate::source::native_only! {
    mod folder;

    pub use folder::VideoIndex;
}

pub use classes::ClassSet;
pub use pairs::{PairSample, PairTask, Purpose, read_pairs};
pub use retrieval::{RetrievalCaption, RetrievalSet, RetrievalTask};
pub use row::Row;
pub use scores::{CaptionScores, PairScore, VideoconScore, velociti_scores, videocon_scores};
pub use videos::{VideoNames, could_be_video};

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// A benchmark's file, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its path as given, for messages.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl DataFile {
    /// How messages name it.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Its name without folders and extension: the name of a test where each has a file of its own.
    #[must_use]
    pub fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Its sha256, lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its text, without a byte order mark.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] where it is no UTF-8.
    fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.bytes).map_err(|error| Error::CorruptFile {
            file: self.name(),
            reason: format!("it is no UTF-8 text: {error}"),
        })?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// Its rows: a JSON list, JSON lines, or CSV with a header.
    ///
    /// # Errors
    /// [`Error::CorruptFile`], [`Error::InvalidRow`].
    fn rows(&self) -> Result<Vec<Row>> {
        let text = self.text()?;
        match text.trim_start().chars().next() {
            Some('[') => json_rows::list(text, &self.name()),
            Some('{') => json_rows::lines(text, &self.name()),
            Some(_) => csv_rows::with_header(text, &self.name()),
            None => Err(Error::CorruptFile { file: self.name(), reason: "it is empty".to_owned() }),
        }
    }
}
