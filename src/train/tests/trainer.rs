//! The trainer as a whole: it learns, repeats itself, goes on from checkpoints, and stops when numbers do.

use super::*;
use crate::config::{LoraConfig, SceneTokensConfig, SceneTokensVariant};
use crate::event::{Abort, Event, Silent};
use crate::loss::ObjectiveConfig;
use crate::model::{VideoOptions, VideoTextModel};
use crate::platform::block_on;
use crate::source::DiskFolder;
use crate::weights::adapter::mix;
use crate::weights::module::collect;
use crate::weights::{Adapter, HostTensors, ModelFolder, TensorSource as _, fingerprint};
use burn::tensor::{Device, Tensor};
use std::collections::HashSet;

pub(super) fn tiny() -> TrainConfig {
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

pub(super) fn parameters(trainer: &Trainer) -> HostTensors {
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
    let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let before = parameters(&trainer);
    let losses: Vec<f64> = (0..60).map(|_| block_on(trainer.step(&Abort::default())).unwrap().loss).collect();
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
        let mut trainer = Trainer::new(TrainConfig { seed, ..tiny() }, None, &Device::flex()).unwrap();
        let losses: Vec<f64> = (0..3).map(|_| block_on(trainer.step(&Abort::default())).unwrap().loss).collect();
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
    let mut straight = Trainer::new(tiny(), None, &Device::flex()).unwrap();
    for _ in 0..3 {
        block_on(straight.step(&Abort::default())).unwrap();
    }
    block_on(Checkpoint::of(&straight)).unwrap().write(&path).unwrap();
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert_eq!((checkpoint.step, &checkpoint.config), (3, straight.config()));
    let mut resumed = checkpoint.resume(&Device::flex()).unwrap();
    for _ in 3..6 {
        assert_eq!(
            block_on(straight.step(&Abort::default())).unwrap(),
            block_on(resumed.step(&Abort::default())).unwrap()
        );
    }
    assert!(resumed.is_finished());
    assert_same_parameters(&straight, &resumed);
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let trainer = Trainer::new(tiny(), None, &Device::flex()).unwrap();
    block_on(Checkpoint::of(&trainer)).unwrap().write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap_err().code(), "corrupt-file");
    assert_eq!(Checkpoint::read(&folder.path().join("none")).unwrap_err().code(), "io");
}

#[test]
fn steps_without_finite_numbers_change_nothing_and_ten_of_them_end_the_run() {
    let mut trainer = Trainer::new(TrainConfig { steps: 40, ..tiny() }, None, &Device::flex()).unwrap();
    let poison = |model: crate::model::VideoTextModel| {
        Ok(match model {
            crate::model::VideoTextModel::Viclip(mut viclip) => {
                viclip.temp = viclip.temp.map(|temp| (temp * f32::NAN).detach().require_grad());
                crate::model::VideoTextModel::Viclip(viclip)
            }
            other => other,
        })
    };
    let before = parameters(&trainer);
    trainer.restore(poison, std::collections::BTreeMap::new(), 0).unwrap();
    for step in 0..9 {
        let report = block_on(trainer.step(&Abort::default())).unwrap();
        assert!(report.skipped && report.step == step, "{report:?}");
    }
    for (name, tensor) in collect(&trainer.model().unwrap()).iter().filter(|(name, _)| name != "temp") {
        let values: Vec<f32> = tensor.values.clone().into_data().iter::<f32>().collect();
        assert_eq!(values, before.read(name).unwrap().values, "{name}");
    }
    assert_eq!(block_on(trainer.step(&Abort::default())).unwrap_err().code(), "non-finite");
}

