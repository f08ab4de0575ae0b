//! InternVideo2-1B (stage 2) at its real shape against the original code's outputs, with times. Run from the crate's root:
//! `cargo run --release --example verify_internvideo2_1b` (`SGCR_TEST_DEVICE` as in the tests). Weights are drawn by the
//! fixture's rule; needs about 8 GB of memory. Fails when an output is off by more than the fixture's tolerance.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

use burn::tensor::{Device, Tensor, TensorData};
use sgcr::config::{Activation, ModelConfig};
use sgcr::model::{StagedVideo, VideoOptions, VideoTextModel, cosines, unit};
use sgcr::weights::module::{DeviceTensor, LoadRules, apply};
use sgcr::weights::tensors_of;
use std::collections::BTreeMap;
use std::time::Instant;
use support::{Stored, config, excess, prng, read, test_device};

const NAME: &str = "internvideo2_1b";
/// Tolerances of embeddings and of the blocks' outputs (README of the fixture).
const TOLERANCES: [f32; 2] = [1e-4, 1e-3];

/// Each tensor is drawn, uploaded and dropped, so that the weights are in memory once.
fn drawn(config: &ModelConfig, device: &Device) -> VideoTextModel {
    let init = std::fs::read_to_string(support::fixture(&format!("{NAME}/init.json"))).unwrap();
    let init: serde_json::Value = serde_json::from_str(&init).unwrap();
    let seed = init["seed"].as_u64().unwrap();
    let mut tensors = BTreeMap::new();
    for (key, shape) in tensors_of(config) {
        let rule = &init["tensors"][&key];
        let number = |name: &str| rule[name].as_f64().unwrap();
        let count = shape.iter().product();
        let values = prng::numbers(&key, seed, number("mean"), number("std"), count);
        let values = Tensor::from_data(TensorData::new(values, [count]), device);
        tensors.insert(key, DeviceTensor { shape, values });
    }
    apply(VideoTextModel::empty(config, device), tensors, "fixture", &LoadRules::default()).unwrap()
}

/// Outputs that were compared, and whether each was near enough.
struct Verdict {
    expected: BTreeMap<String, Stored>,
    failed: Vec<String>,
}

impl Verdict {
    fn hold<const D: usize>(&mut self, key: &str, got: Tensor<D>, tolerance: f32) {
        let difference = excess(got, &self.expected[key], 0.0);
        println!("{key:24} max abs difference {difference:.2e}, allowed {tolerance:.0e}");
        if difference.is_nan() || difference > tolerance {
            self.failed.push(key.to_owned());
        }
    }
}

/// A clip through the encoder block by block: CLS after each block, the attention of CLS in the first and last.
fn watch(encoder: &dyn StagedVideo, pixels: Tensor<5>, names: [&str; 2], verdict: &mut Verdict) {
    let [blocks, embed] = names;
    let [small, large] = TOLERANCES;
    let start = Instant::now();
    let (mut x, layout) = encoder.prepare(pixels, &VideoOptions::default()).unwrap();
    let mut cls = Vec::new();
    for at in 0..encoder.blocks() {
        x = encoder.block(at, x);
        cls.push(x.clone().narrow(1, 0, 1).squeeze_dim::<2>(1));
    }
    let (video, _) = encoder.finish(x, layout);
    verdict.hold(blocks, Tensor::stack::<3>(cls, 1), large);
    verdict.hold(embed, video, small);
    println!("a clip in {:.1} s", start.elapsed().as_secs_f32());
}

fn main() {
    let device = test_device();
    let [small, large] = TOLERANCES;
    let start = Instant::now();
    let exact = ModelConfig { activation: Activation::Gelu, ..config(NAME) };
    let model = drawn(&exact, &device);
    println!("weights drawn and loaded in {:.1} s", start.elapsed().as_secs_f32());
    let pixels: Tensor<5> = read(&format!("{NAME}/inputs.safetensors"))["pixels_demo"].tensor(&device);
    let mut verdict = Verdict { expected: read(&format!("{NAME}/expected.safetensors")), failed: Vec::new() };
    let encoder = model.staged().unwrap();
    let (head, _) = encoder.prepare(pixels.clone(), &VideoOptions::default()).unwrap();
    verdict.hold("embed_head", head.narrow(1, 0, 8), large);
    watch(encoder, pixels.clone(), ["block_cls", "video_proj"], &mut verdict);

    let options = VideoOptions { cls_rows: true, ..VideoOptions::default() };
    let video = model.encode_video(pixels.clone(), &options).unwrap();
    let rows = video.cls_rows.unwrap();
    for (key, layer) in [("cls_attn_l0", 0), ("cls_attn_l39", 39)] {
        verdict.hold(key, rows.clone().narrow(1, layer, 1).squeeze_dim::<3>(1), small);
    }
    verdict.hold("video_embed_norm", unit(video.embed.clone()), small);
    let ids = verdict.expected["token_ids"].ids(&device);
    let start = Instant::now();
    let text = model.encode_text(ids).unwrap();
    verdict.hold("text_proj", text.clone(), small);
    println!("six captions in {:.1} s", start.elapsed().as_secs_f32());
    verdict.hold("text_embed_norm", unit(text.clone()), small);
    verdict.hold("similarity", cosines(video.embed, text), small);
    drop(model);

    let trained = ModelConfig { activation: Activation::GeluTanh, ..exact };
    let model = drawn(&trained, &device);
    watch(model.staged().unwrap(), pixels, ["block_cls_gelutanh", "video_proj_gelutanh"], &mut verdict);
    assert!(verdict.failed.is_empty(), "too far off: {}", verdict.failed.join(", "));
    println!("all within their tolerances");
}
