//! Video-text models behind one face, [`VideoTextModel`]: ViCLIP and InternVideo2 (with or without scene-graph tokens),
//! CLIP per frame, CLIP-ViP.

mod adapters;
pub mod clip;
pub mod clip_vip;
mod init;
pub mod internvideo2;
pub mod scene_tokens;
mod staged;
mod text_tower;
pub mod viclip;

use crate::config::{ModelConfig, ModelType, SceneTokensConfig, SceneTokensVariant};
use crate::error::{Error, Result};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use clip::Clip;
use internvideo2::Internvideo2;
use scene_tokens::SceneTokens;
use viclip::Viclip;

pub use crate::nn::unit;
pub use adapters::{AdaptableLinear, Tower, is_adapter_key, is_matching_key, is_scene_key, is_temperature_key};
pub use staged::{StagedVideo, TokenLayout};
pub use text_tower::{TextTower, causal_mask};

/// A video encoder and a text encoder with a joint space. The path of a parameter (enum variants left out, see
/// [`ParamPath`](crate::nn::ParamPath)) is its key in the checkpoint.
#[derive(Module, Debug)]
// One model a process: the size difference of the variants does not matter.
#[allow(clippy::large_enum_variant)]
pub enum VideoTextModel {
    /// Joint space-time attention, one CLS per video.
    Viclip(Viclip),
    /// Frame by frame, averaged; with proxy tokens (CLIP-ViP), one sequence for a video.
    Clip(Clip),
    /// Joint space-time attention, all tokens pooled.
    Internvideo2(Internvideo2),
}

/// What [`VideoTextModel::encode_video`] should do beside the embedding.
#[derive(Debug, Clone, Default)]
pub struct VideoOptions {
    /// Also return how CLS divides its attention ([`AttentionShares`]).
    pub attention: bool,
    /// Also return the whole attention row of CLS (large; for tests and drawings).
    pub cls_rows: bool,
    /// Leave the SG tokens out although the model has them.
    pub without_scene_tokens: bool,
    /// Training mask (models.md 1.3, step 4): only these patch tokens of each video enter the encoder. `[batch, kept]`,
    /// index = frame * patches + patch. SG tokens are made from all patches. Not for CLIP.
    pub keep: Option<Tensor<2, Int>>,
    /// Also return the last block's output, which [`VideoTextModel::match_captions`] takes. CLIP returns none.
    pub tokens: bool,
    /// Have [`VideoEncoding::scene`] go on with the outputs at the patch positions. ViCLIP alone does, and with
    /// [`VideoOptions::keep`] not even that.
    pub patches: bool,
}

/// Result of [`VideoTextModel::encode_video`].
#[derive(Debug, Clone)]
pub struct VideoEncoding {
    /// `[batch, embed_dim]`, not normalised.
    pub embed: Tensor<2>,
    /// Outputs at the SG positions (z_bar), of ViCLIP after `ln_post`: `[batch, frames, S, width]`. None without SG tokens.
    /// On request those at the patch positions follow: `[batch, frames, S + patches, width]`.
    pub scene: Option<Tensor<4>>,
    /// On request.
    pub attention: Option<AttentionShares>,
    /// On request: attention of CLS to every token, `[batch, layers, heads, tokens]`, tokens in the order CLS, SG
    /// or proxy tokens (SG: frame by frame), patches (frame by frame). CLIP: `batch` counts frames.
    pub cls_rows: Option<Tensor<4>>,
    /// On request: the last block's output, `[batch, tokens, width]`.
    pub tokens: Option<Tensor<3>>,
}

/// How much of CLS's attention (mean over heads) goes to which tokens, `[batch, layers]` each; the three add up to 1
/// (Fig. 4 of the SGCR-Vid paper).
#[derive(Debug, Clone)]
pub struct AttentionShares {
    /// To CLS itself (of CLIP-ViP: and its proxy tokens).
    pub cls: Tensor<2>,
    /// To the SG tokens (0 without any).
    pub scene: Tensor<2>,
    /// To the patch tokens.
    pub patch: Tensor<2>,
}

impl AttentionShares {
    /// Sums up CLS rows `[batch, layers, heads, tokens]`: `shared` tokens (CLS and proxies), then `scene` SG tokens, then
    /// patches.
    #[must_use]
    pub fn from_rows(rows: Tensor<4>, shared: usize, scene: usize) -> Self {
        let [batch, layers, _, tokens] = rows.dims();
        let mean = rows.mean_dim(2).reshape([batch, layers, tokens]);
        let sum =
            |start: usize, length: usize| mean.clone().narrow(2, start, length).sum_dim(2).reshape([batch, layers]);
        let cls = sum(0, shared);
        let scene_share = if scene == 0 { cls.zeros_like() } else { sum(shared, scene) };
        Self { cls, scene: scene_share, patch: sum(shared + scene, tokens - shared - scene) }
    }
}

