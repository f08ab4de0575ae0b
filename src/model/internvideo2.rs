//! InternVideo2 stage 2 (models.md 2), optionally with scene-graph tokens (models.md 5.2): a video encoder whose tokens are
//! pooled by attention, and BERT.

mod bert;
mod block;
mod pooling;
mod positions;
mod vision;

pub use bert::{
    Bert, BertAttention, BertBlock, BertProjections, Dense, DenseAndNorm, Embeddings, Encoder, TextEncoder,
};
pub use block::{LayerScale, VisionAttention, VisionBlock, VisionMlp};
pub use pooling::{AttentionPooling, CrossAttention};
pub use positions::{interpolated, sin_cos_table};
pub use vision::{PatchEmbed, VisionEncoder};

use crate::config::{Internvideo2Config, ModelConfig, SceneTokensVariant, VideoPooling};
use crate::error::{Error, Result};
use crate::model::scene_tokens::SceneTokens;
use crate::model::staged::{StagedVideo, TokenLayout, sequence};
use crate::model::{VideoOptions, check_pixels};
use crate::nn::{Linear, lazy};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use std::ops::RangeInclusive;

/// Bounds of `temp` (models.md 2.3).
pub const TEMPERATURES: RangeInclusive<f64> = 0.001..=0.5;

/// Key of the video encoder's list of blocks.
pub const BLOCKS: &str = "vision_encoder.blocks";

/// Key of the text encoder's list of blocks.
pub const TEXT_BLOCKS: &str = "text_encoder.bert.encoder.layer";

/// The two encoders and their projections. Checkpoint keys: `vision_encoder.*`, `text_encoder.bert.*`, `vision_proj.*`,
/// `text_proj.*`, `temp`, `itm_head.*` where it can match, and `sg.*` of SGCR-Vid. What the checkpoint has for pretraining's
/// other losses is no part of it.
#[derive(Module, Debug)]
pub struct Internvideo2 {
    /// Key `vision_encoder`.
    pub vision_encoder: VisionEncoder,
    /// Key `text_encoder`.
    pub text_encoder: TextEncoder,
    /// Pooled width to joint dimension.
    pub vision_proj: Linear,
    /// Text width to joint dimension.
    pub text_proj: Linear,
    /// Temperature, a scalar in the checkpoint; `[1]` here.
    pub temp: Param<Tensor<1>>,
    /// Key `itm_head`: text width to "does not match", "matches"; none in a model without matching.
    pub itm_head: Option<Linear>,
    /// Key `sg`: none in a plain InternVideo2.
    pub sg: Option<SceneTokens>,
    #[module(skip)]
    config: ModelConfig,
}

impl Internvideo2 {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        // A config that was checked has them.
        let own = config.internvideo2.clone();
        let own = own.unwrap_or_else(|| Internvideo2Config::of(&config.vision, &config.text));
        let sg = (config.scene_tokens.variant != SceneTokensVariant::None).then(|| SceneTokens::empty(config, device));
        Self {
            vision_encoder: VisionEncoder::empty(config, &own, device),
            text_encoder: TextEncoder::empty(config, &own, device),
            vision_proj: Linear::empty(own.pooled_width, config.embed_dim, device),
            text_proj: Linear::empty(config.text.width, config.embed_dim, device),
            temp: lazy([1], device),
            itm_head: (own.matching_layers > 0).then(|| Linear::empty(config.text.width, 2, device)),
            sg,
            config: config.clone(),
        }
    }

    /// The architecture.
    #[must_use]
    pub const fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub(super) fn set_config(&mut self, config: ModelConfig) {
        self.config = config;
    }

    /// `ids` `[batch, positions]` to `[batch, embed_dim]`, not normalised, read at the first position.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn encode_text(&self, ids: Tensor<2, Int>) -> Result<Tensor<2>> {
        let first = self.text_encoder.bert.forward(ids)?.narrow(1, 0, 1);
        Ok(self.text_proj.forward(first).squeeze_dim::<2>(1))
    }

    /// How well captions match a video (models.md 2.3): `video` `[1, tokens, width]` is the last block's output,
    /// `ids` `[captions, positions]`. `[captions, 1]`, the head's logit of "matches" at the first position; only those of one
    /// model compare, and more is better.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a model without matching; [`Error::ShapeMismatch`] for tokens of several videos and for
    /// more positions than the model has.
    pub fn match_captions(&self, video: &Tensor<3>, ids: Tensor<2, Int>) -> Result<Tensor<2>> {
        let Some(head) = &self.itm_head else { return Err(no_matching()) };
        let (got, width) = (video.dims(), self.config.vision.width);
        if got[0] != 1 || got[2] != width {
            let (name, expected) = ("tokens of a video".to_owned(), vec![1, got[1], width]);
            return Err(Error::ShapeMismatch { name, expected, got: got.to_vec() });
        }
        let first = self.text_encoder.bert.forward_with_video(ids, video)?.narrow(1, 0, 1);
        Ok(head.forward(first).squeeze_dim::<2>(1).narrow(1, 1, 1))
    }
}

