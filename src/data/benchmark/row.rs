//! A row of a table, whatever file it came from: fields by name, and errors that tell file and line.

use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    file: Arc<str>,
    line: usize,
    fields: Map<String, Value>,
}

impl Row {
    pub(super) const fn new(file: Arc<str>, line: usize, fields: Map<String, Value>) -> Self {
        Self { file, line, fields }
    }

    /// The 1-based line on which it begins.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Its fields.
    #[must_use]
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Whether it has a field of that name.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    /// An error about this row.
    pub fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::InvalidRow { file: self.file.to_string(), line: self.line, reason: reason.into() }
    }

    /// The text of a field; a whole number counts as its digits, for ids are written both ways.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] where it is missing, blank or of another type.
    pub fn text(&self, key: &str) -> Result<String> {
        match self.optional_text(key)? {
            Some(text) => Ok(text),
            None if self.has(key) => Err(self.wrong(format!("\"{key}\" is blank"))),
            None => {
                let names: Vec<&str> = self.fields.keys().take(12).map(String::as_str).collect();
                Err(self.wrong(format!("it has no \"{key}\"; it has {}", names.join(", "))))
            }
        }
    }

    /// The text of the first of several fields that the row has: layouts differ in names.
    ///
    /// # Errors
    /// As [`Row::text`].
    pub fn text_of(&self, keys: &[&str]) -> Result<String> {
        let key = keys.iter().find(|key| self.has(key)).or(keys.first());
        self.text(key.copied().unwrap_or_default())
    }

    /// The text of a field; `None` where it is missing, blank or null.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] where it is of another type.
    pub fn optional_text(&self, key: &str) -> Result<Option<String>> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) if number.is_u64() || number.is_i64() => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(format!("\"{key}\" should be a text, it is {}", kind(other)))),
        }
    }

    /// One text or several, as retrieval files have them.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] where there is none or one is blank.
    pub fn texts(&self, key: &str) -> Result<Vec<String>> {
        let Some(Value::Array(items)) = self.fields.get(key) else { return Ok(vec![self.text(key)?]) };
        let texts: Option<Vec<String>> = items
            .iter()
            .map(|item| item.as_str().filter(|text| !text.trim().is_empty()).map(ToOwned::to_owned))
            .collect();
        texts
            .filter(|texts| !texts.is_empty())
            .ok_or_else(|| self.wrong(format!("\"{key}\" should be a text or a list of texts, none of them blank")))
    }

    /// Python's and JSON's spellings of true and false; `None` where the field is missing or blank.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] for anything else.
    pub fn truth(&self, key: &str) -> Result<Option<bool>> {
        if let Some(Value::Bool(truth)) = self.fields.get(key) {
            return Ok(Some(*truth));
        }
        match self.optional_text(key)?.as_deref().map(str::trim) {
            None => Ok(None),
            Some("True" | "true" | "TRUE" | "1") => Ok(Some(true)),
            Some("False" | "false" | "FALSE" | "0") => Ok(Some(false)),
            Some(other) => Err(self.wrong(format!("\"{key}\" should be True or False, it is \"{other}\""))),
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] where it is missing or none.
    pub fn number(&self, key: &str) -> Result<f64> {
        let number = match self.fields.get(key) {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.wrong(format!("\"{key}\" should be a finite number")))
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
