//! Softmax, `QuickGELU` and GELU by tanh on the CPU device's own memory, in place. Its general operations spend their time in a
//! scalar exponential (on ViCLIP-B/16, a third of the forward pass); plain loops over fixed-size chunks become SIMD code
//! on every target.

use crate::platform::{VectorWork, parallel_map, vectorized};
use burn::tensor::{DType, Device, Tensor, TensorData};

/// Numbers a thread gets at a time.
const CHUNK: usize = 1 << 16;
/// Numbers worked on side by side: a few vector registers on every target.
const LANES: usize = 16;

/// Of GELU by tanh: `2 sqrt(2 / pi)`, and the factor of the cube.
pub(super) const GELU_SCALE: f32 = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::SQRT_2;
pub(super) const GELU_CUBE: f32 = 0.044_715;

/// Softmax takes powers below this (1e-35) as zero.
const SMALLEST_POWER: f32 = -80.0;

/// Whether `x` lies in host memory as f32 and no gradient goes through it.
pub(super) fn is_here<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && !x.is_autodiff() && x.device() == Device::flex()
}

/// Whether `x` lies in host memory as f32 and gradients go through it.
pub(super) fn is_here_tracked<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && x.is_autodiff() && x.device().inner() == Device::flex()
}

/// Softmax over the last axis.
pub(super) fn softmax_rows<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let row = x.dims()[D - 1].max(1);
    in_place(x, row, Softmax)
}

/// `x * sigmoid(1.702 x)`.
pub(super) fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    in_place(x, 1, QuickGelu)
}

/// Softmax over the last axis of a tensor in host memory through which gradients go.
///
/// The value is computed here, without a graph. What burn differentiates is the function's linear part around `x`,
/// `Y u - Y sum(Y u)` of the difference `u = x - (x without gradient)`, which is zero: the same gradient, and no
/// exponential, maximum or division in the graph.
pub(super) fn softmax_rows_tracked<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let plain = x.clone().inner();
    let y = Tensor::from_inner(softmax_rows(plain.clone()));
    let u = (x - Tensor::from_inner(plain)) * y.clone();
    let sum = u.clone().sum_dim(D - 1);
    u + y.clone() * (-sum + 1.0)
}

/// GELU by tanh, `x * sigmoid(gelu_power(x))`.
pub(super) fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    in_place(x, 1, GeluTanh)
}

/// [`quick_gelu`] of a tensor in host memory through which gradients go.
pub(super) fn quick_gelu_tracked<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    tracked(x, QuickGelu, QuickGeluSlope)
}

/// [`gelu_tanh`] of a tensor in host memory through which gradients go.
pub(super) fn gelu_tanh_tracked<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    tracked(x, GeluTanh, GeluTanhSlope)
}

/// A function of single numbers: its value plus slope times a difference that is zero, both computed without a graph.
fn tracked<const D: usize>(x: Tensor<D>, value: impl Kernel, slope: impl Kernel) -> Tensor<D> {
    let plain = x.clone().inner();
    let slope = in_place(plain.clone(), 1, slope);
    let offset = in_place(plain.clone(), 1, value) - slope.clone() * plain;
    x * Tensor::from_inner(slope) + Tensor::from_inner(offset)
}

/// A function of rows of numbers, in place. Everything it calls is `#[inline(always)]`: only then is it compiled for the
/// wide registers of [`vectorized`]. (A closure is not; measured.)
trait Kernel: Copy + Sync + Send {
    /// `values` are whole rows of `row` numbers.
    fn apply(self, values: &mut [f32], row: usize);
}

#[derive(Clone, Copy)]
struct Softmax;

impl Kernel for Softmax {
    #[inline(always)]
    fn apply(self, values: &mut [f32], row: usize) {
        for row in values.chunks_exact_mut(row) {
            softmax_row(row);
        }
    }
}

#[derive(Clone, Copy)]
struct QuickGelu;

impl Kernel for QuickGelu {
    #[inline(always)]
    fn apply(self, values: &mut [f32], _row: usize) {
        each(values, |x| x / (1.0 + exp(-1.702 * x)));
    }
}

