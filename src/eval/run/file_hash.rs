//! Hashes of files and folders on disk (native only), lower-case hex.

use super::hash::{PIECE, hex, of_parts};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The sha256 of a file; of a folder (of images), that of its files' names and hashes in the order of names.
///
/// # Errors
/// [`Error::Io`].
pub fn of_path(path: &Path) -> Result<String> {
    if !path.is_dir() {
        return of_file(path);
    }
    let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let entries = entries.map_err(Error::io("read", path))?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let mut parts = Vec::new();
    for file in files {
        parts.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        parts.push(of_file(&file)?);
    }
    Ok(of_parts(parts.iter().map(String::as_str)))
}

fn of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece).map_err(Error::io("read", path))?;
        if count == 0 {
            return Ok(hex(hash));
        }
        hash.update(&piece[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), b"abc").unwrap();
        // FIPS 180-4's example.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_path(&folder.path().join("a")).unwrap(), abc);
        let one = of_path(folder.path()).unwrap();
        std::fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        assert_ne!(of_path(folder.path()).unwrap(), one);
        assert_eq!(of_path(&folder.path().join("none")).unwrap_err().code(), "io");
    }
}
