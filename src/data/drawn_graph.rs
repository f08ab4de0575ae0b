//! A scene graph drawn by hand on a few frames of a clip: boxes and triplets. A run sees these frames alone, so that they
//! are the graph's time: frame 0 is the first of them, and what holds on two neighbours holds from one to the other.

use crate::error::{Error, Result};
use crate::graph::{BoundingBox, Relation, Track, VideoGraph};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnGraph {
    /// In any order.
    pub frames: Vec<DrawnFrame>,
}

/// What was drawn on one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnFrame {
    /// Index of the frame in the clip.
    pub frame: u32,
    /// What holds there.
    pub triplets: Vec<DrawnTriplet>,
}

/// Who does what to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnTriplet {
    /// Who.
    pub subject: DrawnEntity,
    /// Does what.
    pub predicate: String,
    /// To whom.
    pub object: DrawnEntity,
}

/// Somebody or something, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnEntity {
    /// What it is.
    pub label: String,
    /// Tells two of one label apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Centre x, centre y, width, height in parts of the frame.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
}

/// Label and id: who is meant over all frames.
type Who<'a> = (&'a str, Option<u32>);

impl DrawnGraph {
    /// The frames that were drawn on, ascending, each once.
    #[must_use]
    pub fn clip_frames(&self) -> Vec<u32> {
        let frames: BTreeSet<u32> = self.frames.iter().map(|drawn| drawn.frame).collect();
        frames.into_iter().collect()
    }

    /// The graph over these frames: its frame `i` is the `i`-th of [`Self::clip_frames`]. Boxes are in parts of the frame.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no triplet, a blank label, a box that is none, and two boxes of one object in a frame.
    pub fn graph(&self, name: &str) -> Result<VideoGraph> {
        let mut tracks: BTreeMap<Who<'_>, BTreeMap<u32, BoundingBox>> = BTreeMap::new();
        let times: BTreeMap<u32, u32> = self.clip_frames().into_iter().zip(0..).collect();
        for drawn in &self.frames {
            for entity in drawn.triplets.iter().flat_map(|triplet| [&triplet.subject, &triplet.object]) {
                let bounds = entity.edges(drawn.frame)?;
                let boxes = tracks.entry((entity.label.as_str(), entity.id)).or_default();
                let known = *boxes.entry(times[&drawn.frame]).or_insert(bounds);
                if known != bounds {
                    let reason = format!("\"{}\" has two boxes; give two of one label different ids", entity.label);
                    return Err(wrong(drawn.frame, reason));
                }
            }
        }
        if tracks.is_empty() {
            let reason = "nothing is drawn on it; draw at least one triplet".to_owned();
            return Err(Error::InvalidInput { what: "scene graph".to_owned(), reason });
        }
        let ids: BTreeMap<Who<'_>, u32> = tracks.keys().copied().zip(0..).collect();
        let relations = self.relations(&ids, &times)?;
        let track = |((label, id), boxes): (Who<'_>, BTreeMap<u32, BoundingBox>)| Track {
            tid: ids[&(label, id)],
            category: label.to_owned(),
            attributes: BTreeMap::new(),
            boxes,
        };
        Ok(VideoGraph {
            video_id: name.to_owned(),
            frame_count: times.len() as u32,
            fps: 1.0,
            width: 1,
            height: 1,
            tracks: tracks.into_iter().map(track).collect(),
            relations,
        })
    }

    /// One relation for each stretch of frames on which a triplet was drawn.
    fn relations(&self, ids: &BTreeMap<Who<'_>, u32>, times: &BTreeMap<u32, u32>) -> Result<Vec<Relation>> {
        let mut holds: BTreeMap<(u32, &str, u32), BTreeSet<u32>> = BTreeMap::new();
        for drawn in &self.frames {
            for triplet in &drawn.triplets {
                if triplet.predicate.trim().is_empty() {
                    return Err(wrong(drawn.frame, "a predicate is blank".to_owned()));
                }
                let id = |entity: &DrawnEntity| ids[&(entity.label.as_str(), entity.id)];
                let key = (id(&triplet.subject), triplet.predicate.as_str(), id(&triplet.object));
                holds.entry(key).or_default().insert(times[&drawn.frame]);
            }
        }
        let mut relations: Vec<Relation> = Vec::new();
        for ((subject, predicate, object), frames) in holds {
            let mut open: Option<Relation> = None;
            for frame in frames {
                match &mut open {
                    Some(relation) if relation.end == frame => relation.end += 1,
                    _ => {
                        let predicate = predicate.to_owned();
                        let next = Relation { begin: frame, end: frame + 1, subject, predicate, object, manner: None };
                        relations.extend(open.replace(next));
                    }
                }
            }
            relations.extend(open);
        }
        relations.sort();
        Ok(relations)
    }
}