/// The error of a model that cannot match captions.
pub(super) fn no_matching() -> Error {
    let reason = "this model has no head for it; InternVideo2's published checkpoint has one (a folder that was converted \
                  before there was matching: convert it again)";
    Error::InvalidInput { what: "matching captions with a video".to_owned(), reason: reason.to_owned() }
}

impl StagedVideo for Internvideo2 {
    fn prepare(&self, pixels: Tensor<5>, options: &VideoOptions) -> Result<(Tensor<3>, TokenLayout)> {
        check_pixels(&pixels, self.config.vision.image_size)?;
        let (frames, of_frames) = (pixels.dims()[1], self.config.vision.frames);
        if self.sg.is_some() && self.config.scene_tokens.per_frame && frames > of_frames {
            let reason = format!("{frames} frames, but the model has SG tokens of its own for each of {of_frames}");
            return Err(Error::InvalidInput { what: "clip".to_owned(), reason });
        }
        let (cls, patches) = self.vision_encoder.tokens(pixels);
        let sg = self.sg.as_ref().filter(|_| !options.without_scene_tokens);
        let scene = sg.map(|sg| sg.forward(patches.clone()).temporal);
        let scene_per_frame = scene.as_ref().map_or(0, |scene| scene.dims()[2]);
        let layout = TokenLayout { frames, scene_per_frame, patches_per_frame: 0 };
        Ok((sequence(cls, patches, scene, options.keep.clone()), layout))
    }

    fn blocks(&self) -> usize {
        self.vision_encoder.blocks.len()
    }

    fn block(&self, at: usize, x: Tensor<3>) -> Tensor<3> {
        self.vision_encoder.blocks[at].forward(x)
    }

    fn block_with_first_query(&self, at: usize, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        self.vision_encoder.blocks[at].forward_with_first_query(x)
    }

    fn finish(&self, x: Tensor<3>, layout: TokenLayout) -> (Tensor<2>, Option<Tensor<4>>) {
        let scene = layout.scene_of(x.clone());
        let cls = || x.clone().narrow(1, 0, 1);
        let pooled = match self.config.scene_tokens.pooling {
            VideoPooling::Cls => cls(),
            VideoPooling::WithoutScene if scene.is_some() => {
                let (tokens, after) = (x.dims()[1], 1 + layout.scene());
                Tensor::cat(vec![cls(), x.clone().narrow(1, after, tokens - after)], 1)
            }
            VideoPooling::All | VideoPooling::WithoutScene => x,
        };
        let pooled = self.vision_encoder.clip_projector.forward(pooled);
        (self.vision_proj.forward(pooled).squeeze_dim::<2>(1), scene)
    }

    fn stack(&self) -> &'static str {
        BLOCKS
    }

    fn is_after_blocks(&self, key: &str) -> bool {
        key.starts_with("vision_encoder.clip_projector.") || key.starts_with("vision_proj.")
    }
}
