//! A video encoder in steps: what comes before its blocks, the blocks one by one, what comes after. Callers that walk the
//! steps themselves give way to the page between blocks, or compute blocks again in the backward pass.

use super::{AttentionShares, VideoEncoding, VideoOptions};
use crate::error::Result;
use burn::tensor::{Int, Tensor};

/// A joint space-time encoder of pre-norm blocks.
pub trait StagedVideo {
    /// Everything before the first block, `[batch, tokens, width]`, and where which token is.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) and [`Error::InvalidInput`](crate::Error::InvalidInput) when
    /// pixels or frames do not fit.
    fn prepare(&self, pixels: Tensor<5>, options: &VideoOptions) -> Result<(Tensor<3>, TokenLayout)>;

    /// How many blocks.
    fn blocks(&self) -> usize;

    /// One block: `[batch, tokens, width]` to the same.
    fn block(&self, at: usize, x: Tensor<3>) -> Tensor<3>;

    /// As [`StagedVideo::block`], with the attention of token 0 (CLS) beside it: `[batch, heads, tokens]`.
    fn block_with_first_query(&self, at: usize, x: Tensor<3>) -> (Tensor<3>, Tensor<3>);

    /// The last block's output to the video embedding `[batch, embed_dim]` and z_bar `[batch, frames, S, width]`, with what
    /// else the layout wants.
    fn finish(&self, x: Tensor<3>, layout: TokenLayout) -> (Tensor<2>, Option<Tensor<4>>);

    /// Key of the list of blocks.
    fn stack(&self) -> &'static str;

    /// Whether a parameter, by its key, is first needed after the last block.
    fn is_after_blocks(&self, key: &str) -> bool;
}

/// Where which token of the encoder's sequence is: CLS, then `frames * scene_per_frame` SG tokens, then patches; SG
/// tokens and patches frame by frame. (Nothing after the position vectors depends on the order.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLayout {
    /// Frames of each clip.
    pub frames: usize,
    /// SG tokens of each frame, 0 without.
    pub scene_per_frame: usize,
    /// Patches of each frame whose outputs are wanted too; 0: none's.
    pub patches_per_frame: usize,
}

impl TokenLayout {
    /// SG tokens of all frames.
    #[must_use]
    pub const fn scene(self) -> usize {
        self.frames * self.scene_per_frame
    }

    /// Tokens after CLS whose outputs are wanted.
    pub(super) const fn wanted(self) -> usize {
        self.scene() + self.frames * self.patches_per_frame
    }

    /// The tokens that are wanted of a sequence that begins with CLS and these, frame by frame: `[batch, tokens, width]` to
    /// `[batch, frames, S + patches, width]`.
    pub(super) fn scene_of(self, x: Tensor<3>) -> Option<Tensor<4>> {
        let [batch, _, width] = x.dims();
        let part = |from: usize, each: usize| {
            let tokens = || x.clone().narrow(1, from, self.frames * each);
            (each > 0).then(|| tokens().reshape([batch, self.frames, each, width]))
        };
        let parts = [part(1, self.scene_per_frame), part(1 + self.scene(), self.patches_per_frame)];
        let parts: Vec<Tensor<4>> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| Tensor::cat(parts, 2))
    }
}

/// All steps.
///
/// # Errors
/// Those of [`StagedVideo::prepare`].
pub(super) fn encode(encoder: &dyn StagedVideo, pixels: Tensor<5>, options: &VideoOptions) -> Result<VideoEncoding> {
    let (mut x, layout) = encoder.prepare(pixels, options)?;
    let rows_wanted = options.attention || options.cls_rows;
    let mut rows = Vec::new();
    for at in 0..encoder.blocks() {
        if rows_wanted {
            let (next, row) = encoder.block_with_first_query(at, x);
            rows.push(row);
            x = next;
        } else {
            x = encoder.block(at, x);
        }
    }
    let tokens = options.tokens.then(|| x.clone());
    let (embed, scene) = encoder.finish(x, layout);
    let rows = rows_wanted.then(|| Tensor::stack::<4>(rows, 1));
    let attention = rows.clone().filter(|_| options.attention);
    Ok(VideoEncoding {
        embed,
        scene,
        attention: attention.map(|rows| AttentionShares::from_rows(rows, 1, layout.scene())),
        cls_rows: rows.filter(|_| options.cls_rows),
        tokens,
    })
}

/// `[CLS, SG, patches]`: `cls` `[1, 1, width]`, `patches` `[batch, frames, patches, width]`, `scene`
/// `[batch, frames, S, width]`, `keep` as in [`VideoOptions`].
pub(super) fn sequence(
    cls: Tensor<3>,
    patches: Tensor<4>,
    scene: Option<Tensor<4>>,
    keep: Option<Tensor<2, Int>>,
) -> Tensor<3> {
    let [batch, _, _, width] = patches.dims();
    let mut parts = vec![cls.expand([batch, 1, width])];
    parts.extend(scene.map(|scene| scene.flatten::<3>(1, 2)));
    let patches = patches.flatten::<3>(1, 2);
    parts.push(match keep {
        Some(keep) => select_per_video(patches, keep),
        None => patches,
    });
    Tensor::cat(parts, 1)
}

/// Rows `index` `[batch, kept]` of each video's tokens `[batch, tokens, width]`.
fn select_per_video(tokens: Tensor<3>, index: Tensor<2, Int>) -> Tensor<3> {
    let [batch, count, width] = tokens.dims();
    let kept = index.dims()[1];
    let offset = Tensor::<1, Int>::arange(0..batch as i64, (&index.device(), index.dtype())) * count as i64;
    let rows = (index + offset.reshape([batch, 1])).reshape([batch * kept]);
    tokens.reshape([batch * count, width]).select(0, rows).reshape([batch, kept, width])
}
