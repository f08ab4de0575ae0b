//! A benchmark pulled from outside: what waits to be embedded is asked for, embeddings are handed in, results follow.
//!
//! Constraint: in the page decoding is JavaScript's, nothing may block, there are no threads, and a run is paused or given up
//! between any two videos. Solution: everything that decides a number (samples, captions, the frames of a clip, keys, answers,
//! results) is here, without files, threads or a device; whoever drives it decodes, embeds and keeps embeddings. A run that
//! goes on later hands the kept embeddings in. Cost: a page's loop beside the native one; a test holds both against each other.

use super::captions::{Batch, Captions};
use super::classes::{self, ClassLine, Classes};
use super::embedded_rows;
use super::facts::{ClipFacts, ClipKeys, world_clip, world_sha256};
use super::hardest::{HardSample, of_classes, of_pairs, of_ranks};
use super::lines::to_bytes;
use super::near_misses::{self, PairLine, Selected};
use super::results::{MissingVideo, Results, Times, samples_file};
use super::retrieval::{Ranked, VideoLine};
use super::settings::{Question, RunSettings, ScoreRule};
use super::{EmbeddedVideo, Task};
use crate::data::benchmark::{ClassSet, DataFile, PairSample, RetrievalSet};
use crate::error::{Error, Result};
use crate::eval::scores::unit;
use crate::text::TokenIds;
use crate::video::{FrameSource as _, Frames, VideoInfo};
use std::collections::{BTreeMap, VecDeque};
use web_time::Instant;

/// A run under way.
#[derive(Debug)]
pub struct PulledRun {
    settings: RunSettings,
    keys: ClipKeys,
    captions: Captions,
    /// Captions that wait.
    batches: VecDeque<Batch>,
    videos: Vec<String>,
    samples: Samples,
    /// By position among the videos.
    missing: BTreeMap<usize, MissingVideo>,
    times: Times,
    started: Instant,
}

#[derive(Debug)]
enum Samples {
    Pairs {
        /// Samples of the data.
        original: usize,
        /// Of each video, with their positions in the data.
        of: Vec<Vec<(usize, PairSample)>>,
        lines: BTreeMap<usize, PairLine>,
    },
    Classes {
        set: ClassSet,
        /// Position in the data of each video.
        places: Vec<usize>,
        /// Once captions are embedded.
        known: Option<Classes>,
        lines: BTreeMap<usize, ClassLine>,
    },
    Retrieval {
        set: RetrievalSet,
        lines: BTreeMap<usize, VideoLine>,
        /// Unit vectors, as `lines`.
        vectors: BTreeMap<usize, Vec<f32>>,
    },
}

/// A clip of the generated world, ready for the model.
#[derive(Debug)]
pub struct Drawn {
    /// The frames that the model sees.
    pub frames: Frames,
    /// What they are.
    pub facts: ClipFacts,
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Finished {
    /// What came out.
    pub results: Results,
    /// Every sample, as lines of JSON.
    pub samples: Vec<u8>,
    /// Name of the file that these lines go into.
    pub samples_file: String,
    /// The wrong answers, the most wrong first.
    pub hardest: Vec<HardSample>,
}

impl PulledRun {
    /// Reads the data; `tokens` gives captions' rows of token ids.
    ///
    /// # Errors
    /// Those of the data files, and of the tokenizer; [`Error::InvalidInput`] for another score than the cosine.
    pub fn new(
        question: &Question,
        files: &[DataFile],
        tokens: impl FnOnce(&[String]) -> Result<TokenIds>,
    ) -> Result<Self> {
        if question.score != ScoreRule::Cosine {
            let reason = "a run that is pulled compares embeddings; `sgcr eval --match` matches".to_owned();
            return Err(Error::InvalidInput { what: format!("score \"{}\"", question.score.name()), reason });
        }
        let settings = RunSettings::of(question, files);
        let (videos, texts, samples) = Samples::read(question, &settings, files)?;
        let captions = Captions::new(settings.pre_text);
        let batches = captions.batches(texts.iter().map(String::as_str), tokens)?.into();
        let (missing, times, started) = (BTreeMap::new(), Times::default(), Instant::now());
        let keys = ClipKeys::new(&settings)?;
        Ok(Self { settings, keys, captions, batches, videos, samples, missing, times, started })
    }

    /// What decides the numbers.
    #[must_use]
    pub const fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// The videos, each once, as the data names them; methods take positions in this list.
    #[must_use]
    pub fn videos(&self) -> &[String] {
        &self.videos
    }

    /// Samples that hang on a video.
    #[must_use]
    pub fn samples_of(&self, video: usize) -> usize {
        match &self.samples {
            Samples::Pairs { of, .. } => of.get(video).map_or(0, Vec::len),
            Samples::Classes { .. } => 1,
            Samples::Retrieval { set, .. } => set.captions.iter().filter(|caption| caption.video == video).count(),
        }
    }

    /// Captions that are still to be embedded.
    #[must_use]
    pub fn waiting_captions(&self) -> usize {
        self.batches.iter().map(Batch::count).sum()
    }

