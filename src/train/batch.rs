//! What one step is trained on: fresh clips of the generated world, rendered on all cores.

use crate::config::{PreprocessConfig, SamplingRule};
use crate::error::Result;
use crate::platform::parallel_map;
use crate::train::{TrainConfig, kept_patches};
use crate::video::sampling::frame_indices;
use crate::video::{FrameSource, preprocess};
use crate::world::{Split, WorldClip};
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
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[clips, frames, 3, side, side]`, row-major.
    pub pixels: Vec<f32>,
    /// Patches that the video encoder sees, `[clips, kept]`; `None` for all.
    pub keep: Option<Vec<i32>>,
    /// A round of plain captions, then one for each near-miss pair a clip.
    pub rounds: Vec<Round>,
}

struct Drawn {
    pixels: Vec<f32>,
    keep: Option<Vec<i32>>,
    /// Positive and near miss, one a round.
    captions: Vec<(String, Option<String>)>,
}

/// The batch of step `step`: follows from the settings and the step alone. No clip comes twice in a run.
///
/// # Errors
/// Those of [`frame_indices`].
pub fn draw_batch(config: &TrainConfig, preprocessing: &PreprocessConfig, step: usize) -> Result<Batch> {
    let first = config.seed.wrapping_mul(SEED_STRIDE).wrapping_add((step * config.batch) as u64);
    let clips = (0..config.batch as u64).map(|i| first.wrapping_add(i)).collect();
    let drawn = parallel_map(clips, |index| draw(config, preprocessing, step, index));
    let mut batch = Batch { pixels: Vec::new(), keep: None, rounds: vec![Round::default(); 1 + config.near_misses] };
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
    Ok(batch)
}

fn draw(config: &TrainConfig, preprocessing: &PreprocessConfig, step: usize, index: u64) -> Result<Drawn> {
    let mut random = Pcg64Mcg::seed_from_u64(config.seed.rotate_left(32) ^ index);
    let clip = WorldClip::generate(Split::Train, index);
    let frames = frame_indices(SamplingRule::Rand, &clip.info(), config.frames, random.random::<u64>())?;
    let pixels = preprocess::pixels(&clip.render(&frames), preprocessing);
    let patches = config.frames * (config.image_size / config.patch_size).pow(2);
    let keep = config.masks(step).then(|| kept_patches(patches, config.mask_ratio, &mut random));
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
