//! The four resize rules, equal to the programs whose pixels the published models saw: the integer arithmetic of
//! OpenCV and Pillow, the f32 arithmetic of torch. Natively and in the page the same code runs.
//!
//! Every rule is separable. Weights are worked out once for a clip's size ([`Resizer::new`]); only the rows and columns
//! that reach the output are filtered.

mod bicubic_f32;
mod bicubic_fixed;
pub(super) mod bilinear;

use super::Frames;
use crate::config::ResizeRule;

/// Channels of a pixel: RGB.
const CHANNELS: usize = 3;

/// A resize rule with its weights for frames of one size.
#[derive(Debug, Clone)]
pub struct Resizer {
    width: usize,
    height: usize,
    size: usize,
    kernel: Kernel,
}

#[derive(Debug, Clone)]
enum Kernel {
    Linear(bilinear::Plan),
    Float(bicubic_f32::Plan),
    Fixed(bicubic_fixed::Plan),
}

impl Resizer {
    /// Works out the weights for frames of `width` x `height` pixels and a square output of `size` pixels a side, all
    /// at least 1.
    #[must_use]
    pub fn new(rule: ResizeRule, width: usize, height: usize, size: usize) -> Self {
        let kernel = match rule {
            ResizeRule::Cv2Linear => Kernel::Linear(bilinear::Plan::new(width, height, [size; 2])),
            ResizeRule::TorchBicubic => Kernel::Float(bicubic_f32::Plan::new(width, height, size)),
            ResizeRule::TorchBicubicAntialias => Kernel::Float(bicubic_f32::Plan::antialiased(width, height, size)),
            ResizeRule::PillowBicubicCrop => Kernel::Fixed(bicubic_fixed::Plan::new(width, height, size)),
        };
        Self { width, height, size, kernel }
    }

    /// Resizes one frame: `[height, width, 3]` in, `[size, size, 3]` out.
    #[must_use]
    pub fn resize(&self, frame: &[u8]) -> Vec<u8> {
        let mut out = vec![0; self.size * self.size * CHANNELS];
        self.resize_into(frame, &mut out);
        out
    }

    /// As [`resize`](Self::resize), into `out`.
    fn resize_into(&self, frame: &[u8], out: &mut [u8]) {
        match &self.kernel {
            Kernel::Linear(plan) => plan.apply(frame, out),
            Kernel::Float(plan) => plan.apply(frame, out),
            Kernel::Fixed(plan) => plan.apply(frame, out),
        }
    }

    /// Resizes every frame of a clip: `[frames, size, size, 3]`.
    #[must_use]
    pub fn resize_all(&self, frames: &Frames) -> Frames {
        debug_assert_eq!((frames.width, frames.height), (self.width, self.height));
        let mut data = vec![0; frames.count() * self.size * self.size * CHANNELS];
        for (index, out) in data.chunks_exact_mut(self.size * self.size * CHANNELS).enumerate() {
            self.resize_into(frames.frame(index), out);
        }
        Frames { width: self.size, height: self.size, data }
    }
}

/// For each output position the first of the source positions it reads, and their weights (neighbouring positions).
#[derive(Debug, Clone)]
struct Taps<W> {
    first: Vec<usize>,
    /// End of each position's weights in `weights`; its begin is the end before.
    end: Vec<usize>,
    weights: Vec<W>,
}

impl<W> Taps<W> {
    const fn new() -> Self {
        Self { first: Vec::new(), end: Vec::new(), weights: Vec::new() }
    }

    fn push(&mut self, first: usize, weights: impl IntoIterator<Item = W>) {
        self.first.push(first);
        self.weights.extend(weights);
        self.end.push(self.weights.len());
    }

    /// `(first source position, weights)` of each output position.
    fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        let begins = std::iter::once(0).chain(self.end.iter().copied());
        self.first.iter().zip(begins).zip(&self.end).map(|((&first, begin), &end)| (first, &self.weights[begin..end]))
    }

    /// Which of `length` source positions any output position reads.
    fn used(&self, length: usize) -> Vec<bool> {
        let mut used = vec![false; length];
        for (first, weights) in self.iter() {
            used[first..first + weights.len()].fill(true);
        }
        used
    }
}

#[cfg(test)]
mod tests;
