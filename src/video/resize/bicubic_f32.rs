//! torch's bicubic resize of a u8 tensor to a square, as torchvision calls it: f32 across, then down, rounded half to
//! even at the end. Without antialias four taps with a = -0.75; with it a = -0.5 and a support that grows with the scale.

use super::{CHANNELS, Taps};

/// Source positions repeated at each end, so that four taps always lie side by side.
const PADDING: usize = 2;

/// Weights for one size of frame.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    width: usize,
    height: usize,
    size: usize,
    /// Into a row that is padded by [`PADDING`] at both ends.
    columns: Taps<f32>,
    /// Into the rows padded likewise.
    rows: Taps<f32>,
}

impl Plan {
    pub(super) fn new(width: usize, height: usize, size: usize) -> Self {
        Self { width, height, size, columns: four_taps(width, size), rows: four_taps(height, size) }
    }

    pub(super) fn antialiased(width: usize, height: usize, size: usize) -> Self {
        Self { width, height, size, columns: scaled_taps(width, size), rows: scaled_taps(height, size) }
    }

    pub(super) fn apply(&self, frame: &[u8], out: &mut [u8]) {
        let stride = self.size * CHANNELS;
        let filtered = self.filter_rows(frame);
        let mut sums = vec![0.0_f32; stride];
        for ((first, weights), out) in self.rows.iter().zip(out.chunks_exact_mut(stride)) {
            sums.fill(0.0);
            for (row, &weight) in (first..).zip(weights) {
                let row = row.saturating_sub(PADDING).min(self.height - 1);
                for (sum, &value) in sums.iter_mut().zip(&filtered[row * stride..][..stride]) {
                    *sum = fused(value, weight, *sum);
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = round_to_u8(sum);
            }
        }
    }

    /// Every row that is needed, across: `[height, size, 3]`; the others stay zero.
    fn filter_rows(&self, frame: &[u8]) -> Vec<f32> {
        let stride = self.size * CHANNELS;
        let mut filtered = vec![0.0; self.height * stride];
        let mut padded = vec![0.0; (self.width + 2 * PADDING) * CHANNELS];
        let used = self.rows.used(self.height + 2 * PADDING);
        for (row, out) in filtered.chunks_exact_mut(stride).enumerate() {
            // The padding's rows are copies of the outermost ones.
            let from = if row == 0 { 0 } else { row + PADDING };
            let to = if row + 1 == self.height { row + 2 * PADDING } else { row + PADDING };
            if used[from..=to].contains(&true) {
                pad(&frame[row * self.width * CHANNELS..][..self.width * CHANNELS], &mut padded);
                filter_row(&self.columns, &padded, out);
            }
        }
        filtered
    }
}

/// `[width, 3]` bytes to `[width + 2 * PADDING, 3]` floats, the edge pixels repeated.
fn pad(source: &[u8], padded: &mut [f32]) {
    let inner = PADDING * CHANNELS;
    for (out, &value) in padded[inner..].iter_mut().zip(source) {
        *out = f32::from(value);
    }
    let end = padded.len() - inner;
    for i in 0..inner {
        padded[i] = padded[inner + i % CHANNELS];
        padded[end + i] = padded[end - CHANNELS + i % CHANNELS];
    }
}

fn filter_row(columns: &Taps<f32>, source: &[f32], out: &mut [f32]) {
    for ((first, weights), out) in columns.iter().zip(out.chunks_exact_mut(CHANNELS)) {
        let pixels = source[first * CHANNELS..].chunks_exact(CHANNELS);
        let mut sums = [0.0_f32; CHANNELS];
        for (pixel, &weight) in pixels.zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum = fused(value, weight, *sum);
            }
        }
        out.copy_from_slice(&sums);
    }
}

/// `value * weight + sum`, rounded once, as torch's kernels are compiled. The product is exact in f64; only a sum that
/// f64 rounds onto the middle between two f32 could differ. `mul_add` is a slow call in the page and on plain x86-64.
#[inline]
fn fused(value: f32, weight: f32, sum: f32) -> f32 {
    (f64::from(value) * f64::from(weight) + f64::from(sum)) as f32
}

/// Rounds to the nearest level, ties to even, like torch; `as` clamps to 0..=255. Adding and taking away 1.5 * 2^23
/// does it in two additions, where `round_ties_even` is a call on targets without that instruction.
fn round_to_u8(value: f32) -> u8 {
    const SHIFT: f32 = 12_582_912.0;
    ((value + SHIFT) - SHIFT) as u8
}

fn four_taps(length: usize, size: usize) -> Taps<f32> {
    const A: f32 = -0.75;
    let scale = length as f32 / size as f32;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let mut taps = Taps::new();
    for i in 0..size {
        let position = scale * (i as f32 + 0.5) - 0.5;
        let whole = position.floor().min((length - 1) as f32);
        let x = (position - whole).clamp(0.0, 1.0);
        // whole >= -1, and the first tap is one before it.
        let first = (whole + PADDING as f32 - 1.0) as usize;
        taps.push(first, [far(x + 1.0), near(x), near(1.0 - x), far((1.0 - x) + 1.0)]);
    }
    taps
}

fn scaled_taps(length: usize, size: usize) -> Taps<f32> {
    const A: f32 = -0.5;
    let scale = length as f32 / size as f32;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let filter = |x: f32| match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    };
    let mut taps = Taps::new();
    for i in 0..size {
        let center = scale * (i as f32 + 0.5);
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(length);
        let weights: Vec<f32> = (first..end).map(|j| filter((j as f32 - center + 0.5) * (1.0 / stretch))).collect();
        let total: f32 = weights.iter().sum();
        taps.push(first + PADDING, weights.into_iter().map(|weight| weight / total));
    }
    taps
}
