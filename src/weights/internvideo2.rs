//! InternVideo2's checkpoints (stage 2): their names are ours, but they hold more than embeddings and matching need; and the
//! config that their tensors tell.

use super::infer::{Shapes, heads};
use crate::config::{
    Activation, CaptionCleaning, Internvideo2Config, ModelConfig, ModelType, TextConfig, VisionConfig,
};
use crate::error::Result;

/// What tells an InternVideo2 from a ViCLIP, whose encoders have the same names.
pub(super) const PATCHES: &str = "vision_encoder.patch_embed.proj.weight";

/// Beginnings of names that nothing here needs (models.md 2): distillation from teachers, masked words.
const UNNEEDED: [&str; 5] = [
    "vision_encoder.clip_decoder.",
    "vision_encoder.final_clip_decoder.",
    "vision_encoder.clip_pos_embed",
    "vision_encoder.clip_img_pos_embed",
    "text_encoder.cls.",
];

/// What says whether a caption matches a video.
const HEAD: &str = "itm_head.weight";

/// The text encoder's blocks.
const LAYERS: &str = "text_encoder.bert.encoder.layer.";

/// Width of a head of the published video encoder, and of BERT's; the tensors do not tell it.
const HEAD_WIDTHS: [usize; 2] = [88, 64];

/// Tokens of a caption in evaluation and demo (models.md 2.2); the table of positions has more rows.
const CONTEXT: usize = 40;

/// The first of the text encoder's blocks that match captions with videos: those that attend to a video's tokens.
fn first_matching<'a>(names: impl Iterator<Item = &'a str>) -> Option<usize> {
    names.filter(|name| name.contains(".crossattention.")).filter_map(layer_of).min()
}

/// Which of the text encoder's blocks a name, wrapped or not, belongs to.
fn layer_of(name: &str) -> Option<usize> {
    let (_, rest) = name.split_once(LAYERS)?;
    rest.split('.').next()?.parse().ok()
}

/// Which of a checkpoint's tensors are the model's. Blocks that match and their head come together or not at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed {
    /// The first of the text encoder's blocks that is not needed.
    end: usize,
    head: bool,
}

impl Needed {
    /// Of a checkpoint with these names, wrapped or not.
    pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let has_head = names.clone().any(|name| name.ends_with(HEAD));
        match first_matching(names) {
            Some(first) if !has_head => Self { end: first, head: false },
            first => Self { end: usize::MAX, head: first.is_some() },
        }
    }

    /// Whether the tensor of this name without wrappers is the model's.
    pub fn has(self, name: &str) -> bool {
        let buffer = name.ends_with(".position_ids");
        !buffer
            && !UNNEEDED.iter().any(|start| name.starts_with(start))
            && (self.head || !name.starts_with("itm_head."))
            && layer_of(name).is_none_or(|layer| layer < self.end)
    }
}

