//! Steps of single frames.

use super::tests::{tiny, tiny_scenes};
use crate::config::ModelType;
use crate::error::Error;
use crate::event::Abort;
use crate::loss::ObjectiveConfig;
use crate::platform::block_on;
use crate::train::{TrainConfig, Trainer, TrainingBase, draw_batch};
use burn::tensor::Device;

#[test]
fn stills_are_single_frames_whose_regions_are_learnt() {
    let objective =
        ObjectiveConfig { region_weight: 1.0, text_branch: false, visual_branch: false, ..tiny().objective };
    let config = TrainConfig {
        stills: true,
        objective,
        scenes: 8,
        mask_ratio: 0.0,
        near_misses: 0,
        steps: 80,
        learning_rate: 5e-3,
        ..tiny()
    };
    let batch = draw_batch(&config, &config.preprocess(), 1).unwrap();
    assert_eq!(batch.pixels.len(), 12 * 3 * 32 * 32);
    assert!(batch.scenes.iter().all(|sample| sample.targets.len() == 1 && sample.frames.len() == 1));
    let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let losses: Vec<f64> = (0..80)
        .map(|_| {
            let report = block_on(trainer.step(&Abort::default())).unwrap();
            let (parts, regions) = (report.parts, report.parts.regions.unwrap());
            assert!((report.loss - parts.contrastive.unwrap() - regions).abs() < 1e-4, "{report:?}");
            regions
        })
        .collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[60..]) < mean(&losses[..10]) - 0.2, "{losses:?}");
    // The model is one of clips all the same.
    assert_eq!(trainer.model_config().unwrap().vision.frames, 2);
}

#[test]
fn a_base_that_tells_nothing_of_its_patches_cannot_learn_regions() {
    let of_base = TrainConfig { model_type: ModelType::Internvideo2, ..tiny_scenes() };
    let trainer = Trainer::new(of_base, None, &Device::flex()).unwrap();
    let base = TrainingBase {
        model: trainer.model().unwrap(),
        preprocess: trainer.preprocess().clone(),
        tokenizer_json: trainer.tokenizer_json().to_owned(),
    };
    let objective = ObjectiveConfig { region_weight: 1.0, ..tiny().objective };
    let config = TrainConfig { objective, ..tiny_scenes() };
    let mut trainer = Trainer::new(config, Some(base), &Device::flex()).unwrap();
    let refused = block_on(trainer.step(&Abort::default())).unwrap_err();
    assert!(matches!(refused, Error::InvalidConfig { field: "objective.region_weight", .. }), "{refused}");
}
