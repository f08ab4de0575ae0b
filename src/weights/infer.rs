//! A config from the tensors alone, for checkpoints that come without one.

use super::internvideo2;
use super::tensor::TensorInfo;
use crate::config::{
    Activation, CaptionCleaning, ClassHeads, ModelConfig, ModelType, SceneTokensConfig, SceneTokensVariant, TextConfig,
    VisionConfig,
};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Width of an attention head in every published CLIP and ViCLIP; the tensors do not tell it.
const HEAD_WIDTH: usize = 64;

/// Frames that a CLIP is given; its tensors do not tell (models.md 3 leaves it to the benchmark).
const CLIP_FRAMES: usize = 8;

/// CLIP-ViP's own tensors.
const PROXIES: &str = "visual.proxies.added_cls";
const TEMPORAL: &str = "visual.proxies.temporal_embedding";

pub(super) struct Shapes<'a> {
    tensors: &'a BTreeMap<String, TensorInfo>,
    file: &'a str,
}

impl Shapes<'_> {
    /// The extents of a tensor of rank `D`.
    pub fn of<const D: usize>(&self, name: &str) -> Result<[usize; D]> {
        let info = self.tensors.get(name);
        let info = info.ok_or_else(|| super::tensor::missing(name, &[], self.file, self.tensors.keys()))?;
        info.shape.as_slice().try_into().map_err(|_| {
            let reason = format!("\"{name}\" has shape {:?}, a tensor of rank {D} belongs here", info.shape);
            Error::CorruptFile { file: self.file.to_owned(), reason }
        })
    }

    /// The tensors' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Number of blocks; `of_block` names a tensor of each.
    pub fn count(&self, of_block: impl Fn(usize) -> String) -> usize {
        (0..).take_while(|block| self.tensors.contains_key(&of_block(*block))).count()
    }

    /// Those of an encoder of so many heads.
    pub fn scene_tokens(&self, heads: usize) -> Result<SceneTokensConfig> {
        if !self.tensors.contains_key("sg.tokens") {
            return Ok(SceneTokensConfig::default());
        }
        let [frames, tokens, _] = self.of("sg.tokens")?;
        let block = self.tensors.contains_key("sg.cross.mlp.c_fc.weight");
        Ok(SceneTokensConfig {
            variant: if block { SceneTokensVariant::Block } else { SceneTokensVariant::Literal },
            tokens,
            heads,
            per_frame: frames > 1,
            class_heads: if self.tensors.contains_key("sg.mlp_s.weight") {
                ClassHeads::Mlp
            } else {
                ClassHeads::Linear
            },
            ..SceneTokensConfig::default()
        })
    }
}

