//! Random parameters for training from scratch. Each parameter's numbers depend only on the seed and its key: not on
//! the device, nor on which other parameters there are.

use crate::config::ModelConfig;
use crate::model::internvideo2::sin_cos_table;
use crate::model::scene_tokens::SceneTokens;
use crate::nn::{ParamPath, mix, uniforms};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// Temperature at the start of training from scratch (CLIP's; ViCLIP's published training went on from 0.01).
const TEMPERATURE: f64 = 0.07;

/// What InternVideo2's blocks add is scaled by this at first: a shallow encoder's (CaiT, Touvron et al. 2021). The published
/// model's is 1e-5, which a short run never leaves.
const LAYER_SCALE: f64 = 0.1;

/// Standard deviation of the video encoder's position vectors.
///
/// A patch of one colour comes out of `conv1` with about this deviation. With CLIP's, `width^-0.5`, positions are a fiftieth
/// of what enters the first block; long training mends that, a short one does not: in 150 steps on generated clips of two
/// actors L_VSG's overlap part stayed at 2.0 of the 2.1 it began with, and fell to 1.66 with these.
const POSITION: f64 = 0.5;

/// Fills every parameter of `module`.
pub(super) fn draw<M: Module>(module: M, config: &ModelConfig, seed: u64) -> M {
    module.map(&mut Draw { path: ParamPath::default(), config, seed })
}

/// SG tokens whose class heads equal the encoder's projection `[width, embed_dim]`, if one is given.
pub(super) fn draw_scene_tokens(
    config: &ModelConfig,
    proj: Option<&Param<Tensor<2>>>,
    seed: u64,
    device: &Device,
) -> SceneTokens {
    let mut path = ParamPath::default();
    path.enter("sg", "Struct:Model");
    let mut scene = SceneTokens::empty(config, device).map(&mut Draw { path, config, seed });
    let Some(proj) = proj else { return scene };
    let as_proj = |head: Param<Tensor<2>>| {
        let id = head.id;
        head.transform_for_load(proj.val().detach(), id)
    };
    scene.cls_s = as_proj(scene.cls_s);
    scene.cls_o = as_proj(scene.cls_o);
    scene.cls_p = as_proj(scene.cls_p);
    scene
}

/// How a parameter's numbers are distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Distribution {
    Constant(f64),
    /// Mean 0, this standard deviation.
    Normal(f64),
    /// Between minus and plus this.
    Uniform(f64),
}

struct Draw<'a> {
    path: ParamPath,
    config: &'a ModelConfig,
    seed: u64,
}

impl ModuleMapper for Draw<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (key, shape, id) = (self.path.key(), param.lazy_shape(), param.id);
        let count = shape.num_elements();
        let values = positions(&key, self.config)
            .unwrap_or_else(|| numbers(distribution(&key, self.config), count, self.seed, &key));
        let tensor = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        param.transform_for_load(tensor, id)
    }
}

/// InternVideo2's tables of positions begin as sines and cosines.
fn positions(key: &str, config: &ModelConfig) -> Option<Vec<f32>> {
    let own = config.internvideo2.as_ref()?;
    let table = |frames| sin_cos_table(frames, own.position_grid, config.vision.width);
    match key {
        "vision_encoder.pos_embed" => Some(table(own.position_frames)),
        "vision_encoder.img_pos_embed" => Some(table(1)),
        _ => None,
    }
}

/// CLIP's rules: standard deviations shrink with width, those at the end of a residual branch also with depth.
fn distribution(key: &str, config: &ModelConfig) -> Distribution {
    use Distribution::{Constant, Normal, Uniform};
    let name = key.rsplit('.').next().unwrap_or(key);
    let module = key.rsplit('.').nth(1).unwrap_or_default();
    let is_norm = module.starts_with("ln_") || module.to_lowercase().contains("norm");
    let scene = key.starts_with("sg.");
    let vision = scene || key.starts_with("vision_") || key.starts_with("visual.");
    let (width, layers) = match (scene, vision) {
        (true, _) => (config.vision.width, 1),
        (_, true) => (config.vision.width, config.vision.layers),
        _ => (config.text.width, config.text.layers),
    };
    let ends = |names: &[&str]| names.iter().any(|name| key.ends_with(name));
    let by_width = (width as f64).powf(-0.5);
    let by_depth = (2.0 * layers as f64).powf(-0.5);
    let pixels = (3 * config.vision.patch_size * config.vision.patch_size) as f64;
    match name {
        "temp" => Constant(TEMPERATURE),
        "logit_scale" => Constant(-libm::log(TEMPERATURE)),
        "weight" if is_norm => Constant(1.0),
        "no_entity" | "no_predicate" => Constant(0.0),
        _ if name.ends_with("bias") => Constant(0.0),
        "gamma" => Constant(LAYER_SCALE),
        // As visual prompt tuning draws its tokens.
        "tokens" => Uniform((6.0 / (pixels + width as f64)).sqrt()),
        "box_s" | "box_o" => Normal(0.02),
        "weight" if ends(&["conv1.weight", "patch_embed.proj.weight"]) => Normal((3.0 * pixels).powf(-0.5)),
        "weight" if ends(&["token_embedding.weight", "_embeddings.weight"]) => Normal(0.02),
        "weight" if ends(&["c_fc.weight", "fc1.weight", "intermediate.dense.weight"]) => {
            Normal((2.0 * width as f64).powf(-0.5))
        }
        "weight" if ["qkv", "q", "k", "v", "query", "key", "value"].contains(&module) => Normal(by_width),
        "weight" => Normal(by_width * by_depth),
        "positional_embedding" if !vision => Normal(0.01),
        "positional_embedding" | "temporal_positional_embedding" => Normal(POSITION),
        _ => Normal(by_width),
    }
}

/// `count` numbers of `key`. Only libm's functions: the standard library's differ between platforms.
fn numbers(distribution: Distribution, count: usize, seed: u64, key: &str) -> Vec<f32> {
    let mut unit = uniforms(mix(seed, key));
    (0..count)
        .map(|_| match distribution {
            Distribution::Constant(value) => value as f32,
            Distribution::Uniform(bound) => ((2.0 * unit() - 1.0) * bound) as f32,
            Distribution::Normal(deviation) => {
                // Box-Muller.
                let radius = (-2.0 * libm::log(unit())).sqrt();
                (deviation * radius * libm::cos(std::f64::consts::TAU * unit())) as f32
            }
        })
        .collect()
}
