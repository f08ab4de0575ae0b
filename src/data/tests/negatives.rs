//! The built-in table against the rules that it has to keep.

use super::*;
use crate::data::vocabulary;
use crate::graph::{Relation, VideoGraph};
use crate::world::action::Predicate;
use crate::world::kind::{Color, Size};
use crate::world::{Split, WorldClip};

fn relation(subject: u32, predicate: &str, object: u32, begin: u32, end: u32) -> Relation {
    Relation { begin, end, subject, predicate: predicate.to_owned(), object, manner: None }
}

fn graph(relations: Vec<Relation>) -> VideoGraph {
    let video_id = "v".to_owned();
    VideoGraph { video_id, frame_count: 90, fps: 30.0, width: 9, height: 9, tracks: Vec::new(), relations }
}

#[test]
fn the_built_in_table_is_read_and_complete() {
    let table = Negatives::from_json(include_str!("../negatives.json"), "negatives.json").unwrap();
    assert_eq!(&table, Negatives::built_in());
    let labels = vocabulary::predicates().into_iter().chain(Predicate::ALL.map(Predicate::name));
    for label in labels {
        assert!(table.of_predicate(label).len() >= 2, "{label}");
    }
    let known: BTreeSet<&str> =
        vocabulary::predicates().into_iter().chain(Predicate::ALL.map(Predicate::name)).collect();
    assert!(table.predicates.keys().chain(&table.symmetric).all(|label| known.contains(label.as_str())));
    assert_eq!(table.attributes.keys().collect::<Vec<_>>(), ["color", "position", "size"]);
    let words = Color::ALL.map(Color::name).into_iter().chain(Size::ALL.map(Size::name));
    for word in words {
        assert!(!table.of_attribute(word).is_empty(), "{word}");
    }
}

#[test]
fn no_negative_is_twice_there_or_of_another_kind() {
    let table = Negatives::built_in();
    for (label, list) in &table.predicates {
        let distinct: BTreeSet<_> = list.iter().collect();
        assert_eq!(distinct.len(), list.len(), "{label}");
    }
    for (kind, words) in &table.attributes {
        for (word, list) in words {
            assert_eq!(table.kind(word), Some(kind.as_str()), "{word} is of two kinds");
            for negative in list {
                // A negative that is itself in a table must be of the same kind, and not be undone by saying it twice.
                assert!(table.kind(negative).is_none_or(|other| other == kind), "{word}: {negative}");
            }
        }
    }
}

#[test]
fn what_a_predicate_excludes_does_not_include_it() {
    let table = Negatives::built_in();
    let texts = LabelTexts::default();
    for (label, list) in &table.predicates {
        let words = texts.text(label);
        for negative in list {
            assert!(!entails(&words, negative), "{label} is {negative}");
            assert!(!entails(negative, &words), "{negative} is {label}");
        }
    }
    for label in ["next_to", "touch", "walk_next_to", "walk_with", "hug"] {
        assert!(table.symmetric.contains(label), "{label}");
    }
    for label in ["chase", "faster", "above", "walk_left", "ride", "inside"] {
        assert!(!table.symmetric.contains(label), "{label}");
    }
}

#[test]
fn the_worlds_graphs_contradict_no_line() {
    let mut seen = CoOccurrence::default();
    for index in 0..300 {
        seen.observe(&WorldClip::generate(Split::Train, index).graph);
    }
    assert!(Predicate::ALL.into_iter().any(|p| seen.companions(p.name()).next().is_some()));
    let rejected = Negatives::built_in().clone().reject(&seen, 1, &LabelTexts::default());
    assert!(rejected.is_empty(), "{rejected:?}");
}

#[test]
fn the_datas_own_pairs_take_negatives_out() {
    let mut seen = CoOccurrence::default();
    // The same pair at once; a pair at two times; the other way round.
    seen.observe(&graph(vec![
        relation(0, "bite", 1, 0, 30),
        relation(0, "release", 1, 29, 40),
        relation(0, "push", 1, 50, 60),
        relation(0, "pull", 1, 60, 70),
        relation(2, "watch", 3, 0, 30),
        relation(3, "watch", 2, 10, 20),
        relation(2, "chase", 3, 0, 30),
        relation(3, "chase", 2, 30, 60),
    ]));
    assert_eq!((seen.together("release", "bite"), seen.together("push", "pull")), (1, 0));
    assert_eq!((seen.mutual("watch"), seen.mutual("chase")), (2, 0));
    let mut table = Negatives::built_in().clone();
    assert!(table.clone().reject(&seen, 2, &LabelTexts::default()).is_empty());
    let rejected = table.reject(&seen, 1, &LabelTexts::default());
    let expected = [("bite", "release"), ("bite", "let go of")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(rejected, expected);
    assert_eq!(table.of_predicate("bite"), ["spit out"]);
    assert!(table.symmetric.contains("watch") && !table.symmetric.contains("chase"));
}

#[test]
fn a_users_table_is_checked() {
    let table = |json: &str| Negatives::from_json(json, "mine.json");
    let own = table(r#"{"attributes": {"color": {"red": ["blue"]}}, "predicates": {"sit_above": ["sit beneath"]}}"#);
    let own = own.unwrap();
    assert_eq!((own.of_attribute("red"), own.of_predicate("chase").len()), (["blue".to_owned()].as_slice(), 0));
    assert_eq!(Negatives::from_json(&own.to_json().unwrap(), "x").unwrap(), own);
    for (json, code) in [
        (r#"{"attributes": {}, "predicates": {"walk_left": ["move left"]}}"#, "invalid-input"),
        (r#"{"attributes": {"color": {"red": ["red"]}}, "predicates": {}}"#, "invalid-input"),
        (r#"{"attributes": {}, "predicates": {"chase": [" "]}}"#, "invalid-input"),
        (r#"{"attributes": {}, "predicates": {"chase": "flee"}}"#, "invalid-json"),
        (r#"{"attributes": {}, "predicate": {}}"#, "invalid-json"),
    ] {
        let error = table(json).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("mine.json"), "{error}");
    }
}
