//! What a clip's embedding is made from and kept under: the frames that the settings choose, the video's hash.

use super::hash;
use super::settings::RunSettings;
use crate::config::SamplingRule;
use crate::error::{Error, Result};
use crate::video::VideoInfo;
use crate::video::sampling::frame_indices;
use crate::world::WorldClip;
use serde::{Deserialize, Serialize};

/// What the names of the generated world's clips begin with; the seed follows.
const WORLD_NAME: &str = "world_";

/// What a clip's embedding was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClipFacts {
    /// Sha256 of the video's file.
    pub sha256: String,
    /// Frames that decode.
    pub frame_count: usize,
    /// The frames that were used, counted from 0.
    pub frames: Vec<usize>,
}

impl ClipFacts {
    /// Chooses the frames of a video whose file has this sha256.
    ///
    /// # Errors
    /// Those of [`frame_indices`].
    pub fn choose(settings: &RunSettings, info: &VideoInfo, sha256: String) -> Result<Self> {
        let config = &settings.preprocess;
        let counted = VideoInfo { frame_count: counted_frames(info, settings.seconds), ..*info };
        let frames = frame_indices(config.sampling, &counted, config.frames, settings.sampling_seed)?;
        Ok(Self { sha256, frame_count: info.frame_count, frames })
    }

    /// Whether the video has fewer frames than the model takes, so that frames repeat or lack.
    #[must_use]
    pub fn is_short(&self, wanted: usize) -> bool {
        let mut different = self.frames.clone();
        different.sort_unstable();
        different.dedup();
        different.len() < wanted
    }
}

/// The keys of a run's embeddings: hashes of all that they follow from.
#[derive(Debug, Clone)]
pub struct ClipKeys {
    /// Begins every key.
    base: String,
}

impl ClipKeys {
    /// Under these settings.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] never in practice: settings are numbers and names.
    pub fn new(settings: &RunSettings) -> Result<Self> {
        Ok(Self { base: key_base(settings)? })
    }

    /// The key of a video's embedding by its file's sha256.
    #[must_use]
    pub fn of(&self, sha256: &str) -> String {
        hash::of_parts([self.base.as_str(), sha256])
    }
}

/// What embeddings follow from beside the video.
fn key_base(settings: &RunSettings) -> Result<String> {
    let preprocess = serde_json::to_string(&settings.preprocess).map_err(Error::json("settings"))?;
    let model = &settings.model;
    let seed = if settings.preprocess.sampling == SamplingRule::Rand { settings.sampling_seed } else { 0 };
    let parts = [
        "clip",
        model.weights_sha256.as_str(),
        model.device.as_str(),
        model.dtype.as_str(),
        &preprocess,
        &format!("{:?}", settings.seconds),
        &seed.to_string(),
    ];
    Ok(hash::of_parts(parts))
}

/// Frames that count: those of the first `seconds`, `int(seconds * fps)` of a longer video (formats.md 4.2).
fn counted_frames(info: &VideoInfo, seconds: Option<f64>) -> usize {
    match (seconds, info.fps) {
        (Some(seconds), Some(fps)) if info.frame_count as f64 / fps > seconds => ((seconds * fps) as usize).max(1),
        _ => info.frame_count,
    }
}

/// What stands for a generated clip's content: its name, drawn by this version.
pub fn world_sha256(video: &str) -> String {
    hash::of_parts(["generated world", env!("CARGO_PKG_VERSION"), video])
}

/// The name of a generated clip.
pub fn world_name(seed: u64) -> String {
    format!("{WORLD_NAME}{seed}")
}

/// The generated clip of a name.
///
/// # Errors
/// [`Error::InvalidInput`] for a name that is none.
pub fn world_clip(video: &str) -> Result<WorldClip> {
    let seed = video.strip_prefix(WORLD_NAME).and_then(|seed| seed.parse().ok());
    seed.map(WorldClip::from_seed).ok_or_else(|| Error::InvalidInput {
        what: format!("video \"{video}\""),
        reason: "it is no clip of the generated world".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn didemo_s_cut() {
        let info = |frame_count, fps| VideoInfo { frame_count, fps, width: 2, height: 2 };
        assert_eq!(counted_frames(&info(1000, Some(29.97)), Some(30.0)), 899);
        assert_eq!(counted_frames(&info(899, Some(29.97)), Some(30.0)), 899);
        assert_eq!(counted_frames(&info(1000, Some(29.97)), None), 1000);
        assert_eq!(counted_frames(&info(1000, None), Some(30.0)), 1000);
    }

    #[test]
    fn short_clips_show() {
        let facts = |frames: &[usize]| ClipFacts { frames: frames.to_vec(), ..ClipFacts::default() };
        assert!(facts(&[0, 1, 2, 2]).is_short(4) && facts(&[0, 1]).is_short(4));
        assert!(!facts(&[0, 1, 2, 3]).is_short(4) && !facts(&[0]).is_short(1));
    }
}
