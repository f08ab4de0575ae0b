//! Pillow's bicubic resize of u8 (a = -0.5, support grows with the scale, weights of 22 bits, u8 between the passes) so
//! that the short side fits, and the centre square of the result, as torchvision's `Resize` and `CenterCrop` do it.

use super::{CHANNELS, Taps};

/// Bits behind the point of a weight.
const PRECISION: u32 = 22;

/// Weights for one size of frame; only those of the centre square.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    width: usize,
    height: usize,
    size: usize,
    columns: Taps<i32>,
    rows: Taps<i32>,
}

impl Plan {
    pub(super) fn new(width: usize, height: usize, size: usize) -> Self {
        let short = width.min(height);
        let axis = |length: usize| {
            let resized = if length == short { size } else { ((size * length) as f64 / short as f64) as usize };
            taps(length, resized, size)
        };
        Self { width, height, size, columns: axis(width), rows: axis(height) }
    }

    pub(super) fn apply(&self, frame: &[u8], out: &mut [u8]) {
        let stride = self.size * CHANNELS;
        let mut filtered = vec![0; self.height * stride];
        let used = self.rows.used(self.height);
        let rows = frame.chunks_exact(self.width * CHANNELS).zip(filtered.chunks_exact_mut(stride));
        for ((source, out), _) in rows.zip(used).filter(|(_, used)| *used) {
            filter_row(&self.columns, source, out);
        }
        let mut sums = vec![0; stride];
        for ((first, weights), out) in self.rows.iter().zip(out.chunks_exact_mut(stride)) {
            sums.fill(1 << (PRECISION - 1));
            for (row, &weight) in filtered[first * stride..].chunks_exact(stride).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += i32::from(value) * weight;
                }
            }
            for (out, &sum) in out.iter_mut().zip(&sums) {
                *out = clip(sum);
            }
        }
    }
}

fn filter_row(columns: &Taps<i32>, source: &[u8], out: &mut [u8]) {
    for ((first, weights), out) in columns.iter().zip(out.chunks_exact_mut(CHANNELS)) {
        let mut sums = [1 << (PRECISION - 1); CHANNELS];
        for (pixel, &weight) in source[first * CHANNELS..].chunks_exact(CHANNELS).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(value) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = clip(sum);
        }
    }
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Weights of the centre `size` of `resized` output positions over `length` source positions.
fn taps(length: usize, resized: usize, size: usize) -> Taps<i32> {
    const A: f64 = -0.5;
    let scale = length as f64 / resized as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let filter = |x: f64| match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    };
    // torchvision's offset is Python's round of a half: to the even number.
    let offset = ((resized - size) as f64 / 2.0).round_ties_even() as usize;
    let mut taps = Taps::new();
    for i in offset..offset + size {
        let center = (i as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(length);
        let weights: Vec<f64> = (first..end).map(|j| filter((j as f64 - center + 0.5) * (1.0 / stretch))).collect();
        let total: f64 = weights.iter().sum();
        let one = f64::from(1 << PRECISION);
        // Half away from zero, like Pillow.
        taps.push(first, weights.into_iter().map(|weight| (weight / total * one).round() as i32));
    }
    taps
}
