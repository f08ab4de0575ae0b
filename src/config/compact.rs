//! The compact layout that reference scripts write, of ViCLIP, CLIP and InternVideo2.

use super::{
    Activation, CaptionCleaning, Internvideo2Config, ModelConfig, ModelType, SceneTokensConfig, SceneTokensVariant,
    TextConfig, VisionConfig,
};
use crate::error::{Error, Result};
use serde::Deserialize;

/// Caption tokens of InternVideo2's evaluation and demo (models.md 2.2).
const INTERNVIDEO2_CONTEXT: usize = 40;

/// `res`, `patch`, `vw` (vision width), `vl`, `vh`, `frames`, `embed`, `ctx`, `vocab`, `tw` (text width), `tl`, `th`; CLIP has
/// no `frames` and may leave out `vh`.
#[derive(Deserialize)]
pub(super) struct CompactConfig {
    res: usize,
    patch: usize,
    vw: usize,
    vl: usize,
    vh: Option<usize>,
    frames: Option<usize>,
    embed: usize,
    ctx: Option<usize>,
    vocab: usize,
    tw: usize,
    tl: usize,
    th: usize,
    #[serde(rename = "S")]
    scene_tokens: Option<usize>,
    sg_heads: Option<usize>,
    sg_block: Option<SceneTokensVariant>,
    per_frame: Option<bool>,
}

/// What InternVideo2's has beside: `fusion` (text blocks that embed; those from it to `tl` match), `clip_embed` (pooled width),
/// `pool_heads`, `mlp_ratio`, `ti` (width inside the text MLPs), `maxpos` (rows of text positions), `max_txt_l` (tokens a
/// caption).
#[derive(Deserialize)]
pub(super) struct CompactInternvideo2 {
    fusion: usize,
    clip_embed: usize,
    pool_heads: usize,
    mlp_ratio: f64,
    ti: usize,
    maxpos: usize,
    max_txt_l: Option<usize>,
}

impl CompactConfig {
    /// The config, of InternVideo2 with its `own` fields.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] where "ctx" is missing.
    pub fn into_config(self, own: Option<CompactInternvideo2>, file: &str) -> Result<ModelConfig> {
        let heads = self.vh.unwrap_or(self.vw / 64);
        let vision = VisionConfig {
            image_size: self.res,
            patch_size: self.patch,
            width: self.vw,
            layers: self.vl,
            heads,
            frames: self.frames.unwrap_or(8),
            proxy_tokens: 0,
        };
        let context_length = match (&own, self.ctx) {
            (Some(own), _) => own.max_txt_l.unwrap_or(INTERNVIDEO2_CONTEXT),
            (None, Some(ctx)) => ctx,
            (None, None) => {
                let (file, reason) = (file.to_owned(), "no \"ctx\" (tokens of a caption) in it".to_owned());
                return Err(Error::InvalidJson { file, line: 0, column: 0, reason });
            }
        };
        let text = TextConfig {
            context_length,
            cleaning: if own.is_some() { CaptionCleaning::None } else { CaptionCleaning::Clip },
            end_token: own.is_none(),
            vocab_size: self.vocab,
            width: self.tw,
            layers: own.as_ref().map_or(self.tl, |own| own.fusion),
            heads: self.th,
        };
        let internvideo2 = own.map(|own| Internvideo2Config {
            matching_layers: self.tl.saturating_sub(own.fusion),
            vision_hidden: (own.mlp_ratio * self.vw as f64) as usize,
            pooled_width: own.clip_embed,
            pooling_heads: own.pool_heads,
            text_hidden: own.ti,
            text_positions: own.maxpos,
            ..Internvideo2Config::of(&vision, &text)
        });
        let model_type = match (&internvideo2, self.frames) {
            (Some(_), _) => ModelType::Internvideo2,
            (None, Some(_)) => ModelType::Viclip,
            (None, None) => ModelType::Clip,
        };
        let scene_tokens = SceneTokensConfig {
            variant: self.sg_block.unwrap_or(SceneTokensVariant::None),
            tokens: self.scene_tokens.unwrap_or(12),
            heads: self.sg_heads.unwrap_or(heads),
            per_frame: self.per_frame.unwrap_or(false),
            ..SceneTokensConfig::default()
        };
        Ok(ModelConfig {
            model_type,
            embed_dim: self.embed,
            activation: if internvideo2.is_some() { Activation::GeluTanh } else { Activation::QuickGelu },
            layer_norm_eps: 1e-5,
            vision,
            text,
            scene_tokens,
            internvideo2,
        })
    }
}
