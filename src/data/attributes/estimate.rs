//! Attribute words from the frames themselves, where a user has no captions of regions: a colour's name from the pixels
//! of the box, size and position from its geometry; each sampled frame votes.
//!
//! Constraint: a box holds its object and what is around it, before it and behind it. Solution: a pixel is the smallest
//! box's that has it; pixels count more towards the middle; the colours of a ring around the box, where no object is, are
//! taken off; and a shadow or a gloss, which all colours have, counts less than a hue. Cost: an object of its background's
//! colour, and one most of whose own area is black, white or gray, may be told wrongly; the world's tests print how often.

use super::color::{BASIC_COLORS, GRAY, WHITE, WITHOUT_HUE, basic_color};
use super::poll::{Poll, TrackAttributes};
use super::{COLOR, POSITION, SIZE};
use crate::error::{Error, Result};
use crate::graph::{BoundingBox, Interval, VideoGraph, segment_middles};
use crate::video::{FrameSource, VideoInfo};
use std::collections::BTreeSet;

/// Frames that are decoded at once: what bounds the memory.
const FRAMES_AT_ONCE: usize = 16;
/// A box is looked at in no more than so many rows and columns.
const SAMPLES: f32 = 64.0;
/// Width of the ring around a box, in parts of the box's sides.
const RING: f32 = 0.25;

/// Shares of the basic colours.
type Histogram = [f32; BASIC_COLORS.len()];

/// How words are made of frames. Sizes are of a box's longer side, in parts of the frame's side (the root of its area).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimateRules {
    /// Frames that are looked at of each track: the middles of so many parts of the frames that it is seen in.
    pub frames: usize,
    /// How much of a box is taken to be background: so much of the ring's colours is taken off.
    pub background: f32,
    /// What black, white and gray count, where a hue counts 1.
    pub without_hue: f32,
    /// White from this share of the white and gray pixels on: what is white is gray in its own shade.
    pub lit: f32,
    /// How steeply pixels count less towards the border of a box: 0 not at all, 1 linearly.
    pub focus: f32,
    /// "small" below this.
    pub small: f32,
    /// "large" from this on; between the two no word is said.
    pub large: f32,
}

impl Default for EstimateRules {
    fn default() -> Self {
        Self { frames: 5, background: 0.8, without_hue: 0.5, lit: 0.3, focus: 0.5, small: 0.19, large: 0.26 }
    }
}

/// One frame as RGB.
#[derive(Clone, Copy)]
struct Picture<'a> {
    width: usize,
    height: usize,
    /// `[height, width, 3]`.
    rgb: &'a [u8],
}

impl Picture<'_> {
    /// The basic colour at a place, if that is in the picture.
    fn color(&self, x: f32, y: f32) -> Option<usize> {
        if x < 0.0 || y < 0.0 || x >= self.width as f32 || y >= self.height as f32 {
            return None;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        let pixel = self.rgb.get(at..at + 3)?;
        Some(basic_color([pixel[0], pixel[1], pixel[2]]))
    }
}

impl EstimateRules {
    /// The words for the tracks of a video. Boxes are scaled where the video has another size than its annotation says;
    /// frames past its end are left out.
    ///
    /// # Errors
    /// Those of decoding; [`Error::InvalidInput`] where no frame with a box is left.
    pub fn estimate(&self, graph: &VideoGraph, video: &mut dyn FrameSource) -> Result<TrackAttributes> {
        let info = video.info();
        let mut frames: BTreeSet<u32> = graph.tracks.iter().flat_map(|track| self.frames_of(&track.boxes)).collect();
        let boxed = frames.len();
        frames.retain(|frame| (*frame as usize) < info.frame_count);
        if boxed > 0 && frames.is_empty() {
            let what = format!("annotation of video {}", graph.video_id);
            let reason = format!("its boxes are in frames that the video of {} frames does not have", info.frame_count);
            return Err(Error::InvalidInput { what, reason });
        }
        let mut poll = Poll::default();
        let frames: Vec<u32> = frames.into_iter().collect();
        for frames in frames.chunks(FRAMES_AT_ONCE) {
            let decoded = video.read(&frames.iter().map(|frame| *frame as usize).collect::<Vec<_>>())?;
            for (at, frame) in frames.iter().enumerate() {
                let picture = Picture { width: decoded.width, height: decoded.height, rgb: decoded.frame(at) };
                self.look(graph, *frame, picture, &info, &mut poll);
            }
        }
        Ok(poll.winners())
    }

    /// Frames to look at one track in.
    fn frames_of(&self, boxes: &std::collections::BTreeMap<u32, BoundingBox>) -> Vec<u32> {
        let seen: Vec<u32> = boxes.keys().copied().collect();
        let all = Interval::new(0, u32::try_from(seen.len()).unwrap_or(u32::MAX));
        let mut middles = segment_middles(all, self.frames.min(seen.len()));
        middles.iter_mut().for_each(|at| *at = seen[*at as usize]);
        middles
    }

