//! ViCLIP-B/16's video encoder, random weights, 8 frames, on the CPU device: the measured half of `tests/bench/run`.
//! Prints one JSON line: seconds of the first (warm-up) call and of each measured call, peak resident bytes.
//! The number of threads is rayon's (`RAYON_NUM_THREADS`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A test or bench that fails may panic.

use burn::tensor::{Tensor, TensorData};
use sgcr::config::ModelConfig;
use sgcr::model::{VideoOptions, VideoTextModel};
use sgcr::platform::ComputeDevice;
use std::time::Instant;

fn main() {
    let runs: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(3);
    let device = ComputeDevice::cpu();
    let model = VideoTextModel::init(&ModelConfig::viclip_b16(), 1, device.device());
    let pixels: Vec<f32> = (0..8 * 3 * 224 * 224).map(|i| ((i * 37 % 1001) as f32 / 500.0) - 1.0).collect();
    let pixels = Tensor::<5>::from_data(TensorData::new(pixels, [1, 8, 3, 224, 224]), device.device());
    let mut times = Vec::new();
    for _ in 0..=runs {
        let start = Instant::now();
        let encoding = model.encode_video(pixels.clone(), &VideoOptions::default()).expect("the pixels fit the config");
        let embed = encoding.embed.into_data();
        times.push(start.elapsed().as_secs_f64());
        assert!(embed.iter::<f32>().all(f32::is_finite));
    }
    let line = serde_json::json!({
        "name": "sgcr", "warm_up_s": times[0], "runs_s": times[1..], "peak_bytes": peak_resident_bytes(),
    });
    println!("{line}");
}

/// From the kernel's own count (Linux); 0 elsewhere.
fn peak_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
