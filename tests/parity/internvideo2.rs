//! InternVideo2's stage 2 against the original code, plain and with scene-graph tokens (tests/fixtures/internvideo2_tiny,
//! sgcr_iv2; tolerances from their READMEs).

use crate::support::{self, Stored, assert_close, config, fixture, floats, load, read, test_device};
use burn::tensor::{Device, Tensor};
use sgcr::config::{Activation, VideoPooling};
use sgcr::model::internvideo2::{Internvideo2, interpolated, sin_cos_table};
use sgcr::model::{StagedVideo as _, VideoOptions, VideoTextModel, cosines, is_matching_key, unit};
use sgcr::text::Tokenizer;
use sgcr::weights::{Checkpoint, HostTensor, Layout, TensorSource as _};
use std::collections::BTreeMap;

const NAME: &str = "internvideo2_tiny";
/// Of the plain model's outputs.
const ATOL: f32 = 3.6e-5;

/// The checkpoint's tensors that the model needs, by its names.
fn weights(file: &str) -> BTreeMap<String, Stored> {
    let source = Checkpoint::open(&fixture(&format!("{NAME}/{file}"))).unwrap();
    assert_eq!(source.layout(), Some(Layout::Internvideo2));
    assert!(source.left_out().iter().any(|name| name.ends_with("cls.predictions.bias")));
    let read_tensor = |name: &String| {
        let HostTensor { shape, values } = source.read(name).unwrap();
        (name.clone(), Stored { shape, floats: values })
    };
    source.tensors().keys().map(read_tensor).collect()
}

fn model(activation: Activation, device: &Device) -> VideoTextModel {
    let mut config = config(NAME);
    config.activation = activation;
    load(&config, &weights("checkpoint.safetensors"), device)
}

fn internvideo2(model: &VideoTextModel) -> &Internvideo2 {
    let VideoTextModel::Internvideo2(model) = model else { panic!("an InternVideo2 fixture") };
    model
}

fn expected() -> BTreeMap<String, Stored> {
    read(&format!("{NAME}/expected.safetensors"))
}

fn close<const D: usize>(expected: &BTreeMap<String, Stored>, key: &str, got: Tensor<D>) {
    assert_close(key, got, &expected[key], 1e-3, ATOL);
}

#[test]
fn internvideo2_checkpoints_hold_the_same_numbers_in_every_wrapper() {
    let (bare, wrapped) = (weights("checkpoint.safetensors"), weights("checkpoint_module.pt"));
    assert!(bare.len() > 100 && bare.keys().eq(wrapped.keys()));
    for (name, stored) in &bare {
        assert_eq!((&stored.shape, &stored.floats), (&wrapped[name].shape, &wrapped[name].floats), "{name}");
    }
}

