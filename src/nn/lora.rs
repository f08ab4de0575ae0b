//! Low-rank adapters (LoRA) of linear maps (models.md 5.6).

use crate::config::LoraConfig;
use crate::nn::{mix, uniforms};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Largest prime below 2^15: the products of two residues fit 32 bits on every device.
const PRIME: i32 = 32_749;

/// Adds `scale B A dropout(x)` to a linear map. Both factors train, the map's own weight need not.
#[derive(Module, Debug)]
pub struct Lora {
    /// A: `[rank, in]`.
    pub a: Param<Tensor<2>>,
    /// B: `[out, rank]`.
    pub b: Param<Tensor<2>>,
    #[module(skip)]
    scale: f64,
    #[module(skip)]
    dropout: f64,
    /// What the next masks follow from; without it nothing is dropped.
    #[module(skip)]
    mask_seed: Option<u64>,
    #[module(skip)]
    merged: bool,
}

impl Lora {
    /// A fresh adapter of the linear map `path` with a weight of `[out, in]`: A uniform within `1 / sqrt(in)` (PyTorch's
    /// `kaiming_uniform_(a = sqrt 5)`), drawn on the host, so that it is the same on every device; B zero.
    #[must_use]
    pub fn init(shape: [usize; 2], config: &LoraConfig, seed: u64, path: &str, device: &Device) -> Self {
        let [outputs, inputs] = shape;
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut unit = uniforms(mix(seed, path));
        let values: Vec<f32> = (0..config.rank * inputs).map(|_| ((2.0 * unit() - 1.0) * bound) as f32).collect();
        let a = Tensor::from_data(TensorData::new(values, [config.rank, inputs]), device);
        let b = Tensor::zeros([outputs, config.rank], device);
        Self { dropout: config.dropout, ..Self::new(a, b, config.scale()) }
    }

    /// An adapter of given factors: `a` `[rank, in]`, `b` `[out, rank]`, on the device of the map's weight.
    #[must_use]
    pub fn new(a: Tensor<2>, b: Tensor<2>, scale: f64) -> Self {
        let (a, b) = (Param::from_tensor(a), Param::from_tensor(b));
        Self { a, b, scale, dropout: 0.0, mask_seed: None, merged: false }
    }

    /// What B A is multiplied by.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// Share of the inputs that is zeroed while a mask's seed is set.
    #[must_use]
    pub const fn dropout(&self) -> f64 {
        self.dropout
    }

    /// Rows of A.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.a.lazy_shape()[0]
    }

    /// Whether its part is in the map's weight, so that it must not be added again.
    #[must_use]
    pub const fn is_merged(&self) -> bool {
        self.merged
    }

    /// Turns dropout on with masks that follow from `seed` and their shape alone, or off. The same seed gives the same
    /// masks on every device, and again when a block is recomputed.
    pub const fn set_mask_seed(&mut self, seed: Option<u64>) {
        self.mask_seed = seed;
    }

    /// Its part of the map's output: `x` `[rows, in]` to `[rows, out]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = match self.mask_seed {
            Some(seed) if self.dropout > 0.0 => {
                let mask = keep_mask(x.dims(), self.dropout, seed, &x.device()).cast(x.dtype());
                x * mask
            }
            _ => x,
        };
        (x.matmul(self.a.val().transpose()) * self.scale).matmul(self.b.val().transpose())
    }

    /// What it adds to the map's weight, `[out, in]`.
    #[must_use]
    pub fn delta(&self) -> Tensor<2> {
        self.b.val().matmul(self.a.val()) * self.scale
    }

    /// Adds its part to `weight`, the map's; nothing where it is there already.
    pub fn merge(&mut self, weight: &mut Param<Tensor<2>>) {
        if !std::mem::replace(&mut self.merged, true) {
            self.shift(weight, 1.0);
        }
    }

    /// Takes its part out of `weight` again, to rounding.
    pub fn unmerge(&mut self, weight: &mut Param<Tensor<2>>) {
        if std::mem::replace(&mut self.merged, false) {
            self.shift(weight, -1.0);
        }
    }

    fn shift(&self, weight: &mut Param<Tensor<2>>, sign: f64) {
        let delta = self.delta().detach() * sign;
        *weight = weight.clone().map(|weight| {
            let trains = weight.is_require_grad();
            let shifted = weight.clone().detach() + delta.cast(weight.dtype());
            if trains { shifted.require_grad() } else { shifted }
        });
    }
}

