//! Our models against outputs of the original code (tests/fixtures; tolerances from each fixture's README).
#![allow(clippy::unwrap_used)]

#[path = "parity/internvideo2.rs"]
mod internvideo2;
#[path = "parity/overfit.rs"]
mod overfit;
mod peft;
mod support;
#[path = "parity/training.rs"]
mod training;

use burn::tensor::{Device, Int, Tensor, TensorData};
use sgcr::config::{CaptionCleaning, Dtype, ModelConfig};
use sgcr::error::Error;
use sgcr::eval::{Choice, SceneLabels, SceneReader};
use sgcr::event::{Abort, Silent};
use sgcr::model::viclip::Viclip;
use sgcr::model::{StagedVideo as _, VideoOptions, VideoTextModel, cosines, unit};
use sgcr::platform::{ComputeDevice, block_on};
use sgcr::session::Session;
use sgcr::source::DiskFolder;
use sgcr::text::{Tokenizer, word_level_json};
use sgcr::weights::{Checkpoint, HostTensor, Layout, TensorSource as _};
use std::collections::BTreeMap;
use support::{Stored, assert_close, config, load, prng, read, test_device};

struct Case {
    model: Viclip,
    inputs: BTreeMap<String, Stored>,
    expected: BTreeMap<String, Stored>,
    device: Device,
    frames: usize,
    atol: f32,
}

impl Case {
    fn viclip(name: &str, atol: f32) -> Self {
        let device = test_device();
        let config = config(name);
        let model = load(&config, &read(&format!("{name}/checkpoint.safetensors")), &device);
        let VideoTextModel::Viclip(model) = model else { panic!("a ViCLIP fixture") };
        let inputs = read(&format!("{name}/inputs.safetensors"));
        let expected = read(&format!("{name}/expected.safetensors"));
        Self { model, inputs, expected, device, frames: config.vision.frames, atol }
    }

    fn close<const D: usize>(&self, key: &str, got: Tensor<D>) {
        assert_close(key, got, &self.expected[key], 1e-3, self.atol);
    }

    fn pixels(&self) -> Tensor<5> {
        self.expected["pixels_demo"].tensor(&self.device)
    }

    fn face(&self) -> VideoTextModel {
        VideoTextModel::Viclip(self.model.clone())
    }

    /// Ours is frame by frame, the original's patch by patch.
    fn as_original(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [batch, count, width] = tokens.dims();
        let patches = (count - 1) / self.frames;
        let cls = tokens.clone().narrow(1, 0, 1);
        let rest = tokens.narrow(1, 1, count - 1).reshape([batch, self.frames, patches, width]);
        Tensor::cat(vec![cls, rest.swap_dims(1, 2).reshape([batch, count - 1, width])], 1)
    }

    fn video_stages(&self) {
        let encoder = &self.model.vision_encoder;
        let patches = encoder.patch_tokens(self.pixels()).unwrap();
        let [batch, _, _, width] = patches.dims();
        let x = Tensor::cat(vec![encoder.cls().expand([batch, 1, width]), patches.flatten(1, 2)], 1);
        self.close("embed_pre_ln", self.as_original(x.clone()));
        let mut x = encoder.ln_pre.forward(x);
        self.close("embed_post_ln", self.as_original(x.clone()));
        let mut cls = Vec::new();
        for (i, block) in encoder.transformer.resblocks.iter().enumerate() {
            x = block.forward(x, None);
            self.close(&format!("block{i}_out"), self.as_original(x.clone()));
            cls.push(x.clone().narrow(1, 0, 1).squeeze_dim::<2>(1));
        }
        self.close("block_cls", Tensor::stack::<3>(cls, 1));
        self.close("post_ln", self.as_original(encoder.ln_post.forward(x)));
    }

    fn patch_convolution(&self) {
        let [batch, frames, channels, side, _] = self.pixels().dims();
        let tokens =
            self.model.vision_encoder.conv1.forward(self.pixels().reshape([batch * frames, channels, side, side]));
        let [_, patches, width] = tokens.dims();
        let grid = patches.isqrt();
        let grid = tokens.reshape([batch, frames, grid, grid, width]).permute([0, 4, 1, 2, 3]);
        self.close("patch_conv", grid);
    }