#[test]
fn internvideo2_sees_videos_as_the_original() {
    let (device, expected) = (test_device(), expected());
    let model = model(Activation::Gelu, &device);
    let own = internvideo2(&model);
    let pixels: Tensor<5> = expected["pixels_demo"].tensor(&device);
    let [batch, frames, channels, side, _] = pixels.dims();
    let flat = pixels.clone().reshape([batch * frames, channels, side, side]);
    let patches = own.vision_encoder.patch_embed.proj.forward(flat);
    let [_, count, width] = patches.dims();
    close(&expected, "patch_embed", patches.reshape([batch, frames, count, width]));
    let (mut x, layout) = own.prepare(pixels.clone(), &VideoOptions::default()).unwrap();
    close(&expected, "embed", x.clone());
    let mut cls = Vec::new();
    for at in 0..own.blocks() {
        x = own.block(at, x);
        close(&expected, &format!("block{at}_out"), x.clone());
        cls.push(x.clone().narrow(1, 0, 1).squeeze_dim::<2>(1));
    }
    close(&expected, "block_cls", Tensor::stack::<3>(cls, 1));
    close(&expected, "x_vis", x.clone());
    close(&expected, "pooled_vision", own.vision_encoder.clip_projector.forward(x.clone()).squeeze_dim::<2>(1));
    let (embed, scene) = own.finish(x, layout);
    assert!(scene.is_none());
    close(&expected, "video_proj", embed);

    let options = VideoOptions { attention: true, cls_rows: true, ..VideoOptions::default() };
    let video = model.encode_video(pixels.clone(), &options).unwrap();
    close(&expected, "video_embed_norm", unit(video.embed));
    close(&expected, "cls_attn", video.cls_rows.unwrap());
    let shares = video.attention.unwrap();
    for sum in floats(shares.cls + shares.scene + shares.patch) {
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
    let first = model.encode_video(pixels.narrow(1, 0, 1), &VideoOptions::default()).unwrap();
    close(&expected, "image_embed_norm", unit(first.embed));
}

#[test]
fn internvideo2_with_the_activation_of_its_training() {
    let (device, expected) = (test_device(), expected());
    let model = model(Activation::GeluTanh, &device);
    assert_eq!(config(NAME).activation, Activation::GeluTanh);
    let pixels: Tensor<5> = expected["pixels_demo"].tensor(&device);
    let video = model.encode_video(pixels.clone(), &VideoOptions::default()).unwrap();
    close(&expected, "video_proj_gelutanh", video.embed);
    let own = internvideo2(&model);
    let (x, _) = own.prepare(pixels, &VideoOptions::default()).unwrap();
    close(&expected, "x_vis_gelutanh", (0..own.blocks()).fold(x, |x, at| own.block(at, x)));
}

#[test]
fn internvideo2_reads_captions_as_the_original() {
    let (device, expected) = (test_device(), expected());
    let model = model(Activation::Gelu, &device);
    let bert = &internvideo2(&model).text_encoder.bert;
    let ids = expected["token_ids"].ids(&device);
    let (mut x, mask) = bert.prepare(ids.clone()).unwrap();
    close(&expected, "text_hidden0", x.clone());
    for (at, block) in bert.embedding_blocks().iter().enumerate() {
        x = block.forward(x, mask.clone(), None);
        close(&expected, &format!("text_hidden{}", at + 1), x.clone());
    }
    close(&expected, "text_last", x);
    let text = model.encode_text(ids.clone()).unwrap();
    close(&expected, "text_proj", text.clone());
    close(&expected, "text_embed_norm", unit(text.clone()));
    // Columns that are padding in every row change nothing.
    let first = ids.clone().narrow(0, 0, 1);
    let length = floats(first.clone().float()).iter().rposition(|id| *id > 0.0).unwrap() + 1;
    assert!(length < ids.dims()[1]);
    let (alone, of_all) = (model.encode_text(first.narrow(1, 0, length)).unwrap(), text.clone().narrow(0, 0, 1));
    assert!(floats((alone - of_all).abs()).into_iter().fold(0.0, f32::max) < ATOL);

    let pixels: Tensor<5> = expected["pixels_demo"].tensor(&device);
    let video = model.encode_video(pixels, &VideoOptions::default()).unwrap();
    let similarity = cosines(video.embed, text);
    assert_close("similarity", similarity.clone(), &expected["similarity"], 0.0, ATOL);
    let probabilities = burn::tensor::activation::softmax(similarity * 100.0, 1);
    assert_close("probs_100", probabilities, &expected["probs_100"], 1e-2, 1e-4);
    assert!((floats(model.temperature())[0] - 0.0437).abs() < 1e-6);
}

#[test]
fn internvideo2_matches_captions_with_videos_as_the_original() {
    let (device, expected) = (test_device(), expected());
    let model = model(Activation::Gelu, &device);
    let wanted = VideoOptions { tokens: true, ..VideoOptions::default() };
    let video = model.encode_video(expected["pixels_demo"].tensor(&device), &wanted).unwrap();
    let tokens = video.tokens.unwrap();
    close(&expected, "x_vis", tokens.clone());
    let ids = expected["token_ids"].ids(&device);
    let of = |video: usize| tokens.clone().narrow(0, video, 1);
    let scores = |video: usize, ids| model.match_captions(&of(video), ids).unwrap();
    let all = Tensor::cat(vec![scores(0, ids.clone()), scores(1, ids.clone())], 1).transpose();
    close(&expected, "vtm_score", all);
    // One caption has the score that it has among others.
    let alone = Stored { shape: vec![1, 1], floats: vec![expected["vtm_score"].floats[6 + 2]] };
    assert_close("alone", scores(1, ids.clone().narrow(0, 2, 1)), &alone, 1e-3, ATOL);

    assert_eq!(model.match_captions(&tokens, ids.clone()).unwrap_err().code(), "shape-mismatch");
    assert_eq!(model.match_captions(&of(0).narrow(2, 0, 4), ids.clone()).unwrap_err().code(), "shape-mismatch");
    let mut config = config(NAME);
    config.internvideo2.as_mut().unwrap().matching_layers = 0;
    let mut weights = weights("checkpoint.safetensors");
    weights.retain(|name, _| !is_matching_key(name, config.text.layers));
    let embeds = load(&config, &weights, &device);
    assert!(model.can_match() && !embeds.can_match());
    assert_eq!(embeds.match_captions(&of(0), ids).unwrap_err().code(), "invalid-input");
}

#[test]
fn internvideo2_s_captions_become_the_original_s_ids() {
    let vocabulary = std::fs::read(fixture(&format!("{NAME}/vocab.txt"))).unwrap();
    let json = Tokenizer::bert_from_vocabulary(&vocabulary).unwrap();
    let tokenizer = Tokenizer::of_model(&json, "tokenizer.json", &config(NAME).text).unwrap();
    let text = std::fs::read_to_string(fixture(&format!("{NAME}/captions.json"))).unwrap();
    let captions: serde_json::Value = serde_json::from_str(&text).unwrap();
    let captions: Vec<&str> = captions.as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap()).collect();
    let ids: Vec<f32> = tokenizer.encode(&captions).unwrap().ids.iter().map(|id| *id as f32).collect();
    assert_eq!(ids, expected()["token_ids"].floats);
}

