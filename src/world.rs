//! The generated world: short clips of coloured, sized actors and things doing things to each other, with exact scene
//! graphs, captions and near-miss captions. It lets training, evaluation, the page and the tests run with no download.
//! Its results are the generated world's, never a benchmark's.
//!
//! Constraints: a clip follows from its seed bit for bit, natively and in wasm; a near miss must be provably false; a
//! tiny model has to learn it from 8 frames of 64 x 64 on two cores, so that rendering must cost next to nothing.
//!
//! Solution: integers only (positions in sixteenths of a pixel, a cosine table, PCG draws of 32 bits). A script of two
//! to four events is acted on a stage and refused where anything leaves the picture or covers too much; sprites are
//! rasterised once per kind, size and pose and blitted at whole pixels, which makes boxes exact by construction. What
//! captions say is kept as claims, whose truth is looked up in the graph; words come last.
//!
//! Cost: about a millisecond of planning a clip (scripts are drawn until one fits), as much for eight frames, half of it
//! the background, which is drawn once a call of [`WorldClip::render`].
//!
//! - [`kind`], [`action`]: what there is and what it can do
//! - `script`, `stage`, `motion`: who does what, where everybody is
//! - `drawing`, `sprite`, `background`, `render`: pixels
//! - [`Level`]: how much of it there is in a clip
//! - `scene`, [`vidor_json`]: the graph
//! - `claim`, `caption`, `near_miss`: words

pub mod action;
mod background;
mod caption;
mod claim;
mod drawing;
pub mod kind;
mod level;
mod motion;
mod near_miss;
mod random;
mod render;
mod scene;
mod script;
mod sprite;
mod stage;
#[cfg(test)]
mod tests;
mod vidor;

pub use caption::vocabulary;
pub use level::Level;
pub use near_miss::{NearMiss, NearMissKind};
pub use vidor::vidor_json;

use crate::error::{Error, Result};
use crate::graph::VideoGraph;
use crate::video::{FrameSource, Frames, VideoInfo};
use caption::{MAX_WORDS, Style, length};
use claim::{Claim, Statement};
use near_miss::Material;
use random::Random;
use script::Script;
use sha2::{Digest, Sha256};

/// Frames of a clip.
pub const FRAMES: usize = 32;
/// Frames a second: a clip lasts four seconds.
pub const FPS: usize = 8;
/// Width of a frame in pixels.
pub const WIDTH: usize = 128;
/// Height of a frame in pixels.
pub const HEIGHT: usize = 128;

/// Seeds of one split.
const SPLIT_SEEDS: u64 = 1_000_000_000;

/// What a clip is for. Splits have seed ranges of their own in each [`Level`]; (actor, action, object) triples that a hash holds out occur
/// in the compositional split only, and there in every clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// Seeds from the level's first.
    Train,
    /// Seeds 1,000,000,000 further on.
    Validation,
    /// Seeds 2,000,000,000 further on.
    Test,
    /// Seeds 3,000,000,000 further on.
    Compositional,
}

impl Split {
    /// All splits.
    pub const ALL: [Self; 4] = [Self::Train, Self::Validation, Self::Test, Self::Compositional];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Compositional => "compositional",
        }
    }

    /// The split of a seed; seeds past all ranges follow the rules of training clips.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let level = Level::of(seed);
        Self::ALL.into_iter().find(|split| level.seeds(*split).contains(&seed)).unwrap_or(Self::Train)
    }
}

/// Streams of random numbers beside the script's attempts, which count up from 0.
const CAPTION_STREAM: u64 = 1 << 40;
const NEAR_MISS_STREAM: u64 = 1 << 41;

/// A clip of the generated world.
#[derive(Debug, Clone)]
pub struct WorldClip {
    /// What it follows from.
    pub seed: u64,
    /// Its exact scene graph.
    pub graph: VideoGraph,
    script: Script,
}

impl WorldClip {
    /// Clip `index` of a split of [`Level::Crowd`].
    #[must_use]
    pub fn generate(split: Split, index: u64) -> Self {
        Level::Crowd.clip(split, index)
    }