    fn embeddings(&self) {
        let model = self.face();
        let options = VideoOptions { attention: true, cls_rows: true, ..VideoOptions::default() };
        let encoding = model.encode_video(self.pixels(), &options).unwrap();
        self.close("video_embed", encoding.embed.clone());
        self.close("video_embed_norm", unit(encoding.embed.clone()));
        let rows = encoding.cls_rows.unwrap();
        let [batch, layers, heads, count] = rows.dims();
        let flat = rows.reshape([batch, layers * heads, count]).swap_dims(1, 2);
        let rows = self.as_original(flat).swap_dims(1, 2).reshape([batch, layers, heads, count]);
        self.close("cls_attn", rows);

        let ids = self.expected["token_ids"].ids(&self.device);
        let text = model.encode_text(ids).unwrap();
        self.close("text_embed", text.clone());
        self.close("text_embed_norm", unit(text.clone()));
        let similarity = cosines(encoding.embed, text);
        assert_close("similarity", similarity.clone(), &self.expected["similarity"], 0.0, 1e-4);
        let probabilities = burn::tensor::activation::softmax(similarity * 100.0, 1);
        assert_close("probs_100", probabilities, &self.expected["probs_100"], 1e-2, 1e-4);

        let other = self.expected["pixels_eval_noaa"].tensor(&self.device);
        let other = model.encode_video(other, &VideoOptions::default()).unwrap().embed;
        self.close("video_embed_eval_noaa", other);
        let first = model.encode_video(self.pixels().narrow(1, 0, 1), &VideoOptions::default()).unwrap();
        self.close("image_embed_t1", first.embed);
    }

    fn text_stages(&self) {
        let tower = self.model.text_encoder.tower();
        let ids = self.expected["token_ids"].ids(&self.device);
        let mut x = tower.embed(ids).unwrap();
        let mask = sgcr::model::causal_mask(x.dims()[1], &self.device);
        let ends: Vec<usize> = self.expected["eot_index"].floats.iter().map(|&i| i as usize).collect();
        let mut at_end = Vec::new();
        for (i, block) in tower.transformer.resblocks.iter().enumerate() {
            x = block.forward(x, Some(mask.clone()));
            self.close(&format!("text_block{i}_out"), x.clone());
            let rows = ends.iter().enumerate().map(|(b, &end)| x.clone().narrow(0, b, 1).narrow(1, end, 1));
            at_end.push(Tensor::cat(rows.collect(), 0).squeeze_dim::<2>(1));
        }
        self.close("text_block_eot", Tensor::stack::<3>(at_end, 1));
        self.close("text_final_ln", tower.ln_final.forward(x));
    }

    fn masked(&self) {
        let patches = self.model.config().vision.patches();
        let kept = &self.inputs["mask_keep_index"];
        // The fixture counts patch by patch, we count frame by frame.
        let ours = |index: f32| (index as usize % self.frames * patches + index as usize / self.frames) as i32;
        let kept: TensorData =
            TensorData::new(kept.floats.iter().map(|&i| ours(i)).collect::<Vec<i32>>(), kept.shape.clone());
        let keep = Some(Tensor::<2, Int>::from_data(kept, &self.device));
        let options = VideoOptions { keep, ..VideoOptions::default() };
        self.close("video_embed_masked", self.face().encode_video(self.pixels(), &options).unwrap().embed);
    }

    fn all(&self) {
        self.patch_convolution();
        self.video_stages();
        self.embeddings();
        self.text_stages();
        self.masked();
    }
}

#[test]
fn viclip_with_the_real_vocabulary() {
    Case::viclip("viclip_tiny", 8.1e-5).all();
}

#[test]
fn viclip_with_another_shape() {
    Case::viclip("viclip_tiny_ids", 6.2e-5).all();
}

