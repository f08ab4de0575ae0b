use super::*;
use crate::config::{LoraConfig, LoraTowers, ModelConfig};
use crate::model::{VideoOptions, is_temperature_key};
use crate::nn::Lora;
use crate::source::{DiskFolder, MemoryFolder};
use crate::weights::module::{LoadRules, apply};
use crate::weights::{Checkpoint, fingerprint};
use burn::tensor::{Device, Int, Tensor, TensorData};
use pollster::block_on;
use std::path::{Path, PathBuf};

fn fixture(path: &str) -> PathBuf {
    Path::new("tests/fixtures").join(path)
}

fn config(name: &str) -> ModelConfig {
    let text = std::fs::read_to_string(fixture(name).join("config.json")).unwrap();
    ModelConfig::from_json(&text, "config.json").unwrap()
}

fn load(config: &ModelConfig, checkpoint: &str) -> VideoTextModel {
    let source = Checkpoint::open(&fixture(checkpoint)).unwrap();
    let tensor = |name: &String| (name.clone(), source.read(name).unwrap().upload(&Device::flex()));
    let tensors = source.tensors().keys().map(tensor).collect();
    apply(VideoTextModel::empty(config, &Device::flex()), tensors, checkpoint, &LoadRules::default()).unwrap()
}

fn tiny() -> VideoTextModel {
    load(&config("viclip_tiny_ids"), "viclip_tiny_ids/checkpoint.safetensors")
}

