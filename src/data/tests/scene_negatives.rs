//! Texts and negatives against the reference, and against what is true.

use super::*;
use crate::data::random_graph::random_graph;
use crate::data::temporal::TEMPORAL_TEMPLATES;
use crate::data::{LabelTexts, WordTable};
use crate::graph::{Triplet, VideoGraph};
use crate::world::{Split, WorldClip};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;

/// "class#track" of the fixture.
fn phrase(entity: &Value, attributes: &Value) -> Phrase {
    let entity = entity.as_str().unwrap();
    let (noun, tid) = entity.split_once('#').unwrap();
    let attributes = attributes[entity].as_str().map(str::to_owned).into_iter().collect();
    Phrase { tid: tid.parse().unwrap(), attributes, noun: noun.to_owned() }
}

fn scene(triplets: &Value, attributes: &Value) -> SceneText {
    let sentence = |triplet: &Value| {
        let predicate = triplet[1].as_str().unwrap().to_owned();
        let (subject, object) = (phrase(&triplet[0], attributes), phrase(&triplet[2], attributes));
        Sentence { subject, label: predicate.clone(), predicate, object }
    };
    SceneText { sentences: triplets.as_array().unwrap().iter().map(sentence).collect() }
}

#[test]
fn texts_templates_and_negatives_equal_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tsg_text/cases.json");
    let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let words: WordTable = serde_json::from_value(fixture["neg_attributes"].clone()).unwrap();
    let tables = Negatives {
        attributes: BTreeMap::from([("any".to_owned(), words)]),
        predicates: serde_json::from_value(fixture["neg_predicates"].clone()).unwrap(),
        symmetric: BTreeSet::new(),
    };
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() >= 20);
    let nothing = Facts::default(); // the reference asks the tables alone
    for case in cases {
        let [over, front, back] = ["G_O", "G_F", "G_B"].map(|key| scene(&case[key], &case["attrs"]));
        assert_eq!(over.to_string(), case["pos"]);
        let told = |text: Option<SceneText>| text.map(|text| text.to_string());
        let expected = |key: &str| case[key].as_str().map(str::to_owned);
        assert_eq!(told(tables.attribute_negative(&over, &nothing, Replaced::All, &mut |_| 0)), expected("neg_attr"));
        assert_eq!(told(tables.predicate_negative(&over, &nothing, Replaced::All, &mut |_| 0)), expected("neg_pred"));
        assert_eq!(
            told(tables.active_passive_negative(&over, &nothing, Replaced::All, &mut |_| 0)),
            expected("neg_active_passive")
        );
        let temporal = case["temporal"].as_array().unwrap();
        assert_eq!(temporal.len(), TEMPORAL_TEMPLATES.len());
        for (template, expected) in TEMPORAL_TEMPLATES.iter().zip(temporal) {
            assert_eq!(template.fill(&front, &back), expected["pos"]);
            assert_eq!(template.fill(&back, &front), expected["neg"]);
        }
    }
}

fn plain(text: &str) -> SceneText {
    // "red dog#1 chase cat#2"
    let sentences = text.split(". ").map(|sentence| {
        let words: Vec<&str> = sentence.split(' ').collect();
        let end = |range: &[&str]| {
            let (noun, tid) = range.last().unwrap().split_once('#').unwrap();
            let attributes = range[..range.len() - 1].iter().map(|word| (*word).to_owned()).collect();
            Phrase { tid: tid.parse().unwrap(), attributes, noun: noun.to_owned() }
        };
        let subject = words.iter().position(|word| word.contains('#')).unwrap();
        let predicate = words[subject + 1].to_owned();
        Sentence {
            subject: end(&words[..=subject]),
            label: predicate.clone(),
            predicate: predicate.replace('_', " "),
            object: end(&words[subject + 2..]),
        }
    });
    SceneText { sentences: sentences.collect() }
}

