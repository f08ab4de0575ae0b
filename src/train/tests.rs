//! The trainer as a whole: it learns, repeats itself, goes on from checkpoints, and stops when numbers do.

use super::*;
use crate::event::{Abort, Event, Silent};
use crate::platform::block_on;
use crate::source::DiskFolder;
use crate::weights::module::collect;
use crate::weights::{HostTensors, ModelFolder, TensorSource as _};
use burn::tensor::{Device, Tensor};
use std::collections::HashSet;

fn tiny() -> TrainConfig {
    TrainConfig {
        image_size: 32,
        patch_size: 8,
        frames: 2,
        vision_width: 16,
        vision_layers: 1,
        vision_heads: 2,
        text_width: 16,
        text_layers: 1,
        text_heads: 2,
        embed_dim: 8,
        batch: 4,
        steps: 6,
        mask_ratio: 0.5,
        near_misses: 2,
        unmasked: 0.34,
        seed: 3,
        checkpoint_every: 2,
        log_every: 2,
        eval_clips: 6,
        ..TrainConfig::default()
    }
}

fn parameters(trainer: &Trainer) -> HostTensors {
    block_on(HostTensors::of(&trainer.model().unwrap())).unwrap()
}

fn assert_same_parameters(a: &Trainer, b: &Trainer) {
    let (a, b) = (parameters(a), parameters(b));
    assert!(a.tensors().len() > 20);
    for name in a.tensors().keys() {
        assert_eq!(a.read(name).unwrap(), b.read(name).unwrap(), "{name}");
    }
}

#[test]
fn the_loss_falls_and_every_parameter_moves() {
    let config = TrainConfig { steps: 60, learning_rate: 5e-3, warmup: 0.1, ..tiny() };
    let mut trainer = Trainer::new(config, &Device::flex()).unwrap();
    let before = parameters(&trainer);
    let losses: Vec<f64> = (0..60).map(|_| block_on(trainer.step()).unwrap().loss).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[45..]) < mean(&losses[..5]) - 0.1, "{losses:?}");
    let after = parameters(&trainer);
    for name in before.tensors().keys() {
        assert_ne!(before.read(name).unwrap(), after.read(name).unwrap(), "{name} never moved");
    }
}

#[test]
fn equal_seeds_repeat_each_other_and_others_do_not() {
    let run = |seed| {
        let mut trainer = Trainer::new(TrainConfig { seed, ..tiny() }, &Device::flex()).unwrap();
        let losses: Vec<f64> = (0..3).map(|_| block_on(trainer.step()).unwrap().loss).collect();
        (losses, trainer)
    };
    let ((first, one), (second, two), (other, _)) = (run(3), run(3), run(4));
    assert_eq!(first, second);
    assert_ne!(first, other);
    assert_same_parameters(&one, &two);
}

#[test]
fn going_on_from_a_checkpoint_is_as_if_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut straight = Trainer::new(tiny(), &Device::flex()).unwrap();
    for _ in 0..3 {
        block_on(straight.step()).unwrap();
    }
    block_on(Checkpoint::of(&straight)).unwrap().write(&path).unwrap();
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert_eq!((checkpoint.step, &checkpoint.config), (3, straight.config()));
    let mut resumed = checkpoint.resume(&Device::flex()).unwrap();
    for _ in 3..6 {
        assert_eq!(block_on(straight.step()).unwrap(), block_on(resumed.step()).unwrap());
    }
    assert!(resumed.is_finished());
    assert_same_parameters(&straight, &resumed);
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let trainer = Trainer::new(tiny(), &Device::flex()).unwrap();
    block_on(Checkpoint::of(&trainer)).unwrap().write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap_err().code(), "corrupt-file");
    assert_eq!(Checkpoint::read(&folder.path().join("none")).unwrap_err().code(), "io");
}

#[test]
fn steps_without_finite_numbers_change_nothing_and_ten_of_them_end_the_run() {
    let mut trainer = Trainer::new(TrainConfig { steps: 40, ..tiny() }, &Device::flex()).unwrap();
    let poison = |model: crate::model::VideoTextModel| {
        Ok(match model {
            crate::model::VideoTextModel::Viclip(mut viclip) => {
                viclip.temp = viclip.temp.map(|temp| (temp * f32::NAN).detach().require_grad());
                crate::model::VideoTextModel::Viclip(viclip)
            }
            other @ crate::model::VideoTextModel::Clip(_) => other,
        })
    };
    let before = parameters(&trainer);
    trainer.restore(poison, std::collections::BTreeMap::new(), 0).unwrap();
    for step in 0..9 {
        let report = block_on(trainer.step()).unwrap();
        assert!(report.skipped && report.step == step, "{report:?}");
    }
    for (name, tensor) in collect(&trainer.model().unwrap()).iter().filter(|(name, _)| name != "temp") {
        let values: Vec<f32> = tensor.values.clone().into_data().iter::<f32>().collect();
        assert_eq!(values, before.read(name).unwrap().values, "{name}");
    }
    assert_eq!(block_on(trainer.step()).unwrap_err().code(), "non-finite");
}

