//! How much memory a fine-tuning run takes, and how its steps are cut so that it fits.
//!
//! Constraint: a browser tells what a single buffer may hold, never what the GPU has, and a failed allocation is a lost
//! device on some drivers. Solution: an estimate before anything is allocated, in floats that a block keeps for its
//! backward pass by token and by pair of tokens, held against the device's limits and the user's; the cheapest way of
//! computing a step that fits is taken. The estimate is one from above, by a block's operations: of 254 MiB for two clips of
//! 513 tokens in one graph, burn's allocator took 186 (`tests/bench/fine_tune_memory.rs`). Cost: what is estimated too much
//! is not used.

use crate::config::{LoraConfig, ModelConfig};
use crate::model::{Tower, VideoTextModel, is_scene_key};
use crate::platform::MemoryLimits;
use crate::session::FineTuneOptions;
use crate::weights::tensors_of;
use serde::{Deserialize, Serialize};

/// What a device is taken to have that does not tell.
const ASSUMED_BYTES: u64 = 4 << 30;
/// A step of at most so many bytes keeps its graphs. To compute blocks again takes longer, but larger steps leave the room to
/// others: a page does not know what else the device holds.
const WHOLE_BYTES: u64 = 256 << 20;
/// Texts in memory with their graph at once where a step is cut up (`train::gradients`).
const TEXTS_AT_ONCE: usize = 32;
/// Texts of a clip: its caption and near misses, or what is said of its graph.
const TEXTS_OF_CLIP: usize = 6;
/// Bytes of scores that attention holds at once (`nn::attention`).
const SCORE_BYTES: u64 = 64 << 20;

/// Floats that a block with a graph keeps by token and unit of width, and by pair of tokens and head.
const KEPT_BY_WIDTH: u64 = 30;
const KEPT_BY_PAIR: u64 = 4;
/// The same of a block that is computed without a graph.
const PASSING_BY_WIDTH: u64 = 14;
/// Parameters that train, in copies: itself, its gradient twice, two moments and their update.
const COPIES: u64 = 7;

/// How a run's steps are computed, and what that takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryPlan {
    /// Whether it fits.
    pub fits: bool,
    /// The plan, or why there is none.
    pub reason: String,
    /// Bytes on the device at the peak.
    pub bytes: u64,
    /// What they are held against.
    pub limit: Option<u64>,
    /// Of `bytes`, those of the model.
    pub model_bytes: u64,
    /// Of `bytes`, those of the adapter, its gradients and moments.
    pub adapter_bytes: u64,
    /// Of `bytes`, those of one step.
    pub step_bytes: u64,
    /// Bytes of the largest tensor of a step.
    pub largest_buffer: u64,
    /// What the device allows one.
    pub largest_buffer_limit: Option<u64>,
    /// Numbers that train.
    pub trainable: u64,
    /// Whether blocks are computed again in the backward pass.
    pub recompute: bool,
    /// Clips at once.
    pub micro_batch: usize,
    /// Blocks of each encoder that get adapters; all without.
    pub upper_blocks: Option<usize>,
}

/// One way of computing a step.
#[derive(Debug, Clone, Copy)]
struct Way {
    recompute: bool,
    micro_batch: usize,
    upper_blocks: Option<usize>,
}

impl MemoryPlan {
    /// The cheapest plan that fits a device of these limits, or the smallest there is, which says that it does not.
    /// `clips` is how many there are to train on.
    #[must_use]
    pub fn new(model: &VideoTextModel, clips: usize, options: &FineTuneOptions, limits: MemoryLimits) -> Self {
        let batch = options.batch.min(clips).max(1);
        let estimate = Estimate { model, options, batch, limits };
        let mut plans = ways(model.config(), options, batch).map(|way| estimate.plan(way));
        let fitting = plans.find(|plan| plan.fits && (plan.recompute || plan.step_bytes <= WHOLE_BYTES));
        let mut plan = fitting.unwrap_or_else(|| estimate.plan(smallest_way(options)));
        plan.reason = estimate.reason(&plan);
        plan
    }

    /// The plan of a given way of computing a step, whether it fits or not.
    #[must_use]
    pub fn of_way(
        model: &VideoTextModel,
        clips: usize,
        options: &FineTuneOptions,
        limits: MemoryLimits,
        recompute: bool,
        micro_batch: usize,
    ) -> Self {
        let batch = options.batch.min(clips).max(1);
        let way = Way { recompute, micro_batch, upper_blocks: options.upper_blocks };
        Estimate { model, options, batch, limits }.plan(way)
    }

