//! Bytes from wherever they lie: a file, memory, an HTTP server, a Blob. Readers above this ask for ranges and never
//! know which.

use crate::error::Result;

/// Random access to the bytes of a folder's files. Async because the page can only wait that way; natively the futures
/// are ready at once. Not `Send`: JS values cannot leave their thread.
#[allow(async_fn_in_trait)]
pub trait Folder {
    /// How the folder is named in messages.
    fn name(&self) -> String;

    /// Whether it has this file.
    async fn has(&self, file: &str) -> Result<bool>;

    /// Size of a file in bytes.
    async fn size(&self, file: &str) -> Result<u64>;

    /// The bytes `[begin, end)` of a file.
    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>>;

    /// A whole file.
    async fn bytes(&self, file: &str) -> Result<Vec<u8>> {
        let size = self.size(file).await?;
        self.range(file, 0, size).await
    }
}
