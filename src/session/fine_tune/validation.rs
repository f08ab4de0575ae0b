//! How held-out samples fare: each caption against its near misses, each graph in words against its negatives.

use super::samples::{FineTuneSample, Lesson};
use crate::config::PreprocessConfig;
use crate::data::GraphSample;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::model::{VideoOptions, VideoTextModel, cosines};
use crate::platform::yield_now;
use crate::text::Tokenizer;
use crate::video::Frames;
use crate::video::preprocess::normalise;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Results over all comparisons of a right text with a wrong one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Share that comes out right (a tie is wrong); none without comparisons.
    pub accuracy: Option<f64>,
    /// Mean of the right one's cosine less the wrong one's.
    pub margin: Option<f64>,
    /// Comparisons.
    pub comparisons: usize,
}

impl Validation {
    /// Whether it is better: more comparisons come out right, or as many by a larger margin. Without comparisons the later
    /// one is as good as any.
    #[must_use]
    pub fn beats(&self, other: &Self) -> bool {
        let key = |validation: &Self| (validation.accuracy.unwrap_or(0.0), validation.margin.unwrap_or(f64::MIN));
        self.comparisons == 0 || key(self) > key(other)
    }
}

/// A model and what turns samples into its input.
pub struct Tested<'a> {
    pub model: &'a VideoTextModel,
    pub tokenizer: &'a Tokenizer,
    pub preprocess: &'a PreprocessConfig,
    pub device: &'a Device,
}

impl Tested<'_> {
    /// Tests the samples one by one.
    ///
    /// # Errors
    /// [`Error::Aborted`]; those of the model and the tokenizer; [`Error::Compute`] where the device fails.
    pub async fn validate(&self, samples: &[FineTuneSample], abort: &Abort) -> Result<Validation> {
        let (mut right, mut comparisons, mut sum) = (0usize, 0usize, 0.0);
        for sample in samples {
            abort.check()?;
            let video = self.model.encode_video(self.pixels(sample), &VideoOptions::default())?.embed;
            for (truth, wrong) in comparisons_of(&sample.lesson) {
                let texts: Vec<&String> = std::iter::once(truth).chain(wrong).collect();
                let cosines = self.cosines(video.clone(), &texts).await?;
                for wrong in &cosines[1..] {
                    right += usize::from(cosines[0] > *wrong);
                    sum += f64::from(cosines[0] - wrong);
                    comparisons += 1;
                }
            }
            yield_now().await;
        }
        let share = |sum: f64| (comparisons > 0).then(|| sum / comparisons as f64);
        Ok(Validation { accuracy: share(right as f64), margin: share(sum), comparisons })
    }

    fn pixels(&self, sample: &FineTuneSample) -> Tensor<5> {
        let side = self.preprocess.image_size;
        let frames = Frames { width: side, height: side, data: sample.sight(0) };
        let shape = [1, frames.count(), 3, side, side];
        let pixels = normalise(&frames, self.preprocess.mean, self.preprocess.std);
        Tensor::from_data(TensorData::new(pixels, shape), self.device)
    }

    async fn cosines(&self, video: Tensor<2>, texts: &[&String]) -> Result<Vec<f32>> {
        let ids = self.tokenizer.encode(texts)?;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.ids, [ids.rows, ids.context]), self.device);
        let read = cosines(video, self.model.encode_text(ids)?).into_data_async().await;
        let read = read.map_err(|error| Error::Compute { reason: error.to_string() })?;
        Ok(read.iter::<f32>().collect())
    }
}

/// A right text with its wrong ones.
type Comparison<'a> = (&'a String, Vec<&'a String>);

fn comparisons_of(lesson: &Lesson) -> Vec<Comparison<'_>> {
    let comparisons: Vec<Comparison<'_>> = match lesson {
        Lesson::Caption { caption, near_misses } => vec![(caption, near_misses.iter().collect())],
        Lesson::Graph(draws) => draws.first().map_or_else(Vec::new, of_graph),
    };
    comparisons.into_iter().filter(|(_, wrong)| !wrong.is_empty()).collect()
}

fn of_graph(sample: &GraphSample) -> Vec<Comparison<'_>> {
    let texts = &sample.texts;
    let wrong = [&texts.attribute, &texts.predicate, &texts.active_passive];
    vec![
        (&texts.positive, wrong.into_iter().flatten().collect()),
        (&texts.temporal, texts.temporal_negative.iter().collect()),
    ]
}
