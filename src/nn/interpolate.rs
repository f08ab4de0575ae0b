//! PyTorch's interpolation along one axis (`align_corners=False`), as a matrix: tables of positions for other numbers of
//! frames and patches than they were trained with.

use burn::tensor::{Device, Tensor, TensorData};

/// Coefficient of the cubic kernel.
const CUBIC: f32 = -0.75;

/// Linear: `[to, from]`, to be multiplied from the left with `from` rows.
#[must_use]
pub fn linear_weights(to: usize, from: usize, device: &Device) -> Tensor<2> {
    matrix(to, from, device, |position, row| {
        let position = position.max(0.0);
        let lower = (position as usize).min(from - 1);
        let upper_share = position - lower as f32;
        row[lower] += 1.0 - upper_share;
        row[(lower + 1).min(from - 1)] += upper_share;
    })
}

/// Cubic convolution over four rows, the outermost repeated beyond the edges: `[to, from]`. Of both axes of a picture it is
/// `mode="bicubic"` without antialias.
#[must_use]
pub fn cubic_weights(to: usize, from: usize, device: &Device) -> Tensor<2> {
    matrix(to, from, device, |position, row| {
        let lower = position.floor();
        let share = position - lower;
        for (tap, weight) in
            [outer(share + 1.0), inner(share), inner(1.0 - share), outer(2.0 - share)].into_iter().enumerate()
        {
            let at = (lower as isize + tap as isize - 1).clamp(0, from as isize - 1);
            row[at as usize] += weight;
        }
    })
}

/// The kernel at a distance below 1.
fn inner(x: f32) -> f32 {
    ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0
}

/// The kernel at a distance from 1 to 2.
fn outer(x: f32) -> f32 {
    ((CUBIC * x - 5.0 * CUBIC) * x + 8.0 * CUBIC) * x - 4.0 * CUBIC
}

/// `fill` gets where a row lies among the `from` ones, and the row.
fn matrix(to: usize, from: usize, device: &Device, fill: impl Fn(f32, &mut [f32])) -> Tensor<2> {
    let mut weights = vec![0.0; to * from];
    for (at, row) in weights.chunks_exact_mut(from).enumerate() {
        fill((at as f32 + 0.5) * (from as f32 / to as f32) - 0.5, row);
    }
    Tensor::from_data(TensorData::new(weights, [to, from]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `weights` times `0, 1, .. from - 1`.
    fn of_steps(weights: Tensor<2>) -> Vec<f32> {
        let [_, from] = weights.dims();
        let weights: Vec<f32> = weights.into_data().try_into_vec().unwrap();
        weights.chunks(from).map(|row| row.iter().enumerate().map(|(at, weight)| at as f32 * weight).sum()).collect()
    }

    #[test]
    fn linear_is_pytorch_s() {
        // torch 2.15: interpolate(arange(3.), size, mode="linear")
        for (to, expected) in [
            (1, vec![1.0]),
            (2, vec![0.25, 1.75]),
            (6, vec![0.0, 0.25, 0.75, 1.25, 1.75, 2.0]),
            (3, vec![0.0, 1.0, 2.0]),
        ] {
            assert_eq!(of_steps(linear_weights(to, 3, &Device::flex())), expected, "{to}");
        }
    }

    #[test]
    fn cubic_is_pytorch_s() {
        // torch 2.15: interpolate(arange(4.).reshape(1, 1, 1, 4), (1, size), mode="bicubic")
        for (to, expected) in [
            (2, vec![0.40625, 2.59375]),
            (3, vec![0.12616, 1.5, 2.87384]),
            (4, vec![0.0, 1.0, 2.0, 3.0]),
            (6, vec![-0.08681, 0.40625, 1.21296, 1.78704, 2.59375, 3.08681]),
            (7, vec![-0.09922, 0.27925, 0.89659, 1.5, 2.10341, 2.72075, 3.09922]),
        ] {
            let got = of_steps(cubic_weights(to, 4, &Device::flex()));
            assert_eq!(got.len(), expected.len());
            assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{to}: {got:?}");
        }
    }
}
