//! Memory of one fine-tuning step on a GPU device, by burn's own allocator, beside the estimate: `fine_tune_memory MODEL
//! RECOMPUTE MICRO_BATCH BATCH`, MODEL being `b16` (ViCLIP-B/16 with drawn weights) or a model folder. Prints one JSON line.
//! On a software adapter a step of ViCLIP-B/16 takes many minutes; the count is the same as on a GPU.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A test or bench that fails may panic.

use sgcr::config::ModelConfig;
use sgcr::event::Abort;
use sgcr::model::VideoTextModel;
use sgcr::platform::{ComputeDevice, DeviceName, block_on};
use sgcr::session::{FineTuneOptions, MemoryPlan};
use sgcr::text::word_level_json;
use sgcr::train::{Batch, Round, Trainer, TrainingBase};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("MODEL RECOMPUTE MICRO_BATCH BATCH");
    let (model, recompute) = (next(), next() == "true");
    let (micro_batch, batch): (usize, usize) = (next().parse().unwrap(), next().parse().unwrap());
    let device = block_on(ComputeDevice::open(DeviceName::WebGpu)).expect("a GPU or a software adapter");
    let config = if model == "b16" {
        ModelConfig::viclip_b16()
    } else {
        let json = std::fs::read_to_string(format!("{model}/config.json")).expect("config.json");
        ModelConfig::from_json(&json, "config.json").unwrap()
    };
    let preprocess = sgcr::config::PreprocessConfig::viclip(config.vision.image_size, config.vision.frames);
    let base = VideoTextModel::init(&config, 1, device.device());
    let options = FineTuneOptions { batch, ..FineTuneOptions::default() };
    let limits = sgcr::platform::MemoryLimits { total: None, ..device.limits() };
    let plan = MemoryPlan::of_way(&base, batch, &options, limits, recompute, micro_batch);
    let train = options.train_config(&config, &plan);
    let words: Vec<String> = ["a", "dog", "cat", "runs", "sleeps"].map(str::to_owned).to_vec();
    let tokenizer_json = word_level_json(&words);
    let start = TrainingBase { model: base, preprocess: preprocess.clone(), tokenizer_json };
    let mut trainer = Trainer::new(train, Some(start), device.device()).unwrap();
    let before = device.bytes_in_use();
    let count = batch * preprocess.frames * 3 * preprocess.image_size.pow(2);
    let pixels = (0..count).map(|at| (at % 251) as f32 / 251.0 - 0.5).collect();
    let caption = |at: usize| format!("a dog runs {}", "cat ".repeat(at));
    let negative = |at: usize| format!("a cat sleeps {}", "dog ".repeat(at));
    let round = Round { positives: (0..batch).map(caption).collect(), negatives: (0..batch).map(negative).collect() };
    let step = Batch { pixels, rounds: vec![round], ..Batch::default() };
    let begin = std::time::Instant::now();
    let report = block_on(trainer.step_on(&[step], &Abort::default())).unwrap();
    assert!(report.loss.is_finite() && !report.skipped, "{report:?}");
    println!(
        "{}",
        serde_json::json!({
            "device": device.description(),
            "plan": plan,
            "before_bytes": before,
            "reserved_bytes": device.bytes_reserved(),
            "after_bytes": device.bytes_in_use(),
            "seconds": begin.elapsed().as_secs_f64(),
        })
    );
}