#[test]
fn internvideo2_s_positions_begin_and_are_interpolated_as_the_original_s() {
    let (device, expected) = (test_device(), expected());
    let table = Stored { shape: vec![65, 64], floats: sin_cos_table(4, 4, 64) };
    close(&expected, "sincos3d", table.tensor::<2>(&device));
    let key = "pos_embed_interp_t2x_hw+2";
    let stored = &weights("checkpoint.safetensors")["vision_encoder.pos_embed"];
    close(&expected, key, interpolated(stored.tensor(&device), [4, 4], [8, 6]));

    // A model that is given twice the frames, half as wide again.
    let mut larger = config(NAME);
    (larger.vision.frames, larger.vision.image_size) = (8, 42);
    let weights = weights("checkpoint.safetensors");
    let model = load(&larger, &weights, &device);
    let (x, _) =
        internvideo2(&model).prepare(Tensor::zeros([1, 8, 3, 42, 42], &device), &VideoOptions::default()).unwrap();
    let bias = weights["vision_encoder.patch_embed.proj.bias"].tensor::<1>(&device).reshape([1, 1, 64]);
    let cls = weights["vision_encoder.cls_token"].tensor::<3>(&device);
    let positions = Tensor::cat(vec![x.clone().narrow(1, 0, 1) - cls, x.narrow(1, 1, 8 * 36) - bias], 1);
    close(&expected, key, positions);
}

/// As the fixture orders tokens: CLS, then SG tokens and patches frame by frame.
fn frame_by_frame(x: Tensor<3>, frames: usize, scene: usize) -> Tensor<3> {
    let [batch, tokens, width] = x.dims();
    let patches = (tokens - 1) / frames - scene;
    let part =
        |start: usize, each: usize| x.clone().narrow(1, start, frames * each).reshape([batch, frames, each, width]);
    let both = Tensor::cat(vec![part(1, scene), part(1 + frames * scene, patches)], 2);
    Tensor::cat(vec![x.clone().narrow(1, 0, 1), both.reshape([batch, tokens - 1, width])], 1)
}

/// InternVideo2 with the fixture's SG tokens.
fn with_scene_tokens(activation: Activation, pooling: VideoPooling, device: &Device) -> VideoTextModel {
    let mut config = config("sgcr_iv2");
    (config.activation, config.scene_tokens.pooling) = (activation, pooling);
    let mut weights = weights("checkpoint.safetensors");
    weights.extend(read("sgcr_iv2/sg_params.safetensors"));
    load(&config, &weights, device)
}

