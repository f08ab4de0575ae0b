//! ViCLIP (models.md 1), optionally with scene-graph tokens (models.md 5.2).

use crate::config::{ModelConfig, SceneSource, SceneTokensVariant};
use crate::error::{Error, Result};
use crate::model::scene_tokens::SceneTokens;
use crate::model::staged::{StagedVideo, TokenLayout, sequence};
use crate::model::{TextTower, VideoOptions, check_pixels};
use crate::nn::{LayerNorm, TokenEmbedding, Transformer, TubeletConv, lazy};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Lower bound of `temp` (models.md 1.8).
pub const MIN_TEMPERATURE: f64 = 0.01;

/// ViCLIP's two encoders. Checkpoint keys: `vision_encoder.*`, `text_encoder.*`, `temp`, and `sg.*` of SGCR-Vid.
#[derive(Module, Debug)]
pub struct Viclip {
    /// Key `vision_encoder`.
    pub vision_encoder: VisionEncoder,
    /// Key `text_encoder`.
    pub text_encoder: TextEncoder,
    /// Temperature, a scalar in the checkpoint; `[1]` here.
    pub temp: Param<Tensor<1>>,
    /// Key `sg`: none in a plain ViCLIP.
    pub sg: Option<SceneTokens>,
    #[module(skip)]
    config: ModelConfig,
}

/// Joint space-time transformer over the patches of all frames.
#[derive(Module, Debug)]
pub struct VisionEncoder {
    /// `[width]`.
    pub class_embedding: Param<Tensor<1>>,
    /// `[1 + patches, width]`, row 0 for CLS.
    pub positional_embedding: Param<Tensor<2>>,
    /// `[1, frames, width]`.
    pub temporal_positional_embedding: Param<Tensor<3>>,
    /// `[width, embed_dim]`, multiplied from the right.
    pub proj: Param<Tensor<2>>,
    /// Patch embedding.
    pub conv1: TubeletConv,
    /// Before the blocks.
    pub ln_pre: LayerNorm,
    /// After the blocks.
    pub ln_post: LayerNorm,
    /// The blocks.
    pub transformer: Transformer,
}

/// Causal text transformer.
#[derive(Module, Debug)]
pub struct TextEncoder {
    /// Key `token_embedding`.
    pub token_embedding: TokenEmbedding,
    /// `[positions, width]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// `[width, embed_dim]`, multiplied from the right.
    pub text_projection: Param<Tensor<2>>,
    /// After the blocks.
    pub ln_final: LayerNorm,
    /// The blocks.
    pub transformer: Transformer,
}

impl Viclip {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        let sg = (config.scene_tokens.variant != SceneTokensVariant::None).then(|| SceneTokens::empty(config, device));
        Self {
            vision_encoder: VisionEncoder::empty(config, device),
            text_encoder: TextEncoder::empty(config, device),
            temp: lazy([1], device),
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
}

impl StagedVideo for Viclip {
    /// After `ln_pre`.
    fn prepare(&self, pixels: Tensor<5>, options: &VideoOptions) -> Result<(Tensor<3>, TokenLayout)> {
        check_pixels(&pixels, self.config.vision.image_size)?;
        let patches = self.vision_encoder.patch_tokens(pixels)?;
        let sg = self.sg.as_ref().filter(|_| !options.without_scene_tokens);
        // A norm of single tokens: the patches' may come before the SG tokens are made.
        let first = self.config.scene_tokens.source == SceneSource::AfterNorm;
        let norm = &self.vision_encoder.ln_pre;
        let patches = if first { norm.forward(patches) } else { patches };
        let scene = sg.map(|sg| sg.forward(patches.clone()).temporal);
        let layout = TokenLayout {
            frames: patches.dims()[1],
            scene_per_frame: scene.as_ref().map_or(0, |scene| scene.dims()[2]),
            patches_per_frame: if options.patches && options.keep.is_none() { patches.dims()[2] } else { 0 },
        };
        let cls = self.vision_encoder.cls();
        let cls = if first { norm.forward(cls) } else { cls };
        let x = sequence(cls, patches, scene, options.keep.clone());
        Ok((if first { x } else { norm.forward(x) }, layout))
    }

    fn blocks(&self) -> usize {
        self.vision_encoder.transformer.resblocks.len()
    }

    fn block(&self, at: usize, x: Tensor<3>) -> Tensor<3> {
        self.vision_encoder.transformer.resblocks[at].forward(x, None)
    }

