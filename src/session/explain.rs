//! What a model with scene-graph tokens says it sees in a clip.

use super::{ClipOptions, Session};
use crate::config::{PreprocessConfig, ResizeRule};
use crate::error::{Error, Result};
use crate::eval::{Choice, LayerShares, SceneLabels, SceneReader, TokenTriplet};
use crate::model::VideoOptions;
use crate::video::{FrameSource, Frames, VideoInfo, sampling};
use serde::{Deserialize, Serialize};

/// The predicted scene graph of a clip, and where the video embedding comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Width of the clip's frames in pixels.
    pub width: usize,
    /// Height of the clip's frames in pixels.
    pub height: usize,
    /// The frames that the model saw, in order.
    pub frames: Vec<ExplainedFrame>,
    /// How CLS divides its attention, the first layer first.
    pub attention: Vec<LayerShares>,
}

/// One frame and what its SG tokens stand for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedFrame {
    /// Index in the clip; a short clip repeats its last frame.
    pub frame: usize,
    /// When it is shown, in seconds, where the clip has a clock.
    pub seconds: Option<f64>,
    /// One triplet an SG token, the highest score first.
    pub triplets: Vec<ExplainedTriplet>,
}

/// One SG token in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedTriplet {
    /// Which of the frame's SG tokens.
    pub token: usize,
    /// Product of the three labels' probabilities.
    pub score: f32,
    /// Who.
    pub subject: ExplainedEntity,
    /// Does what.
    pub predicate: ExplainedLabel,
    /// To whom.
    pub object: ExplainedEntity,
}

/// A label and how sure the model is of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedLabel {
    /// The likeliest of the labels asked for.
    pub label: String,
    /// Its probability among all labels and "none".
    pub probability: f32,
    /// Probability that it is none.
    pub none: f32,
}

/// Who is meant, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedEntity {
    /// What it is.
    #[serde(flatten)]
    pub label: ExplainedLabel,
    /// `[4]`: centre x, centre y, width, height, in parts of the frame's size.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
}

impl Session {
    /// Reads the triplets that the SG tokens of a clip stand for, out of the labels given (open vocabulary: any words), with
    /// boxes, scores, and the shares of CLS's attention.
    ///
    /// # Errors
    /// [`Error::NoSceneTokens`] for a model without; what is wrong with the clip or the labels' words; device errors.
    pub async fn explain(
        &self,
        source: &mut dyn FrameSource,
        labels: &SceneLabels,
        options: &ClipOptions,
    ) -> Result<Explanation> {
        let config = options.apply(&self.preprocess)?;
        let info = source.info();
        let indices = sampling::frame_indices(config.sampling, &info, config.frames, options.seed)?;
        let frames = source.read(&indices)?;
        self.explain_frames(&frames, &config, &info, &indices, Some(labels)).await
    }

    /// As [`Self::explain`] of frames that are already the ones to use: those at `indices` of a clip of which `info` tells.
    /// Without labels it tells the attention alone, which every ViCLIP can.
    ///
    /// # Errors
    /// As [`Self::explain`].
    pub async fn explain_frames(
        &self,
        frames: &Frames,
        config: &PreprocessConfig,
        info: &VideoInfo,
        indices: &[usize],
        labels: Option<&SceneLabels>,
    ) -> Result<Explanation> {
        let reader = |labels| SceneReader::new(&self.model, self.tokenizer()?, labels, self.device.device());
        let reader = labels.map(reader).transpose()?;
        let (triplets, attention) = self.read_scene(frames, config, reader.as_ref()).await?;
        let tokens = triplets.len() / indices.len().max(1);
        let explained = indices.iter().enumerate().map(|(at, frame)| ExplainedFrame {
            frame: *frame,
            seconds: info.fps.map(|fps| *frame as f64 / fps),
            triplets: by_score(&triplets[at * tokens..(at + 1) * tokens], |bounds| {
                on_frame(bounds, config.resize, (info.width, info.height))
            }),
        });
        Ok(Explanation { width: info.width, height: info.height, frames: explained.collect(), attention })
    }

