//! From the outputs at the scene-graph tokens to triplets in words (SGCR-Vid section 4.2; models.md 5.3).

use super::SceneLabels;
use crate::error::{Error, Result};
use crate::model::scene_tokens::SceneTokens;
use crate::model::{VideoTextModel, unit};
use crate::text::Tokenizer;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Labels embedded in one go.
const LABELS_AT_ONCE: usize = 64;

/// A label and how sure the model is of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice<'a> {
    /// The likeliest label.
    pub label: &'a str,
    /// Its probability among all labels and "none".
    pub probability: f32,
    /// Probability of "none": that the token stands for nothing.
    pub none: f32,
}

/// What one SG token stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenTriplet<'a> {
    /// Who.
    pub subject: Choice<'a>,
    /// Does what.
    pub predicate: Choice<'a>,
    /// To whom.
    pub object: Choice<'a>,
    /// `[4]`: centre x, centre y, width, height, in parts of the frame's size.
    pub subject_box: [f32; 4],
    /// As `subject_box`.
    pub object_box: [f32; 4],
}

impl TokenTriplet<'_> {
    /// Product of the three labels' probabilities: triplets are ranked by it.
    #[must_use]
    pub fn score(&self) -> f32 {
        self.subject.probability * self.predicate.probability * self.object.probability
    }
}

/// Reads SG tokens with one set of labels, embedded once.
pub struct SceneReader<'a> {
    scene: &'a SceneTokens,
    labels: &'a SceneLabels,
    /// `[entities, embed_dim]`, normalised.
    entities: Tensor<2>,
    /// `[predicates, embed_dim]`, normalised.
    predicates: Tensor<2>,
    temperature: Tensor<1>,
}

impl<'a> SceneReader<'a> {
    /// Embeds the labels by the model's text encoder, each in its own words and nothing around them.
    ///
    /// # Errors
    /// [`Error::NoSceneTokens`] for a model without; those of the tokenizer and the text encoder.
    pub fn new(
        model: &'a VideoTextModel,
        tokenizer: &Tokenizer,
        labels: &'a SceneLabels,
        device: &Device,
    ) -> Result<Self> {
        let missing = || Error::NoSceneTokens { model_type: model.config().model_type.to_string() };
        let scene = model.scene_tokens().ok_or_else(missing)?;
        let embed = |words: Vec<String>| embed_words(model, tokenizer, &words, device);
        Ok(Self {
            scene,
            labels,
            entities: embed(labels.words(labels.entities()))?,
            predicates: embed(labels.words(labels.predicates()))?,
            temperature: model.temperature(),
        })
    }

    /// The heads' outputs for `z_bar` `[batch, frames, S, width]` as one tensor to read from the device, for
    /// [`Self::triplets`]: `[batch * frames * S, columns]`.
    #[must_use]
    pub fn numbers(&self, z_bar: Tensor<4>) -> Tensor<2> {
        let [batch, frames, tokens, _] = z_bar.dims();
        let (entities, predicates) = (self.entities.clone(), self.predicates.clone());
        let heads = self.scene.heads(z_bar, entities, predicates, self.temperature.clone());
        let parts = vec![heads.logit_s, heads.logit_p, heads.logit_o, heads.box_s, heads.box_o];
        let all = Tensor::cat(parts, 3);
        let columns = all.dims()[3];
        all.reshape([batch * frames * tokens, columns])
    }

    /// The triplets behind [`Self::numbers`], token by token: `[batch, frames, S]` in one list.
    #[must_use]
    pub fn triplets(&self, numbers: &[f32]) -> Vec<TokenTriplet<'a>> {
        let (entities, predicates) = (self.labels.entities(), self.labels.predicates());
        let (entity, predicate) = (entities.len() + 1, predicates.len() + 1);
        let read = |row: &[f32]| {
            let (subject, row) = row.split_at(entity);
            let (action, row) = row.split_at(predicate);
            let (object, boxes) = row.split_at(entity);
            TokenTriplet {
                subject: choose(entities, subject),
                predicate: choose(predicates, action),
                object: choose(entities, object),
                subject_box: [boxes[0], boxes[1], boxes[2], boxes[3]],
                object_box: [boxes[4], boxes[5], boxes[6], boxes[7]],
            }
        };
        numbers.chunks_exact(2 * entity + predicate + 8).map(read).collect()
    }
}

/// `[words, embed_dim]`, normalised.
fn embed_words(model: &VideoTextModel, tokenizer: &Tokenizer, words: &[String], device: &Device) -> Result<Tensor<2>> {
    let mut parts = Vec::new();
    for some in words.chunks(LABELS_AT_ONCE) {
        let ids = tokenizer.encode(some)?;
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.ids, [ids.rows, ids.context]), device);
        parts.push(model.encode_text(ids)?);
    }
    Ok(unit(Tensor::cat(parts, 0)))
}

/// The likeliest of the labels (the first of equals) by softmax over their logits and the last one, "none".
fn choose<'a>(labels: &'a [String], logits: &[f32]) -> Choice<'a> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|logit| f64::from(logit - top).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut best = 0;
    for at in 0..labels.len() {
        if weights[at] > weights[best] {
            best = at;
        }
    }
    let probability = |at: usize| (weights[at] / sum) as f32;
    Choice { label: &labels[best], probability: probability(best), none: probability(labels.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_a_softmax_with_none_as_its_last_class() {
        let labels = ["dog", "cat"].map(str::to_owned);
        // Weights 1, 3 and 4 of 8.
        let choice = choose(&labels, &[0.0, 3f32.ln(), 4f32.ln()]);
        assert_eq!(choice.label, "cat");
        assert!((choice.probability - 0.375).abs() < 1e-6 && (choice.none - 0.5).abs() < 1e-6, "{choice:?}");
        // Equal logits: the first; and large ones do not overflow.
        assert_eq!(choose(&labels, &[900.0, 900.0, -900.0]), Choice { label: "dog", probability: 0.5, none: 0.0 });
    }
}