#[test]
fn internvideo2_with_scene_tokens_is_the_reference() {
    let (device, plain, expected) = (test_device(), expected(), read("sgcr_iv2/expected.safetensors"));
    let model = with_scene_tokens(Activation::Gelu, VideoPooling::All, &device);
    let close2 = |key: &str, got: Tensor<2>| assert_close(key, got, &expected[key], 1e-3, 1e-4);
    let close4 = |key: &str, got: Tensor<4>, atol: f32| assert_close(key, got, &expected[key], 1e-3, atol);
    let own = internvideo2(&model);
    let scene = model.scene_tokens().unwrap();
    let pixels: Tensor<5> = plain["pixels_demo"].tensor(&device);

    let (_, patches) = own.vision_encoder.tokens(pixels.clone());
    close4("patch_tokens", patches.clone(), 1e-4);
    let stages = scene.forward(patches);
    close4("z_cross", stages.cross, 1e-4);
    close4("z_spatial", stages.spatial, 1e-4);
    close4("z_temporal", stages.temporal, 1e-4);
    let (mut x, _) = own.prepare(pixels.clone(), &VideoOptions::default()).unwrap();
    let mut cls = Vec::new();
    for at in 0..own.blocks() {
        x = own.block(at, x);
        cls.push(x.clone().narrow(1, 0, 1).squeeze_dim::<2>(1));
    }
    assert_close("block_cls", Tensor::stack::<3>(cls, 1), &expected["block_cls"], 1e-3, 1e-4);
    assert_close("x_vis", frame_by_frame(x.clone(), 4, 3), &expected["x_vis"], 1e-3, 1e-4);
    close2("pooled", own.vision_encoder.clip_projector.forward(x).squeeze_dim::<2>(1));

    let options = VideoOptions { attention: true, ..VideoOptions::default() };
    let video = model.encode_video(pixels.clone(), &options).unwrap();
    close2("video_proj", video.embed);
    let z_bar = video.scene.unwrap();
    close4("z_bar", z_bar.clone(), 1e-4);
    let shares = video.attention.unwrap();
    close2("attn_cls", shares.cls);
    close2("attn_sg", shares.scene);
    close2("attn_patch", shares.patch);

    // The fixture's classes: texts 0 to 3 and 2 to 5 of the plain model's, at temperature 0.05.
    let texts = unit(plain["text_proj"].tensor::<2>(&device));
    let (entities, predicates) = (texts.clone().narrow(0, 0, 4), texts.narrow(0, 2, 4));
    let heads = scene.heads(z_bar, entities, predicates, Tensor::from_floats([0.05], &device));
    close4("heads.logit_s", heads.logit_s, 1e-4 / 0.05);
    close4("heads.logit_o", heads.logit_o, 1e-4 / 0.05);
    close4("heads.logit_p", heads.logit_p, 1e-4 / 0.05);
    close4("heads.box_s", heads.box_s, 1e-4);
    close4("heads.box_o", heads.box_o, 1e-4);

    let without = VideoOptions { without_scene_tokens: true, ..VideoOptions::default() };
    let without = model.encode_video(pixels.clone(), &without).unwrap();
    assert!(without.scene.is_none());
    support::assert_close("video_proj", without.embed, &plain["video_proj"], 1e-3, ATOL);
    for (key, activation, pooling) in [
        ("video_proj_gelutanh", Activation::GeluTanh, VideoPooling::All),
        ("video_proj_pool_without_sg", Activation::Gelu, VideoPooling::WithoutScene),
    ] {
        let model = with_scene_tokens(activation, pooling, &device);
        close2(key, model.encode_video(pixels.clone(), &VideoOptions::default()).unwrap().embed);
    }
}

/// `w x + b`, one number at a time.
fn affine(x: &[f64], weight: &Stored, bias: &Stored) -> Vec<f64> {
    let rows = weight.floats.chunks_exact(x.len()).zip(&bias.floats);
    rows.map(|(row, b)| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(*b)).collect()
}

/// Choice 19's other reading, by hand from the reference's tokens: of CLS alone the pooling's attention is CLS.
#[test]
fn internvideo2_s_embedding_of_cls_alone_is_the_pooling_s_maps_of_it() {
    let (device, plain, reference) = (test_device(), expected(), read("sgcr_iv2/expected.safetensors"));
    let weights = weights("checkpoint.safetensors");
    let get = |name: &str| &weights[&format!("vision_encoder.clip_projector.{name}")];
    let [batch, tokens, width] = reference["x_vis"].shape[..] else { panic!("three axes") };
    let mut wanted = Vec::new();
    for video in 0..batch {
        let at = video * tokens * width;
        let cls: Vec<f64> = reference["x_vis"].floats[at..at + width].iter().map(|x| f64::from(*x)).collect();
        let mean = cls.iter().sum::<f64>() / width as f64;
        let variance = cls.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let norm = get("norm1_v.weight").floats.iter().zip(&get("norm1_v.bias").floats);
        let scale = (variance + 1e-5).sqrt().recip();
        let normed: Vec<f64> =
            cls.iter().zip(norm).map(|(x, (w, b))| (x - mean) * scale * f64::from(*w) + f64::from(*b)).collect();
        let value = affine(&normed, get("cross_attn.v.weight"), get("cross_attn.v_bias"));
        let pooled = affine(&value, get("cross_attn.proj.weight"), get("cross_attn.proj.bias"));
        wanted.extend(affine(&pooled, &weights["vision_proj.weight"], &weights["vision_proj.bias"]));
    }
    let shape = vec![batch, wanted.len() / batch];
    let wanted = Stored { shape, floats: wanted.into_iter().map(|x| x as f32).collect() };
    let model = with_scene_tokens(Activation::Gelu, VideoPooling::Cls, &device);
    let video = model.encode_video(plain["pixels_demo"].tensor(&device), &VideoOptions::default()).unwrap();
    assert_close("v of CLS", video.embed.clone(), &wanted, 1e-3, 1e-4);
    let all = &reference["video_proj"].floats;
    assert!(floats(video.embed).iter().zip(all).any(|(a, b)| (a - b).abs() > 0.05), "it is another embedding");
    assert!(video.scene.is_some());
}
