//! Samples of random graphs and of the world's.

use super::*;
use crate::graph::{BoundingBox, Relation, Track};
use crate::world::{Split, WorldClip};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LENGTH: u32 = 80;

/// Four tracks, each unseen for a while; relations anywhere.
fn random_graph() -> impl Strategy<Value = VideoGraph> {
    let relation = (0_u32..4, 0_usize..5, 0_u32..4, 0_u32..LENGTH - 1, 1_u32..40);
    let gaps = prop::collection::vec((0_u32..LENGTH, 0_u32..20), 4);
    (prop::collection::vec(relation, 0..25), gaps).prop_map(|(relations, gaps)| {
        let whole = BoundingBox { x0: 1.0, y0: 2.0, x1: 30.0, y1: 40.0 };
        let track = |(tid, (begin, len)): (u32, (u32, u32))| Track {
            tid,
            category: ["dog", "ball/sports_ball", "dog", "adult"][tid as usize].to_owned(),
            attributes: BTreeMap::from([("color".to_owned(), ["red", "odd"][tid as usize % 2].to_owned())]),
            boxes: (0..LENGTH).filter(|t| !(begin..begin + len).contains(t)).map(|t| (t, whole)).collect(),
        };
        let relation = |(subject, predicate, object, begin, len): (u32, usize, u32, u32, u32)| Relation {
            begin,
            end: (begin + len).min(LENGTH),
            subject,
            predicate: ["chase", "walk_left", "next_to", "play(instrument)", "unheard_of"][predicate].to_owned(),
            object,
            manner: None,
        };
        VideoGraph {
            video_id: "v".to_owned(),
            frame_count: LENGTH,
            fps: 30.0,
            width: 64,
            height: 48,
            tracks: (0..).zip(gaps).map(track).collect(),
            relations: relations.into_iter().map(relation).collect(),
        }
    })
}

proptest! {
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
            let seen = |tid: u32| graph.tracks[tid as usize].boxes.contains_key(frame);
            let alive: BTreeSet<_> = graph
                .relations
                .iter()
                .filter(|r| (r.begin..r.end).contains(frame) && seen(r.subject) && seen(r.object))
                .map(|r| (r.subject, &r.predicate, r.object))
                .collect();
            prop_assert_eq!(targets.len(), alive.len());
            for target in targets {
                prop_assert!(target.subject_box.iter().chain(&target.object_box).all(|x| (0.0..=1.0).contains(x)));
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
