//! From a video's name to pixels, or to the embedding that was made of them before.

use super::cache::EmbeddingCache;
use super::facts::{ClipFacts, ClipKeys, world_clip, world_sha256};
use super::file_hash;
use super::settings::RunSettings;
use crate::data::benchmark::VideoIndex;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::video::decode::{self, Clip};
use crate::video::{Frames, preprocess};
use crate::world::WorldClip;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// A decoded clip.
#[derive(Debug)]
pub struct Decoded {
    /// What it is made from.
    pub facts: ClipFacts,
    /// `[frames, 3, side, side]`.
    pub pixels: Vec<f32>,
    /// Time that finding, reading and decoding took.
    pub spent: Duration,
}

/// Makes clips ready; used by several threads.
#[derive(Debug)]
pub struct ClipReader<'a> {
    settings: &'a RunSettings,
    cache: &'a EmbeddingCache,
    /// `None`: clips of the generated world.
    index: Option<VideoIndex>,
    keys: ClipKeys,
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
        Ok(Self { settings, cache, index, keys: ClipKeys::new(settings)?, abort })
    }

    /// Finds, reads and decodes a video; with an embedding in the cache, finds and reads it alone.
    ///
    /// # Errors
    /// Whatever is wrong with the video; [`Error::Aborted`].
    pub fn prepare(&self, video: &str) -> Result<Prepared> {
        let started = Instant::now();
        self.abort.check()?;
        let found = self.find(video)?;
        let key = self.keys.of(found.sha256());
        let (content, facts) = match self.cache.video(&key) {
            Some((embed, facts)) => (Content::Embedding(embed), facts),
            None => {
                let (pixels, facts) = self.pixels(found)?;
                (Content::Pixels { pixels, frames: facts.frames.len() }, facts)
            }
        };
        Ok(Prepared { key, facts, content, spent: started.elapsed() })
    }

    /// Finds, reads and decodes a video, whether it was embedded before or not.
    ///
    /// # Errors
    /// As [`ClipReader::prepare`].
    pub fn decode(&self, video: &str) -> Result<Decoded> {
        let started = Instant::now();
        self.abort.check()?;
        let (pixels, facts) = self.pixels(self.find(video)?)?;
        Ok(Decoded { facts, pixels, spent: started.elapsed() })
    }

    fn find(&self, video: &str) -> Result<Found> {
        match &self.index {
            Some(index) => {
                let path = index.find(video)?;
                Ok(Found::File { sha256: file_hash::of_path(&path)?, path })
            }
            None => Ok(Found::World { sha256: world_sha256(video), clip: Box::new(world_clip(video)?) }),
        }
    }

    fn pixels(&self, found: Found) -> Result<(Vec<f32>, ClipFacts)> {
        let sha256 = found.sha256().to_owned();
        let mut clip: Clip = match found {
            Found::File { path, .. } => one_clip(&path, self.abort)?,
            Found::World { clip, .. } => clip,
        };
        let facts = ClipFacts::choose(self.settings, &clip.info(), sha256)?;
        let pixels = preprocess::pixels(&clip.read(&facts.frames)?, &self.settings.preprocess);
        Ok((pixels, facts))
    }
}

/// Where a clip comes from.
enum Found {
    File { sha256: String, path: PathBuf },
    World { sha256: String, clip: Box<WorldClip> },
}

impl Found {
    fn sha256(&self) -> &str {
        match self {
            Self::File { sha256, .. } | Self::World { sha256, .. } => sha256,
        }
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
