//! Rows of CSV files (RFC 4180): commas, quotes and line feeds within quotes; semicolons and tabs where a copy uses them.

use super::row::Row;
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The first record holds the fields' names.
///
/// # Errors
/// [`Error::InvalidRow`].
pub fn with_header(text: &str, file: &str) -> Result<Vec<Row>> {
    let mut records = records(text, file)?.into_iter();
    let Some((line, header)) = records.next() else { return Ok(Vec::new()) };
    let names: Vec<&str> = header.iter().map(str::trim).collect();
    if let Some(name) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        return Err(wrong(file, line, format!("the header has \"{name}\" twice")));
    }
    rows(records, &names, names.len(), file)
}

/// No header: the first fields have these names, and a record has `least` of them at least.
///
/// # Errors
/// [`Error::InvalidRow`].
pub fn without_header(text: &str, names: &[&str], least: usize, file: &str) -> Result<Vec<Row>> {
    rows(records(text, file)?.into_iter(), names, least, file)
}

type Record = (usize, csv::StringRecord);

fn rows(records: impl Iterator<Item = Record>, names: &[&str], least: usize, file: &str) -> Result<Vec<Row>> {
    let shared: Arc<str> = file.into();
    records
        .map(|(line, record)| {
            if record.len() < least || record.len() > names.len() {
                // An unclosed quote swallows the rest of the file and shows here.
                let reason =
                    format!("{} fields where there should be {}; is a quote left open?", record.len(), names.len());
                return Err(wrong(file, line, reason));
            }
            let fields = names.iter().zip(&record).map(|(name, text)| ((*name).to_owned(), Value::from(text)));
            Ok(Row::new(shared.clone(), line, fields.collect::<Map<_, _>>()))
        })
        .collect()
}

/// The records with the lines they begin on.
fn records(text: &str, file: &str) -> Result<Vec<Record>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut found = Vec::new();
    // The reader counts line feeds up to where a record ended, which with CRLF is before the line feed.
    let (mut counted, mut line) = (0, 1);
    for record in reader.records() {
        let record = record.map_err(|error| wrong(file, line, error.to_string()))?;
        let start = record.position().map_or(0, csv::Position::byte) as usize;
        let rest = text.get(start..).unwrap_or_default();
        let start = start + rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        line += text.as_bytes()[counted..start].iter().filter(|byte| **byte == b'\n').count();
        counted = start;
        found.push((line, record));
    }
    Ok(found)
}

/// A comma, unless the first line has none and a semicolon or tab instead.
fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.contains(',') {
        b','
    } else {
        [b';', b'\t'].into_iter().find(|s| first.as_bytes().contains(s)).unwrap_or(b',')
    }
}

fn wrong(file: &str, line: usize, reason: String) -> Error {
    Error::InvalidRow { file: file.to_owned(), line, reason }
}
