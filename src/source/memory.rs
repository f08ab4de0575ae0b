//! A folder in memory: files dropped on the page, tests, a model that was just trained.

use super::{Folder, slice};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Files by name, held in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryFolder {
    name: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFolder {
    /// A folder with these files; `name` appears in messages.
    #[must_use]
    pub fn new(name: impl Into<String>, files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { name: name.into(), files }
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, file: impl Into<String>, bytes: Vec<u8>) {
        self.files.insert(file.into(), bytes);
    }

    /// Every file.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    fn file(&self, file: &str) -> Result<&[u8]> {
        self.files.get(file).map(Vec::as_slice).ok_or_else(|| {
            let known = self.files.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Error::MissingFile {
                folder: self.name.clone(),
                file: file.to_owned(),
                advice: if known.is_empty() { "it is empty".to_owned() } else { format!("it has {known}") },
            }
        })
    }
}

impl Folder for MemoryFolder {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn has(&self, file: &str) -> Result<bool> {
        Ok(self.files.contains_key(file))
    }

    async fn size(&self, file: &str) -> Result<u64> {
        Ok(self.file(file)?.len() as u64)
    }

    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>> {
        Ok(slice(self.file(file)?, file, begin, end)?.to_vec())
    }

    async fn list(&self) -> Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    fn folder() -> MemoryFolder {
        MemoryFolder::new("drop", BTreeMap::from([("a.json".to_owned(), b" <!doctype html>".to_vec())]))
    }

    #[test]
    fn ranges_never_come_short() {
        let folder = folder();
        assert_eq!(block_on(folder.range("a.json", 1, 3)).unwrap(), b"<!");
        for (begin, end) in [(3, 100), (5, 2), (u64::MAX, u64::MAX)] {
            let error = block_on(folder.range("a.json", begin, end)).unwrap_err();
            assert_eq!(error.code(), "corrupt-file", "{begin}..{end}");
        }
    }

    #[test]
    fn a_missing_file_names_those_that_are_there() {
        let error = block_on(folder().bytes("b.json")).unwrap_err();
        assert!(matches!(&error, Error::MissingFile { advice, .. } if advice.contains("a.json")), "{error}");
    }

    #[test]
    fn a_web_page_in_place_of_json_is_told() {
        let error = block_on(folder().text("a.json")).unwrap_err();
        assert!(error.to_string().contains("HTML"), "{error}");
    }
}
