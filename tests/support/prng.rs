//! The rule by which fixtures draw their weights (models.md 7).

use super::Stored;
use std::collections::BTreeMap;

/// `count` numbers of the tensor `key`: element i is `mean + std * (2u - 1) * sqrt(3)`, u the top 24 bits of
/// splitmix64 at `fnv1a64(key) ^ seed * golden + (i + 1) * golden`.
pub fn numbers(key: &str, seed: u64, mean: f64, std: f64, count: usize) -> Vec<f32> {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let fnv = key
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    let start = fnv ^ seed.wrapping_mul(GOLDEN);
    (1..=count as u64)
        .map(|i| {
            let mut z = start.wrapping_add(i.wrapping_mul(GOLDEN));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            let u = (z >> 40) as f64 / f64::from(1u32 << 24);
            (mean + std * (2.0 * u - 1.0) * 1.732_050_807_568_877_2) as f32
        })
        .collect()
}

/// All tensors of an `init.json`.
pub fn weights(init: &serde_json::Value) -> BTreeMap<String, Stored> {
    let seed = init["seed"].as_u64().unwrap();
    let tensors = init["tensors"].as_object().unwrap();
    tensors
        .iter()
        .map(|(key, rule)| {
            let shape: Vec<usize> =
                rule["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let (mean, std) = (rule["mean"].as_f64().unwrap(), rule["std"].as_f64().unwrap());
            let floats = numbers(key, seed, mean, std, shape.iter().product());
            (key.clone(), Stored { shape, floats })
        })
        .collect()
}
