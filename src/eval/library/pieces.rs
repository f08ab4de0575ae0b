//! From a file to windows of pixels, one after another, so that a film needs no more memory than a clip.

use super::files::LibraryFile;
use super::hashes::{FileHashes, Stamp};
use super::{LibraryRequest, VideoWindows};
use crate::config::{PreprocessConfig, SamplingRule};
use crate::error::{Error, Result};
use crate::eval::run::{EmbeddingCache, hash};
use crate::event::Abort;
use crate::video::resize::Resizer;
use crate::video::sampling::frame_indices;
use crate::video::{Frames, VideoInfo, cuts, decode, preprocess};
use std::collections::BTreeMap;
use std::ops::Range;

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
    request: &'a LibraryRequest,
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
        let json = |value: serde_json::Result<String>| value.map_err(Error::json("settings"));
        let preprocess = json(serde_json::to_string(&request.preprocess))?;
        let clips = json(serde_json::to_string(&request.clips))?;
        let model = &request.model;
        let seed = if request.preprocess.sampling == SamplingRule::Rand { request.sampling_seed } else { 0 };
        let (weights, device, dtype) = (&model.weights_sha256, &model.device, &model.dtype);
        let seed = seed.to_string();
        let base = hash::of_parts(["windows", weights, device, dtype, &preprocess, &clips, &seed]);
        Ok(Self { request, cache, hashes, base, abort })
    }

    /// Sends a video's pieces, or what is wrong with it.
    pub fn make(&self, file: &LibraryFile, send: &mut dyn FnMut(Result<Piece>) -> bool) {
        let last = self.windows(file, send).map(Piece::Done);
        send(last);
    }

    fn windows(&self, file: &LibraryFile, send: &mut dyn FnMut(Result<Piece>) -> bool) -> Result<Finished> {
        self.abort.check()?;
        let (stamp, sha256) = self.hashes.of(&file.name, &file.path)?;
        let key = hash::of_parts([self.base.as_str(), sha256.as_str()]);
        if let Some((rows, facts)) = self.cache.windows(&key) {
            return Ok(Finished { key, stamp, facts, rows: Some(rows) });
        }
        let mut clip = decode::open_one(&file.path, self.abort)?;
        let VideoInfo { frame_count, fps, .. } = clip.info();
        let scenes = match self.request.clips.cuts {
            Some(rule) => cuts::scenes(clip.as_mut(), rule, self.abort)?.0,
            None => std::iter::once(0..frame_count).collect(),
        };
        let windows = self.request.clips.windows.windows(&scenes, fps);
        let chosen = self.chosen(&windows, &clip.info())?;
        let mut gathering = Gathering::new(&chosen, &clip.info(), &self.request.preprocess);
        let frames: Vec<usize> = gathering.wanted.keys().copied().collect();
        let mut coming = frames.iter();
        clip.visit(&frames, &mut |frame| {
            self.abort.check()?;
            let Some(number) = coming.next() else { return Ok(()) };
            for (number, frames) in gathering.take(*number, frame) {
                let config = &self.request.preprocess;
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

    /// The frames of each window that the model sees.
    fn chosen(&self, windows: &[Range<usize>], info: &VideoInfo) -> Result<Vec<Vec<usize>>> {
        let config = &self.request.preprocess;
        let of = |window: &Range<usize>| {
            let within = VideoInfo { frame_count: window.len(), ..*info };
            let indices = frame_indices(config.sampling, &within, config.frames, self.request.sampling_seed)?;
            Ok(indices.into_iter().map(|index| window.start + index).collect())
        };
        windows.iter().map(of).collect()
    }
}

/// Windows whose frames are still coming.
struct Gathering {
    resizer: Resizer,
    side: usize,
    /// By frame: the windows that want it, and at which places.
    wanted: BTreeMap<usize, Vec<(usize, usize)>>,
    /// Frames that each window still lacks.
    lacking: Vec<usize>,
    /// Frames of each window.
    counts: Vec<usize>,
    /// `[frames, side, side, 3]` of windows begun.
    begun: BTreeMap<usize, Vec<u8>>,
}

impl Gathering {
    fn new(chosen: &[Vec<usize>], info: &VideoInfo, config: &PreprocessConfig) -> Self {
        let mut wanted: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (window, frames) in chosen.iter().enumerate() {
            for (place, frame) in frames.iter().enumerate() {
                wanted.entry(*frame).or_default().push((window, place));
            }
        }
        let side = config.image_size;
        let counts: Vec<usize> = chosen.iter().map(Vec::len).collect();
        let resizer = Resizer::new(config.resize, info.width, info.height, side);
        Self { resizer, side, wanted, lacking: counts.clone(), counts, begun: BTreeMap::new() }
    }

    /// Takes a frame in; gives the windows that are complete with it.
    fn take(&mut self, number: usize, frame: &[u8]) -> Vec<(usize, Frames)> {
        let resized = self.resizer.resize(frame);
        let mut complete = Vec::new();
        for (window, place) in self.wanted.remove(&number).unwrap_or_default() {
            let size = resized.len();
            let data = self.begun.entry(window).or_insert_with(|| vec![0; self.counts[window] * size]);
            data[place * size..(place + 1) * size].copy_from_slice(&resized);
            self.lacking[window] -= 1;
            if self.lacking[window] == 0 {
                let data = self.begun.remove(&window).unwrap_or_default();
                complete.push((window, Frames { width: self.side, height: self.side, data }));
            }
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::{FrameSource as _, MemorySource};

    #[test]
    fn windows_gather_the_pixels_that_reading_them_alone_gives() {
        let config = PreprocessConfig::viclip(4, 3);
        let data: Vec<u8> = (0..20 * 6 * 5 * 3).map(|i| (i * i / 7 % 251) as u8).collect();
        let mut clip = MemorySource::new(Frames::new(6, 5, data).unwrap(), None);
        // Overlapping, of repeated frames, and complete in another order than they begin.
        let chosen = vec![vec![0, 9, 19], vec![1, 2, 9], vec![4, 4, 4]];
        let mut gathering = Gathering::new(&chosen, &clip.info(), &config);
        let frames: Vec<usize> = gathering.wanted.keys().copied().collect();
        assert_eq!(frames, [0, 1, 2, 4, 9, 19]);
        let mut coming = frames.iter();
        let mut got = Vec::new();
        clip.visit(&frames, &mut |frame| {
            got.extend(gathering.take(*coming.next().unwrap(), frame));
            Ok(())
        })
        .unwrap();
        assert_eq!(got.iter().map(|(window, _)| *window).collect::<Vec<_>>(), [2, 1, 0]);
        for (window, frames) in got {
            let alone = preprocess::resized(&clip.read(&chosen[window]).unwrap(), &config);
            assert_eq!(frames, alone, "{window}");
        }
    }
}
