//! The clips of one step.

use super::samples::{FineTuneSample, Lesson};
use crate::config::PreprocessConfig;
use crate::data::{Position, SeededOrder};
use crate::error::Result;
use crate::train::{Batch, Round};
use crate::video::Frames;
use crate::video::preprocess::normalise;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Near misses of a clip in one step; of more, other ones come each time.
const NEAR_MISSES: usize = 4;

/// The batch of step `step`: follows from the samples, the seed and the step alone. Clips come in a shuffled order, all of
/// them once before any comes again.
///
/// # Errors
/// Those of [`SeededOrder`], for no samples.
pub fn batch(
    samples: &[FineTuneSample],
    size: usize,
    seed: u64,
    step: usize,
    preprocess: &PreprocessConfig,
) -> Result<Batch> {
    let size = size.min(samples.len()).max(1);
    let count = samples.len() as u64;
    let first = step as u64 * size as u64;
    let mut order = SeededOrder::new(samples.len(), seed)?;
    order.resume(Position { epoch: first / count, seen: first % count })?;
    let (mut pairs, mut scenes) = (Vec::new(), Vec::new());
    let (mut round, mut graphs) = (Round::default(), Vec::new());
    for _ in 0..size {
        let turn = order.advance();
        let sample = &samples[turn.index];
        let mut random = Pcg64Mcg::seed_from_u64(turn.seed);
        // u64: the same draw where pointers have 32 bits.
        let mut pick = |count: usize| random.random_range(0..count as u64) as usize;
        match &sample.lesson {
            Lesson::Caption { caption, near_misses } => {
                pairs.extend(sample.sight(0));
                round.positives.push(caption.clone());
                let mut left: Vec<&String> = near_misses.iter().collect();
                while !left.is_empty() && near_misses.len() - left.len() < NEAR_MISSES {
                    let at = pick(left.len());
                    round.negatives.push(left.swap_remove(at).clone());
                }
            }
            Lesson::Graph(draws) => {
                let draw = pick(draws.len());
                scenes.extend(sample.sight(draw));
                graphs.push(draws[draw].clone());
            }
        }
    }
    pairs.extend(scenes);
    let side = preprocess.image_size;
    let pixels = normalise(&Frames { width: side, height: side, data: pairs }, preprocess.mean, preprocess.std);
    let rounds = if round.positives.is_empty() { Vec::new() } else { vec![round] };
    Ok(Batch { pixels, rounds, scenes: graphs, ..Batch::default() })
}
