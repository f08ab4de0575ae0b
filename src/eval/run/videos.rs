//! A run under way: its folder, its settings, and the pass over its videos.

use super::cache::EmbeddingCache;
use super::clips::{ClipReader, Content, Decoded, Prepared};
use super::facts::ClipFacts;
use super::feed::Feed;
use super::results::{MissingVideo, Times};
use super::settings::RunSettings;
use super::stored::{RESULTS_FILE, SETTINGS_FILE};
use super::{EmbeddedVideo, Embedder, Request};
use crate::data::benchmark::DataFile;
use crate::error::{Error, Result};
use crate::eval::scores::unit;
use crate::event::{Abort, Event, Events};
use crate::platform::write_beside;
use crate::text::TokenIds;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A video that captions were matched with.
#[derive(Debug)]
pub struct MatchedVideo {
    /// A score for each caption, more is better.
    pub scores: Vec<f32>,
    /// What it was made from.
    pub facts: ClipFacts,
    /// Milliseconds of decoding and matching.
    pub milliseconds: f64,
}

/// A run with its folder.
pub struct Run<'a, E> {
    request: &'a Request,
    model: &'a E,
    abort: &'a Abort,
    files: Vec<DataFile>,
    settings: RunSettings,
    cache: EmbeddingCache,
    started: Instant,
}

impl<'a, E: Embedder> Run<'a, E> {
    /// Reads the data and holds the settings against those of the folder; nothing is written yet.
    ///
    /// # Errors
    /// Those of the data files; [`Error::InvalidInput`] where the folder holds another run; [`Error::Io`].
    pub fn open(request: &'a Request, model: &'a E, abort: &'a Abort) -> Result<Self> {
        let mut files = Vec::new();
        for path in &request.data {
            files.extend(DataFile::read(path)?);
        }
        let settings = RunSettings::of(&request.question, &files);
        if request.output.join(SETTINGS_FILE).exists() && !request.overwrite {
            let differences = RunSettings::read(&request.output)?.differences(&settings);
            if !differences.is_empty() {
                let reason = format!(
                    "it holds a run with other settings ({}); name another folder, or replace that run with --overwrite",
                    differences.join(", ")
                );
                return Err(Error::InvalidInput { what: request.output.display().to_string(), reason });
            }
        }
        let cache = request.cache.clone().unwrap_or_else(|| request.output.join("cache"));
        let cache = EmbeddingCache::open(&cache)?;
        Ok(Self { request, model, abort, files, settings, cache, started: Instant::now() })
    }

