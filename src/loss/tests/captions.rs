//! Values and gradients against the reference implementation, gradients also against finite differences.

use super::*;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;

struct Fixture(Vec<u8>);

impl Fixture {
    fn open() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/contrastive/tensors.safetensors");
        Self(std::fs::read(path).unwrap())
    }

    fn numbers(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let numbers = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        (numbers.collect(), view.shape().to_vec())
    }

    /// A leaf that keeps its gradient; a scalar becomes `[1]`.
    fn leaf<const D: usize>(&self, name: &str) -> Tensor<D> {
        let (numbers, mut shape) = self.numbers(name);
        if shape.is_empty() {
            shape = vec![1];
        }
        Tensor::from_data(TensorData::new(numbers, shape), &Device::flex().autodiff()).require_grad()
    }
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn assert_near(got: &[f32], expected: &[f32], absolute: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() <= absolute + 1e-4 * b.abs(), "{what}: {a} instead of {b}");
    }
}

#[test]
fn contrastive_values_and_gradients_are_the_references() {
    let fixture = Fixture::open();
    for size in ["small", "big"] {
        let leaf = |name: &str| format!("{size}_{name}");
        let (v, t): (Tensor<2>, Tensor<2>) = (fixture.leaf(&leaf("v")), fixture.leaf(&leaf("t")));
        let temperature: Tensor<1> = fixture.leaf(&leaf("temp"));
        let near = |got: Vec<f32>, name: &str| {
            assert_near(&got, &fixture.numbers(&leaf(name)).0, 1e-4, &leaf(name));
        };
        near(floats(similarity_logits(v.clone(), t.clone(), temperature.clone())), "logits");
        let loss = |ids: Option<&[u64]>, reduction| {
            contrastive(v.clone(), t.clone(), temperature.clone(), ids, reduction).unwrap()
        };
        near(floats(loss(None, Reduction::Mean)), "loss_viclip_mean");
        let ids: Vec<u64> = (0..v.dims()[0] as u64).map(|i| i.max(1)).collect();
        near(floats(loss(Some(&ids), Reduction::Mean)), "loss_mean_dup01");
        let sum = loss(None, Reduction::Sum);
        near(floats(sum.clone()), "loss_eq2_sum");
        let gradients = sum.backward();
        near(floats(v.grad(&gradients).unwrap()), "grad_v");
        near(floats(t.grad(&gradients).unwrap()), "grad_t");
        near(floats(temperature.grad(&gradients).unwrap()), "grad_temp");
    }
}

#[test]
fn ranking_values_and_gradients_are_the_references() {
    let fixture = Fixture::open();
    let (v, positives): (Tensor<2>, Tensor<2>) = (fixture.leaf("tsg_v"), fixture.leaf("tsg_pos"));
    let (negatives, tau): (Tensor<3>, Tensor<1>) = (fixture.leaf("tsg_neg"), fixture.leaf("tsg_tau"));
    let near = |got: Vec<f32>, name: &str| assert_near(&got, &fixture.numbers(name).0, 1e-4, name);
    let full = ranking(v.clone(), positives.clone(), negatives.clone(), None, tau.clone()).unwrap();
    near(floats(full), "tsg_R_full_per_sample");
    let mask = Some(fixture.leaf::<2>("tsg_mask").detach());
    let masked = ranking(v.clone(), positives.clone(), negatives.clone(), mask, tau.clone()).unwrap();
    near(floats(masked.clone()), "tsg_R_per_sample_masked");
    let gradients = masked.clone().mean().backward();
    near(floats(masked.mean()), "tsg_R_masked_mean");
    near(floats(v.grad(&gradients).unwrap()), "tsg_R_grad_v");
    near(floats(positives.grad(&gradients).unwrap()), "tsg_R_grad_pos");
    near(floats(negatives.grad(&gradients).unwrap()), "tsg_R_grad_neg");

    let (positives, negatives): (Tensor<2>, Tensor<2>) = (fixture.leaf("tsgT_pos"), fixture.leaf("tsgT_neg"));
    let v: Tensor<2> = fixture.leaf("tsg_v");
    let order = ranking(v.clone(), positives.clone(), negatives.clone().unsqueeze_dim(1), None, tau).unwrap();
    near(floats(order.clone()), "tsg_T_per_sample");
    let gradients = order.clone().mean().backward();
    near(floats(order.mean()), "tsg_T_mean");
    near(floats(v.grad(&gradients).unwrap()), "tsg_T_grad_v");
    near(floats(positives.grad(&gradients).unwrap()), "tsg_T_grad_pos");
    near(floats(negatives.grad(&gradients).unwrap()), "tsg_T_grad_neg");
}

