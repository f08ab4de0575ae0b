//! One hash for all files of a data set.

use crate::error::{Error, Result};
use crate::event::Abort;
use crate::platform::{block_on, parallel_map};
use crate::source::{DiskFolder, Folder as _};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 18;

/// The SHA-256, in hexadecimal, of a file, or of the listing of a folder: for each file whose name ends in `end` ("" for
/// all), those of folders within included, a line of its hash, size and name, sorted by name. So it changes with any
/// content, name or file that comes or goes.
///
/// # Errors
/// [`Error::Io`], [`Error::Aborted`].
pub fn data_hash(path: &Path, end: &str, abort: &Abort) -> Result<String> {
    if !path.is_dir() {
        return Ok(hash_file(path, abort)?.0);
    }
    let mut names = block_on(DiskFolder::open(path)?.list())?;
    names.retain(|name| name.ends_with(end));
    let hashed = parallel_map(names, |name| (hash_file(&path.join(&name), abort), name));
    let mut listing = String::new();
    for (hash, name) in hashed {
        let (hash, size) = hash?;
        // Writing to a string cannot fail.
        let _ = writeln!(listing, "{hash} {size} {name}");
    }
    Ok(hexadecimal(Sha256::digest(listing)))
}

/// A file's hash and its size in bytes.
fn hash_file(path: &Path, abort: &Abort) -> Result<(String, u64)> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut block = vec![0; BLOCK];
    loop {
        abort.check()?;
        let read = file.read(&mut block).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok((hexadecimal(hash.finalize()), size));
        }
        hash.update(&block[..read]);
        size += read as u64;
    }
}

fn hexadecimal(hash: impl AsRef<[u8]>) -> String {
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        // FIPS 180-2, B.1 and B.3.
        std::fs::write(&path, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(data_hash(&path, "", &Abort::default()).unwrap(), abc);
        std::fs::write(&path, vec![b'a'; 1_000_000]).unwrap();
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(data_hash(&path, "", &Abort::default()).unwrap(), million);
    }

    #[test]
    fn a_folder_has_that_of_its_listing() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |end| data_hash(folder.path(), end, &Abort::default()).unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("b/2.json"), "abc").unwrap();
        std::fs::write(folder.path().join("1.json"), "").unwrap();
        // (sha256sum 1.json b/2.json, with sizes) | sha256sum
        let listing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 1.json\n\
                       ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 b/2.json\n";
        let before = hash(".json");
        assert_eq!(before, hexadecimal(Sha256::digest(listing)));
        std::fs::write(folder.path().join("note.txt"), "x").unwrap();
        assert_eq!(hash(".json"), before);
        assert_ne!(hash(""), before);
        std::fs::rename(folder.path().join("1.json"), folder.path().join("3.json")).unwrap();
        assert_ne!(hash(".json"), before);
        std::fs::rename(folder.path().join("3.json"), folder.path().join("1.json")).unwrap();
        assert_eq!(hash(".json"), before);
        std::fs::write(folder.path().join("b/2.json"), "abd").unwrap();
        assert_ne!(hash(".json"), before);
    }

    #[test]
    fn what_is_not_there_and_a_stop_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(data_hash(&folder.path().join("no"), "", &Abort::default()).unwrap_err().code(), "io");
        std::fs::write(folder.path().join("a"), "abc").unwrap();
        let abort = Abort::default();
        abort.request();
        assert_eq!(data_hash(folder.path(), "", &abort).unwrap_err().code(), "aborted");
    }
}
