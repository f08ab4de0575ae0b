//! OpenCV's `INTER_LINEAR` on u8: half-pixel centres, no antialias, weights of 11 bits, and its one exception: an exact
//! halving of both sides averages 2 x 2 pixels instead.

use super::{CHANNELS, Taps};

/// 1.0 as a weight.
const ONE: f32 = 2048.0;

/// Weights for one size of frame.
#[derive(Debug, Clone)]
pub(in crate::video) struct Plan {
    width: usize,
    height: usize,
    /// Width and height of the output.
    size: [usize; 2],
    columns: Taps<i32>,
    /// Upper and lower source row of each output row, with their weights.
    rows: Vec<[(usize, i32); 2]>,
}

impl Plan {
    pub(in crate::video) fn new(width: usize, height: usize, size: [usize; 2]) -> Self {
        let mut columns = Taps::new();
        for (source, fraction) in positions(width, size[0]) {
            // Outside the outermost centres the edge pixel alone counts; its right neighbour is the padding.
            let (source, fraction) = match usize::try_from(source) {
                Err(_) => (0, 0.0),
                Ok(source) if source + 1 >= width => (width - 1, 0.0),
                Ok(source) => (source, fraction),
            };
            columns.push(source, weights(fraction));
        }
        let clamped = |row: i64| usize::try_from(row.max(0)).unwrap_or(0).min(height - 1);
        let rows = positions(height, size[1])
            .map(|(source, fraction)| {
                let [upper, lower] = weights(fraction);
                [(clamped(source), upper), (clamped(source + 1), lower)]
            })
            .collect();
        Self { width, height, size, columns, rows }
    }

    /// One frame `[height, width, 3]` into `[size[1], size[0], 3]`.
    pub(in crate::video) fn apply(&self, frame: &[u8], out: &mut [u8]) {
        if [self.width, self.height] == self.size.map(|side| 2 * side) {
            return halve(frame, self.width, self.size[0], out);
        }
        let stride = self.size[0] * CHANNELS;
        let mut filtered = vec![0; self.height * stride];
        let mut done = vec![false; self.height];
        let mut padded = vec![0; (self.width + 1) * CHANNELS];
        for (taps, out) in self.rows.iter().zip(out.chunks_exact_mut(stride)) {
            for &(row, _) in taps {
                if !std::mem::replace(&mut done[row], true) {
                    let source = &frame[row * self.width * CHANNELS..][..self.width * CHANNELS];
                    padded[..source.len()].copy_from_slice(source);
                    self.filter_row(&padded, &mut filtered[row * stride..][..stride]);
                }
            }
            let [(upper, upper_weight), (lower, lower_weight)] = *taps;
            let (upper, lower) = (&filtered[upper * stride..][..stride], &filtered[lower * stride..][..stride]);
            for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
                // OpenCV drops bits in this order so that its products fit 16-bit lanes; the order shows in the result.
                let sum = ((upper_weight * (upper >> 4)) >> 16) + ((lower_weight * (lower >> 4)) >> 16);
                *out = ((sum + 2) >> 2).clamp(0, 255) as u8;
            }
        }
    }

    /// One row across: `[width + 1, 3]` to `[size, 3]`, scaled by 2048.
    fn filter_row(&self, source: &[u8], out: &mut [i32]) {
        for ((first, weights), out) in self.columns.iter().zip(out.chunks_exact_mut(CHANNELS)) {
            let pixels = &source[first * CHANNELS..(first + 2) * CHANNELS];
            for (channel, out) in out.iter_mut().enumerate() {
                *out = i32::from(pixels[channel]) * weights[0] + i32::from(pixels[channel + CHANNELS]) * weights[1];
            }
        }
    }
}

/// Where the centre of each output position lies in the source: whole and fractional part.
fn positions(length: usize, size: usize) -> impl Iterator<Item = (i64, f32)> {
    let scale = 1.0 / (size as f64 / length as f64);
    (0..size).map(move |i| {
        let position = ((i as f64 + 0.5) * scale - 0.5) as f32;
        let whole = position.floor();
        (whole as i64, position - whole)
    })
}

fn weights(fraction: f32) -> [i32; 2] {
    [(1.0 - fraction, ONE), (fraction, ONE)].map(|(weight, one)| (weight * one).round_ties_even() as i32)
}

fn halve(frame: &[u8], width: usize, size: usize, out: &mut [u8]) {
    let stride = width * CHANNELS;
    for (rows, out) in frame.chunks_exact(2 * stride).zip(out.chunks_exact_mut(size * CHANNELS)) {
        let (upper, lower) = rows.split_at(stride);
        let pairs = upper.chunks_exact(2 * CHANNELS).zip(lower.chunks_exact(2 * CHANNELS));
        for ((upper, lower), out) in pairs.zip(out.chunks_exact_mut(CHANNELS)) {
            for (channel, out) in out.iter_mut().enumerate() {
                let four = [upper[channel], upper[channel + CHANNELS], lower[channel], lower[channel + CHANNELS]];
                *out = ((four.map(u32::from).iter().sum::<u32>() + 2) >> 2) as u8;
            }
        }
    }
}
