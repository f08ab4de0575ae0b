//! One annotation document of VidVRD or VidOR (formats.md 1.2): parsed, checked, turned into a scene graph.
//!
//! Refused, with line and column: broken JSON, missing or mistyped fields, a size or frame rate of nothing, a track id
//! given twice or never declared, two boxes of a track in one frame, a box turned inside out or beyond the frame by more
//! than [`BOX_SLACK`], a relation that is empty or ends past the last frame. Counted and used: all of [`Traps`].

use super::locate::{Fault, Place};
use super::report::Traps;
use super::vocabulary::Dataset;
use crate::error::{Error, Result};
use crate::graph::{BoundingBox, Relation, Track, VideoGraph};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Pixels by which a box may reach over the frame's border: it is cut and counted. Tools that mean the first pixel after
/// the box where VidOR means its last one are off by this.
pub const BOX_SLACK: i32 = 1;

/// A document's graph and what was unusual about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Whose layout it is in.
    pub dataset: Dataset,
    /// The scene graph: boxes made exclusive at right and bottom, as long as the list of trajectories.
    pub graph: VideoGraph,
    /// What was counted.
    pub traps: Traps,
}

#[derive(Deserialize)]
struct Document<'a> {
    /// There in VidOR, absent in VidVRD: how the official reader tells them apart.
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    video_id: Cow<'a, str>,
    frame_count: u32,
    fps: f64,
    width: u32,
    height: u32,
    #[serde(borrow, rename = "subject/objects")]
    objects: Vec<Object<'a>>,
    trajectories: Vec<Vec<FrameBox>>,
    #[serde(borrow)]
    relation_instances: Vec<Instance<'a>>,
}

#[derive(Deserialize)]
struct Object<'a> {
    tid: u32,
    #[serde(borrow)]
    category: Cow<'a, str>,
}

#[derive(Deserialize)]
struct FrameBox {
    tid: u32,
    bbox: Edges,
}

/// Pixels, all inclusive.
#[derive(Deserialize)]
struct Edges {
    xmin: i32,
    ymin: i32,
    xmax: i32,
    ymax: i32,
}

#[derive(Deserialize)]
struct Instance<'a> {
    subject_tid: u32,
    object_tid: u32,
    #[serde(borrow)]
    predicate: Cow<'a, str>,
    begin_fid: u32,
    end_fid: u32,
}

impl Annotation {
    /// Reads a document; `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] for everything the module's head lists.
    pub fn parse(json: &[u8], file: &str) -> Result<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        let document: Document = serde_json::from_slice(json).map_err(Error::json(file))?;
        document.check().map_err(|fault| Error::json(file)(fault.at(json)))
    }
}

