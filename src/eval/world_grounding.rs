//! How well SG tokens find the triplets of the generated world, and how much CLS attends to them there.

use super::world_clips::{DrawnClip, batches, read};
use super::{AttentionMean, Grounding, LayerShares, SceneLabels, SceneReader, WorldEvaluation};
use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use crate::model::VideoOptions;
use crate::platform::yield_now;
use crate::world::Split;
use serde_json::json;
use std::fmt;
use std::ops::Range;

/// Grounding on clips of the generated world, over the frames that the model sees.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldGrounding {
    /// Clips looked at.
    pub clips: u64,
    /// K of recall@K: the SG tokens of a frame.
    pub tokens: usize,
    /// What was found.
    pub grounding: Grounding,
    /// CLS's attention, mean over the clips.
    pub attention: AttentionMean,
}

impl WorldGrounding {
    /// As JSON: shares in percent.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let tally = |tally: super::Tally| {
            let (low, high) = tally.interval();
            json!({
                "found": tally.correct, "total": tally.total,
                "recall": 100.0 * tally.accuracy(), "low": 100.0 * low, "high": 100.0 * high,
            })
        };
        json!({
            "clips": self.clips, "frames": self.grounding.frames, "tokens": self.tokens, "overlap": super::MIN_OVERLAP,
            "triplets": tally(self.grounding.triplets), "pairs": tally(self.grounding.pairs),
            "ceiling": 100.0 * self.grounding.ceiling(), "attention": self.attention.layers(),
        })
    }
}

/// As a Markdown table, in percent.
impl fmt::Display for WorldGrounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| grounding at IoU 0.5 | recall@{} % | 95 % interval | possible % | true ones |", self.tokens)?;
        write!(f, "|---|---:|---:|---:|---:|")?;
        let ceilings = [format!("{:.1}", 100.0 * self.grounding.ceiling()), String::new()];
        let rows = [("triplets", self.grounding.triplets), ("pairs of boxes", self.grounding.pairs)];
        for ((name, tally), ceiling) in rows.into_iter().zip(ceilings) {
            let (low, high) = tally.interval();
            let [recall, low, high] = [tally.accuracy(), low, high].map(|share| 100.0 * share);
            write!(f, "\n| {name} | {recall:.1} | {low:.1} – {high:.1} | {ceiling} | {} |", tally.total)?;
        }
        Ok(())
    }
}

