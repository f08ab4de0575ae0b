//! Low-rank adapters on the linear maps of a model: which there are, putting them on, merging them, taking them off.

use super::VideoTextModel;
use super::internvideo2::{BLOCKS, TEXT_BLOCKS};
use crate::config::{LoraConfig, LoraTowers};
use crate::error::{Error, Result};
use crate::nn::{Adaptable, LinearSlot, Lora, mix};
use std::collections::{BTreeMap, BTreeSet};

/// Which of the two encoders, or what looks at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tower {
    /// The video encoder.
    Vision,
    /// The text encoder.
    Text,
    /// The blocks that match captions with a video. No loss here teaches them: fresh adapters are never put on them, read ones
    /// are.
    Matching,
}

/// A linear map that can carry an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptableLinear {
    /// Where it is, e.g. `vision_encoder.transformer.resblocks.0.attn.in_proj`. Its weight's key is this with `_weight`
    /// (`in_proj`) or `.weight`.
    pub path: String,
    /// In which encoder.
    pub tower: Tower,
    /// In which of the encoder's blocks (of matching: of those that match), 0 first.
    pub block: usize,
    /// How many blocks the encoder has.
    pub blocks: usize,
    /// Its weight's: `[out, in]`.
    pub shape: [usize; 2],
}

impl AdaptableLinear {
    /// Whether `config` puts an adapter on it.
    #[must_use]
    pub fn is_target_of(&self, config: &LoraConfig) -> bool {
        let tower = match config.towers {
            LoraTowers::Both => self.tower != Tower::Matching,
            LoraTowers::Vision => self.tower == Tower::Vision,
            LoraTowers::Text => self.tower == Tower::Text,
        };
        let above = config.upper_blocks.is_none_or(|count| self.block + count >= self.blocks);
        tower && above && config.targets.iter().any(|target| LoraConfig::names(target, &self.path))
    }
}

/// Whether a parameter's key is an adapter's factor.
#[must_use]
pub fn is_adapter_key(key: &str) -> bool {
    let factor = key.strip_suffix(".a").or_else(|| key.strip_suffix(".b"));
    factor.is_some_and(|lora| lora.ends_with(".lora") || lora.ends_with(".in_proj_lora"))
}

/// Whether a parameter's key is one of the SG tokens, their attentions and heads.
#[must_use]
pub fn is_scene_key(key: &str) -> bool {
    key.starts_with("sg.")
}

/// Whether a parameter's key is one that only matches captions with videos: InternVideo2's head for that, and its text blocks
/// from `text_layers` on.
#[must_use]
pub fn is_matching_key(key: &str, text_layers: usize) -> bool {
    let rest = key.strip_prefix(TEXT_BLOCKS).and_then(|rest| rest.strip_prefix('.'));
    let block = rest.and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
    key.starts_with("itm_head.") || block.is_some_and(|block| block >= text_layers)
}

/// Whether a parameter's key is the temperature's.
#[must_use]
pub fn is_temperature_key(key: &str) -> bool {
    key == "temp" || key == "logit_scale"
}

