//! Seeded random numbers whose sequence is the same on every target: 32-bit draws only, no float, no `usize`.

use rand::Rng;
use rand_pcg::Pcg32;

/// Random numbers of one clip, or of one aspect of it.
#[derive(Debug, Clone)]
pub struct Random(Pcg32);

impl Random {
    /// Stream `stream` of `seed`: streams of one seed do not depend on how far another was read.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(mix(seed), mix(stream ^ 0x5851_f42d_4c95_7f2d)))
    }

    /// Uniform in `0..n` (0 for `n` = 0). Multiply-shift: off uniform by less than n / 2^32.
    pub fn below(&mut self, n: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()) * u64::from(n);
        (wide >> 32) as u32
    }

    /// Uniform in `low..=high`.
    pub fn range(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1).max(1).unsigned_abs()).cast_signed()
    }

    /// True in `percent` of 100 draws.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `items`; `None` where there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let n = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items.get(self.below(n) as usize)
    }

    /// Index drawn by weight; 0 where all weights are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut rest = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return index;
            }
            rest -= weight;
        }
        0
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let n = u32::try_from(last + 1).unwrap_or(u32::MAX);
            items.swap(last, self.below(n) as usize);
        }
    }
}

/// Spreads neighbouring seeds over all 64 bits (the finaliser of `SplitMix64`).
pub const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_cover_their_range_evenly_and_streams_differ() {
        let mut random = Random::new(3, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..7000 {
            counts[random.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|c| (880..1120).contains(c)), "{counts:?}");
        let draw = |seed, stream| (0..8).map(|_| Random::new(seed, stream).below(u32::MAX)).collect::<Vec<_>>();
        assert_eq!(draw(3, 1), draw(3, 1));
        assert_ne!(draw(3, 1), draw(3, 2));
        assert_ne!(draw(3, 1), draw(4, 1));
    }

    #[test]
    fn weights_of_zero_are_never_drawn() {
        let mut random = Random::new(1, 1);
        assert!((0..500).all(|_| [1, 3].contains(&random.weighted(&[0, 2, 0, 5, 0]))));
    }
}