#[test]
fn near_misses_only_compete_for_the_videos() {
    let fixture = Fixture::open();
    let get = |name: &str| fixture.leaf::<2>(name);
    let (v, t, temperature) = (get("small_v"), get("small_t"), fixture.leaf::<1>("small_temp"));
    let negatives = (t.clone() * 0.3 + v.clone() * 0.7).detach();
    let loss = |v: Tensor<2>, n: Tensor<2>| {
        contrastive_with_negatives(v, t.clone(), n, temperature.clone(), Reduction::Sum).unwrap()
    };
    // By brute force in f64.
    let logits = |n: Tensor<2>| {
        let texts = Tensor::cat(vec![t.clone(), n], 0);
        let columns = texts.dims()[0];
        (floats(similarity_logits(v.clone(), texts, temperature.clone())), columns)
    };
    let (all, columns) = logits(negatives.clone());
    let at = |row: usize, column: usize| f64::from(all[row * columns + column]);
    let mut expected = 0.0;
    for i in 0..4 {
        let to_text: f64 = (0..columns).map(|j| (at(i, j) - at(i, i)).exp()).sum();
        let to_video: f64 = (0..4).map(|j| (at(j, i) - at(i, i)).exp()).sum();
        expected += (to_text.ln() + to_video.ln()) / 4.0;
    }
    let got = loss(v.clone(), negatives.clone());
    assert_near(&floats(got.clone()), &[expected as f32], 1e-4, "loss");

    // Central differences of every component of the videos.
    let gradient = floats(v.grad(&got.backward()).unwrap());
    let numbers = floats(v.clone());
    for index in 0..numbers.len() {
        let shifted = |by: f32| {
            let mut numbers = numbers.clone();
            numbers[index] += by;
            let shifted = Tensor::<2>::from_data(TensorData::new(numbers, v.dims()), &v.device());
            f64::from(floats(loss(shifted, negatives.clone()))[0])
        };
        let slope = (shifted(2e-3) - shifted(-2e-3)) / 4e-3;
        let difference = (slope - f64::from(gradient[index])).abs();
        assert!(difference < 5e-3 * slope.abs().max(1.0), "component {index}: {} instead of {slope}", gradient[index]);
    }
}

#[test]
fn extreme_logits_stay_finite() {
    let device = Device::flex().autodiff();
    let v = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &device).require_grad();
    let t = Tensor::<2>::from_data([[-1.0, 0.0], [0.0, -1.0]], &device);
    let temperature = Tensor::<1>::from_data([1e-4], &device);
    let loss = contrastive(v.clone(), t, temperature, None, Reduction::Sum).unwrap();
    let gradient = floats(v.grad(&loss.backward()).unwrap());
    assert!((floats(loss)[0] - 2e4).abs() < 1.0);
    assert!(gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn unequal_counts_are_refused() {
    let device = Device::flex();
    let rows = |n: usize| Tensor::<2>::ones([n, 3], &device);
    let tau = Tensor::<1>::ones([1], &device);
    let error = contrastive(rows(2), rows(3), tau.clone(), None, Reduction::Sum).unwrap_err();
    assert_eq!(error.code(), "shape-mismatch");
    let error = contrastive(rows(2), rows(2), tau.clone(), Some(&[1]), Reduction::Sum).unwrap_err();
    assert_eq!(error.code(), "shape-mismatch");
    let negatives = Tensor::<3>::ones([2, 1, 4], &device);
    assert_eq!(ranking(rows(2), rows(2), negatives, None, tau).unwrap_err().code(), "shape-mismatch");
}