    fn block_with_first_query(&self, at: usize, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        self.vision_encoder.transformer.resblocks[at].forward_with_first_query(x)
    }

    fn finish(&self, x: Tensor<3>, layout: TokenLayout) -> (Tensor<2>, Option<Tensor<4>>) {
        self.vision_encoder.finish(x, layout)
    }

    fn stack(&self) -> &'static str {
        "vision_encoder.transformer.resblocks"
    }

    fn is_after_blocks(&self, key: &str) -> bool {
        key.starts_with("vision_encoder.ln_post.") || key == "vision_encoder.proj"
    }
}

impl VisionEncoder {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        let vision = &config.vision;
        let (width, eps) = (vision.width, config.layer_norm_eps);
        Self {
            class_embedding: lazy([width], device),
            positional_embedding: lazy([1 + vision.patches(), width], device),
            temporal_positional_embedding: lazy([1, vision.frames, width], device),
            proj: lazy([width, config.embed_dim], device),
            conv1: TubeletConv::empty(width, vision.patch_size, device),
            ln_pre: LayerNorm::empty(width, eps, device),
            ln_post: LayerNorm::empty(width, eps, device),
            transformer: Transformer::empty(width, vision.layers, vision.heads, eps, config.activation, device),
        }
    }

    /// Patch tokens with spatial and temporal positions: `[batch, frames, 3, side, side]` to
    /// `[batch, frames, patches, width]`. A single frame gets the mean temporal embedding (ViCLIP's image path).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when there are neither one nor all frames.
    pub fn patch_tokens(&self, pixels: Tensor<5>) -> Result<Tensor<4>> {
        let [batch, frames, channels, height, width] = pixels.dims();
        let temporal = self.temporal_positional_embedding.val();
        let known = temporal.dims()[1];
        let temporal = match frames {
            _ if frames == known => temporal,
            1 => temporal.mean_dim(1),
            _ => {
                let reason = format!("{frames} frames, but the model has positions for 1 or {known}");
                return Err(Error::InvalidInput { what: "clip".to_owned(), reason });
            }
        };
        let tokens = self.conv1.forward(pixels.reshape([batch * frames, channels, height, width]));
        let [_, patches, dim] = tokens.dims();
        let spatial = self.positional_embedding.val().narrow(0, 1, patches);
        let positions = spatial.reshape([1, 1, patches, dim]) + temporal.reshape([1, frames, 1, dim]);
        Ok(tokens.reshape([batch, frames, patches, dim]) + positions)
    }

    /// CLS with its position, before `ln_pre`, `[1, 1, width]`.
    #[must_use]
    pub fn cls(&self) -> Tensor<3> {
        let cls = self.class_embedding.val().unsqueeze::<2>() + self.positional_embedding.val().narrow(0, 0, 1);
        cls.unsqueeze::<3>()
    }

    /// The last block's output to the video embedding `[batch, embed_dim]` and z_bar `[batch, frames, S, width]`, with what
    /// else the layout wants.
    #[must_use]
    pub fn finish(&self, x: Tensor<3>, layout: TokenLayout) -> (Tensor<2>, Option<Tensor<4>>) {
        let [batch, _, width] = x.dims();
        // Normalised token by token, so only the tokens that are read need it.
        let outputs = self.ln_post.forward(x.narrow(1, 0, 1 + layout.wanted()));
        let embed = outputs.clone().narrow(1, 0, 1).reshape([batch, width]).matmul(self.proj.val());
        (embed, layout.scene_of(outputs))
    }
}

impl TextEncoder {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        let text = &config.text;
        let (width, eps) = (text.width, config.layer_norm_eps);
        Self {
            token_embedding: TokenEmbedding::empty(text.vocab_size, width, device),
            positional_embedding: lazy([text.context_length, width], device),
            text_projection: lazy([width, config.embed_dim], device),
            ln_final: LayerNorm::empty(width, eps, device),
            transformer: Transformer::empty(width, text.layers, text.heads, eps, config.activation, device),
        }
    }

    /// The parts, as ViCLIP and CLIP share them.
    #[must_use]
    pub const fn tower(&self) -> TextTower<'_> {
        TextTower {
            token_embedding: &self.token_embedding,
            positional_embedding: &self.positional_embedding,
            transformer: &self.transformer,
            ln_final: &self.ln_final,
            text_projection: &self.text_projection,
        }
    }
}