/// CLIP-ViP with its published names, against one dense mask over the whole sequence.
#[test]
fn clip_vip_s_frames_share_proxy_tokens() {
    let device = test_device();
    let source = Checkpoint::open(&support::fixture("clip_vip_tiny/checkpoint.pt")).unwrap();
    assert_eq!(source.layout(), Some(Layout::ClipVip));
    let read_tensor = |name: &String| {
        let HostTensor { shape, values } = source.read(name).unwrap();
        (name.clone(), Stored { shape, floats: values })
    };
    let stored = source.tensors().keys().map(read_tensor).collect();
    let model = load(&config("clip_vip_tiny"), &stored, &device);
    let VideoTextModel::Clip(clip) = &model else { panic!("a CLIP fixture") };
    let proxies = clip.visual.proxies.as_ref().unwrap();
    let (inputs, expected) = (read("clip_vip_tiny/inputs.safetensors"), read("clip_vip_tiny/expected.safetensors"));
    for frames in [4, 6, 1] {
        let close = |key: &str, got: Tensor<4>| {
            assert_close(key, got, &expected[&format!("{key}_{frames}")], 0.0, 1e-4);
        };
        let pixels: Tensor<5> = inputs[&format!("pixels_{frames}")].tensor(&device);
        let mut x = clip.visual.prepare_video(proxies, pixels.clone());
        let mut blocks = Vec::new();
        for block in &clip.visual.transformer.resblocks {
            x = block.forward_by_frame(x, proxies.shared(), frames, false).0;
            blocks.push(x.clone());
        }
        close("blocks", Tensor::stack::<4>(blocks, 1));
        let options = VideoOptions { attention: true, cls_rows: true, ..VideoOptions::default() };
        let video = model.encode_video(pixels, &options).unwrap();
        let key = format!("video_embed_{frames}");
        assert_close(&key, video.embed, &expected[&key], 0.0, 1e-4);
        close("cls_attn", video.cls_rows.unwrap());
        let shares = video.attention.unwrap();
        for sum in support::floats(shares.cls + shares.scene + shares.patch) {
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
    }
    let text = model.encode_text(inputs["token_ids"].ids(&device)).unwrap();
    assert_close("text_embed", text, &expected["text_embed"], 0.0, 1e-4);
}

#[test]
fn clip_averaged_over_frames() {
    let device = test_device();
    let expected = read("clip_tiny/expected.safetensors");
    let model = load(&config("clip_tiny"), &read("clip_tiny/checkpoint.safetensors"), &device);
    let VideoTextModel::Clip(clip) = &model else { panic!("a CLIP fixture") };

    let pixels: Tensor<5> = expected["pixels"].tensor(&device);
    let [batch, frames, channels, side, _] = pixels.dims();
    let (each, _) = clip.visual.forward(pixels.clone().reshape([batch * frames, channels, side, side]), false);
    let width = each.dims()[1];
    let each = each.reshape([batch, frames, width]);
    assert_close("frame_embeds", each.clone(), &expected["frame_embeds"], 0.0, 1e-4);
    let normalised = unit(unit(each).mean_dim(1).squeeze_dim::<2>(1));
    assert_close("framenorm", normalised, &expected["video_embed_norm_framenorm"], 0.0, 1e-4);

    let options = VideoOptions { attention: true, ..VideoOptions::default() };
    let video = model.encode_video(pixels, &options).unwrap();
    assert_close("video_embed_norm", unit(video.embed.clone()), &expected["video_embed_norm"], 0.0, 1e-4);
    let shares = video.attention.unwrap();
    for sum in support::floats(shares.cls + shares.scene + shares.patch) {
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }

    let text = model.encode_text(expected["token_ids"].ids(&device)).unwrap();
    assert_close("text_embed", text.clone(), &expected["text_embed"], 0.0, 1e-4);
    assert_close("text_embed_norm", unit(text.clone()), &expected["text_embed_norm"], 0.0, 1e-4);
    let cosines = cosines(video.embed, text);
    assert_close("similarity", cosines.clone(), &expected["similarity"], 0.0, 1e-4);
    // The tolerance of the cosines, scaled as the cosines are.
    let logits = cosines / model.temperature().unsqueeze::<2>();
    assert_close("logits", logits, &expected["logits"], 0.0, 1e-4 * 3.1f32.exp());
}

/// A model folder of a TorchScript archive, as published but small.
fn torchscript_folder(archive: &str, tokenizer: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        std::fs::copy(support::fixture(&format!("clip_torchscript/{from}")), folder.path().join(to)).unwrap();
    };
    copy(archive, "model.pt");
    copy("config.json", "config.json");
    if let Some(json) = tokenizer {
        std::fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    }
    folder
}

