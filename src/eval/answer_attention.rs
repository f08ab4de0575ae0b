//! CLS's attention where near misses were told apart, and where they were not (SGCR-Vid, Figure 4 a and b).

use super::world_clips::{batches, read};
use super::{AttentionMean, LayerShares, WorldEvaluation};
use crate::error::Result;
use crate::event::{Abort, Event, Events};
use crate::model::VideoOptions;
use crate::platform::yield_now;
use crate::world::{NearMiss, Split};
use std::ops::Range;

/// CLS's attention, mean over near misses; a clip counts once for each of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnswerAttention {
    /// Over all of them.
    pub all: AttentionMean,
    /// Over those that were told apart.
    pub right: AttentionMean,
    /// Over the others; a tie is wrong.
    pub wrong: AttentionMean,
}

impl WorldEvaluation<'_> {
    /// Tests the model on every near miss of clips of a split and looks at whom CLS attended to meanwhile. A model without
    /// SG tokens has shares of 0 for them. Emits [`Event::Progress`] of stage `attend` in clips.
    ///
    /// # Errors
    /// [`Error::Aborted`](crate::Error::Aborted); [`Error::Compute`](crate::Error::Compute) when the device fails; those of
    /// the model and the tokenizer.
    pub async fn attention_by_answer(
        &self,
        split: Split,
        clips: Range<u64>,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<AnswerAttention> {
        let mut result = AnswerAttention::default();
        let total = clips.end.saturating_sub(clips.start);
        for batch in batches(&clips) {
            abort.check()?;
            let end = batch.end;
            let drawn = self.draw(split, batch, |drawn| (drawn.pixels, drawn.clip.near_misses()))?;
            self.attend(&drawn, &mut result).await?;
            events.emit(Event::Progress { stage: "attend", done: end - clips.start, total });
            yield_now().await;
        }
        Ok(result)
    }

    async fn attend(&self, clips: &[(Vec<f32>, Vec<NearMiss>)], result: &mut AnswerAttention) -> Result<()> {
        let options = VideoOptions { attention: true, ..VideoOptions::default() };
        let encoding = self.encode(clips.iter().map(|(pixels, _)| pixels), &options)?;
        let Some(shares) = encoding.attention else { return Ok(()) };
        let shares = LayerShares::from_numbers(&read(LayerShares::numbers(&shares)).await?);
        let of_clip: Vec<&[LayerShares]> = shares.chunks(self.model.config().vision.layers).collect();
        let pairs: Vec<&[NearMiss]> = clips.iter().map(|(_, pairs)| pairs.as_slice()).collect();
        for answer in self.answers(encoding.embed, &pairs).await? {
            let layers = of_clip[answer.clip];
            result.all.add(layers);
            let side = if answer.is_right() { &mut result.right } else { &mut result.wrong };
            side.add(layers);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SceneTokensConfig, SceneTokensVariant};
    use crate::event::Silent;
    use crate::platform::block_on;
    use crate::train::{TrainConfig, Trainer};
    use burn::tensor::Device;

    /// Held against the counts of the plain test, and against each clip's attention taken alone.
    #[test]
    fn attention_goes_to_the_answers_of_its_clip() {
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
        let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device: &device };
        let (clips, abort) = (3..23, Abort::default());
        let attend = |clips| block_on(evaluation.attention_by_answer(Split::Test, clips, &mut Silent, &abort)).unwrap();
        let found = attend(clips.clone());

        let table = block_on(evaluation.near_misses(Split::Test, clips.clone(), &mut Silent, &abort)).unwrap();
        let total: u64 = table.rows().iter().map(|(_, tally)| tally.total).sum();
        let correct: u64 = table.rows().iter().map(|(_, tally)| tally.correct).sum();
        assert!(correct > 0 && correct < total);
        assert_eq!(
            [&found.all, &found.right, &found.wrong].map(AttentionMean::clips),
            [total, correct, total - correct]
        );

        let mut sums = [[0.0; 2]; 2];
        for index in clips {
            let one = attend(index..index + 1);
            // All pairs of a clip have the clip's own attention, whatever was answered.
            let layers = one.all.layers();
            for mean in [&one.right, &one.wrong].into_iter().filter(|mean| mean.clips() > 0) {
                for (a, b) in mean.layers().iter().zip(&layers) {
                    assert!((a.scene - b.scene).abs() < 1e-9 && (a.scene + a.cls + a.patch - 1.0).abs() < 1e-5);
                }
            }
            for (sum, mean) in sums.iter_mut().zip([&one.right, &one.wrong]) {
                for (sum, layer) in sum.iter_mut().zip(&layers) {
                    *sum += mean.clips() as f64 * layer.scene;
                }
            }
        }
        for (sums, mean) in sums.into_iter().zip([&found.right, &found.wrong]) {
            for (sum, layer) in sums.into_iter().zip(mean.layers()) {
                assert!(layer.scene > 0.0 && (sum / mean.clips() as f64 - layer.scene).abs() < 1e-6);
            }
        }
    }
}