/// The config of a model with these tensors (our names, see [`super::NameMap`]), as published: heads of width 64 (88 of
/// InternVideo2's video encoder), QuickGELU (GELU by tanh), LayerNorm epsilon 1e-5.
///
/// # Errors
/// [`Error::MissingTensor`] where a telling tensor is not there, [`Error::CorruptFile`] where its rank is wrong,
/// [`Error::InvalidConfig`] where the widths are no published model's (a `config.json` is needed then).
pub fn infer_config(tensors: &BTreeMap<String, TensorInfo>, file: &str) -> Result<ModelConfig> {
    let shapes = Shapes { tensors, file };
    if tensors.contains_key(internvideo2::PATCHES) {
        let config = internvideo2::infer(&shapes)?;
        config.validate()?;
        return Ok(config);
    }
    let viclip = tensors.keys().any(|name| name.starts_with("vision_encoder."));
    let is_vip = tensors.contains_key(PROXIES);
    let (vision, text) = if viclip { ("vision_encoder", "text_encoder.") } else { ("visual", "") };

    let (patch_size, frames) = if viclip {
        let [_, _, _, _, patch] = shapes.of(&format!("{vision}.conv1.weight"))?;
        let [_, frames, _] = shapes.of(&format!("{vision}.temporal_positional_embedding"))?;
        (patch, frames)
    } else {
        let [_, _, _, patch] = shapes.of(&format!("{vision}.conv1.weight"))?;
        (patch, if is_vip { shapes.of::<3>(TEMPORAL)?[1] } else { CLIP_FRAMES })
    };
    let proxy_tokens = if is_vip { shapes.of::<2>(PROXIES)?[0] } else { 0 };
    let [positions, width] = shapes.of(&format!("{vision}.positional_embedding"))?;
    let [_, embed_dim] = shapes.of(&format!("{vision}.proj"))?;
    let [vocab_size, text_width] = shapes.of(&format!("{text}token_embedding.weight"))?;
    let [context_length, _] = shapes.of(&format!("{text}positional_embedding"))?;
    let layers = |tower: &str| shapes.count(|i| format!("{tower}transformer.resblocks.{i}.attn.in_proj_weight"));
    let vision_heads = heads("vision.heads", width, HEAD_WIDTH)?;
    let config = ModelConfig {
        model_type: match (viclip, is_vip) {
            (true, _) => ModelType::Viclip,
            (_, true) => ModelType::ClipVip,
            _ => ModelType::Clip,
        },
        embed_dim,
        activation: Activation::QuickGelu,
        layer_norm_eps: 1e-5,
        vision: VisionConfig {
            image_size: positions.saturating_sub(1).isqrt() * patch_size,
            patch_size,
            width,
            layers: layers(&format!("{vision}.")),
            heads: vision_heads,
            frames,
            proxy_tokens,
        },
        text: TextConfig {
            context_length,
            cleaning: CaptionCleaning::Clip,
            end_token: true,
            vocab_size,
            width: text_width,
            layers: layers(text),
            heads: heads("text.heads", text_width, HEAD_WIDTH)?,
        },
        scene_tokens: shapes.scene_tokens(vision_heads)?,
        internvideo2: None,
    };
    config.validate()?;
    Ok(config)
}

/// Heads of a tower of `width`.
///
/// # Errors
/// [`Error::InvalidConfig`] where the width is not one of whole heads.
pub(super) fn heads(field: &'static str, width: usize, of_head: usize) -> Result<usize> {
    if width > 0 && width.is_multiple_of(of_head) {
        return Ok(width / of_head);
    }
    let expected =
        format!("a width of whole {of_head}-wide heads; give this checkpoint's config.json, which tells them");
    Err(Error::InvalidConfig { field, value: format!("{width} / {of_head}"), expected })
}

#[cfg(test)]
mod tests {
    use super::super::layout::tensors_of;
    use super::*;
    use safetensors::Dtype;

    fn infos(config: &ModelConfig) -> BTreeMap<String, TensorInfo> {
        let info = |shape| TensorInfo { shape, dtype: Dtype::F32 };
        tensors_of(config).into_iter().map(|(name, shape)| (name, info(shape))).collect()
    }

    #[test]
    fn published_models_are_recognised() {
        for config in [ModelConfig::viclip_b16(), ModelConfig::viclip_l14()] {
            assert_eq!(infer_config(&infos(&config), "x").unwrap(), config);
        }
    }

    #[test]
    fn clip_and_scene_tokens_are_recognised() {
        let mut clip = ModelConfig::viclip_b16();
        (clip.model_type, clip.text.context_length) = (ModelType::Clip, 77);
        assert_eq!(infer_config(&infos(&clip), "x").unwrap(), clip);
        (clip.model_type, clip.vision.proxy_tokens, clip.vision.frames) = (ModelType::ClipVip, 3, 12);
        assert_eq!(infer_config(&infos(&clip), "x").unwrap(), clip);
        let mut scene = ModelConfig::viclip_b16();
        (scene.scene_tokens.variant, scene.scene_tokens.per_frame) = (SceneTokensVariant::Block, true);
        assert_eq!(infer_config(&infos(&scene), "x").unwrap(), scene);
    }

    #[test]
    fn widths_without_whole_heads_ask_for_a_config() {
        let mut config = ModelConfig::viclip_b16();
        (config.vision.width, config.vision.heads) = (48, 3);
        let error = infer_config(&infos(&config), "x").unwrap_err();
        assert!(error.to_string().contains("config.json"), "{error}");
    }

    #[test]
    fn a_telling_tensor_that_is_missing_is_named() {
        let mut tensors = infos(&ModelConfig::viclip_b16());
        tensors.remove("vision_encoder.proj");
        assert_eq!(infer_config(&tensors, "x").unwrap_err().code(), "missing-tensor");
    }
}