/// Every tensor of a fixture's file.
fn tensors(path: &str) -> BTreeMap<String, HostTensor> {
    let source = Checkpoint::open_part(&fixture(path)).unwrap();
    source.tensors().keys().map(|name| (name.clone(), source.read(name).unwrap())).collect()
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn assert_near(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: off by {worst}, allowed {tolerance}");
}

fn host(shape: &[usize], number: impl Fn(usize) -> f32) -> HostTensor {
    HostTensor { shape: shape.to_vec(), values: (0..shape.iter().product()).map(number).collect() }
}

/// Clip and caption embeddings of patterned inputs.
fn embed(model: &VideoTextModel) -> Vec<f32> {
    let vision = &model.config().vision;
    let shape = [1, vision.frames, 3, vision.image_size, vision.image_size];
    let pixels = host(&shape, |i| (i * 37 % 101) as f32 / 50.0 - 1.0).values;
    let pixels = Tensor::<5>::from_data(TensorData::new(pixels, shape), &Device::flex());
    let last = (model.config().text.vocab_size - 1) as i32;
    let ids = Tensor::<2, Int>::from_data([[7, 3, last / 2, last, 0, 0]], &Device::flex());
    let video = model.encode_video(pixels, &VideoOptions::default()).unwrap().embed;
    let text = model.encode_text(ids).unwrap();
    [floats(video), floats(text)].concat()
}

fn folder(adapter: &Adapter) -> MemoryFolder {
    MemoryFolder::new("memory", adapter.to_files().unwrap())
}

fn read(folder: &MemoryFolder) -> Result<Adapter> {
    block_on(Adapter::read(folder))
}

/// Adapters on both encoders whose B is not zero.
fn trained(config: &LoraConfig, seed: u64) -> Adapter {
    let mut model = tiny();
    model.add_adapters(config, seed).unwrap();
    let base = AdapterBase { name: Some("tiny".to_owned()), sha256: Some(block_on(fingerprint(&tiny())).unwrap()) };
    let mut adapter = block_on(Adapter::of(&model, "memory", base, is_temperature_key)).unwrap();
    for (at, pair) in adapter.pairs.values_mut().enumerate() {
        pair.b = host(&pair.b.shape.clone(), |i| ((i * 31 + at + seed as usize) % 17) as f32 / 80.0 - 0.1);
    }
    adapter
}

fn both() -> LoraConfig {
    LoraConfig { rank: 3, alpha: 5.0, dropout: 0.1, towers: LoraTowers::Both, ..LoraConfig::default() }
}

/// The folder that PEFT itself saved, against the factors PyTorch held then; and PEFT's merged weights, of three steps
/// later.
#[test]
fn peft_s_own_folder_is_read() {
    let folder = DiskFolder::open(fixture("lora/peft_adapter")).unwrap();
    let adapter = block_on(Adapter::read(&folder)).unwrap();
    let expected = tensors("lora/tensors.safetensors");
    assert_eq!(adapter.pairs.keys().collect::<Vec<_>>(), ["q", "v"]);
    let matrix = |tensor: &HostTensor| {
        let shape = [tensor.shape[0], tensor.shape[1]];
        tensor.clone().upload(&Device::flex()).values.reshape(shape)
    };
    for (name, pair) in &adapter.pairs {
        let at = |step: &str, factor: &str| {
            &expected[&format!("{step}.base_model.model.{name}.lora_{factor}.default.weight")]
        };
        assert_eq!((&pair.a, &pair.b, pair.scale), (at("init", "A"), at("init", "B"), 2.0));
        assert_eq!((pair.rank(), pair.alpha(), pair.shape()), (4, 8.0, [16, 16]));
        let delta = Lora::new(matrix(at("after3", "A")), matrix(at("after3", "B")), pair.scale).delta();
        let merged = floats(matrix(&expected[&format!("base.{name}.weight")]) + delta);
        assert_near(name, &merged, &expected[&format!("merged.{name}.weight")].values, 1e-6);
    }
    assert_eq!(adapter.base, AdapterBase::default());
    assert!(!adapter.check_base("any").unwrap());
    let error = mix(&tiny(), &[(&adapter, 1.0)]).unwrap_err();
    assert_eq!(error.code(), "unexpected-tensor");
}

#[test]
fn what_is_written_is_read_again() {
    let adapter = trained(&both(), 1);
    assert_eq!((adapter.pairs.len(), adapter.dropout), (5 * 4, 0.1));
    assert!(adapter.parameters.contains_key("temp") && adapter.scene_tokens.is_none());
    let folder = folder(&adapter);
    let again = read(&folder).unwrap();
    assert_eq!(again.peft_version.as_deref(), Some("0.21.2"));
    assert!(again.unchecked_version().is_none());
    assert_eq!(Adapter { peft_version: None, ..again }, adapter);
    assert_eq!(adapter.to_files().unwrap(), *folder.files(), "equal adapters give equal files");
    let config: serde_json::Value = serde_json::from_slice(&folder.files()[ADAPTER_CONFIG_FILE]).unwrap();
    assert_eq!((&config["r"], &config["lora_alpha"]), (&3.into(), &5.into()));
    assert_eq!(config["target_modules"].as_array().unwrap().len(), 5 * 3);
    assert_eq!(config["rank_pattern"], serde_json::json!({}));
    let place = tempfile::tempdir().unwrap();
    adapter.write(&place.path().join("new/folder")).unwrap();
    let disk = DiskFolder::open(place.path().join("new/folder")).unwrap();
    assert_eq!(block_on(Adapter::read(&disk)).unwrap().pairs, adapter.pairs);
}

/// See keys.rs: the output projection of an attention counts twice in the versions that are known.
#[test]
fn a_newer_peft_s_folder_is_taken_at_its_word() {
    let adapter = trained(&both(), 1);
    let mut newer = folder(&adapter);
    let config = String::from_utf8(newer.files()[ADAPTER_CONFIG_FILE].clone()).unwrap();
    newer.insert(ADAPTER_CONFIG_FILE, config.replace("0.21.2", "0.99.0").into_bytes());
    let newer = read(&newer).unwrap();
    assert_eq!(newer.unchecked_version(), Some("0.99.0"));
    for (path, pair) in &adapter.pairs {
        let times = if path.ends_with("out_proj") { 2.0 } else { 1.0 };
        let expected: Vec<f32> = pair.b.values.iter().map(|value| value / times).collect();
        assert_eq!(newer.pairs[path].b.values, expected, "{path}");
    }
}

/// PEFT has one rank and alpha for both projections of an attention.
#[test]
fn projections_of_unlike_ranks_and_scales_still_add_the_same() {
    let mut adapter = trained(&both(), 1);
    let wide = trained(&LoraConfig { rank: 5, alpha: 4.0, ..both() }, 2);
    let block = |number: usize, name: &str| format!("vision_encoder.transformer.resblocks.{number}.{name}");
    for path in [block(0, "attn.out_proj"), block(1, "mlp.c_fc")] {
        adapter.pairs.insert(path.clone(), wide.pairs[&path].clone());
    }
    adapter.pairs.remove(&block(1, "attn.out_proj"));
    let expected = embed(&mix(&tiny(), &[(&adapter, 1.0)]).unwrap());
    let folder = folder(&adapter);
    let config: serde_json::Value = serde_json::from_slice(&folder.files()[ADAPTER_CONFIG_FILE]).unwrap();
    assert_eq!(config["rank_pattern"].as_object().unwrap().len(), 2, "{config}");
    let again = read(&folder).unwrap();
    assert_eq!(again.pairs.len(), adapter.pairs.len(), "a pair of zeros is none");
    assert_eq!(again.pairs[&block(0, "attn.out_proj")].rank(), 5);
    assert_near("embeddings", &embed(&mix(&tiny(), &[(&again, 1.0)]).unwrap()), &expected, 1e-6);
}

/// InternVideo2's linear maps are PEFT's plain ones: a pair adds `scale B A` to the checkpoint's own tensor.
#[test]
fn internvideo2_s_pairs_add_to_its_own_maps() {
    let name = "internvideo2_tiny";
    let base = load(&config(name), &format!("{name}/checkpoint.safetensors"));
    let targets = ["attn.qkv", "attn.proj", "mlp.fc1", "query", "key", "value", "output.dense"].map(str::to_owned);
    let settings = LoraConfig { targets: targets.to_vec(), ..both() };
    let mut adapted = base.clone();
    adapted.add_adapters(&settings, 3).unwrap();
    let mut adapter = block_on(Adapter::of(&adapted, "memory", AdapterBase::default(), |_| false)).unwrap();
    // Three blocks of three maps, three of five (BERT has two that end in output.dense).
    assert_eq!(adapter.pairs.len(), 3 * 3 + 3 * 5);
    for (at, pair) in adapter.pairs.values_mut().enumerate() {
        pair.b = host(&pair.b.shape.clone(), |i| ((i * 31 + at) % 17) as f32 / 80.0 - 0.1);
    }
    let files = folder(&adapter);
    let config: serde_json::Value = serde_json::from_slice(&files.files()[ADAPTER_CONFIG_FILE]).unwrap();
    let listed = config["target_modules"].as_array().unwrap();
    for path in ["vision_encoder.blocks.2.attn.qkv", "text_encoder.bert.encoder.layer.0.attention.self.query"] {
        assert!(listed.contains(&path.into()) && adapter.pairs.contains_key(path), "{config}");
    }
    let again = read(&files).unwrap();
    assert_eq!(again.pairs, adapter.pairs);

    let mut tensors = crate::weights::module::collect(&base).into_iter().collect::<BTreeMap<_, _>>();
    for (path, pair) in &again.pairs {
        let [outputs, inputs] = pair.shape();
        let matrix = |tensor: &HostTensor| {
            let shape = [tensor.shape[0], tensor.shape[1]];
            tensor.clone().upload(&Device::flex()).values.reshape(shape)
        };
        let added = matrix(&pair.b).matmul(matrix(&pair.a)) * pair.scale;
        let tensor = tensors.get_mut(&format!("{path}.weight")).unwrap();
        assert_eq!(tensor.shape, [outputs, inputs], "{path}");
        tensor.values = tensor.values.clone() + added.reshape([outputs * inputs]);
    }
    let merged = apply(base.clone(), tensors, "x", &LoadRules::default()).unwrap();
    let mixed = mix(&base, &[(&again, 1.0)]).unwrap();
    let (expected, plain) = (embed(&merged), embed(&base));
    assert_near("embeddings", &embed(&mixed), &expected, 2e-4);
    let moved = expected.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved > 0.02, "{moved}");
    let mut own = mixed;
    own.merge_adapters();
    own.remove_adapters();
    assert_near("merged", &embed(&own), &expected, 2e-4);
}

