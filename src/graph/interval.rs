//! Stretches of frames, half-open, and how two of them lie to each other.

/// The frames `[begin, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    /// First frame.
    pub begin: u32,
    /// First frame after it.
    pub end: u32,
}

/// How one interval lies to another (section 3: graphs overlap, nest or lie apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeRelation {
    /// Ends before the other begins; touching counts, for no frame is shared.
    Before,
    /// Begins when the other has ended.
    After,
    /// The same frames.
    Equal,
    /// Has all frames of the other and more.
    Covers,
    /// All its frames are the other's, which has more.
    Inside,
    /// Some frames are shared, and each has some of its own.
    Overlaps,
}

impl TimeRelation {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Equal => "equal",
            Self::Covers => "covers",
            Self::Inside => "inside",
            Self::Overlaps => "overlaps",
        }
    }

    /// The same pair seen from the other side.
    #[must_use]
    pub const fn converse(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
            Self::Covers => Self::Inside,
            Self::Inside => Self::Covers,
            Self::Equal => Self::Equal,
            Self::Overlaps => Self::Overlaps,
        }
    }
}

impl Interval {
    /// The frames `[begin, end)`; none where `end <= begin`.
    #[must_use]
    pub const fn new(begin: u32, end: u32) -> Self {
        Self { begin, end }
    }

    /// Number of frames.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.begin)
    }

    /// Whether it has no frame.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.begin
    }

    /// Whether `frame` is one of its frames.
    #[must_use]
    pub const fn has(self, frame: u32) -> bool {
        self.begin <= frame && frame < self.end
    }

    /// Whether it has every frame of `other`, which is not empty.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.begin <= other.begin && other.end <= self.end
    }

    /// The shared frames, if any.
    #[must_use]
    pub fn overlap(self, other: Self) -> Option<Self> {
        let shared = Self::new(self.begin.max(other.begin), self.end.min(other.end));
        (!shared.is_empty()).then_some(shared)
    }

    /// How it lies to `other`; neither is empty.
    #[must_use]
    pub fn relation_to(self, other: Self) -> TimeRelation {
        if self.end <= other.begin {
            TimeRelation::Before
        } else if other.end <= self.begin {
            TimeRelation::After
        } else if self == other {
            TimeRelation::Equal
        } else if self.covers(other) {
            TimeRelation::Covers
        } else if other.covers(self) {
            TimeRelation::Inside
        } else {
            TimeRelation::Overlaps
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn frames(interval: Interval) -> BTreeSet<u32> {
        (interval.begin..interval.end).collect()
    }

    fn interval() -> impl Strategy<Value = Interval> {
        (0_u32..12, 1_u32..8).prop_map(|(begin, len)| Interval::new(begin, begin + len))
    }

    proptest! {
        #[test]
        fn relations_are_those_of_the_sets_of_frames(a in interval(), b in interval()) {
            let (x, y) = (frames(a), frames(b));
            let expected = if x == y {
                TimeRelation::Equal
            } else if x.is_superset(&y) {
                TimeRelation::Covers
            } else if x.is_subset(&y) {
                TimeRelation::Inside
            } else if !x.is_disjoint(&y) {
                TimeRelation::Overlaps
            } else if x.last() < y.first() {
                TimeRelation::Before
            } else {
                TimeRelation::After
            };
            prop_assert_eq!(a.relation_to(b), expected);
            prop_assert_eq!(b.relation_to(a), expected.converse());
            let shared: BTreeSet<u32> = x.intersection(&y).copied().collect();
            prop_assert_eq!(a.overlap(b).map(frames).unwrap_or_default(), shared);
            prop_assert_eq!(a.len() as usize, x.len());
            prop_assert!((0..25).all(|frame| a.has(frame) == x.contains(&frame)));
        }
    }
}
