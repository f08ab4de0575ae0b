//! Which patch tokens a training step keeps (models.md 1.3, step 4).

use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

/// A random subset of `patches - floor(ratio * patches)` patch indices of one video, ascending.
#[must_use]
pub fn kept_patches(patches: usize, ratio: f64, random: &mut Pcg64Mcg) -> Vec<i32> {
    let kept = patches - ((ratio * patches as f64) as usize).min(patches.saturating_sub(1));
    let mut indices: Vec<i32> = (0..patches as i32).collect();
    // The chosen ones come at the end of the slice.
    let (chosen, _) = indices.partial_shuffle(random, kept);
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn each_patch_is_kept_equally_often_and_once() {
        let mut random = Pcg64Mcg::seed_from_u64(5);
        let mut counts = [0u32; 64];
        for _ in 0..4000 {
            let kept = kept_patches(64, 0.75, &mut random);
            assert_eq!(kept.len(), 16);
            assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
            kept.iter().for_each(|index| counts[*index as usize] += 1);
        }
        // 1000 expected, standard deviation 27.
        assert!(counts.iter().all(|count| (860..1140).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_number_kept_is_the_original_codes() {
        let mut random = Pcg64Mcg::seed_from_u64(5);
        assert_eq!(kept_patches(10, 0.0, &mut random), (0..10).collect::<Vec<_>>());
        // N - int(p * N)
        assert_eq!(kept_patches(7, 0.5, &mut random).len(), 4);
        assert_eq!(kept_patches(1568, 0.9, &mut random).len(), 157);
    }
}
