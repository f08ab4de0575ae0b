//! One batch learned by heart: whatever is wrong with a gradient, a device or the optimizer shows here.

use crate::support::{floats, test_device};
use burn::tensor::{Tensor, TensorData};
use sgcr::config::{SceneTokensConfig, SceneTokensVariant};
use sgcr::event::Abort;
use sgcr::loss::scene::HostPredictions;
use sgcr::loss::{ObjectiveConfig, SceneLossConfig, SceneRows};
use sgcr::model::{VideoOptions, VideoTextModel, cosines, unit};
use sgcr::platform::block_on;
use sgcr::train::{Batch, StepInputs, TextRows, TrainConfig, Trainer, draw_batch};

/// Steps after which it must know the batch.
const STEPS: usize = 400;

fn config() -> TrainConfig {
    let scene_tokens = SceneTokensConfig {
        variant: SceneTokensVariant::Block,
        tokens: 8,
        heads: 2,
        per_frame: true,
        ..SceneTokensConfig::default()
    };
    TrainConfig {
        image_size: 32,
        patch_size: 8,
        frames: 2,
        vision_width: 48,
        vision_layers: 1,
        vision_heads: 2,
        text_width: 32,
        text_layers: 1,
        text_heads: 2,
        embed_dim: 32,
        batch: 3,
        scenes: 2,
        near_misses: 0,
        mask_ratio: 0.0,
        steps: STEPS,
        learning_rate: 6e-3,
        warmup: 0.05,
        weight_decay: 0.0,
        objective: ObjectiveConfig { alpha: 1.0, ..ObjectiveConfig::default() },
        scene_tokens,
        ..TrainConfig::default()
    }
}

/// What the trained model makes of its batch.
struct Learned {
    /// Of each pair's video, whether its own caption wins.
    captions: Vec<bool>,
    /// Of each annotated video, whether the true texts win over their negatives.
    texts: Vec<bool>,
    /// Intersection over union of every matched box.
    overlaps: Vec<f32>,
}

fn intersection_over_union(a: &[f32], b: [f32; 4]) -> f32 {
    let side = |axis: usize| {
        let edges = |of: &[f32]| (of[axis] - of[axis + 2] / 2.0, of[axis] + of[axis + 2] / 2.0);
        let ((a0, a1), (b0, b1)) = (edges(a), edges(&b));
        (a1.min(b1) - a0.max(b0)).max(0.0)
    };
    let shared = side(0) * side(1);
    shared / (a[2] * a[3] + b[2] * b[3] - shared)
}

impl Learned {
    fn of(trainer: &Trainer, batch: &Batch) -> Self {
        let (model, device) = (trainer.model().unwrap(), test_device());
        let config = trainer.config();
        let inputs =
            StepInputs::of(batch, [config.frames, config.image_size], &config.objective, trainer.tokenizer()).unwrap();
        let encoding = model.encode_video(inputs.pixels(&(0..5), &device), &VideoOptions::default()).unwrap();
        let rows = TextRows::new(&inputs.texts, usize::MAX);
        let texts = rows.encode(&model, &device).unwrap();
        let all = floats(cosines(encoding.embed, texts.clone()));
        let count = inputs.texts.rows;
        let cosine = |video: usize, text: i32| all[video * count + text as usize];
        let own = &inputs.rounds[0].positives;
        let wins = |video: usize| own.iter().all(|text| cosine(video, *text) <= cosine(video, own[video]));
        let scenes = inputs.scenes.as_ref().unwrap();
        let beats = |at: usize| {
            let above = |truth: i32, others: &[Option<i32>]| {
                others.iter().flatten().all(|other| cosine(3 + at, truth) > cosine(3 + at, *other))
            };
            above(scenes.positives[at], &scenes.negatives[at])
                && above(scenes.temporal[at], &[scenes.temporal_negatives[at]])
        };
        let z_bar = encoding.scene.unwrap().narrow(0, 3, 2);
        Self {
            captions: (0..3).map(wins).collect(),
            texts: (0..2).map(beats).collect(),
            overlaps: overlaps(&model, z_bar, &texts, scenes),
        }
    }
}

fn overlaps(model: &VideoTextModel, z_bar: Tensor<4>, texts: &Tensor<2>, scenes: &SceneRows) -> Vec<f32> {
    let classes = |rows: &[i32]| {
        let index = TensorData::new(rows.to_vec(), [rows.len()]);
        unit(texts.clone().select(0, Tensor::from_data(index, &texts.device())))
    };
    let (entities, predicates) = (classes(&scenes.entities), classes(&scenes.predicates));
    let heads = model.scene_tokens().unwrap().heads(z_bar, entities, predicates, model.temperature());
    let host = block_on(HostPredictions::read(&heads)).unwrap();
    let matches = host.matches(&scenes.targets, &SceneLossConfig::default());
    let mut found = Vec::new();
    for (at, (pairs, targets)) in matches.iter().zip(&scenes.targets).enumerate() {
        for &(token, target) in pairs {
            let frame = host.frame(at);
            let own = 4 * token..4 * token + 4;
            found.push(intersection_over_union(&frame.box_s[own.clone()], targets[target].subject_box));
            found.push(intersection_over_union(&frame.box_o[own], targets[target].object_box));
        }
    }
    found
}

#[test]
fn one_batch_is_learned_by_heart() {
    let mut trainer = Trainer::new(config(), None, &test_device()).unwrap();
    let batch = draw_batch(trainer.config(), trainer.preprocess(), 0).unwrap();
    let abort = Abort::default();
    let step = |trainer: &mut Trainer| block_on(trainer.step_on(std::slice::from_ref(&batch), &abort)).unwrap();
    let first = step(&mut trainer);
    let mut last = first;
    while !trainer.is_finished() {
        last = step(&mut trainer);
    }
    let learned = Learned::of(&trainer, &batch);
    let least = learned.overlaps.iter().copied().fold(1.0, f32::min);
    println!(
        "loss {:.3} to {:.4} ({:?}), boxes {} with IoU {least:.3} or more",
        first.loss,
        last.loss,
        last.parts,
        learned.overlaps.len()
    );
    assert!(last.loss < 0.02 * first.loss, "{first:?} to {last:?}");
    assert!(learned.captions.iter().all(|wins| *wins) && learned.texts.iter().all(|wins| *wins));
    assert!(learned.overlaps.len() > 4 && least > 0.8, "{:?}", learned.overlaps);
}
