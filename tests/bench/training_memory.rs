//! Peak memory of one training step, in a process of its own: `training_memory MODE BATCH` with MODE `whole` (every graph
//! kept), `recompute` (blocks computed again) or `micro` (micro-batches of one clip, blocks computed again).
//! Prints one JSON line: peak resident bytes before the step and in it. Measured by `tests/bench/run memory`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A test or bench that fails may panic.

use sgcr::config::{LoraConfig, SceneTokensConfig, SceneTokensVariant};
use sgcr::event::Abort;
use sgcr::platform::block_on;
use sgcr::train::{TrainConfig, Trainer, draw_batch};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().expect("a mode: whole, recompute or micro");
    let clips: usize = arguments.next().and_then(|n| n.parse().ok()).expect("clips of a step");
    let (recompute, micro_batch) = match mode.as_str() {
        "whole" => (false, 0),
        "recompute" => (true, 0),
        "micro" => (true, 1),
        other => panic!("no mode {other}"),
    };
    // ViCLIP-B/16's depth and number of tokens, a third of its width: adapters and SG tokens train.
    let scene_tokens = SceneTokensConfig {
        variant: SceneTokensVariant::Literal,
        tokens: 12,
        heads: 4,
        ..SceneTokensConfig::default()
    };
    let config = TrainConfig {
        image_size: 112,
        patch_size: 8,
        frames: 4,
        vision_width: 256,
        vision_layers: 12,
        vision_heads: 4,
        batch: clips - 1,
        scenes: 1,
        near_misses: 0,
        mask_ratio: 0.0,
        lora: Some(LoraConfig::default()),
        scene_tokens,
        recompute,
        micro_batch,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(config, None, &burn::tensor::Device::flex()).unwrap();
    let batch = draw_batch(trainer.config(), trainer.preprocess(), 0).unwrap();
    let before = resident_bytes("VmRSS:");
    let report = block_on(trainer.step_on(&[batch], &Abort::default())).unwrap();
    assert!(report.loss.is_finite() && !report.skipped);
    println!("{}", serde_json::json!({"before_bytes": before, "peak_bytes": resident_bytes("VmHWM:")}));
}

/// From the kernel's own count (Linux); 0 elsewhere.
fn resident_bytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
