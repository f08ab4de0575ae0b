//! From a file to windows of pixels, one after another, so that a film needs no more memory than a clip.

use super::files::LibraryFile;
use super::gathering::Gathering;
use super::hashes::{FileHashes, Stamp};
use super::{LibraryRequest, VideoWindows, WindowSettings, window_key};
use crate::error::{Error, Result};
use crate::eval::run::EmbeddingCache;
use crate::event::Abort;
use crate::video::{VideoInfo, cuts, decode, preprocess};

/// A part of a video on its way to the model.
#[derive(Debug)]
pub enum Piece {
    /// A window to embed.
    Window {
        /// Its position among the video's windows.
        number: usize,
        /// `[frames, 3, side, side]`.
        pixels: Vec<f32>,
        /// Frames.
        frames: usize,
    },
    /// The video's last piece.
    Done(Finished),
}

/// A video of which all windows went before.
#[derive(Debug)]
pub struct Finished {
    /// The embeddings' key in the cache.
    pub key: String,
    /// The file's.
    pub stamp: Stamp,
    /// What is known of it.
    pub facts: VideoWindows,
    /// The embeddings, where the cache has them: then no window went before.
    pub rows: Option<Vec<Vec<f32>>>,
}

/// Makes pieces; used by several threads.
#[derive(Debug)]
pub struct ClipMaker<'a> {
    settings: &'a WindowSettings,
    cache: &'a EmbeddingCache,
    hashes: &'a FileHashes,
    /// Begins every key.
    base: String,
    abort: &'a Abort,
}

impl<'a> ClipMaker<'a> {
    /// For the videos of one request.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] never in practice: settings are numbers and names.
    pub fn new(
        request: &'a LibraryRequest,
        cache: &'a EmbeddingCache,
        hashes: &'a FileHashes,
        abort: &'a Abort,
    ) -> Result<Self> {
        let settings = &request.settings;
        Ok(Self { settings, cache, hashes, base: settings.key_base()?, abort })
    }

    /// Sends a video's pieces, or what is wrong with it.
    pub fn make(&self, file: &LibraryFile, send: &mut dyn FnMut(Result<Piece>) -> bool) {
        let last = self.windows(file, send).map(Piece::Done);
        send(last);
    }

    fn windows(&self, file: &LibraryFile, send: &mut dyn FnMut(Result<Piece>) -> bool) -> Result<Finished> {
        self.abort.check()?;
        let (stamp, sha256) = self.hashes.of(&file.name, &file.path)?;
        let key = window_key(&self.base, &sha256);
        if let Some((rows, facts)) = self.cache.windows(&key) {
            return Ok(Finished { key, stamp, facts, rows: Some(rows) });
        }
        let mut clip = decode::open_one(&file.path, self.abort)?;
        let VideoInfo { frame_count, fps, .. } = clip.info();
        let scenes = match self.settings.clips.cuts {
            Some(rule) => cuts::scenes(clip.as_mut(), rule, self.abort)?.0,
            None => std::iter::once(0..frame_count).collect(),
        };
        let windows = self.settings.clips.windows.windows(&scenes, fps);
        let chosen = self.settings.frames(&windows, &clip.info())?;
        let mut gathering = Gathering::new(&chosen, &clip.info(), &self.settings.preprocess);
        let frames = gathering.wanted();
        let mut coming = frames.iter();
        clip.visit(&frames, &mut |frame| {
            self.abort.check()?;
            let Some(number) = coming.next() else { return Ok(()) };
            for (number, frames) in gathering.take(*number, frame) {
                let config = &self.settings.preprocess;
                let pixels = preprocess::normalise(&frames, config.mean, config.std);
                if !send(Ok(Piece::Window { number, pixels, frames: frames.count() })) {
                    return Err(Error::Aborted); // nobody waits for the rest
                }
            }
            Ok(())
        })?;
        let facts = VideoWindows { sha256, frame_count, fps, scenes: scenes.len(), windows };
        Ok(Finished { key, stamp, facts, rows: None })
    }
}
