//! What one step is trained on: fresh clips of the generated world, rendered on all cores.

use crate::config::{PreprocessConfig, SamplingRule};
use crate::data::{GraphSample, LabelTexts, Negatives, SampleRules};
use crate::error::{Error, Result};
use crate::graph::Spans;
use crate::platform::parallel_map;
use crate::train::{TrainConfig, kept_patches};
use crate::video::sampling::frame_indices;
use crate::video::{FrameSource, preprocess};
use crate::world::{Level, Split};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Clips of the training split that two seeds have between them.
const SEED_STRIDE: u64 = 7_368_787;

/// One caption for each clip, and near misses of some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// True captions, one a clip.
    pub positives: Vec<String>,
    /// Near misses of them; not every clip has one.
    pub negatives: Vec<String>,
}

/// What one step is trained on.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// `[pairs + annotated clips, frames, 3, side, side]`, row-major.
    pub pixels: Vec<f32>,
    /// Patches that the video encoder sees, `[clips, kept]`; `None` for all.
    pub keep: Option<Vec<i32>>,
    /// A round of plain captions of the pairs, then one for each near-miss pair a clip.
    pub rounds: Vec<Round>,
    /// Texts and targets of the annotated clips.
    pub scenes: Vec<GraphSample>,
}

struct Drawn {
    pixels: Vec<f32>,
    keep: Option<Vec<i32>>,
    /// Positive and near miss, one a round.
    captions: Vec<(String, Option<String>)>,
}

/// First clip of the annotated ones: the pairs of a run are the same with and without them.
const SCENE_STREAM: u64 = 500_000_000;
/// Clips that are tried for one that has an (F, B, O) of clip-level graphs.
const SCENE_TRIES: u64 = 64;

/// The batch of step `step` on the generated world: follows from the settings and the step alone. No clip comes twice in
/// a run.
///
/// # Errors
/// Those of [`frame_indices`].
pub fn draw_batch(config: &TrainConfig, preprocessing: &PreprocessConfig, step: usize) -> Result<Batch> {
    let start = config.seed.wrapping_mul(SEED_STRIDE);
    let first = start.wrapping_add((step * config.batch) as u64);
    let stride = if config.shared_casts { 1 } else { Level::GROUP };
    let clips = (0..config.batch as u64).map(|i| first.wrapping_add(i).wrapping_mul(stride)).collect();
    let drawn = parallel_map(clips, |index| draw(config, preprocessing, step, index));
    let mut batch = Batch { rounds: vec![Round::default(); 1 + config.near_misses], ..Batch::default() };
    for clip in drawn {
        let clip = clip?;
        batch.pixels.extend(clip.pixels);
        if let Some(keep) = clip.keep {
            batch.keep.get_or_insert_default().extend(keep);
        }
        for (round, (positive, negative)) in batch.rounds.iter_mut().zip(clip.captions) {
            round.positives.push(positive);
            round.negatives.extend(negative);
        }
    }
    let first = start.wrapping_add((step * config.scenes) as u64);
    // One of each group that shares its actors: among others, the visual branch has more classes to tell apart.
    let scene = |i| first.wrapping_add(i).wrapping_mul(Level::GROUP).wrapping_add(SCENE_STREAM);
    let clips = (0..config.scenes as u64).map(scene).collect();
    let rules = SampleRules {
        frames: config.step_frames(),
        spans: Spans::default(),
        texts: LabelTexts::default(),
        colored_classes: config.colored_classes,
        negatives: Negatives::of_world(),
        choices: config.samples,
    };
    for scene in parallel_map(clips, |index| draw_scene(config, preprocessing, &rules, step, index)) {
        let (pixels, keep, sample) = scene?;
        batch.pixels.extend(pixels);
        if let Some(keep) = keep {
            batch.keep.get_or_insert_default().extend(keep);
        }
        batch.scenes.push(sample);
    }
    Ok(batch)
}

/// An annotated clip, its frames sampled by its graph (SGCR-Vid section 4.1).
fn draw_scene(
    config: &TrainConfig,
    preprocessing: &PreprocessConfig,
    rules: &SampleRules,
    step: usize,
    index: u64,
) -> Result<(Vec<f32>, Option<Vec<i32>>, GraphSample)> {
    let seed = config.seed.rotate_left(32) ^ index;
    // Nearly every clip of the world has an (F, B, O); the next one is taken where one has none.
    for attempt in 0..SCENE_TRIES {
        let clip = config.level.clip(Split::Train, index.wrapping_add(attempt * SEED_STRIDE));
        if let Some(sample) = GraphSample::draw(&clip.graph, rules, seed) {
            let frames: Vec<usize> = sample.frames.iter().map(|frame| *frame as usize).collect();
            let pixels = preprocess::pixels(&clip.render(&frames), preprocessing);
            return Ok((pixels, keep(config, step, &mut Pcg64Mcg::seed_from_u64(seed)), sample));
        }
    }
    let reason = format!("none of {SCENE_TRIES} clips from {index} on has clip-level graphs in order");
    Err(Error::InvalidInput { what: "annotated clip of the generated world".to_owned(), reason })
}

/// The patches of a clip that step `step` shows.
pub(super) fn keep(config: &TrainConfig, step: usize, random: &mut Pcg64Mcg) -> Option<Vec<i32>> {
    let patches = config.step_frames() * (config.image_size / config.patch_size).pow(2);
    config.masks(step).then(|| kept_patches(patches, config.mask_ratio, random))
}

fn draw(config: &TrainConfig, preprocessing: &PreprocessConfig, step: usize, index: u64) -> Result<Drawn> {
    let mut random = Pcg64Mcg::seed_from_u64(config.seed.rotate_left(32) ^ index);
    let clip = config.level.clip(Split::Train, index);
    let frames = frame_indices(SamplingRule::Rand, &clip.info(), config.step_frames(), random.random::<u64>())?;
    let pixels = preprocess::pixels(&clip.render(&frames), preprocessing);
    let keep = keep(config, step, &mut random);
    let mut plain = clip.captions();
    let at = random.random_range(0..plain.len() as u32) as usize;
    let mut captions = vec![(plain.swap_remove(at), None)];
    if config.near_misses > 0 {
        let mut pairs = clip.near_misses();
        pairs.shuffle(&mut random);
        captions.extend(pairs.into_iter().take(config.near_misses).map(|pair| (pair.positive, Some(pair.negative))));
        while captions.len() <= config.near_misses {
            captions.push((clip.caption(), None));
        }
    }
    Ok(Drawn { pixels, keep, captions })
}
