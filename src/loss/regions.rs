//! Contrast of regions with phrases (RegionCLIP, Zhong et al. 2022, section 3; GLIP): a patch in the middle of an
//! object is told what is there.
//!
//! Why: an encoder that sees whole clips and their captions alone learns colours and places long before kinds, because
//! these already tell clips apart; SGCR-Vid's branches presuppose one that knows kinds, as those of the paper do. It is no
//! part of the paper's objective and is off by default; the preset `world` uses it.

use crate::error::{Error, Result};
use crate::loss::scene::FrameTargets;
use crate::loss::similarity_logits;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use std::collections::BTreeMap;

/// A patch with an object's centre in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// The frame, counted over all clips.
    pub frame: usize,
    /// The patch, row by row.
    pub patch: usize,
    /// Row of the object's class among the label embeddings.
    pub class: usize,
}

/// The regions of every frame's targets, for `side` patches along each side of a frame. A patch that centres of different
/// classes share is left out: one of them hides the other.
#[must_use]
pub fn regions(targets: &FrameTargets, side: usize) -> Vec<Region> {
    let mut found = BTreeMap::new();
    for (frame, targets) in targets.iter().enumerate() {
        for target in targets {
            for (class, [x, y, ..]) in [(target.subject, target.subject_box), (target.object, target.object_box)] {
                let place = |at: f32| ((at.clamp(0.0, 1.0) * side as f32) as usize).min(side.saturating_sub(1));
                let patch = place(y) * side + place(x);
                let entry = found.entry((frame, patch)).or_insert(Some(class));
                *entry = entry.filter(|known| *known == class);
            }
        }
    }
    let single =
        |((frame, patch), class): ((usize, usize), Option<usize>)| Some(Region { frame, patch, class: class? });
    found.into_iter().filter_map(single).collect()
}

/// Mean over the regions of the cross-entropy of their phrase among `labels`, `[1]`; 0 without regions.
///
/// `patches` `[videos, frames, patches, width]`, the encoder's outputs; `projection` `[width, dim]` into the joint space;
/// `labels` `[classes, dim]`, not normalised; `temperature` `[1]`.
///
/// # Errors
/// [`Error::ShapeMismatch`] for a region that is not among the patches or labels.
pub fn region_contrast(
    patches: Tensor<4>,
    projection: Tensor<2>,
    labels: Tensor<2>,
    regions: &[Region],
    temperature: Tensor<1>,
) -> Result<Tensor<1>> {
    let [videos, frames, each, width] = patches.dims();
    let classes = labels.dims()[0];
    let device = patches.device();
    let outside = |region: &&Region| region.frame >= videos * frames || region.patch >= each || region.class >= classes;
    if let Some(Region { frame, patch, class }) = regions.iter().find(outside) {
        let (expected, got) = (vec![videos * frames, each, classes], vec![frame + 1, patch + 1, class + 1]);
        return Err(Error::ShapeMismatch { name: "regions of annotated clips".to_owned(), expected, got });
    }
    if regions.is_empty() {
        return Ok(Tensor::zeros([1], &device));
    }
    let index = |of: fn(&Region, usize) -> usize| {
        let rows: Vec<i32> = regions.iter().map(|region| of(region, each) as i32).collect();
        Tensor::<1, Int>::from_data(TensorData::new(rows, [regions.len()]), &device)
    };
    let rows = patches.reshape([videos * frames * each, width]).select(0, index(|r, each| r.frame * each + r.patch));
    let logits = similarity_logits(rows.matmul(projection), labels, temperature);
    let told = log_softmax(logits, 1).gather(1, index(|r, _| r.class).unsqueeze_dim(1));
    Ok(-told.mean())
}