/// The config of a model with these tensors, with heads as published, and the activation that it was trained with.
pub(super) fn infer(shapes: &Shapes<'_>) -> Result<ModelConfig> {
    let [width, _, _, _, patch_size] = shapes.of(PATCHES)?;
    let [_, positions, _] = shapes.of("vision_encoder.pos_embed")?;
    let [_, of_image, _] = shapes.of("vision_encoder.img_pos_embed")?;
    let patches = of_image.saturating_sub(1).max(1);
    let (frames, grid) = (positions.saturating_sub(1) / patches, patches.isqrt());
    let [vision_hidden, _] = shapes.of("vision_encoder.blocks.0.mlp.fc1.weight")?;
    let [embed_dim, pooled_width] = shapes.of("vision_proj.weight")?;
    let [vocab_size, text_width] = shapes.of("text_encoder.bert.embeddings.word_embeddings.weight")?;
    let [text_positions, _] = shapes.of("text_encoder.bert.embeddings.position_embeddings.weight")?;
    let [text_hidden, _] = shapes.of(&format!("{LAYERS}0.intermediate.dense.weight"))?;
    let vision_heads = heads("vision.heads", width, HEAD_WIDTHS[0])?;
    let blocks = shapes.count(|layer| format!("{LAYERS}{layer}.attention.self.query.weight"));
    let text_layers = first_matching(shapes.names()).map_or(blocks, |first| first.min(blocks));
    Ok(ModelConfig {
        model_type: ModelType::Internvideo2,
        embed_dim,
        activation: Activation::GeluTanh,
        layer_norm_eps: 1e-5,
        vision: VisionConfig {
            image_size: grid * patch_size,
            patch_size,
            width,
            layers: shapes.count(|block| format!("vision_encoder.blocks.{block}.attn.qkv.weight")),
            heads: vision_heads,
            frames,
            proxy_tokens: 0,
        },
        text: TextConfig {
            context_length: CONTEXT.min(text_positions),
            cleaning: CaptionCleaning::None,
            end_token: false,
            vocab_size,
            width: text_width,
            layers: text_layers,
            heads: heads("text.heads", text_width, HEAD_WIDTHS[1])?,
        },
        scene_tokens: shapes.scene_tokens(vision_heads)?,
        internvideo2: Some(Internvideo2Config {
            vision_hidden,
            pooled_width,
            pooling_heads: vision_heads,
            position_frames: frames,
            position_grid: grid,
            text_hidden,
            text_positions,
            matching_layers: blocks - text_layers,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::super::layout::tensors_of;
    use super::super::{Layout, NameMap, TensorInfo, infer_config};
    use super::*;
    use safetensors::Dtype;
    use std::collections::{BTreeMap, BTreeSet};

    fn published() -> BTreeMap<String, TensorInfo> {
        let text = std::fs::read_to_string("tests/fixtures/keys/keys_internvideo2_stage2_1b.json").unwrap();
        let keys: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let info = |about: &serde_json::Value| TensorInfo {
            shape: serde_json::from_value(about["shape"].clone()).unwrap(),
            dtype: Dtype::F32,
        };
        keys.iter().map(|(name, about)| (name.clone(), info(about))).collect()
    }

    /// The published file's list of tensors: what is not the model's is told by name, the rest is the model, to the last shape.
    #[test]
    fn the_published_file_is_the_1b_model_and_what_pretraining_needs() {
        let published = published();
        assert_eq!(published.len(), 1023);
        let map = NameMap::of(published.keys().map(String::as_str), "x").unwrap();
        let kept: BTreeMap<String, TensorInfo> =
            map.names.iter().map(|(ours, theirs)| (ours.clone(), published[theirs].clone())).collect();
        let config = infer_config(&kept, "x").unwrap();
        assert_eq!(config, ModelConfig::internvideo2_1b());
        let found: BTreeMap<_, _> = kept.into_iter().map(|(name, info)| (name, info.shape)).collect();
        assert_eq!(tensors_of(&config), found);
        let numbers = |wanted: &dyn Fn(&str) -> bool| -> usize {
            published.iter().filter(|(name, _)| wanted(name)).map(|(_, info)| info.elements()).sum()
        };
        assert_eq!(numbers(&|_| true), 1_441_432_055);
        let model: usize = found.values().map(|shape| shape.iter().product::<usize>()).sum();
        let left: BTreeSet<&str> = map.left_out.iter().map(String::as_str).collect();
        assert_eq!(model + numbers(&|name| left.contains(name)), 1_441_432_055);
        for (name, wanted) in [
            ("text_encoder.bert.encoder.layer.18.output.dense.weight", true),
            ("text_encoder.bert.encoder.layer.23.output.dense.weight", true),
            ("text_encoder.bert.encoder.layer.19.crossattention.self.key.weight", true),
            ("itm_head.weight", true),
            ("text_encoder.bert.embeddings.position_ids", false),
            ("vision_encoder.clip_decoder.5.norm.bias", false),
            ("text_encoder.cls.predictions.bias", false),
        ] {
            assert_eq!(found.contains_key(name), wanted, "{name}");
            assert_eq!(left.contains(name), !wanted, "{name}");
        }
    }

    #[test]
    fn wrappers_come_off_and_other_names_stay_to_be_refused() {
        for prefix in ["", "module.", "model."] {
            let names = [
                PATCHES,
                "text_encoder.bert.encoder.layer.2.crossattention.self.key.bias",
                "text_encoder.bert.encoder.layer.1.output.dense.bias",
                "text_encoder.bert.encoder.layer.3.output.dense.bias",
                "vision_encoder.something_else",
            ];
            let names = names.map(|name| format!("{prefix}{name}"));
            let map = NameMap::of(names.iter().map(String::as_str), "x").unwrap();
            assert_eq!(map.layout, Layout::Internvideo2);
            let kept: Vec<_> = map.names.values().collect();
            // Blocks that match have no use without their head.
            assert_eq!(kept, [&names[2], &names[0], &names[4]]);
            let head = format!("{prefix}itm_head.weight");
            let map = NameMap::of(names.iter().chain([&head]).map(String::as_str), "x").unwrap();
            assert!(map.left_out.is_empty() && map.names.len() == 6, "{map:?}");
            // Nor has the head without them.
            let map = NameMap::of([&names[0], &names[2], &head].into_iter().map(String::as_str), "x").unwrap();
            assert_eq!(map.left_out, [head]);
        }
    }
}
