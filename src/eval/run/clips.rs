//! From a video's name to pixels, or to the embedding that was made of them before.

use super::cache::EmbeddingCache;
use super::hash;
use super::settings::RunSettings;
use crate::config::SamplingRule;
use crate::data::benchmark::VideoIndex;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::video::decode::{self, Clip};
use crate::video::sampling::frame_indices;
use crate::video::{Frames, VideoInfo, preprocess};
use crate::world::WorldClip;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

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
    /// Whether the video has fewer frames than the model takes, so that frames repeat or lack.
    #[must_use]
    pub fn is_short(&self, wanted: usize) -> bool {
        let mut different = self.frames.clone();
        different.sort_unstable();
        different.dedup();
        different.len() < wanted
    }
}

/// A clip ready for the model.
#[derive(Debug)]
pub struct Prepared {
    /// Its embedding's key in the cache.
    pub key: String,
    /// What it is made from.
    pub facts: ClipFacts,
    /// Its pixels or embedding.
    pub content: Content,
    /// Time that finding, reading and decoding took.
    pub spent: Duration,
}

/// What a clip is at this point.
#[derive(Debug)]
pub enum Content {
    /// Its embedding `[dim]`, from the cache.
    Embedding(Vec<f32>),
    /// `[frames, 3, side, side]`.
    Pixels {
        /// The numbers.
        pixels: Vec<f32>,
        /// Frames.
        frames: usize,
    },
}

/// Makes clips ready; used by several threads.
#[derive(Debug)]
pub struct ClipReader<'a> {
    settings: &'a RunSettings,
    cache: &'a EmbeddingCache,
    /// `None`: clips of the generated world.
    index: Option<VideoIndex>,
    /// Begins every key.
    base: String,
    abort: &'a Abort,
}

impl<'a> ClipReader<'a> {
    /// Reads videos of a folder, or of the generated world.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be listed.
    pub fn new(
        settings: &'a RunSettings,
        cache: &'a EmbeddingCache,
        folder: Option<&Path>,
        abort: &'a Abort,
    ) -> Result<Self> {
        let index = folder.map(VideoIndex::of).transpose()?;
        Ok(Self { settings, cache, index, base: key_base(settings)?, abort })
    }

    /// Finds, reads and decodes a video; with an embedding in the cache, finds and reads it alone.
    ///
    /// # Errors
    /// Whatever is wrong with the video; [`Error::Aborted`].
    pub fn prepare(&self, video: &str) -> Result<Prepared> {
        let started = Instant::now();
        self.abort.check()?;
        let prepared = match &self.index {
            Some(index) => {
                let path = index.find(video)?;
                self.prepared(hash::of_path(&path)?, || one_clip(&path, self.abort))
            }
            None => {
                let clip = world_clip(video)?;
                let sha256 = hash::of_parts(["generated world", env!("CARGO_PKG_VERSION"), video]);
                self.prepared(sha256, || Ok(Box::new(clip)))
            }
        };
        prepared.map(|prepared| Prepared { spent: started.elapsed(), ..prepared })
    }

    fn prepared(&self, sha256: String, open: impl FnOnce() -> Result<Clip>) -> Result<Prepared> {
        let key = hash::of_parts([self.base.as_str(), sha256.as_str()]);
        let spent = Duration::ZERO;
        if let Some((embed, facts)) = self.cache.video(&key) {
            return Ok(Prepared { key, facts, content: Content::Embedding(embed), spent });
        }
        let config = &self.settings.preprocess;
        let mut clip = open()?;
        let info = clip.info();
        let counted = VideoInfo { frame_count: counted_frames(&info, self.settings.seconds), ..info };
        let frames = frame_indices(config.sampling, &counted, config.frames, self.settings.sampling_seed)?;
        let pixels = preprocess::pixels(&clip.read(&frames)?, config);
        let content = Content::Pixels { pixels, frames: frames.len() };
        Ok(Prepared { key, facts: ClipFacts { sha256, frame_count: info.frame_count, frames }, content, spent })
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

fn one_clip(path: &Path, abort: &Abort) -> Result<Clip> {
    let mut clips = decode::open(path, abort)?;
    match (clips.pop(), clips.len()) {
        (Some(clip), 0) => Ok(clip),
        (_, others) => {
            let reason = format!("it holds {} clips; a sample's video is one", others + 1);
            Err(Error::InvalidInput { what: path.display().to_string(), reason })
        }
    }
}

/// One frame of a video, for people: of a folder's file, or of a generated clip where there is no folder.
///
/// # Errors
/// Whatever is wrong with the video; [`Error::Aborted`].
pub fn picture_frame(index: Option<&VideoIndex>, video: &str, frame: usize, abort: &Abort) -> Result<Frames> {
    let mut clip: Clip = match index {
        Some(index) => one_clip(&index.find(video)?, abort)?,
        None => Box::new(world_clip(video)?),
    };
    let last = clip.info().frame_count.saturating_sub(1);
    clip.read(&[frame.min(last)])
}

/// The name of a generated clip.
pub fn world_name(seed: u64) -> String {
    format!("{WORLD_NAME}{seed}")
}

fn world_clip(video: &str) -> Result<WorldClip> {
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
