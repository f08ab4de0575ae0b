//! The paper's settings for the two models that it fine-tunes, and those of our own model of the generated world, as TOML
//! documents to lay over the defaults.

use crate::error::{Error, Result};

/// Every preset: its name and its document.
pub const PRESETS: [(&str, &str); 3] = [
    ("viclip-b16-sgcr", include_str!("presets/viclip-b16-sgcr.toml")),
    ("internvideo2-1b-sgcr", include_str!("presets/internvideo2-1b-sgcr.toml")),
    ("world", include_str!("presets/world.toml")),
];

/// The document of a preset, comments included.
///
/// # Errors
/// [`Error::UnknownName`].
pub fn preset(name: &str) -> Result<&'static str> {
    let found = PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    found.ok_or_else(|| Error::UnknownName {
        kind: "preset",
        name: name.to_owned(),
        known: PRESETS.map(|(known, _)| known).join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LoraTowers, ModelConfig, SceneTokensVariant};
    use crate::data::BatchShares;
    use crate::loss::Reduction;
    use crate::model::{VideoTextModel, is_scene_key};
    use crate::train::TrainConfig;
    use crate::weights::tensors_of;
    use burn::tensor::Device;

    /// Every field that the document leaves out keeps its default; one that does not exist is an error.
    fn read(name: &str) -> TrainConfig {
        let config: TrainConfig = toml::from_str(preset(name).unwrap()).unwrap();
        config.validate().unwrap();
        config
    }

    #[test]
    fn viclip_is_the_papers() {
        let config = read("viclip-b16-sgcr");
        assert_eq!((config.batch, config.scenes), BatchShares::VICLIP.split(128).unwrap());
        assert_eq!((config.scene_tokens.tokens, config.objective.alpha), (12, 0.1));
        // B.3: M = 196 patches, T' = 8 frames, d_p = 768; S' / M is under 0.063.
        let vision = config.model(4).vision;
        assert_eq!((vision.patches(), vision.frames, vision.width, vision.layers), (196, 8, 768, 12));
        assert!(config.scene_tokens.tokens as f64 / vision.patches() as f64 <= 0.063);
        // 10 epochs of 32,000 pairs and 9,000 annotated videos.
        assert_eq!(config.steps, (41_000.0_f64 * 10.0 / 128.0).round() as usize);
    }

    #[test]
    fn internvideo2_is_the_papers() {
        let config = read("internvideo2-1b-sgcr");
        assert_eq!((config.batch, config.scenes), BatchShares::INTERNVIDEO2.split(18).unwrap());
        assert_eq!((config.scene_tokens.tokens, config.objective.alpha), (16, 1.0));
        let vision = config.model(4).vision;
        assert_eq!((vision.patches(), vision.frames, vision.width, vision.layers), (256, 4, 1408, 40));
        assert!(config.scene_tokens.tokens as f64 / vision.patches() as f64 <= 0.063);
        assert_eq!(config.steps, (41_000.0_f64 * 10.0 / 18.0).round() as usize);
        // The published model's tensors, and the SG tokens' beside; nothing is allocated.
        let mut model = config.model(30_522);
        let with_scene = tensors_of(&model);
        model.scene_tokens.variant = SceneTokensVariant::None;
        assert_eq!(tensors_of(&model), tensors_of(&ModelConfig::internvideo2_1b()));
        let scene = with_scene.keys().filter(|key| is_scene_key(key)).count();
        assert!(scene > 10 && with_scene.len() == tensors_of(&model).len() + scene);
        assert_eq!((&with_scene["sg.tokens"], &with_scene["sg.cls_s"]), (&vec![1, 16, 1408], &vec![1408, 512]));
        // The adapters that it asks for have their linear maps: four a block.
        let outline = VideoTextModel::empty(&config.model(30_522), &Device::flex());
        let lora = config.lora.unwrap();
        let targets = outline.adaptable_linears().into_iter().filter(|linear| linear.is_target_of(&lora));
        assert_eq!(targets.count(), 4 * 40);
    }

    #[test]
    fn what_both_share() {
        for name in ["viclip-b16-sgcr", "internvideo2-1b-sgcr"] {
            let config = read(name);
            assert_eq!((config.learning_rate, config.weight_decay), (2e-7, 0.2));
            let lora = config.lora.as_ref().unwrap();
            assert_eq!((lora.rank, lora.alpha, lora.dropout, lora.towers), (8, 16.0, 0.05, LoraTowers::Vision));
            // A.5 and equation 7; the sum of both directions is equation 2.
            let objective = &config.objective;
            assert!(objective.text_branch && objective.visual_branch && objective.reduction == Reduction::Sum);
            let scene = objective.scene;
            assert_eq!((scene.class_weight, scene.l1_weight, scene.giou_weight), (1.0 / 3.0, 5.0, 2.0));
            assert_eq!(config.scene_tokens.variant, SceneTokensVariant::Literal);
            assert!(!config.train_temperature && !config.masks(0) && config.near_misses == 0);
        }
    }

    #[test]
    fn the_worlds_base_learns_from_stills_and_no_graph() {
        let config = read("world");
        assert!(config.stills && config.objective.region_weight > 0.0 && config.scenes > 0);
        assert!(!config.objective.text_branch && !config.objective.visual_branch);
        // A model of clips all the same.
        assert_eq!((config.step_frames(), config.model(4).vision.frames), (1, 8));
    }

    #[test]
    fn another_name_is_refused() {
        let told = preset("viclip").unwrap_err().to_string();
        assert!(told.contains("viclip-b16-sgcr, internvideo2-1b-sgcr"), "{told}");
    }
}