/// Derivative of `x s` with `s = sigmoid(1.702 x)`: `s (1 + 1.702 x (1 - s))`.
#[derive(Clone, Copy)]
struct QuickGeluSlope;

impl Kernel for QuickGeluSlope {
    #[inline(always)]
    fn apply(self, values: &mut [f32], _row: usize) {
        each(values, |x| {
            let s = 1.0 / (1.0 + exp(-1.702 * x));
            s * (1.0 + 1.702 * x * (1.0 - s))
        });
    }
}

#[derive(Clone, Copy)]
struct GeluTanh;

impl Kernel for GeluTanh {
    #[inline(always)]
    fn apply(self, values: &mut [f32], _row: usize) {
        each(values, |x| x / (1.0 + exp(-gelu_power(x))));
    }
}

/// Derivative of `x s` with `s = sigmoid(u)`, `u` = [`gelu_power`]: `s (1 + x u' (1 - s))`.
#[derive(Clone, Copy)]
struct GeluTanhSlope;

impl Kernel for GeluTanhSlope {
    #[inline(always)]
    fn apply(self, values: &mut [f32], _row: usize) {
        each(values, |x| {
            let s = 1.0 / (1.0 + exp(-gelu_power(x)));
            s * (1.0 + x * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x) * (1.0 - s))
        });
    }
}

/// `2 sqrt(2 / pi) (x + 0.044715 x^3)`: half of one plus its half's tanh is its sigmoid.
#[inline(always)]
fn gelu_power(x: f32) -> f32 {
    GELU_SCALE * (x + GELU_CUBE * x * x * x)
}

/// A kernel and what it works on.
struct Piece<'a, K> {
    kernel: K,
    values: &'a mut [f32],
    row: usize,
}

impl<K: Kernel> VectorWork for Piece<'_, K> {
    #[inline(always)]
    fn run(self) {
        self.kernel.apply(self.values, self.row);
    }
}

/// Runs a kernel on pieces of the tensor's memory that hold whole rows. (Nothing is copied where the tensor is
/// contiguous and not shared.)
fn in_place<const D: usize>(x: Tensor<D>, row: usize, kernel: impl Kernel) -> Tensor<D> {
    let (device, mut data): (Device, TensorData) = (x.device(), x.into_data());
    if let Ok(values) = data.as_mut_slice::<f32>() {
        let pieces = values.chunks_mut((CHUNK / row).max(1) * row).collect();
        parallel_map(pieces, |values: &mut [f32]| vectorized(Piece { kernel, values, row }));
    }
    Tensor::from_data(data, &device)
}

#[inline(always)]
fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
    let mut chunks = values.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for value in chunk {
            *value = f(*value);
        }
    }
    for value in chunks.into_remainder() {
        *value = f(*value);
    }
}

#[inline(always)]
fn softmax_row(row: &mut [f32]) {
    let largest = fold(row, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    each(row, |x| {
        let x = x - largest;
        // Zero, not the smallest number: products with subnormal numbers take a matrix product a hundred times as long.
        if x < SMALLEST_POWER { 0.0 } else { exp(x) }
    });
    let scale = 1.0 / fold(row, 0.0, |a, b| a + b);
    each(row, |x| x * scale);
}

/// Folds `LANES` columns side by side, then those together: the order lets the compiler use vectors.
#[inline(always)]
fn fold(row: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, value);
        }
    }
    lanes.iter().chain(chunks.remainder()).fold(start, |a, &b| f(a, b))
}