impl VideoTextModel {
    /// Parameters without values, to be filled by [`weights::module`](crate::weights): nothing is allocated.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Self {
        match config.model_type {
            ModelType::Viclip => Self::Viclip(Viclip::empty(config, device)),
            ModelType::Clip | ModelType::ClipVip => Self::Clip(Clip::empty(config, device)),
            ModelType::Internvideo2 => Self::Internvideo2(Internvideo2::empty(config, device)),
        }
    }

    /// Random parameters for training from scratch, drawn on the host from `seed`, so that they are the same on every
    /// device.
    #[must_use]
    pub fn init(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        init::draw(Self::empty(config, device), config, seed)
    }

    /// Gives a loaded plain model SG tokens: attentions, tokens and box heads drawn from `seed`, class heads equal to
    /// the encoder's projection, of InternVideo2, which has none of that shape, drawn too (choice 7 of models.md 5.7).
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] when the variant or the model is one without SG tokens.
    pub fn with_scene_tokens(self, scene: &SceneTokensConfig, seed: u64) -> Result<Self> {
        self.put_scene_tokens(scene, |config, proj, device| init::draw_scene_tokens(config, proj, seed, device))
    }

    /// As [`VideoTextModel::with_scene_tokens`], with parameters that are to be filled from a file.
    ///
    /// # Errors
    /// As there.
    pub fn with_empty_scene_tokens(self, scene: &SceneTokensConfig) -> Result<Self> {
        self.put_scene_tokens(scene, |config, _, device| SceneTokens::empty(config, device))
    }

    fn put_scene_tokens(
        self,
        scene: &SceneTokensConfig,
        make: impl FnOnce(&ModelConfig, Option<&Param<Tensor<2>>>, &Device) -> SceneTokens,
    ) -> Result<Self> {
        let mut config = self.config().clone();
        config.scene_tokens = scene.clone();
        config.validate()?;
        match self {
            Self::Viclip(mut model) if scene.variant != SceneTokensVariant::None => {
                let device = model.temp.lazy_device();
                model.sg = Some(make(&config, Some(&model.vision_encoder.proj), &device));
                model.set_config(config);
                Ok(Self::Viclip(model))
            }
            Self::Internvideo2(mut model) if scene.variant != SceneTokensVariant::None => {
                let device = model.temp.lazy_device();
                model.sg = Some(make(&config, None, &device));
                model.set_config(config);
                Ok(Self::Internvideo2(model))
            }
            _ => Err(Error::InvalidConfig {
                field: "scene_tokens.variant",
                value: scene.variant.to_string(),
                expected: "literal or block, for a ViCLIP or InternVideo2 model".to_owned(),
            }),
        }
    }

    /// The architecture, SG tokens included.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        match self {
            Self::Viclip(model) => model.config(),
            Self::Clip(model) => model.config(),
            Self::Internvideo2(model) => model.config(),
        }
    }

    /// The SG tokens, if the model has any.
    #[must_use]
    pub fn scene_tokens(&self) -> Option<&SceneTokens> {
        match self {
            Self::Viclip(model) => model.sg.as_ref(),
            Self::Clip(_) => None,
            Self::Internvideo2(model) => model.sg.as_ref(),
        }
    }

    /// What leads from the outputs at patch positions to the joint space, `[width, embed_dim]`: ViCLIP's projection of CLS.
    /// None for a model that does not give these outputs ([`VideoOptions::patches`]).
    #[must_use]
    pub fn patch_projection(&self) -> Option<Tensor<2>> {
        match self {
            Self::Viclip(model) => Some(model.vision_encoder.proj.val()),
            Self::Clip(_) | Self::Internvideo2(_) => None,
        }
    }

    /// The video encoder in steps; CLIP's, which sees single frames, has none.
    #[must_use]
    pub fn staged(&self) -> Option<&dyn StagedVideo> {
        match self {
            Self::Viclip(model) => Some(model),
            Self::Clip(_) => None,
            Self::Internvideo2(model) => Some(model),
        }
    }

    /// Embeds clips: `pixels` `[batch, frames, 3, side, side]`, normalised RGB.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when the pixels do not fit the config; [`Error::InvalidInput`] for a number of frames
    /// that the model has no positions for.
    pub fn encode_video(&self, pixels: Tensor<5>, options: &VideoOptions) -> Result<VideoEncoding> {
        match self {
            Self::Viclip(model) => staged::encode(model, pixels, options),
            Self::Clip(model) => model.encode_video(pixels, options),
            Self::Internvideo2(model) => staged::encode(model, pixels, options),
        }
    }

    /// Embeds captions: `ids` `[batch, context_length]` to `[batch, embed_dim]`, not normalised. The output is taken at
    /// the first position of the largest id (end of text), of InternVideo2 at the first position.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] when there are more positions than the model has.
    pub fn encode_text(&self, ids: Tensor<2, Int>) -> Result<Tensor<2>> {
        match self {
            Self::Viclip(model) => model.text_encoder.tower().encode(ids),
            Self::Clip(model) => model.text_tower().encode(ids),
            Self::Internvideo2(model) => model.encode_text(ids),
        }
    }

    /// Whether it has what [`VideoTextModel::match_captions`] needs.
    #[must_use]
    pub const fn can_match(&self) -> bool {
        matches!(self, Self::Internvideo2(Internvideo2 { itm_head: Some(_), .. }))
    }

    /// Refuses a model without it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`].
    pub fn check_matching(&self) -> Result<()> {
        if self.can_match() { Ok(()) } else { Err(internvideo2::no_matching()) }
    }

    /// How well captions match a video, by looking at both together: `video` `[1, tokens, width]` are its tokens
    /// ([`VideoOptions::tokens`], SG tokens included), `ids` `[captions, positions]`; `[captions, 1]`, more is better.
    ///
    /// # Errors
    /// Those of [`Internvideo2::match_captions`]; [`Error::InvalidInput`] for every other model.
    pub fn match_captions(&self, video: &Tensor<3>, ids: Tensor<2, Int>) -> Result<Tensor<2>> {
        match self {
            Self::Internvideo2(model) => model.match_captions(video, ids),
            Self::Viclip(_) | Self::Clip(_) => Err(internvideo2::no_matching()),
        }
    }

    /// tau, `[1]`: logits are `cosine / tau`. ViCLIP: `temp`, at least 0.01. InternVideo2: `temp` from 0.001 to 0.5. CLIP:
    /// `exp(-logit_scale)`.
    #[must_use]
    pub fn temperature(&self) -> Tensor<1> {
        match self {
            Self::Viclip(model) => model.temp.val().clamp_min(viclip::MIN_TEMPERATURE),
            Self::Clip(model) => (-model.logit_scale.val()).exp(),
            Self::Internvideo2(model) => {
                let bounds = internvideo2::TEMPERATURES;
                model.temp.val().clamp(*bounds.start(), *bounds.end())
            }
        }
    }
}

