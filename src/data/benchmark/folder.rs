//! A benchmark's files and videos in folders on disk (native only).

use super::DataFile;
use super::videos::{VideoNames, could_be_video};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Folders within folders that are searched.
const MAX_DEPTH: usize = 8;

impl DataFile {
    /// Reads a file; of a folder, every file in it that could be a table, by name.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::MissingFile`] for a folder without any.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let read = |path: PathBuf| {
            let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
            Ok(Self { path, bytes })
        };
        if !path.is_dir() {
            return Ok(vec![read(path.to_owned())?]);
        }
        let mut paths: Vec<_> = entries(path, "read")?.into_iter().filter(|path| is_table(path)).collect();
        paths.sort();
        if paths.is_empty() {
            let (folder, advice) = (path.display().to_string(), "give the benchmark's annotation files".to_owned());
            return Err(Error::MissingFile { folder, file: "table (.json, .jsonl, .csv)".to_owned(), advice });
        }
        paths.into_iter().map(read).collect()
    }
}

fn entries(folder: &Path, action: &'static str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    Ok(entries.map_err(Error::io(action, folder))?.into_iter().map(|entry| entry.path()).collect())
}

fn is_table(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    path.is_file() && !hidden && ["json", "jsonl", "csv"].contains(&extension.as_str())
}

/// The files of a folder and of those within, by name.
#[derive(Debug, Clone, Default)]
pub struct VideoIndex {
    root: PathBuf,
    names: VideoNames,
}

impl VideoIndex {
    /// Lists a folder. A folder of images counts as one video, so folders have names too.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(root: &Path) -> Result<Self> {
        let mut index = Self { root: root.to_owned(), names: VideoNames::new(root.display().to_string()) };
        index.add(root, "", MAX_DEPTH)?;
        Ok(index)
    }

    fn add(&mut self, folder: &Path, within: &str, depth: usize) -> Result<()> {
        let mut paths = entries(folder, "list")?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_folder = path.is_dir();
            if name.starts_with('.') || !is_folder && !could_be_video(&name) {
                continue;
            }
            let name = format!("{within}{name}");
            if is_folder {
                self.names.add_folder(&name);
                if depth > 0 {
                    self.add(&path, &format!("{name}/"), depth - 1)?;
                }
            } else {
                self.names.add_file(&name);
            }
        }
        Ok(())
    }

    /// The file that `video` means: that path below the folder; else as [`VideoNames::find`].
    ///
    /// # Errors
    /// [`Error::MissingFile`] where there is none, [`Error::InvalidInput`] where there are several.
    pub fn find(&self, video: &str) -> Result<PathBuf> {
        let path = Path::new(video);
        // A row must not lead out of the folder.
        let is_inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if is_inside && self.root.join(path).exists() {
            return Ok(self.root.join(path));
        }
        Ok(self.root.join(self.names.find(video)?))
    }
}
