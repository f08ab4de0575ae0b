//! SGCR-Vid's objective, its gradients and three steps of AdamW against the reference written from the paper's equations.

use crate::support::{self, Stored, assert_close, config, floats, load, read, test_device};
use burn::module::Module;
use burn::tensor::Tensor;
use sgcr::event::Abort;
use sgcr::loss::scene::{HostPredictions, match_costs};
use sgcr::loss::{ObjectiveConfig, Reduction, RoundRows, SceneLossConfig, SceneRows, TripletTarget};
use sgcr::model::{VideoOptions, VideoTextModel, is_adapter_key, is_scene_key, unit};
use sgcr::nn::{Lora, train_only};
use sgcr::platform::block_on;
use sgcr::text::TokenIds;
use sgcr::train::{AdamWGroups, AdamWSettings, GradientPlan, StepInputs, gradients, gradients_by_key};
use std::collections::BTreeMap;

struct Case {
    model: VideoTextModel,
    inputs: BTreeMap<String, Stored>,
    expected: BTreeMap<String, Stored>,
    constants: serde_json::Value,
    step: StepInputs,
    objective: ObjectiveConfig,
}

/// Linear maps as the fixture calls them.
const TARGETS: [(&str, &str); 4] =
    [("in_proj", "attn.in_proj"), ("out_proj", "attn.out_proj"), ("c_fc", "mlp.c_fc"), ("c_proj", "mlp.c_proj")];

/// A fixture's name of a parameter as our key: `lora.vision.0.in_proj.A`.
fn our_key(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let ["lora", tower, layer, target, factor] = parts[..] else { return name.to_owned() };
    let (_, path) = TARGETS.iter().find(|(short, _)| *short == target).unwrap();
    let lora = if target == "in_proj" { format!("{path}_lora") } else { format!("{path}.lora") };
    format!("{tower}_encoder.transformer.resblocks.{layer}.{lora}.{}", factor.to_lowercase())
}

impl Case {
    fn open(name: &str) -> Self {
        let device = test_device();
        let text = std::fs::read_to_string(support::fixture(&format!("{name}/config.json"))).unwrap();
        let constants: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut weights = read(&format!("{name}/backbone.safetensors"));
        let (adapters, scene): (BTreeMap<_, _>, BTreeMap<_, _>) =
            read(&format!("{name}/sg_params.safetensors")).into_iter().partition(|(key, _)| key.starts_with("lora."));
        weights.extend(scene);
        let mut model = load(&config(name), &weights, &device);
        let scale = constants["lora_scale"].as_f64().unwrap();
        let mut loras = BTreeMap::new();
        for (key, a) in adapters.iter().filter(|(key, _)| key.ends_with(".A")) {
            let b = &adapters[&key.replace(".A", ".B")];
            let path = our_key(key).replace("_lora.a", "").replace(".lora.a", "");
            loras.insert(path, Lora::new(a.tensor(&device), b.tensor(&device), scale));
        }
        assert!(!loras.is_empty());
        model.set_adapters(loras).unwrap();
        let model = train_only(model, |key| is_adapter_key(key) || is_scene_key(key)).train();
        let inputs = read(&format!("{name}/inputs.safetensors"));
        let expected = read(&format!("{name}/expected.safetensors"));
        let step = step_inputs(&inputs);
        let number = |at: &serde_json::Value| at.as_f64().unwrap();
        let lambdas = &constants["lam"];
        let scene = SceneLossConfig {
            class_weight: number(&lambdas[0]),
            l1_weight: number(&lambdas[1]),
            giou_weight: number(&lambdas[2]),
            no_object_weight: number(&constants["eos"]),
            ..SceneLossConfig::default()
        };
        let alpha = number(&constants["alpha"]);
        let objective = ObjectiveConfig { reduction: Reduction::Sum, alpha, scene, ..ObjectiveConfig::default() };
        Self { model, inputs, expected, constants, step, objective }
    }

    fn plan<'a>(&'a self, micro_batch: usize, recompute: bool, abort: &'a Abort) -> GradientPlan<'a> {
        GradientPlan { objective: &self.objective, micro_batch, recompute, mask_seed: None, abort }
    }

    /// Tokens and triplets of every frame, from the fixture's `[tokens, triplets]` of each.
    fn matches(frames: &serde_json::Value) -> Vec<Vec<(usize, usize)>> {
        let index = |list: &serde_json::Value| -> Vec<usize> {
            list.as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect()
        };
        let pairs = |frame: &serde_json::Value| index(&frame[0]).into_iter().zip(index(&frame[1])).collect();
        frames.as_array().unwrap().iter().map(pairs).collect()
    }

