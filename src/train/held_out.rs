//! Pairs that a run on folders is tested on and never trained on (native only): text-video retrieval among them.

use crate::config::PreprocessConfig;
use crate::data::prefetch::ClipLoader;
use crate::data::{BadVideo, SeededOrder, VideoText};
use crate::error::{Error, Result};
use crate::eval::{Pairing, RetrievalRanks, WorldEvaluation, embedding_retrieval};
use crate::event::{Abort, Event, Events};
use crate::model::VideoOptions;
use crate::platform::{block_on, parallel_map};
use crate::video::preprocess::normalise;
use burn::tensor::{Int, Tensor, TensorData};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Videos, and texts, that are embedded at once.
const AT_ONCE: usize = 16;
/// Keeps the draw of held-out pairs apart from the order of training.
const DRAW: u64 = 0x6865_6c64_5f6f_7574;

/// The pairs, and how their videos are read.
#[derive(Debug)]
pub(super) struct HeldOut {
    pairs: Vec<VideoText>,
    loader: ClipLoader,
    preprocess: PreprocessConfig,
    bad_video: BadVideo,
}

/// How a model does on them.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HeldOutResult {
    /// Pairs whose videos could be read.
    pub pairs: usize,
    /// Videos that could not, with the reason.
    pub left_out: BTreeMap<String, String>,
    /// Ranks among them.
    #[serde(flatten)]
    pub ranks: RetrievalRanks,
}

/// Keeps back whole videos, drawn by the seed, until they have `count` pairs: returns the pairs to train on, and those.
///
/// # Errors
/// [`Error::InvalidConfig`] where nothing would be left to train on.
pub(super) fn keep_back(
    pairs: Vec<VideoText>,
    count: usize,
    seed: u64,
) -> Result<(Vec<VideoText>, Vec<VideoText>)> {
    let mut texts: BTreeMap<&str, usize> = BTreeMap::new();
    for pair in &pairs {
        *texts.entry(&pair.video).or_default() += 1;
    }
    let videos: Vec<(&str, usize)> = texts.into_iter().collect();
    let mut order = SeededOrder::new(videos.len(), seed ^ DRAW)?;
    let (mut kept, mut held) = (BTreeSet::new(), 0);
    while held < count && kept.len() < videos.len() {
        let (video, texts) = videos[order.advance().index];
        kept.insert(video.to_owned());
        held += texts;
    }
    if kept.len() == videos.len() {
        let expected = format!("fewer than the manifest's {} pairs, or pairs of their own in data.validation", pairs.len());
        return Err(Error::InvalidConfig { field: "validation_clips", value: count.to_string(), expected });
    }
    Ok(pairs.into_iter().partition(|pair| !kept.contains(&pair.video)))
}

impl HeldOut {
    /// `loader` reads their videos as the model's own sampling has it.
    pub const fn new(
        pairs: Vec<VideoText>,
        loader: ClipLoader,
        preprocess: PreprocessConfig,
        bad_video: BadVideo,
    ) -> Self {
        Self { pairs, loader, preprocess, bad_video }
    }

    pub fn pairs(&self) -> &[VideoText] {
        &self.pairs
    }

    pub const fn loader(&self) -> &ClipLoader {
        &self.loader
    }

    /// Ranks every text among the videos and every video among the texts. Emits [`Event::Progress`] of stage `validate` in
    /// videos.
    pub fn measure(&self, of: &WorldEvaluation<'_>, events: &mut impl Events, abort: &Abort) -> Result<HeldOutResult> {
        let mut texts: BTreeMap<&str, Vec<&VideoText>> = BTreeMap::new();
        for pair in &self.pairs {
            texts.entry(&pair.video).or_default().push(pair);
        }
        let all: Vec<&VideoText> = texts.values().filter_map(|of_video| of_video.first().copied()).collect();
        let (mut there, mut embeds, mut left_out) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (at, some) in all.chunks(AT_ONCE).enumerate() {
            abort.check()?;
            let mut pixels = Vec::new();
            for (pair, read) in some.iter().zip(parallel_map(some.to_vec(), |pair| self.loader.pair(pair, 0, abort))) {
                match read {
                    Ok(frames) => {
                        pixels.push(normalise(&frames, self.preprocess.mean, self.preprocess.std));
                        there.push(pair.video.as_str());
                    }
                    Err(error) if self.bad_video.passes_over(&error) => {
                        left_out.insert(pair.video.clone(), error.to_string());
                    }
                    Err(error) => return Err(error),
                }
            }
            if !pixels.is_empty() {
                embeds.push(self.embed(of, &pixels)?);
            }
            let done = (at * AT_ONCE + some.len()) as u64;
            events.emit(Event::Progress { stage: "validate", done, total: all.len() as u64 });
        }
        if there.is_empty() {
            let reason = "none of the videos of the held-out pairs can be read".to_owned();
            return Err(Error::NoFrames { clip: "validation".to_owned(), reason });
        }
        let captions: Vec<(usize, &str)> = there
            .iter()
            .enumerate()
            .flat_map(|(at, video)| texts[video].iter().map(move |pair| (at, pair.caption.as_str())))
            .collect();
        let pairing = pairing(there.len(), &captions)?;
        let said: Vec<&str> = captions.iter().map(|(_, caption)| *caption).collect();
        let said: Vec<Tensor<2>> = said.chunks(AT_ONCE).map(|some| embed_texts(of, some)).collect::<Result<_>>()?;
        let found = block_on(embedding_retrieval(&pairing, false, Tensor::cat(embeds, 0), Tensor::cat(said, 0)))?;
        Ok(HeldOutResult { pairs: captions.len(), left_out, ranks: found.raw })
    }

