//! A folder of videos as clips that text can find (native only).
//!
//! Each video is cut into scenes, long scenes into windows, and each window embedded once: kept in a cache under the hash of
//! weights, video and settings, as those of benchmarks are. What was done before is not done again; what is missing is
//! decoded ahead by threads while the model embeds. A run that is stopped goes on with the first video that lacks.

mod files;
mod hashes;
mod pieces;

use super::run::feed::Feed;
use super::run::videos::is_the_video_s;
use super::run::{Embedder, EmbeddingCache, ModelIdentity};
use super::search::{ClipIndex, ClipPlace};
use crate::config::PreprocessConfig;
use crate::error::Result;
use crate::event::{Abort, Event, Events};
use crate::video::WindowRule;
use crate::video::cuts::CutRule;
use files::LibraryFile;
use hashes::FileHashes;
use pieces::{ClipMaker, Finished, Piece};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;

/// Videos between two writings of the list of hashes.
const SAVE_EVERY: usize = 64;

/// How videos become clips.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClipRule {
    /// Where scenes end; `None`: a video is one scene.
    pub cuts: Option<CutRule>,
    /// Windows over each scene.
    pub windows: WindowRule,
}

/// Which videos, and what decides their embeddings.
#[derive(Debug, Clone)]
pub struct LibraryRequest {
    /// Folder of videos.
    pub videos: PathBuf,
    /// Folder of what is kept.
    pub index: PathBuf,
    /// Scenes and windows.
    pub clips: ClipRule,
    /// How a window becomes the model's input.
    pub preprocess: PreprocessConfig,
    /// Seed of sampling rule "rand".
    pub sampling_seed: u64,
    /// The model.
    pub model: ModelIdentity,
    /// Threads that decode ahead.
    pub decoders: usize,
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

/// Embeds what lacks of a folder's videos, and gives all their clips. Emits
/// [`Event::Progress`] of the stage `videos`.
///
/// # Errors
/// [`Error::Aborted`](crate::Error::Aborted) (what was done stays), [`Error::InvalidInput`](crate::Error::InvalidInput) for
/// windows that make no sense or an empty folder; those of the model, the device and the disk. What is wrong with one video
/// skips it.
pub fn open_library(
    request: &LibraryRequest,
    model: &impl Embedder,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<Library> {
    request.clips.windows.validate()?;
    request.clips.cuts.map_or(Ok(()), |rule| rule.validate())?;
    let files = files::videos_of(&request.videos)?;
    let cache = EmbeddingCache::open(&request.index)?;
    let mut hashes = FileHashes::read(&request.index)?;
    let known = hashes.clone();
    let maker = ClipMaker::new(request, &cache, &known, abort)?;
    let work = |file: &LibraryFile, send: &mut dyn FnMut(Result<Piece>) -> bool| maker.make(file, send);
    let mut library = Library::default();
    let read: Result<()> = std::thread::scope(|scope| {
        let feed = Feed::start(scope, &files, request.decoders, &work);
        for (at, file) in files.iter().enumerate() {
            abort.check()?;
            match embedded(&feed, at, model)? {
                Ok(Video { finished, rows, is_new }) => {
                    if is_new {
                        cache.keep_windows(&finished.key, &rows, &finished.facts)?;
                    }
                    if hashes.note(&file.name, finished.stamp, &finished.facts.sha256) >= SAVE_EVERY {
                        hashes.save()?;
                    }
                    library.add(&file.name, &finished.facts, &rows, is_new)?;
                }
                Err(error) => library.skipped.push(SkippedVideo {
                    video: file.name.clone(),
                    code: error.code().to_owned(),
                    reason: error.to_string(),
                }),
            }
            events.emit(Event::Progress { stage: "videos", done: at as u64 + 1, total: files.len() as u64 });
        }
        Ok(())
    });
    // Also of a run that was stopped: hashing a large folder takes minutes.
    let saved = hashes.save();
    read.and(saved).map(|()| library)
}

/// A video with its embeddings.
struct Video {
    finished: Finished,
    rows: Vec<Vec<f32>>,
    is_new: bool,
}

/// Takes in the pieces of the video at this position and embeds its windows; the inner error is the video's alone.
fn embedded(feed: &Feed<Result<Piece>>, at: usize, model: &impl Embedder) -> Result<Result<Video>> {
    let mut rows: Vec<(usize, Vec<f32>)> = Vec::new();
    loop {
        match feed.next_of(at)? {
            Ok(Piece::Window { number, pixels, frames }) => rows.push((number, model.embed_clip(pixels, frames)?)),
            Ok(Piece::Done(mut finished)) => {
                let kept = finished.rows.take();
                let is_new = kept.is_none();
                rows.sort_by_key(|(number, _)| *number);
                let rows = kept.unwrap_or_else(|| rows.into_iter().map(|(_, row)| row).collect());
                return Ok(Ok(Video { finished, rows, is_new }));
            }
            Err(error) if is_the_video_s(&error) => return Ok(Err(error)),
            Err(error) => return Err(error),
        }
    }
}

impl Library {
    fn add(&mut self, video: &str, facts: &VideoWindows, rows: &[Vec<f32>], is_new: bool) -> Result<()> {
        for (window, row) in facts.windows.iter().zip(rows) {
            self.index.add(ClipPlace::new(video, window.clone(), facts.fps), row)?;
        }
        self.videos += 1;
        self.embedded += usize::from(is_new);
        Ok(())
    }
}
