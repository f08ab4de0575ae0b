//! Bytes from wherever they lie: a file, memory, an HTTP server, a Blob. Readers above this ask for ranges and never
//! know which.

mod memory;

#[cfg(not(target_arch = "wasm32"))]
mod disk;

#[cfg(target_arch = "wasm32")]
mod blob;
#[cfg(target_arch = "wasm32")]
mod http;
#[cfg(target_arch = "wasm32")]
mod javascript;

#[cfg(target_arch = "wasm32")]
pub use blob::BlobFolder;
#[cfg(not(target_arch = "wasm32"))]
pub use disk::DiskFolder;
#[cfg(target_arch = "wasm32")]
pub use http::HttpFolder;
pub use memory::MemoryFolder;

use crate::error::{Error, Result};
use std::path::PathBuf;

/// Items that exist only natively: readers of local files, writers of folders. Keeps `cfg(target_arch)` in this module.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! native_only { ($($item:item)*) => { $($item)* } }
#[cfg(target_arch = "wasm32")]
macro_rules! native_only {
    ($($item:item)*) => {};
}
pub(crate) use native_only;

/// The other side of [`native_only`]: what the page has in place of it.
#[cfg(target_arch = "wasm32")]
macro_rules! page_only { ($($item:item)*) => { $($item)* } }
#[cfg(not(target_arch = "wasm32"))]
macro_rules! page_only {
    ($($item:item)*) => {};
}
pub(crate) use page_only;

/// Random access to the bytes of a folder's files. Async because the page can only wait that way; natively the futures
/// are ready at once. Not `Send`: JS values cannot leave their thread.
#[allow(async_fn_in_trait)]
pub trait Folder {
    /// How the folder is named in messages.
    fn name(&self) -> String;

    /// Whether it has this file.
    ///
    /// # Errors
    /// Where that cannot be found out: [`Error::Fetch`] or [`Error::Io`].
    async fn has(&self, file: &str) -> Result<bool>;

    /// Size of a file in bytes.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Fetch`] or [`Error::Io`].
    async fn size(&self, file: &str) -> Result<u64>;

    /// The bytes `[begin, end)` of a file; never fewer.
    ///
    /// # Errors
    /// As [`Folder::size`], and [`Error::CorruptFile`] where the file ends before `end`.
    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>>;

    /// A whole file.
    ///
    /// # Errors
    /// As [`Folder::size`].
    async fn bytes(&self, file: &str) -> Result<Vec<u8>> {
        let size = self.size(file).await?;
        self.range(file, 0, size).await
    }

    /// A whole file as text.
    ///
    /// # Errors
    /// As [`Folder::size`], and [`Error::CorruptFile`] where it is no UTF-8 or a web page in place of a JSON document (what
    /// many servers answer for a file that they do not have).
    async fn text(&self, file: &str) -> Result<String> {
        let bytes = self.bytes(file).await?;
        let corrupt = |reason: String| Error::CorruptFile { file: format!("{}/{file}", self.name()), reason };
        let text = String::from_utf8(bytes).map_err(|e| corrupt(format!("it is no UTF-8 text: {e}")))?;
        if file.ends_with(".json") && text.trim_start().starts_with('<') {
            return Err(corrupt("it is an HTML page, no JSON: the server has no such file at this address".to_owned()));
        }
        Ok(text)
    }

    /// The names of all its files, those of folders within with `/` between, sorted.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where they cannot be known (a web server names none), [`Error::Io`].
    async fn list(&self) -> Result<Vec<String>> {
        let reason = "its files cannot be listed; give a folder on disk, or drop the folder on the page".to_owned();
        Err(Error::InvalidInput { what: self.name(), reason })
    }

    /// Where the file lies on this machine's disk, for readers that need a path; `None` elsewhere.
    fn local_path(&self, _file: &str) -> Option<PathBuf> {
        None
    }
}

/// `[begin, end)` of bytes that are already here.
///
/// # Errors
/// [`Error::CorruptFile`] where they end before `end`.
fn slice<'a>(bytes: &'a [u8], file: &str, begin: u64, end: u64) -> Result<&'a [u8]> {
    let bounds = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
    bounds.and_then(|(begin, end)| bytes.get(begin..end)).ok_or_else(|| too_short(file, begin, end, bytes.len() as u64))
}

fn too_short(file: &str, begin: u64, end: u64, size: u64) -> Error {
    Error::CorruptFile {
        file: file.to_owned(),
        reason: format!("bytes {begin} to {end} are needed, it has {size}; it is cut short"),
    }
}

impl<F: Folder + ?Sized> Folder for &F {
    fn name(&self) -> String {
        (**self).name()
    }

    async fn has(&self, file: &str) -> Result<bool> {
        (**self).has(file).await
    }

    async fn size(&self, file: &str) -> Result<u64> {
        (**self).size(file).await
    }

    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>> {
        (**self).range(file, begin, end).await
    }

    async fn bytes(&self, file: &str) -> Result<Vec<u8>> {
        (**self).bytes(file).await
    }

    async fn list(&self) -> Result<Vec<String>> {
        (**self).list().await
    }

    fn local_path(&self, file: &str) -> Option<PathBuf> {
        (**self).local_path(file)
    }
}
