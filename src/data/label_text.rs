//! Labels as words: "ball/sports_ball" is read "ball", "play(instrument)" "play", "sit_above" "sit above". The paper tells
//! only that underscores are spaces (its examples); what it leaves open is a table that a user can edit.

use crate::data::vocabulary;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The words for a label: the user's where given, else the rule's (first alternative, no brackets, spaces).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelTexts {
    own: BTreeMap<String, String>,
}

impl LabelTexts {
    /// A user's table, `{"label": "words"}`; labels that it leaves out follow the rule. `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], and [`Error::InvalidInput`] for words that are blank.
    pub fn from_json(json: &str, file: &str) -> Result<Self> {
        let own: BTreeMap<String, String> = serde_json::from_str(json).map_err(Error::json(file))?;
        if let Some((label, _)) = own.iter().find(|(_, words)| words.trim().is_empty()) {
            let reason = format!("in {file} the words for it are blank");
            return Err(Error::InvalidInput { what: format!("label \"{label}\""), reason });
        }
        Ok(Self { own })
    }

    /// The words for a label.
    #[must_use]
    pub fn text<'a>(&'a self, label: &'a str) -> Cow<'a, str> {
        self.own.get(label).map_or_else(|| readable(label), |words| Cow::Borrowed(words))
    }

    /// The words for every label of both data sets and every label of the table itself: what a user starts editing from.
    #[must_use]
    pub fn table(&self) -> BTreeMap<String, String> {
        let labels = vocabulary::entities().into_iter().chain(vocabulary::predicates());
        let labels = labels.chain(self.own.keys().map(String::as_str));
        labels.map(|label| (label.to_owned(), self.text(label).into_owned())).collect()
    }
}

fn readable(label: &str) -> Cow<'_, str> {
    let first = label.split(['/', '(']).next().unwrap_or(label).trim_matches(['_', ' ']);
    match first {
        "" => Cow::Borrowed(label),
        _ if first.contains('_') => Cow::Owned(first.replace('_', " ")),
        _ => Cow::Borrowed(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_words() {
        let texts = LabelTexts::default();
        for (label, words) in [
            ("ball/sports_ball", "ball"),
            ("stop_sign", "stop sign"),
            ("play(instrument)", "play"),
            ("hold_hand_of", "hold hand of"),
            ("dog", "dog"),
            ("(odd)", "(odd)"),
        ] {
            assert_eq!(texts.text(label), words);
        }
        let table = texts.table();
        // "touch" is a predicate, "train" an entity: no label is both, so that one table does for all.
        assert_eq!(table.len(), 95 + 167);
        assert!(table.values().all(|words| words.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')));
    }

    #[test]
    fn a_users_table_comes_first() {
        let texts = LabelTexts::from_json(r#"{"bus/truck": "lorry", "circle": "run around"}"#, "labels.json").unwrap();
        assert_eq!((texts.text("bus/truck"), texts.text("cattle/cow")), ("lorry".into(), "cattle".into()));
        assert_eq!(texts.table()["circle"], "run around");
        assert_eq!(LabelTexts::from_json(r#"{"a": " "}"#, "t").unwrap_err().code(), "invalid-input");
        assert_eq!(LabelTexts::from_json(r#"{"a": 1}"#, "t").unwrap_err().code(), "invalid-json");
        let round = serde_json::to_string(&texts.table()).unwrap();
        assert_eq!(LabelTexts::from_json(&round, "t").unwrap().table(), texts.table());
    }
}
