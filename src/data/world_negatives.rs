//! Negatives in the words of the generated world, whose word-level tokenizer knows no others.

use super::negatives::{Negatives, WordTable};
use crate::world::action::Predicate;
use crate::world::kind::{Color, Size};
use std::collections::{BTreeMap, BTreeSet};

impl Negatives {
    /// The generated world's table: for an action, the actions that nobody could take it for; for a place, the opposite
    /// one; for a colour, the other colours; small and large for each other.
    #[must_use]
    pub fn of_world() -> Self {
        let words = |predicate: Predicate| predicate.name().replace('_', " ");
        let predicates: WordTable = Predicate::ALL
            .into_iter()
            .map(|predicate| {
                let others = Predicate::actions().iter().copied();
                let others: Vec<String> = match opposite(predicate) {
                    Some(opposite) => vec![words(opposite)],
                    None if predicate.is_action() => others.filter(|o| !predicate.resembles(*o)).map(words).collect(),
                    None => Vec::new(),
                };
                (predicate.name().to_owned(), others)
            })
            .collect();
        let color = |color: Color| {
            let others = Color::ALL.into_iter().filter(|other| *other != color).map(|other| other.name().to_owned());
            (color.name().to_owned(), others.collect())
        };
        let size = |size: Size, other: Size| (size.name().to_owned(), vec![other.name().to_owned()]);
        let attributes = BTreeMap::from([
            ("color".to_owned(), Color::ALL.map(color).into_iter().collect()),
            ("size".to_owned(), WordTable::from([size(Size::Small, Size::Large), size(Size::Large, Size::Small)])),
        ]);
        Self { attributes, predicates, symmetric: BTreeSet::from([Predicate::NextTo.name().to_owned()]) }
    }
}

const fn opposite(predicate: Predicate) -> Option<Predicate> {
    match predicate {
        Predicate::Above => Some(Predicate::Below),
        Predicate::Below => Some(Predicate::Above),
        Predicate::LeftOf => Some(Predicate::RightOf),
        Predicate::RightOf => Some(Predicate::LeftOf),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{CoOccurrence, GraphSample, LabelTexts, SampleRules};
    use crate::world::{Split, WorldClip, vocabulary};

    #[test]
    fn it_speaks_the_worlds_words_and_its_data_agrees() {
        let mut table = Negatives::of_world();
        let checked = Negatives::from_json(&table.to_json().unwrap(), "world").unwrap();
        assert_eq!(checked, table);
        let known: BTreeSet<String> = vocabulary().into_iter().collect();
        let words = |list: &[String]| list.iter().flat_map(|text| text.split(' ')).all(|word| known.contains(word));
        assert!(
            table.predicates.values().chain(table.attributes.values().flat_map(BTreeMap::values)).all(|l| words(l))
        );
        let empty: Vec<_> =
            table.predicates.iter().filter(|(_, list)| list.is_empty()).map(|(label, _)| label).collect();
        assert_eq!(empty, ["inside", "next_to"]);
        let mut seen = CoOccurrence::default();
        let graphs: Vec<_> = (0..200).map(|index| WorldClip::generate(Split::Train, index).graph).collect();
        graphs.iter().for_each(|graph| seen.observe(graph));
        let rejected = table.reject(&seen, 1, &LabelTexts::default());
        assert!(rejected.is_empty(), "{rejected:?}");
        let rules = SampleRules { negatives: table, ..SampleRules::new(8) };
        let samples: Vec<_> = graphs.iter().filter_map(|graph| GraphSample::draw(graph, &rules, 0)).collect();
        let with = samples.iter().filter(|sample| sample.texts.predicate.is_some()).count();
        assert!(samples.len() > 50 && with * 2 > samples.len(), "{with} of {}", samples.len());
        for sample in &samples {
            let texts = &sample.texts;
            for text in texts.predicate.iter().chain(&texts.attribute).chain(&texts.active_passive) {
                let told = text.replace('.', "");
                assert!(told.split(' ').all(|word| known.contains(word)), "{text}");
            }
        }
    }
}
