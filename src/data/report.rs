//! What reading a data set came upon: nothing is left out without a count.

use super::vocabulary::Dataset;
use crate::error::Error;
use serde::Serialize;
use std::collections::BTreeMap;

/// Peculiarities that are handled and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Traps {
    /// Videos whose track ids are not 0, 1, 2 …
    pub tid_gaps: u64,
    /// Tracks without a box in any frame.
    pub unseen_tracks: u64,
    /// Videos with another "frame_count" than trajectories: the latter hold.
    pub frame_count_differs: u64,
    /// Videos whose id is made of digits: it stays text, leading zeros and all.
    pub number_like_ids: u64,
    /// Videos whose id is not the name of their file.
    pub id_differs_from_name: u64,
    /// Boxes cut at the frame's border.
    pub clipped_boxes: u64,
    /// Relations one of whose objects has no box in some of their frames: no target there.
    pub relations_missing_boxes: u64,
    /// Relations written twice, counted once.
    pub duplicate_relations: u64,
    /// Pieces of 30 frames that were joined to the piece before.
    pub merged_segments: u64,
    /// Captions of regions that fit no box of their video: left out.
    pub misplaced_captions: u64,
}

impl std::ops::AddAssign for Traps {
    fn add_assign(&mut self, other: Self) {
        self.tid_gaps += other.tid_gaps;
        self.unseen_tracks += other.unseen_tracks;
        self.frame_count_differs += other.frame_count_differs;
        self.number_like_ids += other.number_like_ids;
        self.id_differs_from_name += other.id_differs_from_name;
        self.clipped_boxes += other.clipped_boxes;
        self.relations_missing_boxes += other.relations_missing_boxes;
        self.duplicate_relations += other.duplicate_relations;
        self.merged_segments += other.merged_segments;
        self.misplaced_captions += other.misplaced_captions;
    }
}

/// A file that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its path.
    pub file: String,
    /// 1-based line, 0 where the file as a whole is at fault.
    pub line: usize,
    /// 1-based column, 0 likewise.
    pub column: usize,
    /// Why.
    pub reason: String,
}

impl Skipped {
    pub(super) fn new(file: String, error: &Error) -> Self {
        let (line, column) = match error {
            Error::InvalidJson { line, column, .. } => (*line, *column),
            _ => (0, 0),
        };
        let reason = match error {
            Error::InvalidJson { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        Self { file, line, column, reason }
    }

    /// The same as an error, where a reading is strict.
    pub(super) fn into_error(self) -> Error {
        let Self { file, line, column, reason } = self;
        Error::InvalidJson { file, line, column, reason }
    }
}

/// What was read of a folder, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ReadReport {
    /// Videos in VidVRD's layout.
    pub vidvrd_videos: u64,
    /// Videos in VidOR's layout.
    pub vidor_videos: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Boxes.
    pub boxes: u64,
    /// Relations, pieces joined.
    pub relations: u64,
    /// What was unusual.
    pub traps: Traps,
    /// Entity classes that are in neither label list, with their number of tracks.
    pub unlisted_entities: BTreeMap<String, u64>,
    /// Predicates that are in neither label list, with their number of relations.
    pub unlisted_predicates: BTreeMap<String, u64>,
    /// Files that were refused.
    pub skipped: Vec<Skipped>,
    /// Tracks.
    pub tracks: u64,
    /// Tracks with at least one attribute word.
    pub described_tracks: u64,
    /// Captions of regions that fit no box of their video, or no video of the folder.
    pub skipped_captions: Vec<Skipped>,
}

impl ReadReport {
    /// Videos read.
    #[must_use]
    pub const fn videos(&self) -> u64 {
        self.vidvrd_videos + self.vidor_videos
    }

    pub(super) fn count_video(&mut self, dataset: Dataset) {
        match dataset {
            Dataset::VidVrd => self.vidvrd_videos += 1,
            Dataset::VidOr => self.vidor_videos += 1,
        }
    }
}