/// `1 / (1 - rate)` where an input is kept, 0 where it is dropped, `[rows, columns]`.
///
/// Whether element (i, j) is kept is told by `(f_i g_j + r_i + c_j) mod p`, four vectors drawn on the host: whole
/// numbers, so that every device gets the same mask, at the cost of moving rows + columns numbers instead of the mask.
fn keep_mask(shape: [usize; 2], rate: f64, seed: u64, device: &Device) -> Tensor<2> {
    let [rows, columns] = shape;
    let mut unit = uniforms(seed);
    let mut residues = |shape: [usize; 2], least: i32| {
        let draw = |unit: f64| least + (unit * f64::from(PRIME - least)) as i32;
        let values: Vec<i32> = (0..shape[0] * shape[1]).map(|_| draw(unit())).collect();
        Tensor::<2, Int>::from_data(TensorData::new(values, shape), device)
    };
    let (row_factor, row_offset) = (residues([rows, 1], 1), residues([rows, 1], 0));
    let (column_factor, column_offset) = (residues([1, columns], 1), residues([1, columns], 0));
    let residue = (row_factor * column_factor + row_offset + column_offset).remainder_scalar(PRIME);
    let kept = (f64::from(PRIME) * (1.0 - rate)).round() as i32;
    residue.lower_elem(kept).float() / (1.0 - rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn a_fresh_adapter_adds_nothing_and_is_drawn_within_its_bound() {
        let config = LoraConfig { rank: 4, alpha: 8.0, ..LoraConfig::default() };
        let draw = |seed, path| Lora::init([32, 64], &config, seed, path, &Device::flex());
        let lora = draw(1, "a");
        let (x, a) = (Tensor::<2>::ones([3, 64], &Device::flex()), floats(lora.a.val()));
        assert!(floats(lora.forward(x)).iter().all(|y| *y == 0.0));
        assert_eq!(lora.scale(), 2.0);
        // 256 numbers, uniform within 1/8: deviation 1/8 / sqrt 3.
        assert!(a.iter().all(|x| x.abs() < 0.125) && a.iter().any(|x| x.abs() > 0.11));
        let square = a.iter().map(|x| f64::from(x * x)).sum::<f64>() / a.len() as f64;
        assert!((square.sqrt() - 0.125 / 3f64.sqrt()).abs() < 0.01, "{square}");
        assert_eq!(a, floats(draw(1, "a").a.val()));
        assert_ne!(a, floats(draw(2, "a").a.val()));
        assert_ne!(a, floats(draw(1, "b").a.val()));
    }

    #[test]
    fn merged_and_unmerged_weights_differ_by_rounding_only() {
        let random = |shape| Tensor::<2>::random(shape, burn::tensor::Distribution::Normal(0.0, 1.0), &Device::flex());
        let mut lora = Lora::new(random([2, 5]), random([7, 2]), 0.5);
        let mut weight = Param::from_tensor(random([7, 5]));
        let before = weight.val();
        let x = random([4, 5]);
        let expected = x.clone().matmul(before.clone().transpose()) + lora.forward(x.clone());
        lora.merge(&mut weight);
        lora.merge(&mut weight);
        assert!(lora.is_merged());
        let got = x.matmul(weight.val().transpose());
        assert!(floats((got - expected).abs()).iter().all(|d| *d < 1e-5));
        lora.unmerge(&mut weight);
        lora.unmerge(&mut weight);
        assert!(floats((weight.val() - before).abs()).iter().all(|d| *d < 1e-6));
    }

    #[test]
    fn masks_follow_from_the_seed_and_keep_the_share_asked_for() {
        let mask = |seed, rate| floats(keep_mask([300, 200], rate, seed, &Device::flex()));
        for rate in [0.05, 0.5, 0.9] {
            let values = mask(3, rate);
            let kept = values.iter().filter(|value| **value != 0.0).count() as f64 / values.len() as f64;
            assert!((kept - (1.0 - rate)).abs() < 0.01, "{kept} kept at rate {rate}");
            assert!(values.iter().all(|v| *v == 0.0 || (f64::from(*v) - 1.0 / (1.0 - rate)).abs() < 1e-5));
            assert_eq!(values, mask(3, rate));
            assert_ne!(values, mask(4, rate));
        }
        // No row or column is kept or dropped as a whole, and neighbours do not go together.
        let values = mask(5, 0.5);
        let kept = |row: usize, column: usize| f64::from(u8::from(values[row * 200 + column] != 0.0));
        for row in 0..300 {
            let share = (0..200).map(|column| kept(row, column)).sum::<f64>() / 200.0;
            assert!((share - 0.5).abs() < 0.2, "row {row}: {share}");
        }
        let together = |other: fn(usize, usize) -> (usize, usize)| {
            let pairs = (0..299).flat_map(|row| (0..199).map(move |column| (row, column)));
            let equal = pairs.filter(|&(row, column)| {
                let (r, c) = other(row, column);
                values[row * 200 + column] == values[r * 200 + c]
            });
            equal.count() as f64 / (299.0 * 199.0)
        };
        for share in [together(|r, c| (r + 1, c)), together(|r, c| (r, c + 1)), together(|r, c| (r + 1, c + 1))] {
            assert!((share - 0.5).abs() < 0.02, "{share}");
        }
    }

    #[test]
    fn dropout_acts_only_while_a_seed_is_set() {
        let config = LoraConfig { rank: 2, alpha: 2.0, dropout: 0.5, ..LoraConfig::default() };
        let mut lora = Lora::init([3, 40], &config, 1, "a", &Device::flex());
        lora.b = Param::from_tensor(Tensor::ones([3, 2], &Device::flex()));
        let x = Tensor::<2>::ones([6, 40], &Device::flex());
        let plain = floats(lora.forward(x.clone()));
        lora.set_mask_seed(Some(9));
        let dropped = floats(lora.forward(x.clone()));
        assert_ne!(plain, dropped);
        assert_eq!(dropped, floats(lora.forward(x.clone())), "a recomputed block must see the same mask");
        lora.set_mask_seed(None);
        assert_eq!(plain, floats(lora.forward(x)));
    }
}