/// The reference's numbers for a plain ViCLIP with LoRA pairs and scene-graph parameters trained on top of it.
#[test]
fn a_plain_base_with_an_adapter_is_the_fine_tuned_model() {
    for (name, tolerance) in [("sgcr_block", 2e-4), ("sgcr_literal", 5e-5)] {
        let mut plain = config(name);
        let scene = std::mem::take(&mut plain.scene_tokens);
        let base = load(&plain, &format!("{name}/backbone.safetensors"));
        let text = std::fs::read_to_string(fixture(name).join("config.json")).unwrap();
        let scale = serde_json::from_str::<serde_json::Value>(&text).unwrap()["lora_scale"].as_f64().unwrap();
        let adapter = of_fixture(name, scale, scene);
        let adapter = read(&folder(&adapter)).unwrap();
        let model = mix(&base, &[(&adapter, 1.0)]).unwrap();
        assert_ne!(model.config().scene_tokens, base.config().scene_tokens);
        let (inputs, expected) =
            (tensors(&format!("{name}/inputs.safetensors")), tensors(&format!("{name}/expected.safetensors")));
        let pixels = &inputs["sg_px"];
        let pixels =
            Tensor::<5>::from_data(TensorData::new(pixels.values.clone(), pixels.shape.clone()), &Device::flex());
        let ids = &inputs["pair_ids"];
        let values: Vec<i32> = ids.values.iter().map(|id| *id as i32).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(values, ids.shape.clone()), &Device::flex());
        let video = floats(model.encode_video(pixels, &VideoOptions::default()).unwrap().embed);
        assert_near(name, &video, &expected["sg.video_embed"].values, tolerance * 10.0);
        assert_near(
            name,
            &floats(model.encode_text(ids).unwrap()),
            &expected["pair_text_embed"].values,
            tolerance * 10.0,
        );

        let mut partial = adapter.clone();
        partial.parameters.remove("sg.no_entity");
        assert_eq!(mix(&base, &[(&partial, 1.0)]).unwrap_err().code(), "missing-tensor");
        let mut unnamed = adapter.clone();
        unnamed.scene_tokens = None;
        assert!(mix(&base, &[(&unnamed, 1.0)]).unwrap_err().to_string().contains("sgcr.scene_tokens"));
        let two = mix(&base, &[(&adapter, 0.5), (&adapter, 0.5)]).unwrap_err();
        assert!(two.to_string().contains("one of them at a time"), "{two}");
    }
}

