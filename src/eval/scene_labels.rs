//! The open vocabulary that scene-graph tokens are read with.

use crate::data::LabelTexts;
use crate::error::{Error, Result};
use crate::world::action::Predicate;
use crate::world::kind::{Color, Kind};
use std::collections::BTreeSet;

/// Labels to choose from. A label is embedded in its words ([`LabelTexts`]: "flee_from" is read "flee from"), as training
/// reads it, and told as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneLabels {
    entities: Vec<String>,
    predicates: Vec<String>,
    texts: LabelTexts,
}

impl SceneLabels {
    /// Labels for subjects and objects, and for predicates.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no label of either kind, and for one that is blank or there twice.
    pub fn new(entities: Vec<String>, predicates: Vec<String>) -> Result<Self> {
        for (what, labels) in [("entity labels", &entities), ("predicate labels", &predicates)] {
            let refuse = |reason: String| Err(Error::InvalidInput { what: what.to_owned(), reason });
            if labels.is_empty() {
                return refuse("there is none; give at least one".to_owned());
            }
            let mut seen = BTreeSet::new();
            for (index, label) in labels.iter().enumerate() {
                if label.trim().is_empty() {
                    return refuse(format!("label {index} is blank"));
                }
                if !seen.insert(label) {
                    return refuse(format!("\"{label}\" is there twice; its probability would be halved"));
                }
            }
        }
        Ok(Self { entities, predicates, texts: LabelTexts::default() })
    }

    /// All labels of the generated world.
    #[must_use]
    pub fn world() -> Self {
        Self {
            entities: Kind::ALL.map(|kind| kind.name().to_owned()).to_vec(),
            predicates: Predicate::ALL.map(|predicate| predicate.name().to_owned()).to_vec(),
            texts: LabelTexts::default(),
        }
    }

    /// All labels of the generated world, kinds told with their colours ("red robot"), as training with
    /// `colored_classes` tells them.
    #[must_use]
    pub fn colored_world() -> Self {
        let colored = |kind: Kind| Color::ALL.map(|color| format!("{} {}", color.name(), kind.name()));
        Self { entities: Kind::ALL.into_iter().flat_map(colored).collect(), ..Self::world() }
    }

    /// The words of some labels from a table of the user's own.
    #[must_use]
    pub fn with_texts(self, texts: LabelTexts) -> Self {
        Self { texts, ..self }
    }

    /// Labels of subjects and objects.
    #[must_use]
    pub fn entities(&self) -> &[String] {
        &self.entities
    }

    /// Labels of predicates.
    #[must_use]
    pub fn predicates(&self) -> &[String] {
        &self.predicates
    }

    /// What is embedded for some labels.
    #[must_use]
    pub fn words(&self, labels: &[String]) -> Vec<String> {
        labels.iter().map(|label| self.texts.text(label).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_different_and_say_something() {
        let labels = |entities: &[&str], predicates: &[&str]| {
            let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
            SceneLabels::new(owned(entities), owned(predicates))
        };
        assert!(labels(&["dog", "cat"], &["chase"]).is_ok());
        for (entities, predicates, said) in [
            (&["dog"][..], &[][..], "predicate labels"),
            (&[], &["chase"], "entity labels"),
            (&["dog", " "], &["chase"], "label 1 is blank"),
            (&["dog"], &["chase", "bite", "chase"], "\"chase\" is there twice"),
        ] {
            let error = labels(entities, predicates).unwrap_err();
            assert_eq!(error.code(), "invalid-input");
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn the_worlds_labels_are_those_of_its_graphs_and_are_read_in_words() {
        let labels = SceneLabels::world();
        assert_eq!((labels.entities().len(), labels.predicates().len()), (13, 19));
        assert!(labels.words(labels.predicates()).contains(&"flee from".to_owned()));
        for index in 0..20 {
            let graph = crate::world::WorldClip::generate(crate::world::Split::Test, index).graph;
            assert!(graph.tracks.iter().all(|track| labels.entities().contains(&track.category)));
            assert!(graph.relations.iter().all(|relation| labels.predicates().contains(&relation.predicate)));
        }
        let colored = SceneLabels::colored_world();
        assert_eq!(colored.entities().len(), 13 * 8);
        for index in 0..20 {
            let graph = crate::world::Level::Trio.clip(crate::world::Split::Test, index).graph.with_colored_classes();
            assert!(graph.tracks.iter().all(|track| colored.entities().contains(&track.category)));
        }
        let own = LabelTexts::from_json(r#"{"push": "shove"}"#, "own.json").unwrap();
        assert_eq!(labels.with_texts(own).words(&["push".to_owned()]), ["shove"]);
    }
}
