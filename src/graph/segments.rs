//! VidVRD's training split labels no relation for longer than 30 frames: a longer one is written as pieces of 30 frames
//! that overlap by 15 (formats.md 1.3). Joined, they are the relation again.

use super::VideoGraph;

impl VideoGraph {
    /// Joins, for each (subject, predicate, object), instances that overlap or touch; returns how many vanished into the
    /// one before.
    pub fn merge_segments(&mut self) -> usize {
        let before = self.relations.len();
        let mut relations = std::mem::take(&mut self.relations);
        relations.sort_by(|a, b| {
            (a.subject, &a.predicate, a.object, &a.manner, a.begin, a.end).cmp(&(
                b.subject,
                &b.predicate,
                b.object,
                &b.manner,
                b.begin,
                b.end,
            ))
        });
        relations.dedup_by(|next, last| {
            let same = (next.subject, &next.predicate, next.object, &next.manner)
                == (last.subject, &last.predicate, last.object, &last.manner);
            let joins = same && next.begin <= last.end;
            if joins {
                last.end = last.end.max(next.end);
            }
            joins
        });
        relations.sort();
        self.relations = relations;
        before - self.relations.len()
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Relation, VideoGraph};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn relation((subject, predicate, object, begin, len): (u32, usize, u32, u32, u32)) -> Relation {
        let predicate = ["chase", "left"][predicate].to_owned();
        Relation { begin, end: begin + len, subject, predicate, object, manner: None }
    }

    fn graph(relations: Vec<Relation>) -> VideoGraph {
        let video_id = "v".to_owned();
        VideoGraph { video_id, frame_count: 300, fps: 30.0, width: 9, height: 9, tracks: Vec::new(), relations }
    }

    #[test]
    fn pieces_of_thirty_frames_become_one_relation() {
        let pieces = [195, 210, 225, 240, 255].map(|begin| relation((0, 0, 1, begin, 30)));
        let other = relation((1, 0, 0, 210, 30));
        let mut graph = graph(pieces.iter().cloned().chain([other.clone(), relation((0, 0, 1, 286, 10))]).collect());
        assert_eq!(graph.merge_segments(), 4);
        assert_eq!(graph.relations, [relation((0, 0, 1, 195, 90)), other, relation((0, 0, 1, 286, 10))]);
    }

    proptest! {
        #[test]
        fn every_frame_keeps_its_triplets_and_no_more(
            parts in prop::collection::vec((0_u32..2, 0_usize..2, 0_u32..2, 0_u32..40, 1_u32..12), 0..24),
        ) {
            let mut graph = graph(parts.into_iter().map(relation).collect());
            let facts = |graph: &VideoGraph| -> BTreeSet<(u32, u32, String, u32)> {
                let alive = |r: &Relation| (r.begin..r.end).map(|t| (t, r.subject, r.predicate.clone(), r.object)).collect::<Vec<_>>();
                graph.relations.iter().flat_map(alive).collect()
            };
            let (before, count) = (facts(&graph), graph.relations.len());
            let joined = graph.merge_segments();
            prop_assert_eq!(facts(&graph), before);
            prop_assert_eq!(graph.relations.len() + joined, count);
            prop_assert!(graph.relations.is_sorted());
            for (i, a) in graph.relations.iter().enumerate() {
                for b in &graph.relations[i + 1..] {
                    let same = (a.subject, &a.predicate, a.object) == (b.subject, &b.predicate, b.object);
                    prop_assert!(!same || b.begin > a.end, "{a:?} {b:?}");
                }
            }
            prop_assert_eq!(graph.merge_segments(), 0);
        }
    }
}