impl WorldEvaluation<'_> {
    /// Reads the SG tokens of clips of a split with the world's labels, kinds told with their colours where `colored`, and
    /// holds them against the exact graphs. Emits [`Event::Progress`] of stage `ground` in clips.
    ///
    /// # Errors
    /// [`Error::NoSceneTokens`] for a model without; [`Error::Aborted`]; [`Error::Compute`] when the device fails; those of
    /// the model and the tokenizer.
    pub async fn grounding(
        &self,
        split: Split,
        clips: Range<u64>,
        colored: bool,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<WorldGrounding> {
        let labels = if colored { SceneLabels::colored_world() } else { SceneLabels::world() };
        let reader = SceneReader::new(self.model, self.tokenizer, &labels, self.device)?;
        let total = clips.end.saturating_sub(clips.start);
        let mut result = WorldGrounding {
            clips: total,
            tokens: self.model.config().scene_tokens.tokens,
            grounding: Grounding::default(),
            attention: AttentionMean::default(),
        };
        for batch in batches(&clips) {
            abort.check()?;
            let end = batch.end;
            let drawn = self.draw(split, batch, |mut drawn| {
                if colored {
                    drawn.clip.graph = drawn.clip.graph.with_colored_classes();
                }
                drawn
            })?;
            self.ground(&drawn, &reader, &mut result).await?;
            events.emit(Event::Progress { stage: "ground", done: end - clips.start, total });
            yield_now().await;
        }
        Ok(result)
    }

    async fn ground(&self, clips: &[DrawnClip], reader: &SceneReader<'_>, result: &mut WorldGrounding) -> Result<()> {
        let options = VideoOptions { attention: true, ..VideoOptions::default() };
        let encoding = self.encode(clips.iter().map(|clip| &clip.pixels), &options)?;
        let missing = || Error::NoSceneTokens { model_type: self.model.config().model_type.to_string() };
        let numbers = read(reader.numbers(encoding.scene.ok_or_else(missing)?)).await?;
        let triplets = reader.triplets(&numbers);
        let frames = clips.iter().flat_map(|clip| clip.frames.iter().map(move |frame| (clip, *frame)));
        for ((clip, frame), found) in frames.zip(triplets.chunks(result.tokens)) {
            let truth = clip.clip.graph.targets(u32::try_from(frame).unwrap_or(u32::MAX));
            result.grounding.add(found, &truth, result.tokens);
        }
        if let Some(shares) = &encoding.attention {
            let shares = LayerShares::from_numbers(&read(LayerShares::numbers(shares)).await?);
            shares.chunks(self.model.config().vision.layers).for_each(|clip| result.attention.add(clip));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SceneTokensConfig, SceneTokensVariant};
    use crate::eval::{Choice, Tally, TokenTriplet};
    use crate::event::Silent;
    use crate::platform::block_on;
    use crate::train::{TrainConfig, Trainer};
    use crate::world::Level;
    use burn::tensor::Device;
    use std::collections::BTreeSet;

    fn trainer() -> Trainer {
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
        Trainer::new(config, None, &Device::flex()).unwrap()
    }

    /// An untrained model's box of nearly the whole frame meets large boxes: counts that are not all zero, one clip at a
    /// time and all at once, against pairs counted here.
    #[test]
    fn batches_change_nothing_and_pairs_are_those_of_the_boxes() {
        let (trainer, device) = (trainer(), Device::flex());
        let scene =
            SceneTokensConfig { variant: SceneTokensVariant::Literal, tokens: 3, heads: 2, ..Default::default() };
        let model = trainer.model().unwrap().with_scene_tokens(&scene, 4).unwrap();
        let (tokenizer, preprocess) = (trainer.tokenizer(), trainer.preprocess());
        let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device: &device, level: Level::Crowd };
        let run =
            |clips| block_on(evaluation.grounding(Split::Test, clips, false, &mut Silent, &Abort::default())).unwrap();
        let all = run(4..24);
        let mut sum = Grounding::default();
        for index in 4..24 {
            let one = run(index..index + 1).grounding;
            for (sum, one) in [(&mut sum.triplets, one.triplets), (&mut sum.pairs, one.pairs)] {
                *sum = Tally { correct: sum.correct + one.correct, total: sum.total + one.total };
            }
            sum.reachable += one.reachable;
            sum.frames += one.frames;
        }
        assert_eq!(all.grounding, sum);
        assert_eq!((all.clips, all.tokens, all.attention.clips()), (20, 3, 20));
        for layer in all.attention.layers() {
            assert!((layer.cls + layer.scene + layer.patch - 1.0).abs() < 1e-5);
            assert!(layer.scene > 0.0);
        }
        // The truth, counted from the relations.
        let (mut triplets, mut pairs) = (0, 0);
        let drawn = evaluation.draw(Split::Test, 4..24, |drawn| drawn).unwrap();
        for (clip, frame) in drawn.iter().flat_map(|clip| clip.frames.iter().map(move |frame| (clip, *frame as u32))) {
            let holding = clip.clip.graph.relations.iter().filter(|r| (r.begin..r.end).contains(&frame));
            let seen = |tid: u32| clip.clip.graph.track(tid).is_some_and(|track| track.boxes.contains_key(&frame));
            let holding: Vec<_> = holding.filter(|r| seen(r.subject) && seen(r.object)).collect();
            triplets += holding.iter().map(|r| (r.subject, &r.predicate, r.object)).collect::<BTreeSet<_>>().len();
            pairs += holding.iter().map(|r| (r.subject, r.object)).collect::<BTreeSet<_>>().len();
        }
        assert_eq!((sum.triplets.total, sum.pairs.total), (triplets as u64, pairs as u64));
        assert!(all.to_string().contains("| triplets |") && all.to_json()["attention"].as_array().unwrap().len() == 2);
    }

    fn sure<'a>(word: &str, labels: &'a [String]) -> Choice<'a> {
        let label = labels.iter().find(|label| *label == word).unwrap();
        Choice { label, probability: 0.9, none: 0.0 }
    }

    /// Tokens that tell the truth find everything: the frame's own targets read back.
    #[test]
    fn a_perfect_answer_has_full_recall() {
        let drawn = DrawnClip::new(trainer().preprocess(), Level::Crowd, Split::Test, 7).unwrap();
        let labels = SceneLabels::world();
        let (entities, predicates) = (labels.entities(), labels.predicates());
        let mut grounding = Grounding::default();
        let mut expected = 0;
        for frame in 0..32 {
            let truth = drawn.clip.graph.targets(frame);
            let found: Vec<_> = truth
                .iter()
                .map(|target| TokenTriplet {
                    subject: sure(target.subject_class, entities),
                    predicate: sure(target.predicate, predicates),
                    object: sure(target.object_class, entities),
                    subject_box: target.subject_box,
                    object_box: target.object_box,
                })
                .collect();
            grounding.add(&found, &truth, 64);
            expected += truth.len() as u64;
        }
        assert!(expected > 32);
        assert_eq!(grounding.triplets, Tally { correct: expected, total: expected });
        assert_eq!(grounding.pairs.correct, grounding.pairs.total);
        assert_eq!(grounding.ceiling(), 1.0);
    }

    #[test]
    fn a_model_without_scene_tokens_says_so() {
        let (trainer, device) = (trainer(), Device::flex());
        let model = trainer.model().unwrap();
        let (tokenizer, preprocess) = (trainer.tokenizer(), trainer.preprocess());
        let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device: &device, level: Level::Crowd };
        let error =
            block_on(evaluation.grounding(Split::Test, 0..1, false, &mut Silent, &Abort::default())).unwrap_err();
        assert_eq!(error.code(), "no-scene-tokens");
    }
}