    fn embed(&self, of: &WorldEvaluation<'_>, clips: &[Vec<f32>]) -> Result<Tensor<2>> {
        let PreprocessConfig { frames, image_size, .. } = self.preprocess;
        let shape = [clips.len(), frames, 3, image_size, image_size];
        let pixels = Tensor::from_data(TensorData::new(clips.concat(), shape), of.device);
        Ok(of.model.encode_video(pixels, &VideoOptions::default())?.embed)
    }
}

impl HeldOutResult {
    /// Mean of the two directions' recall at 1: the number by which checkpoints are compared.
    pub fn accuracy(&self) -> f64 {
        let first = [&self.ranks.text_to_video, &self.ranks.video_to_text].map(|way| way.pessimistic.at_1.accuracy());
        f64::midpoint(first[0], first[1])
    }
}

/// With one text a video, equal texts are right for each other's videos; else each video has its own.
fn pairing(videos: usize, captions: &[(usize, &str)]) -> Result<Pairing> {
    if captions.len() == videos {
        let keys: Vec<&str> = captions.iter().map(|(_, caption)| *caption).collect();
        return Pairing::groups(&keys, &keys);
    }
    let video_of: Vec<usize> = captions.iter().map(|(video, _)| *video).collect();
    Pairing::captions(videos, &video_of)
}

fn embed_texts(of: &WorldEvaluation<'_>, captions: &[&str]) -> Result<Tensor<2>> {
    let ids = of.tokenizer.encode(captions)?;
    of.model.encode_text(Tensor::<2, Int>::from_data(TensorData::new(ids.ids, [ids.rows, ids.context]), of.device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(video: usize, caption: usize) -> VideoText {
        VideoText { video: format!("{video}.mp4"), caption: format!("caption {caption}") }
    }

    proptest! {
        #[test]
        fn a_video_is_trained_on_or_tested_on(
            videos in prop::collection::vec(0_usize..12, 2..40),
            count in 1_usize..8,
            seed in any::<u64>(),
        ) {
            let pairs: Vec<VideoText> = videos.iter().enumerate().map(|(at, video)| pair(*video, at)).collect();
            match keep_back(pairs.clone(), count, seed) {
                Ok((train, test)) => {
                    let names = |pairs: &[VideoText]| pairs.iter().map(|p| p.video.clone()).collect::<BTreeSet<_>>();
                    prop_assert!(names(&train).is_disjoint(&names(&test)) && !train.is_empty());
                    prop_assert!(test.len() >= count && train.len() + test.len() == pairs.len());
                    prop_assert_eq!(keep_back(pairs, count, seed).unwrap(), (train, test));
                }
                Err(error) => prop_assert_eq!(error.code(), "invalid-config"),
            }
        }
    }

    #[test]
    fn equal_captions_of_different_videos_are_right_for_both() {
        let shared = pairing(3, &[(0, "a fox"), (1, "a ball"), (2, "a fox")]).unwrap();
        assert_eq!((shared.texts_of(0), shared.videos_of(2)), (&[0, 2][..], &[0, 2][..]));
        let several = pairing(2, &[(0, "a fox"), (0, "an animal"), (1, "a ball")]).unwrap();
        assert_eq!((several.texts_of(0), several.videos_of(2)), (&[0, 1][..], &[1][..]));
    }
}
