//! ViCLIP-B/16 at its real shape against the original code's outputs, with times. Run from the crate's root:
//! `cargo run --release --example verify_viclip_b16` (`SGCR_TEST_DEVICE` as in the tests). Weights are drawn by the
//! fixture's rule; needs about 2 GB of memory. Fails when a stage is off by more than the fixture's tolerance.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

use burn::tensor::{Int, Tensor, TensorData};
use sgcr::model::{StagedVideo as _, VideoOptions, VideoTextModel, cosines, unit};
use std::time::Instant;
use support::{config, excess, load, prng, read, test_device};

/// Tolerance of the embeddings (README of the fixture).
const ATOL: f32 = 2e-4;

fn main() {
    let name = "viclip_b16";
    let device = test_device();
    let expected = read(&format!("{name}/expected.safetensors"));
    let inputs = read(&format!("{name}/inputs.safetensors"));
    let init = std::fs::read_to_string(support::fixture(&format!("{name}/init.json"))).unwrap();
    let start = Instant::now();
    let weights = prng::weights(&serde_json::from_str(&init).unwrap());
    let model = load(&config(name), &weights, &device);
    drop(weights);
    println!("weights drawn and loaded in {:.1} s", start.elapsed().as_secs_f32());
    let VideoTextModel::Viclip(viclip) = &model else { panic!("a ViCLIP config") };
    let mut worst = 0.0f32;
    let mut report = |key: &str, difference: f32| {
        println!("{key:24} max abs difference {difference:.2e}");
        worst = worst.max(difference);
    };

    let pixels: Tensor<5> = expected["pixels_demo"].tensor(&device);
    let (x, _) = viclip.prepare(pixels.clone(), &VideoOptions::default()).unwrap();
    // The fixture keeps the first 24 tokens, patch by patch: CLS, patch 0 of frames 1 to 8, patch 1 ...
    let [_, count, width] = x.dims();
    let patches = (count - 1) / 8;
    let by_patch = x.clone().narrow(1, 1, count - 1).reshape([1, 8, patches, width]).swap_dims(1, 2);
    let head = Tensor::cat(vec![x.narrow(1, 0, 1), by_patch.reshape([1, count - 1, width]).narrow(1, 0, 23)], 1);
    report("embed_post_ln_head", excess(head, &expected["embed_post_ln_head"], 0.0));

    let time = |what: &str, run: &dyn Fn() -> Tensor<2>| {
        let start = Instant::now();
        let result = run();
        device.sync().unwrap();
        println!("{what}: {:.2} s", start.elapsed().as_secs_f32());
        result
    };
    let plain = VideoOptions::default();
    let video = time("one clip", &|| model.encode_video(pixels.clone(), &plain).unwrap().embed);
    let again = time("one clip, again", &|| model.encode_video(pixels.clone(), &plain).unwrap().embed);
    report("video_embed", excess(video.clone(), &expected["video_embed"], 0.0));
    report("video_embed, again", excess(again, &expected["video_embed"], 0.0));
    report("video_embed_norm", excess(unit(video.clone()), &expected["video_embed_norm"], 0.0));
    let ids = expected["token_ids"].ids(&device);
    let text = time("six captions", &|| model.encode_text(ids.clone()).unwrap());
    report("text_embed", excess(text.clone(), &expected["text_embed"], 0.0));
    report("similarity", excess(cosines(video, text), &expected["similarity"], 0.0));

    let options = VideoOptions { cls_rows: true, ..VideoOptions::default() };
    let rows = model.encode_video(pixels.clone(), &options).unwrap().cls_rows.unwrap();
    let [batch, layers, heads, count] = rows.dims();
    let by_patch = rows.clone().narrow(3, 1, count - 1).reshape([layers * heads, 8, patches]).swap_dims(1, 2);
    let by_patch = by_patch.reshape([batch, layers, heads, count - 1]);
    report("cls_attn", excess(Tensor::cat(vec![rows.narrow(3, 0, 1), by_patch], 3), &expected["cls_attn"], 0.0));

    let image = model.encode_video(pixels.clone().narrow(1, 0, 1), &plain).unwrap().embed;
    report("image_embed_t1", excess(image, &expected["image_embed_t1"], 0.0));
    let kept = &inputs["mask_keep_index"];
    let ours = kept.floats.iter().map(|&i| (i as usize % 8 * patches + i as usize / 8) as i32);
    let kept = TensorData::new(ours.collect::<Vec<i32>>(), kept.shape.clone());
    let keep = Some(Tensor::<2, Int>::from_data(kept, &device));
    let masked = model.encode_video(pixels, &VideoOptions { keep, ..VideoOptions::default() }).unwrap().embed;
    report("video_embed_masked", excess(masked, &expected["video_embed_masked"], 0.0));
    assert!(worst <= ATOL, "off by {worst:e}, allowed {ATOL:e}");
    println!("all within {ATOL:e}");
}
