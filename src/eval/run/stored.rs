//! A run's files in its folder, and a model's in its (native only).

use super::identity::{ModelIdentity, decides};
use super::results::{Outcome, Results};
use super::{RunSettings, file_hash};
use crate::error::{Error, Result};
use crate::platform::write_beside;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that decides a run's numbers.
pub const SETTINGS_FILE: &str = "run.json";
/// What came out.
pub const RESULTS_FILE: &str = "results.json";

impl RunSettings {
    /// Those of a run's folder.
    ///
    /// # Errors
    /// [`Error::MissingFile`] where it holds no run, [`Error::Io`], [`Error::InvalidJson`].
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SETTINGS_FILE);
        if !path.exists() {
            let advice = "give a folder that `sgcr eval` wrote".to_owned();
            let (folder, file) = (folder.display().to_string(), SETTINGS_FILE.to_owned());
            return Err(Error::MissingFile { folder, file, advice });
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        serde_json::from_str(&text).map_err(Error::json(path.display().to_string()))
    }
}

impl Results {
    /// Writes `results.json`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(self, folder: &Path) -> Result<Outcome> {
        write_beside(&folder.join(RESULTS_FILE), &self.to_document()?)?;
        Ok(Outcome { results: self })
    }
}

impl ModelIdentity {
    /// Hashes a model folder on disk, as [`ModelIdentity::hash_files`] does; `prefix` goes before its files' names (for
    /// folders beside the model's own).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn hash_folder(folder: &Path, prefix: &str) -> Result<BTreeMap<String, String>> {
        let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
        let mut files = BTreeMap::new();
        for entry in entries.map_err(Error::io("read", folder))? {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_file() && decides(&name) {
                files.insert(format!("{prefix}{name}"), file_hash::of_path(&path)?);
            }
        }
        Ok(files)
    }
}
