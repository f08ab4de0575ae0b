//! One clip of a batch: found, decoded, resized. A clip follows from its order alone.

use super::cache::{FrameCache, VideoKey};
use crate::config::{PreprocessConfig, ResizeRule, SamplingRule};
use crate::data::find_video::{find_video, find_video_near};
use crate::data::folder::AnnotationFolder;
use crate::data::graph_sample::{GraphSample, SampleRules};
use crate::data::pairs::VideoText;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::platform::block_on;
use crate::source::{DiskFolder, Folder as _};
use crate::video::decode::{self, Clip};
use crate::video::preprocess::resized;
use crate::video::sampling::frame_indices;
use crate::video::{Frames, VideoInfo};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a video is opened; what is known of it spares finding that out.
type OpenClip = dyn Fn(&Path, Option<VideoInfo>, &Abort) -> Result<Clip> + Send + Sync;

/// Annotated videos on disk.
#[derive(Debug, Clone)]
pub struct AnnotatedVideos {
    /// The annotations.
    pub annotations: AnnotationFolder<DiskFolder>,
    /// The folder of the videos ([`find_video`]); `None` for where data sets keep them ([`find_video_near`]).
    pub videos: Option<PathBuf>,
    /// How samples are drawn.
    pub rules: SampleRules,
}

/// Reads clips for training: which frames, from where, how large.
#[derive(Clone)]
pub struct ClipLoader {
    preprocess: PreprocessConfig,
    graphs: Option<AnnotatedVideos>,
    pairs: Option<PathBuf>,
    cache: Option<Arc<FrameCache>>,
    /// Of every video that was opened: some hundred bytes each.
    known: Arc<Mutex<HashMap<VideoKey, VideoInfo>>>,
    open: Arc<OpenClip>,
}

/// What one clip of a batch is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClipOrder {
    /// A pair, and the seed of its frames.
    Pair(VideoText, u64),
    /// An annotation file, and the seed of its sample.
    Graph(String, u64),
}

/// A clip that was read.
#[derive(Debug)]
pub(super) enum LoadedClip {
    /// Of a pair.
    Pair(VideoText, Frames),
    /// Of an annotated video.
    Graph(Box<GraphSample>, Frames),
}

impl ClipOrder {
    /// What it is called in reports.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Pair(text, _) => &text.video,
            Self::Graph(file, _) => file,
        }
    }
}

impl std::fmt::Debug for ClipLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { preprocess, graphs, pairs, cache, known: _, open: _ } = self;
        f.debug_struct("ClipLoader")
            .field("preprocess", preprocess)
            .field("graphs", graphs)
            .field("pairs", pairs)
            .field("cache", cache)
            .finish_non_exhaustive()
    }
}

impl ClipLoader {
    /// Clips for a model with this preprocessing. [`PreprocessConfig::sampling`] says which frames of a pair's video are
    /// used: [`SamplingRule::Rand`] is the rule of training.
    ///
    /// # Errors
    /// Those of [`PreprocessConfig::validate`]; [`Error::InvalidConfig`] for [`SamplingRule::Velociti`], whose clips are of
    /// different lengths.
    pub fn new(preprocess: PreprocessConfig) -> Result<Self> {
        preprocess.validate()?;
        if preprocess.sampling == SamplingRule::Velociti {
            let expected = "a rule that gives every clip as many frames: rand, middle or demo".to_owned();
            return Err(Error::InvalidConfig { field: "sampling", value: preprocess.sampling.to_string(), expected });
        }
        Ok(Self { preprocess, graphs: None, pairs: None, cache: None, known: Arc::default(), open: Arc::new(open) })
    }

    /// With annotated videos.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a resize rule that cuts off part of the frame: the boxes of the targets would not fit.
    pub fn with_graphs(mut self, graphs: AnnotatedVideos) -> Result<Self> {
        if self.preprocess.resize == ResizeRule::PillowBicubicCrop {
            let expected = "a rule that keeps the whole frame, as the boxes of scene graphs need it".to_owned();
            return Err(Error::InvalidConfig { field: "resize", value: self.preprocess.resize.to_string(), expected });
        }
        self.graphs = Some(graphs);
        Ok(self)
    }

