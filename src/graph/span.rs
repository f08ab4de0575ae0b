//! The choice of three graphs (section 4.1): F and B without a common frame, F first, and O that spans both.

use super::Interval;
use crate::error::{Error, Result};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// What "O spans F and B" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spans {
    /// O shares frames with F and with B, and so fills the gap between them.
    #[default]
    Overlaps,
    /// O has all frames of F and of B.
    Contains,
    /// `Contains` where the video has such a triple, else `Overlaps`.
    ContainsElseOverlaps,
}

impl Spans {
    /// All readings.
    pub const ALL: [Self; 3] = [Self::Overlaps, Self::Contains, Self::ContainsElseOverlaps];

    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overlaps => "overlaps",
            Self::Contains => "contains",
            Self::ContainsElseOverlaps => "contains-else-overlaps",
        }
    }

    /// The reading of that name.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|spans| spans.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "reading of \"spans\"",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// The reading to use for these graphs: never `ContainsElseOverlaps`.
    fn settled(self, intervals: &[Interval]) -> Self {
        match self {
            Self::ContainsElseOverlaps if count(intervals, Self::Contains) > 0 => Self::Contains,
            Self::ContainsElseOverlaps => Self::Overlaps,
            settled => settled,
        }
    }

    /// Whether O is long enough for F, and, asked again, for B. The two questions are independent; O being neither F nor
    /// B follows: a graph that reaches both is neither of two that are apart.
    fn reaches(self, over: Interval, other: Interval) -> bool {
        match self {
            Self::Contains => over.covers(other),
            Self::Overlaps | Self::ContainsElseOverlaps => over.overlap(other).is_some(),
        }
    }
}

/// F, B and O as positions in a list of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GraphTriple {
    /// F, the earlier one.
    pub front: usize,
    /// B, the later one.
    pub back: usize,
    /// O, which spans both.
    pub over: usize,
}

/// Every (F, B, O), by F, then B, then O. Intervals need not be sorted and none is empty.
#[must_use]
pub fn triples(intervals: &[Interval], spans: Spans) -> Vec<GraphTriple> {
    let spans = spans.settled(intervals);
    let mut found = Vec::new();
    for (front, f) in intervals.iter().enumerate() {
        for (back, b) in intervals.iter().enumerate().filter(|(_, b)| f.end <= b.begin) {
            let overs = intervals.iter().enumerate();
            let overs = overs.filter(|(_, o)| spans.reaches(**o, *f) && spans.reaches(**o, *b));
            found.extend(overs.map(|(over, _)| GraphTriple { front, back, over }));
        }
    }
    found
}

/// How many there are, without listing them.
#[must_use]
pub fn count_triples(intervals: &[Interval], spans: Spans) -> u64 {
    count(intervals, spans.settled(intervals))
}

fn count(intervals: &[Interval], spans: Spans) -> u64 {
    let order = by_begin(intervals);
    (0..intervals.len()).map(|over| Candidates::of(intervals, &order, spans, over).count()).sum()
}

/// Triple `n` of them all, counted by O, then F, then B's begin; `None` past the last.
#[must_use]
pub fn nth_triple(intervals: &[Interval], spans: Spans, mut n: u64) -> Option<GraphTriple> {
    let spans = spans.settled(intervals);
    let order = by_begin(intervals);
    for over in 0..intervals.len() {
        let candidates = Candidates::of(intervals, &order, spans, over);
        let count = candidates.count();
        if n < count {
            return candidates.nth(n).map(|(front, back)| GraphTriple { front, back, over });
        }
        n -= count;
    }
    None
}

/// One triple, each as likely as any other; `None` where there is none.
pub fn draw_triple(intervals: &[Interval], spans: Spans, rng: &mut impl RngExt) -> Option<GraphTriple> {
    let spans = spans.settled(intervals);
    let count = count(intervals, spans);
    // u64: the same bits are drawn where pointers have 32 of them.
    (count > 0).then(|| rng.random_range(0..count)).and_then(|n| nth_triple(intervals, spans, n))
}

fn by_begin(intervals: &[Interval]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    order.sort_by_key(|&at| intervals[at].begin);
    order
}

/// The graphs that one O reaches, by begin: any two of them without a common frame are an F and a B.
struct Candidates<'a> {
    intervals: &'a [Interval],
    reached: Vec<usize>,
}

impl<'a> Candidates<'a> {
    fn of(intervals: &'a [Interval], order: &[usize], spans: Spans, over: usize) -> Self {
        let reached = order.iter().copied().filter(|&at| spans.reaches(intervals[over], intervals[at])).collect();
        Self { intervals, reached }
    }

    /// Where in `reached` those begin that may follow `front`.
    fn first_after(&self, front: usize) -> usize {
        self.reached.partition_point(|&at| self.intervals[at].begin < self.intervals[front].end)
    }

    fn count(&self) -> u64 {
        self.reached.iter().map(|&front| (self.reached.len() - self.first_after(front)) as u64).sum()
    }