impl DrawnEntity {
    fn edges(&self, frame: u32) -> Result<BoundingBox> {
        if self.label.trim().is_empty() {
            return Err(wrong(frame, "a label is blank".to_owned()));
        }
        let [x, y, w, h] = self.bounds;
        let inside = |part: f32| (0.0..=1.0).contains(&part);
        if !(inside(x) && inside(y) && inside(w) && inside(h) && w > 0.0 && h > 0.0) {
            let reason = format!(
                "the box of \"{}\" is {:?}; give centre x, centre y, width, height in parts of the frame, 0 to 1",
                self.label, self.bounds
            );
            return Err(wrong(frame, reason));
        }
        Ok(BoundingBox { x0: x - w / 2.0, y0: y - h / 2.0, x1: x + w / 2.0, y1: y + h / 2.0 })
    }
}

fn wrong(frame: u32, reason: String) -> Error {
    Error::InvalidInput { what: format!("what is drawn on frame {frame}"), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{GraphSample, SampleRules};

    fn drawn(json: &str) -> DrawnGraph {
        serde_json::from_str(json).unwrap()
    }

    const TWO_FRAMES: &str = r#"{"frames": [
        {"frame": 40, "triplets": [
            {"subject": {"label": "dog", "box": [0.25, 0.5, 0.5, 0.5]}, "predicate": "bite",
             "object": {"label": "cat", "box": [0.75, 0.5, 0.25, 0.25]}}]},
        {"frame": 10, "triplets": [
            {"subject": {"label": "dog", "box": [0.5, 0.5, 0.5, 0.5]}, "predicate": "chase",
             "object": {"label": "cat", "box": [0.5, 0.25, 0.5, 0.25]}}]}]}"#;

    #[test]
    fn frames_become_time_and_boxes_come_back_as_drawn() {
        let drawn = drawn(TWO_FRAMES);
        assert_eq!(drawn.clip_frames(), [10, 40]);
        let graph = drawn.graph("mine").unwrap();
        assert_eq!(graph.frame_count, 2);
        let targets = graph.targets(1);
        assert_eq!((targets[0].subject_class, targets[0].predicate, targets[0].object_class), ("dog", "bite", "cat"));
        assert_eq!(targets[0].subject_box, [0.25, 0.5, 0.5, 0.5]);
        assert_eq!(targets[0].object_box, [0.75, 0.5, 0.25, 0.25]);
        assert_eq!(graph.targets(0)[0].predicate, "chase");
    }

    #[test]
    fn a_single_frame_is_a_sample_without_an_order() {
        let mut drawn = drawn(TWO_FRAMES);
        drawn.frames.truncate(1);
        let graph = drawn.graph("mine").unwrap();
        let rules = SampleRules::new(4);
        assert!(GraphSample::draw(&graph, &rules, 0).is_none());
        let sample = GraphSample::whole(&graph, &rules, 0).unwrap();
        assert_eq!((sample.frames, sample.targets.len()), (vec![0; 4], 4));
        assert_eq!(sample.texts.positive, "dog bite cat");
        assert_eq!(sample.texts.active_passive.as_deref(), Some("cat bite dog"));
        assert_eq!(sample.texts.temporal_negative, None);
    }

    #[test]
    fn what_holds_on_neighbours_is_one_relation() {
        let triplet = r#"{"subject": {"label": "dog", "box": [0.5, 0.5, 0.5, 0.5]}, "predicate": "chase",
            "object": {"label": "dog", "id": 1, "box": [0.5, 0.25, 0.5, 0.25]}}"#;
        let frame = |frame: u32, triplets: &str| format!(r#"{{"frame": {frame}, "triplets": [{triplets}]}}"#);
        let other = triplet.replace("chase", "bite");
        let frames = [frame(3, triplet), frame(5, triplet), frame(8, &other), frame(9, triplet)].join(",");
        let graph = drawn(&format!(r#"{{"frames": [{frames}]}}"#)).graph("mine").unwrap();
        let told: Vec<_> = graph.relations.iter().map(|r| (r.begin, r.end, r.predicate.as_str())).collect();
        assert_eq!(told, [(0, 2, "chase"), (2, 3, "bite"), (3, 4, "chase")]);
        assert_eq!(graph.tracks.len(), 2);
    }

    #[test]
    fn what_is_no_drawing_is_refused() {
        for (json, said) in [
            (TWO_FRAMES.replace("\"bite\"", "\" \""), "predicate is blank"),
            (TWO_FRAMES.replace("\"cat\"", "\"\""), "label is blank"),
            (TWO_FRAMES.replace("0.75", "1.75"), "1.75"),
            (r#"{"frames": [{"frame": 1, "triplets": []}]}"#.to_owned(), "nothing is drawn"),
            (TWO_FRAMES.replace("\"cat\"", "\"dog\""), "two boxes"),
        ] {
            let error = drawn(&json).graph("mine").unwrap_err();
            assert_eq!(error.code(), "invalid-input");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
