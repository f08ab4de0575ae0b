//! Rows of JSON files: one object a line, or one list of objects.

use super::row::Row;
use crate::error::{Error, Result};
use serde_json::Value;
use std::sync::Arc;

/// One object a line; blank lines are passed over.
///
/// # Errors
/// [`Error::InvalidRow`].
pub fn lines(text: &str, file: &str) -> Result<Vec<Row>> {
    let name: Arc<str> = file.into();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let value: Value = serde_json::from_str(line).map_err(|error| wrong(file, at + 1, &error))?;
            object(value, &name, at + 1)
        })
        .collect()
}

/// One list of objects. Elements are parsed one by one, so that each has its line: such files are written with one
/// element a line, or with a hundred lines an element.
///
/// # Errors
/// [`Error::InvalidRow`].
pub fn list(text: &str, file: &str) -> Result<Vec<Row>> {
    let name: Arc<str> = file.into();
    let mut rows = Vec::new();
    let mut place = Place { text, at: text.find('[').map_or(text.len(), |at| at + 1), counted: 0, line: 1 };
    let mut closed = place.next() == Some(']');
    while !closed {
        let line = place.line();
        let mut values = serde_json::Deserializer::from_str(&text[place.at..]).into_iter::<Value>();
        let Some(value) = values.next() else {
            return Err(invalid(file, line, "the list ends without \"]\"; the file is cut short"));
        };
        let value = value.map_err(|error| wrong(file, line - 1 + error.line().max(1), &error))?;
        place.at += values.byte_offset();
        rows.push(object(value, &name, line)?);
        closed = match place.next() {
            Some(']') => true,
            Some(',') => {
                place.at += 1;
                place.next();
                false
            }
            _ => return Err(invalid(file, place.line(), "there should be \",\" or \"]\" after an element")),
        };
    }
    place.at += 1;
    match place.next() {
        None => Ok(rows),
        Some(_) => Err(invalid(file, place.line(), "something follows the end of the list")),
    }
}

/// Where reading has come, and the lines up to there.
struct Place<'a> {
    text: &'a str,
    at: usize,
    /// Bytes whose line feeds are in `line`.
    counted: usize,
    line: usize,
}

impl Place<'_> {
    /// Skips white space; the character there.
    fn next(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let kept = rest.trim_start();
        self.at = self.text.len() - kept.len();
        kept.chars().next()
    }

    /// The 1-based line of the place.
    fn line(&mut self) -> usize {
        let passed = self.text.as_bytes().get(self.counted..self.at).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.counted = self.at.max(self.counted);
        self.line
    }
}

fn object(value: Value, file: &Arc<str>, line: usize) -> Result<Row> {
    match value {
        Value::Object(fields) => Ok(Row::new(file.clone(), line, fields)),
        _ => Err(invalid(file, line, "a row should be a JSON object")),
    }
}

fn wrong(file: &str, line: usize, error: &serde_json::Error) -> Error {
    // serde_json counts from the beginning of what it was given.
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    invalid(file, line, &format!("no valid JSON (column {}): {reason}", error.column()))
}

fn invalid(file: &str, line: usize, reason: &str) -> Error {
    Error::InvalidRow { file: file.to_owned(), line, reason: reason.to_owned() }
}
