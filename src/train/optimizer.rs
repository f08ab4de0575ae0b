//! AdamW in groups by checkpoint key: with and without weight decay (models.md 1.8), with learning rates of their own
//! for adapters, SG tokens and the temperature (choice 22 of models.md 5.7).

use crate::model::{is_adapter_key, is_scene_key, is_temperature_key};
use crate::nn::ParamPath;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamW, AdamWConfig, AdamWState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// AdamW's constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWSettings {
    /// Decay rates of the two moments.
    pub betas: (f32, f32),
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay, for parameters that [`decays`].
    pub weight_decay: f32,
}

impl AdamWSettings {
    /// ViCLIP's betas and PyTorch's epsilon.
    #[must_use]
    pub const fn viclip(weight_decay: f32) -> Self {
        Self { betas: (0.9, 0.98), epsilon: 1e-8, weight_decay }
    }
}

/// What each group's learning rate is, as a multiple of the schedule's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupRates {
    /// Factors of low-rank adapters.
    pub adapters: f64,
    /// `sg.*`: SG tokens, their attentions and heads.
    pub scene: f64,
    /// `temp`, `logit_scale`.
    pub temperature: f64,
    /// Everything else.
    pub rest: f64,
}

impl Default for GroupRates {
    fn default() -> Self {
        Self { adapters: 1.0, scene: 1.0, temperature: 1.0, rest: 1.0 }
    }
}

impl GroupRates {
    /// The rate of a parameter.
    #[must_use]
    pub fn of(&self, key: &str) -> f64 {
        match key {
            _ if is_adapter_key(key) => self.adapters,
            _ if is_scene_key(key) => self.scene,
            _ if is_temperature_key(key) => self.temperature,
            _ => self.rest,
        }
    }
}

/// AdamW with decoupled decay of the matrices only. The moments are kept by checkpoint key, flat.
pub struct AdamWGroups {
    decayed: AdamW,
    plain: AdamW,
    rates: GroupRates,
    decays: fn(&str, usize) -> bool,
    state: BTreeMap<String, AdamWState<1>>,
}

/// Whether a parameter of this checkpoint key and rank is decayed: not vectors, biases, the temperature, nor the tables
/// of positions, classes, frames and tokens (models.md 1.8).
#[must_use]
pub fn decays(key: &str, rank: usize) -> bool {
    let embedding = [
        "positional_embedding",
        "class_embedding",
        "token_embedding.weight",
        "sg.tokens",
        // InternVideo2's and BERT's.
        "pos_embed",
        "cls_token",
        "_embeddings.weight",
    ];
    rank > 1 && !key.ends_with("bias") && !embedding.iter().any(|name| key.ends_with(name))
}

impl AdamWGroups {
    /// Without any moments yet.
    #[must_use]
    pub fn new(settings: AdamWSettings) -> Self {
        let (beta_1, beta_2) = settings.betas;
        let config = AdamWConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(settings.epsilon);
        Self {
            decayed: config.clone().with_weight_decay(settings.weight_decay).build(),
            plain: config.with_weight_decay(0.0).build(),
            rates: GroupRates::default(),
            decays,
            state: BTreeMap::new(),
        }
    }

    /// With learning rates by group.
    #[must_use]
    pub const fn with_rates(mut self, rates: GroupRates) -> Self {
        self.rates = rates;
        self
    }

    /// With another rule, of key and rank, for what is decayed than [`decays`].
    #[must_use]
    pub const fn with_decay_rule(mut self, rule: fn(&str, usize) -> bool) -> Self {
        self.decays = rule;
        self
    }

    /// The moments by checkpoint key, each `[numbers]`.
    #[must_use]
    pub const fn state(&self) -> &BTreeMap<String, AdamWState<1>> {
        &self.state
    }

    /// Puts saved moments back.
    pub fn set_state(&mut self, state: BTreeMap<String, AdamWState<1>>) {
        self.state = state;
    }

