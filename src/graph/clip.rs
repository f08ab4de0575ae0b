//! Clip-level scene graphs G_g (section 3): triplets that hold over one common interval.

use super::{Interval, TimeRelation, VideoGraph};
use std::collections::{BTreeMap, BTreeSet};

/// Subject, predicate, object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Triplet {
    /// Subject's track id.
    pub subject: u32,
    /// Predicate, as labelled.
    pub predicate: String,
    /// Object's track id.
    pub object: u32,
}

/// A graph G_g: the triplets annotated over exactly the same frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipGraph {
    /// `[k_g, e_g + 1)` in the paper's letters.
    pub interval: Interval,
    /// One or more different triplets, sorted.
    pub triplets: Vec<Triplet>,
}

impl VideoGraph {
    /// The clip-level graphs, by begin, then end. How instances are grouped is not in the paper; here, by equal begin and
    /// end (formats.md 1.6).
    #[must_use]
    pub fn clips(&self) -> Vec<ClipGraph> {
        let mut clips: BTreeMap<Interval, BTreeSet<Triplet>> = BTreeMap::new();
        for relation in &self.relations {
            let predicate = relation.predicate.clone();
            let triplet = Triplet { subject: relation.subject, predicate, object: relation.object };
            clips.entry(relation.interval()).or_default().insert(triplet);
        }
        clips
            .into_iter()
            .map(|(interval, triplets)| ClipGraph { interval, triplets: triplets.into_iter().collect() })
            .collect()
    }

    /// How often each time relation occurs between two of the clip-level graphs, each pair counted once, the earlier one
    /// (by begin, then end) first.
    #[must_use]
    pub fn time_relations(&self) -> BTreeMap<TimeRelation, u64> {
        let intervals: BTreeSet<Interval> = self.relations.iter().map(super::Relation::interval).collect();
        let intervals: Vec<Interval> = intervals.into_iter().collect();
        let mut counts = BTreeMap::new();
        for (i, one) in intervals.iter().enumerate() {
            for other in &intervals[i + 1..] {
                *counts.entry(one.relation_to(*other)).or_default() += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Split, WorldClip};

    #[test]
    fn a_graph_holds_what_begins_and_ends_together() {
        for index in 0..20 {
            let graph = WorldClip::generate(Split::Train, index).graph;
            let clips = graph.clips();
            assert!(clips.windows(2).all(|pair| pair[0].interval < pair[1].interval));
            let told: usize = clips.iter().map(|clip| clip.triplets.len()).sum();
            let distinct: BTreeSet<_> =
                graph.relations.iter().map(|r| (r.begin, r.end, r.subject, &r.predicate, r.object)).collect();
            assert_eq!(told, distinct.len());
            for clip in &clips {
                assert!(clip.triplets.iter().all(|t| distinct.contains(&(
                    clip.interval.begin,
                    clip.interval.end,
                    t.subject,
                    &t.predicate,
                    t.object
                ))));
            }
            let pairs: u64 = graph.time_relations().values().sum();
            assert_eq!(pairs, (clips.len() * (clips.len() - 1) / 2) as u64);
        }
    }
}