#[test]
fn the_temperature_never_falls_below_its_bound() {
    // One step of this size takes any temperature far past it.
    let config = TrainConfig { learning_rate: 1.0, warmup: 0.0, clip_norm: 0.0, ..tiny() };
    let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let mut least = f32::INFINITY;
    for _ in 0..4 {
        if block_on(trainer.step(&Abort::default())).is_ok() {
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
    let trainer = Trainer::new(tiny(), None, &Device::flex()).unwrap();
    let model = trainer.model().unwrap();
    let captions =
        ["a fox", "the red fox pushes a large blue ball slowly", "a bird chases the star then a cup", "a key"];
    let ids = trainer.tokenizer().encode(&captions).unwrap();
    let device = Device::flex();
    let whole: Tensor<2> = model.encode_text(ids_tensor(&ids, &device)).unwrap();
    for most in [1, 2, 3, usize::MAX] {
        let rows = TextRows::new(&ids, most);
        let grouped = rows.encode(&model, &device).unwrap();
        let off: f32 = (grouped.clone() - whole.clone()).abs().max().into_scalar();
        assert!(off < 1e-5, "{off}");
        // Each group's rows are found again among all.
        for group in 0..rows.groups() {
            let own = rows.encode_group(group, &model, &device).unwrap();
            let off: f32 = (own - rows.of_group(group, grouped.clone())).abs().max().into_scalar();
            assert!(off < 1e-6, "{off}");
        }
    }
}

fn ids_tensor(ids: &crate::text::TokenIds, device: &Device) -> Tensor<2, burn::tensor::Int> {
    let all = burn::tensor::TensorData::new(ids.ids.clone(), [ids.rows, ids.context]);
    Tensor::from_data(all, device)
}

#[test]
fn a_run_leaves_a_model_and_an_interrupted_one_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let (config, device) = (tiny(), Device::flex());
    let mut last = None;
    let mut events = |event: Event| last = Some(event);
    let abort = Abort::default();
    let options = |output, resume| RunOptions { config: &config, base: None, output, resume };
    let table = run(&options(&one, false), &device, &mut events, &abort).unwrap().report;
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
    assert_eq!(run(&options(&one, false), &device, &mut Silent, &abort).unwrap_err().code(), "invalid-input");

    // Stopped after three steps, then taken up again.
    let mut stop = |event: Event| {
        if matches!(event, Event::Progress { stage: "train", done: 3, .. }) {
            abort.request();
        }
    };
    assert_eq!(run(&options(&two, false), &device, &mut stop, &abort).unwrap_err().code(), "aborted");
    let other = TrainConfig { seed: 9, ..tiny() };
    let other = RunOptions { config: &other, ..options(&two, true) };
    let go_on = Abort::default();
    assert_eq!(run(&other, &device, &mut Silent, &go_on).unwrap_err().code(), "different-run");
    run(&options(&two, true), &device, &mut Silent, &go_on).unwrap();
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
    let regions = ObjectiveConfig { region_weight: 1.0, ..tiny().objective };
    assert_eq!(field(TrainConfig { objective: regions.clone(), ..tiny() }), "mask_ratio");
    let model_type = crate::config::ModelType::Internvideo2;
    let internvideo2 = TrainConfig { objective: regions, model_type, mask_ratio: 0.0, ..tiny() };
    assert_eq!(field(internvideo2), "objective.region_weight");
    let per_frame = SceneTokensConfig { per_frame: true, ..tiny_scenes().scene_tokens };
    assert_eq!(field(TrainConfig { stills: true, scene_tokens: per_frame, ..tiny_scenes() }), "stills");
    assert!(TrainConfig::default().validate().is_ok());
}

/// As [`tiny`] with SG tokens and annotated clips.
pub(super) fn tiny_scenes() -> TrainConfig {
    let scene_tokens =
        SceneTokensConfig { variant: SceneTokensVariant::Literal, tokens: 3, heads: 2, ..SceneTokensConfig::default() };
    TrainConfig { scene_tokens, scenes: 3, near_misses: 0, mask_ratio: 0.0, vision_layers: 2, ..tiny() }
}

/// Loss and gradients of a trainer's first step, computed by `micro_batch` and `recompute`.
fn first_gradients(trainer: &Trainer, micro_batch: usize, recompute: bool) -> (f64, Vec<(String, Vec<f32>)>) {
    let config = trainer.config();
    let batch = draw_batch(config, trainer.preprocess(), 0).unwrap();
    let inputs =
        StepInputs::of(&batch, [config.step_frames(), config.image_size], &config.objective, trainer.tokenizer())
            .unwrap();
    let plan = GradientPlan {
        objective: &config.objective,
        micro_batch,
        recompute,
        mask_seed: None,
        abort: &Abort::default(),
    };
    let model = trainer.current().unwrap();
    let (objective, of) = block_on(gradients(model, &inputs, &plan)).unwrap();
    let numbers = |x: Tensor<1>| x.into_data().iter::<f32>().collect::<Vec<f32>>();
    let by_key = gradients_by_key(model, &of).into_iter().map(|(key, gradient)| (key, numbers(gradient)));
    (objective.total.into_data().iter::<f64>().next().unwrap(), by_key.collect())
}

pub(super) fn assert_same_gradients(trainer: &Trainer) {
    let (loss, whole) = first_gradients(trainer, 0, false);
    // A key's bias has no gradient at all, but for rounding.
    let noise = 1e-4 * whole.iter().flat_map(|(_, of)| of).fold(1e-2f32, |most, x| most.max(x.abs()));
    assert!(whole.len() > 3 && whole.iter().any(|(_, of)| of.iter().any(|x| *x != 0.0)));
    // 7 clips: micro-batches of one size, of unequal sizes, one of all.
    for (micro_batch, recompute) in [(0, true), (1, false), (3, false), (3, true), (7, true), (9, false)] {
        let (other, parts) = first_gradients(trainer, micro_batch, recompute);
        assert!((loss - other).abs() < 1e-4 * loss.abs(), "{other} instead of {loss}");
        assert_eq!(parts.len(), whole.len(), "by {micro_batch}, {recompute}");
        for ((key, expected), (name, got)) in whole.iter().zip(&parts) {
            assert_eq!(key, name);
            let largest = expected.iter().fold(noise, |most, x| most.max(x.abs()));
            let off = expected.iter().zip(got).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(off <= 1e-3 * largest, "{key} by {micro_batch}, {recompute}: off by {off} of {largest}");
        }
    }
}

#[test]
fn micro_batches_and_recomputed_blocks_give_the_gradients_of_the_whole_batch() {
    assert_same_gradients(&Trainer::new(tiny_scenes(), None, &Device::flex()).unwrap());
    let masked = TrainConfig { mask_ratio: 0.5, ..tiny_scenes() };
    assert_same_gradients(&Trainer::new(masked, None, &Device::flex()).unwrap());
    let tagged = ObjectiveConfig { labels_learn: true, ..tiny().objective };
    assert_same_gradients(
        &Trainer::new(TrainConfig { objective: tagged, ..tiny_scenes() }, None, &Device::flex()).unwrap(),
    );
    // Regions beside the SG tokens, and without any.
    let phrases = ObjectiveConfig { region_weight: 0.7, ..tiny().objective };
    let regions = TrainConfig { objective: phrases, ..tiny_scenes() };
    assert_same_gradients(&Trainer::new(regions.clone(), None, &Device::flex()).unwrap());
    let bare = TrainConfig { scene_tokens: SceneTokensConfig::default(), stills: true, ..regions };
    assert_same_gradients(&Trainer::new(bare, None, &Device::flex()).unwrap());
    // Adapters in the upper block alone: the backward pass ends there, but for the SG tokens.
    let lora = LoraConfig { rank: 2, upper_blocks: Some(1), dropout: 0.0, ..LoraConfig::default() };
    let adapted = TrainConfig { lora: Some(lora), ..tiny_scenes() };
    assert_same_gradients(&Trainer::new(adapted.clone(), None, &Device::flex()).unwrap());
    let plain = TrainConfig { scene_tokens: SceneTokensConfig::default(), scenes: 0, batch: 7, ..adapted };
    assert_same_gradients(&Trainer::new(plain, None, &Device::flex()).unwrap());
}

#[test]
fn the_visual_branch_teaches_the_text_encoder_only_where_asked() {
    let text_gradients = |labels_learn: bool| {
        // Neither captions nor graphs in words pull: pairs have weight through L_con alone, which is the same in both.
        let objective = ObjectiveConfig { text_branch: false, labels_learn, ..tiny().objective };
        let trainer = Trainer::new(TrainConfig { objective, ..tiny_scenes() }, None, &Device::flex()).unwrap();
        let (loss, gradients) = first_gradients(&trainer, 0, false);
        let text = gradients.into_iter().filter(|(key, _)| key.starts_with("text_encoder."));
        (loss, text.collect::<Vec<_>>())
    };
    let ((loss, detached), (same_loss, learning)) = (text_gradients(false), text_gradients(true));
    assert!((loss - same_loss).abs() < 1e-6);
    assert!(detached.len() > 5 && detached != learning);
}

#[test]
fn with_adapters_only_they_and_the_scene_tokens_train() {
    let config = TrainConfig { lora: Some(LoraConfig::default()), train_temperature: false, ..tiny_scenes() };
    let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let before = parameters(&trainer);
    for _ in 0..3 {
        let report = block_on(trainer.step(&Abort::default())).unwrap();
        let parts = report.parts;
        let sum = [parts.contrastive, parts.triplets, parts.order].into_iter().flatten().sum::<f64>();
        assert!((report.loss - sum - 0.1 * parts.scene.unwrap()).abs() < 1e-4, "{report:?}");
    }
    let after = parameters(&trainer);
    for name in before.tensors().keys() {
        let moved = before.read(name).unwrap() != after.read(name).unwrap();
        let trains = crate::model::is_adapter_key(name) || crate::model::is_scene_key(name);
        assert_eq!(moved, trains, "{name}");
    }
}

#[test]
fn pairs_are_the_same_with_and_without_annotated_clips() {
    let batch = |config: &TrainConfig| draw_batch(config, &config.preprocess(), 1).unwrap();
    let (with, without) = (batch(&tiny_scenes()), batch(&TrainConfig { scenes: 0, ..tiny_scenes() }));
    assert_eq!(with.rounds, without.rounds);
    assert_eq!(with.pixels[..without.pixels.len()], without.pixels[..]);
    assert_eq!((with.scenes.len(), without.scenes.len()), (3, 0));
    assert_eq!(with.pixels.len() / 7, without.pixels.len() / 4);
    assert!(with.scenes.iter().all(|sample| sample.targets.len() == 2 && !sample.texts.positive.is_empty()));
}

#[test]
fn batches_that_make_one_step_count_equally() {
    let config = TrainConfig { batch: 2, accumulate: 2, ..tiny_scenes() };
    let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let batch = draw_batch(trainer.config(), trainer.preprocess(), 0).unwrap();
    // Twice the same batch is as once.
    let mut once = Trainer::new(trainer.config().clone(), None, &Device::flex()).unwrap();
    let abort = Abort::default();
    let one = block_on(once.step_on(std::slice::from_ref(&batch), &abort)).unwrap();
    let two = block_on(trainer.step_on(&[batch.clone(), batch], &abort)).unwrap();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-4 * (1.0 + b.abs()), "{a} instead of {b}");
    near(two.loss, one.loss);
    near(two.gradient_norm, one.gradient_norm);
}

