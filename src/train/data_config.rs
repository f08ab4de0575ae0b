//! Folders of the user's own that a run learns from, in place of the generated world.

use crate::data::{BadVideo, MergeSegments};
use crate::error::{Error, Result};
use crate::graph::Spans;
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The data of a run: pairs from a manifest, annotated videos, or both, mixed as the paper does ([`TrainConfig::batch`] pairs
/// and [`TrainConfig::scenes`] annotated clips a step). Without either, clips of the generated world, which alone have near
/// misses ([`TrainConfig::near_misses`]). Paths are relative to the folder that the program is started in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Pairs, one `{"video": "a.mp4", "caption": "a dog barks"}` a line.
    pub manifest: Option<PathBuf>,
    /// Folder that the pairs' paths are relative to; none: the manifest's.
    pub videos: Option<PathBuf>,
    /// Pairs to be tested on, in a manifest of their own; none: so many of `manifest` as [`TrainConfig::validation_clips`]
    /// says are kept back where [`TrainConfig::validate_every`] asks for tests.
    pub validation: Option<PathBuf>,
    /// Folder of annotations in `VidVRD`'s or `VidOR`'s layout, which shows in each file.
    pub annotations: Option<PathBuf>,
    /// Folder of their videos; none: where the data sets keep them (among the annotations, `video` or `videos` beside them).
    pub annotated_videos: Option<PathBuf>,
    /// Whose relations in pieces are joined.
    pub merge_segments: MergeSegments,
    /// What "O spans F and B" means.
    pub spans: Spans,
    /// Captions of regions (JSON lines) whose words describe the annotated objects.
    pub region_captions: Option<PathBuf>,
    /// Whether the objects' colours, sizes and positions are estimated from the frames.
    pub estimate_attributes: bool,
    /// Table of negatives in place of the built-in one.
    pub negatives: Option<PathBuf>,
    /// Table of labels in words.
    pub labels: Option<PathBuf>,
    /// What a video or annotation does that cannot be read.
    pub bad_video: BadVideo,
    /// Threads that decode; 0: one a core.
    pub workers: usize,
    /// Batches that are decoded ahead.
    pub ahead: usize,
    /// Folder that keeps decoded frames for later epochs; none: they are decoded again.
    pub cache: Option<PathBuf>,
    /// Bytes that the cache may grow to.
    pub cache_bytes: u64,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            manifest: None,
            videos: None,
            validation: None,
            annotations: None,
            annotated_videos: None,
            merge_segments: MergeSegments::default(),
            spans: Spans::default(),
            region_captions: None,
            estimate_attributes: false,
            negatives: None,
            labels: None,
            bad_video: BadVideo::default(),
            workers: 0,
            ahead: 2,
            cache: None,
            cache_bytes: 50_000_000_000,
        }
    }
}

impl DataConfig {
    /// Whether a run learns from the generated world.
    #[must_use]
    pub const fn is_world(&self) -> bool {
        self.manifest.is_none() && self.annotations.is_none()
    }

    /// Checks it against the other settings of a run.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for what is given without the data that it is about, and for data that no step would use.
    pub(super) fn validate(&self, config: &TrainConfig) -> Result<()> {
        let needs = |field, given: bool, there: bool, expected: &str| {
            let refused = || Error::InvalidConfig { field, value: "set".to_owned(), expected: expected.to_owned() };
            if given && !there { Err(refused()) } else { Ok(()) }
        };
        let (pairs, graphs) = (self.manifest.is_some(), self.annotations.is_some());
        needs(
            "data.videos",
            self.videos.is_some(),
            pairs,
            "it is the folder of data.manifest's videos; name that too",
        )?;
        needs("data.validation", self.validation.is_some(), !self.is_world(), "name data to train on too")?;
        let annotated = "it is about annotated videos; name their folder in data.annotations too";
        for (field, given) in [
            ("data.annotated_videos", self.annotated_videos.is_some()),
            ("data.region_captions", self.region_captions.is_some()),
            ("data.estimate_attributes", self.estimate_attributes),
            ("data.negatives", self.negatives.is_some()),
            ("data.labels", self.labels.is_some()),
        ] {
            needs(field, given, graphs, annotated)?;
        }
        needs(
            "data.estimate_attributes",
            self.estimate_attributes,
            self.region_captions.is_none(),
            "attributes come from data.region_captions or from the frames, not from both",
        )?;
        needs(
            "data.estimate_attributes",
            self.estimate_attributes,
            self.annotated_videos.is_some(),
            "name the folder of the annotated videos in data.annotated_videos too",
        )?;
        needs("data.annotations", graphs, config.scenes > 0, "set scenes to the annotated clips of a step")?;
        if self.is_world() {
            return Ok(());
        }
        needs("scenes", config.scenes > 0, graphs, "name the folder of the annotated videos in data.annotations")?;
        let held_out = pairs || self.validation.is_some();
        needs(
            "validate_every",
            config.validate_every > 0,
            held_out,
            "tests need pairs: data.manifest or data.validation",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_without_its_data_is_refused_by_name() {
        let path = || Some(PathBuf::from("x"));
        let refused = |data: DataConfig, scenes: usize, validate_every: usize| {
            let config = TrainConfig { data, scenes, validate_every, ..TrainConfig::default() };
            match config.validate() {
                Err(Error::InvalidConfig { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        let none = DataConfig::default;
        assert_eq!(refused(DataConfig { videos: path(), ..none() }, 0, 0), "data.videos");
        assert_eq!(refused(DataConfig { validation: path(), ..none() }, 0, 0), "data.validation");
        assert_eq!(refused(DataConfig { manifest: path(), labels: path(), ..none() }, 0, 0), "data.labels");
        assert_eq!(refused(DataConfig { manifest: path(), ..none() }, 2, 0), "scenes");
        assert_eq!(refused(DataConfig { annotations: path(), ..none() }, 0, 0), "data.annotations");
        assert_eq!(refused(DataConfig { annotations: path(), ..none() }, 2, 5), "validate_every");
        let both = DataConfig { region_captions: path(), estimate_attributes: true, annotations: path(), ..none() };
        assert_eq!(refused(both, 2, 0), "data.estimate_attributes");
        let nowhere = DataConfig { estimate_attributes: true, annotations: path(), ..none() };
        assert_eq!(refused(nowhere, 2, 0), "data.estimate_attributes");
        let fits = DataConfig { manifest: path(), annotations: path(), labels: path(), ..none() };
        let config = TrainConfig { data: fits, scenes: 2, validate_every: 5, ..TrainConfig::default() };
        assert!(config.validate().is_ok() && !config.data.is_world() && TrainConfig::default().data.is_world());
    }
}