impl Document<'_> {
    fn check(self) -> Result<Annotation, Fault> {
        let length = self.check_sizes()?;
        let mut traps = Traps {
            frame_count_differs: u64::from(self.frame_count != length),
            number_like_ids: u64::from(self.video_id.bytes().all(|byte| byte.is_ascii_digit())),
            ..Traps::default()
        };
        let tracks = self.tracks(&mut traps)?;
        let relations = self.relations(length, &tracks, &mut traps)?;
        let dataset = if self.version.is_some() { Dataset::VidOr } else { Dataset::VidVrd };
        let graph = VideoGraph {
            video_id: self.video_id.into_owned(),
            frame_count: length,
            fps: self.fps,
            width: self.width,
            height: self.height,
            tracks,
            relations,
        };
        Ok(Annotation { dataset, graph, traps })
    }

    /// The number of frames.
    fn check_sizes(&self) -> Result<u32, Fault> {
        for (key, size) in [("width", self.width), ("height", self.height)] {
            if size == 0 || i32::try_from(size).is_err() {
                return Err(fault(key, [], format!("{size} is no size of a frame in pixels")));
            }
        }
        if !(self.fps.is_finite() && self.fps > 0.0) {
            return Err(fault("fps", [], format!("{} is no number of frames a second", self.fps)));
        }
        u32::try_from(self.trajectories.len()).map_err(|_| fault("trajectories", [], "too many frames".to_owned()))
    }

    fn tracks(&self, traps: &mut Traps) -> Result<Vec<Track>, Fault> {
        let mut categories = BTreeMap::new();
        for (at, object) in self.objects.iter().enumerate() {
            if categories.insert(object.tid, object.category.as_ref()).is_some() {
                return Err(fault("subject/objects", [at], format!("track id {} is given twice", object.tid)));
            }
        }
        let tids: Vec<u32> = categories.keys().copied().collect();
        let mut boxes = vec![Vec::new(); tids.len()];
        for (frame, listed) in (0_u32..).zip(&self.trajectories) {
            for (at, found) in listed.iter().enumerate() {
                let wrong = |reason| fault("trajectories", [frame as usize, at], reason);
                let Ok(track) = tids.binary_search(&found.tid) else {
                    return Err(wrong(format!("track id {} is not in \"subject/objects\"", found.tid)));
                };
                if boxes[track].last().is_some_and(|(last, _)| *last == frame) {
                    return Err(wrong(format!("track {} has two boxes in frame {frame}", found.tid)));
                }
                boxes[track].push((frame, self.exclusive(&found.bbox, traps).map_err(wrong)?));
            }
        }
        traps.tid_gaps = u64::from(tids.iter().zip(0_u32..).any(|(tid, at)| *tid != at));
        traps.unseen_tracks = boxes.iter().filter(|boxes| boxes.is_empty()).count() as u64;
        let tracks = categories.into_iter().zip(boxes).map(|((tid, category), boxes)| Track {
            tid,
            category: category.to_owned(),
            attributes: BTreeMap::new(),
            boxes: boxes.into_iter().collect(),
        });
        Ok(tracks.collect())
    }

    /// From inclusive to exclusive edges, what reaches over the border by [`BOX_SLACK`] cut.
    fn exclusive(&self, edges: &Edges, traps: &mut Traps) -> Result<BoundingBox, String> {
        let Edges { xmin, ymin, xmax, ymax } = *edges;
        let (width, height) = (self.width as i32, self.height as i32); // checked before
        let left_over = xmin.saturating_neg().max(ymin.saturating_neg());
        let over = left_over.max(xmax.saturating_add(1).saturating_sub(width));
        let over = over.max(ymax.saturating_add(1).saturating_sub(height));
        let cut = |edge: i32, size: i32| edge.clamp(0, size) as f32;
        let b = BoundingBox {
            x0: cut(xmin, width),
            y0: cut(ymin, height),
            x1: cut(xmax.saturating_add(1), width),
            y1: cut(ymax.saturating_add(1), height),
        };
        let told = || format!("the box {xmin}, {ymin} to {xmax}, {ymax}");
        if xmax < xmin || ymax < ymin {
            return Err(format!("{} ends before it begins", told()));
        }
        if over > BOX_SLACK || b.x0 >= b.x1 || b.y0 >= b.y1 {
            return Err(format!("{} lies outside of the frame of {width} x {height} pixels", told()));
        }
        traps.clipped_boxes += u64::from(over > 0);
        Ok(b)
    }

    fn relations(&self, length: u32, tracks: &[Track], traps: &mut Traps) -> Result<Vec<Relation>, Fault> {
        let mut relations = BTreeSet::new();
        let frames: BTreeMap<u32, Vec<u32>> =
            tracks.iter().map(|track| (track.tid, track.boxes.keys().copied().collect())).collect();
        for (at, instance) in self.relation_instances.iter().enumerate() {
            let wrong = |reason| fault("relation_instances", [at], reason);
            let (begin, end) = (instance.begin_fid, instance.end_fid);
            if begin >= end {
                return Err(wrong(format!("begin_fid {begin} is not before end_fid {end}, which is exclusive")));
            }
            if end > length {
                return Err(wrong(format!("end_fid {end} is past the last of {length} frames")));
            }
            let mut complete = true;
            for tid in [instance.subject_tid, instance.object_tid] {
                let Some(frames) = frames.get(&tid) else {
                    return Err(wrong(format!("track id {tid} is not in \"subject/objects\"")));
                };
                let before = |frame| frames.partition_point(|seen| *seen < frame);
                complete &= before(end) - before(begin) == (end - begin) as usize;
            }
            traps.relations_missing_boxes += u64::from(!complete);
            let relation = Relation {
                begin,
                end,
                subject: instance.subject_tid,
                predicate: instance.predicate.clone().into_owned(),
                object: instance.object_tid,
                manner: None,
            };
            traps.duplicate_relations += u64::from(!relations.insert(relation));
        }
        Ok(relations.into_iter().collect())
    }
}

fn fault<const N: usize>(key: &'static str, path: [usize; N], reason: String) -> Fault {
    Fault { place: Place { key, path: path.to_vec() }, reason }
}