    fn value(&self, name: &str, got: &Tensor<1>) {
        let (got, expected) = (floats(got.clone())[0], self.expected[name].floats[0]);
        assert!((got - expected).abs() <= 1e-4 * expected.abs(), "{name}: {got} instead of {expected}");
    }

    /// Costs of every frame that has triplets.
    fn costs(&self) {
        let device = test_device();
        let model = self.model.valid();
        let video = model.encode_video(self.inputs["sg_px"].tensor(&device), &VideoOptions::default()).unwrap();
        let classes = |key: &str| unit(model.encode_text(self.inputs[key].ids(&device)).unwrap());
        let scene = model.scene_tokens().unwrap();
        let (entities, predicates) = (classes("entity_ids"), classes("predicate_ids"));
        let heads = scene.heads(video.scene.unwrap(), entities, predicates, model.temperature());
        let host = block_on(HostPredictions::read(&heads)).unwrap();
        let targets = &self.step.scenes.as_ref().unwrap().targets;
        let frames = self.constants["frames"].as_u64().unwrap() as usize;
        let mut seen = 0;
        for (at, targets) in targets.iter().enumerate() {
            let Some(expected) = self.expected.get(&format!("cost.{}.{}", at / frames, at % frames)) else {
                assert!(targets.is_empty());
                continue;
            };
            let costs = match_costs(&host.frame(at), targets, &self.objective.scene);
            assert_eq!(costs.len(), expected.floats.len());
            for (got, expected) in costs.iter().zip(&expected.floats) {
                assert!((*got as f32 - expected).abs() < 1e-3, "{got} instead of {expected}");
            }
            seen += 1;
        }
        assert!(seen > 4);
    }

    fn values_and_gradients(&self, micro_batch: usize, recompute: bool) {
        let abort = Abort::default();
        let (objective, of) =
            block_on(gradients(&self.model, &self.step, &self.plan(micro_batch, recompute, &abort))).unwrap();
        self.value("loss", &objective.total);
        self.value("L_con", objective.contrastive.as_ref().unwrap());
        self.value("L_tsg_R", objective.triplets.as_ref().unwrap());
        self.value("L_tsg_T", objective.order.as_ref().unwrap());
        let scene = objective.scene.as_ref().unwrap();
        for (name, part) in [
            ("L_vsg", &scene.total),
            ("L_s", &scene.subject),
            ("L_o", &scene.object),
            ("L_r", &scene.predicate),
            ("L_l1", &scene.l1),
            ("L_giou", &scene.giou),
        ] {
            self.value(name, part);
        }
        let matches = self.constants["matches"].as_array().unwrap().iter().flat_map(Self::matches);
        assert_eq!(objective.matches, matches.collect::<Vec<_>>());
        let ours: BTreeMap<String, Tensor<1>> = gradients_by_key(&self.model, &of).into_iter().collect();
        let named = self.expected.iter().filter_map(|(name, x)| Some((name.strip_prefix("grad.")?, x)));
        let mut seen = 0;
        for (name, expected) in named {
            let got = floats(ours.get(&our_key(name)).unwrap_or_else(|| panic!("no gradient of {name}")).clone());
            assert_eq!(got.len(), expected.floats.len(), "{name}");
            let largest = expected.floats.iter().fold(0f32, |most, x| most.max(x.abs()));
            let off = got.iter().zip(&expected.floats).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(off <= 1e-3 * largest + 1e-7, "{name}: off by {off} of {largest}");
            seen += 1;
        }
        // Nothing else trains.
        assert_eq!(seen, ours.len());
    }