    /// One update of every parameter that has a gradient; gradients are multiplied by `scale` first.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientsParams, learning_rate: f64, scale: f64) -> M {
        module.map(&mut Update { path: ParamPath::default(), optimizer: self, gradients, learning_rate, scale })
    }
}

struct Update<'a> {
    path: ParamPath,
    optimizer: &'a mut AdamWGroups,
    gradients: GradientsParams,
    learning_rate: f64,
    scale: f64,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let key = self.path.key();
        let (id, tensor, mapper) = param.consume();
        let tensor = tensor.inner();
        let shape = tensor.shape();
        let numbers = shape.num_elements();
        let gradient = gradient.reshape([numbers]) * self.scale;
        let state = self.optimizer.state.remove(&key);
        let group = if (self.optimizer.decays)(&key, D) { &self.optimizer.decayed } else { &self.optimizer.plain };
        let learning_rate = self.learning_rate * self.optimizer.rates.of(&key);
        let (updated, state) = group.step(learning_rate, tensor.reshape([numbers]), gradient, state);
        if let Some(state) = state {
            self.optimizer.state.insert(key, state);
        }
        let updated = Tensor::from_inner(updated.reshape(shape)).require_grad();
        Param::from_mapped_value(id, updated, mapper)
    }
}

/// Sum of the squares of all gradients of `module`, `[1]`.
pub(super) fn squared_norm<M: Module>(module: &M, gradients: &GradientsParams, device: &Device) -> Tensor<1> {
    let mut sum = SquaredNorm { gradients, sum: Tensor::zeros([1], device) };
    module.visit(&mut sum);
    sum.sum
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: Tensor<1>,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sum = self.sum.clone() + (gradient.clone() * gradient).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use safetensors::SafeTensors;

    #[derive(Module, Debug)]
    struct Two {
        weight: Param<Tensor<2>>,
        bias: Param<Tensor<1>>,
    }

    fn fixture(name: &str) -> Vec<f32> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lora/tensors.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let data = file.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    #[test]
    fn the_trace_is_pytorchs_and_vectors_are_not_decayed() {
        let device = Device::flex().autodiff();
        let start = fixture("adamw_p0");
        let count = start.len();
        let tensor = |values: &[f32]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [count]), &device);
        let mut module = Two {
            weight: Param::from_tensor(tensor(&start).reshape([1, count])),
            bias: Param::from_tensor(tensor(&start)),
        };
        // The fixture's constants (meta.json, adamw_plain).
        let settings = AdamWSettings { betas: (0.9, 0.98), epsilon: 1e-6, weight_decay: 0.1 };
        let mut optimizer = AdamWGroups::new(settings);
        let (gradients, trace) = (fixture("adamw_grads"), fixture("adamw_trace"));
        for (gradient, expected) in gradients.chunks(count).zip(trace.chunks(count)) {
            let mut registered = GradientsParams::new();
            registered.register(module.weight.id, tensor(gradient).inner().reshape([1, count]));
            registered.register(module.bias.id, tensor(gradient).inner());
            module = optimizer.step(module, registered, 0.05, 1.0);
            for (got, expected) in floats(module.weight.val()).iter().zip(expected) {
                assert!((got - expected).abs() < 1e-5, "{got} instead of {expected}");
            }
        }
        assert!(module.weight.val().is_require_grad());
        // Without decay the parameters end nearer to where they were: PyTorch's rule by hand, in f64.
        let bias = floats(module.bias.val());
        for i in 0..count {
            let (mut p, mut m, mut v) = (f64::from(start[i]), 0.0, 0.0);
            for (t, gradient) in gradients.chunks(count).enumerate() {
                let g = f64::from(gradient[i]);
                m = 0.9 * m + 0.1 * g;
                v = 0.98 * v + 0.02 * g * g;
                let t = t as i32 + 1;
                let root = (v / (1.0 - 0.98f64.powi(t))).sqrt() + 1e-6;
                p -= 0.05 * m / (1.0 - 0.9f64.powi(t)) / root;
            }
            assert!((f64::from(bias[i]) - p).abs() < 1e-5, "{} instead of {p}", bias[i]);
        }
    }

    #[test]
    fn matrices_decay_and_tables_do_not() {
        for (key, rank) in [
            ("vision_encoder.proj", 2),
            ("vision_encoder.conv1.weight", 5),
            ("text_encoder.transformer.resblocks.0.attn.in_proj_weight", 2),
            ("text_encoder.text_projection", 2),
            ("sg.cls_s", 2),
            ("vision_encoder.blocks.0.attn.qkv.weight", 2),
            ("text_encoder.bert.encoder.layer.0.output.dense.weight", 2),
            ("vision_encoder.transformer.resblocks.0.attn.in_proj_lora.a", 2),
        ] {
            assert!(decays(key, rank), "{key}");
        }
        for (key, rank) in [
            ("temp", 1),
            ("vision_encoder.class_embedding", 1),
            ("vision_encoder.positional_embedding", 2),
            ("vision_encoder.temporal_positional_embedding", 3),
            ("text_encoder.token_embedding.weight", 2),
            ("text_encoder.ln_final.weight", 1),
            ("vision_encoder.img_pos_embed", 3),
            ("vision_encoder.cls_token", 3),
            ("text_encoder.bert.embeddings.word_embeddings.weight", 2),
            ("text_encoder.transformer.resblocks.0.mlp.c_fc.bias", 1),
        ] {
            assert!(!decays(key, rank), "{key}");
        }
    }

    #[test]
    fn each_group_has_its_rate() {
        let rates = GroupRates { adapters: 2.0, scene: 3.0, temperature: 5.0, rest: 7.0 };
        for (key, rate) in [
            ("vision_encoder.transformer.resblocks.0.attn.in_proj_lora.a", 2.0),
            ("text_encoder.transformer.resblocks.11.mlp.c_proj.lora.b", 2.0),
            ("sg.cross.in_proj_weight", 3.0),
            ("temp", 5.0),
            ("logit_scale", 5.0),
            ("vision_encoder.transformer.resblocks.0.attn.in_proj_weight", 7.0),
        ] {
            assert_eq!(rates.of(key), rate, "{key}");
        }
        let device = Device::flex().autodiff();
        let ones = || Param::from_tensor(Tensor::<1>::ones([2], &device));
        let two = || Two { weight: Param::from_tensor(Tensor::ones([1, 2], &device)), bias: ones() };
        let stepped = |optimizer: AdamWGroups| {
            let mut optimizer = optimizer;
            let module = two();
            let mut gradients = GradientsParams::new();
            gradients.register(module.bias.id, Tensor::<1>::ones([2], &device.clone().inner()));
            floats(optimizer.step(module, gradients, 0.1, 1.0).bias.val())[0]
        };
        let settings = AdamWSettings { betas: (0.9, 0.98), epsilon: 1e-8, weight_decay: 0.5 };
        // The first step of Adam is as long as the learning rate.
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
        near(stepped(AdamWGroups::new(settings)), 0.9);
        near(stepped(AdamWGroups::new(settings).with_rates(GroupRates { rest: 0.5, ..rates })), 0.95);
        // With a rule that decays vectors too: 1 - 0.1 * 0.5, then the step.
        near(stepped(AdamWGroups::new(settings).with_decay_rule(|_, _| true)), 0.85);
    }

    #[test]
    fn the_norm_is_over_all_gradients() {
        let device = Device::flex().autodiff();
        let module = Two {
            weight: Param::from_tensor(Tensor::from_data([[3.0, 0.0]], &device)),
            bias: Param::from_tensor(Tensor::from_data([2.0], &device)),
        };
        let loss = (module.weight.val() * module.weight.val()).sum() + module.bias.val().sum() * 8.0;
        let gradients = GradientsParams::from_grads(loss.backward(), &module);
        assert_eq!(floats(squared_norm(&module, &gradients, &device.inner())), [100.0]);
    }
}
