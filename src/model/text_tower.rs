//! The text encoder that ViCLIP and CLIP share (models.md 1.4); they differ only in where its parameters hang.

use crate::error::{Error, Result};
use crate::nn::{FULLY_MASKED, LayerNorm, TokenEmbedding, Transformer};
use burn::module::Param;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// The parts of a text encoder, borrowed from the model that owns them.
#[derive(Debug, Clone, Copy)]
pub struct TextTower<'a> {
    /// `[vocabulary, width]`.
    pub token_embedding: &'a TokenEmbedding,
    /// `[positions, width]`.
    pub positional_embedding: &'a Param<Tensor<2>>,
    /// Causal blocks.
    pub transformer: &'a Transformer,
    /// After the last block.
    pub ln_final: &'a LayerNorm,
    /// `[width, embed_dim]`, multiplied from the right.
    pub text_projection: &'a Param<Tensor<2>>,
}

impl TextTower<'_> {
    /// `ids` `[batch, positions]` to `[batch, embed_dim]`, not normalised.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn encode(&self, ids: Tensor<2, Int>) -> Result<Tensor<2>> {
        let x = self.embed(ids.clone())?;
        let mask = causal_mask(x.dims()[1], &x.device());
        Ok(self.finish(self.transformer.forward(x, Some(mask)), ids))
    }

    /// Token and position vectors, `[batch, positions, width]`: the first block's input.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn embed(&self, ids: Tensor<2, Int>) -> Result<Tensor<3>> {
        let [batch, positions] = ids.dims();
        let table = self.positional_embedding.val();
        let known = table.dims()[0];
        if positions == 0 || positions > known || batch == 0 {
            let (expected, got) = (vec![batch.max(1), known], vec![batch, positions]);
            return Err(Error::ShapeMismatch { name: "token ids".to_owned(), expected, got });
        }
        Ok(self.token_embedding.forward(ids) + table.narrow(0, 0, positions).unsqueeze::<3>())
    }

    /// The last block's output `[batch, positions, width]` to `[batch, embed_dim]`, taken at the first position of the
    /// largest id (end of text).
    #[must_use]
    pub fn finish(&self, x: Tensor<3>, ids: Tensor<2, Int>) -> Tensor<2> {
        let [batch, positions, width] = x.dims();
        let end = end_of_text(ids);
        // Of the same integer type: devices and callers differ in theirs.
        let rows = Tensor::<1, Int>::arange(0..batch as i64, (&end.device(), end.dtype())) * positions as i64;
        let end = x.reshape([batch * positions, width]).select(0, rows + end);
        self.ln_final.forward(end).matmul(self.text_projection.val())
    }
}

/// Position of each row's first largest id, `[batch]`.
fn end_of_text(ids: Tensor<2, Int>) -> Tensor<1, Int> {
    let [batch, positions] = ids.dims();
    // Which of several equal maxima argmax returns differs between devices: make them unequal, earlier ones larger.
    let last = positions as i64 - 1;
    let earlier = (Tensor::<1, Int>::arange(0..positions as i64, (&ids.device(), ids.dtype())) - last).neg();
    (ids * positions as i64 + earlier.unsqueeze::<2>()).argmax(1).reshape([batch])
}

/// `[1, 1, positions, positions]`, to be added to scores: no position sees a later one.
#[must_use]
pub fn causal_mask(positions: usize, device: &Device) -> Tensor<4> {
    let row = |query: usize| (0..positions).map(move |key| if key > query { FULLY_MASKED } else { 0.0 });
    let values: Vec<f32> = (0..positions).flat_map(row).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, positions, positions]), device)
}