/// `e^x` within 3e-7 of itself; below -87 it stays at 1e-38. NaN stays NaN.
///
/// `x = n ln 2 + r` with a whole n; `e^r = 1 + r + r^2 q(r)` with q of degree 4 (Chebyshev interpolation on
/// `|r| <= ln 2 / 2`); `2^n` is written into the exponent bits.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves no bits for a fraction: rounds to whole numbers without an instruction of its own.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first short enough that n times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const Q: [f32; 5] = [0.5, 0.166_665_77, 0.041_666_556, 0.008_363_173, 0.001_392_617_6];
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let q = (((Q[4] * r + Q[3]) * r + Q[2]) * r + Q[1]) * r + Q[0];
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (1.0 + (r + r * r * q)) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

    fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn exponentials_are_right_over_the_whole_range() {
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let relative = f64::from(exp(x)) / f64::from(x).exp() - 1.0;
            assert!(relative.abs() < 3e-7, "e^{x} off by {relative:e}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    /// In f64, row by row.
    fn exact_softmax(x: &[f32], columns: usize) -> Vec<f64> {
        let row = |row: &[f32]| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<f64> = row.iter().map(|&x| (f64::from(x) - f64::from(largest)).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(move |power| power / sum).collect::<Vec<_>>()
        };
        x.chunks_exact(columns).flat_map(row).collect()
    }

    #[test]
    fn softmax_is_exact_to_f32() {
        for columns in [1, 15, 16, 100, 1569] {
            let x = Tensor::<3>::random([3, 50, columns], Distribution::Normal(0.0, 5.0), &Device::flex());
            assert!(is_here(&x));
            // A view is not contiguous memory.
            for x in [x.clone(), x.swap_dims(0, 1)] {
                let exact = exact_softmax(&floats(x.clone()), columns);
                for (a, b) in floats(softmax_rows(x)).into_iter().zip(exact) {
                    assert!((f64::from(a) - b).abs() < 1e-6, "{columns} columns: {a} instead of {b}");
                }
            }
        }
    }

    #[test]
    fn quick_gelu_is_x_times_sigmoid_and_leaves_its_input_alone() {
        let x = Tensor::<2>::random([70, 1001], Distribution::Normal(0.0, 10.0), &Device::flex());
        let before = floats(x.clone());
        let ours = floats(quick_gelu(x.clone()));
        assert_eq!(floats(x), before);
        for (x, y) in before.into_iter().zip(ours) {
            let exact = f64::from(x) / (1.0 + (-1.702 * f64::from(x)).exp());
            assert!((f64::from(y) - exact).abs() < 1e-6 * f64::from(x).abs().max(1.0), "{x}: {y} {exact}");
        }
    }

    #[test]
    fn gelu_by_tanh_is_its_formula() {
        let x = Tensor::<2>::random([70, 1001], Distribution::Normal(0.0, 10.0), &Device::flex());
        let ours = floats(gelu_tanh(x.clone()));
        for (x, y) in floats(x).into_iter().map(f64::from).zip(ours) {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            let exact = 0.5 * x * (1.0 + inner.tanh());
            assert!((f64::from(y) - exact).abs() < 1e-6 * x.abs().max(1.0), "{x}: {y} {exact}");
        }
    }

    /// Value and gradient of `sum(w f(x))`.
    fn differentiated(f: impl Fn(Tensor<3>) -> Tensor<3>, x: &Tensor<3>, w: &Tensor<3>) -> (Vec<f32>, Vec<f32>) {
        let x = Tensor::from_inner(x.clone()).require_grad();
        let y = f(x.clone());
        let gradients = (y.clone() * Tensor::from_inner(w.clone())).sum().backward();
        (floats(y.inner()), floats(x.grad(&gradients).unwrap()))
    }

    #[test]
    fn tracked_functions_have_burns_values_and_gradients() {
        use burn::tensor::activation::{gelu_approximate, sigmoid, softmax};
        let draw = || Tensor::<3>::random([2, 7, 33], Distribution::Normal(0.0, 3.0), &Device::flex());
        let (x, w) = (draw(), draw());
        assert!(is_here_tracked(&Tensor::<3>::from_inner(x.clone())) && !is_here_tracked(&x));
        for (ours, burns) in [
            (differentiated(softmax_rows_tracked, &x, &w), differentiated(|x| softmax(x, 2), &x, &w)),
            (differentiated(quick_gelu_tracked, &x, &w), differentiated(|x| x.clone() * sigmoid(x * 1.702), &x, &w)),
            (differentiated(gelu_tanh_tracked, &x, &w), differentiated(gelu_approximate, &x, &w)),
        ] {
            for (a, b) in ours.0.iter().chain(&ours.1).zip(burns.0.iter().chain(&burns.1)) {
                assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} instead of {b}");
            }
        }
    }

    #[test]
    fn tensors_with_gradients_are_told_apart() {
        let device = Device::flex().autodiff();
        assert!(!is_here(&Tensor::<1>::ones([3], &device)));
    }
}
