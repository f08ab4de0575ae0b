//! The video encoder (models.md 2.1).

use super::{AttentionPooling, VisionBlock, interpolated};
use crate::config::{Internvideo2Config, ModelConfig};
use crate::nn::{BiasedTubeletConv, lazy};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Joint space-time transformer over the patches of all frames.
#[derive(Module, Debug)]
pub struct VisionEncoder {
    /// `[1, 1, width]`.
    pub cls_token: Param<Tensor<3>>,
    /// `[1, 1 + frames * patches, width]`, row 0 for CLS, then frame by frame.
    pub pos_embed: Param<Tensor<3>>,
    /// Positions of a single frame, `[1, 1 + patches, width]`.
    pub img_pos_embed: Param<Tensor<3>>,
    /// Patch embedding.
    pub patch_embed: PatchEmbed,
    /// The blocks.
    pub blocks: Vec<VisionBlock>,
    /// Pooling of the last block's output; there is no norm between.
    pub clip_projector: AttentionPooling,
    /// Of the table of positions: frames, patches a side.
    #[module(skip)]
    known: [usize; 2],
}

/// Key `patch_embed`.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    /// The convolution.
    pub proj: BiasedTubeletConv,
}

impl VisionEncoder {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, own: &Internvideo2Config, device: &Device) -> Self {
        let (vision, width) = (&config.vision, config.vision.width);
        let [frames, grid] = [own.position_frames, own.position_grid];
        Self {
            cls_token: lazy([1, 1, width], device),
            pos_embed: lazy([1, 1 + frames * grid * grid, width], device),
            img_pos_embed: lazy([1, 1 + grid * grid, width], device),
            patch_embed: PatchEmbed { proj: BiasedTubeletConv::empty(width, vision.patch_size, device) },
            blocks: (0..vision.layers).map(|_| VisionBlock::empty(config, own, device)).collect(),
            clip_projector: AttentionPooling::empty(config, own, device),
            known: [frames, grid],
        }
    }

    /// CLS `[1, 1, width]` and patch tokens `[batch, frames, patches, width]` with positions, of
    /// `[batch, frames, 3, side, side]`. Any number of frames; a single one has positions of its own.
    #[must_use]
    pub fn tokens(&self, pixels: Tensor<5>) -> (Tensor<3>, Tensor<4>) {
        let [batch, frames, channels, height, side] = pixels.dims();
        let tokens = self.patch_embed.proj.forward(pixels.reshape([batch * frames, channels, height, side]));
        let [_, patches, width] = tokens.dims();
        let [known_frames, grid] = self.known;
        let (table, from) = match frames {
            1 => (self.img_pos_embed.val(), [1, grid]),
            _ => (self.pos_embed.val(), [known_frames, grid]),
        };
        let table = interpolated(table, from, [frames, patches.isqrt()]);
        let cls = self.cls_token.val() + table.clone().narrow(1, 0, 1);
        let positions = table.narrow(1, 1, frames * patches).reshape([1, frames, patches, width]);
        (cls, tokens.reshape([batch, frames, patches, width]) + positions)
    }
}
