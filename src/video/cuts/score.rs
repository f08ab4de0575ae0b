//! How far a frame lies from the one before.

use super::hsv::HsvTables;
use crate::error::{Error, Result};
use crate::video::resize::bilinear::Plan;

/// Frames whose longer side has this many pixels or more are scaled down to it.
const LONG_SIDE: usize = 256;

/// Scores frames in order.
#[derive(Debug)]
pub struct Scorer {
    width: usize,
    height: usize,
    /// Pixels that are compared: the frame's, or a smaller picture's.
    size: [usize; 2],
    shrink: Option<Plan>,
    tables: HsvTables,
    /// `[pixels, 3]` of the frame before.
    before: Option<Vec<[u8; 3]>>,
}

impl Scorer {
    pub fn new(width: usize, height: usize) -> Self {
        let size = compared_size(width, height);
        let shrink = (size != [width, height]).then(|| Plan::new(width, height, size));
        Self { width, height, size, shrink, tables: HsvTables::new(), before: None }
    }

    /// The mean over hue, saturation and value of the mean difference; 0 for the first frame. Hue is no circle here: reds of
    /// 0 and 179 are far apart.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for a frame of another size.
    pub fn score(&mut self, frame: &[u8]) -> Result<f64> {
        if frame.len() != self.width * self.height * 3 {
            let (expected, got) = (vec![self.height, self.width, 3], vec![frame.len()]);
            return Err(Error::ShapeMismatch { name: "frame".to_owned(), expected, got });
        }
        let now = self.pixels(frame);
        let mut sums = [0_u64; 3];
        if let Some(before) = &self.before {
            for (now, before) in now.iter().zip(before) {
                for ((sum, now), before) in sums.iter_mut().zip(now).zip(before) {
                    *sum += u64::from(now.abs_diff(*before));
                }
            }
        }
        let count = now.len() as f64;
        self.before = Some(now);
        Ok(sums.map(|sum| sum as f64 / count).iter().sum::<f64>() / 3.0)
    }

    /// What is compared of a frame.
    fn pixels(&self, frame: &[u8]) -> Vec<[u8; 3]> {
        let convert = |pixels: &[u8]| pixels.chunks_exact(3).map(|p| self.tables.convert([p[0], p[1], p[2]])).collect();
        match &self.shrink {
            None => convert(frame),
            Some(plan) => {
                let mut small = vec![0; self.size[0] * self.size[1] * 3];
                plan.apply(frame, &mut small);
                convert(&small)
            }
        }
    }
}

/// Width and height of the picture that is compared.
fn compared_size(width: usize, height: usize) -> [usize; 2] {
    let long = width.max(height);
    if long <= LONG_SIDE {
        return [width, height];
    }
    let factor = long as f64 / LONG_SIDE as f64;
    [width, height].map(|side| ((side as f64 / factor).round_ties_even() as usize).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sides_become_256() {
        for (size, expected) in [
            ([256, 144], [256, 144]),
            ([257, 1], [256, 1]),
            ([1920, 1080], [256, 144]),
            ([320, 240], [256, 192]),
            ([100, 4000], [6, 256]),
            ([4000, 3], [256, 1]),
        ] {
            assert_eq!(compared_size(size[0], size[1]), expected, "{size:?}");
        }
    }

    #[test]
    fn frames_of_another_size_are_refused() {
        assert_eq!(Scorer::new(4, 2).score(&[0; 23]).unwrap_err().code(), "shape-mismatch");
    }
}
