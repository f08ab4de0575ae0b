//! Counts of a data set: what `sgcr graph stats` tells, and what settles how a paper's averages were made (section B.2 tells
//! 10.1 triplets a frame for VidVRD, 10.4 for VidOR).

use super::annotation::Annotation;
use crate::graph::{Interval, Relation, SpanTally, VideoGraph};
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of the videos of one data set.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GraphStats {
    /// Videos.
    pub videos: u64,
    /// Frames of them all.
    pub frames: u64,
    /// Frames in which some triplet holds.
    pub frames_with_triplets: u64,
    /// Different triplets of each frame, over all frames.
    pub frame_triplets: u64,
    /// Relations, pieces joined.
    pub relations: u64,
    /// Clip-level graphs.
    pub clip_graphs: u64,
    /// Pairs of clip-level graphs of a video by time relation.
    pub time_relations: BTreeMap<&'static str, u64>,
    /// Videos with an O that contains an F and a B; with one that only overlaps them; with neither.
    pub spans: SpanTally,
    /// Tracks of each entity class.
    pub entities: BTreeMap<String, u64>,
    /// Relations of each predicate.
    pub predicates: BTreeMap<String, u64>,
    /// Tracks with each attribute word.
    pub attributes: BTreeMap<String, u64>,
}

impl GraphStats {
    /// Counts one video.
    pub fn add(&mut self, annotation: &Annotation) {
        let graph = &annotation.graph;
        let clips = graph.clips();
        self.spans.add(&clips.iter().map(|clip| clip.interval).collect::<Vec<_>>());
        self.videos += 1;
        self.frames += u64::from(graph.frame_count);
        self.frames_with_triplets += covered(graph.relations.iter().map(Relation::interval));
        self.frame_triplets += frame_triplets(graph);
        self.relations += graph.relations.len() as u64;
        self.clip_graphs += clips.len() as u64;
        for (relation, count) in graph.time_relations() {
            *self.time_relations.entry(relation.name()).or_default() += count;
        }
        for track in &graph.tracks {
            *self.entities.entry(track.category.clone()).or_default() += 1;
            for word in track.attributes.values() {
                *self.attributes.entry(word.clone()).or_default() += 1;
            }
        }
        for relation in &graph.relations {
            *self.predicates.entry(relation.predicate.clone()).or_default() += 1;
        }
    }

    /// Mean number of triplets over the frames that have any; 0 where none has.
    #[must_use]
    pub fn triplets_per_frame(&self) -> f64 {
        self.frame_triplets as f64 / self.frames_with_triplets.max(1) as f64
    }
}

/// Frames in at least one of the intervals.
fn covered(intervals: impl Iterator<Item = Interval>) -> u64 {
    let mut intervals: Vec<Interval> = intervals.collect();
    intervals.sort_unstable();
    let mut end = 0;
    let mut frames = 0;
    for interval in intervals {
        frames += u64::from(Interval::new(interval.begin.max(end), interval.end).len());
        end = end.max(interval.end);
    }
    frames
}

fn frame_triplets(graph: &VideoGraph) -> u64 {
    let mut triplets: BTreeMap<_, Vec<Interval>> = BTreeMap::new();
    for relation in &graph.relations {
        let triplet = (relation.subject, relation.predicate.as_str(), relation.object);
        triplets.entry(triplet).or_default().push(relation.interval());
    }
    triplets.into_values().map(|intervals| covered(intervals.into_iter())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Traps;
    use crate::data::vocabulary::Dataset;
    use crate::world::{FRAMES, Split, WorldClip};
    use std::collections::BTreeSet;

    #[test]
    fn sums_are_those_of_counting_frame_by_frame() {
        let mut stats = GraphStats::default();
        let (mut with, mut triplets) = (0, 0);
        for index in 0..25 {
            let graph = WorldClip::generate(Split::Test, index).graph;
            for frame in 0..u32::try_from(FRAMES).unwrap() {
                let alive = graph.relations.iter().filter(|r| (r.begin..r.end).contains(&frame));
                let alive: BTreeSet<_> = alive.map(|r| (r.subject, &r.predicate, r.object)).collect();
                with += u64::from(!alive.is_empty());
                triplets += alive.len() as u64;
            }
            stats.add(&Annotation { dataset: Dataset::VidOr, graph, traps: Traps::default() });
        }
        assert_eq!((stats.frames, stats.frames_with_triplets, stats.frame_triplets), (25 * 32, with, triplets));
        assert!((stats.triplets_per_frame() - triplets as f64 / with as f64).abs() < 1e-12);
        assert_eq!(stats.predicates.values().sum::<u64>(), stats.relations);
        let SpanTally { contained, overlapped_only, without } = stats.spans;
        assert_eq!((contained + overlapped_only + without, stats.videos), (25, 25));
        assert!(stats.time_relations.values().sum::<u64>() > 0);
    }
}
