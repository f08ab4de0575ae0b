//! Lines that survive a kill: appended and flushed as they come; a torn last line is dropped when the file is opened again.

use super::lines::to_bytes;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// An append-only file of JSON lines.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens or creates a journal; gives the lines it has.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidRow`] for a whole line that does not parse: a kill does not do that.
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>)> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = parse(&bytes[..whole], path)?;
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("open", path))?;
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(Error::io("shorten", path))?;
        }
        Ok((Self { file, path: path.to_owned() }, lines))
    }

    /// The lines of a journal that is only read; a torn last line is passed over.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        parse(&bytes[..whole], path)
    }

    /// Adds lines in one write.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append<T: Serialize>(&mut self, lines: &[T]) -> Result<()> {
        let bytes = to_bytes(lines)?;
        self.file.write_all(&bytes).map_err(Error::io("write", &self.path))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<Vec<T>> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| Error::InvalidRow {
                file: path.display().to_string(),
                line: at + 1,
                reason: format!(
                    "this is no line that `sgcr eval` writes ({error}); delete the line to have it made again"
                ),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_dropped_wherever_it_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        let (mut journal, lines) = Journal::open::<(u32, String)>(&path).unwrap();
        assert!(lines.is_empty());
        let first = [(1, "a".to_owned()), (2, "b\nc".to_owned())];
        journal.append(&first).unwrap();
        let kept = std::fs::read(&path).unwrap();
        journal.append(&[(3, "d".to_owned())]).unwrap();
        let all = std::fs::read(&path).unwrap();
        for length in kept.len()..all.len() {
            std::fs::write(&path, &all[..length]).unwrap();
            assert_eq!(Journal::read::<(u32, String)>(&path).unwrap(), first);
            let (mut journal, lines) = Journal::open::<(u32, String)>(&path).unwrap();
            assert_eq!(lines, first, "{length} bytes");
            journal.append(&[(3, "d".to_owned())]).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), all, "{length} bytes");
        }
    }

    #[test]
    fn a_whole_line_that_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        std::fs::write(&path, "[1,\"a\"]\n[2,\n[3,\"c\"]\n").unwrap();
        let error = Journal::open::<(u32, String)>(&path).unwrap_err();
        assert!(matches!(error, Error::InvalidRow { line: 2, .. }), "{error}");
    }
}
