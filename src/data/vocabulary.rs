//! The label lists of VidVRD (35 entities, 132 predicates) and VidOR (80, 50), and their union of exact strings (95, 167):
//! no synonyms are joined ("toward" and "towards", "cattle" and "cattle/cow" stay apart).

use std::collections::BTreeSet;

/// Whose labels, and whose dialect of the JSON layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dataset {
    /// `ImageNet`-VidVRD: its files have no "version".
    VidVrd,
    /// VidOR: its files have one.
    VidOr,
}

impl Dataset {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VidVrd => "VidVRD",
            Self::VidOr => "VidOR",
        }
    }

    /// Its entity classes, by byte order: the position is the class id of the official tools.
    pub fn entities(self) -> impl Iterator<Item = &'static str> {
        match self {
            Self::VidVrd => include_str!("labels/vidvrd_entities.txt").lines(),
            Self::VidOr => include_str!("labels/vidor_entities.txt").lines(),
        }
    }

    /// Its predicates, by byte order.
    pub fn predicates(self) -> impl Iterator<Item = &'static str> {
        match self {
            Self::VidVrd => include_str!("labels/vidvrd_predicates.txt").lines(),
            Self::VidOr => include_str!("labels/vidor_predicates.txt").lines(),
        }
    }
}

/// The entity classes of both, by byte order.
#[must_use]
pub fn entities() -> Vec<&'static str> {
    let both: BTreeSet<_> = Dataset::VidVrd.entities().chain(Dataset::VidOr.entities()).collect();
    both.into_iter().collect()
}

/// The predicates of both, by byte order.
#[must_use]
pub fn predicates() -> Vec<&'static str> {
    let both: BTreeSet<_> = Dataset::VidVrd.predicates().chain(Dataset::VidOr.predicates()).collect();
    both.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_have_the_papers_sizes() {
        let sizes = |d: Dataset| (d.entities().count(), d.predicates().count());
        assert_eq!((sizes(Dataset::VidVrd), sizes(Dataset::VidOr)), ((35, 132), (80, 50)));
        assert_eq!((entities().len(), predicates().len()), (95, 167));
        for list in
            [entities(), predicates(), Dataset::VidOr.entities().collect(), Dataset::VidVrd.predicates().collect()]
        {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]) && list.iter().all(|label| label.trim() == *label));
        }
        assert!(["toward", "towards", "play", "play(instrument)"].iter().all(|label| predicates().contains(label)));
    }
}
