//! Batches from the user's own folders (native only): pairs of a manifest and annotated videos, decoded ahead.
//!
//! Constraint: a step takes what the generated world gives it, and a run that was killed goes on with the very clips that
//! would have come. Solution: [`Prefetch`] reads batches in the order of a seed; the position after the last step that was
//! *done* is what a checkpoint keeps, whatever was read ahead of it. Videos that are missing are found before the first step,
//! not in the third night.

use crate::config::{PreprocessConfig, SamplingRule};
use crate::data::attributes::{EstimateRules, RegionCaptions, VideoAttributes};
use crate::data::prefetch::{
    AnnotatedVideos, CacheReport, ClipLoader, FrameCache, LoadedBatch, Prefetch, PrefetchOptions, SkippedClip,
};
use crate::data::{
    AnnotationFolder, BadVideo, BatchPosition, BatchSampler, BatchShares, GraphIndex, LabelTexts, Negatives, ReadOptions,
    SampleRules, VideoText, sample_seed, video_texts,
};
use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use crate::platform::block_on;
use crate::source::DiskFolder;
use crate::train::batch::{Batch, Round, keep};
use crate::train::held_out::{HeldOut, keep_back};
use crate::train::video_list::VideoList;
use crate::train::{DataConfig, TrainConfig, Trainer};
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Times that the annotations must show two predicates true of one pair at once before one is no negative of the other:
/// once may be a slip of an annotator.
const CONTRADICTED: u64 = 2;
/// Captions that are searched for words that the vocabulary lacks.
const CAPTIONS_LOOKED_AT: usize = 10_000;
/// Names that a notice spells out.
const NAMED: usize = 5;

/// Batches of the user's data.
#[derive(Debug)]
pub(super) struct Folders {
    prefetch: Prefetch,
    preprocess: PreprocessConfig,
    /// After the last step that was done.
    done: BatchPosition,
    /// What was left out of the step under way.
    skipped: Vec<SkippedClip>,
    bad_video: BadVideo,
    held_out: Option<HeldOut>,
    facts: DataFacts,
}

/// What a run on folders has to draw from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DataFacts {
    /// Pairs to train on.
    pub pairs: usize,
    /// Pairs to be tested on.
    pub held_out_pairs: usize,
    /// Annotated videos that have an (F, B, O), to train on.
    pub annotated_videos: usize,
    /// Annotated videos that are left to the test, being those of held-out pairs.
    pub tested_videos: usize,
    /// Annotation files.
    pub annotation_files: usize,
    /// A hash of the names and sizes of all videos.
    pub videos: String,
}

/// Annotated videos and what is known of them.
struct Annotated {
    videos: AnnotatedVideos,
    /// Files that samples can be drawn of.
    files: Vec<String>,
    annotation_files: usize,
}