#[test]
fn an_aborted_step_changes_nothing() {
    for (recompute, micro_batch) in [(true, 0), (false, 0), (false, 2)] {
        let config = TrainConfig { recompute, micro_batch, ..tiny_scenes() };
        let mut trainer = Trainer::new(config, None, &Device::flex()).unwrap();
        let before = parameters(&trainer);
        let abort = Abort::default();
        abort.request();
        assert_eq!(block_on(trainer.step(&abort)).unwrap_err().code(), "aborted");
        assert_eq!(trainer.steps_done(), 0);
        let after = parameters(&trainer);
        assert!(before.tensors().keys().all(|name| before.read(name).unwrap() == after.read(name).unwrap()));
    }
}

#[test]
fn a_run_from_a_base_keeps_the_best_and_goes_on_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let device = Device::flex();
    let abort = Abort::default();
    let first = TrainConfig { steps: 2, ..tiny() };
    let base = at("base");
    run(&RunOptions { config: &first, base: None, output: &base, resume: false }, &device, &mut Silent, &abort)
        .unwrap();

    let config = TrainConfig {
        lora: Some(LoraConfig { rank: 2, dropout: 0.3, ..LoraConfig::default() }),
        steps: 4,
        validate_every: 2,
        validation_clips: 4,
        keep_best: true,
        micro_batch: 2,
        recompute: true,
        ..tiny_scenes()
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
    let go_on = Abort::default();
    run(&options(&two, true), &device, &mut Silent, &go_on).unwrap();
    let weights = |folder: &std::path::Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(weights(&one), weights(&two));
    let opened = block_on(ModelFolder::open(DiskFolder::open(&one).unwrap())).unwrap();
    assert_eq!((opened.config().vision.layers, opened.config().scene_tokens.tokens), (1, 3));
    let log = std::fs::read_to_string(one.join("log.jsonl")).unwrap();
    assert_eq!(log.matches("validation_accuracy").count(), 2, "{log}");
    assert!(log.contains("\"scene\"") && log.contains("\"triplets\""), "{log}");
    assert!(!one.join("best.safetensors").exists());
    assert_adapter_is_the_model(&base, &one);
    let card = std::fs::read_to_string(one.join("README.md")).unwrap();
    assert!(card.contains("--base ") && card.contains("--set lora.rank=2 "), "{card}");
}

