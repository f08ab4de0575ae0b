//! Regions against counting by hand, their contrast against plain arithmetic and finite differences.

use super::*;
use crate::Error;
use burn::tensor::{Device, Tensor, TensorData};

fn target(subject: usize, [sx, sy]: [f32; 2], object: usize, [ox, oy]: [f32; 2]) -> TripletTarget {
    let subject_box = [sx, sy, 0.2, 0.2];
    TripletTarget { subject, predicate: 0, object, subject_box, object_box: [ox, oy, 0.1, 0.3] }
}

#[test]
fn a_region_is_the_patch_with_the_centre() {
    let frames = vec![
        // Of a grid of four by four: column 0 of row 0, column 3 of row 2; told twice, there once.
        vec![target(5, [0.24, 0.1], 7, [0.99, 0.6]), target(7, [0.99, 0.6], 5, [0.24, 0.1])],
        vec![],
        // At the lower right edge; the two others share a patch and are left out.
        vec![target(1, [1.0, 1.0], 2, [0.3, 0.3]), target(3, [0.4, 0.45], 1, [1.0, 1.0])],
    ];
    let told = |frame, patch, class| Region { frame, patch, class };
    assert_eq!(regions(&frames, 4), [told(0, 0, 5), told(0, 11, 7), told(2, 15, 1)]);
}

const DIMS: [usize; 4] = [2, 2, 4, 3];

/// Numbers without a pattern, the same at each call.
fn numbers(count: usize, seed: f64) -> Vec<f64> {
    (0..count).map(|at| ((at as f64 + seed) * 12.9898).sin() * 1.7).collect()
}

/// The definition, one number after the other.
fn by_hand(patches: &[f64], projection: &[f64], labels: &[f64], regions: &[Region], temperature: f64) -> f64 {
    let (width, dim, classes) = (3, 2, 4);
    let unit = |x: Vec<f64>| {
        let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        x.into_iter().map(|x| x / norm).collect::<Vec<f64>>()
    };
    let loss = |region: &Region| {
        let row = &patches[(region.frame * 4 + region.patch) * width..][..width];
        let seen = unit((0..dim).map(|d| (0..width).map(|w| row[w] * projection[w * dim + d]).sum()).collect());
        let logits: Vec<f64> = (0..classes)
            .map(|c| {
                unit(labels[c * dim..][..dim].to_vec()).iter().zip(&seen).map(|(a, b)| a * b).sum::<f64>() / temperature
            })
            .collect();
        logits.iter().map(|x| x.exp()).sum::<f64>().ln() - logits[region.class]
    };
    regions.iter().map(loss).sum::<f64>() / regions.len() as f64
}

#[test]
fn the_contrast_is_its_definition_and_its_gradients_are_finite_differences() {
    let found = [(0, 1, 3), (1, 0, 0), (3, 3, 2)].map(|(frame, patch, class)| Region { frame, patch, class });
    let (patches, projection, labels) = (numbers(48, 0.3), numbers(6, 50.1), numbers(8, 90.7));
    let device = Device::flex().autodiff();
    let single = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let leaf = Tensor::<4>::from_data(TensorData::new(single(&patches), DIMS), &device).require_grad();
    let maps = Tensor::<2>::from_data(TensorData::new(single(&projection), [3, 2]), &device).require_grad();
    let words = Tensor::<2>::from_data(TensorData::new(single(&labels), [4, 2]), &device).require_grad();
    let temperature = Tensor::<1>::from_data([0.5f32], &device);
    let loss = region_contrast(leaf.clone(), maps.clone(), words.clone(), &found, temperature).unwrap();
    let got = loss.clone().into_data().iter::<f64>().next().unwrap();
    assert!((got - by_hand(&patches, &projection, &labels, &found, 0.5)).abs() < 1e-5, "{got}");

    let of = loss.backward();
    let floats = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<f64>>();
    let gradients = [
        floats(leaf.grad(&of).unwrap().into_data().iter::<f32>().collect()),
        floats(maps.grad(&of).unwrap().into_data().iter::<f32>().collect()),
        floats(words.grad(&of).unwrap().into_data().iter::<f32>().collect()),
    ];
    let mut inputs = [patches, projection, labels];
    for (which, of_input) in gradients.iter().enumerate() {
        for at in 0..of_input.len() {
            let mut moved = |by: f64| {
                inputs[which][at] += by;
                let loss = by_hand(&inputs[0], &inputs[1], &inputs[2], &found, 0.5);
                inputs[which][at] -= by;
                loss
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (slope - of_input[at]).abs() < 1e-4,
                "input {which}, number {at}: {} instead of {slope}",
                of_input[at]
            );
        }
    }
    // Patches that nobody told of learn nothing.
    assert!(gradients[0][..3].iter().all(|x| *x == 0.0) && gradients[0][3..6].iter().any(|x| *x != 0.0));
}

#[test]
fn without_regions_it_is_nothing_and_those_outside_are_refused() {
    let device = Device::flex();
    let contrast = |found: &[Region]| {
        let (patches, projection) = (Tensor::<4>::ones(DIMS, &device), Tensor::<2>::ones([3, 2], &device));
        region_contrast(patches, projection, Tensor::<2>::ones([4, 2], &device), found, Tensor::<1>::ones([1], &device))
    };
    assert_eq!(contrast(&[]).unwrap().into_data().iter::<f32>().collect::<Vec<f32>>(), [0.0]);
    for (frame, patch, class) in [(4, 0, 0), (0, 4, 0), (0, 0, 4)] {
        let refused = contrast(&[Region { frame, patch, class }]).unwrap_err();
        assert!(matches!(refused, Error::ShapeMismatch { .. }), "{refused}");
    }
}