/// `lora.vision.0.c_fc.A` and `sg.*` of the reference as an adapter.
fn of_fixture(name: &str, scale: f64, scene: SceneTokensConfig) -> Adapter {
    let mut factors: BTreeMap<String, BTreeMap<String, HostTensor>> = BTreeMap::new();
    let mut parameters = Parameters::new();
    for (key, tensor) in tensors(&format!("{name}/sg_params.safetensors")) {
        let parts: Vec<&str> = key.split('.').collect();
        if let ["lora", tower, layer, target, factor] = parts[..] {
            let module = if target.starts_with("c_") { "mlp" } else { "attn" };
            let path = format!("{tower}_encoder.transformer.resblocks.{layer}.{module}.{target}");
            factors.entry(path).or_default().insert(factor.to_owned(), tensor);
        } else {
            parameters.insert(key, tensor);
        }
    }
    let pair = |mut factors: BTreeMap<String, HostTensor>| LowRank {
        a: factors.remove("A").unwrap(),
        b: factors.remove("B").unwrap(),
        scale,
    };
    let pairs: Pairs = factors.into_iter().map(|(path, factors)| (path, pair(factors))).collect();
    assert!(!pairs.is_empty() && !parameters.is_empty());
    let (base, scene_tokens) = (AdapterBase::default(), Some(scene));
    Adapter { name: name.to_owned(), pairs, parameters, scene_tokens, dropout: 0.0, base, peft_version: None }
}