    /// Writes the settings; of another run that is replaced, takes away the journal and the results.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn start(&self) -> Result<()> {
        let folder = &self.request.output;
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let settings = folder.join(SETTINGS_FILE);
        if self.request.overwrite && settings.exists() && RunSettings::read(folder)? != self.settings {
            for path in [self.journal(), self.video_journal(), self.match_journal(), folder.join(RESULTS_FILE)] {
                if path.exists() {
                    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                }
            }
        }
        write_beside(&settings, &self.settings.to_json()?)
    }

    /// What was asked for.
    pub const fn request(&self) -> &Request {
        self.request
    }

    /// The data files.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// What decides the numbers.
    pub const fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// The model.
    pub const fn model(&self) -> &E {
        self.model
    }

    /// The cache.
    pub const fn cache(&self) -> &EmbeddingCache {
        &self.cache
    }

    /// The flag that stops the run.
    pub const fn abort(&self) -> &Abort {
        self.abort
    }

    /// The file of its samples.
    pub fn journal(&self) -> PathBuf {
        self.request.output.join(super::results::samples_file(self.settings.task))
    }

    /// The file of its embedded videos, where samples come last.
    pub fn video_journal(&self) -> PathBuf {
        self.request.output.join(format!("videos_{}.jsonl", self.settings.task))
    }

    /// The file of its matched videos, where the best candidates are matched.
    pub fn match_journal(&self) -> PathBuf {
        self.request.output.join(format!("matches_{}.jsonl", self.settings.task))
    }

    /// Decodes ahead, embeds and hands over one video after another, with its position in `videos`. Videos that cannot be
    /// used are named in the result.
    ///
    /// # Errors
    /// What `visit` returns; [`Error::Aborted`]; what is wrong with machine, device or disk.
    pub fn for_each_video(
        &self,
        videos: &[&str],
        events: &mut impl Events,
        mut visit: impl FnMut(usize, EmbeddedVideo) -> Result<()>,
    ) -> Result<(Vec<MissingVideo>, Times)> {
        let read = |reader: &ClipReader<'_>, video: &str| reader.prepare(video);
        self.pass(
            videos,
            "videos",
            events,
            read,
            |prepared| prepared.spent,
            |at, prepared, started| {
                let Prepared { key, facts, content, spent } = prepared;
                let vector = self.vector(&key, content, &facts)?;
                let embedding = started.elapsed();
                let milliseconds = 1000.0 * (spent + embedding).as_secs_f64();
                visit(at, EmbeddedVideo { key, vector, facts, milliseconds })?;
                Ok(embedding)
            },
        )
    }

    /// As [`Run::for_each_video`], matching with each video the rows of token ids that `rows` gives for its position.
    ///
    /// # Errors
    /// As there, and those of `rows`.
    pub fn match_each_video(
        &self,
        videos: &[&str],
        stage: &'static str,
        events: &mut impl Events,
        mut rows: impl FnMut(usize) -> Result<TokenIds>,
        mut visit: impl FnMut(usize, MatchedVideo) -> Result<()>,
    ) -> Result<(Vec<MissingVideo>, Times)> {
        let read = |reader: &ClipReader<'_>, video: &str| reader.decode(video);
        self.pass(
            videos,
            stage,
            events,
            read,
            |decoded| decoded.spent,
            |at, decoded, started| {
                let Decoded { facts, pixels, spent } = decoded;
                let scores = self.model.match_clip(pixels, facts.frames.len(), &rows(at)?, self.abort)?;
                let matching = started.elapsed();
                let milliseconds = 1000.0 * (spent + matching).as_secs_f64();
                visit(at, MatchedVideo { scores, facts, milliseconds })?;
                Ok(matching)
            },
        )
    }

    /// Has threads `read` the videos ahead, and hands over one after another with its position and the moment it was there;
    /// `spent` says how long reading took, `visit` how long the model had it.
    fn pass<T: Send + 'static>(
        &self,
        videos: &[&str],
        stage: &'static str,
        events: &mut impl Events,
        read: impl Fn(&ClipReader<'_>, &str) -> Result<T> + Sync,
        spent: impl Fn(&T) -> Duration,
        mut visit: impl FnMut(usize, T, Instant) -> Result<Duration>,
    ) -> Result<(Vec<MissingVideo>, Times)> {
        let (mut missing, mut times) = (Vec::new(), Times::default());
        if videos.is_empty() {
            return Ok((missing, times));
        }
        let reader = ClipReader::new(&self.settings, &self.cache, self.request.videos.as_deref(), self.abort)?;
        let work = |video: &&str, send: &mut dyn FnMut(Result<T>) -> bool| {
            send(read(&reader, video));
        };
        std::thread::scope(|scope| {
            let feed = Feed::start(scope, videos, self.request.decoders, &work);
            for (at, video) in videos.iter().enumerate() {
                self.abort.check()?;
                match feed.next_of(at).flatten() {
                    Ok(clip) => {
                        times.decode_seconds += spent(&clip).as_secs_f64();
                        times.embed_seconds += visit(at, clip, Instant::now())?.as_secs_f64();
                        times.videos += 1;
                    }
                    Err(error) if is_the_video_s(&error) => missing.push(MissingVideo::new(video, &error)),
                    Err(error) => return Err(error),
                }
                events.emit(Event::Progress { stage, done: at as u64 + 1, total: videos.len() as u64 });
            }
            Ok(())
        })?;
        Ok((missing, times))
    }

    /// Seconds since the run was opened.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn vector(&self, key: &str, content: Content, facts: &ClipFacts) -> Result<Vec<f32>> {
        match content {
            Content::Embedding(embed) => unit(&embed),
            Content::Pixels { pixels, frames } => {
                let embed = self.model.embed_clip(pixels, frames)?;
                self.cache.keep_video(key, &embed, facts)?;
                unit(&embed)
            }
        }
    }
}

/// Whether an error is about one video, so that the others go on: what is wrong with the machine stops the run.
pub const fn is_the_video_s(error: &Error) -> bool {
    matches!(
        error,
        Error::MissingFile { .. }
            | Error::Io { .. }
            | Error::Decode { .. }
            | Error::CorruptFile { .. }
            | Error::NoFrames { .. }
            | Error::InvalidInput { .. }
            | Error::InvalidJson { .. }
    )
}
