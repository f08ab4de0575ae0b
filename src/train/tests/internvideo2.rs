//! The trainer with InternVideo2: it learns, its steps may be cut up, a run from a base goes on exactly.

use super::tests::{assert_adapter_is_the_model, assert_same_gradients, parameters, tiny_scenes};
use super::*;
use crate::config::{Internvideo2Config, LoraConfig, LoraTowers, ModelType, SceneTokensConfig};
use crate::event::{Abort, Event, Silent};
use crate::model::is_matching_key;
use crate::platform::block_on;
use crate::source::DiskFolder;
use crate::weights::{ModelFolder, TensorSource as _};
use burn::tensor::Device;

fn tiny() -> TrainConfig {
    TrainConfig { model_type: ModelType::Internvideo2, ..tiny_scenes() }
}

/// On the maps that are adapted where none are named.
fn lora() -> LoraConfig {
    LoraConfig { rank: 2, dropout: 0.0, ..LoraConfig::default() }
}

/// With a block that matches captions with videos.
fn matching(config: TrainConfig) -> TrainConfig {
    let own = config.model(4).internvideo2;
    TrainConfig { internvideo2: own.map(|own| Internvideo2Config { matching_layers: 1, ..own }), ..config }
}

#[test]
fn adapters_go_where_the_paper_has_them_and_never_on_matching() {
    for (towers, expected) in [(LoraTowers::Vision, 2 * 4), (LoraTowers::Text, 6), (LoraTowers::Both, 2 * 4 + 6)] {
        let lora = LoraConfig { towers, ..lora() };
        let trainer =
            Trainer::new(TrainConfig { lora: Some(lora), ..matching(tiny()) }, None, &Device::flex()).unwrap();
        let model = trainer.model().unwrap();
        let adapters = model.adapters();
        assert_eq!(adapters.len(), expected, "{:?}", adapters.keys());
        let text_layers = trainer.config().text_layers;
        assert!(adapters.keys().all(|path| !is_matching_key(path, text_layers)));
        // The block that matches has three more maps than one that embeds, and its output's.
        assert_eq!(model.adaptable_linears().len(), 2 * 4 + 6 + 10);
    }
}

#[test]
fn both_branches_teach_it_and_every_parameter_that_a_clip_needs_moves() {
    let config = matching(TrainConfig { steps: 60, learning_rate: 5e-3, warmup: 0.1, ..tiny() });
    let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let before = parameters(&trainer);
    let abort = Abort::default();
    let reports: Vec<StepReport> = (0..60).map(|_| block_on(trainer.step(&abort)).unwrap()).collect();
    let mean = |reports: &[StepReport]| reports.iter().map(|r| r.loss).sum::<f64>() / reports.len() as f64;
    assert!(mean(&reports[45..]) < mean(&reports[..5]) - 0.1, "{reports:?}");
    assert!(reports.iter().all(|r| r.parts.scene.is_some() && r.parts.triplets.is_some() && !r.skipped));
    let after = parameters(&trainer);
    for name in before.tensors().keys() {
        let moved = before.read(name).unwrap() != after.read(name).unwrap();
        let is_needed = name != "vision_encoder.img_pos_embed" && !is_matching_key(name, trainer.config().text_layers);
        assert_eq!(moved, is_needed, "{name}");
    }
    assert!(before.tensors().contains_key("itm_head.weight"));
    let temp = after.read("temp").unwrap().values[0];
    assert!((0.001..=0.5).contains(&temp), "{temp}");
}

#[test]
fn its_steps_may_be_cut_up() {
    let same = |config: TrainConfig| assert_same_gradients(&Trainer::new(config, None, &Device::flex()).unwrap());
    same(tiny());
    same(TrainConfig { mask_ratio: 0.5, ..tiny() });
    // Adapters in the upper block alone: the backward pass ends there, but for the SG tokens.
    let adapted = TrainConfig { lora: Some(LoraConfig { upper_blocks: Some(1), ..lora() }), ..tiny() };
    same(adapted.clone());
    same(TrainConfig { scene_tokens: SceneTokensConfig::default(), scenes: 0, batch: 7, ..adapted });
}

#[test]
fn a_run_from_a_base_goes_on_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (device, abort, base) = (Device::flex(), Abort::default(), at("base"));
    let first = TrainConfig { steps: 2, scenes: 0, scene_tokens: SceneTokensConfig::default(), ..tiny() };
    let options = RunOptions { config: &first, base: None, output: &base, resume: false };
    run(&options, &device, &mut Silent, &abort).unwrap();
    let card = std::fs::read_to_string(base.join("README.md")).unwrap();
    assert!(card.contains("small InternVideo2") && card.contains("model_type=internvideo2"), "{card}");

    let config = TrainConfig {
        model_type: ModelType::Viclip, // A base settles it.
        lora: Some(LoraConfig { dropout: 0.3, ..lora() }),
        steps: 4,
        micro_batch: 2,
        recompute: true,
        ..tiny()
    };
    let (one, two) = (at("one"), at("two"));
    let options = |output, resume| RunOptions { config: &config, base: Some(&base), output, resume };
    run(&options(&one, false), &device, &mut Silent, &abort).unwrap();
    let mut stop = |event: Event| {
        if matches!(event, Event::Progress { stage: "train", done: 3, .. }) {
            abort.request();
        }
    };
    assert_eq!(run(&options(&two, false), &device, &mut stop, &abort).unwrap_err().code(), "aborted");
    run(&options(&two, true), &device, &mut Silent, &Abort::default()).unwrap();
    let weights = |folder: &std::path::Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(weights(&one), weights(&two));
    let opened = block_on(ModelFolder::open(DiskFolder::open(&one).unwrap())).unwrap();
    let (model, own) = (opened.config(), opened.config().internvideo2.as_ref().unwrap());
    assert_eq!((model.model_type, model.scene_tokens.tokens), (ModelType::Internvideo2, 3));
    // 16 * 48 / 11.
    assert_eq!((own.vision_hidden, own.pooled_width, own.position_frames), (69, 16, 2));
    assert_adapter_is_the_model(&base, &one);
}

#[test]
fn a_fresh_model_of_a_type_that_needs_a_base_is_refused() {
    let config = TrainConfig { model_type: ModelType::Clip, ..tiny() };
    match Trainer::new(config, None, &Device::flex()).err().unwrap() {
        crate::Error::InvalidConfig { field, expected, .. } => {
            assert!(field == "model_type" && expected.contains("--base"), "{expected}");
        }
        other => panic!("{other}"),
    }
}