/// Cosines of every video with every text: `[videos, dim]` and `[texts, dim]` to `[videos, texts]`.
#[must_use]
pub fn cosines(videos: Tensor<2>, texts: Tensor<2>) -> Tensor<2> {
    unit(videos).matmul(unit(texts).transpose())
}

/// Refuses clips of another size than the config's.
fn check_pixels(pixels: &Tensor<5>, image_size: usize) -> Result<()> {
    let [batch, frames, channels, height, width] = pixels.dims();
    if channels == 3 && height == image_size && width == image_size && batch > 0 && frames > 0 {
        return Ok(());
    }
    Err(Error::ShapeMismatch {
        name: "pixels".to_owned(),
        expected: vec![batch.max(1), frames.max(1), 3, image_size, image_size],
        got: vec![batch, frames, channels, height, width],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VisionConfig;
    use burn::tensor::Distribution;

    fn config(frames: usize) -> ModelConfig {
        let mut config = ModelConfig::viclip_b16();
        config.embed_dim = 6;
        config.vision =
            VisionConfig { image_size: 8, patch_size: 4, width: 8, layers: 2, heads: 2, frames, proxy_tokens: 0 };
        config.text.vocab_size = 20;
        (config.text.width, config.text.layers, config.text.heads) = (4, 1, 2);
        config
    }

    fn clip(frames: usize) -> Tensor<5> {
        Tensor::random([2, frames, 3, 8, 8], Distribution::Normal(0.0, 1.0), &Device::flex())
    }

    fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn a_drawn_model_depends_on_the_seed_alone() {
        let pixels = clip(3);
        let embed = |seed: u64| {
            let model = VideoTextModel::init(&config(3), seed, &Device::flex());
            floats(model.encode_video(pixels.clone(), &VideoOptions::default()).unwrap().embed)
        };
        assert_eq!(embed(1), embed(1));
        assert_ne!(embed(1), embed(2));
        let model = VideoTextModel::init(&config(3), 1, &Device::flex());
        assert!((floats(model.temperature())[0] - 0.07).abs() < 1e-6);
    }

    #[test]
    fn clips_that_do_not_fit_are_refused() {
        let model = VideoTextModel::init(&config(3), 1, &Device::flex());
        let refused = |pixels| model.encode_video(pixels, &VideoOptions::default()).unwrap_err().code();
        assert_eq!(refused(clip(2)), "invalid-input");
        assert_eq!(refused(clip(4)), "invalid-input");
        assert_eq!(refused(Tensor::zeros([1, 3, 3, 8, 12], &Device::flex())), "shape-mismatch");
        assert_eq!(refused(Tensor::zeros([1, 3, 1, 8, 8], &Device::flex())), "shape-mismatch");
        let ids = Tensor::<2, Int>::zeros([1, 33], &Device::flex());
        assert_eq!(model.encode_text(ids).unwrap_err().code(), "shape-mismatch");
    }

    #[test]
    fn text_ends_at_the_first_of_equal_largest_ids() {
        let model = VideoTextModel::init(&config(3), 1, &Device::flex());
        let embed = |ids: [i32; 6]| {
            let ids = Tensor::<2, Int>::from_data([ids], &Device::flex());
            floats(model.encode_text(ids).unwrap())
        };
        // What follows the first 19 must not matter: attention is causal.
        assert_eq!(embed([18, 4, 19, 5, 6, 19]), embed([18, 4, 19, 0, 0, 0]));
        assert_ne!(embed([18, 4, 19, 0, 0, 0]), embed([18, 4, 5, 19, 0, 0]));
    }

    /// With first_frame_attends, the first frame's temporal attention is one of the frame to itself.
    #[test]
    fn the_first_frame_may_attend_to_itself() {
        let mut config = config(3);
        config.scene_tokens =
            SceneTokensConfig { variant: SceneTokensVariant::Literal, tokens: 2, heads: 2, ..Default::default() };
        let pixels = clip(3);
        let stages = |first_frame_attends: bool| {
            config.scene_tokens.first_frame_attends = first_frame_attends;
            let VideoTextModel::Viclip(model) = VideoTextModel::init(&config, 1, &Device::flex()) else {
                unreachable!("a ViCLIP config")
            };
            let patches = model.vision_encoder.patch_tokens(pixels.clone()).unwrap();
            model.sg.unwrap().forward(patches)
        };
        let mut stages = stages;
        let (passed, attended) = (stages(false), stages(true));
        let frame = |x: &Tensor<4>, start: usize, count: usize| floats(x.clone().narrow(1, start, count));
        assert_eq!(frame(&passed.temporal, 0, 1), frame(&passed.spatial, 0, 1));
        assert_ne!(frame(&attended.temporal, 0, 1), frame(&passed.spatial, 0, 1));
        assert_eq!(frame(&attended.temporal, 1, 2), frame(&passed.temporal, 1, 2));
    }

    /// Later frames must not reach earlier frames' SG tokens before the encoder.
    #[test]
    fn scene_tokens_look_back_only() {
        let mut config = config(3);
        config.scene_tokens =
            SceneTokensConfig { variant: SceneTokensVariant::Block, tokens: 2, heads: 2, ..Default::default() };
        let VideoTextModel::Viclip(model) = VideoTextModel::init(&config, 1, &Device::flex()) else {
            unreachable!("a ViCLIP config")
        };
        let pixels = clip(3);
        let changed = Tensor::cat(vec![pixels.clone().narrow(1, 0, 2), pixels.clone().narrow(1, 2, 1) * 2.0], 1);
        let temporal = |pixels: Tensor<5>| {
            let patches = model.vision_encoder.patch_tokens(pixels).unwrap();
            model.sg.as_ref().unwrap().forward(patches).temporal
        };
        let (a, b) = (temporal(pixels), temporal(changed));
        let frame = |x: &Tensor<4>, start: usize, count: usize| floats(x.clone().narrow(1, start, count));
        assert_eq!(frame(&a, 0, 2), frame(&b, 0, 2));
        // Frame 3 attends to frames 1 and 2 only, but its own query has changed.
        assert_ne!(frame(&a, 2, 1), frame(&b, 2, 1));
    }
}