    /// With pairs, whose paths are relative to `folder`.
    #[must_use]
    pub fn with_pairs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.pairs = Some(folder.into());
        self
    }

    /// With a cache of frames.
    #[must_use]
    pub fn with_cache(mut self, cache: Arc<FrameCache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// With another decoder than [`decode::open_one`]. It gets what is known of a video that was open before, and a flag
    /// that asks it to stop.
    #[must_use]
    pub fn with_decoder(
        mut self,
        open: impl Fn(&Path, Option<VideoInfo>, &Abort) -> Result<Clip> + Send + Sync + 'static,
    ) -> Self {
        self.open = Arc::new(open);
        self
    }

    /// The annotated videos, if it has any.
    #[must_use]
    pub const fn graphs(&self) -> Option<&AnnotatedVideos> {
        self.graphs.as_ref()
    }

    /// The cache, if it has one.
    #[must_use]
    pub fn cache(&self) -> Option<&FrameCache> {
        self.cache.as_deref()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<VideoKey, VideoInfo>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it can read batches of this many pairs and annotated videos.
    pub(super) fn check(&self, (pairs, graphs): (usize, usize)) -> Result<()> {
        let missing = match (self.pairs.is_none() && pairs > 0, self.graphs.is_none() && graphs > 0) {
            (true, _) => "pairs, but not where their videos are",
            (_, true) => "annotated videos, but not where they are",
            _ => return Ok(()),
        };
        Err(Error::InvalidInput { what: "batches".to_owned(), reason: format!("they have {missing}") })
    }

    /// Frames of a pair's clip.
    pub(super) const fn pair_frames(&self) -> usize {
        self.preprocess.frames
    }

    /// Frames of an annotated video's clip.
    pub(super) fn graph_frames(&self) -> usize {
        self.graphs.as_ref().map_or(0, |graphs| graphs.rules.frames)
    }

    /// Side of a frame in pixels.
    pub(super) const fn size(&self) -> usize {
        self.preprocess.image_size
    }

    /// The video of a pair.
    #[must_use]
    pub fn pair_path(&self, text: &VideoText) -> PathBuf {
        self.pairs.as_deref().unwrap_or_else(|| Path::new("")).join(&text.video)
    }

    /// The frames of a pair's clip, resized: `[frames, size, size, 3]`. `seed` draws them where the sampling is random.
    ///
    /// # Errors
    /// Those of decoding; [`Error::NoFrames`] for a video without any; [`Error::Aborted`].
    pub fn pair(&self, text: &VideoText, seed: u64, abort: &Abort) -> Result<Frames> {
        let mut video = Video::new(self, self.pair_path(text), abort)?;
        let indices = frame_indices(self.preprocess.sampling, &video.info()?, self.preprocess.frames, seed)?;
        video.frames(&indices)
    }

    /// Reads a clip.
    pub(super) fn load(&self, order: ClipOrder, abort: &Abort) -> Result<LoadedClip> {
        abort.check()?;
        match order {
            ClipOrder::Pair(text, seed) => {
                let frames = self.pair(&text, seed, abort)?;
                Ok(LoadedClip::Pair(text, frames))
            }
            ClipOrder::Graph(file, seed) => {
                let graphs = self.graphs.as_ref().ok_or_else(|| no_video("no folder", &file))?;
                let sample = block_on(graphs.annotations.sample(&file, &graphs.rules, seed))?;
                let path = graphs.video(&file)?;
                let indices: Vec<usize> = sample.frames.iter().map(|frame| *frame as usize).collect();
                let frames = Video::new(self, path, abort)?.frames(&indices)?;
                Ok(LoadedClip::Graph(Box::new(sample), frames))
            }
        }
    }
}

impl AnnotatedVideos {
    /// The video of an annotation file.
    ///
    /// # Errors
    /// [`Error::MissingFile`] where none is found.
    pub fn video(&self, file: &str) -> Result<PathBuf> {
        let annotations = self.annotations.folder();
        let (found, folder) = match &self.videos {
            Some(videos) => (find_video(videos, file), videos.display().to_string()),
            None => (find_video_near(annotations, file), format!("{} and what is beside it", annotations.name())),
        };
        found.ok_or_else(|| no_video(&folder, file))
    }
}

fn no_video(folder: &str, file: &str) -> Error {
    let advice = "no video of that name is there (.mp4, .webm, …, or a folder of images)".to_owned();
    Error::MissingFile { folder: folder.to_owned(), file: file.trim_end_matches(".json").to_owned(), advice }
}

fn open(path: &Path, known: Option<VideoInfo>, abort: &Abort) -> Result<Clip> {
    known.map_or_else(|| decode::open_one(path, abort), |info| decode::open_again(path, info, abort))
}

/// One video: opened once at most, and not at all where the cache has what is asked for.
struct Video<'a> {
    loader: &'a ClipLoader,
    path: PathBuf,
    key: VideoKey,
    clip: Option<Clip>,
    abort: &'a Abort,
}

