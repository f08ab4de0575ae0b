//! Model folders: fixtures as they are, shards written and damaged.

use super::*;
use crate::event::Silent;
use crate::source::{DiskFolder, MemoryFolder};
use crate::weights::{HostTensors, ModelWriter, StoredType};
use pollster::block_on;
use std::path::Path;

/// viclip_tiny_ids as a written model folder of several shards, in memory.
fn written(stored_type: StoredType) -> MemoryFolder {
    let source = crate::weights::Checkpoint::open(Path::new("tests/fixtures/viclip_tiny_ids/checkpoint.pth")).unwrap();
    let text = std::fs::read_to_string("tests/fixtures/viclip_tiny_ids/config.json").unwrap();
    let config = ModelConfig::from_json(&text, CONFIG_FILE).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let output = parent.path().join("model");
    ModelWriter {
        config: &config,
        preprocess: &PreprocessConfig::viclip(48, 2),
        tokenizer_json: None,
        stored_type,
        shard_bytes: 100_000,
        overwrite: false,
    }
    .write(&output, &source, &mut Silent, &Abort::default())
    .unwrap();
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    MemoryFolder::new("model", std::fs::read_dir(&output).unwrap().map(file).collect())
}

fn read(folder: &MemoryFolder) -> Result<BTreeMap<String, HostTensor>> {
    let mut tensors = BTreeMap::new();
    let take = |name, tensor| {
        tensors.insert(name, tensor);
        Ok(())
    };
    block_on(async { ModelFolder::open(folder).await?.read(&mut Silent, &Abort::default(), take).await })?;
    Ok(tensors)
}

fn open_error(folder: &MemoryFolder) -> Error {
    block_on(ModelFolder::open(folder)).err().unwrap_or_else(|| panic!("the folder was opened"))
}

/// The shard that holds a tensor.
fn shard_of(folder: &MemoryFolder, tensor: &str) -> String {
    let text = String::from_utf8(folder.files()[INDEX_FILE].clone()).unwrap();
    WeightsIndex::from_json(&text, INDEX_FILE).unwrap().weight_map[tensor].clone()
}

fn edit(folder: &mut MemoryFolder, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = folder.files()[file].clone();
    change(&mut bytes);
    folder.insert(file, bytes);
}

#[test]
fn fixture_folders_load_as_they_are() {
    for (name, sampled) in [("viclip_tiny", 4), ("viclip_tiny_ids", 2), ("clip_tiny", 8)] {
        let folder = DiskFolder::open(format!("tests/fixtures/{name}")).unwrap();
        let model = block_on(ModelFolder::open(&folder)).unwrap();
        assert_eq!(model.preprocess().frames, sampled);
        let mut seen = Vec::new();
        let mut events = |event| seen.push(event);
        let tensors = block_on(model.load(&Device::flex(), &mut events, &Abort::default())).unwrap();
        let shapes: BTreeMap<_, _> = tensors.into_iter().map(|(name, tensor)| (name, tensor.shape)).collect();
        assert_eq!(shapes, crate::weights::tensors_of(model.config()));
        let done = seen.iter().map(|event| match event {
            Event::Progress { stage: "weights", done, total } if done <= total => *done,
            other => panic!("{other:?}"),
        });
        assert!(done.is_sorted());
    }
}

#[test]
fn a_pickled_checkpoint_beside_a_config_loads_too() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "checkpoint.pth"] {
        std::fs::copy(format!("tests/fixtures/viclip_tiny_ids/{file}"), folder.path().join(file)).unwrap();
    }
    let model = block_on(ModelFolder::open(DiskFolder::open(folder.path()).unwrap())).unwrap();
    let tensors = block_on(model.load(&Device::flex(), &mut Silent, &Abort::default())).unwrap();
    assert_eq!(tensors.len(), crate::weights::tensors_of(model.config()).len());
}

#[test]
fn shards_round_trip_exactly_in_f32_and_closely_in_f16() {
    let source = crate::weights::Checkpoint::open(Path::new("tests/fixtures/viclip_tiny_ids/checkpoint.pth")).unwrap();
    let exact = read(&written(StoredType::F32)).unwrap();
    let half = read(&written(StoredType::F16)).unwrap();
    for name in source.tensors().keys() {
        let original = source.read(name).unwrap();
        assert_eq!(exact[name], original, "{name}");
        for (half, original) in half[name].values.iter().zip(&original.values) {
            let unit = f64::from(original.abs()).log2().floor().max(-14.0) - 10.0;
            assert!(f64::from((half - original).abs()) <= 0.5 * unit.exp2(), "{name}: {original} -> {half}");
        }
    }
}

#[test]
fn every_flipped_byte_of_a_shard_is_a_hash_mismatch() {
    let folder = written(StoredType::F32);
    let shard = &shard_of(&folder, "vision_encoder.proj");
    let size = folder.files()[shard].len();
    for at in [0, 4, 9, 60, 200, size / 2, size - 1] {
        let mut damaged = folder.clone();
        edit(&mut damaged, shard, |bytes| bytes[at] ^= 0x40);
        assert_eq!(read(&damaged).unwrap_err().code(), "hash-mismatch", "byte {at}");
    }
    let mut cut = folder.clone();
    edit(&mut cut, shard, |bytes| bytes.truncate(size / 2));
    assert_eq!(read(&cut).unwrap_err().code(), "hash-mismatch");
}

