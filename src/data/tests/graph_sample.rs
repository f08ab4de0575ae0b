//! Samples of random graphs and of the world's.

use super::*;
use crate::data::random_graph::{LENGTH, random_graph};
use crate::graph::{BoundingBox, Relation, Track};
use crate::world::{Split, WorldClip};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Whether centre and size, in parts of the frame, are the pixels of a box.
fn is_box(graph: &VideoGraph, b: &BoundingBox, [x, y, w, h]: [f32; 4]) -> bool {
    let (width, height) = (graph.width as f32, graph.height as f32);
    let edges = [(x - w / 2.0) * width, (y - h / 2.0) * height, (x + w / 2.0) * width, (y + h / 2.0) * height];
    edges.iter().zip([b.x0, b.y0, b.x1, b.y1]).all(|(got, expected)| (got - expected).abs() < 1e-3)
}

/// The tracks and relations of a graph, the other way round.
fn turned(mut graph: VideoGraph) -> VideoGraph {
    graph.relations.reverse();
    graph.tracks.reverse();
    graph
}

proptest! {
    #[test]
    fn a_sample_follows_from_graph_and_seed_alone(graph in random_graph(), seed: u64, frames in 1_usize..10) {
        let rules = SampleRules::new(frames);
        let sample = GraphSample::draw(&graph, &rules, seed);
        prop_assert_eq!(&sample, &GraphSample::draw(&turned(graph.clone()), &rules, seed));
        // Where there is a choice, seeds choose differently.
        let intervals: Vec<Interval> = graph.clips().iter().map(|clip| clip.interval).collect();
        let of_seeds: BTreeSet<String> = (0..40)
            .filter_map(|seed| Some(GraphSample::draw(&graph, &rules, seed)?.texts))
            .map(|texts| format!("{texts:?}"))
            .collect();
        prop_assert!(sample.is_none() || of_seeds.len() > 1, "{intervals:?}");
    }

    #[test]
    fn samples_keep_their_promises(graph in random_graph(), seed: u64, frames in 1_usize..10) {
        let rules = SampleRules::new(frames);
        let intervals: Vec<Interval> = graph.clips().iter().map(|clip| clip.interval).collect();
        let Some(sample) = GraphSample::draw(&graph, &rules, seed) else {
            prop_assert_eq!(crate::graph::count_triples(&intervals, rules.spans), 0);
            return Ok(());
        };
        let again = GraphSample::draw(&graph, &rules, seed);
        prop_assert_eq!(Some(&sample), again.as_ref());
        prop_assert_eq!(sample.frames.len(), frames);
        prop_assert!(sample.frames.is_sorted() && sample.frames.iter().all(|t| *t < LENGTH));
        for (frame, targets) in sample.frames.iter().zip(&sample.targets) {
            // Every triplet alive whose boxes exist, once, and no other.
            let seen = |tid: u32| graph.track(tid).unwrap().boxes.contains_key(frame);
            let alive: BTreeSet<_> = graph
                .relations
                .iter()
                .filter(|r| (r.begin..r.end).contains(frame) && seen(r.subject) && seen(r.object))
                .map(|r| (r.subject, &r.predicate, r.object))
                .collect();
            prop_assert_eq!(targets.len(), alive.len());
            for target in targets {
                for (class, found) in [(&target.subject, target.subject_box), (&target.object, target.object_box)] {
                    prop_assert!(found.iter().all(|part| (0.0..=1.0).contains(part)));
                    let box_of = |track: &Track| track.boxes.get(frame).copied().filter(|b| is_box(&graph, b, found));
                    let mut same = graph.tracks.iter().filter(|track| rules.texts.text(&track.category) == **class);
                    prop_assert!(same.any(|track| box_of(track).is_some()), "{class} has no such box in frame {frame}");
                }
            }
        }
        let texts = &sample.texts;
        for negative in [&texts.attribute, &texts.predicate, &texts.active_passive].into_iter().flatten() {
            prop_assert_ne!(negative, &texts.positive);
        }
        prop_assert_ne!(texts.temporal_negative.as_ref(), Some(&texts.temporal));
        prop_assert!(!texts.positive.contains(['_', '/', '(']));
        let (entities, predicates) = unique_labels(std::slice::from_ref(&sample));
        prop_assert!(entities.is_sorted() && predicates.is_sorted());
        for target in sample.targets.iter().flatten() {
            prop_assert!(entities.contains(&target.subject) && entities.contains(&target.object));
            prop_assert!(predicates.contains(&target.predicate));
        }
    }
}

