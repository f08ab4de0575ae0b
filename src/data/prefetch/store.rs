//! Named pieces of bytes in a folder on disk, up to a size in all: those used longest ago make room.
//!
//! Constraint: a cache outlives the program that filled it, and threads share it. Solution: the folder itself is the list;
//! a file's time of change is its last use, set at every read. In memory there are names and sizes only. Cost: programs
//! that fill one folder at once each keep to the limit, not all of them together, until the next opening.

use crate::error::{Error, Result};
use crate::platform::write_beside;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The folder.
#[derive(Debug)]
pub struct DiskStore {
    folder: PathBuf,
    limit: u64,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    entries: HashMap<String, Entry>,
    /// Names by their last use.
    by_use: BTreeMap<u64, String>,
    uses: u64,
    bytes: u64,
    evicted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl DiskStore {
    /// Opens a folder, made where it is missing; of what is in it, the part that was used last and fits `limit` bytes is
    /// kept. Files whose name ends otherwise than `suffix` are no part of it and stay.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(folder: &Path, limit: u64, suffix: &str) -> Result<Self> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let mut found = Vec::new();
        for shelf in fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let shelf = shelf.map_err(Error::io("list", folder))?;
            if !shelf.path().is_dir() {
                continue;
            }
            for file in fs::read_dir(shelf.path()).map_err(Error::io("list", shelf.path()))? {
                let file = file.map_err(Error::io("list", shelf.path()))?;
                let name = format!("{}/{}", shelf.file_name().to_string_lossy(), file.file_name().to_string_lossy());
                if name.ends_with(suffix) {
                    let about = file.metadata().map_err(Error::io("read", file.path()))?;
                    let used = about.modified().map_err(Error::io("read", file.path()))?;
                    found.push((used, name, about.len()));
                }
            }
        }
        found.sort();
        let mut index = Index::default();
        found.into_iter().for_each(|(_, name, bytes)| index.insert(name, bytes));
        let store = Self { folder: folder.to_owned(), limit, index: Mutex::new(index) };
        store.make_room(&mut store.index(), 0)?;
        Ok(store)
    }

    /// The bytes of that name, if they are there; they count as used now.
    ///
    /// # Errors
    /// [`Error::Io`] where they are there and cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.folder.join(name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.index().forget(name);
                return Ok(None);
            }
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        // Where the time cannot be set (a folder that is read only), this use is known to this program alone.
        let _ = file.set_modified(SystemTime::now());
        let mut index = self.index();
        index.insert(name.to_owned(), bytes.len() as u64);
        // It may be new here: another program's, or one that just had to make room.
        self.make_room(&mut index, 0)?;
        Ok(Some(bytes))
    }

    /// Keeps bytes under a name, `shelf/file`; what was used longest ago makes room. What alone is over the limit is not
    /// kept.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64;
        if size > self.limit {
            return Ok(());
        }
        {
            let mut index = self.index();
            index.forget(name);
            self.make_room(&mut index, size)?;
            // Counted before it is written: threads that write at once must not each see the same room.
            index.insert(name.to_owned(), size);
        }
        let path = self.folder.join(name);
        let written =
            path.parent().map_or(Ok(()), |shelf| fs::create_dir_all(shelf).map_err(Error::io("create", shelf)));
        let written = written.and_then(|()| write_beside(&path, bytes)).inspect_err(|_| self.index().forget(name));
        if written.is_ok() && !self.index().entries.contains_key(name) {
            return remove_file(&path); // it had to make room for others before it was there
        }
        written
    }

    /// Takes away what has that name, if it is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(&self, name: &str) -> Result<()> {
        self.index().forget(name);
        remove_file(&self.folder.join(name))
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.index().bytes
    }

    /// How often something made room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.index().evicted
    }

    /// A thread that panicked while it held the index left it whole: nothing in between can panic.
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_room(&self, index: &mut Index, wanted: u64) -> Result<()> {
        while index.bytes + wanted > self.limit {
            let Some((_, oldest)) = index.by_use.pop_first() else { break };
            index.forget(&oldest);
            index.evicted += 1;
            remove_file(&self.folder.join(oldest))?;
        }
        Ok(())
    }
}

impl Index {
    /// As used now.
    fn insert(&mut self, name: String, bytes: u64) {
        self.forget(&name);
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, name.clone());
        self.entries.insert(name, Entry { bytes, used: self.uses });
    }

    fn forget(&mut self, name: &str) {
        if let Some(Entry { bytes, used }) = self.entries.remove(name) {
            self.bytes -= bytes;
            self.by_use.remove(&used);
        }
    }
}

/// One that another program took away is gone as well.
fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn names(store: &DiskStore) -> Vec<String> {
        let mut names: Vec<String> = store.index().entries.keys().cloned().collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path(), 10, ".x").unwrap();
        for name in ["a/1.x", "a/2.x", "b/3.x"] {
            store.write(name, &[7; 3]).unwrap();
        }
        assert_eq!(store.read("a/1.x").unwrap(), Some(vec![7; 3]));
        store.write("b/4.x", &[8; 4]).unwrap();
        assert_eq!(
            (names(&store), store.bytes(), store.evicted()),
            (vec!["a/1.x".into(), "b/3.x".into(), "b/4.x".into()], 10, 1)
        );
        assert!(!folder.path().join("a/2.x").exists() && store.read("a/2.x").unwrap().is_none());
        // The same name again replaces; what is too large for all is not kept.
        store.write("b/4.x", &[9; 2]).unwrap();
        store.write("b/5.x", &[0; 11]).unwrap();
        assert_eq!(
            (store.bytes(), store.read("b/4.x").unwrap(), store.read("b/5.x").unwrap()),
            (8, Some(vec![9; 2]), None)
        );
        store.remove("b/4.x").unwrap();
        store.remove("b/4.x").unwrap();
        assert_eq!((store.bytes(), store.evicted()), (6, 1));
    }

    #[test]
    fn the_next_opening_knows_the_order_of_use_and_a_smaller_limit() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path(), 100, ".x").unwrap();
        for name in ["a/1.x", "a/2.x", "b/3.x"] {
            store.write(name, &[7; 10]).unwrap();
        }
        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        for (name, age) in [("a/1.x", 0), ("a/2.x", 1), ("b/3.x", 2)] {
            let file = File::options().write(true).open(folder.path().join(name)).unwrap();
            file.set_modified(long_ago + Duration::from_secs(age)).unwrap();
        }
        fs::write(folder.path().join("a/notes.txt"), "not ours").unwrap();
        store.read("a/1.x").unwrap();
        let store = DiskStore::open(folder.path(), 25, ".x").unwrap();
        assert_eq!((names(&store), store.bytes()), (vec!["a/1.x".to_owned(), "b/3.x".to_owned()], 20));
        assert!(folder.path().join("a/notes.txt").exists());
        // Another program took one away.
        fs::remove_file(folder.path().join("b/3.x")).unwrap();
        assert_eq!((store.read("b/3.x").unwrap(), store.bytes()), (None, 10));
    }

    #[test]
    fn threads_keep_to_the_limit_together() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path(), 1000, ".x").unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for at in 0..30 {
                        store.write(&format!("{thread}/{}.x", at % 20), &[1; 50]).unwrap();
                        store.read(&format!("{}/{}.x", (thread + 1) % 4, at % 20)).unwrap();
                    }
                });
            }
        });
        // A thread may still be writing what another one counts.
        let on_disk = DiskStore::open(folder.path(), 10_000, ".x").unwrap().bytes();
        assert!(on_disk > 500 && on_disk <= 1000 + 4 * 50, "{on_disk} on disk");
    }
}