#[test]
fn an_index_without_hashes_is_read_and_damage_still_shows() {
    let mut folder = written(StoredType::F32);
    edit(&mut folder, INDEX_FILE, |bytes| {
        let mut index: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        index["metadata"].as_object_mut().unwrap().remove("sha256");
        *bytes = serde_json::to_vec(&index).unwrap();
    });
    assert!(read(&folder).is_ok());
    let shard = &shard_of(&folder, "vision_encoder.proj");
    let mut nan = folder.clone();
    edit(&mut nan, shard, |bytes| {
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    assert_eq!(read(&nan).unwrap_err().code(), "non-finite");
    edit(&mut folder, shard, |bytes| bytes.truncate(bytes.len() - 1));
    assert_eq!(read(&folder).unwrap_err().code(), "corrupt-file");
}

#[test]
fn what_the_index_and_the_shards_say_must_agree() {
    let folder = written(StoredType::F32);
    let (first, last) = (shard_of(&folder, "temp"), shard_of(&folder, "vision_encoder.proj"));
    assert_ne!(first, last);
    let change = |from: &str, to: &str| {
        let mut folder = folder.clone();
        edit(&mut folder, INDEX_FILE, |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(from), "{from}");
            *bytes = text.replace(from, to).into_bytes();
        });
        read(&folder).map(|tensors| tensors.len()).unwrap_err()
    };
    let error = change("\"vision_encoder.proj\"", "\"vision_encoder.prof\"");
    assert!(matches!(&error, Error::MissingTensor { name, .. } if name == "vision_encoder.proj"), "{error}");
    let error = change("\"temp\":", &format!("\"vision_encoder.surplus\": \"{first}\", \"temp\":"));
    assert_eq!(error.code(), "unexpected-tensor");
    assert_eq!(change(&last, "model-00099-of-00099.safetensors").code(), "missing-file");
    // A tensor that the index puts into another shard than the one that has it.
    let error = change(&format!("\"temp\": \"{first}\""), &format!("\"temp\": \"{last}\""));
    assert!(matches!(&error, Error::MissingTensor { name, .. } if name == "temp"), "{error}");
}

#[test]
fn another_model_s_config_is_a_shape_mismatch() {
    let mut folder = written(StoredType::F32);
    edit(&mut folder, CONFIG_FILE, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("\"embed_dim\": 16", "\"embed_dim\": 24").into_bytes();
    });
    assert_eq!(read(&folder).unwrap_err().code(), "shape-mismatch");
}

#[test]
fn folders_without_their_files_say_so() {
    let error = open_error(&MemoryFolder::new("empty", BTreeMap::new()));
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == CONFIG_FILE), "{error}");
    let config = std::fs::read("tests/fixtures/viclip_tiny_ids/config.json").unwrap();
    let mut folder = MemoryFolder::new("m", BTreeMap::from([(CONFIG_FILE.to_owned(), config)]));
    let error = open_error(&folder);
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == SINGLE_FILE), "{error}");
    folder.insert(CONFIG_FILE, b"<!doctype html>".to_vec());
    assert!(open_error(&folder).to_string().contains("HTML"));
    let model = written(StoredType::F32);
    let model = block_on(ModelFolder::open(&model)).unwrap();
    let error = block_on(model.tokenizer_json()).unwrap_err();
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == TOKENIZER_FILE), "{error}");
}

#[test]
fn pixel_statistics_of_the_config_are_used_and_must_agree() {
    let text = std::fs::read_to_string("tests/fixtures/viclip_tiny_ids/config.json").unwrap();
    let config = ModelConfig::from_json(&text, CONFIG_FILE).unwrap();
    let other = text.replace("0.485", "0.5");
    assert_eq!(preprocess_of(&config, &other, None).unwrap().mean, [0.5, 0.456, 0.406]);
    let file = serde_json::to_string(&PreprocessConfig::viclip(48, 2)).unwrap();
    assert!(preprocess_of(&config, &text, Some((&file, PREPROCESS_FILE))).is_ok());
    let error = preprocess_of(&config, &other, Some((&file, PREPROCESS_FILE))).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { field: "pixel_mean", .. }));
    let file = serde_json::to_string(&PreprocessConfig::viclip(64, 2)).unwrap();
    let error = preprocess_of(&config, &text, Some((&file, PREPROCESS_FILE))).unwrap_err();
    assert!(matches!(error, Error::InvalidConfig { field: "image_size", .. }));
}

#[test]
fn a_stop_is_heeded_between_tensors() {
    let folder = written(StoredType::F32);
    let abort = Abort::default();
    let mut count = 0;
    let stop = |_, _| {
        count += 1;
        abort.request();
        Ok(())
    };
    let model = block_on(ModelFolder::open(&folder)).unwrap();
    assert_eq!(block_on(model.read(&mut Silent, &abort, stop)).unwrap_err().code(), "aborted");
    assert_eq!(count, 1);
}

#[test]
fn a_module_s_parameters_come_back_from_the_device() {
    let config = {
        let text = std::fs::read_to_string("tests/fixtures/viclip_tiny_ids/config.json").unwrap();
        ModelConfig::from_json(&text, CONFIG_FILE).unwrap()
    };
    let folder = DiskFolder::open("tests/fixtures/viclip_tiny_ids").unwrap();
    let model = block_on(ModelFolder::open(&folder)).unwrap();
    let tensors = block_on(model.load(&Device::flex(), &mut Silent, &Abort::default())).unwrap();
    let empty = crate::model::VideoTextModel::empty(&config, &Device::flex());
    let rules = crate::weights::module::LoadRules::default();
    let model = crate::weights::module::apply(empty, tensors, "x", &rules).unwrap();
    let back = block_on(HostTensors::of(&model)).unwrap();
    let source = crate::weights::Checkpoint::open(Path::new("tests/fixtures/viclip_tiny_ids/checkpoint.pth")).unwrap();
    for name in source.tensors().keys() {
        assert_eq!(back.read(name).unwrap(), source.read(name).unwrap(), "{name}");
    }
}
