//! Properties of generated clips, by brute force over many seeds.

use super::script::is_held_out;
use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn clips(count: u64) -> impl Iterator<Item = WorldClip> {
    (0..count).flat_map(|index| Split::ALL.map(|split| WorldClip::generate(split, index)))
}

#[test]
fn seeds_decide_everything_and_splits_are_apart() {
    let all: Vec<usize> = (0..FRAMES).collect();
    for (split, first) in Split::ALL.into_iter().zip([0, 1_000_000_000, 2_000_000_000, 3_000_000_000]) {
        assert_eq!(split.seeds().start, first);
        assert_eq!(Split::of(first), split);
        assert_eq!(Split::of(split.seeds().end - 1), split);
        let (a, b) = (WorldClip::generate(split, 5), WorldClip::from_seed(first + 5));
        assert_eq!((a.graph.clone(), a.captions(), a.near_misses()), (b.graph.clone(), b.captions(), b.near_misses()));
        assert_eq!(a.render(&all), b.render(&all));
        assert_ne!(a.graph, WorldClip::generate(split, 6).graph);
    }
}

#[test]
fn frames_can_be_drawn_alone_and_past_the_end_is_an_error() {
    let mut clip = WorldClip::from_seed(1);
    let all = clip.render(&(0..FRAMES).collect::<Vec<_>>());
    let some = clip.read(&[31, 4, 4]).unwrap();
    assert_eq!((some.frame(0), some.frame(1), some.frame(2)), (all.frame(31), all.frame(4), all.frame(4)));
    assert_eq!(clip.read(&[32]).unwrap_err().code(), "invalid-input");
    assert_eq!(clip.read(&[]).unwrap_err().code(), "no-frames");
}

/// Draws each frame with and without each entity: what differs lies in its box, and an entity that nothing covers
/// touches all four sides of it.
#[test]
fn boxes_are_the_extents_of_the_drawn_pixels() {
    let indices = [0, 9, 18, 27, 31];
    let mut exact = 0;
    for clip in clips(12) {
        let with = clip.render(&indices);
        for (who, track) in clip.graph.tracks.iter().enumerate() {
            let without = clip.draw(&indices, Some(who));
            for (k, index) in indices.iter().enumerate() {
                let pairs = with.frame(k).chunks(3).zip(without.frame(k).chunks(3));
                let changed: Vec<_> = pairs.enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
                let Some(b) = track.boxes.get(&(*index as u32)) else {
                    assert!(changed.is_empty());
                    continue;
                };
                let (x0, y0, x1, y1) = (b.x0 as usize, b.y0 as usize, b.x1 as usize, b.y1 as usize);
                assert!(x0 < x1 && x1 <= WIDTH && y0 < y1 && y1 <= HEIGHT);
                let points: Vec<_> = changed.iter().map(|at| (at % WIDTH, at / WIDTH)).collect();
                assert!(points.iter().all(|(x, y)| (x0..x1).contains(x) && (y0..y1).contains(y)), "seed {}", clip.seed);
                let tight = points.iter().any(|p| p.0 == x0)
                    && points.iter().any(|p| p.0 == x1 - 1)
                    && points.iter().any(|p| p.1 == y0)
                    && points.iter().any(|p| p.1 == y1 - 1);
                exact += usize::from(tight);
            }
        }
    }
    // Faint edge pixels may round away and neighbours may cover a side; most boxes must be met on all sides.
    assert!(exact > 12 * 4 * indices.len() * 2, "{exact}");
}

#[test]
fn graphs_are_well_formed() {
    for clip in clips(200) {
        let graph = &clip.graph;
        assert!((3..=6).contains(&graph.tracks.len()));
        let boxes: BTreeMap<u32, _> = graph.tracks.iter().map(|track| (track.tid, &track.boxes)).collect();
        for relation in &graph.relations {
            assert!(relation.begin < relation.end && relation.end <= graph.frame_count, "seed {}", clip.seed);
            assert_ne!(relation.subject, relation.object);
            for frame in relation.begin..relation.end {
                assert!(boxes[&relation.subject].contains_key(&frame) && boxes[&relation.object].contains_key(&frame));
            }
        }
        assert!(graph.relations.is_sorted());
        let events = &clip.script.events;
        assert!((2..=4).contains(&events.len()));
        assert!(events.windows(2).all(|pair| pair[0].frames.end <= pair[1].frames.start));
        assert!(events.iter().all(|event| event.frames.len() >= 4), "seed {}", clip.seed);
    }
}

#[test]
fn held_out_triples_occur_in_the_compositional_split_only() {
    for clip in clips(300) {
        let kind = |who: usize| clip.script.stage.entities[who].look.kind;
        let held = |e: &script::Event| is_held_out(kind(e.subject), e.predicate, kind(e.object));
        let found = clip.script.events.iter().any(held);
        assert_eq!(found, Split::of(clip.seed) == Split::Compositional, "seed {}", clip.seed);
    }
}

#[test]
fn near_misses_differ_and_are_false() {
    for clip in clips(300) {
        for (kind, (positive, negative), style) in clip.pairs() {
            assert!(positive.holds(&clip.graph), "seed {} {kind:?}", clip.seed);
            assert!(!negative.holds(&clip.graph), "seed {} {kind:?}", clip.seed);
            assert_ne!(style.tell(&positive), style.tell(&negative), "seed {} {kind:?}", clip.seed);
        }
    }
}

#[test]
fn the_vocabulary_has_every_word_of_every_caption() {
    let words: BTreeSet<String> = vocabulary().into_iter().collect();
    assert_eq!(vocabulary(), words.iter().cloned().collect::<Vec<_>>());
    for clip in clips(700) {
        let misses = clip.near_misses();
        let texts = misses.iter().flat_map(|miss| [miss.positive.clone(), miss.negative.clone()]);
        for text in clip.captions().into_iter().chain(texts) {
            assert!(length(&text) <= MAX_WORDS, "seed {}: {text}", clip.seed);
            for word in text.replace(',', " ,").split_whitespace() {
                assert!(words.contains(word), "seed {}: \"{word}\" of {text}", clip.seed);
            }
        }
    }
}

#[test]
fn vidor_json_is_inclusive_in_space_and_half_open_in_time() {
    let clip = WorldClip::from_seed(11);
    let json = vidor_json(&clip.graph);
    assert_eq!((json["version"].as_str(), json["video_id"].as_str()), (Some("VERSION 1.0"), Some("11")));
    assert_eq!(json["trajectories"].as_array().unwrap().len(), FRAMES);
    let track = &clip.graph.tracks[0];
    let found = &json["trajectories"][3][0];
    let b = &track.boxes[&3];
    assert_eq!(found["tid"], track.tid);
    let edges = ["xmin", "ymin", "xmax", "ymax"].map(|edge| found["bbox"][edge].as_i64().unwrap() as f32);
    assert_eq!(edges, [b.x0, b.y0, b.x1 - 1.0, b.y1 - 1.0]);
    let first = &clip.graph.relations[0];
    let relation = &json["relation_instances"][0];
    assert_eq!(relation["begin_fid"], first.begin);
    assert_eq!(relation["end_fid"], first.end);
    assert_eq!(relation["predicate"], first.predicate);
}