impl Folders {
    /// Opens what the trainer's settings name, at the position of a checkpoint or at the beginning.
    ///
    /// # Errors
    /// Whatever is wrong with manifest, annotations and tables, by file and line; [`Error::BadClip`] for videos that are
    /// missing, unless the settings say to leave them out; [`Error::InvalidConfig`] for a step of more pairs than there are.
    pub fn open(
        trainer: &Trainer,
        position: Option<BatchPosition>,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Self> {
        let (config, preprocess) = (trainer.config(), trainer.preprocess());
        let data = &config.data;
        let cache = data.cache.as_ref().map(|folder| FrameCache::open(folder, data.cache_bytes)).transpose()?.map(Arc::new);
        let loader = |sampling, frames| -> Result<ClipLoader> {
            let loader = ClipLoader::new(PreprocessConfig { sampling, frames, ..preprocess.clone() })?;
            Ok(cache.iter().fold(loader, |loader, cache| loader.with_cache(Arc::clone(cache))))
        };
        let (pairs, tested) = pairs_of(config)?;
        let annotated = annotated(config, events, abort)?;
        let mut training = loader(SamplingRule::Rand, config.step_frames())?;
        if let Some(manifest) = &data.manifest {
            training = training.with_pairs(folder_of(data, manifest));
        }
        let (mut files, mut annotation_files) = (Vec::new(), 0);
        if let Some(annotated) = annotated {
            training = training.with_graphs(annotated.videos)?;
            (files, annotation_files) = (annotated.files, annotated.annotation_files);
        }
        let held_out = match data.validation.as_ref().or(data.manifest.as_ref()) {
            Some(manifest) if !tested.is_empty() => {
                let rule = match preprocess.sampling {
                    SamplingRule::Velociti | SamplingRule::Rand => SamplingRule::Middle,
                    rule => rule,
                };
                let reader = loader(rule, config.frames)?.with_pairs(folder_of(data, manifest));
                Some(HeldOut::new(tested, reader, preprocess.clone(), data.bad_video))
            }
            _ => None,
        };
        let usable = files.len();
        if let Some(held_out) = &held_out {
            files = not_tested(files, &training, held_out);
        }
        let mut list = VideoList::default();
        list.add_pairs(&training, &pairs);
        list.add_annotated(&training, &files);
        held_out.iter().for_each(|held_out| list.add_pairs(held_out.loader(), held_out.pairs()));
        list.check(data.bad_video, events)?;
        tell_unknown_words(trainer, &pairs, events)?;
        let facts = DataFacts {
            pairs: pairs.len(),
            held_out_pairs: held_out.as_ref().map_or(0, |held_out| held_out.pairs().len()),
            annotated_videos: files.len(),
            tested_videos: usable - files.len(),
            annotation_files,
            videos: list.hash(),
        };
        let prefetch = start(config, pairs, files, training, position, abort)?;
        let (preprocess, bad_video) = (preprocess.clone(), data.bad_video);
        Ok(Self { done: prefetch.position(), prefetch, preprocess, skipped: Vec::new(), bad_video, held_out, facts })
    }

    /// The batches of a step.
    ///
    /// # Errors
    /// [`Error::BadClip`] for a clip that cannot be read, unless such are left out; [`Error::NoFrames`] where none can;
    /// [`Error::Aborted`].
    pub fn draw(&mut self, config: &TrainConfig, step: usize) -> Result<Vec<Batch>> {
        self.skipped.clear();
        let mut batches = Vec::with_capacity(config.accumulate);
        for part in 0..config.accumulate {
            let loaded = self.prefetch.next().unwrap_or(Err(Error::Aborted)).map_err(|error| self.advise(error))?;
            self.skipped.extend_from_slice(&loaded.skipped);
            batches.push(batch_of(loaded, config, &self.preprocess, step, step * config.accumulate + part));
        }
        Ok(batches)
    }

    /// Notes that the step was done whose batches were drawn last; returns what was left out of them.
    pub fn step_done(&mut self) -> Vec<SkippedClip> {
        self.done = self.prefetch.position();
        std::mem::take(&mut self.skipped)
    }

    pub const fn position(&self) -> BatchPosition {
        self.done
    }

    pub const fn held_out(&self) -> Option<&HeldOut> {
        self.held_out.as_ref()
    }

    pub const fn facts(&self) -> &DataFacts {
        &self.facts
    }

    /// What the cache of frames did, if there is one.
    pub fn cache(&self) -> Option<CacheReport> {
        self.prefetch.report().cache
    }

    fn advise(&self, error: Error) -> Error {
        match self.bad_video {
            BadVideo::Stop if BadVideo::is_at_fault(&error) => Error::BadClip { reason: error.to_string() },
            _ => error,
        }
    }
}

fn start(
    config: &TrainConfig,
    pairs: Vec<VideoText>,
    files: Vec<String>,
    loader: ClipLoader,
    position: Option<BatchPosition>,
    abort: &Abort,
) -> Result<Prefetch> {
    let data = &config.data;
    if data.manifest.is_some() && pairs.len() < config.batch {
        let expected = format!("no more than the {} pairs that there are to train on", pairs.len());
        return Err(Error::InvalidConfig { field: "batch", value: config.batch.to_string(), expected });
    }
    let counts = BatchShares { pairs: if pairs.is_empty() { 0 } else { config.batch }, graphs: config.scenes };
    let mut sampler = BatchSampler::new(pairs, files, counts, counts.pairs + counts.graphs, config.seed)?;
    if let Some(position) = position {
        sampler.resume(position)?;
    }
    let default = PrefetchOptions::default();
    let workers = if data.workers == 0 { default.workers } else { data.workers };
    Prefetch::start(sampler, loader, PrefetchOptions { workers, ahead: data.ahead, bad_video: data.bad_video }, abort)
}

/// Pairs to train on, and pairs to be tested on.
fn pairs_of(config: &TrainConfig) -> Result<(Vec<VideoText>, Vec<VideoText>)> {
    let read = |path: &Path| video_texts(&text_of(path)?, &path.display().to_string());
    let data = &config.data;
    let pairs = data.manifest.as_deref().map(read).transpose()?.unwrap_or_default();
    if let (Some(manifest), true) = (&data.manifest, pairs.is_empty()) {
        let reason = "it has no pair; write {\"video\": \"a.mp4\", \"caption\": \"a dog barks\"}, one a line".to_owned();
        return Err(Error::InvalidInput { what: manifest.display().to_string(), reason });
    }
    match &data.validation {
        Some(path) => Ok((pairs, read(path)?)),
        None if config.validate_every > 0 => keep_back(pairs, config.validation_clips, config.seed),
        None => Ok((pairs, Vec::new())),
    }
}

/// The annotations of videos that the model is not tested on.
fn not_tested(mut files: Vec<String>, training: &ClipLoader, held_out: &HeldOut) -> Vec<String> {
    let place = |path: PathBuf| std::fs::canonicalize(path).ok();
    let tested = held_out.pairs().iter().filter_map(|pair| place(held_out.loader().pair_path(pair)));
    let tested: BTreeSet<PathBuf> = tested.collect();
    if let Some(annotated) = training.graphs() {
        files.retain(|file| !annotated.video(file).ok().and_then(place).is_some_and(|path| tested.contains(&path)));
    }
    files
}

/// The folder that a manifest's paths are relative to.
fn folder_of(data: &DataConfig, manifest: &Path) -> PathBuf {
    let own = || manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    data.videos.clone().unwrap_or_else(|| own().to_owned())
}

fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::io("read", path))
}