fn open_session(folder: &tempfile::TempDir) -> Result<Session, Error> {
    let device = block_on(ComputeDevice::open("cpu".parse().unwrap())).unwrap();
    let folder = DiskFolder::open(folder.path()).unwrap();
    block_on(Session::open(folder, device, Dtype::F32, &mut Silent, &Abort::default()))
}

#[test]
fn clip_from_a_torchscript_archive() {
    let expected = read("clip_torchscript/expected.safetensors");
    for (archive, kind) in [("scripted_f32.pt", "f32"), ("traced_f16.pt", "f16")] {
        let session = open_session(&torchscript_folder(archive, None)).unwrap();
        let (model, device) = (session.model(), session.device().device());
        let video = model.encode_video(expected["pixels"].tensor(device), &VideoOptions::default()).unwrap();
        let text = model.encode_text(expected["token_ids"].ids(device)).unwrap();
        let close = |name: &str, got: Tensor<2>| {
            let name = format!("{kind}.{name}");
            assert_close(&name, got, &expected[&name], 0.0, 1e-4);
        };
        close("video_embed_norm", unit(video.embed));
        close("text_embed", text.clone());
        close("text_embed_norm", unit(text));
    }
}

#[test]
fn a_tokenizer_must_fit_the_model() {
    // The model has 48 ids; four of the vocabulary are no words.
    let json = |words: usize| word_level_json(&(0..words).map(|i| format!("w{i}")).collect::<Vec<_>>());
    let open = |json: &str| open_session(&torchscript_folder("scripted_f32.pt", Some(json)));
    assert!(open(&json(44)).is_ok());
    let error = |json: &str| {
        let error = open(json).err().unwrap();
        assert_eq!(error.code(), "invalid-input", "{error}");
        error.to_string()
    };
    assert!(error(&json(45)).contains("go up to 48"));
    let swapped = json(44).replace("<|start", "<|x").replace("<|end", "<|start").replace("<|x", "<|end");
    assert!(error(&swapped).contains("end token has id 46"));
}

/// The backbone with its LoRA pairs merged (W + alpha/r B A), and the SG parameters.
fn merged(name: &str) -> (ModelConfig, BTreeMap<String, Stored>) {
    let text = std::fs::read_to_string(support::fixture(&format!("{name}/config.json"))).unwrap();
    let scale = serde_json::from_str::<serde_json::Value>(&text).unwrap()["lora_scale"].as_f64().unwrap() as f32;
    let mut weights = read(&format!("{name}/backbone.safetensors"));
    let mut pairs: BTreeMap<String, (Option<Stored>, Option<Stored>)> = BTreeMap::new();
    for (key, stored) in read(&format!("{name}/sg_params.safetensors")) {
        let parts: Vec<&str> = key.split('.').collect();
        let ["lora", tower, layer, target, factor] = parts[..] else {
            weights.insert(key, stored);
            continue;
        };
        let target = match target {
            "in_proj" => "attn.in_proj_weight",
            "out_proj" => "attn.out_proj.weight",
            "c_fc" => "mlp.c_fc.weight",
            "c_proj" => "mlp.c_proj.weight",
            other => panic!("LoRA on {other}"),
        };
        let pair = pairs.entry(format!("{tower}_encoder.transformer.resblocks.{layer}.{target}")).or_default();
        if factor == "A" { pair.0 = Some(stored) } else { pair.1 = Some(stored) }
    }
    assert!(!pairs.is_empty());
    for (key, pair) in pairs {
        let (a, b) = (pair.0.unwrap(), pair.1.unwrap());
        let (rank, inputs) = (a.shape[0], a.shape[1]);
        let weight = weights.get_mut(&key).unwrap();
        for (i, value) in weight.floats.iter_mut().enumerate() {
            let (row, column) = (i / inputs, i % inputs);
            let product = (0..rank).map(|k| b.floats[row * rank + k] * a.floats[k * inputs + column]);
            *value += scale * product.sum::<f32>();
        }
    }
    (config(name), weights)
}

