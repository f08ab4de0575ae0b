//! CLIP in OpenAI's layout, frame by frame: the baseline (models.md 3); with proxy tokens, CLIP-ViP ([`super::clip_vip`]).

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::model::clip_vip::Proxies;
use crate::model::{AttentionShares, TextTower, VideoEncoding, VideoOptions, check_pixels};
use crate::nn::{LayerNorm, PatchConv, TokenEmbedding, Transformer, lazy};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// CLIP. Checkpoint keys: `visual.*` and the text encoder's at the top.
#[derive(Module, Debug)]
pub struct Clip {
    /// Key `visual`.
    pub visual: VisualEncoder,
    /// Text blocks.
    pub transformer: Transformer,
    /// Key `token_embedding`.
    pub token_embedding: TokenEmbedding,
    /// `[positions, text width]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// After the text blocks.
    pub ln_final: LayerNorm,
    /// `[text width, embed_dim]`, multiplied from the right.
    pub text_projection: Param<Tensor<2>>,
    /// Logarithm of the logits' scale, a scalar in the checkpoint; `[1]` here.
    pub logit_scale: Param<Tensor<1>>,
    #[module(skip)]
    config: ModelConfig,
}

/// Image transformer.
#[derive(Module, Debug)]
pub struct VisualEncoder {
    /// `[width]`.
    pub class_embedding: Param<Tensor<1>>,
    /// `[1 + patches, width]`, row 0 for CLS.
    pub positional_embedding: Param<Tensor<2>>,
    /// `[width, embed_dim]`, multiplied from the right.
    pub proj: Param<Tensor<2>>,
    /// Patch embedding.
    pub conv1: PatchConv,
    /// Before the blocks.
    pub ln_pre: LayerNorm,
    /// After the blocks.
    pub ln_post: LayerNorm,
    /// The blocks.
    pub transformer: Transformer,
    /// CLIP-ViP's.
    pub proxies: Option<Proxies>,
}

impl Clip {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        let (text, eps) = (&config.text, config.layer_norm_eps);
        Self {
            visual: VisualEncoder::empty(config, device),
            transformer: Transformer::empty(text.width, text.layers, text.heads, eps, config.activation, device),
            token_embedding: TokenEmbedding::empty(text.vocab_size, text.width, device),
            positional_embedding: lazy([text.context_length, text.width], device),
            ln_final: LayerNorm::empty(text.width, eps, device),
            text_projection: lazy([text.width, config.embed_dim], device),
            logit_scale: lazy([1], device),
            config: config.clone(),
        }
    }

    /// The architecture.
    #[must_use]
    pub const fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The text encoder's parts.
    #[must_use]
    pub const fn text_tower(&self) -> TextTower<'_> {
        TextTower {
            token_embedding: &self.token_embedding,
            positional_embedding: &self.positional_embedding,
            transformer: &self.transformer,
            ln_final: &self.ln_final,
            text_projection: &self.text_projection,
        }
    }

    /// Mean over frames of the un-normalised frame embeddings; attention as a mean over frames. Of CLIP-ViP one embedding of
    /// all frames. Any number of frames.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when the pixels do not fit, [`Error::InvalidInput`] for a training mask.
    pub fn encode_video(&self, pixels: Tensor<5>, options: &VideoOptions) -> Result<VideoEncoding> {
        check_pixels(&pixels, self.config.vision.image_size)?;
        if options.keep.is_some() {
            let reason = "CLIP encodes whole frames; masking of patch tokens is for ViCLIP".to_owned();
            return Err(Error::InvalidInput { what: "keep".to_owned(), reason });
        }
        let rows_wanted = options.attention || options.cls_rows;
        if let Some(proxies) = &self.visual.proxies {
            let (embed, rows) = self.visual.forward_video(proxies, pixels, rows_wanted);
            let attention = rows.clone().filter(|_| options.attention);
            let attention = attention.map(|rows| AttentionShares::from_rows(rows, proxies.shared(), 0));
            let cls_rows = rows.filter(|_| options.cls_rows);
            return Ok(VideoEncoding { embed, scene: None, attention, cls_rows, tokens: None });
        }
        let [batch, frames, channels, height, width] = pixels.dims();
        let (embeds, rows) =
            self.visual.forward(pixels.reshape([batch * frames, channels, height, width]), rows_wanted);
        let over_frames = |x: Tensor<2>| {
            let dim = x.dims()[1];
            x.reshape([batch, frames, dim]).mean_dim(1).reshape([batch, dim])
        };
        let attention = rows.clone().filter(|_| options.attention).map(|rows| {
            let shares = AttentionShares::from_rows(rows, 1, 0);
            AttentionShares {
                cls: over_frames(shares.cls),
                scene: over_frames(shares.scene),
                patch: over_frames(shares.patch),
            }
        });
        let cls_rows = rows.filter(|_| options.cls_rows);
        Ok(VideoEncoding { embed: over_frames(embeds), scene: None, attention, cls_rows, tokens: None })
    }
}

impl VisualEncoder {
    /// Not yet filled parameters.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        let vision = &config.vision;
        let (width, eps) = (vision.width, config.layer_norm_eps);
        Self {
            class_embedding: lazy([width], device),
            positional_embedding: lazy([1 + vision.patches(), width], device),
            proj: lazy([width, config.embed_dim], device),
            conv1: PatchConv::empty(width, vision.patch_size, device),
            ln_pre: LayerNorm::empty(width, eps, device),
            ln_post: LayerNorm::empty(width, eps, device),
            transformer: Transformer::empty(width, vision.layers, vision.heads, eps, config.activation, device),
            proxies: Proxies::empty(config, device),
        }
    }

    /// `frames` `[frames, 3, side, side]` to `[frames, embed_dim]`, not normalised; on request also the attention of
    /// CLS, `[frames, layers, heads, tokens]`.
    #[must_use]
    pub fn forward(&self, frames: Tensor<4>, rows_wanted: bool) -> (Tensor<2>, Option<Tensor<4>>) {
        let mut x = self.prepare(frames);
        let mut rows = Vec::new();
        for block in &self.transformer.resblocks {
            if rows_wanted {
                let (next, row) = block.forward_with_first_query(x);
                rows.push(row);
                x = next;
            } else {
                x = block.forward(x, None);
            }
        }
        (self.finish(x), rows_wanted.then(|| Tensor::stack::<4>(rows, 1)))
    }

    /// Everything before the first block: `[frames, 1 + patches, width]` after `ln_pre`.
    #[must_use]
    pub fn prepare(&self, frames: Tensor<4>) -> Tensor<3> {
        let patches = self.conv1.forward(frames);
        let [count, _, width] = patches.dims();
        let cls = self.class_embedding.val().reshape([1, 1, width]).expand([count, 1, width]);
        let x = Tensor::cat(vec![cls, patches], 1) + self.positional_embedding.val().unsqueeze::<3>();
        self.ln_pre.forward(x)
    }

    /// The last block's output to `[frames, embed_dim]`.
    #[must_use]
    pub fn finish(&self, x: Tensor<3>) -> Tensor<2> {
        let [frames, _, width] = x.dims();
        self.ln_post.forward(x.narrow(1, 0, 1)).reshape([frames, width]).matmul(self.proj.val())
    }
}
