//! Estimated words against the generated world, which knows them, and against pictures made for the purpose.

use super::*;
use crate::graph::Track;
use crate::video::MemorySource;
use crate::world::kind::{Color, Size};
use crate::world::{FRAMES, Split, WorldClip};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often which word was estimated for which.
#[derive(Default)]
struct Confusion(BTreeMap<(String, String), u32>);

impl Confusion {
    fn count(&mut self, truth: &str, told: Option<&String>) {
        let told = told.map_or("-", String::as_str);
        *self.0.entry((truth.to_owned(), told.to_owned())).or_default() += 1;
    }

    fn share(&self, right: impl Fn(&str, &str) -> bool) -> f64 {
        let right: u32 = self.0.iter().filter(|((truth, told), _)| right(truth, told)).map(|(_, count)| count).sum();
        f64::from(right) / f64::from(self.0.values().sum::<u32>())
    }

    fn table(&self, rows: &[&str]) -> String {
        let columns: BTreeSet<&String> = self.0.keys().map(|(_, told)| told).collect();
        let mut table = format!("{:>10}", "");
        columns.iter().for_each(|told| write!(table, "{told:>8}").unwrap());
        for row in rows {
            write!(table, "\n{row:>10}").unwrap();
            for told in &columns {
                let count = self.0.get(&((*row).to_owned(), (*told).clone())).copied().unwrap_or_default();
                write!(table, "{count:>8}").unwrap();
            }
        }
        table
    }
}

/// The third of the width in which an object is most often, over all its frames; nothing where two are equal.
fn place(graph: &VideoGraph, track: &Track) -> Option<&'static str> {
    let mut thirds = [0; 3];
    for b in track.boxes.values() {
        let middle = f64::from(b.x0 + b.x1) / 2.0;
        thirds[(middle * 3.0 / f64::from(graph.width)) as usize] += 1;
    }
    let most = *thirds.iter().max().unwrap();
    let mut best = ["left", "middle", "right"].into_iter().zip(thirds).filter(|(_, count)| *count == most);
    best.next().filter(|_| best.next().is_none()).map(|(place, _)| place)
}

/// Share of the tracks of 60 clips whose colour is told.
fn colors_told(rules: &EstimateRules) -> f64 {
    let mut colors = Confusion::default();
    for index in 0..60 {
        let mut clip = WorldClip::generate(Split::Test, index);
        let graph = clip.graph.clone();
        let told = rules.estimate(&graph, &mut clip).unwrap();
        for track in graph.tracks.iter().filter(|track| !track.boxes.is_empty()) {
            colors.count(&track.attributes[COLOR], told.get(&track.tid).and_then(|words| words.get(COLOR)));
        }
    }
    colors.share(|truth, told| truth == told)
}

#[test]
fn the_ring_and_the_focus_earn_their_place() {
    let rules = EstimateRules::default();
    let whole = colors_told(&rules);
    let without_ring = colors_told(&EstimateRules { background: 0.0, ..rules });
    let neither = colors_told(&EstimateRules { background: 0.0, focus: 0.0, ..rules });
    println!("colour {whole:.3}, without the ring {without_ring:.3}, nor a focus {neither:.3}");
    assert!(whole > without_ring + 0.05 && without_ring > neither + 0.02, "{whole} {without_ring} {neither}");
}