fn scene_tokens(name: &str, atol: f32) {
    let device = test_device();
    let (config, weights) = merged(name);
    let model = load(&config, &weights, &device);
    let inputs = read(&format!("{name}/inputs.safetensors"));
    let expected = read(&format!("{name}/expected.safetensors"));
    let close4 = |key: &str, got: Tensor<4>, atol: f32| assert_close(key, got, &expected[key], 1e-3, atol);
    let close2 = |key: &str, got: Tensor<2>| assert_close(key, got, &expected[key], 1e-3, atol);
    let VideoTextModel::Viclip(viclip) = &model else { panic!("a ViCLIP fixture") };
    let scene = model.scene_tokens().unwrap();
    let pixels: Tensor<5> = inputs["sg_px"].tensor(&device);

    let patches = viclip.vision_encoder.patch_tokens(pixels.clone()).unwrap();
    close4("sg.patch_tokens", patches.clone(), atol);
    let stages = scene.forward(patches);
    close4("sg.z_cross", stages.cross, atol);
    close4("sg.z_spatial", stages.spatial, atol);
    close4("sg.z_temporal", stages.temporal, atol);

    let (mut x, _) = viclip.prepare(pixels.clone(), &VideoOptions::default()).unwrap();
    let mut cls = Vec::new();
    for block in &viclip.vision_encoder.transformer.resblocks {
        x = block.forward(x, None);
        cls.push(x.clone().narrow(1, 0, 1).squeeze_dim::<2>(1));
    }
    assert_close("sg.block_cls", Tensor::stack::<3>(cls, 1), &expected["sg.block_cls"], 1e-3, atol);

    let options = VideoOptions { attention: true, ..VideoOptions::default() };
    let video = model.encode_video(pixels.clone(), &options).unwrap();
    close2("sg.video_embed", video.embed);
    let z_bar = video.scene.unwrap();
    close4("sg.z_bar", z_bar.clone(), atol);
    let shares = video.attention.unwrap();
    close2("sg.attn_cls", shares.cls);
    close2("sg.attn_sg", shares.scene);
    close2("sg.attn_patch", shares.patch);

    let classes = |key: &str| unit(model.encode_text(inputs[key].ids(&device)).unwrap());
    let temperature = support::floats(model.temperature())[0];
    let heads = scene.heads(z_bar, classes("entity_ids"), classes("predicate_ids"), model.temperature());
    // The tolerance of embeddings, scaled as the cosines are.
    close4("heads.logit_s", heads.logit_s, atol / temperature);
    close4("heads.logit_o", heads.logit_o, atol / temperature);
    close4("heads.logit_p", heads.logit_p, atol / temperature);
    close4("heads.box_s", heads.box_s, atol);
    close4("heads.box_o", heads.box_o, atol);

    let pairs = model.encode_video(inputs["pair_px"].tensor(&device), &VideoOptions::default()).unwrap();
    close2("pair_video_embed", pairs.embed);
    close2("pair_text_embed", model.encode_text(inputs["pair_ids"].ids(&device)).unwrap());
    let plain = VideoOptions { without_scene_tokens: true, ..VideoOptions::default() };
    let plain = model.encode_video(pixels, &plain).unwrap();
    assert!(plain.scene.is_none());
    close2("video_embed_without_sg_tokens", plain.embed);
}

#[test]
fn shared_scene_tokens_by_bare_attention() {
    scene_tokens("sgcr_literal", 5e-5);
}

#[test]
fn scene_tokens_of_each_frame_by_residual_blocks() {
    scene_tokens("sgcr_block", 2e-4);
}

/// Rows of ids between start and end, as words of a vocabulary that calls id 7 "w7".
fn as_words(ids: &Stored) -> Vec<String> {
    let end = ids.floats.iter().copied().fold(0.0, f32::max);
    let rows = ids.floats.chunks(ids.shape[1]).map(|row| {
        let said = row[1..].iter().take_while(|id| **id != end).map(|id| format!("w{id}"));
        said.collect::<Vec<_>>().join(" ")
    });
    rows.collect()
}

