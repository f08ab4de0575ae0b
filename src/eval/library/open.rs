//! A folder of videos as clips (native only): hashes, cache, threads that decode ahead.

use super::files::{LibraryFile, videos_of};
use super::hashes::FileHashes;
use super::pieces::{ClipMaker, Finished, Piece};
use super::{Library, SkippedVideo, WindowSettings};
use crate::error::Result;
use crate::eval::run::feed::Feed;
use crate::eval::run::videos::is_the_video_s;
use crate::eval::run::{Embedder, EmbeddingCache};
use crate::event::{Abort, Event, Events};
use std::path::PathBuf;

/// Videos between two writings of the list of hashes.
const SAVE_EVERY: usize = 64;

/// Which videos, and where their embeddings are.
#[derive(Debug, Clone)]
pub struct LibraryRequest {
    /// Folder of videos.
    pub videos: PathBuf,
    /// Folder of what is kept.
    pub index: PathBuf,
    /// What decides their embeddings.
    pub settings: WindowSettings,
    /// Threads that decode ahead.
    pub decoders: usize,
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
    request.settings.clips.validate()?;
    let files = videos_of(&request.videos)?;
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
