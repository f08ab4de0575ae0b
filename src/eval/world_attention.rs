//! Where CLS looks in clips that are told apart from their near misses, and in those that are not (SGCR-Vid, Figure 4).

use super::world_clips::{batches, read};
use super::{AttentionMean, LayerShares, WorldEvaluation};
use crate::error::Result;
use crate::event::{Abort, Event, Events};
use crate::model::VideoOptions;
use crate::platform::yield_now;
use crate::world::Split;
use std::ops::Range;

/// CLS's attention, mean over the clips of near misses; a clip counts once for each of its pairs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorldAttention {
    /// Over all pairs.
    pub all: AttentionMean,
    /// Over those of which the true caption scored strictly higher.
    pub right: AttentionMean,
    /// Over the others.
    pub wrong: AttentionMean,
}

impl WorldEvaluation<'_> {
    /// Measures attention over the near misses of clips of a split. Emits [`Event::Progress`] of stage `attend` in clips.
    ///
    /// # Errors
    /// [`Error::Aborted`](crate::Error::Aborted), [`Error::Compute`](crate::Error::Compute) when the device fails; those of
    /// the model and the tokenizer.
    pub async fn attention(
        &self,
        split: Split,
        clips: Range<u64>,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<WorldAttention> {
        let wanted = VideoOptions { attention: true, ..VideoOptions::default() };
        let layers = self.model.config().vision.layers;
        let total = clips.end.saturating_sub(clips.start);
        let mut result = WorldAttention::default();
        for batch in batches(&clips) {
            abort.check()?;
            let end = batch.end;
            let drawn = self.draw(split, batch, |drawn| (drawn.pixels, drawn.clip.near_misses()))?;
            let (pixels, misses): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
            let encoding = self.encode(pixels.iter(), &wanted)?;
            let shares = match &encoding.attention {
                Some(shares) => LayerShares::from_numbers(&read(LayerShares::numbers(shares)).await?),
                None => Vec::new(),
            };
            for answer in self.answers(encoding.embed, &misses).await? {
                let of_clip = shares.iter().skip(answer.clip * layers).take(layers).copied().collect::<Vec<_>>();
                let told_apart = answer.positive > answer.negative;
                let outcome = if told_apart { &mut result.right } else { &mut result.wrong };
                outcome.add(&of_clip);
                result.all.add(&of_clip);
            }
            events.emit(Event::Progress { stage: "attend", done: end - clips.start, total });
            yield_now().await;
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SceneTokensConfig, SceneTokensVariant};
    use crate::event::Silent;
    use crate::platform::block_on;
    use crate::train::{TrainConfig, Trainer};
    use crate::world::Level;
    use burn::tensor::Device;

    /// Against the counts of the near misses themselves, and the mean put together from both outcomes.
    #[test]
    fn every_pair_counts_for_its_outcome() {
        let config = TrainConfig {
            image_size: 32,
            frames: 2,
            vision_width: 16,
            vision_layers: 2,
            vision_heads: 2,
            text_width: 16,
            text_layers: 1,
            embed_dim: 8,
            batch: 2,
            ..TrainConfig::default()
        };
        let device = Device::flex();
        let trainer = Trainer::new(config, None, &device).unwrap();
        let scene =
            SceneTokensConfig { variant: SceneTokensVariant::Literal, tokens: 3, heads: 2, ..Default::default() };
        let model = trainer.model().unwrap().with_scene_tokens(&scene, 4).unwrap();
        let (tokenizer, preprocess) = (trainer.tokenizer(), trainer.preprocess());
        let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device: &device, level: Level::Crowd };
        let abort = Abort::default();
        let found = block_on(evaluation.attention(Split::Test, 2..22, &mut Silent, &abort)).unwrap();
        let table = block_on(evaluation.near_misses(Split::Test, 2..22, &mut Silent, &abort)).unwrap();
        let (right, total) =
            table.rows().iter().fold((0, 0), |(right, total), (_, tally)| (right + tally.correct, total + tally.total));
        assert_eq!((found.right.clips(), found.wrong.clips(), found.all.clips()), (right, total - right, total));
        assert!(right > 0 && right < total);
        let (all, right_layers, wrong_layers) = (found.all.layers(), found.right.layers(), found.wrong.layers());
        assert_eq!((all.len(), right_layers.len(), wrong_layers.len()), (2, 2, 2));
        for ((all, r), w) in all.iter().zip(right_layers).zip(wrong_layers) {
            let share = right as f64 / total as f64;
            assert!((all.scene - share * r.scene - (1.0 - share) * w.scene).abs() < 1e-9);
            assert!((all.cls + all.scene + all.patch - 1.0).abs() < 1e-5 && all.scene > 0.0);
        }
    }
}
