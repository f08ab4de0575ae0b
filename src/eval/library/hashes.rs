//! Hashes of files that have not changed since: a folder of videos is many gigabytes, and a query should not read them.

use crate::error::{Error, Result};
use crate::eval::run::file_hash;
use crate::platform::write_beside;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Their file in the index.
const FILE: &str = "files.json";

/// A file's size and time of change: with both as they were, its content counts as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    size: u64,
    /// Nanoseconds since 1970.
    changed: u64,
}

impl Stamp {
    /// Of a file as it is now.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(path: &Path) -> Result<Self> {
        let about = std::fs::metadata(path).map_err(Error::io("read", path))?;
        let changed = about.modified().map_err(Error::io("read the time of", path))?;
        // A time before 1970 counts as 1970: the size still tells.
        let changed = changed.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        Ok(Self { size: about.len(), changed })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    stamp: Stamp,
    sha256: String,
}

/// Hashes by name.
#[derive(Debug, Clone)]
pub struct FileHashes {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// Entries since the last writing.
    news: usize,
}

impl FileHashes {
    /// Those of an index; none where it is new, or where the file is damaged: then files are hashed again.
    ///
    /// # Errors
    /// [`Error::Io`] where the file is there and cannot be read.
    pub fn read(index: &Path) -> Result<Self> {
        let path = index.join(FILE);
        let entries = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        Ok(Self { path, entries, news: 0 })
    }

    /// A file's stamp and sha256, read where it changed or is new.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(&self, name: &str, path: &Path) -> Result<(Stamp, String)> {
        let stamp = Stamp::of(path)?;
        match self.entries.get(name) {
            Some(entry) if entry.stamp == stamp => Ok((stamp, entry.sha256.clone())),
            _ => Ok((stamp, file_hash::of_path(path)?)),
        }
    }

    /// Keeps a hash; returns how many are new since the last [`save`](Self::save).
    pub fn note(&mut self, name: &str, stamp: Stamp, sha256: &str) -> usize {
        let entry = Entry { stamp, sha256: sha256.to_owned() };
        if self.entries.get(name) != Some(&entry) {
            self.entries.insert(name.to_owned(), entry);
            self.news += 1;
        }
        self.news
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&mut self) -> Result<()> {
        if self.news > 0 {
            let json = serde_json::to_vec(&self.entries).map_err(Error::json(FILE))?;
            write_beside(&self.path, &json)?;
            self.news = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        std::fs::write(&path, "abc").unwrap();
        let mut hashes = FileHashes::read(folder.path()).unwrap();
        let (stamp, sha256) = hashes.of("a.mp4", &path).unwrap();
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        // What is noted for this stamp is believed, so that the file is not read.
        assert_eq!(hashes.note("a.mp4", stamp, "believed"), 1);
        assert_eq!(hashes.note("a.mp4", stamp, "believed"), 1);
        hashes.save().unwrap();
        let hashes = FileHashes::read(folder.path()).unwrap();
        assert_eq!(hashes.of("a.mp4", &path).unwrap(), (stamp, "believed".to_owned()));
        std::fs::write(&path, "abcd").unwrap();
        assert_ne!(hashes.of("a.mp4", &path).unwrap().1, "believed");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(FileHashes::read(folder.path()).unwrap().entries.is_empty());
    }
}
