//! From a script to its scene graph: a box per entity and frame, the scripted actions, and the spatial relations that
//! the boxes show.

use super::action::Predicate;
use super::script::Script;
use super::stage::{UNIT, small};
use super::{FPS, FRAMES, HEIGHT, WIDTH};
use crate::graph::{BoundingBox, Relation, Track, VideoGraph};
use std::collections::BTreeMap;

/// Fewest frames a spatial relation lasts to be told.
const MIN_FRAMES: u32 = 4;

/// Left, top, right, bottom in whole pixels; right and bottom exclusive.
pub type Edges = [i32; 4];

/// Where an entity's sprite lies in a frame, not clipped.
pub fn silhouette(script: &Script, who: usize, frame: usize) -> Edges {
    let entity = &script.stage.entities[who];
    let pose = &entity.poses[frame];
    let sprite = entity.sprite(pose);
    let (drift_x, drift_y) = script.camera[frame];
    let center = (pose.x + UNIT / 2).div_euclid(UNIT) - drift_x;
    let bottom = (pose.y - pose.z + UNIT / 2).div_euclid(UNIT) - drift_y;
    // A mirrored sprite keeps its centre line.
    let left = if pose.faces_left { center - (sprite.left + sprite.width) } else { center + sprite.left };
    [left, bottom - sprite.height, left + sprite.width, bottom]
}

/// The part of a silhouette inside the frame, if any.
pub fn clipped([x0, y0, x1, y1]: Edges) -> Option<Edges> {
    let (x0, y0) = (x0.max(0), y0.max(0));
    let (x1, y1) = (x1.min(small(WIDTH)), y1.min(small(HEIGHT)));
    (x0 < x1 && y0 < y1).then_some([x0, y0, x1, y1])
}

/// The exact graph of a clip.
pub fn graph(seed: u64, script: &Script) -> VideoGraph {
    let count = script.stage.entities.len();
    let edges: Vec<Vec<Option<Edges>>> =
        (0..count).map(|who| (0..FRAMES).map(|frame| clipped(silhouette(script, who, frame))).collect()).collect();
    let mut relations: Vec<Relation> = script
        .events
        .iter()
        .map(|event| Relation {
            begin: number(event.frames.start),
            end: number(event.frames.end),
            subject: number(event.subject),
            predicate: event.predicate.name().to_owned(),
            object: number(event.object),
            manner: event.manner.map(|manner| manner.name().to_owned()),
        })
        .collect();
    for subject in 0..count {
        for object in (0..count).filter(|object| *object != subject) {
            for predicate in &Predicate::ALL[Predicate::ACTIONS..] {
                let looks = [subject, object].map(|who| script.stage.entities[who].look);
                if predicate.allows(looks[0], looks[1]) {
                    relations.extend(spatial(*predicate, subject, object, &edges));
                }
            }
        }
    }
    relations.sort();
    let tracks = (0..count).map(|who| track(script, who, &edges[who])).collect();
    VideoGraph {
        video_id: seed.to_string(),
        frame_count: number(FRAMES),
        fps: f64::from(number(FPS)),
        width: number(WIDTH),
        height: number(HEIGHT),
        tracks,
        relations,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn track(script: &Script, who: usize, edges: &[Option<Edges>]) -> Track {
    let look = script.stage.entities[who].look;
    let attributes = [("color", look.color.name()), ("size", look.size.name())];
    let boxes = edges.iter().enumerate().filter_map(|(frame, edges)| {
        let [x0, y0, x1, y1] = edges.map(|edges| edges.map(pixel))?;
        Some((number(frame), BoundingBox { x0, y0, x1, y1 }))
    });
    Track {
        tid: number(who),
        category: look.kind.name().to_owned(),
        attributes: attributes.map(|(kind, word)| (kind.to_owned(), word.to_owned())).into(),
        boxes: boxes.collect::<BTreeMap<_, _>>(),
    }
}

/// Pixels of this world fit `i16`, so the conversion is exact.
fn pixel(value: i32) -> f32 {
    f32::from(i16::try_from(value).unwrap_or(i16::MAX))
}

/// The runs of frames in which the boxes show the relation; once it holds, looser bounds keep it.
fn spatial(predicate: Predicate, subject: usize, object: usize, edges: &[Vec<Option<Edges>>]) -> Vec<Relation> {
    let mut runs = Vec::new();
    let mut begin = None;
    let at = |who: usize, frame: usize| edges[who].get(frame).copied().flatten();
    for frame in 0..=FRAMES {
        let holds = match (at(subject, frame), at(object, frame)) {
            (Some(a), Some(b)) => stands(predicate, a, b, if begin.is_some() { 3 } else { 0 }),
            _ => false,
        };
        match begin {
            None if holds => begin = Some(number(frame)),
            Some(first) if !holds => {
                if number(frame) - first >= MIN_FRAMES {
                    runs.push(Relation {
                        begin: first,
                        end: number(frame),
                        subject: number(subject),
                        predicate: predicate.name().to_owned(),
                        object: number(object),
                        manner: None,
                    });
                }
                begin = None;
            }
            _ => {}
        }
    }
    runs
}

/// Whether `a predicate b` by their boxes, with `slack` pixels to spare.
pub fn stands(predicate: Predicate, a: Edges, b: Edges, slack: i32) -> bool {
    let [ax0, ay0, ax1, ay1] = a;
    let [bx0, by0, bx1, by1] = b;
    let over = |lo0: i32, hi0: i32, lo1: i32, hi1: i32| hi0.min(hi1) - lo0.max(lo1);
    let (wide, high) = (over(ax0, ax1, bx0, bx1), over(ay0, ay1, by0, by1));
    // Level: they share at least half of the lower one's height; in line: half of the narrower one's width.
    let level = (high + slack) * 2 >= (ay1 - ay0).min(by1 - by0);
    let in_line = (wide + slack) * 2 >= (ax1 - ax0).min(bx1 - bx0);
    match predicate {
        Predicate::Above => in_line && ay1 <= by0 + 4 + slack,
        Predicate::Below => in_line && by1 <= ay0 + 4 + slack,
        Predicate::LeftOf => level && ax1 <= bx0 + slack,
        Predicate::RightOf => level && bx1 <= ax0 + slack,
        Predicate::NextTo => level && (-3 - slack..=10 + slack).contains(&-wide),
        Predicate::Inside => ax0 + slack >= bx0 && ay0 + slack >= by0 && ax1 <= bx1 + slack && ay1 <= by1 + slack,
        _ => false,
    }
}