    /// What one frame says of every track that is in it.
    fn look(&self, graph: &VideoGraph, frame: u32, picture: Picture, info: &VideoInfo, poll: &mut Poll) {
        let (sx, sy) = (part(info.width, graph.width), part(info.height, graph.height));
        let scaled = |b: &BoundingBox| BoundingBox { x0: b.x0 * sx, y0: b.y0 * sy, x1: b.x1 * sx, y1: b.y1 * sy };
        let seen = graph.tracks.iter().filter_map(|track| Some((track.tid, scaled(track.boxes.get(&frame)?))));
        let seen: Vec<(u32, BoundingBox)> = seen.collect();
        for (tid, own) in &seen {
            let others = || seen.iter().filter(|(other, _)| other != tid).map(|(_, b)| b);
            let nearer: Vec<&BoundingBox> = others().filter(|b| area(b) < area(own)).collect();
            let all: Vec<&BoundingBox> = others().collect();
            if let Some(color) = self.color(&picture, own, &nearer, &all) {
                poll.cast(*tid, frame, COLOR, Some(color));
            }
            let (width, height) = (picture.width as f32, picture.height as f32);
            if let Some(size) = self.size(own, width, height) {
                poll.cast(*tid, frame, SIZE, size);
            }
            poll.cast(*tid, frame, POSITION, Some(position(own, width)));
        }
    }

    /// The colour of a box of which `nearer` boxes hide parts; none where they hide it all.
    fn color(
        &self,
        picture: &Picture,
        own: &BoundingBox,
        nearer: &[&BoundingBox],
        others: &[&BoundingBox],
    ) -> Option<&'static str> {
        let inside = histogram(picture, own, 0.0, |x, y, weight| {
            if nearer.iter().any(|b| has(b, x, y)) { 0.0 } else { weight.powf(self.focus) }
        })?;
        let around = histogram(picture, own, RING, |x, y, _| {
            if has(own, x, y) || others.iter().any(|b| has(b, x, y)) { 0.0 } else { 1.0 }
        });
        let score = |name: usize| {
            let weight = if name < WITHOUT_HUE { self.without_hue } else { 1.0 };
            weight * (inside[name] - self.background * around.map_or(0.0, |around| around[name]))
        };
        let best = (0..BASIC_COLORS.len()).max_by(|a, b| score(*a).total_cmp(&score(*b)))?;
        let [white, gray] = [WHITE, GRAY].map(score);
        let shaded = best == GRAY && white >= self.lit * (white + gray);
        Some(BASIC_COLORS[if shaded { WHITE } else { best }])
    }

    /// "small", "large" or nothing between; no vote at all for a box that the frame cuts and that is not large as it is.
    fn size(&self, b: &BoundingBox, width: f32, height: f32) -> Option<Option<&'static str>> {
        let side = (b.x1 - b.x0).max(b.y1 - b.y0) / (width * height).sqrt();
        let cut = b.x0 <= 0.0 || b.y0 <= 0.0 || b.x1 >= width || b.y1 >= height;
        match side {
            side if side >= self.large => Some(Some("large")),
            _ if cut => None,
            side if side < self.small => Some(Some("small")),
            _ => Some(None),
        }
    }
}

/// The third of the frame's width that the middle of a box is in.
fn position(b: &BoundingBox, width: f32) -> &'static str {
    match f32::midpoint(b.x0, b.x1) * 3.0 / width {
        third if third < 1.0 => "left",
        third if third < 2.0 => "middle",
        _ => "right",
    }
}

/// Shares of the colours in a box made larger by `margin` of its sides. `weigh` gets a pixel's place and its closeness to
/// the middle of the box (1 there, 0 at its border). None where nothing has weight.
fn histogram(
    picture: &Picture,
    b: &BoundingBox,
    margin: f32,
    weigh: impl Fn(f32, f32, f32) -> f32,
) -> Option<Histogram> {
    let (width, height) = (b.x1 - b.x0, b.y1 - b.y0);
    let (x0, y0) = (b.x0 - margin * width, b.y0 - margin * height);
    let (x1, y1) = (b.x1 + margin * width, b.y1 + margin * height);
    let step = |side: f32| (side / SAMPLES).floor().max(1.0);
    let (across, down) = (step(x1 - x0), step(y1 - y0));
    let closeness = |at: f32, begin: f32, side: f32| (1.0 - (2.0 * (at - begin) / side - 1.0).abs()).max(0.0);
    let mut shares = Histogram::default();
    let mut y = y0.floor() + 0.5;
    while y < y1 {
        let mut x = x0.floor() + 0.5;
        while x < x1 {
            let weight = weigh(x, y, closeness(x, b.x0, width) * closeness(y, b.y0, height));
            if let Some(color) = picture.color(x, y).filter(|_| weight > 0.0) {
                shares[color] += weight;
            }
            x += across;
        }
        y += down;
    }
    let sum: f32 = shares.iter().sum();
    (sum > 0.0).then(|| shares.map(|share| share / sum))
}

fn has(b: &BoundingBox, x: f32, y: f32) -> bool {
    b.x0 <= x && x < b.x1 && b.y0 <= y && y < b.y1
}

fn area(b: &BoundingBox) -> f32 {
    (b.x1 - b.x0) * (b.y1 - b.y0)
}

fn part(side: usize, annotated: u32) -> f32 {
    side as f32 / annotated.max(1) as f32
}

#[cfg(test)]
#[path = "../tests/estimate.rs"]
mod tests;