/// Clips of the test split; the rules' numbers were chosen on the training split.
#[test]
fn the_worlds_colors_sizes_and_places_are_told() {
    let [mut colors, mut sizes, mut places] = [(); 3].map(|()| Confusion::default());
    let mut kinds: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    for index in 0..150 {
        let mut clip = WorldClip::generate(Split::Test, index);
        let graph = clip.graph.clone();
        let told = EstimateRules::default().estimate(&graph, &mut clip).unwrap();
        for track in graph.tracks.iter().filter(|track| !track.boxes.is_empty()) {
            let word = |kind: &str| told.get(&track.tid).and_then(|words| words.get(kind));
            colors.count(&track.attributes[COLOR], word(COLOR));
            sizes.count(&track.attributes[SIZE], word(SIZE));
            let kind = kinds.entry(track.category.clone()).or_default();
            kind[0] += 1;
            kind[1] += u32::from(word(COLOR) == Some(&track.attributes[COLOR]));
            if let Some(place) = place(&graph, track) {
                places.count(place, word(POSITION));
            }
        }
    }
    let color = colors.share(|truth, told| truth == told);
    let size = sizes.share(|truth, told| truth == told || truth == "medium" && told == "-");
    let opposite =
        sizes.share(|truth, told| [truth, told] == ["small", "large"] || [truth, told] == ["large", "small"]);
    let position = places.share(|truth, told| truth == told);
    println!("150 clips of the generated world: colour {color:.3}, size {size:.3}, position {position:.3}");
    println!("colour (rows: the truth)\n{}", colors.table(&Color::ALL.map(Color::name)));
    println!("size\n{}", sizes.table(&Size::ALL.map(Size::name)));
    println!("position\n{}", places.table(&["left", "middle", "right"]));
    let of = |[all, right]: [u32; 2]| format!("{right}/{all}");
    println!("colour by kind: {:?}", kinds.iter().map(|(kind, counts)| (kind, of(*counts))).collect::<Vec<_>>());
    assert!(
        color >= 0.88 && size >= 0.95 && opposite == 0.0 && position >= 0.96,
        "{color} {size} {opposite} {position}"
    );
}

/// A picture of 120 x 90 pixels, gray but for rectangles `[x0, y0, x1, y1]` of a colour.
fn picture(rectangles: &[([usize; 4], [u8; 3])]) -> Vec<u8> {
    let mut rgb = [128, 128, 128].repeat(120 * 90);
    for ([x0, y0, x1, y1], color) in rectangles {
        for y in *y0..*y1 {
            for x in *x0..*x1 {
                rgb[3 * (y * 120 + x)..][..3].copy_from_slice(color);
            }
        }
    }
    rgb
}

fn graph(boxes: &[[f32; 4]], frames: u32) -> VideoGraph {
    let track = |(tid, [x0, y0, x1, y1]): (u32, [f32; 4])| Track {
        tid,
        category: "dog".to_owned(),
        attributes: BTreeMap::new(),
        boxes: (0..frames).map(|frame| (frame, BoundingBox { x0, y0, x1, y1 })).collect(),
    };
    VideoGraph {
        video_id: "v".to_owned(),
        frame_count: frames,
        fps: 30.0,
        width: 120,
        height: 90,
        tracks: (0..).zip(boxes.iter().copied()).map(track).collect(),
        relations: Vec::new(),
    }
}

fn video(pictures: &[Vec<u8>]) -> MemorySource {
    let frames = crate::video::Frames::new(120, 90, pictures.concat()).unwrap();
    MemorySource::new(frames, Some(30.0))
}

const RED: [u8; 3] = [200, 20, 30];
const BLUE: [u8; 3] = [20, 40, 200];
const GREEN: [u8; 3] = [30, 150, 40];

#[test]
fn background_in_the_box_and_nearer_boxes_do_not_count() {
    // Red fills 36 % of its box on gray; then on green, of which there is more in the box than of red.
    let own = [20.0, 20.0, 60.0, 60.0];
    let red = ([28, 28, 52, 52], RED);
    let told = |rectangles: &[([usize; 4], [u8; 3])], boxes: &[[f32; 4]]| {
        let words = EstimateRules::default().estimate(&graph(boxes, 1), &mut video(&[picture(rectangles)])).unwrap();
        words[&0].get(COLOR).cloned()
    };
    assert_eq!(told(&[red], &[own]).as_deref(), Some("red"));
    assert_eq!(told(&[([0, 0, 120, 90], GREEN), red], &[own]).as_deref(), Some("red"));
    // An object of the background's colour has it all the same.
    assert_eq!(told(&[], &[own]).as_deref(), Some("gray"));
    assert_eq!(told(&[([0, 0, 120, 90], GREEN)], &[own]).as_deref(), Some("green"));
    // A smaller box before it takes its pixels with it, and one that hides it leaves nothing to tell.
    let before = [30.0, 25.0, 50.0, 55.0];
    let blue = ([30, 25, 50, 55], BLUE);
    assert_eq!(told(&[red, blue], &[own]).as_deref(), Some("blue"));
    assert_eq!(told(&[red, blue], &[own, before]).as_deref(), Some("red"));
    assert_eq!(told(&[red, blue], &[own, [20.0, 20.0, 60.0, 59.0], [20.0, 59.0, 60.0, 60.0]]), None);
}