impl<'a> Video<'a> {
    fn new(loader: &'a ClipLoader, path: PathBuf, abort: &'a Abort) -> Result<Self> {
        let key = VideoKey::of(&path)?;
        Ok(Self { loader, path, key, clip: None, abort })
    }

    fn clip(&mut self) -> Result<&mut Clip> {
        let opened = match self.clip.take() {
            Some(clip) => clip,
            None => {
                let clip = (self.loader.open)(&self.path, self.known(), self.abort)?;
                self.keep(clip.info());
                clip
            }
        };
        Ok(self.clip.insert(opened))
    }

    fn info(&mut self) -> Result<VideoInfo> {
        match self.known() {
            Some(info) => Ok(info),
            None => Ok(self.clip()?.info()),
        }
    }

    /// What is known of it without a look at it.
    fn known(&self) -> Option<VideoInfo> {
        let here = self.loader.known().get(&self.key).copied();
        here.or_else(|| {
            let info = self.loader.cache()?.info(&self.key)?;
            self.loader.known().insert(self.key.clone(), info);
            Some(info)
        })
    }

    fn keep(&self, info: VideoInfo) {
        let new = self.loader.known().insert(self.key.clone(), info).is_none();
        if let Some(cache) = self.loader.cache().filter(|_| new) {
            cache.put_info(&self.key, info);
        }
    }

    /// The frames at `indices`, resized: `[frames, size, size, 3]`.
    fn frames(&mut self, indices: &[usize]) -> Result<Frames> {
        let config = &self.loader.preprocess;
        let (rule, size) = (config.resize, config.image_size);
        let mut found: BTreeMap<usize, Option<Vec<u8>>> = indices.iter().map(|index| (*index, None)).collect();
        if let Some(cache) = self.loader.cache() {
            found.iter_mut().for_each(|(index, frame)| *frame = cache.frame(&self.key, *index, rule, size));
        }
        let missing: Vec<usize> = found.iter().filter(|(_, frame)| frame.is_none()).map(|(index, _)| *index).collect();
        if !missing.is_empty() {
            let decoded = resized(&self.clip()?.read(&missing)?, config);
            for (at, index) in missing.into_iter().enumerate() {
                if let Some(cache) = self.loader.cache() {
                    cache.put_frame(&self.key, index, rule, size, decoded.frame(at));
                }
                found.insert(index, Some(decoded.frame(at).to_vec()));
            }
        }
        let mut data = Vec::with_capacity(indices.len() * size * size * 3);
        let frames = indices.iter().filter_map(|index| found.get(index)?.as_deref());
        frames.for_each(|frame| data.extend_from_slice(frame));
        Frames::new(size, size, data)
    }
}