    /// The next smaller plan with adapters on the same blocks, for a device that had not room for this one; none after the
    /// smallest. A run can go on with it.
    #[must_use]
    pub fn smaller(&self, model: &VideoTextModel, clips: usize, options: &FineTuneOptions) -> Option<Self> {
        let batch = options.batch.min(clips).max(1);
        let limits = MemoryLimits { total: self.limit, tensor: self.largest_buffer_limit };
        let estimate = Estimate { model, options, batch, limits };
        let same = ways(model.config(), options, batch).filter(|way| way.upper_blocks == self.upper_blocks);
        let mut plan = same.map(|way| estimate.plan(way)).find(|plan| plan.fits && plan.bytes < self.bytes)?;
        plan.reason = estimate.reason(&plan);
        Some(plan)
    }
}

/// From the fastest to the smallest.
fn ways(config: &ModelConfig, options: &FineTuneOptions, batch: usize) -> impl Iterator<Item = Way> {
    let blocks = config.vision.layers.max(config.text.layers);
    let asked = options.upper_blocks;
    let fewer =
        [blocks / 2, blocks / 4, 1].into_iter().filter(move |count| *count > 0 && *count < asked.unwrap_or(blocks));
    let halves = std::iter::successors(Some(batch), |size| (*size > 1).then(|| size / 2));
    let cut = halves.map(|micro_batch| (true, micro_batch));
    let shapes: Vec<(bool, usize)> = std::iter::once((false, batch)).chain(cut).collect();
    std::iter::once(asked).chain(fewer.map(Some)).flat_map(move |upper_blocks| {
        let way = move |(recompute, micro_batch)| Way { recompute, micro_batch, upper_blocks };
        shapes.clone().into_iter().map(way)
    })
}

const fn smallest_way(options: &FineTuneOptions) -> Way {
    let upper_blocks = match options.upper_blocks {
        // To train a single block is the least.
        Some(0) | None => Some(1),
        some => some,
    };
    Way { recompute: true, micro_batch: 1, upper_blocks }
}

struct Estimate<'a> {
    model: &'a VideoTextModel,
    options: &'a FineTuneOptions,
    batch: usize,
    limits: MemoryLimits,
}

