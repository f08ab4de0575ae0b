//! Random numbers that follow from a seed and a name alone: not from the device, nor from what else was drawn.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// A seed of its own for whatever `key` names.
#[must_use]
pub fn mix(seed: u64, key: &str) -> u64 {
    fnv1a(key) ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Numbers between 0 and 1, both excluded, so that their logarithm is finite.
pub fn uniforms(seed: u64) -> impl FnMut() -> f64 {
    let mut rng = Pcg64::seed_from_u64(seed);
    // 53 bits.
    move || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// 64-bit FNV-1a.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
