//! The file that a row means: names in benchmarks lack folders, carry other folders, or have another extension than the
//! file that was downloaded.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders within folders that are searched.
const MAX_DEPTH: usize = 8;

/// Extensions of what lies beside videos and is none.
const NO_VIDEOS: [&str; 12] = ["json", "jsonl", "csv", "tsv", "txt", "md", "srt", "vtt", "xml", "pkl", "zip", "part"];

/// The files of a folder and of those within, by name.
#[derive(Debug, Clone, Default)]
pub struct VideoIndex {
    root: PathBuf,
    by_name: BTreeMap<String, Vec<PathBuf>>,
    by_stem: BTreeMap<String, Vec<PathBuf>>,
}

impl VideoIndex {
    /// Lists a folder. A folder of images counts as one video, so folders have names too.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(root: &Path) -> Result<Self> {
        let mut index = Self { root: root.to_owned(), ..Self::default() };
        index.add(root, MAX_DEPTH)?;
        Ok(index)
    }

    fn add(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
        let entries = entries.map_err(Error::io("list", folder))?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = file_name(&path);
            let is_folder = path.is_dir();
            if name.starts_with('.') || !is_folder && !could_be_video(&name) {
                continue;
            }
            let stem = if is_folder { name.as_str() } else { stem(&name) };
            self.by_stem.entry(stem.to_owned()).or_default().push(path.clone());
            self.by_name.entry(name).or_default().push(path.clone());
            if is_folder && depth > 0 {
                self.add(&path, depth - 1)?;
            }
        }
        Ok(())
    }

    /// The file that `video` means: that path below the folder; else the one file of that name; else the one file of that
    /// name with another extension.
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
        let name = file_name(path);
        for found in [self.by_name.get(&name), self.by_stem.get(stem(&name)), self.by_stem.get(&name)] {
            match found.map(Vec::as_slice) {
                Some([one]) => return Ok(one.clone()),
                Some([first, second, ..]) => {
                    let reason = format!("both {} and {} could be meant", first.display(), second.display());
                    return Err(Error::InvalidInput { what: format!("video \"{video}\""), reason });
                }
                _ => {}
            }
        }
        let (folder, file) = (self.root.display().to_string(), video.to_owned());
        Err(Error::MissingFile { folder, file, advice: "get the video, or give the folder it is in".to_owned() })
    }
}

/// Whether a file of this name may be a video: it is not hidden, and not one of the texts and tables that lie beside videos.
#[must_use]
pub fn could_be_video(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    !name.starts_with('.') && !extension.is_some_and(|extension| NO_VIDEOS.contains(&extension.as_str()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Up to the last dot.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
