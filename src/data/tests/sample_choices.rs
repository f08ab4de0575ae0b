//! Samples of the generated world under every choice.

use super::*;
use crate::data::{
    Facts, GraphSample, LabelTexts, Negatives, SampleRules, SceneText, Sentence, TEMPORAL_TEMPLATES, sample_seed,
};
use crate::graph::VideoGraph;
use crate::world::{Split, WorldClip};
use std::collections::BTreeSet;

fn graphs(count: u64) -> impl Iterator<Item = VideoGraph> {
    (0..count).map(|index| WorldClip::generate(Split::Train, index).graph)
}

fn rules(choices: SampleChoices) -> SampleRules {
    SampleRules { choices, ..SampleRules::new(8) }
}

/// What differs between two texts of one graph: of each changed sentence, its track ids and words before and after.
fn changes(negative: &SceneText, text: &SceneText) -> Vec<(Sentence, Sentence)> {
    let pairs = text.sentences.iter().cloned().zip(negative.sentences.iter().cloned());
    pairs.filter(|(old, new)| old != new).collect()
}

#[test]
fn one_attribute_predicate_or_pair_is_replaced_where_one_is_asked_for() {
    let (tables, texts) = (Negatives::of_world(), LabelTexts::default());
    let (mut attributes, mut predicates, mut pairs) = ([0, 0], [0, 0], [0, 0]);
    for (seed, graph) in graphs(40).enumerate() {
        for clip in graph.clips() {
            let text = SceneText::of(&graph, &clip.triplets, &texts);
            let facts = Facts::new(SceneText::during(&graph, clip.interval, &texts));
            for (at, replaced) in [Replaced::All, Replaced::One].into_iter().enumerate() {
                let mut pick = |count: usize| seed % count;
                if let Some(negative) = tables.attribute_negative(&text, &facts, replaced, &mut pick) {
                    let mut words = BTreeSet::new();
                    for (old, new) in changes(&negative, &text) {
                        for (old, new) in [(old.subject, new.subject), (old.object, new.object)] {
                            let both = old.attributes.into_iter().zip(new.attributes);
                            words.extend(both.filter(|(old, new)| old != new).map(|both| (old.tid, both)));
                        }
                    }
                    attributes[at] = words.len().max(attributes[at]);
                }
                if let Some(negative) = tables.predicate_negative(&text, &facts, replaced, &mut pick) {
                    let changed = changes(&negative, &text);
                    assert!(changed.iter().all(|(_, new)| facts.refute(new)), "{negative}");
                    predicates[at] = changed.len().max(predicates[at]);
                }
                if let Some(negative) = tables.active_passive_negative(&text, &facts, replaced, &mut pick) {
                    let changed = changes(&negative, &text);
                    assert!(changed.iter().all(|(old, new)| old.subject == new.object && old.object == new.subject));
                    pairs[at] = changed.len().max(pairs[at]);
                }
            }
        }
    }
    for [all, one] in [attributes, predicates, pairs] {
        assert!(all > 1 && one == 1, "{all} {one}");
    }
}

#[test]
fn all_seven_templates_tell_one_order() {
    let all = rules(SampleChoices { templates: Templates::All, ..SampleChoices::default() });
    let one = rules(SampleChoices::default());
    for (seed, graph) in graphs(20).enumerate() {
        let Some(sample) = GraphSample::draw(&graph, &all, seed as u64) else { continue };
        let plain = GraphSample::draw(&graph, &one, seed as u64).unwrap();
        assert_eq!((plain.texts.orders().count(), sample.texts.orders().count()), (1, TEMPORAL_TEMPLATES.len()));
        // The drawn one is the same, and first.
        assert_eq!(plain.texts.orders().next(), sample.texts.orders().next());
        let told: BTreeSet<&String> = sample.texts.orders().map(|(order, _)| order).collect();
        assert_eq!(told.len(), TEMPORAL_TEMPLATES.len());
        // "A before B." and "A after B." tell opposite orders: what is true in the one is false in the other.
        for (order, negative) in sample.texts.orders() {
            let turned = order.replacen(" before ", " after ", 1);
            assert!(turned == *order || negative.is_none() || !told.contains(&turned), "{order}");
            if let Some(negative) = negative {
                assert!(!told.contains(negative), "{negative}");
            }
        }
    }
}

#[test]
fn a_sample_without_every_negative_is_drawn_again() {
    let again = rules(SampleChoices { missing_negatives: MissingNegatives::Resampled, ..SampleChoices::default() });
    let plain = rules(SampleChoices::default());
    let complete = |sample: &GraphSample| {
        let texts = &sample.texts;
        let three = [&texts.attribute, &texts.predicate, &texts.active_passive];
        three.into_iter().all(Option::is_some) && texts.temporal_negative.is_some()
    };
    let (mut first, mut resampled, mut possible) = (0, 0, 0);
    for (seed, graph) in graphs(60).enumerate() {
        let seed = seed as u64;
        let Some(sample) = GraphSample::draw(&graph, &plain, seed) else { continue };
        let drawn_again = GraphSample::draw(&graph, &again, seed).unwrap();
        if complete(&sample) {
            assert_eq!(sample, drawn_again);
        }
        let mut others = (0..64).filter_map(|at| GraphSample::draw(&graph, &plain, sample_seed(7, 0, at)));
        possible += u32::from(others.any(|sample| complete(&sample)));
        first += u32::from(complete(&sample));
        resampled += u32::from(complete(&drawn_again));
    }
    assert!(first < resampled && resampled <= possible && possible < resampled + 6, "{first} {resampled} {possible}");
}

#[test]
fn triplets_that_the_sample_tells_are_a_part_of_those_of_the_frame() {
    let told = rules(SampleChoices { targets: Targets::Told, ..SampleChoices::default() });
    let plain = rules(SampleChoices::default());
    let (mut all, mut few) = (0, 0);
    for (seed, mut graph) in graphs(40).enumerate() {
        // Without attributes, and with names of their own, a sentence is the three labels alone.
        for track in &mut graph.tracks {
            track.attributes.clear();
            track.category = format!("{} {}", track.category, track.tid);
        }
        let Some(sample) = GraphSample::draw(&graph, &told, seed as u64) else { continue };
        let whole = GraphSample::draw(&graph, &plain, seed as u64).unwrap();
        assert_eq!((&sample.frames, &sample.texts), (&whole.frames, &whole.texts));
        for (some, every) in sample.targets.iter().zip(&whole.targets) {
            for target in every {
                let sentence = format!("{} {} {}", target.subject, target.predicate, target.object);
                let said =
                    [&sample.texts.positive, &sample.texts.temporal].into_iter().any(|text| text.contains(&sentence));
                assert_eq!(some.contains(target), said, "{sentence}: {:?}", sample.texts);
            }
            assert!(some.iter().all(|target| every.contains(target)));
            (all, few) = (all + every.len(), few + some.len());
        }
    }
    assert!(0 < few && few < all, "{few} of {all}");
}
