//! Where in a JSON document something stands that parsed but makes no sense: files of one line with megabytes need a
//! column. The document is read again up to there, and the reading stopped: serde_json then tells line and column.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The place of a value: a key of the outermost object, then positions in arrays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Key of the document.
    pub key: &'static str,
    /// Position in that list, position in the list found there, and so on.
    pub path: Vec<usize>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The value at fault.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
}

impl Fault {
    /// As an error of serde_json's, with line and column.
    pub fn at(&self, json: &[u8]) -> serde_json::Error {
        let place: String = self.place.path.iter().map(|at| format!("[{at}]")).collect();
        let reason = format!("{}{place}: {}", self.place.key, self.reason);
        let seed = Stop { key: Some(self.place.key), path: &self.place.path, reason: &reason };
        let found = seed.deserialize(&mut serde_json::Deserializer::from_slice(json));
        found.err().unwrap_or_else(|| serde_json::Error::custom(reason))
    }
}

/// Reads up to the place, then fails.
#[derive(Clone, Copy)]
struct Stop<'a> {
    key: Option<&'a str>,
    path: &'a [usize],
    reason: &'a str,
}

impl<'de> DeserializeSeed<'de> for Stop<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.key.is_none() && self.path.is_empty() {
            // Nothing of the value is read: the position is still at its first character.
            return Err(D::Error::custom(self.reason));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Stop<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.reason)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<str>>()? {
            if Some(key.as_ref()) == self.key {
                return map.next_value_seed(Self { key: None, ..self });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (first, rest) = self.path.split_first().unwrap_or((&0, &[]));
        for _ in 0..*first {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Self { key: None, path: rest, ..self }).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_are_those_of_the_value() {
        let json = "{\"a\": [1, {\"b\": 2}],\n \"list\": [[],\n  [7, {\"x\": \"]}\"}, 9]]\n}";
        let fault = |key, path: &[usize]| {
            let place = Place { key, path: path.to_vec() };
            let error = Fault { place, reason: "odd".to_owned() }.at(json.as_bytes());
            (error.line(), error.column(), error.to_string())
        };
        let (line, column, text) = fault("list", &[1, 1]);
        assert_eq!((line, json.lines().nth(2).unwrap().get(column..)), (3, Some("{\"x\": \"]}\"}, 9]]")));
        assert!(text.starts_with("list[1][1]: odd"), "{text}");
        assert_eq!(fault("a", &[0]).0, 1);
        assert!(fault("nothing", &[]).2.starts_with("nothing: odd"));
    }
}