#[test]
fn nothing_becomes_true_by_a_change() {
    let tables = Negatives::built_in();
    let text = plain("red dog#1 hold cup#2");
    let facts = Facts::new(plain("red dog#1 hold cup#2. blue dog#3 drop cup#4. green dog#5 watch cup#2"));
    let mut offered = 0;
    let mut last = |n: usize| {
        offered = n;
        n - 1
    };
    let negative = tables.attribute_negative(&text, &facts, Replaced::All, &mut last).unwrap();
    assert_eq!(offered, tables.of_attribute("red").len() - 2, "neither blue nor green");
    assert_eq!(negative.to_string(), "gray dog hold cup");
    // The blue dog drops a cup: of a red dog that is still false, of "dog" it would be true.
    let first = |text: &SceneText| {
        tables.predicate_negative(text, &facts, Replaced::All, &mut |n| n.min(2) - 1).unwrap().to_string()
    };
    assert_eq!(first(&text), "red dog drop cup");
    assert_eq!(first(&plain("dog#1 hold cup#2")), "dog put down cup");
    // What chases each other has no other way round, nor has what is symmetric.
    let text = plain("dog#1 chase cat#2");
    let both = Facts::new(plain("dog#1 chase cat#2. black cat#2 chase dog#1"));
    assert_eq!(tables.active_passive_negative(&text, &both, Replaced::All, &mut |_| 0).map(|t| t.to_string()), None);
    let one = Facts::new(text.clone());
    assert_eq!(
        tables.active_passive_negative(&text, &one, Replaced::All, &mut |_| 0).unwrap().to_string(),
        "cat chase dog"
    );
    // "dog above cat" is said by "cat beneath dog", so that it is no negative here.
    let text = plain("dog#1 beneath cat#2");
    let odd = Facts::new(plain("dog#1 beneath cat#2. cat#3 beneath dog#4"));
    assert_eq!(tables.predicate_negative(&text, &odd, Replaced::All, &mut |_| 0), None);
    let near = plain("dog#1 next_to cat#2. dog#1 watch cat#2");
    let negative = tables.active_passive_negative(&near, &Facts::new(near.clone()), Replaced::All, &mut |_| 0).unwrap();
    assert_eq!(negative.to_string(), "dog next to cat. cat watch dog");
    let walk = plain("dog#1 walk_left cat#2. dog#1 move_right cat#2"); // as data can be
    let negative = tables.predicate_negative(&walk, &Facts::new(walk.clone()), Replaced::All, &mut |_| 0).unwrap();
    assert_eq!(negative.sentences[0].predicate, "walk right");
    assert!(
        tables.predicate_negative(&walk, &Facts::new(walk.clone()), Replaced::All, &mut |_| 1).unwrap().sentences[0]
            .predicate
            != "move right"
    );
}

/// No negative of a graph's texts is the text itself, nor says anything that holds while the graph lasts.
fn negatives_are_false(graph: &VideoGraph, draw: usize) -> Result<(), TestCaseError> {
    let (tables, texts) = (Negatives::built_in(), LabelTexts::default());
    for clip in graph.clips() {
        let text = SceneText::of(graph, &clip.triplets, &texts);
        let during = SceneText::during(graph, clip.interval, &texts);
        let facts = Facts::new(during.clone());
        let mut pick = |n: usize| draw % n;
        let changed = [
            tables.attribute_negative(&text, &facts, Replaced::All, &mut pick),
            tables.predicate_negative(&text, &facts, Replaced::All, &mut pick),
            tables.active_passive_negative(&text, &facts, Replaced::All, &mut |_| 0),
        ];
        let told: BTreeSet<String> = during.sentences.iter().map(ToString::to_string).collect();
        for negative in changed.into_iter().flatten() {
            prop_assert_ne!(negative.to_string(), text.to_string());
            prop_assert_eq!(negative.sentences.len(), text.sentences.len());
            for (new, old) in negative.sentences.iter().zip(&text.sentences) {
                prop_assert!(new == old || !told.contains(&new.to_string()), "{new} is true");
            }
        }
        let triplets: Vec<Triplet> = Vec::new();
        prop_assert_eq!(
            tables.predicate_negative(&SceneText::of(graph, &triplets, &texts), &facts, Replaced::All, &mut pick),
            None
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn negatives_of_the_world_are_false_there(seed in 0_u64..2_000_000, draw in 0_usize..50) {
        negatives_are_false(&WorldClip::generate(Split::Train, seed).graph, draw)?;
    }

    #[test]
    fn negatives_of_any_graph_are_false_there(graph in random_graph(), draw in 0_usize..50) {
        negatives_are_false(&graph, draw)?;
    }
}
