//! Adapter folders and the real `peft` package: tests/fixtures/peft holds what it saved and what models with its adapters
//! and ours answered there. `tests/peft/run` opens our folders with the package itself.

use crate::support::{Stored, assert_close, fixture, floats, read, test_device};
use burn::tensor::Tensor;
use sgcr::config::{Dtype, LoraConfig, LoraTowers, SceneTokensConfig, SceneTokensVariant};
use sgcr::event::{Abort, Event, Silent};
use sgcr::model::{VideoOptions, VideoTextModel, is_scene_key, is_temperature_key};
use sgcr::platform::{ComputeDevice, block_on};
use sgcr::session::{Pairing, Session};
use sgcr::source::DiskFolder;
use sgcr::weights::{Adapter, AdapterBase};
use std::collections::BTreeMap;

/// Of fixture viclip_tiny, by tests/peft/fingerprint.py.
const FINGERPRINT: &str = "4d832fb853b22943c3da46a967b2f94e6ab1db08fef3e87463a47bd0e36cfbb1";

fn tiny() -> Session {
    open("viclip_tiny")
}

/// A fixture as a model folder.
fn open(model: &str) -> Session {
    let name = std::env::var("SGCR_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let device = block_on(ComputeDevice::open(name.parse().unwrap())).unwrap();
    let folder = DiskFolder::open(fixture(model)).unwrap();
    block_on(Session::open(folder, device, Dtype::F32, &mut Silent, &Abort::default())).unwrap()
}

fn load(session: &mut Session, name: &str) -> Vec<Event> {
    let folder = DiskFolder::open(fixture(&format!("peft/{name}"))).unwrap();
    let mut events = Vec::new();
    block_on(session.load_adapter(name, &folder, Pairing::Checked, &mut |event| events.push(event))).unwrap();
    events
}

/// What PyTorch and PEFT answered, against a model with the same adapters.
struct Reference {
    inputs: BTreeMap<String, Stored>,
    expected: BTreeMap<String, Stored>,
}

impl Reference {
    fn open() -> Self {
        Self { inputs: read("viclip_tiny/expected.safetensors"), expected: read("peft/expected.safetensors") }
    }

    fn embeddings(&self, model: &VideoTextModel) -> [Tensor<2>; 2] {
        let device = test_device();
        let pixels = self.inputs["pixels_demo"].tensor(&device);
        let video = model.encode_video(pixels, &VideoOptions::default()).unwrap().embed;
        [video, model.encode_text(self.inputs["token_ids"].ids(&device)).unwrap()]
    }

    fn close(&self, name: &str, model: &VideoTextModel) {
        for (key, got) in ["video_embed", "text_embed"].iter().zip(self.embeddings(model)) {
            let key = format!("{name}.{key}");
            assert_close(&key, got, &self.expected[&key], 1e-3, 1e-4);
        }
    }
}

#[test]
fn adapters_that_peft_saved_answer_as_they_do_there() {
    let reference = Reference::open();
    let mut session = tiny();
    for name in ["first", "second", "whole"] {
        let events = load(&mut session, name);
        assert!(matches!(&events[..], [Event::Notice { code: "adapter-base-unknown", .. }]), "{events:?}");
        session.set_adapter_weights(&[(name, 1.0)]).unwrap();
        reference.close(name, session.model());
    }
}

#[test]
fn adapters_mix_as_peft_mixes_them_and_come_off_again() {
    let reference = Reference::open();
    let mut session = tiny();
    let numbers = |session: &Session| reference.embeddings(session.model()).map(floats);
    let plain = numbers(&session);
    load(&mut session, "first");
    load(&mut session, "second");
    assert_eq!(numbers(&session), plain, "loaded is not yet on");
    session.set_adapter_weights(&[("first", 0.5), ("second", -0.25)]).unwrap();
    reference.close("mixed", session.model());
    let weights: Vec<_> = session.adapters().map(|(name, weight, _)| (name.to_owned(), weight)).collect();
    assert_eq!(weights, [("first".to_owned(), 0.5), ("second".to_owned(), -0.25)]);
    session.drop_adapter("first").unwrap();
    session.set_adapter_weights(&[("second", 1.0)]).unwrap();
    reference.close("second", session.model());
    session.set_adapter_weights(&[]).unwrap();
    assert_eq!(numbers(&session), plain);
    assert_eq!(session.set_adapter_weights(&[("first", 1.0)]).unwrap_err().code(), "unknown-name");
    assert_eq!(session.drop_adapter("first").unwrap_err().code(), "unknown-name");
}

/// Of InternVideo2 every linear map of its blocks, those that match captions with videos too.
#[test]
fn an_internvideo2_s_adapter_that_peft_saved_answers_as_it_does_there() {
    let (inputs, expected) =
        (read("internvideo2_tiny/expected.safetensors"), read("peft/expected_internvideo2.safetensors"));
    let mut session = open("internvideo2_tiny");
    let events = load(&mut session, "internvideo2");
    assert!(matches!(&events[..], [Event::Notice { code: "adapter-base-unknown", .. }]), "{events:?}");
    session.set_adapter_weights(&[("internvideo2", 1.0)]).unwrap();
    let (device, model) = (test_device(), session.model());
    // Four maps a block of the video encoder, six a block that embeds captions, ten of the one that matches them.
    assert_eq!(model.adapters().len(), 3 * 4 + 3 * 6 + 10);
    let options = VideoOptions { tokens: true, ..VideoOptions::default() };
    let video = model.encode_video(inputs["pixels_demo"].tensor(&device), &options).unwrap();
    let ids = inputs["token_ids"].ids(&device);
    let close = |name: &str, got: Tensor<2>| {
        let key = format!("internvideo2.{name}");
        assert_close(&key, got, &expected[&key], 1e-3, 1e-4);
    };
    close("video_embed", video.embed);
    close("text_embed", model.encode_text(ids.clone()).unwrap());
    let tokens = video.tokens.unwrap();
    let scores = [0, 1].map(|video| model.match_captions(&tokens.clone().narrow(0, video, 1), ids.clone()).unwrap());
    close("matching", Tensor::cat(scores.to_vec(), 1).transpose());
}

/// Equal bytes, so that what PEFT answered for the committed folder holds for what is written today.
#[test]
fn our_folder_is_the_one_that_peft_opened() {
    let mut session = tiny();
    let adapter = ours(&mut session, None);
    if let Some(folder) = std::env::var_os("SGCR_PEFT_OUT").map(std::path::PathBuf::from) {
        adapter.write(&folder.join("ours")).unwrap();
        let scene = SceneTokensConfig {
            variant: SceneTokensVariant::Block,
            tokens: 2,
            heads: 3,
            ..SceneTokensConfig::default()
        };
        ours(&mut session, Some(&scene)).write(&folder.join("ours_scene")).unwrap();
        return;
    }
    for (file, bytes) in adapter.to_files().unwrap() {
        assert!(
            std::fs::read(fixture(&format!("peft/ours/{file}"))).unwrap() == bytes,
            "{file}: tests/peft/run --update"
        );
    }
    let events = load(&mut session, "ours");
    assert!(events.is_empty(), "its base is named and right: {events:?}");
    session.set_adapter_weights(&[("ours", 1.0)]).unwrap();
    Reference::open().close("ours", session.model());
    assert!((floats(session.model().temperature())[0] - 0.02).abs() < 1e-7);
}

/// What PEFT has no ranks for: attentions of which one projection is adapted, or both with different scales; ranks and
/// alphas of two kinds. The temperature was trained too.
fn ours(session: &mut Session, scene: Option<&SceneTokensConfig>) -> Adapter {
    let sha256 = block_on(session.fingerprint()).unwrap().to_owned();
    assert_eq!(sha256, FINGERPRINT);
    let mut model = session.model().clone();
    if let Some(scene) = scene {
        model = model.with_scene_tokens(scene, 3).unwrap();
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let both = LoraConfig {
        rank: 4,
        alpha: 8.0,
        targets: names(&["in_proj", "c_fc"]),
        towers: LoraTowers::Both,
        ..LoraConfig::default()
    };
    model.add_adapters(&both, 7).unwrap();
    model.add_adapters(&LoraConfig { rank: 2, alpha: 6.0, targets: names(&["c_proj"]), ..both.clone() }, 7).unwrap();
    let output = "vision_encoder.transformer.resblocks.1.attn.out_proj".to_owned();
    let narrow = LoraConfig { rank: 2, alpha: 3.0, targets: vec![output], towers: LoraTowers::Vision, ..both };
    model.add_adapters(&narrow, 7).unwrap();
    let base = AdapterBase { name: Some("viclip_tiny".to_owned()), sha256: Some(sha256) };
    let whole = |key: &str| is_temperature_key(key) || is_scene_key(key);
    let mut adapter = block_on(Adapter::of(&model, "ours", base, whole)).unwrap();
    for (at, pair) in adapter.pairs.values_mut().enumerate() {
        for (i, value) in pair.b.values.iter_mut().enumerate() {
            *value = ((i * 37 + at * 11) % 101) as f32 / 100.0 - 0.5;
        }
    }
    adapter.parameters.get_mut("temp").unwrap().values[0] = 0.02;
    adapter
}