    /// The clip of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let script = script::write(seed, Split::of(seed));
        Self { seed, graph: scene::graph(seed, &script), script }
    }

    /// Draws the frames at `indices`: `[indices, HEIGHT, WIDTH, 3]`. An index past the end shows the last frame.
    #[must_use]
    pub fn render(&self, indices: &[usize]) -> Frames {
        self.draw(indices, None)
    }

    fn draw(&self, indices: &[usize], skipped: Option<usize>) -> Frames {
        let background = background::background(self.seed);
        let size = WIDTH * HEIGHT * 3;
        let mut data = vec![0; indices.len() * size];
        for (index, out) in indices.iter().zip(data.chunks_exact_mut(size)) {
            render::draw(&self.script, &background, (*index).min(FRAMES - 1), skipped, out);
        }
        Frames { width: WIDTH, height: HEIGHT, data }
    }

    /// The main caption: the clip's events in order, as many and as fully described as fit 28 words.
    #[must_use]
    pub fn caption(&self) -> String {
        let style = Style::draw(&mut Random::new(self.seed, CAPTION_STREAM));
        self.story(style)
    }

    /// The main caption, then a caption of each event, then some of where things are.
    #[must_use]
    pub fn captions(&self) -> Vec<String> {
        let mut random = Random::new(self.seed, CAPTION_STREAM);
        let mut captions = vec![self.story(Style::draw(&mut random))];
        let material = self.material();
        for event in &self.script.events {
            let statement = Statement::single(material.claim(event));
            captions.push(Style::draw(&mut random).tell(&statement));
        }
        let mut places = material.places();
        random.shuffle(&mut places);
        for place in places.iter().take(2) {
            captions.push(Style::draw(&mut random).tell(&Statement::single(material.claim(place))));
        }
        captions
    }

    /// SHA-256 in hexadecimal of all frames, all captions and all near misses: equal wherever the clip is made.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.render(&(0..FRAMES).collect::<Vec<_>>()).data);
        let misses = self.near_misses().into_iter().flat_map(|miss| [miss.positive, miss.negative]);
        for text in self.captions().into_iter().chain(misses) {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
        hash.update(vidor_json(&self.graph).to_string());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// One near miss of each kind for which the clip has a provably false one.
    #[must_use]
    pub fn near_misses(&self) -> Vec<NearMiss> {
        self.pairs().into_iter().filter_map(|(kind, pair, style)| self.material().tell(kind, &pair, style)).collect()
    }

    fn pairs(&self) -> Vec<(NearMissKind, near_miss::Pair, Style)> {
        let material = self.material();
        let pairs = NearMissKind::ALL.into_iter().filter_map(|kind| {
            let mut random = Random::new(self.seed, NEAR_MISS_STREAM + kind as u64);
            Some((kind, material.pair(kind, &mut random)?, Style::draw(&mut random)))
        });
        pairs.collect()
    }

    fn material(&self) -> Material<'_> {
        Material { script: &self.script, graph: &self.graph, split: Split::of(self.seed) }
    }

    /// All events at the fullest description that fits; at the barest, the last events are left out.
    fn story(&self, style: Style) -> String {
        let material = self.material();
        let full: Vec<Claim> = self.script.events.iter().map(|event| material.claim(event)).collect();
        for count in (1..=full.len()).rev() {
            for level in 0..4 {
                let claims = full[..count].iter().map(|claim| claim.shortened(level)).collect();
                let caption = style.tell(&Statement { claims });
                if length(&caption) <= MAX_WORDS {
                    return caption;
                }
            }
        }
        style.tell(&Statement { claims: full[..1].to_vec() })
    }
}

impl FrameSource for WorldClip {
    fn info(&self) -> VideoInfo {
        VideoInfo { frame_count: FRAMES, fps: Some(self.graph.fps), width: WIDTH, height: HEIGHT }
    }

    fn read(&mut self, indices: &[usize]) -> Result<Frames> {
        if let Some(index) = indices.iter().find(|index| **index >= FRAMES) {
            let reason = format!("frame {index} is past the end: a generated clip has {FRAMES} frames");
            return Err(Error::InvalidInput { what: "frame index".to_owned(), reason });
        }
        if indices.is_empty() {
            let reason = "no frame was asked for".to_owned();
            return Err(Error::NoFrames { clip: format!("generated clip {}", self.seed), reason });
        }
        Ok(self.render(indices))
    }
}
