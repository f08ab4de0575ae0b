//! A scene graph as VidOR writes it.

use crate::graph::VideoGraph;
use serde_json::{Value, json};

/// The graph in VidOR's JSON layout: half-open frame intervals, integer pixel boxes inclusive on all sides. Attributes
/// and manners have no place there and are left out.
#[must_use]
pub fn vidor_json(graph: &VideoGraph) -> Value {
    let objects: Vec<Value> =
        graph.tracks.iter().map(|track| json!({ "tid": track.tid, "category": track.category })).collect();
    let trajectories: Vec<Vec<Value>> = (0..graph.frame_count)
        .map(|frame| {
            let boxes = graph.tracks.iter().filter_map(|track| Some((track.tid, track.boxes.get(&frame)?)));
            boxes
                .map(|(tid, b)| {
                    let first = |edge: f32| edge.round() as i64;
                    let last = |edge: f32| edge.round() as i64 - 1;
                    json!({
                        "tid": tid,
                        "bbox": { "xmin": first(b.x0), "ymin": first(b.y0), "xmax": last(b.x1), "ymax": last(b.y1) },
                        "generated": 0,
                        "tracker": "none",
                    })
                })
                .collect()
        })
        .collect();
    let relations: Vec<Value> = graph
        .relations
        .iter()
        .map(|relation| {
            json!({
                "subject_tid": relation.subject,
                "object_tid": relation.object,
                "predicate": relation.predicate,
                "begin_fid": relation.begin,
                "end_fid": relation.end,
            })
        })
        .collect();
    json!({
        "version": "VERSION 1.0",
        "video_id": graph.video_id,
        "video_hash": "",
        "video_path": format!("world/{}.mp4", graph.video_id),
        "frame_count": graph.frame_count,
        "fps": graph.fps,
        "width": graph.width,
        "height": graph.height,
        "subject/objects": objects,
        "trajectories": trajectories,
        "relation_instances": relations,
    })
}