/// The base with the run's adapter on is the run's merged model, which is stored in f16.
pub(super) fn assert_adapter_is_the_model(base: &std::path::Path, run: &std::path::Path) {
    let device = Device::flex();
    let open =
        |path: &std::path::Path| TrainingBase::open(path, &device, &mut Silent, &Abort::default()).unwrap().model;
    let embed = |model: &VideoTextModel| -> Vec<f32> {
        let pixels = Tensor::<5>::ones([1, 2, 3, 32, 32], &device) * 0.3;
        let embed = model.encode_video(pixels, &VideoOptions::default()).unwrap().embed;
        embed.into_data().iter::<f32>().collect()
    };
    let adapter = block_on(Adapter::read(&DiskFolder::open(run.join("adapter")).unwrap())).unwrap();
    let (base, merged) = (open(base), open(run));
    assert!(adapter.has_scene_tokens());
    assert!(adapter.check_base(&block_on(fingerprint(&base)).unwrap()).unwrap());
    let (adapted, merged, plain) = (embed(&mix(&base, &[(&adapter, 1.0)]).unwrap()), embed(&merged), embed(&base));
    let off = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(off(&adapted, &merged) < 5e-3, "{adapted:?} and {merged:?}");
    assert!(off(&plain, &merged) > 5.0 * off(&adapted, &merged), "{plain:?} and {merged:?}");
}