#[test]
fn frames_vote_and_those_past_the_end_are_left_out() {
    let own = [20.0, 20.0, 60.0, 60.0];
    let of = |color| picture(&[([20, 20, 60, 60], color)]);
    let rules = EstimateRules::default();
    let five = [RED, BLUE, BLUE, RED, BLUE].map(of);
    assert_eq!(rules.estimate(&graph(&[own], 5), &mut video(&five)).unwrap()[&0][COLOR], "blue");
    // The video has three frames of the annotation's five: red, blue, blue.
    assert_eq!(rules.estimate(&graph(&[own], 5), &mut video(&five[..3])).unwrap()[&0][COLOR], "blue");
    let mut late = graph(&[own], 5);
    late.tracks[0].boxes.retain(|frame, _| *frame == 4);
    let error = rules.estimate(&late, &mut video(&five[..3])).unwrap_err();
    assert_eq!(error.code(), "invalid-input");
    late.tracks[0].boxes.clear();
    assert!(rules.estimate(&late, &mut video(&five[..3])).unwrap().is_empty());
    // An annotation of half the video's size.
    let mut half = graph(&[[10.0, 10.0, 30.0, 30.0]], 5);
    (half.width, half.height) = (60, 45);
    assert_eq!(
        rules.estimate(&half, &mut video(&five)).unwrap()[&0],
        rules.estimate(&graph(&[own], 5), &mut video(&five)).unwrap()[&0]
    );
}

#[test]
fn sizes_and_places_follow_the_box() {
    // The frame's side is the root of 120 x 90: 103.9 pixels; "small" below 19.7, "large" from 27.0 on.
    for (b, size, place) in [
        ([5.0, 5.0, 24.0, 15.0], Some("small"), "left"),
        ([50.0, 5.0, 72.0, 15.0], None, "middle"),
        ([80.0, 5.0, 100.0, 37.0], Some("large"), "right"),
        ([0.0, 5.0, 15.0, 15.0], None, "left"), // cut by the frame: it may be larger
        ([60.0, 50.0, 120.0, 90.0], Some("large"), "right"),
    ] {
        let words = EstimateRules::default().estimate(&graph(&[b], 1), &mut video(&[picture(&[])])).unwrap();
        let word = |kind| words[&0].get(kind).map(String::as_str);
        assert_eq!((word(SIZE), word(POSITION)), (size, Some(place)), "{b:?}");
    }
}

#[test]
fn no_box_makes_it_panic() {
    let rules = EstimateRules::default();
    for b in
        [[0.0; 4], [-50.0, -50.0, -10.0, -10.0], [0.0, 0.0, 1e6, 1e6], [119.5, 89.5, 119.6, 89.6], [5.0, 5.0, 4.0, 4.0]]
    {
        rules.estimate(&graph(&[b, [0.0, 0.0, 9.0, 9.0]], 1), &mut video(&[picture(&[])])).unwrap();
    }
    assert_eq!(rules.estimate(&graph(&[], 0), &mut video(&[picture(&[])])).unwrap(), TrackAttributes::new());
    assert_eq!(FRAMES, WorldClip::generate(Split::Test, 0).info().frame_count);
}
