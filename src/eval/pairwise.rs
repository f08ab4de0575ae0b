//! Near-miss accuracy: how often the true caption of a clip scores higher than a false one that is almost the same
//! (formats.md, VELOCITI: strictly higher; a tie is wrong).

use crate::config::PreprocessConfig;
use crate::error::Result;
use crate::eval::Tally;
use crate::eval::world_clips::{batches, read};
use crate::event::{Abort, Event, Events};
use crate::model::{VideoOptions, VideoTextModel, cosines};
use crate::platform::yield_now;
use crate::text::Tokenizer;
use crate::world::{Level, NearMiss, NearMissKind, Split};
use burn::tensor::{Device, Tensor};
use std::fmt;
use std::ops::Range;

/// Accuracy by kind of near miss, in the order of the paper's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindTable {
    rows: Vec<(NearMissKind, Tally)>,
}

impl Default for KindTable {
    fn default() -> Self {
        Self { rows: NearMissKind::ALL.map(|kind| (kind, Tally::default())).to_vec() }
    }
}

impl KindTable {
    /// The kinds with their counts.
    #[must_use]
    pub fn rows(&self) -> &[(NearMissKind, Tally)] {
        &self.rows
    }

    /// The count of one kind.
    #[must_use]
    pub fn of(&self, kind: NearMissKind) -> Tally {
        self.rows.iter().find(|(k, _)| *k == kind).map_or_else(Tally::default, |(_, tally)| *tally)
    }

    /// Puts a count in place of a kind's.
    pub fn set(&mut self, kind: NearMissKind, tally: Tally) {
        if let Some((_, own)) = self.rows.iter_mut().find(|(k, _)| *k == kind) {
            *own = tally;
        }
    }

    /// Counts one pair: right when `positive` is strictly larger.
    pub fn add(&mut self, kind: NearMissKind, positive: f32, negative: f32) {
        if let Some((_, tally)) = self.rows.iter_mut().find(|(k, _)| *k == kind) {
            tally.add(positive > negative);
        }
    }

    /// Mean over the kinds that have pairs of their accuracies, 0..1.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let seen: Vec<f64> = self.rows.iter().filter(|(_, t)| t.total > 0).map(|(_, t)| t.accuracy()).collect();
        seen.iter().sum::<f64>() / seen.len() as f64
    }

    /// As JSON: accuracies and intervals in percent.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|(kind, tally)| {
            let (low, high) = tally.interval();
            serde_json::json!({
                "kind": kind.name(), "title": kind.title(), "correct": tally.correct, "total": tally.total,
                "accuracy": 100.0 * tally.accuracy(), "low": 100.0 * low, "high": 100.0 * high,
            })
        });
        serde_json::json!({ "kinds": rows.collect::<Vec<_>>(), "mean": 100.0 * self.mean() })
    }
}

/// As a Markdown table, in percent.
impl fmt::Display for KindTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| near miss | accuracy % | 95 % interval | pairs |\n|---|---:|---:|---:|")?;
        for (kind, tally) in &self.rows {
            let (low, high) = tally.interval();
            let [accuracy, low, high] = [tally.accuracy(), low, high].map(|share| 100.0 * share);
            writeln!(f, "| {} | {accuracy:.1} | {low:.1} – {high:.1} | {} |", kind.title(), tally.total)?;
        }
        write!(f, "| mean of the kinds | {:.1} | | |", 100.0 * self.mean())
    }
}

/// A model to be tested on the generated world.
#[derive(Clone, Copy)]
pub struct WorldEvaluation<'a> {
    /// The model, without gradients.
    pub model: &'a VideoTextModel,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// How frames become its input.
    pub preprocess: &'a PreprocessConfig,
    /// Where it computes.
    pub device: &'a Device,
    /// Level of the world whose splits are meant.
    pub level: Level,
}

