//! How hard clips are to read. A level is a range of seeds, so that a seed still says everything about its clip.

use super::{SPLIT_SEEDS, Split, WorldClip};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Seeds from here on are of [`Level::Trio`].
const TRIO_SEEDS: u64 = 10_000_000_000;

/// How hard a clip is to read.
///
/// A small model that was trained for three quarters of an hour on the crowd knew its colours and was at chance in all else:
/// in a batch of crowds, colours alone tell clips apart. Trios come in groups that share their cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Two actors and a thing, none of them small, two or three events, a plain ground, a camera that stands still. Seeds from 10,000,000,000.
    #[default]
    Trio,
    /// Three to six actors and things of all sizes, two to four events, patterned grounds, a camera that drifts. Seeds
    /// from 0.
    Crowd,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 2] = [Self::Trio, Self::Crowd];
    /// Trios in a row, by their seeds, that have the same cast: only what they do tells them apart.
    pub const GROUP: u64 = 8;

    /// The level of a seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        if seed < TRIO_SEEDS { Self::Crowd } else { Self::Trio }
    }

    const fn first_seed(self) -> u64 {
        match self {
            Self::Crowd => 0,
            Self::Trio => TRIO_SEEDS,
        }
    }

    /// The seeds of a split's clips.
    #[must_use]
    pub const fn seeds(self, split: Split) -> Range<u64> {
        let first = self.first_seed() + split as u64 * SPLIT_SEEDS;
        first..first + SPLIT_SEEDS
    }

    /// Clip `index` of a split; indices past the split's end start over.
    #[must_use]
    pub fn clip(self, split: Split, index: u64) -> WorldClip {
        WorldClip::from_seed(self.seeds(split).start + index % SPLIT_SEEDS)
    }

    /// The name of a split on the command line: "test", or "crowd-test".
    #[must_use]
    pub fn split_name(self, split: Split) -> String {
        match self {
            Self::Trio => split.name().to_owned(),
            Self::Crowd => format!("crowd-{}", split.name()),
        }
    }

    /// The split of such a name.
    #[must_use]
    pub fn split_named(name: &str) -> Option<(Self, Split)> {
        Self::splits().find(|(level, split)| level.split_name(*split) == name)
    }

    /// All such names, for people.
    #[must_use]
    pub fn split_names() -> String {
        Self::splits().map(|(level, split)| level.split_name(split)).collect::<Vec<_>>().join(", ")
    }

    fn splits() -> impl Iterator<Item = (Self, Split)> {
        Self::ALL.into_iter().flat_map(|level| Split::ALL.map(|split| (level, split)))
    }

    /// Chances of two, three and four events.
    pub(super) const fn events(self) -> &'static [u32] {
        match self {
            Self::Crowd => &[25, 55, 20],
            Self::Trio => &[50, 50],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_say_level_and_split() {
        for (level, split) in Level::splits() {
            let clip = level.clip(split, 3);
            assert_eq!((Level::of(clip.seed), Split::of(clip.seed)), (level, split));
            assert_eq!(Level::split_named(&level.split_name(split)), Some((level, split)));
        }
        assert_eq!(Level::split_named("crowd"), None);
        assert_eq!(WorldClip::generate(Split::Test, 5).seed, Level::Crowd.clip(Split::Test, 5).seed);
    }

    #[test]
    fn a_group_of_trios_has_one_cast_and_different_stories() {
        let cast = |clip: &WorldClip| {
            let tracks = clip.graph.tracks.iter();
            tracks.map(|track| (track.category.clone(), track.attributes.clone())).collect::<Vec<_>>()
        };
        let mut casts = Vec::new();
        for group in 0..12 {
            let clips: Vec<WorldClip> =
                (0..Level::GROUP).map(|k| Level::Trio.clip(Split::Train, group * Level::GROUP + k)).collect();
            let first = cast(&clips[0]);
            assert_eq!(first.len(), 3);
            // A cast that cannot play one of the clips gives way to another in that clip alone.
            let same = clips.iter().filter(|clip| cast(clip) == first).count();
            assert!(same >= 6, "group {group}: {same}");
            let captions: std::collections::BTreeSet<String> = clips.iter().map(WorldClip::caption).collect();
            assert!(captions.len() >= 6, "group {group}: {captions:?}");
            casts.push(first);
        }
        casts.sort();
        casts.dedup();
        assert!(casts.len() > 9, "{}", casts.len());
    }
}
