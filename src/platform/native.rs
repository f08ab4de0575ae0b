//! Natively: threads, files, and futures that never wait for an event loop.

use super::MemoryLimits;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::io::Write as _;
use std::path::Path;

/// Runs a future to its end on this thread. Natively every wait in the crate is a blocking read in disguise.
pub fn block_on<F: Future>(future: F) -> F::Output {
    pollster::block_on(future)
}

/// What the CPU has room for: the system's memory, which is not ours alone.
pub(super) const fn memory_limits() -> MemoryLimits {
    MemoryLimits { total: None, tensor: None }
}

/// Gives other work a turn. Natively nothing waits for this thread.
#[allow(clippy::unused_async)] // The page's version waits for the event loop.
pub async fn yield_now() {}

/// `f` of every item, in order; on all cores where there are threads.
pub fn parallel_map<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    items.into_par_iter().map(f).collect()
}

/// Runs the work with the widest registers that the processor has (AVX2, AVX-512, NEON): its loops are compiled once for
/// each, and the choice is made here.
pub fn vectorized(work: impl super::VectorWork) {
    struct Op<W>(W);

    impl<W: super::VectorWork> pulp::WithSimd for Op<W> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _simd: S) {
            self.0.run();
        }
    }

    pulp::Arch::new().dispatch(Op(work));
}

/// Writes a file beside its place and renames it, so that a reader sees the old or the new file, never half of one.
///
/// # Errors
/// [`Error::Io`]; the old file, if any, is untouched then.
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io("create a file in", folder))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    set_default_permissions(file.path())?;
    file.persist(path).map_err(|error| Error::Io { action: "write", path: path.to_owned(), source: error.error })?;
    Ok(())
}

/// Temporary files are private to their owner; what we leave behind is an ordinary file.
#[cfg(unix)]
fn set_default_permissions(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).map_err(Error::io("set the mode of", path))
}

#[cfg(not(unix))]
fn set_default_permissions(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_replaces_the_old_one_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_beside(&path, b"old").unwrap();
        write_beside(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_beside(&folder.path().join("no/a.json"), b"x").unwrap_err();
        assert!(error.to_string().contains("no"), "{error}");
    }

    #[test]
    fn parallel_map_keeps_the_order() {
        assert_eq!(parallel_map((0..100).collect(), |i| i * 2), (0..100).map(|i| i * 2).collect::<Vec<_>>());
    }
}