#[test]
fn an_order_that_is_true_both_ways_has_no_negative() {
    let relation = |begin, end, subject, predicate: &str| Relation {
        begin,
        end,
        subject,
        predicate: predicate.to_owned(),
        object: 2,
        manner: None,
    };
    let track = |tid, category: &str| Track {
        tid,
        category: category.to_owned(),
        attributes: BTreeMap::new(),
        boxes: BTreeMap::new(),
    };
    let graph = |relations| VideoGraph {
        video_id: "v".to_owned(),
        frame_count: 60,
        fps: 30.0,
        width: 9,
        height: 9,
        tracks: vec![track(0, "dog"), track(1, "dog"), track(2, "cup")],
        relations,
    };
    let once = graph(vec![relation(0, 10, 0, "bite"), relation(20, 30, 0, "kick"), relation(0, 60, 0, "watch")]);
    let rules = SampleRules::new(4);
    let texts = GraphSample::draw(&once, &rules, 3).unwrap().texts;
    let negative = texts.temporal_negative.unwrap();
    let position = |text: &str, word: &str| text.find(word).unwrap();
    let told = |text: &str| position(text, "bite") < position(text, "kick");
    assert_ne!(told(&texts.temporal), told(&negative), "{negative}");
    // The other dog bites it afterwards.
    let mut again = once;
    again.relations.push(relation(40, 50, 1, "bite"));
    for seed in 0..40 {
        let texts = GraphSample::draw(&again, &rules, seed).unwrap().texts;
        assert!(
            !texts.temporal.contains("bite") || !texts.temporal.contains("kick") || texts.temporal_negative.is_none()
        );
    }
}

#[test]
fn the_world_gives_every_kind_of_text() {
    let rules = SampleRules::new(8);
    let mut kinds = [0; 5];
    for index in 0..60 {
        let graph = WorldClip::generate(Split::Train, index).graph;
        let Some(GraphSample { texts, .. }) = GraphSample::draw(&graph, &rules, index) else { continue };
        let made = [true, texts.attribute.is_some(), texts.predicate.is_some(), texts.active_passive.is_some()];
        for (count, made) in kinds.iter_mut().zip(made.into_iter().chain([texts.temporal_negative.is_some()])) {
            *count += i32::from(made);
        }
    }
    assert!(kinds.iter().all(|count| *count >= 5), "{kinds:?}");
}

#[test]
fn classes_are_told_with_colours_where_asked_and_known() {
    let mut graph = WorldClip::generate(Split::Train, 5).graph;
    let rules = SampleRules::new(4);
    let colored = SampleRules { colored_classes: true, ..rules.clone() };
    let draw = |graph: &VideoGraph, rules: &SampleRules| GraphSample::draw(graph, rules, 9).unwrap();
    let (plain, told) = (draw(&graph, &rules), draw(&graph, &colored));
    let mut classes = BTreeSet::new();
    for (plain, told) in plain.targets.iter().flatten().zip(told.targets.iter().flatten()) {
        assert_eq!((&plain.predicate, plain.subject_box), (&told.predicate, told.subject_box));
        for (class, told) in [(&plain.subject, &told.subject), (&plain.object, &told.object)] {
            assert!(told.ends_with(&format!(" {class}")), "{told}");
            classes.insert(told.clone());
        }
    }
    // In the world nobody shares kind and colour with another.
    let named = |track: &Track| format!("{} {}", track.attributes["color"], track.category);
    assert!(classes.len() > 1 && classes.iter().all(|class| graph.tracks.iter().any(|track| named(track) == *class)));
    graph.tracks.iter_mut().for_each(|track| track.attributes.clear());
    assert_eq!(draw(&graph, &colored).targets, draw(&graph, &rules).targets);
}
