//! Videos as clips that text can find.
//!
//! Each video is cut into scenes, long scenes into windows, and each window embedded once: kept under the hash of weights,
//! video and settings, as the embeddings of benchmarks are. What was done before is not done again. Natively a folder's
//! videos are decoded ahead by threads while the model embeds (`open_library`); in the page one video after another is
//! pulled ([`PulledVideo`]). A run that is stopped goes on with the first video that lacks.

mod gathering;
mod pulled;

crate::source::native_only! {
    mod files;
    mod hashes;
    mod open;
    mod pieces;

    pub use open::{LibraryRequest, open_library};
}

pub use pulled::PulledVideo;

use super::run::{ModelIdentity, embedded_rows, hash};
use super::search::{ClipIndex, ClipPlace};
use crate::config::{PreprocessConfig, SamplingRule};
use crate::error::{Error, Result};
use crate::video::cuts::CutRule;
use crate::video::sampling::frame_indices;
use crate::video::{VideoInfo, WindowRule};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How videos become clips.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClipRule {
    /// Where scenes end; `None`: a video is one scene.
    pub cuts: Option<CutRule>,
    /// Windows over each scene.
    pub windows: WindowRule,
}

impl ClipRule {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Those of [`WindowRule::validate`] and [`CutRule::validate`].
    pub fn validate(&self) -> Result<()> {
        self.windows.validate()?;
        self.cuts.map_or(Ok(()), |rule| rule.validate())
    }
}

/// What decides the embeddings of windows, beside the videos.
#[derive(Debug, Clone)]
pub struct WindowSettings {
    /// Scenes and windows.
    pub clips: ClipRule,
    /// How a window becomes the model's input.
    pub preprocess: PreprocessConfig,
    /// Seed of sampling rule "rand".
    pub sampling_seed: u64,
    /// The model.
    pub model: ModelIdentity,
}

impl WindowSettings {
    /// What begins the key of every video's embeddings.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] never in practice: settings are numbers and names.
    pub fn key_base(&self) -> Result<String> {
        let json = |value: serde_json::Result<String>| value.map_err(Error::json("settings"));
        let preprocess = json(serde_json::to_string(&self.preprocess))?;
        let clips = json(serde_json::to_string(&self.clips))?;
        let seed = if self.preprocess.sampling == SamplingRule::Rand { self.sampling_seed } else { 0 };
        let ModelIdentity { weights_sha256, device, dtype, .. } = &self.model;
        Ok(hash::of_parts(["windows", weights_sha256, device, dtype, &preprocess, &clips, &seed.to_string()]))
    }

    /// The frames of each window that the model sees.
    ///
    /// # Errors
    /// Those of [`frame_indices`].
    pub fn frames(&self, windows: &[Range<usize>], info: &VideoInfo) -> Result<Vec<Vec<usize>>> {
        let config = &self.preprocess;
        let of = |window: &Range<usize>| {
            let within = VideoInfo { frame_count: window.len(), ..*info };
            let indices = frame_indices(config.sampling, &within, config.frames, self.sampling_seed)?;
            Ok(indices.into_iter().map(|index| window.start + index).collect())
        };
        windows.iter().map(of).collect()
    }
}

/// What a video's embeddings are kept under, by what begins all keys and its file's sha256.
#[must_use]
pub fn window_key(base: &str, sha256: &str) -> String {
    hash::of_parts([base, sha256])
}

/// What is known of an embedded video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoWindows {
    /// Sha256 of its file.
    pub sha256: String,
    /// Frames that decode.
    pub frame_count: usize,
    /// Frames a second.
    pub fps: Option<f64>,
    /// Scenes it was cut into.
    pub scenes: usize,
    /// Its windows as frames `[first, end)`, one embedding each.
    pub windows: Vec<Range<usize>>,
}

/// A video that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedVideo {
    /// Its name in the folder.
    pub video: String,
    /// The error's code.
    pub code: String,
    /// The error.
    pub reason: String,
}

/// A folder's clips.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The clips, in the order of videos' names.
    pub index: ClipIndex,
    /// Videos that are in it.
    pub videos: usize,
    /// Of these, videos that were embedded now.
    pub embedded: usize,
    /// Videos that are not.
    pub skipped: Vec<SkippedVideo>,
}

impl Library {
    /// Adds the embeddings of a video's windows; `is_new` where they were computed now.
    ///
    /// # Errors
    /// Those of [`ClipIndex::add`].
    pub fn add(&mut self, video: &str, facts: &VideoWindows, rows: &[Vec<f32>], is_new: bool) -> Result<()> {
        for (window, row) in facts.windows.iter().zip(rows) {
            self.index.add(ClipPlace::new(video, window.clone(), facts.fps), row)?;
        }
        self.videos += 1;
        self.embedded += usize::from(is_new);
        Ok(())
    }

    /// Adds a video from the file that was kept; answers whether it could be used.
    ///
    /// # Errors
    /// Those of [`ClipIndex::add`].
    pub fn add_kept(&mut self, video: &str, file: &[u8]) -> Result<bool> {
        let Some((rows, facts)) = embedded_rows::windows(file) else { return Ok(false) };
        self.add(video, &facts, &rows, false).map(|()| true)
    }

    /// Adds a video that was embedded now, gives a file to keep.
    ///
    /// # Errors
    /// Those of [`ClipIndex::add`].
    pub fn add_new(&mut self, video: &str, facts: &VideoWindows, rows: &[Vec<f32>]) -> Result<Vec<u8>> {
        self.add(video, facts, rows, true)?;
        embedded_rows::with_facts(rows, facts)
    }
}
