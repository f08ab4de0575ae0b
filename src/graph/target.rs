//! What the visual branch has to find in one frame: every triplet alive there, with its two boxes (footnote 5).

use super::{BoundingBox, VideoGraph};
use std::collections::BTreeSet;

/// A triplet in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target<'a> {
    /// Subject's track id.
    pub subject: u32,
    /// Subject's class, as labelled.
    pub subject_class: &'a str,
    /// Predicate, as labelled.
    pub predicate: &'a str,
    /// Object's track id.
    pub object: u32,
    /// Object's class, as labelled.
    pub object_class: &'a str,
    /// `[4]`: centre x, centre y, width, height, in parts of the frame's size.
    pub subject_box: [f32; 4],
    /// `[4]`: as `subject_box`.
    pub object_box: [f32; 4],
}

impl VideoGraph {
    /// Every different triplet that holds in `frame` and whose two objects are seen there, by subject, predicate, object.
    #[must_use]
    pub fn targets(&self, frame: u32) -> Vec<Target<'_>> {
        let alive = self.relations.iter().filter(|relation| relation.interval().has(frame));
        let triplets: BTreeSet<_> = alive.map(|r| (r.subject, r.predicate.as_str(), r.object)).collect();
        let seen = |tid: u32| {
            let track = self.track(tid)?;
            Some((track.category.as_str(), self.normalised(track.boxes.get(&frame)?)))
        };
        triplets
            .into_iter()
            .filter_map(|(subject, predicate, object)| {
                let (subject_class, subject_box) = seen(subject)?;
                let (object_class, object_box) = seen(object)?;
                Some(Target { subject, subject_class, predicate, object, object_class, subject_box, object_box })
            })
            .collect()
    }

    /// The same graph with classes told with their colours, where these are known: "red robot".
    #[must_use]
    pub fn with_colored_classes(mut self) -> Self {
        for track in &mut self.tracks {
            if let Some(color) = track.attributes.get("color") {
                track.category = format!("{color} {}", track.category);
            }
        }
        self
    }

    /// `[4]`: centre and size of a box in parts of the frame, what lies outside of the frame cut off.
    #[must_use]
    pub fn normalised(&self, b: &BoundingBox) -> [f32; 4] {
        let part = |edge: f32, size: u32| (edge / size.max(1) as f32).clamp(0.0, 1.0);
        let (x0, x1) = (part(b.x0, self.width), part(b.x1, self.width));
        let (y0, y1) = (part(b.y0, self.height), part(b.y1, self.height));
        [f32::midpoint(x0, x1), f32::midpoint(y0, y1), x1 - x0, y1 - y0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Relation, Track};
    use crate::world::{FRAMES, Split, WorldClip};
    use std::collections::BTreeMap;

    #[test]
    fn boxes_are_centre_and_size_and_missing_ones_leave_the_triplet_out() {
        let track = |tid, category: &str, boxes: &[(u32, [f32; 4])]| Track {
            tid,
            category: category.to_owned(),
            attributes: BTreeMap::new(),
            boxes: boxes.iter().map(|&(t, [x0, y0, x1, y1])| (t, BoundingBox { x0, y0, x1, y1 })).collect(),
        };
        let relation = |begin, end, predicate: &str| Relation {
            begin,
            end,
            subject: 4,
            predicate: predicate.to_owned(),
            object: 7,
            manner: None,
        };
        let full = [0.0, 0.0, 200.0, 100.0];
        let graph = VideoGraph {
            video_id: "v".to_owned(),
            frame_count: 4,
            fps: 25.0,
            width: 200,
            height: 100,
            tracks: vec![
                track(4, "dog", &[(0, full), (1, [20.0, 10.0, 60.0, 60.0]), (2, full), (3, full)]),
                track(7, "cup", &[(1, [-4.0, 50.0, 104.0, 101.0]), (3, full)]),
            ],
            relations: vec![relation(0, 3, "chase"), relation(1, 2, "chase"), relation(1, 3, "bite")],
        };
        assert!(graph.targets(0).is_empty() && graph.targets(2).is_empty() && graph.targets(3).is_empty());
        let targets = graph.targets(1);
        assert_eq!(targets.iter().map(|t| t.predicate).collect::<Vec<_>>(), ["bite", "chase"]);
        assert_eq!((targets[0].subject_class, targets[0].object_class), ("dog", "cup"));
        let close = |got: [f32; 4], expected: [f32; 4]| got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(targets[0].subject_box, [0.2, 0.35, 0.2, 0.5]), "{:?}", targets[0].subject_box);
        assert!(close(targets[0].object_box, [0.26, 0.75, 0.52, 0.5]), "{:?}", targets[0].object_box);
    }

    #[test]
    fn the_worlds_targets_are_its_relations_frame_by_frame() {
        for index in 0..10 {
            let graph = WorldClip::generate(Split::Validation, index).graph;
            for frame in 0..u32::try_from(FRAMES).unwrap() {
                let targets = graph.targets(frame);
                assert!(
                    targets.iter().all(|t| t.subject_box.iter().chain(&t.object_box).all(|x| (0.0..=1.0).contains(x)))
                );
                let expected: BTreeSet<_> = graph
                    .relations
                    .iter()
                    .filter(|r| (r.begin..r.end).contains(&frame))
                    .map(|r| (r.subject, r.predicate.as_str(), r.object))
                    .collect();
                let got: BTreeSet<_> = targets.iter().map(|t| (t.subject, t.predicate, t.object)).collect();
                assert_eq!(got, expected);
            }
        }
    }
}
