//! A folder on disk (native only).

use super::{Folder, too_short};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A folder on this machine's disk.
#[derive(Debug, Clone)]
pub struct DiskFolder {
    root: PathBuf,
}

impl DiskFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not exist or is no folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let about = std::fs::metadata(&root).map_err(Error::io("open", &root))?;
        if !about.is_dir() {
            return Err(Error::io("open", &root)(std::io::Error::new(ErrorKind::NotADirectory, "it is not a folder")));
        }
        Ok(Self { root })
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn open_file(&self, file: &str) -> Result<(File, u64)> {
        let path = self.root.join(file);
        let opened = File::open(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::MissingFile {
                folder: self.root.display().to_string(),
                file: file.to_owned(),
                advice: "check the name".to_owned(),
            },
            _ => Error::io("open", &path)(error),
        })?;
        let size = opened.metadata().map_err(Error::io("read", &path))?.len();
        Ok((opened, size))
    }
}

impl Folder for DiskFolder {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    async fn has(&self, file: &str) -> Result<bool> {
        let path = self.root.join(file);
        path.try_exists().map_err(Error::io("look for", path))
    }

    async fn size(&self, file: &str) -> Result<u64> {
        Ok(self.open_file(file)?.1)
    }

    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>> {
        let path = self.root.join(file);
        let (mut opened, size) = self.open_file(file)?;
        // Checked before the buffer is made: a damaged header may ask for any length.
        let length = end.checked_sub(begin).filter(|_| end <= size);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let mut bytes = vec![0; length.ok_or_else(|| too_short(&path.display().to_string(), begin, end, size))?];
        opened.seek(SeekFrom::Start(begin)).map_err(Error::io("read", &path))?;
        opened.read_exact(&mut bytes).map_err(Error::io("read", &path))?;
        Ok(bytes)
    }

    async fn list(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        collect(&self.root, "", MAX_DEPTH, &mut files)?;
        files.sort();
        Ok(files)
    }

    fn local_path(&self, file: &str) -> Option<PathBuf> {
        Some(self.root.join(file))
    }
}

/// Folders within folders that are followed: deeper ones are a link that leads back to where it lies.
const MAX_DEPTH: usize = 32;

/// Adds the files of `folder`, whose own name from the root on, with a slash at its end, is `prefix`.
fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if !path.is_dir() {
            files.push(name);
        } else if depth == 0 {
            return Err(Error::io("list", path)(std::io::Error::other("folders are nested too deep, or in a circle")));
        } else {
            collect(&path, &format!("{name}/"), depth - 1, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    #[test]
    fn ranges_of_a_file_and_their_limits() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.bin"), [1, 2, 3, 4]).unwrap();
        let folder = DiskFolder::open(folder.path()).unwrap();
        assert!(block_on(folder.has("x.bin")).unwrap() && !block_on(folder.has("y.bin")).unwrap());
        assert_eq!(block_on(folder.range("x.bin", 1, 3)).unwrap(), [2, 3]);
        assert_eq!(block_on(folder.range("x.bin", 2, 5)).unwrap_err().code(), "corrupt-file");
        assert_eq!(block_on(folder.range("x.bin", 0, u64::MAX)).unwrap_err().code(), "corrupt-file");
        assert_eq!(block_on(folder.bytes("y.bin")).unwrap_err().code(), "missing-file");
    }

    #[test]
    fn files_are_listed_with_those_of_folders_within() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("b/1025")).unwrap();
        for file in ["b/1025/7.json", "b/x", "a.json"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let disk = DiskFolder::open(folder.path()).unwrap();
        assert_eq!(block_on(disk.list()).unwrap(), ["a.json", "b/1025/7.json", "b/x"]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path(), folder.path().join("b/circle")).unwrap();
            assert_eq!(block_on(disk.list()).unwrap_err().code(), "io");
        }
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(DiskFolder::open(file.path()).unwrap_err().code(), "io");
        assert_eq!(DiskFolder::open(file.path().join("nothing")).unwrap_err().code(), "io");
    }
}
