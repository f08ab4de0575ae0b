//! Rows of CSV files (RFC 4180): commas, quotes and line feeds within quotes; semicolons and tabs where a copy uses them.
//! By `csv-core` alone: the page needs none of what `csv` adds to it.

use super::row::Row;
use crate::error::{Error, Result};
use csv_core::ReadRecordResult;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The first record holds the fields' names.
///
/// # Errors
/// [`Error::InvalidRow`].
pub fn with_header(text: &str, file: &str) -> Result<Vec<Row>> {
    let mut records = records(text, file)?.into_iter();
    let Some((line, header)) = records.next() else { return Ok(Vec::new()) };
    let names: Vec<&str> = header.iter().map(|name| name.trim()).collect();
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

type Record = (usize, Vec<String>);

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
            let fields = names.iter().zip(record).map(|(name, text)| ((*name).to_owned(), Value::from(text)));
            Ok(Row::new(shared.clone(), line, fields.collect::<Map<_, _>>()))
        })
        .collect()
}

/// The records with the lines they begin on.
fn records(text: &str, file: &str) -> Result<Vec<Record>> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(separator(text)).build();
    let bytes = text.as_bytes();
    // The fields of a record one after another, and where each ends.
    let (mut fields, mut ends) = (vec![0; 1 << 12], vec![0; 1 << 6]);
    let (mut read, mut length, mut count) = (0, 0, 0);
    // The reader counts line feeds up to where a record ended, which with CRLF is before the line feed.
    let (mut begin, mut counted, mut line) = (0, 0, 1);
    let mut found = Vec::new();
    loop {
        let (result, input, output, ended) =
            reader.read_record(&bytes[read..], &mut fields[length..], &mut ends[count..]);
        (read, length, count) = (read + input, length + output, count + ended);
        match result {
            ReadRecordResult::InputEmpty => {} // asked again with nothing, it closes the last record
            ReadRecordResult::OutputFull => fields.resize(2 * fields.len(), 0),
            ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
            ReadRecordResult::Record => {
                let rest = text.get(begin..).unwrap_or_default();
                let start = begin + rest.len() - rest.trim_start_matches(['\r', '\n']).len();
                line += bytes[counted..start].iter().filter(|byte| **byte == b'\n').count();
                counted = start;
                let record = split(&fields, &ends[..count]).map_err(|error| wrong(file, line, error.to_string()))?;
                found.push((line, record));
                (begin, length, count) = (read, 0, 0);
            }
            ReadRecordResult::End => return Ok(found),
        }
    }
}

/// Fields by where each ends.
fn split(fields: &[u8], ends: &[usize]) -> std::result::Result<Vec<String>, std::str::Utf8Error> {
    let begins = std::iter::once(0).chain(ends.iter().copied());
    let field = |(begin, end): (usize, &usize)| std::str::from_utf8(&fields[begin..*end]).map(ToOwned::to_owned);
    begins.zip(ends).map(field).collect()
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