    fn three_steps(&self) {
        let settings = &self.constants["adamw"];
        let number = |name: &str| settings[name].as_f64().unwrap();
        let beta = |at: usize| settings["betas"][at].as_f64().unwrap() as f32;
        let (epsilon, weight_decay) = (number("eps") as f32, number("weight_decay") as f32);
        let settings = AdamWSettings { betas: (beta(0), beta(1)), epsilon, weight_decay };
        let mut optimizer = AdamWGroups::new(settings).with_decay_rule(|_, _| true);
        let mut model = self.model.clone();
        let abort = Abort::default();
        for entry in self.constants["adamw_trace"].as_array().unwrap() {
            let (objective, of) = block_on(gradients(&model, &self.step, &self.plan(0, false, &abort))).unwrap();
            for (name, got) in [
                ("loss", &objective.total),
                ("L_con", objective.contrastive.as_ref().unwrap()),
                ("L_tsg_R", objective.triplets.as_ref().unwrap()),
                ("L_tsg_T", objective.order.as_ref().unwrap()),
                ("L_vsg", &objective.scene.as_ref().unwrap().total),
            ] {
                let (got, expected) = (floats(got.clone())[0], entry[name].as_f64().unwrap() as f32);
                assert!((got - expected).abs() <= 1e-3 * expected.abs(), "{name}: {got} instead of {expected}");
            }
            assert_eq!(objective.matches, Self::matches(&entry["match"]));
            // The last entry is that after the last step.
            if entry != self.constants["adamw_trace"].as_array().unwrap().last().unwrap() {
                model = optimizer.step(model, of, number("lr"), 1.0);
            }
        }
        let parameters: BTreeMap<String, _> = sgcr::weights::module::collect(&model.valid()).into_iter().collect();
        let mut seen = 0;
        for (name, expected) in self.expected.iter().filter_map(|(name, x)| Some((name.strip_prefix("after3.")?, x))) {
            let got = parameters[&our_key(name)].values.clone();
            let flat = Stored { shape: vec![expected.floats.len()], floats: expected.floats.clone() };
            assert_close(name, got, &flat, 1e-3, 5e-5);
            seen += 1;
        }
        assert!(seen > 3);
    }

    fn all(&self) {
        self.costs();
        for (micro_batch, recompute) in [(0, false), (0, true), (1, false), (4, true)] {
            self.values_and_gradients(micro_batch, recompute);
        }
        self.three_steps();
    }
}

fn step_inputs(inputs: &BTreeMap<String, Stored>) -> StepInputs {
    let (pairs, annotated) = (&inputs["pair_px"], &inputs["sg_px"]);
    let frames = annotated.shape[1];
    let mut ids = Vec::new();
    let context = inputs["pair_ids"].shape[1];
    let mut rows = |name: &str| -> Vec<i32> {
        let first = ids.len() / context;
        ids.extend(inputs[name].floats.iter().map(|id| *id as i32));
        (first..ids.len() / context).map(|row| row as i32).collect()
    };
    let positives = rows("pair_ids");
    let (scene_positives, negatives) = (rows("pos_ids"), rows("neg_ids"));
    let (temporal, reversed) = (rows("tpos_ids"), rows("tneg_ids"));
    let (entities, predicates) = (rows("entity_ids"), rows("predicate_ids"));
    let there = &inputs["neg_mask"].floats;
    let negative = |at: usize| (there[at] > 0.0).then(|| negatives[at]);
    let targets = (0..annotated.shape[0]).flat_map(|clip| (0..frames).map(move |frame| (clip, frame)));
    let scenes = SceneRows {
        videos: annotated.shape[0],
        negatives: (0..scene_positives.len()).map(|i| [0, 1, 2].map(|kind| negative(3 * i + kind))).collect(),
        positives: scene_positives,
        temporal,
        temporal_negatives: reversed.into_iter().map(Some).collect(),
        entities,
        predicates,
        targets: targets.map(|(clip, frame)| triplets(inputs, clip, frame)).collect(),
    };
    StepInputs {
        pixels: pairs.floats.iter().chain(&annotated.floats).copied().collect(),
        clip_shape: [frames, 3, annotated.shape[3], annotated.shape[4]],
        keep: None,
        texts: TokenIds { rows: ids.len() / context, ids, context },
        rounds: vec![RoundRows { positives, negatives: Vec::new() }],
        scenes: Some(scenes),
    }
}

fn triplets(inputs: &BTreeMap<String, Stored>, clip: usize, frame: usize) -> Vec<TripletTarget> {
    let part = |name: &str| inputs.get(&format!("trip.{clip}.{frame}.{name}"));
    let Some(subjects) = part("s") else { return Vec::new() };
    let class = |name: &str, at: usize| part(name).unwrap().floats[at] as usize;
    let corner = |name: &str, at: usize| {
        let floats = &part(name).unwrap().floats[4 * at..4 * at + 4];
        [floats[0], floats[1], floats[2], floats[3]]
    };
    let one = |at: usize| TripletTarget {
        subject: class("s", at),
        predicate: class("p", at),
        object: class("o", at),
        subject_box: corner("bs", at),
        object_box: corner("bo", at),
    };
    (0..subjects.floats.len()).map(one).collect()
}

#[test]
fn training_with_shared_scene_tokens_is_the_references() {
    Case::open("sgcr_literal").all();
}

#[test]
fn training_with_scene_tokens_of_each_frame_is_the_references() {
    Case::open("sgcr_block").all();
}
