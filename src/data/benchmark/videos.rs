//! The file that a row means: names in benchmarks lack folders, carry other folders, or have another extension than the
//! file that was downloaded.

use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Extensions of what lies beside videos and is none.
const NO_VIDEOS: [&str; 12] = ["json", "jsonl", "csv", "tsv", "txt", "md", "srt", "vtt", "xml", "pkl", "zip", "part"];

/// Paths below a folder, parts joined by `/`, found by what rows call them.
#[derive(Debug, Clone, Default)]
pub struct VideoNames {
    /// How messages name the folder.
    folder: String,
    paths: BTreeSet<String>,
    by_name: BTreeMap<String, Vec<String>>,
    by_stem: BTreeMap<String, Vec<String>>,
}

impl VideoNames {
    /// None yet; `folder` is how messages name where they are.
    #[must_use]
    pub fn new(folder: impl Into<String>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// Those of files by their paths: what is hidden, or no video by its name, is left out.
    #[must_use]
    pub fn of_files<'a>(folder: impl Into<String>, paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self::new(folder);
        for path in paths {
            if !path.split('/').any(|part| part.starts_with('.')) && could_be_video(file_name(path)) {
                names.add_file(path);
            }
        }
        names
    }

    /// Adds a file.
    pub fn add_file(&mut self, path: &str) {
        self.add(path, stem(file_name(path)));
    }

    /// Adds a folder of images: its name has no extension, whatever dots are in it.
    pub fn add_folder(&mut self, path: &str) {
        self.add(path, file_name(path));
    }

    fn add(&mut self, path: &str, stem: &str) {
        self.by_stem.entry(stem.to_owned()).or_default().push(path.to_owned());
        self.by_name.entry(file_name(path).to_owned()).or_default().push(path.to_owned());
        self.paths.insert(path.to_owned());
    }

    /// The path that `video` means: that path; else the one of that name; else the one of that name with another extension.
    ///
    /// # Errors
    /// [`Error::MissingFile`] where there is none, [`Error::InvalidInput`] where there are several.
    pub fn find(&self, video: &str) -> Result<&str> {
        if let Some(path) = self.paths.get(video) {
            return Ok(path);
        }
        let name = file_name(video);
        for found in [self.by_name.get(name), self.by_stem.get(stem(name)), self.by_stem.get(name)] {
            match found.map(Vec::as_slice) {
                Some([one]) => return Ok(one),
                Some([first, second, ..]) => {
                    let reason = format!("both {first} and {second} could be meant");
                    return Err(Error::InvalidInput { what: format!("video \"{video}\""), reason });
                }
                _ => {}
            }
        }
        let (folder, file) = (self.folder.clone(), video.to_owned());
        Err(Error::MissingFile { folder, file, advice: "get the video, or give the folder it is in".to_owned() })
    }
}

/// Whether a file of this name may be a video: it is not hidden, and not one of the texts and tables that lie beside videos.
#[must_use]
pub fn could_be_video(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    !name.starts_with('.') && !extension.is_some_and(|extension| NO_VIDEOS.contains(&extension.as_str()))
}

/// Behind the last `/`.
pub(super) fn file_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Up to the last dot.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_a_page_was_given_are_found_as_those_on_disk() {
        let names = VideoNames::of_files("videos", ["a/v_1.mp4", "b/same.mp4", "a/same.mp4", "a/v_1.json", ".x/h.mp4"]);
        assert_eq!(names.find("a/v_1.mp4").unwrap(), "a/v_1.mp4");
        assert_eq!(names.find("elsewhere/v_1").unwrap(), "a/v_1.mp4");
        assert_eq!(names.find("b/same.mp4").unwrap(), "b/same.mp4");
        assert_eq!(names.find("same").unwrap_err().code(), "invalid-input");
        assert_eq!(names.find("h.mp4").unwrap_err().code(), "missing-file");
    }
}
