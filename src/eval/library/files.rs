//! The videos of a folder.

use crate::data::benchmark::could_be_video;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Folders within folders that are searched.
const MAX_DEPTH: usize = 16;

/// A file that could be a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryFile {
    /// Its path from the folder on, parts joined by `/`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The files of a folder, and of those within, that could be videos or images, by name; hidden ones are passed over.
///
/// # Errors
/// [`Error::Io`]; [`Error::InvalidInput`] where there is none.
pub fn videos_of(root: &Path) -> Result<Vec<LibraryFile>> {
    let mut files = Vec::new();
    list(root, "", MAX_DEPTH, &mut files)?;
    if files.is_empty() {
        let reason = "it has no videos; name the folder that has".to_owned();
        return Err(Error::InvalidInput { what: root.display().to_string(), reason });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn list(folder: &Path, within: &str, depth: usize, files: &mut Vec<LibraryFile>) -> Result<()> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    for entry in entries.map_err(Error::io("list", folder))? {
        let (path, own) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let name = format!("{within}{own}");
        if path.is_dir() {
            if depth > 0 && !own.starts_with('.') {
                list(&path, &format!("{name}/"), depth - 1, files)?;
            }
        } else if could_be_video(&own) {
            files.push(LibraryFile { name, path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_listed_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(videos_of(folder.path()).unwrap_err().code(), "invalid-input");
        for file in ["b.mp4", "a/c.webm", "a/d.JPG", "notes.txt", ".sgcr/x.safetensors", ".hidden.mp4", "b.srt"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let names: Vec<String> = videos_of(folder.path()).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a/c.webm", "a/d.JPG", "b.mp4"]);
        assert_eq!(videos_of(&folder.path().join("none")).unwrap_err().code(), "io");
    }
}