    /// The next captions: rows of token ids, and what their embeddings are kept under. `None` once all are embedded.
    #[must_use]
    pub fn next_captions(&self) -> Option<(&TokenIds, String)> {
        self.batches.front().map(|batch| (batch.tokens(), batch.key(&self.settings.model)))
    }

    /// Takes the next captions' embeddings, gives a file to keep.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of them; [`Error::NonFinite`].
    pub fn take_captions(&mut self, embeds: &[Vec<f32>]) -> Result<Vec<u8>> {
        let Some(batch) = self.batches.front() else { return embedded_rows::plain(embeds) };
        self.captions.add(batch, embeds)?;
        self.batches.pop_front();
        embedded_rows::plain(embeds)
    }

    /// Takes the next captions' embeddings from the file that was kept; answers whether it could be used.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for embeddings of length zero.
    pub fn take_kept_captions(&mut self, file: &[u8]) -> Result<bool> {
        let count = self.batches.front().map_or(0, Batch::count);
        let Some(embeds) = embedded_rows::texts(file, count) else { return Ok(false) };
        self.take_captions(&embeds).map(|_| true)
    }

    /// What the embedding of a video is kept under, by its file's sha256.
    #[must_use]
    pub fn key(&self, sha256: &str) -> String {
        self.keys.of(sha256)
    }

    /// Whether clips are drawn rather than read.
    #[must_use]
    pub fn is_world(&self) -> bool {
        self.settings.task == Task::World
    }

    /// What stands for the sha256 of a generated clip's file.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a position without a video.
    pub fn world_sha256(&self, video: usize) -> Result<String> {
        Ok(world_sha256(self.name(video)?))
    }

    /// Draws a clip of the generated world.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where there is none of that name; those of [`ClipFacts::choose`].
    pub fn draw(&self, video: usize) -> Result<Drawn> {
        let name = self.name(video)?;
        let mut clip = world_clip(name)?;
        let facts = ClipFacts::choose(&self.settings, &clip.info(), world_sha256(name))?;
        Ok(Drawn { frames: clip.read(&facts.frames)?, facts })
    }

    /// The frames of a video to decode.
    ///
    /// # Errors
    /// Those of [`ClipFacts::choose`].
    pub fn choose(&self, info: &VideoInfo, sha256: String) -> Result<ClipFacts> {
        ClipFacts::choose(&self.settings, info, sha256)
    }

    /// Takes a video's embedding `[dim]`, not normalised, with the seconds of decoding and of embedding it took; gives a file
    /// to keep. Captions must be embedded before, but for retrieval.
    ///
    /// # Errors
    /// [`Error::NonFinite`]; [`Error::InvalidInput`] for a position without a video.
    pub fn take_video(&mut self, video: usize, embed: &[f32], facts: ClipFacts, seconds: [f64; 2]) -> Result<Vec<u8>> {
        let file = embedded_rows::with_facts(&[embed.to_vec()], &facts)?;
        let [decoding, embedding] = seconds;
        self.name(video)?;
        let embedded = EmbeddedVideo {
            key: self.keys.of(&facts.sha256),
            vector: unit(embed)?,
            facts,
            milliseconds: 1000.0 * (decoding + embedding),
        };
        self.samples.take(&self.settings, &self.captions, video, embedded)?;
        self.missing.remove(&video);
        self.times.videos += 1;
        self.times.decode_seconds += decoding;
        self.times.embed_seconds += embedding;
        Ok(file)
    }

    /// Takes a video's embedding from the file that was kept; answers whether it could be used.
    ///
    /// # Errors
    /// As [`PulledRun::take_video`].
    pub fn take_kept_video(&mut self, video: usize, file: &[u8]) -> Result<bool> {
        let Some((embed, facts)) = embedded_rows::clip(file) else { return Ok(false) };
        self.take_video(video, &embed, facts, [0.0, 0.0]).map(|_| true)
    }

    /// Notes that a video cannot be used; gives the number of samples that it takes with it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a position without a video.
    pub fn miss(&mut self, video: usize, code: &str, reason: &str) -> Result<usize> {
        let samples = self.samples_of(video);
        let missing = MissingVideo { samples, ..MissingVideo::told(self.name(video)?, code, reason) };
        self.missing.insert(video, missing);
        Ok(samples)
    }

    /// The results of what is there so far; `None` for retrieval, which ranks all at the end.
    #[must_use]
    pub fn so_far(&self) -> Option<Results> {
        match &self.samples {
            Samples::Pairs { original, lines, .. } => {
                let lines: Vec<PairLine> = lines.values().cloned().collect();
                Some(near_misses::results(&self.settings, &lines, *original, self.missing(), self.times()))
            }
            Samples::Classes { set, lines, .. } => {
                let lines: Vec<ClassLine> = lines.values().cloned().collect();
                Some(classes::results(&self.settings, set.videos.len(), &lines, self.missing(), self.times()))
            }
            Samples::Retrieval { .. } => None,
        }
    }

