//! The contrast with single labels against a plain computation in f64, gradients against finite differences of it.

use super::*;
use burn::tensor::{Device, Tensor, TensorData};

const TEMPERATURE: f64 = 0.2;

/// Three videos, four labels; the second video has no label, the third all but one.
fn present() -> Vec<Vec<usize>> {
    vec![vec![1], vec![], vec![0, 2, 3]]
}

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    (0..count).map(|at| ((at as f64 + 1.3) * (seed as f64 + 0.7)).sin()).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Label by label, as the formula says it.
fn plain(videos: &[f64], labels: &[f64], dim: usize) -> f64 {
    let labels: Vec<&[f64]> = labels.chunks(dim).collect();
    let each = videos.chunks(dim).zip(present()).map(|(video, present)| {
        let c = |label: usize| (cosine(video, labels[label]) / TEMPERATURE).exp();
        let others: f64 = (0..labels.len()).filter(|label| !present.contains(label)).map(c).sum();
        let losses: Vec<f64> = present.iter().map(|label| -(c(*label) / (c(*label) + others)).ln()).collect();
        if losses.is_empty() { 0.0 } else { losses.iter().sum::<f64>() / losses.len() as f64 }
    });
    each.sum::<f64>() / present().len() as f64
}

fn leaf(numbers: &[f64], dim: usize) -> Tensor<2> {
    let numbers: Vec<f32> = numbers.iter().map(|x| *x as f32).collect();
    let shape = [numbers.len() / dim, dim];
    Tensor::from_data(TensorData::new(numbers, shape), &Device::flex().autodiff()).require_grad()
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

#[test]
fn values_and_gradients_are_the_formulas() {
    let (videos, labels) = (numbers(9, 1), numbers(12, 2));
    let (v, l) = (leaf(&videos, 3), leaf(&labels, 3));
    let tau = Tensor::<1>::from_data([TEMPERATURE], &Device::flex().autodiff());
    let loss = tag_contrast(v.clone(), l.clone(), &present(), tau).unwrap();
    let gradients = loss.backward();
    assert!((floats(loss)[0] - plain(&videos, &labels, 3)).abs() < 1e-5);
    let step = 1e-5;
    for (leaf, at_video) in [(v, true), (l, false)] {
        for (at, got) in floats(leaf.grad(&gradients).unwrap()).into_iter().enumerate() {
            let moved = |by: f64| {
                let (mut videos, mut labels) = (videos.clone(), labels.clone());
                *if at_video { &mut videos[at] } else { &mut labels[at] } += by;
                plain(&videos, &labels, 3)
            };
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((got - expected).abs() < 2e-5, "{at}: {got} instead of {expected}");
        }
    }
}

#[test]
fn cold_temperatures_stay_finite() {
    let tau = Tensor::<1>::from_data([1e-4], &Device::flex().autodiff());
    let v = leaf(&[1.0, 0.0], 2);
    let loss = tag_contrast(v.clone(), leaf(&[-1.0, 0.0, 1.0, 0.0], 2), &[vec![0]], tau).unwrap();
    let gradient = floats(v.grad(&loss.backward()).unwrap());
    assert!((floats(loss)[0] - 2e4).abs() < 1.0 && gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn labels_that_are_not_there_are_refused() {
    let tau = Tensor::<1>::ones([1], &Device::flex());
    let rows = |n: usize| Tensor::<2>::ones([n, 3], &Device::flex());
    for present in [vec![vec![0]], vec![vec![0], vec![2]]] {
        let error = tag_contrast(rows(2), rows(2), &present, tau.clone()).unwrap_err();
        assert_eq!(error.code(), "shape-mismatch");
    }
}