impl VideoTextModel {
    /// Calls `f` with every linear map that can carry an adapter, in the order of [`VideoTextModel::adaptable_linears`].
    pub fn for_each_linear(&mut self, mut f: impl FnMut(AdaptableLinear, LinearSlot<'_>)) {
        let (vision, text) = (Tower::Vision, Tower::Text);
        match self {
            Self::Viclip(model) => {
                let (video, captions) = (&mut model.vision_encoder.transformer, &mut model.text_encoder.transformer);
                walk(vision, "vision_encoder.transformer.resblocks", 0, &mut video.resblocks, &mut f);
                walk(text, "text_encoder.transformer.resblocks", 0, &mut captions.resblocks, &mut f);
            }
            Self::Clip(model) => {
                walk(vision, "visual.transformer.resblocks", 0, &mut model.visual.transformer.resblocks, &mut f);
                walk(text, "transformer.resblocks", 0, &mut model.transformer.resblocks, &mut f);
            }
            Self::Internvideo2(model) => {
                walk(vision, BLOCKS, 0, &mut model.vision_encoder.blocks, &mut f);
                let bert = &mut model.text_encoder.bert;
                let count = bert.embedding_blocks().len();
                let (embedding, matching) = bert.encoder.layer.split_at_mut(count);
                walk(text, TEXT_BLOCKS, 0, embedding, &mut f);
                walk(Tower::Matching, TEXT_BLOCKS, count, matching, &mut f);
            }
        }
    }

    /// Every linear map that can carry an adapter, video encoder first, block by block.
    #[must_use]
    pub fn adaptable_linears(&self) -> Vec<AdaptableLinear> {
        let mut linears = Vec::new();
        // A clone shares all tensors.
        self.clone().for_each_linear(|linear, _| linears.push(linear));
        linears
    }

    /// Puts fresh adapters on the linear maps that `config` names; their numbers follow from `seed` and the map's path.
    /// Adapters that are on other maps stay.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for fields out of range, and for a target that names nothing in the chosen encoders and
    /// blocks, with what there is.
    pub fn add_adapters(&mut self, config: &LoraConfig, seed: u64) -> Result<()> {
        config.validate()?;
        self.check_targets(config)?;
        self.for_each_linear(|linear, slot| {
            if linear.is_target_of(config) {
                let device = slot.weight.lazy_device();
                *slot.lora = Some(Lora::init(linear.shape, config, seed, &linear.path, &device));
            }
        });
        Ok(())
    }

    fn check_targets(&self, config: &LoraConfig) -> Result<()> {
        let linears = self.adaptable_linears();
        let encoders = linears.iter().filter(|linear| linear.tower != Tower::Matching);
        let most = encoders.map(|linear| linear.blocks).max().unwrap_or_default();
        if let Some(count) = config.upper_blocks.filter(|count| *count > most) {
            let expected = format!("at most {most}, the blocks of the deeper encoder; leave it out for all");
            return Err(Error::InvalidConfig { field: "lora.upper_blocks", value: count.to_string(), expected });
        }
        for target in &config.targets {
            let alone = LoraConfig { targets: vec![target.clone()], ..config.clone() };
            if linears.iter().any(|linear| linear.is_target_of(&alone)) {
                continue;
            }
            let chosen = |linear: &&AdaptableLinear| {
                let all = LoraConfig { targets: vec![linear.path.clone()], ..config.clone() };
                linear.is_target_of(&all)
            };
            let there: Vec<&AdaptableLinear> = linears.iter().filter(chosen).collect();
            let name = |linear: &&AdaptableLinear| linear.path.rsplit('.').next().unwrap_or_default().to_owned();
            let names: BTreeSet<String> = there.iter().map(name).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            let example = there.first().map_or("none", |linear| linear.path.as_str());
            let expected = format!(
                "one of {names}, attn, mlp, all-linear, or a whole path such as {example} (lora.towers = {}, {} linear maps)",
                config.towers,
                there.len()
            );
            return Err(Error::InvalidConfig { field: "lora.targets", value: target.clone(), expected });
        }
        Ok(())
    }

    /// Puts given adapters on, by the paths of their linear maps, in place of all that are there now.
    ///
    /// # Errors
    /// [`Error::UnexpectedTensor`] for a path that is no linear map here, [`Error::ShapeMismatch`] for factors of another
    /// size; the model is as it was then.
    pub fn set_adapters(&mut self, adapters: BTreeMap<String, Lora>) -> Result<()> {
        let linears: BTreeMap<String, [usize; 2]> =
            self.adaptable_linears().into_iter().map(|linear| (linear.path, linear.shape)).collect();
        for (path, lora) in &adapters {
            let Some([outputs, inputs]) = linears.get(path).copied() else {
                return Err(Error::UnexpectedTensor { names: path.clone(), file: "the adapter".to_owned() });
            };
            let rank = lora.rank();
            for (factor, expected, got) in
                [("A", [rank, inputs], lora.a.lazy_shape()), ("B", [outputs, rank], lora.b.lazy_shape())]
            {
                if got.as_slice() != expected {
                    let (name, expected) = (format!("{factor} of the adapter of {path}"), expected.to_vec());
                    return Err(Error::ShapeMismatch { name, expected, got: got.to_vec() });
                }
            }
        }
        self.remove_adapters();
        let mut adapters = adapters;
        self.for_each_linear(|linear, slot| {
            if let Some(lora) = adapters.remove(&linear.path) {
                *slot.lora = Some(lora);
            }
        });
        Ok(())
    }

    /// The adapters by the paths of their linear maps (clones that share the tensors).
    #[must_use]
    pub fn adapters(&self) -> BTreeMap<String, Lora> {
        let mut found = BTreeMap::new();
        self.clone().for_each_linear(|linear, slot| {
            if let Some(lora) = slot.lora.take() {
                found.insert(linear.path, lora);
            }
        });
        found
    }

    /// Adds every adapter to its map's weight; the adapters stay, switched off, for [`VideoTextModel::unmerge_adapters`].
    pub fn merge_adapters(&mut self) {
        self.for_each_linear(|_, slot| {
            if let Some(lora) = slot.lora {
                lora.merge(slot.weight);
            }
        });
    }

    /// Takes merged adapters out of the weights again: exact to rounding.
    pub fn unmerge_adapters(&mut self) {
        self.for_each_linear(|_, slot| {
            if let Some(lora) = slot.lora {
                lora.unmerge(slot.weight);
            }
        });
    }

    /// Takes every adapter off. What was merged stays in the weights.
    pub fn remove_adapters(&mut self) {
        self.for_each_linear(|_, slot| *slot.lora = None);
    }

    /// Turns the adapters' dropout on, with masks that follow from `seed`, the linear map and its input's size, or off
    /// (as it is at first). Give every micro-batch a seed of its own; a block that is recomputed sees the same masks.
    pub fn set_adapter_dropout(&mut self, seed: Option<u64>) {
        self.for_each_linear(|linear, slot| {
            if let Some(lora) = slot.lora {
                lora.set_mask_seed(seed.map(|seed| mix(seed, &linear.path)));
            }
        });
    }
}

/// Calls `f` with the linear maps of an encoder's blocks; `stack` is the key of the list that has them from `first` on.
fn walk(
    tower: Tower,
    stack: &str,
    first: usize,
    blocks: &mut [impl Adaptable],
    f: &mut impl FnMut(AdaptableLinear, LinearSlot<'_>),
) {
    let count = blocks.len();
    for (block, layer) in blocks.iter_mut().enumerate() {
        for slot in layer.linears_mut() {
            let path = format!("{stack}.{}.{}", first + block, slot.name);
            let shape = slot.weight.lazy_shape();
            f(AdaptableLinear { path, tower, block, blocks: count, shape: [shape[0], shape[1]] }, slot);
        }
    }
}