fn annotated(config: &TrainConfig, events: &mut impl Events, abort: &Abort) -> Result<Option<Annotated>> {
    let data = &config.data;
    let Some(path) = &data.annotations else { return Ok(None) };
    let mut rules = SampleRules {
        spans: data.spans,
        colored_classes: config.colored_classes,
        choices: config.samples,
        ..SampleRules::new(config.step_frames())
    };
    if let Some(path) = &data.negatives {
        rules.negatives = Negatives::from_json(&text_of(path)?, &path.display().to_string())?;
    }
    if let Some(path) = &data.labels {
        rules.texts = LabelTexts::from_json(&text_of(path)?, &path.display().to_string())?;
    }
    let strict = data.bad_video == BadVideo::Stop;
    let options = ReadOptions { merge_segments: data.merge_segments, strict };
    let mut annotations = block_on(AnnotationFolder::open(DiskFolder::open(path)?, options))?;
    if let Some(captions) = &data.region_captions {
        let captions = RegionCaptions::open(captions, &rules.negatives, strict, abort)?;
        tell(events, "bad-captions", "lines of captions", &captions.report().skipped, |line| &line.reason);
        annotations = annotations.with_attributes(Arc::new(captions));
    }
    let index = block_on(GraphIndex::build(&annotations, data.spans, events, abort))?;
    tell(events, "bad-annotations", "annotation files", &index.report.skipped, |skipped| &skipped.file);
    tell(events, "bad-captions", "captions", &index.report.skipped_captions, |line| &line.reason);
    if index.files.is_empty() {
        let reason = "none of its videos has two graphs in order that a third one spans (`sgcr graph stats` tells more)";
        return Err(Error::InvalidInput { what: path.display().to_string(), reason: reason.to_owned() });
    }
    rules.negatives.reject(&index.co_occurrence, CONTRADICTED, &rules.texts);
    // Only now: to read the folder for its index would decode every video.
    if let (true, Some(videos)) = (data.estimate_attributes, &data.annotated_videos) {
        let estimated = VideoAttributes::open(videos, EstimateRules::default(), abort)?;
        annotations = annotations.with_attributes(Arc::new(estimated));
    }
    let annotation_files = annotations.files().len();
    let videos = AnnotatedVideos { annotations, videos: data.annotated_videos.clone(), rules };
    Ok(Some(Annotated { videos, files: index.files, annotation_files }))
}

/// Says what was left out, if anything was.
fn tell<T>(events: &mut impl Events, code: &'static str, what: &str, left_out: &[T], name: impl Fn(&T) -> &String) {
    if left_out.is_empty() {
        return;
    }
    let names: Vec<&str> = left_out.iter().take(NAMED).map(|item| name(item).as_str()).collect();
    let more = if left_out.len() > NAMED { " …" } else { "" };
    let message = format!("{} {what} are left out: {}{more}", left_out.len(), names.join("; "));
    events.emit(Event::Notice { code, message });
}

/// A model made for other texts has no word for much of these, and nothing else would show it.
fn tell_unknown_words(trainer: &Trainer, pairs: &[VideoText], events: &mut impl Events) -> Result<()> {
    let looked_at = pairs.len().min(CAPTIONS_LOOKED_AT);
    let mut unknown = 0;
    for pair in &pairs[..looked_at] {
        unknown += usize::from(trainer.tokenizer().has_unknown(&pair.caption)?);
    }
    if unknown > 0 {
        let message = format!(
            "{unknown} of {looked_at} captions have words that the model's vocabulary lacks; start from a model that knows \
             them (--base)"
        );
        events.emit(Event::Notice { code: "unknown-words", message });
    }
    Ok(())
}

/// What was read as a step takes it; `number` counts batches, from 0.
fn batch_of(
    loaded: LoadedBatch,
    config: &TrainConfig,
    preprocess: &PreprocessConfig,
    step: usize,
    number: usize,
) -> Batch {
    let mut pixels = loaded.pair_frames.pixels(preprocess);
    pixels.extend(loaded.graph_frames.pixels(preprocess));
    let shown = |clip: usize| {
        let seed = sample_seed(config.seed, number as u64, clip as u64);
        keep(config, step, &mut Pcg64Mcg::seed_from_u64(seed))
    };
    let kept: Option<Vec<Vec<i32>>> = (0..loaded.clips()).map(shown).collect();
    let positives: Vec<String> = loaded.pairs.into_iter().map(|pair| pair.caption).collect();
    let rounds = if positives.is_empty() { Vec::new() } else { vec![Round { positives, negatives: Vec::new() }] };
    Batch { pixels, keep: kept.map(|kept| kept.concat()), rounds, scenes: loaded.graphs }
}
