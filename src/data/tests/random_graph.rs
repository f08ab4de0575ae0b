//! Random graphs for properties that hold of every graph.

use crate::graph::{BoundingBox, Relation, Track, VideoGraph};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Frames of each.
pub const LENGTH: u32 = 80;
/// Width and height in pixels.
const FRAME: (u32, u32) = (64, 48);

/// A box of whole pixels that differs from frame to frame and from track to track.
fn box_of(tid: u32, frame: u32) -> BoundingBox {
    let (x0, y0) = ((7 * tid + frame) % (FRAME.0 - 10), (5 * tid + 2 * frame) % (FRAME.1 - 10));
    let (x1, y1) = (x0 + 3 + tid % 7, y0 + 2 + frame % 8);
    BoundingBox { x0: x0 as f32, y0: y0 as f32, x1: x1 as f32, y1: y1 as f32 }
}

/// Four tracks, each unseen for a while, whose ids may have gaps; relations anywhere, sorted, each once.
pub fn random_graph() -> impl Strategy<Value = VideoGraph> {
    let relation = (0_usize..4, 0_usize..5, 0_usize..4, 0_u32..LENGTH - 1, 1_u32..40);
    let gaps = prop::collection::vec((1_u32..3, 0_u32..LENGTH, 0_u32..20), 4);
    (prop::collection::vec(relation, 0..25), gaps).prop_map(|(relations, gaps)| {
        let mut next = 0;
        let track = |(at, (step, begin, len)): (usize, (u32, u32, u32))| {
            let tid = next;
            next += step;
            Track {
                tid,
                category: ["dog", "ball/sports_ball", "dog", "adult"][at].to_owned(),
                attributes: BTreeMap::from([("color".to_owned(), ["red", "odd"][at % 2].to_owned())]),
                boxes: (0..LENGTH)
                    .filter(|frame| !(begin..begin + len).contains(frame))
                    .map(|frame| (frame, box_of(tid, frame)))
                    .collect(),
            }
        };
        let tracks: Vec<Track> = gaps.into_iter().enumerate().map(track).collect();
        let relation = |(subject, predicate, object, begin, len): (usize, usize, usize, u32, u32)| Relation {
            begin,
            end: (begin + len).min(LENGTH),
            subject: tracks[subject].tid,
            predicate: ["chase", "walk_left", "next_to", "play(instrument)", "unheard_of"][predicate].to_owned(),
            object: tracks[object].tid,
            manner: None,
        };
        let mut relations: Vec<Relation> = relations.into_iter().map(relation).collect();
        relations.sort();
        relations.dedup();
        VideoGraph {
            video_id: "v".to_owned(),
            frame_count: LENGTH,
            fps: 30.0,
            width: FRAME.0,
            height: FRAME.1,
            tracks,
            relations,
        }
    })
}