    /// The triplets `[frames, S]`, none without a reader, and the shares of each layer.
    async fn read_scene<'a>(
        &self,
        frames: &Frames,
        config: &PreprocessConfig,
        reader: Option<&SceneReader<'a>>,
    ) -> Result<(Vec<TokenTriplet<'a>>, Vec<LayerShares>)> {
        let wanted = VideoOptions { attention: true, ..VideoOptions::default() };
        let encoding = self.forward_frames(frames, config, &wanted)?;
        let without = || Error::NoSceneTokens { model_type: self.config().model_type.to_string() };
        let shares = encoding.attention.ok_or_else(without)?;
        let triplets = match reader {
            Some(reader) => {
                let z_bar = encoding.scene.ok_or_else(without)?;
                reader.triplets(&self.read(reader.numbers(z_bar), "scene heads").await?)
            }
            None => Vec::new(),
        };
        let shares = self.read(LayerShares::numbers(&shares), "attention shares").await?;
        Ok((triplets, LayerShares::from_numbers(&shares)))
    }
}

/// The highest score first; boxes as `place` puts them.
fn by_score(triplets: &[TokenTriplet<'_>], place: impl Fn([f32; 4]) -> [f32; 4]) -> Vec<ExplainedTriplet> {
    let mut explained: Vec<ExplainedTriplet> = triplets
        .iter()
        .enumerate()
        .map(|(token, triplet)| ExplainedTriplet {
            token,
            score: triplet.score(),
            subject: ExplainedEntity { label: triplet.subject.into(), bounds: place(triplet.subject_box) },
            predicate: triplet.predicate.into(),
            object: ExplainedEntity { label: triplet.object.into(), bounds: place(triplet.object_box) },
        })
        .collect();
    explained.sort_by(|a, b| b.score.total_cmp(&a.score));
    explained
}

/// A box in parts of what the model sees, in parts of the whole frame `(width, height)`: a rule that crops shows the model
/// the square in the middle alone.
fn on_frame([x, y, w, h]: [f32; 4], rule: ResizeRule, (width, height): (usize, usize)) -> [f32; 4] {
    if rule != ResizeRule::PillowBicubicCrop {
        return [x, y, w, h];
    }
    let side = width.min(height) as f32;
    let (wide, high) = (side / width as f32, side / height as f32);
    [0.5 + (x - 0.5) * wide, 0.5 + (y - 0.5) * high, w * wide, h * high]
}

impl From<Choice<'_>> for ExplainedLabel {
    fn from(choice: Choice<'_>) -> Self {
        Self { label: choice.label.to_owned(), probability: choice.probability, none: choice.none }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_a_crop_are_put_back_on_the_frame() {
        let whole = [0.5, 0.5, 1.0, 1.0];
        assert_eq!(on_frame(whole, ResizeRule::TorchBicubic, (400, 100)), whole);
        // The middle quarter of a frame four times as wide as high.
        assert_eq!(on_frame(whole, ResizeRule::PillowBicubicCrop, (400, 100)), [0.5, 0.5, 0.25, 1.0]);
        let corner = on_frame([0.25, 0.75, 0.5, 0.5], ResizeRule::PillowBicubicCrop, (100, 200));
        assert_eq!(corner, [0.25, 0.625, 0.5, 0.25]);
    }

    #[test]
    fn triplets_are_ranked_and_survive_json() {
        let choice = |label, probability| Choice { label, probability, none: 0.25 };
        let triplet = |probability| TokenTriplet {
            subject: choice("fox", probability),
            predicate: choice("push", 0.5),
            object: choice("ball", 0.5),
            subject_box: [0.25, 0.5, 0.5, 0.25],
            object_box: [0.75, 0.5, 0.125, 0.25],
        };
        let triplets = by_score(&[triplet(0.25), triplet(0.75)], |bounds| bounds);
        assert_eq!(triplets.iter().map(|t| (t.token, t.score)).collect::<Vec<_>>(), [(1, 0.1875), (0, 0.0625)]);
        let frames = vec![ExplainedFrame { frame: 3, seconds: None, triplets }];
        let attention = vec![LayerShares { cls: 0.125, scene: 0.25, patch: 0.625 }];
        let explanation = Explanation { width: 64, height: 48, frames, attention };
        let json = serde_json::to_value(&explanation).unwrap();
        let subject = serde_json::json!({
            "label": "fox", "probability": 0.75, "none": 0.25, "box": [0.25, 0.5, 0.5, 0.25],
        });
        assert_eq!(json["frames"][0]["triplets"][0]["subject"], subject);
        assert_eq!(serde_json::from_value::<Explanation>(json).unwrap(), explanation);
    }
}
