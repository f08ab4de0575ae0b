//! What a step is computed of, as numbers: pixels, token ids, and which text belongs to what.

use crate::data::SampleTexts;
use crate::error::{Error, Result};
use crate::loss::objective::NEGATIVE_KINDS;
use crate::loss::{ObjectiveConfig, RoundRows, SceneRows, TripletTarget};
use crate::text::{TokenIds, Tokenizer};
use crate::train::Batch;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::collections::BTreeMap;
use std::ops::Range;

/// One step's inputs on the host.
#[derive(Debug, Clone)]
pub struct StepInputs {
    /// `[clips, frames, 3, side, side]`: clips of pairs first, then annotated ones.
    pub pixels: Vec<f32>,
    /// Shape of one clip.
    pub clip_shape: [usize; 4],
    /// Patches that the video encoder sees, `[clips, kept]`; `None` for all.
    pub keep: Option<Vec<i32>>,
    /// Every text of the step, once.
    pub texts: TokenIds,
    /// Captions of the pairs.
    pub rounds: Vec<RoundRows>,
    /// Texts and targets of the annotated clips.
    pub scenes: Option<SceneRows>,
}

impl StepInputs {
    /// A batch in numbers, with the texts that `objective` reads; `side` is that of the square frames.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`]; [`Error::InvalidInput`] for a batch without texts.
    pub fn of(
        batch: &Batch,
        [frames, side]: [usize; 2],
        objective: &ObjectiveConfig,
        tokenizer: &Tokenizer,
    ) -> Result<Self> {
        let mut table = TextTable::default();
        let rounds = batch.rounds.iter().map(|round| RoundRows {
            positives: round.positives.iter().map(|text| table.row(text)).collect(),
            negatives: round.negatives.iter().map(|text| table.row(text)).collect(),
        });
        let rounds = rounds.collect();
        let scenes = (!batch.scenes.is_empty()).then(|| scene_rows(batch, objective, &mut table));
        if table.texts.is_empty() {
            let reason = "it has no caption".to_owned();
            return Err(Error::InvalidInput { what: "training batch".to_owned(), reason });
        }
        Ok(Self {
            pixels: batch.pixels.clone(),
            clip_shape: [frames, 3, side, side],
            keep: batch.keep.clone(),
            texts: tokenizer.encode(&table.texts)?,
            rounds,
            scenes,
        })
    }

    /// Clips, annotated ones included.
    #[must_use]
    pub fn clips(&self) -> usize {
        self.pixels.len() / self.clip_shape.iter().product::<usize>().max(1)
    }

    /// Pixels of some clips, `[clips, frames, 3, side, side]`.
    #[must_use]
    pub fn pixels(&self, clips: &Range<usize>, device: &Device) -> Tensor<5> {
        let [frames, channels, height, width] = self.clip_shape;
        let count: usize = self.clip_shape.iter().product();
        let numbers = self.pixels[clips.start * count..clips.end * count].to_vec();
        Tensor::from_data(TensorData::new(numbers, [clips.len(), frames, channels, height, width]), device)
    }

    /// Patches that the encoder sees of some clips, `[clips, kept]`.
    #[must_use]
    pub fn keep(&self, clips: &Range<usize>, device: &Device) -> Option<Tensor<2, Int>> {
        let keep = self.keep.as_ref()?;
        let kept = keep.len() / self.clips().max(1);
        let numbers = keep[clips.start * kept..clips.end * kept].to_vec();
        Some(Tensor::from_data(TensorData::new(numbers, [clips.len(), kept]), device))
    }
}

fn scene_rows(batch: &Batch, objective: &ObjectiveConfig, table: &mut TextTable) -> SceneRows {
    let (entities, predicates) = crate::data::unique_labels(&batch.scenes);
    let place = |labels: &[String]| -> BTreeMap<String, usize> {
        labels.iter().enumerate().map(|(at, label)| (label.clone(), at)).collect()
    };
    let (entity, predicate) = (place(&entities), place(&predicates));
    let mut rows = SceneRows { videos: batch.scenes.len(), ..SceneRows::default() };
    for sample in &batch.scenes {
        if objective.text_branch {
            add_texts(&sample.texts, &mut rows, table);
        }
        for frame in &sample.targets {
            let target = |target: &crate::data::SampleTarget| {
                Some(TripletTarget {
                    subject: *entity.get(&target.subject)?,
                    predicate: *predicate.get(&target.predicate)?,
                    object: *entity.get(&target.object)?,
                    subject_box: target.subject_box,
                    object_box: target.object_box,
                })
            };
            rows.targets.push(frame.iter().filter_map(target).collect());
        }
    }
    if objective.visual_branch || objective.region_weight > 0.0 {
        rows.entities = entities.iter().map(|label| table.row(label)).collect();
    }
    if objective.visual_branch {
        rows.predicates = predicates.iter().map(|label| table.row(label)).collect();
    }
    rows
}

/// What the text branch reads of an annotated clip.
fn add_texts(texts: &SampleTexts, rows: &mut SceneRows, table: &mut TextTable) {
    rows.positives.push(table.row(&texts.positive));
    let negatives: [&Option<String>; NEGATIVE_KINDS] = [&texts.attribute, &texts.predicate, &texts.active_passive];
    rows.negatives.push(negatives.map(|text| text.as_ref().map(|text| table.row(text))));
    for (order, negative) in texts.orders() {
        rows.temporal.push(table.row(order));
        rows.temporal_negatives.push(negative.map(|text| table.row(text)));
    }
}

/// Texts, each once, by the row that they get.
#[derive(Default)]
struct TextTable {
    texts: Vec<String>,
    rows: BTreeMap<String, i32>,
}

impl TextTable {
    fn row(&mut self, text: &str) -> i32 {
        if let Some(row) = self.rows.get(text) {
            return *row;
        }
        let row = self.texts.len() as i32;
        self.texts.push(text.to_owned());
        self.rows.insert(text.to_owned(), row);
        row
    }
}
