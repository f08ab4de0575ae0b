//! A step's texts, embedded in groups of like length without the columns that are padding in a whole group: an encoder is
//! causal and reads each row at its end token, or hides padding, so what is cut off changes nothing.

use crate::error::Result;
use crate::model::VideoTextModel;
use crate::text::TokenIds;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Groups of like length that a step's texts are embedded in.
const LENGTH_GROUPS: usize = 4;

/// Texts in groups.
#[derive(Debug)]
pub struct TextRows {
    groups: Vec<Group>,
    /// Where each text is among the groups' rows.
    place: Vec<i32>,
}

#[derive(Debug)]
struct Group {
    /// `[rows, longest]`.
    ids: TensorData,
    /// Which texts these are.
    rows: Vec<i32>,
}

impl TextRows {
    /// Groups of at most `most` rows.
    #[must_use]
    pub fn new(ids: &TokenIds, most: usize) -> Self {
        let rows: Vec<&[i32]> = ids.ids.chunks(ids.context.max(1)).collect();
        let length = |row: usize| rows[row].iter().rposition(|id| *id != 0).map_or(1, |at| at + 1);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|row| (length(*row), *row));
        let size = rows.len().div_ceil(LENGTH_GROUPS).clamp(1, most.max(1));
        let group = |group: &[usize]| {
            let longest = group.last().map_or(ids.context, |row| length(*row));
            let kept: Vec<i32> = group.iter().flat_map(|row| &rows[*row][..longest]).copied().collect();
            Group {
                ids: TensorData::new(kept, [group.len(), longest]),
                rows: group.iter().map(|row| *row as i32).collect(),
            }
        };
        let groups = order.chunks(size).map(group).collect();
        let mut place = vec![0; rows.len()];
        order.iter().enumerate().for_each(|(at, row)| place[*row] = at as i32);
        Self { groups, place }
    }

    /// How many groups.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Embeds one group, `[rows, dim]`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) when texts are longer than the model's context.
    pub fn encode_group(&self, group: usize, model: &VideoTextModel, device: &Device) -> Result<Tensor<2>> {
        model.encode_text(Tensor::<2, Int>::from_data(self.groups[group].ids.clone(), device))
    }

    /// The rows of one group among those of all texts, `[texts, dim]` to `[rows, dim]`.
    #[must_use]
    pub fn of_group(&self, group: usize, texts: Tensor<2>) -> Tensor<2> {
        let rows = &self.groups[group].rows;
        let index = TensorData::new(rows.clone(), [rows.len()]);
        let device = texts.device();
        texts.select(0, Tensor::<1, Int>::from_data(index, &device))
    }

    /// All texts in their own order, `[texts, dim]`, from the embeddings of every group.
    #[must_use]
    pub fn join(&self, groups: Vec<Tensor<2>>) -> Tensor<2> {
        let all = Tensor::cat(groups, 0);
        let place = TensorData::new(self.place.clone(), [self.place.len()]);
        let device = all.device();
        all.select(0, Tensor::<1, Int>::from_data(place, &device))
    }

    /// Embeds every text, `[texts, dim]`.
    ///
    /// # Errors
    /// Those of [`TextRows::encode_group`].
    pub fn encode(&self, model: &VideoTextModel, device: &Device) -> Result<Tensor<2>> {
        let groups = (0..self.groups()).map(|group| self.encode_group(group, model, device));
        Ok(self.join(groups.collect::<Result<_>>()?))
    }
}