/// W + sum of w_i scale_i B_i A_i, added up one number at a time.
#[test]
fn mixed_adapters_are_the_weighted_sum() {
    let base = tiny();
    let (mut first, mut second) = (trained(&both(), 1), trained(&LoraConfig { rank: 2, ..both() }, 2));
    second.pairs.retain(|path, _| path.contains("vision"));
    first.parameters.insert("temp".to_owned(), host(&[], |_| 0.03));
    second.parameters.insert("temp".to_owned(), host(&[], |_| 0.05));
    let weights = [(&first, 0.5), (&second, -0.25)];
    let mixed = mix(&base, &weights).unwrap();
    let own = block_on(HostTensors::of(&base)).unwrap();
    let mut sum: BTreeMap<String, HostTensor> =
        own.tensors().keys().map(|key| (key.clone(), own.read(key).unwrap())).collect();
    for (adapter, weight) in weights {
        for (path, pair) in &adapter.pairs {
            let key = if path.ends_with("in_proj") { format!("{path}_weight") } else { format!("{path}.weight") };
            let ([_, inputs], rank) = (pair.shape(), pair.rank());
            for (i, value) in sum.get_mut(&key).unwrap().values.iter_mut().enumerate() {
                let (row, column) = (i / inputs, i % inputs);
                let (a, b) = (|k: usize| pair.a.values[k * inputs + column], |k: usize| pair.b.values[row * rank + k]);
                let product: f64 = (0..rank).map(|k| f64::from(b(k)) * f64::from(a(k))).sum();
                *value += (weight * pair.scale * product) as f32;
            }
        }
    }
    let temperature = 0.0137 + 0.5 * (0.03 - 0.0137) - 0.25 * (0.05 - 0.0137);
    sum.insert("temp".to_owned(), host(&[], |_| temperature));
    let upload = |(key, tensor): (String, HostTensor)| (key, tensor.upload(&Device::flex()));
    let empty = VideoTextModel::empty(base.config(), &Device::flex());
    let by_hand = apply(empty, sum.into_iter().map(upload).collect(), "x", &LoadRules::default()).unwrap();
    assert_near("mix", &embed(&mixed), &embed(&by_hand), 2e-5);
    assert_near("temperature", &floats(mixed.temperature()), &[temperature], 1e-7);

    let mut merged = mixed.clone();
    merged.merge_adapters();
    merged.remove_adapters();
    assert_near("merged", &embed(&merged), &embed(&by_hand), 2e-5);
    assert_eq!(embed(&mix(&base, &[(&first, 0.0)]).unwrap()), embed(&base), "weight 0 leaves an adapter out");
    assert_eq!(mix(&base, &[(&first, f64::NAN)]).unwrap_err().code(), "invalid-input");
}

#[test]
fn adapters_of_other_models_are_refused() {
    let mut adapter = trained(&both(), 1);
    let sha256 = block_on(fingerprint(&tiny())).unwrap();
    assert!(adapter.check_base(&sha256).unwrap());
    let error = adapter.check_base(&"0".repeat(64)).unwrap_err();
    assert!(error.code() == "wrong-base" && error.to_string().contains("tiny"), "{error}");
    let path = "text_encoder.transformer.resblocks.0.mlp.c_fc";
    let pair = adapter.pairs.remove(path).unwrap();
    adapter.pairs.insert("text_encoder.transformer.resblocks.9.mlp.c_fc".to_owned(), pair.clone());
    let error = mix(&tiny(), &[(&adapter, 1.0)]).unwrap_err();
    assert!(matches!(&error, Error::UnexpectedTensor { names, .. } if names.contains("resblocks.9")), "{error}");
    adapter.pairs.retain(|path, _| !path.contains("resblocks.9"));
    let swapped = LowRank { a: host(&[3, 8], |_| 1.0), ..pair };
    adapter.pairs.insert(path.to_owned(), swapped);
    assert_eq!(mix(&tiny(), &[(&adapter, 1.0)]).unwrap_err().code(), "shape-mismatch");
    adapter.pairs.remove(path);
    adapter.parameters.insert("temp".to_owned(), host(&[2], |_| 1.0));
    assert_eq!(mix(&tiny(), &[(&adapter, 1.0)]).unwrap_err().code(), "shape-mismatch");
    adapter.parameters.insert("temperature".to_owned(), host(&[], |_| 1.0));
    adapter.parameters.remove("temp");
    assert_eq!(mix(&tiny(), &[(&adapter, 1.0)]).unwrap_err().code(), "unexpected-tensor");
}