impl Estimate<'_> {
    /// What all of it is held against, where the user or the device tells.
    fn told(&self) -> Option<u64> {
        self.options.memory_limit.or(self.limits.total)
    }

    fn plan(&self, way: Way) -> MemoryPlan {
        let lora = self.options.lora(way.upper_blocks);
        let config = self.model.config();
        let trainable = self.trainable(&lora);
        let model_bytes = 4 * numbers(config, |_| true);
        let adapter_bytes = 4 * COPIES * trainable;
        let step_bytes = self.step_bytes(&lora, way);
        let largest_buffer = self.largest_buffer(way);
        let bytes = model_bytes + adapter_bytes + step_bytes;
        let fits = bytes <= self.told().unwrap_or(ASSUMED_BYTES)
            && self.limits.tensor.is_none_or(|most| largest_buffer <= most);
        MemoryPlan {
            fits,
            reason: String::new(),
            bytes,
            limit: self.told(),
            model_bytes,
            adapter_bytes,
            step_bytes,
            largest_buffer,
            largest_buffer_limit: self.limits.tensor,
            trainable,
            recompute: way.recompute,
            micro_batch: way.micro_batch,
            upper_blocks: way.upper_blocks,
        }
    }

    fn trainable(&self, lora: &LoraConfig) -> u64 {
        let targets = self.model.adaptable_linears().into_iter().filter(|linear| linear.is_target_of(lora));
        let factors: usize = targets.map(|linear| lora.rank * linear.shape.iter().sum::<usize>()).sum();
        factors as u64 + self.scene_numbers()
    }

    /// Numbers of the SG parameters, if they train.
    fn scene_numbers(&self) -> u64 {
        let mut config = self.model.config().clone();
        if !self.options.scene_tokens {
            return 0;
        }
        if self.model.scene_tokens().is_none() {
            config.scene_tokens = self.options.fresh_scene_tokens(&config);
        }
        numbers(&config, is_scene_key)
    }

    /// Tokens of a clip.
    fn tokens(&self) -> u64 {
        let config = self.model.config();
        let scene = &config.scene_tokens;
        let per_frame = if self.model.scene_tokens().is_some() || self.options.scene_tokens { scene.tokens } else { 0 };
        (1 + config.vision.frames * (config.vision.patches() + per_frame)) as u64
    }

    fn step_bytes(&self, lora: &LoraConfig, way: Way) -> u64 {
        let config = self.model.config();
        let (vision, text) = (&config.vision, &config.text);
        let clips = way.micro_batch as u64;
        let video = Pass { rows: clips, tokens: self.tokens(), width: vision.width as u64, heads: vision.heads as u64 };
        let pixels = 4 * clips * (vision.frames * 3 * vision.image_size * vision.image_size) as u64;
        let rows = self.batch * TEXTS_OF_CLIP;
        let rows = if way.recompute { rows.min(TEXTS_AT_ONCE) } else { rows };
        let (width, heads) = (text.width as u64, text.heads as u64);
        let texts = Pass { rows: rows as u64, tokens: text.context_length as u64, width, heads };
        let trained = |tower: Tower, layers: usize| self.trained_blocks(lora, tower, layers);
        let of_texts = trained(Tower::Text, text.layers) * texts.kept() + texts.passing();
        let of_video = if way.recompute {
            // Every block's input, and one block's graph at a time.
            (vision.layers as u64 + 1) * video.stream() + video.kept().max(video.passing())
        } else {
            trained(Tower::Vision, vision.layers) * video.kept() + video.passing()
        };
        let together = if way.recompute { of_video.max(of_texts) } else { of_video + of_texts };
        2 * pixels + together
    }

    /// Blocks from the first one with something to train to the last.
    fn trained_blocks(&self, lora: &LoraConfig, tower: Tower, layers: usize) -> u64 {
        if tower == Tower::Vision && self.options.scene_tokens {
            return layers as u64;
        }
        let linears = self.model.adaptable_linears();
        let trains = linears.iter().filter(|linear| linear.tower == tower && linear.is_target_of(lora));
        trains.map(|linear| linear.block).min().map_or(0, |first| (layers - first) as u64)
    }

    /// The widest tensor: inside the MLP, or scores of attention.
    fn largest_buffer(&self, way: Way) -> u64 {
        let config = self.model.config();
        let (tokens, clips) = (self.tokens(), way.micro_batch as u64);
        let hidden = 4 * clips * tokens * config.vision_hidden() as u64;
        hidden.max((4 * clips * config.vision.heads as u64 * tokens * tokens).min(SCORE_BYTES))
    }

    fn reason(&self, plan: &MemoryPlan) -> String {
        let needed = megabytes(plan.bytes);
        let room = self
            .told()
            .map_or_else(|| format!("{}, assumed, for the device does not tell", megabytes(ASSUMED_BYTES)), megabytes);
        if !plan.fits {
            return match plan.largest_buffer_limit.filter(|most| plan.largest_buffer > *most) {
                Some(most) => format!(
                    "one clip needs a tensor of {}, the device allows {}; use a smaller model or device \"cpu\"",
                    megabytes(plan.largest_buffer),
                    megabytes(most)
                ),
                None => format!(
                    "even one clip at a time with adapters in {} block(s) needs about {needed} of {room}; use a smaller model, a lower rank or another device",
                    plan.upper_blocks.unwrap_or_default()
                ),
            };
        }
        let how = match (plan.recompute, plan.micro_batch) {
            (false, _) => "each step in one piece".to_owned(),
            (true, clips) if clips >= self.batch => "blocks computed again in the backward pass".to_owned(),
            (true, clips) => format!("{clips} clip(s) at once, blocks computed again in the backward pass"),
        };
        let fewer = match plan.upper_blocks {
            Some(count) if plan.upper_blocks != self.options.upper_blocks => {
                format!(", adapters in the upper {count} block(s) only")
            }
            _ => String::new(),
        };
        format!("about {needed} of {room}: {how}{fewer}")
    }
}

/// A pass through one block.
struct Pass {
    rows: u64,
    tokens: u64,
    width: u64,
    heads: u64,
}

impl Pass {
    /// Bytes of a block's input.
    const fn stream(&self) -> u64 {
        4 * self.rows * self.tokens * self.width
    }

