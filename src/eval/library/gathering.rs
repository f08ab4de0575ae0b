//! Windows put together from frames that come one after another, so that a film needs no more memory than a clip.

use crate::config::PreprocessConfig;
use crate::video::resize::Resizer;
use crate::video::{Frames, VideoInfo};
use std::collections::BTreeMap;

/// Windows whose frames are still coming.
#[derive(Debug)]
pub struct Gathering {
    resizer: Resizer,
    side: usize,
    /// By frame: the windows that want it, and at which places.
    wanted: BTreeMap<usize, Vec<(usize, usize)>>,
    /// Frames that each window still lacks.
    lacking: Vec<usize>,
    /// Frames of each window.
    counts: Vec<usize>,
    /// `[frames, side, side, 3]` of windows begun.
    begun: BTreeMap<usize, Vec<u8>>,
}

impl Gathering {
    /// Windows by the frames that each wants.
    pub fn new(chosen: &[Vec<usize>], info: &VideoInfo, config: &PreprocessConfig) -> Self {
        let mut wanted: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (window, frames) in chosen.iter().enumerate() {
            for (place, frame) in frames.iter().enumerate() {
                wanted.entry(*frame).or_default().push((window, place));
            }
        }
        let side = config.image_size;
        let counts: Vec<usize> = chosen.iter().map(Vec::len).collect();
        let resizer = Resizer::new(config.resize, info.width, info.height, side);
        Self { resizer, side, wanted, lacking: counts.clone(), counts, begun: BTreeMap::new() }
    }

    /// The frames that are wanted, ascending.
    pub fn wanted(&self) -> Vec<usize> {
        self.wanted.keys().copied().collect()
    }

    /// Takes a frame in; gives the windows that are complete with it.
    pub fn take(&mut self, number: usize, frame: &[u8]) -> Vec<(usize, Frames)> {
        let resized = self.resizer.resize(frame);
        let mut complete = Vec::new();
        for (window, place) in self.wanted.remove(&number).unwrap_or_default() {
            let size = resized.len();
            let data = self.begun.entry(window).or_insert_with(|| vec![0; self.counts[window] * size]);
            data[place * size..(place + 1) * size].copy_from_slice(&resized);
            self.lacking[window] -= 1;
            if self.lacking[window] == 0 {
                let data = self.begun.remove(&window).unwrap_or_default();
                complete.push((window, Frames { width: self.side, height: self.side, data }));
            }
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::{FrameSource as _, MemorySource, preprocess};

    #[test]
    fn windows_gather_the_pixels_that_reading_them_alone_gives() {
        let config = PreprocessConfig::viclip(4, 3);
        let data: Vec<u8> = (0..20 * 6 * 5 * 3).map(|i| (i * i / 7 % 251) as u8).collect();
        let mut clip = MemorySource::new(Frames::new(6, 5, data).unwrap(), None);
        // Overlapping, of repeated frames, and complete in another order than they begin.
        let chosen = vec![vec![0, 9, 19], vec![1, 2, 9], vec![4, 4, 4]];
        let mut gathering = Gathering::new(&chosen, &clip.info(), &config);
        let frames = gathering.wanted();
        assert_eq!(frames, [0, 1, 2, 4, 9, 19]);
        let mut coming = frames.iter();
        let mut got = Vec::new();
        clip.visit(&frames, &mut |frame| {
            got.extend(gathering.take(*coming.next().unwrap(), frame));
            Ok(())
        })
        .unwrap();
        assert_eq!(got.iter().map(|(window, _)| *window).collect::<Vec<_>>(), [2, 1, 0]);
        for (window, frames) in got {
            let alone = preprocess::resized(&clip.read(&chosen[window]).unwrap(), &config);
            assert_eq!(frames, alone, "{window}");
        }
    }
}