#[test]
fn the_temperature_never_falls_below_its_bound() {
    // One step of this size takes any temperature far past it.
    let config = TrainConfig { learning_rate: 1.0, warmup: 0.0, clip_norm: 0.0, ..tiny() };
    let mut trainer = Trainer::new(config, &Device::flex()).unwrap();
    let mut least = f32::INFINITY;
    for _ in 0..4 {
        if block_on(trainer.step()).is_ok() {
            let temp = parameters(&trainer).read("temp").unwrap().values[0];
            assert!(temp >= 0.01, "{temp}");
            least = least.min(temp);
        }
    }
    assert!((least - 0.07).abs() > 0.01, "temperature did not move: {least}");
}

#[test]
fn batches_follow_from_seed_and_step_and_no_clip_comes_twice() {
    let config = tiny();
    let preprocess = config.preprocess();
    let batch = |step| draw_batch(&config, &preprocess, step).unwrap();
    let (one, again) = (batch(2), batch(2));
    assert_eq!((one.pixels == again.pixels, one.keep == again.keep), (true, true));
    assert_eq!(one.rounds, again.rounds);
    assert_eq!(one.pixels.len(), 4 * 2 * 3 * 32 * 32);
    // 2 frames of 16 patches, half of them kept, in the masked part only.
    assert_eq!(one.keep.as_ref().map(Vec::len), Some(4 * 16));
    assert_eq!(batch(5).keep, None);
    assert_eq!(one.rounds.len(), 3);
    assert!(one.rounds.iter().all(|round| round.positives.len() == 4 && round.negatives.len() <= 4));
    assert!(one.rounds[0].negatives.is_empty() && !one.rounds[1].negatives.is_empty());
    let mut seen = HashSet::new();
    for step in 0..6 {
        for clip in batch(step).pixels.chunks(2 * 3 * 32 * 32) {
            assert!(seen.insert(clip.iter().map(|x| x.to_bits()).collect::<Vec<_>>()), "a clip of step {step} again");
        }
    }
}

#[test]
fn captions_embedded_by_length_are_the_same() {
    let trainer = Trainer::new(tiny(), &Device::flex()).unwrap();
    let model = trainer.model().unwrap();
    let captions =
        ["a fox", "the red fox pushes a large blue ball slowly", "a bird chases the star then a cup", "a key"];
    let ids = trainer.tokenizer().encode(&captions).unwrap();
    let device = Device::flex();
    let grouped = super::trainer::encode_by_length(&model, &ids, trainer.tokenizer().end_id(), &device).unwrap();
    let all = burn::tensor::TensorData::new(ids.ids, [ids.rows, ids.context]);
    let whole: Tensor<2> = model.encode_text(Tensor::from_data(all, &device)).unwrap();
    let off: f32 = (grouped - whole).abs().max().into_scalar();
    assert!(off < 1e-5, "{off}");
}

#[test]
fn a_run_leaves_a_model_and_an_interrupted_one_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let (config, device) = (tiny(), Device::flex());
    let mut last = None;
    let mut events = |event: Event| last = Some(event);
    let table = run(&config, &device, &one, false, &mut events, &Abort::default()).unwrap();
    assert!(table.contains("agent identification") && table.contains("compositional split"), "{table}");
    assert_eq!(last, Some(Event::Progress { stage: "test", done: 6, total: 6 }));
    let names: HashSet<String> =
        one.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json", "README.md"] {
        assert!(names.contains(name), "{name} of {names:?}");
    }
    assert!(!names.contains("training.safetensors") && !names.contains("finished"), "{names:?}");
    let log = std::fs::read_to_string(one.join("log.jsonl")).unwrap();
    let steps: Vec<u64> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [2, 4, 6]);
    let opened = block_on(ModelFolder::open(DiskFolder::open(&one).unwrap())).unwrap();
    assert_eq!(opened.config().vision.width, 16);
    let card = std::fs::read_to_string(one.join("README.md")).unwrap();
    assert!(card.contains("--image-size 32 ") && card.contains("--seed 3"), "{card}");
    assert_eq!(run(&config, &device, &one, false, &mut Silent, &Abort::default()).unwrap_err().code(), "invalid-input");

    // Stopped after three steps, then taken up again.
    let abort = Abort::default();
    let mut stop = |event: Event| {
        if matches!(event, Event::Progress { stage: "train", done: 3, .. }) {
            abort.request();
        }
    };
    assert_eq!(run(&config, &device, &two, false, &mut stop, &abort).unwrap_err().code(), "aborted");
    let other = TrainConfig { seed: 9, ..tiny() };
    assert_eq!(run(&other, &device, &two, true, &mut Silent, &Abort::default()).unwrap_err().code(), "invalid-input");
    run(&config, &device, &two, true, &mut Silent, &Abort::default()).unwrap();
    let weights = |folder: &std::path::Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(weights(&one), weights(&two));
}

#[test]
fn settings_that_make_no_sense_name_the_field() {
    let field = |config: TrainConfig| match config.validate() {
        Err(crate::Error::InvalidConfig { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(TrainConfig { batch: 1, ..tiny() }), "batch");
    assert_eq!(field(TrainConfig { steps: 0, ..tiny() }), "steps");
    assert_eq!(field(TrainConfig { mask_ratio: 1.0, ..tiny() }), "mask_ratio");
    assert_eq!(field(TrainConfig { learning_rate: f64::NAN, ..tiny() }), "learning_rate");
    assert_eq!(field(TrainConfig { patch_size: 7, ..tiny() }), "vision.image_size");
    assert!(TrainConfig::default().validate().is_ok());
}