    /// Bytes that a block's graph keeps.
    const fn kept(&self) -> u64 {
        KEPT_BY_WIDTH * self.stream() + 4 * KEPT_BY_PAIR * self.rows * self.heads * self.tokens * self.tokens
    }

    /// Bytes of a block without a graph.
    fn passing(&self) -> u64 {
        let scores = 4 * self.rows * self.heads * self.tokens * self.tokens;
        PASSING_BY_WIDTH * self.stream() + 3 * scores.min(SCORE_BYTES)
    }
}

fn numbers(config: &ModelConfig, wanted: impl Fn(&str) -> bool) -> u64 {
    let tensors = tensors_of(config);
    tensors.iter().filter(|(key, _)| wanted(key)).map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
}

fn megabytes(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        return format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    }
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn limits(total: u64) -> MemoryLimits {
        MemoryLimits { total: Some(total), tensor: Some(128 << 20) }
    }

    /// ViCLIP-B/16 without any of its numbers.
    fn viclip_b16() -> VideoTextModel {
        VideoTextModel::empty(&ModelConfig::viclip_b16(), &Device::flex())
    }

    #[test]
    fn less_room_is_met_by_smaller_plans_and_then_by_a_clear_no() {
        let (model, options) = (viclip_b16(), FineTuneOptions::default());
        let mut last: Option<MemoryPlan> = None;
        for megabytes in [64_000, 8_000, 3_000, 2_000, 1_500, 1_200, 600, 100] {
            let plan = MemoryPlan::new(&model, 32, &options, limits(megabytes << 20));
            assert_eq!(plan.bytes, plan.model_bytes + plan.adapter_bytes + plan.step_bytes);
            assert_eq!(plan.fits, plan.bytes <= megabytes << 20, "{megabytes}: {plan:?}");
            if let Some(last) = &last {
                assert!(plan.bytes <= last.bytes, "{megabytes}: {plan:?}");
            }
            last = Some(plan);
        }
        let least = last.unwrap();
        assert!(!least.fits && least.reason.contains("even one clip"), "{}", least.reason);
        assert_eq!((least.micro_batch, least.recompute, least.upper_blocks), (1, true, Some(1)));
    }

    #[test]
    fn viclip_b16_fits_four_gigabytes_with_a_clip_at_a_time() {
        let options = FineTuneOptions { batch: 1, ..FineTuneOptions::default() };
        let plan = MemoryPlan::new(&viclip_b16(), 8, &options, limits(4 << 30));
        assert!(plan.fits && plan.upper_blocks.is_none(), "{plan:?}");
        // Rank 8 on the four maps of 12 + 12 blocks: A and B of (768, 2304), (768, 768), (768, 3072), (3072, 768) and the
        // same with 512.
        let block = |width: u64| 8 * (4 * width + 2 * width + 5 * width + 5 * width);
        assert_eq!(plan.trainable, 12 * (block(768) + block(512)));
        assert!(plan.model_bytes > 4 * 149_000_000 && plan.model_bytes < 4 * 151_000_000, "{}", plan.model_bytes);
    }

    #[test]
    fn a_tensor_beyond_the_limit_of_a_buffer_is_avoided_or_told() {
        let (model, options) = (viclip_b16(), FineTuneOptions { batch: 16, ..FineTuneOptions::default() });
        let room = |tensor: u64| MemoryLimits { total: Some(1 << 40), tensor: Some(tensor) };
        let plan = MemoryPlan::new(&model, 32, &options, room(128 << 20));
        assert!(plan.fits && plan.largest_buffer <= 128 << 20 && plan.micro_batch < 16, "{plan:?}");
        let plan = MemoryPlan::new(&model, 32, &options, room(1 << 20));
        assert!(!plan.fits && plan.reason.contains("needs a tensor"), "{}", plan.reason);
    }

    #[test]
    fn a_plan_that_did_not_fit_has_smaller_ones_down_to_an_end() {
        let (model, options) = (viclip_b16(), FineTuneOptions::default());
        let mut plan = MemoryPlan::new(&model, 32, &options, limits(64 << 30));
        let mut plans = 0;
        while let Some(smaller) = plan.smaller(&model, 32, &options) {
            assert!(smaller.bytes < plan.bytes);
            plan = smaller;
            plans += 1;
        }
        assert!((2..20).contains(&plans), "{plans}");
    }
}