    fn nth(&self, mut n: u64) -> Option<(usize, usize)> {
        for &front in &self.reached {
            let first = self.first_after(front);
            let count = (self.reached.len() - first) as u64;
            if n < count {
                return Some((front, self.reached[first + usize::try_from(n).ok()?]));
            }
            n -= count;
        }
        None
    }
}

/// How many videos give a triple, and by which reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SpanTally {
    /// Videos with an O that contains F and B (and so, one that overlaps them).
    pub contained: u64,
    /// Videos where some O overlaps F and B but none contains them.
    pub overlapped_only: u64,
    /// Videos without any triple: training skips them.
    pub without: u64,
}

impl SpanTally {
    /// Counts one video's clip-level graphs.
    pub fn add(&mut self, intervals: &[Interval]) {
        if count_triples(intervals, Spans::Contains) > 0 {
            self.contained += 1;
        } else if count_triples(intervals, Spans::Overlaps) > 0 {
            self.overlapped_only += 1;
        } else {
            self.without += 1;
        }
    }

    /// Videos that a reading can use.
    #[must_use]
    pub const fn served(&self, spans: Spans) -> u64 {
        match spans {
            Spans::Contains => self.contained,
            Spans::Overlaps | Spans::ContainsElseOverlaps => self.contained + self.overlapped_only,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use std::collections::{BTreeMap, BTreeSet};

    fn intervals() -> impl Strategy<Value = Vec<Interval>> {
        prop::collection::vec((0_u32..60, 1_u32..30).prop_map(|(b, n)| Interval::new(b, b + n)), 0..14)
    }

    fn spans() -> impl Strategy<Value = Spans> {
        prop::sample::select(Spans::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn counting_and_picking_are_the_list(intervals in intervals(), spans in spans()) {
            let list = triples(&intervals, spans);
            prop_assert_eq!(count_triples(&intervals, spans), list.len() as u64);
            let picked: BTreeSet<_> = (0..list.len() as u64).filter_map(|n| nth_triple(&intervals, spans, n)).collect();
            prop_assert_eq!(picked, list.iter().copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(nth_triple(&intervals, spans, list.len() as u64), None);
        }

        #[test]
        fn triples_are_what_they_are_called(intervals in intervals()) {
            for spans in [Spans::Overlaps, Spans::Contains] {
                // The definition itself, by frames.
                let mut expected = Vec::new();
                for front in 0..intervals.len() {
                    for back in 0..intervals.len() {
                        for over in 0..intervals.len() {
                            let [f, b, o] = [front, back, over].map(|at| {
                                (intervals[at].begin..intervals[at].end).collect::<BTreeSet<u32>>()
                            });
                            let apart = front != back && f.last() < b.first();
                            let third = over != front && over != back;
                            let reaches = if spans == Spans::Contains {
                                o.is_superset(&f) && o.is_superset(&b)
                            } else {
                                !o.is_disjoint(&f) && !o.is_disjoint(&b)
                            };
                            if apart && third && reaches {
                                expected.push(GraphTriple { front, back, over });
                            }
                        }
                    }
                }
                prop_assert_eq!(triples(&intervals, spans), expected);
            }
        }
    }

    #[test]
    fn a_draw_is_uniform_and_a_function_of_the_seed() {
        let intervals = [(0, 4), (6, 9), (12, 15), (2, 14), (0, 20)].map(|(b, e)| Interval::new(b, e));
        let list = triples(&intervals, Spans::Overlaps);
        assert_eq!(list.len(), 6); // three pairs apart, two that span each
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let mut counts = BTreeMap::new();
        for _ in 0..6000 {
            *counts.entry(draw_triple(&intervals, Spans::Overlaps, &mut rng).unwrap()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations (29) around 1000.
        assert!(counts.values().all(|n| (855..1145).contains(n)), "{counts:?}");
        let draw = |seed| draw_triple(&intervals, Spans::Contains, &mut Pcg64Mcg::seed_from_u64(seed));
        assert!((0..50).all(|seed| draw(seed) == draw(seed)));
        assert!((1..50).any(|seed| draw(seed) != draw(0)));
    }

    #[test]
    fn the_tally_tells_which_rule_served() {
        let of = |list: &[(u32, u32)]| list.iter().map(|&(b, e)| Interval::new(b, e)).collect::<Vec<_>>();
        let mut tally = SpanTally::default();
        tally.add(&of(&[(0, 10), (20, 30), (0, 30)]));
        tally.add(&of(&[(0, 10), (20, 30), (9, 21)]));
        tally.add(&of(&[(0, 10), (20, 30), (10, 21)]));
        tally.add(&[]);
        assert_eq!(tally, SpanTally { contained: 1, overlapped_only: 1, without: 2 });
        assert_eq!(Spans::ALL.map(|spans| tally.served(spans)), [2, 1, 2]);
        assert_eq!(Spans::named("contains").unwrap(), Spans::Contains);
        assert_eq!(Spans::named("touches").unwrap_err().code(), "unknown-name");
    }
}
