//! Retrieval on clips of the generated world: each clip's main caption among those of the other clips.

use super::retrieval::{Pairing, embedding_retrieval};
use super::world_clips::batches;
use super::{RetrievalRanks, WorldEvaluation};
use crate::error::Result;
use crate::event::{Abort, Event, Events};
use crate::model::VideoOptions;
use crate::platform::yield_now;
use crate::world::Split;
use burn::tensor::Tensor;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Retrieval among clips of the generated world. The more clips, the harder: a figure means nothing without their number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorldRetrieval {
    /// Clips, each with its main caption.
    pub clips: u64,
    /// Clips whose caption is word for word another one's too. Such a caption is right for all of them, and each of them is
    /// a right answer to it.
    pub shared: u64,
    /// Ranks by cosine.
    #[serde(flatten)]
    pub ranks: RetrievalRanks,
}

/// As a Markdown table, and a sentence on captions that several clips share, if any do.
impl fmt::Display for WorldRetrieval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ranks)?;
        match self.shared {
            0 => Ok(()),
            shared => {
                write!(f, "\n\n{shared} clips share their caption with another one; it is right for all of these.")
            }
        }
    }
}

impl WorldEvaluation<'_> {
    /// Ranks each of `clips` of a split among them for each main caption, and each caption for each clip.
    ///
    /// Clips with equal captions are right for each other's. A caption that happens to be true of another clip without being
    /// equal still counts as wrong there, as in every published benchmark. Emits [`Event::Progress`] of stage `retrieve` in
    /// clips.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for no clips, [`Error::Aborted`](crate::Error::Aborted),
    /// [`Error::Compute`](crate::Error::Compute) when the device fails; those of the model and the tokenizer.
    pub async fn retrieval(
        &self,
        split: Split,
        clips: Range<u64>,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<WorldRetrieval> {
        let total = clips.end.saturating_sub(clips.start);
        let (mut captions, mut videos, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for batch in batches(&clips) {
            abort.check()?;
            let end = batch.end;
            let drawn = self.draw(split, batch, |drawn| (drawn.pixels, drawn.clip.caption()))?;
            videos.push(self.encode(drawn.iter().map(|(pixels, _)| pixels), &VideoOptions::default())?.embed);
            let said: Vec<String> = drawn.into_iter().map(|(_, caption)| caption).collect();
            texts.push(self.embed_captions(&said)?);
            captions.extend(said);
            events.emit(Event::Progress { stage: "retrieve", done: end - clips.start, total });
            yield_now().await;
        }
        let pairing = Pairing::groups(&captions, &captions)?;
        let metrics = embedding_retrieval(&pairing, false, Tensor::cat(videos, 0), Tensor::cat(texts, 0)).await?;
        Ok(WorldRetrieval { clips: total, shared: shared(&captions), ranks: metrics.raw })
    }
}

/// How many of the captions are there more than once.
fn shared(captions: &[String]) -> u64 {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for caption in captions {
        *counts.entry(caption).or_default() += 1;
    }
    counts.into_values().filter(|count| *count > 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::retrieval::Rank;
    use crate::event::Silent;
    use crate::model::cosines;
    use crate::platform::block_on;
    use crate::train::{TrainConfig, Trainer};
    use crate::world::Level;
    use burn::tensor::Device;

    fn tiny() -> TrainConfig {
        TrainConfig {
            image_size: 32,
            frames: 2,
            vision_width: 16,
            vision_layers: 1,
            text_width: 16,
            text_layers: 1,
            embed_dim: 8,
            batch: 2,
            ..TrainConfig::default()
        }
    }

    /// Clip by clip, without batches and without the ranking code.
    #[test]
    fn ranks_are_those_of_the_cosines() {
        let trainer = Trainer::new(tiny(), None, &Device::flex()).unwrap();
        let (model, tokenizer, preprocess) = (trainer.model().unwrap(), trainer.tokenizer(), trainer.preprocess());
        let evaluation =
            WorldEvaluation { model: &model, tokenizer, preprocess, device: &Device::flex(), level: Level::Crowd };
        let clips = 5..25;
        let found = block_on(evaluation.retrieval(Split::Test, clips.clone(), &mut Silent, &Abort::default())).unwrap();
        assert_eq!((found.clips, found.shared), (20, 0));
        let one = |index: u64| {
            let drawn = evaluation.draw(Split::Test, index..index + 1, |drawn| drawn).unwrap();
            let video = evaluation.encode(drawn.iter().map(|drawn| &drawn.pixels), &VideoOptions::default()).unwrap();
            (video.embed, evaluation.embed_captions(&[drawn[0].clip.caption()]).unwrap())
        };
        let embeds: Vec<_> = clips.map(one).collect();
        let cosine = |video: usize, text: usize| -> f32 {
            cosines(embeds[video].0.clone(), embeds[text].1.clone()).into_data().iter::<f32>().next().unwrap()
        };
        for query in 0..20 {
            // Batches round differently: nobody within 1e-6 of the right one may decide the rank.
            let rank = |at_least: f32| {
                1 + (0..20)
                    .filter(|other| *other != query && cosine(*other, query) - cosine(query, query) > at_least)
                    .count()
            };
            let got = found.ranks.text_to_video.ranks[query].pessimistic;
            assert!((rank(1e-6)..=rank(-1e-6)).contains(&got), "{query}: {got}");
        }
    }

    #[test]
    fn equal_captions_are_right_for_each_other() {
        let captions = ["a fox", "a ball", "a fox"].map(str::to_owned);
        assert_eq!(shared(&captions), 2);
        let pairing = Pairing::groups(&captions, &captions).unwrap();
        let rows = |values: [[f32; 2]; 3]| Tensor::<2>::from_data(values, &Device::flex());
        // Both foxes look alike, and their captions are one: no tie, no error.
        let (videos, texts) = (rows([[1.0, 0.1], [0.0, 1.0], [1.0, 0.1]]), rows([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]));
        let found = block_on(embedding_retrieval(&pairing, false, videos, texts)).unwrap().raw;
        for direction in [found.text_to_video, found.video_to_text] {
            assert_eq!(direction.ranks, [Rank { optimistic: 1, pessimistic: 1 }; 3]);
        }
    }

    #[test]
    fn no_clips_are_refused() {
        let trainer = Trainer::new(tiny(), None, &Device::flex()).unwrap();
        let (model, tokenizer, preprocess) = (trainer.model().unwrap(), trainer.tokenizer(), trainer.preprocess());
        let evaluation =
            WorldEvaluation { model: &model, tokenizer, preprocess, device: &Device::flex(), level: Level::Crowd };
        let error = block_on(evaluation.retrieval(Split::Test, 3..3, &mut Silent, &Abort::default())).unwrap_err();
        assert_eq!(error.code(), "invalid-input");
    }
}
