//! Steps of single frames.

use super::tests::tiny;
use crate::event::Abort;
use crate::loss::ObjectiveConfig;
use crate::platform::block_on;
use crate::train::{TrainConfig, Trainer, draw_batch};
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