/// The chosen labels are the largest of the reference's softmax, and as likely as there.
fn assert_chosen(what: &str, got: &[Choice<'_>], labels: &[String], logits: &Stored, tolerance: f64) {
    let classes = labels.len() + 1;
    assert_eq!(logits.floats.len(), got.len() * classes, "{what}");
    for (at, (choice, logits)) in got.iter().zip(logits.floats.chunks(classes)).enumerate() {
        let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        let probabilities: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp() / sum).collect();
        let label = labels.iter().position(|label| label == choice.label).unwrap();
        let best = probabilities[..labels.len()].iter().copied().fold(0.0, f64::max);
        for (got, expected) in [(choice.probability, best), (choice.none, probabilities[labels.len()])] {
            assert!((f64::from(got) - expected).abs() < tolerance, "{what} {at}: {got} instead of {expected}");
        }
        assert!(best - probabilities[label] < tolerance, "{what} {at}: \"{}\" is not the likeliest", choice.label);
    }
}

/// SG tokens in words: the labels' texts go through a tokenizer and the text encoder here, as ids there.
#[test]
fn triplets_in_words_are_the_references() {
    for (name, atol) in [("sgcr_literal", 5e-5), ("sgcr_block", 2e-4)] {
        let device = test_device();
        let (config, weights) = merged(name);
        let model = load(&config, &weights, &device);
        let inputs = read(&format!("{name}/inputs.safetensors"));
        let expected = read(&format!("{name}/expected.safetensors"));
        let words: Vec<String> = (2..config.text.vocab_size - 2).map(|id| format!("w{id}")).collect();
        let json = word_level_json(&words);
        let (cleaning, context) = (CaptionCleaning::Plain, config.text.context_length);
        let tokenizer = Tokenizer::from_json(json.as_bytes(), "tokenizer.json", cleaning, context).unwrap();
        let labels = SceneLabels::new(as_words(&inputs["entity_ids"]), as_words(&inputs["predicate_ids"])).unwrap();
        let reader = SceneReader::new(&model, &tokenizer, &labels, &device).unwrap();
        let pixels = inputs["sg_px"].tensor(&device);
        let z_bar = model.encode_video(pixels, &VideoOptions::default()).unwrap().scene.unwrap();
        let triplets = reader.triplets(&support::floats(reader.numbers(z_bar)));

        // The tolerance of embeddings, scaled as cosines are; a probability moves by a quarter of its logit at most.
        let tolerance = f64::from(atol / support::floats(model.temperature())[0]);
        let subjects: Vec<_> = triplets.iter().map(|triplet| triplet.subject).collect();
        let predicates: Vec<_> = triplets.iter().map(|triplet| triplet.predicate).collect();
        let objects: Vec<_> = triplets.iter().map(|triplet| triplet.object).collect();
        assert_chosen("subjects", &subjects, labels.entities(), &expected["heads.logit_s"], tolerance);
        assert_chosen("predicates", &predicates, labels.predicates(), &expected["heads.logit_p"], tolerance);
        assert_chosen("objects", &objects, labels.entities(), &expected["heads.logit_o"], tolerance);
        let boxes = |pick: &dyn Fn(usize) -> [f32; 4]| (0..triplets.len()).flat_map(pick).collect::<Vec<f32>>();
        for (what, got) in [
            ("heads.box_s", boxes(&|at| triplets[at].subject_box)),
            ("heads.box_o", boxes(&|at| triplets[at].object_box)),
        ] {
            let worst = got.iter().zip(&expected[what].floats).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(got.len(), expected[what].floats.len());
            assert!(worst <= atol, "{name} {what}: off by {worst:e}");
        }
    }
}

#[test]
fn prng_gives_the_published_numbers() {
    let expected = [-0.406_440_4, 1.659_582_3, 0.331_587_5, -0.889_585];
    assert_eq!(prng::numbers("vision_encoder.proj", 3001, 0.0, 1.0, 4), expected);
    let init = std::fs::read_to_string(support::fixture("viclip_tiny_ids/init.json")).unwrap();
    let drawn = prng::weights(&serde_json::from_str(&init).unwrap());
    let stored = read("viclip_tiny_ids/checkpoint.safetensors");
    assert_eq!(drawn.len(), stored.len());
    for (key, stored) in &stored {
        assert_eq!(drawn[key].floats, stored.floats, "{key}");
    }
}