    /// The results, once every video was taken or missed.
    ///
    /// # Errors
    /// Those of ranking.
    pub async fn finish(&self) -> Result<Finished> {
        let (results, samples, hardest) = match &self.samples {
            Samples::Pairs { original, lines, .. } => {
                let lines: Vec<PairLine> = lines.values().cloned().collect();
                let results = near_misses::results(&self.settings, &lines, *original, self.missing(), self.times());
                (results, to_bytes(&lines)?, of_pairs(lines))
            }
            Samples::Classes { set, lines, .. } => {
                let lines: Vec<ClassLine> = lines.values().cloned().collect();
                let original = set.videos.len();
                let results = classes::results(&self.settings, original, &lines, self.missing(), self.times());
                (results, to_bytes(&lines)?, of_classes(lines))
            }
            Samples::Retrieval { set, lines, vectors } => self.rank(set, lines, vectors).await?,
        };
        Ok(Finished { results, samples, samples_file: samples_file(self.settings.task), hardest })
    }

    async fn rank(
        &self,
        set: &RetrievalSet,
        lines: &BTreeMap<usize, VideoLine>,
        vectors: &BTreeMap<usize, Vec<f32>>,
    ) -> Result<(Results, Vec<u8>, Vec<HardSample>)> {
        let captions = || set.captions.iter().filter(|caption| caption.video < self.videos.len());
        let original = captions().count();
        let new = |effective| Results::new(self.settings.clone(), original, effective, self.missing(), self.times());
        if lines.is_empty() {
            return Ok((new(0), Vec::new(), Vec::new()));
        }
        let lines: Vec<VideoLine> = lines.values().cloned().collect();
        let ranked = Ranked::new(&lines, vectors.values().cloned().collect(), captions(), &self.captions)?;
        let metrics = ranked.rank().await?;
        let samples = ranked.samples(&metrics.raw);
        let mut results = new(ranked.captions());
        ranked.add(&mut results, &metrics);
        Ok((results, to_bytes(&samples)?, of_ranks(samples)))
    }

    fn missing(&self) -> Vec<MissingVideo> {
        self.missing.values().cloned().collect()
    }

    fn times(&self) -> Times {
        Times { total_seconds: self.started.elapsed().as_secs_f64(), ..self.times }
    }

    fn name(&self, video: usize) -> Result<&str> {
        self.videos.get(video).map(String::as_str).ok_or_else(|| {
            let reason = format!("there are {}, counted from 0", self.videos.len());
            Error::InvalidInput { what: format!("video {video}"), reason }
        })
    }
}

impl Samples {
    /// Reads data files: videos, texts to embed, and the samples of the videos.
    fn read(
        question: &Question,
        settings: &RunSettings,
        files: &[DataFile],
    ) -> Result<(Vec<String>, Vec<String>, Self)> {
        match question.task {
            Task::Pairs(_) | Task::World => {
                let samples = near_misses::samples(question, files)?;
                let original = samples.len();
                let selected = Selected::new(settings, samples)?;
                let texts = selected.captions().map(ToOwned::to_owned).collect();
                let (mut videos, mut of) = (Vec::new(), Vec::new());
                for (video, samples) in selected.waiting(&BTreeMap::new()) {
                    videos.push(video.to_owned());
                    of.push(samples.into_iter().map(|(at, sample)| (at, sample.clone())).collect());
                }
                Ok((videos, texts, Self::Pairs { original, of, lines: BTreeMap::new() }))
            }
            Task::Kinetics => {
                let set = ClassSet::read(files)?;
                let places: Vec<usize> = classes::selected(settings, &set).collect();
                let videos = places.iter().map(|at| set.videos[*at].0.clone()).collect();
                let texts = classes::prompts(&set);
                Ok((videos, texts, Self::Classes { set, places, known: None, lines: BTreeMap::new() }))
            }
            Task::Retrieval(task) => {
                let set = RetrievalSet::read(task, files)?;
                let count = set.videos.len().min(settings.limit.unwrap_or(usize::MAX));
                let videos = set.videos[..count].to_vec();
                let texts = set.captions.iter().filter(|caption| caption.video < count);
                let texts = texts.map(|caption| caption.text.clone()).collect();
                Ok((videos, texts, Self::Retrieval { set, lines: BTreeMap::new(), vectors: BTreeMap::new() }))
            }
        }
    }

    fn take(
        &mut self,
        settings: &RunSettings,
        captions: &Captions,
        video: usize,
        embedded: EmbeddedVideo,
    ) -> Result<()> {
        match self {
            Self::Pairs { of, lines, .. } => {
                let samples = of[video].iter().map(|(at, sample)| (*at, sample));
                let new = near_misses::lines(settings, samples, &embedded, captions)?;
                lines.extend(new.into_iter().map(|line| (line.at, line)));
            }
            Self::Classes { set, places, known, lines } => {
                let known = match known {
                    Some(known) => known,
                    None => known.insert(Classes::new(set, captions)?),
                };
                let line = known.line(set, places[video], embedded);
                lines.insert(line.at, line);
            }
            Self::Retrieval { set, lines, vectors } => {
                vectors.insert(video, embedded.vector.clone());
                lines.insert(video, VideoLine::new(set, video, embedded));
            }
        }
        Ok(())
    }
}