impl WorldEvaluation<'_> {
    /// Tests the model on every near miss of clips `clips` of a split. Emits [`Event::Progress`] of stage `test` in clips.
    ///
    /// # Errors
    /// [`Error::Aborted`](crate::Error::Aborted); [`Error::Compute`](crate::Error::Compute) when the device fails; those of the model and the tokenizer.
    pub async fn near_misses(
        &self,
        split: Split,
        clips: Range<u64>,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<KindTable> {
        let mut table = KindTable::default();
        let total = clips.end.saturating_sub(clips.start);
        for batch in batches(&clips) {
            abort.check()?;
            let end = batch.end;
            let drawn = self.draw(split, batch, |drawn| (drawn.pixels, drawn.clip.near_misses()))?;
            let (pixels, misses): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
            let videos = self.encode(pixels.iter(), &VideoOptions::default())?.embed;
            for answer in self.answers(videos, &misses).await? {
                table.add(answer.kind, answer.positive, answer.negative);
            }
            events.emit(Event::Progress { stage: "test", done: end - clips.start, total });
            yield_now().await;
        }
        Ok(table)
    }

    /// Scores the near misses of each clip: `videos` `[clips, dim]`.
    pub(super) async fn answers(&self, videos: Tensor<2>, misses: &[Vec<NearMiss>]) -> Result<Vec<Answer>> {
        let pairs = || misses.iter().enumerate().flat_map(|(clip, pairs)| pairs.iter().map(move |pair| (clip, pair)));
        let captions: Vec<&String> = pairs().flat_map(|(_, pair)| [&pair.positive, &pair.negative]).collect();
        if captions.is_empty() {
            return Ok(Vec::new());
        }
        let cosines = read(cosines(videos, self.embed_captions(&captions)?)).await?;
        let answer = |(at, (clip, pair)): (usize, (usize, &NearMiss))| {
            let row = &cosines[clip * captions.len()..(clip + 1) * captions.len()];
            Answer { clip, kind: pair.kind, positive: row[2 * at], negative: row[2 * at + 1] }
        };
        Ok(pairs().enumerate().map(answer).collect())
    }
}

/// Cosines of one near miss.
pub struct Answer {
    /// Which of the clips.
    pub clip: usize,
    /// What is wrong in the negative.
    pub kind: NearMissKind,
    /// Cosine of the true caption.
    pub positive: f32,
    /// Cosine of the false one.
    pub negative: f32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Silent;
    use crate::platform::block_on;
    use crate::train::{TrainConfig, Trainer};

    #[test]
    fn a_tie_is_wrong_and_kinds_without_pairs_have_no_part_in_the_mean() {
        let mut table = KindTable::default();
        for (positive, negative) in [(0.5, 0.25), (0.5, 0.5), (f32::NAN, 0.5), (0.1, 0.2)] {
            table.add(NearMissKind::Chronology, positive, negative);
        }
        table.add(NearMissKind::AgentBinding, 1.0, 0.0);
        assert_eq!(table.of(NearMissKind::Chronology), Tally { correct: 1, total: 4 });
        assert!((table.mean() - 0.625).abs() < 1e-12);
        assert!(table.to_string().contains("| chronology | 25.0 |"), "{table}");
    }

    /// The same numbers clip by clip and pair by pair, without batches.
    #[test]
    fn batches_change_nothing() {
        let config = TrainConfig {
            image_size: 32,
            frames: 2,
            vision_width: 16,
            vision_layers: 1,
            text_width: 16,
            text_layers: 1,
            embed_dim: 8,
            batch: 2,
            ..TrainConfig::default()
        };
        let device = Device::flex();
        let trainer = Trainer::new(config, None, &device).unwrap();
        let (model, tokenizer, preprocess) = (trainer.model().unwrap(), trainer.tokenizer(), trainer.preprocess());
        let evaluation = WorldEvaluation { model: &model, tokenizer, preprocess, device: &device, level: Level::Crowd };
        let run = |clips| block_on(evaluation.near_misses(Split::Test, clips, &mut Silent, &Abort::default())).unwrap();
        let mut expected = KindTable::default();
        let mut pairs = 0;
        for index in 3..25 {
            let one = run(index..index + 1);
            for (kind, tally) in one.rows() {
                let (_, sum) = expected.rows.iter_mut().find(|(k, _)| k == kind).unwrap();
                sum.correct += tally.correct;
                sum.total += tally.total;
                pairs += tally.total;
            }
        }
        assert!(pairs > 60);
        assert_eq!(run(3..25), expected);
    }
}