#[test]
fn damaged_folders_are_told() {
    let adapter = trained(&both(), 1);
    let code = |folder: &MemoryFolder| read(folder).unwrap_err().code();
    let good = folder(&adapter);
    let mut files = good.files().clone();
    let with = |file: &str, bytes: Vec<u8>| {
        let mut folder = good.clone();
        folder.insert(file, bytes);
        folder
    };
    let tensors = files.remove(ADAPTER_MODEL_FILE).unwrap();
    assert_eq!(code(&MemoryFolder::new("x", files.clone())), "missing-file");
    files.insert(PICKLED_FILE.to_owned(), Vec::new());
    assert!(read(&MemoryFolder::new("x", files)).unwrap_err().to_string().contains("safe_serialization"));
    assert_eq!(code(&MemoryFolder::default()), "missing-file");
    assert_eq!(code(&with(ADAPTER_MODEL_FILE, tensors[..tensors.len() - 5].to_vec())), "corrupt-file");
    assert_eq!(code(&with(ADAPTER_MODEL_FILE, tensors[..20].to_vec())), "corrupt-file");
    assert_eq!(code(&with(ADAPTER_MODEL_FILE, Vec::new())), "corrupt-file");
    let mut nan = tensors.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(code(&with(ADAPTER_MODEL_FILE, nan)), "non-finite");
    assert_eq!(code(&with(ADAPTER_CONFIG_FILE, b"{".to_vec())), "invalid-json");

    let file = |tensors: &[(&str, &[usize])]| {
        let count: usize = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        let mut bytes = crate::weights::safetensors_file::write_header(tensors, safetensors::Dtype::F32, &[]).unwrap();
        bytes.extend((0..count).flat_map(|_| 1.0f32.to_le_bytes()));
        code(&with(ADAPTER_MODEL_FILE, bytes))
    };
    assert_eq!(file(&[("base_model.model.a.lora_A.weight", &[2, 3])]), "missing-tensor");
    let odd: &[(&str, &[usize])] = &[("a.lora_A.weight", &[2, 3]), ("a.lora_B.weight", &[4, 3])];
    assert_eq!(file(odd), "shape-mismatch");
    assert_eq!(file(&[("a.lora_A.weight", &[2])]), "corrupt-file");
    assert_eq!(file(&[("a.lora_magnitude_vector", &[2])]), "invalid-input");
    let twice: &[(&str, &[usize])] =
        &[("attn.base_layer.out_proj.lora_A.weight", &[1, 1]), ("attn.out_proj.lora_A.weight", &[1, 1])];
    assert_eq!(file(twice), "corrupt-file");
}

/// CLIP's text blocks have paths that end the paths of its image blocks.
#[test]
fn text_blocks_of_clip_are_not_taken_for_image_blocks() {
    let mut model = load(&config("clip_tiny"), "clip_tiny/checkpoint.safetensors");
    let text = LoraConfig { towers: LoraTowers::Text, ..LoraConfig::default() };
    model.add_adapters(&text, 1).unwrap();
    let adapter = block_on(Adapter::of(&model, "x", AdapterBase::default(), |_| false)).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&adapter.to_files().unwrap()[ADAPTER_CONFIG_FILE]).unwrap();
    let targets = config["target_modules"].as_str().unwrap();
    assert!(targets.starts_with("transformer\\.resblocks\\.0\\.attn|"), "{targets}");
}
