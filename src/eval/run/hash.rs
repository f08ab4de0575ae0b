//! Hashes of texts and of bytes that come in pieces, lower-case hex.

use crate::error::Result;
use crate::event::Abort;
use crate::source::Folder;
use sha2::{Digest, Sha256};

/// Bytes read at a time.
pub(super) const PIECE: usize = 1 << 20;

/// The sha256 of parts, each closed by a zero byte, so that no two lists of parts are the same bytes.
pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash)
}

/// The sha256 of a file of a folder, read piece by piece.
///
/// # Errors
/// Those of [`Folder`]; [`Error::Aborted`](crate::Error::Aborted).
pub async fn of_folder_file<F: Folder>(folder: &F, file: &str, abort: &Abort) -> Result<String> {
    let size = folder.size(file).await?;
    let mut hash = Sha256::new();
    for begin in (0..size).step_by(PIECE) {
        abort.check()?;
        hash.update(folder.range(file, begin, size.min(begin + PIECE as u64)).await?);
    }
    Ok(hex(hash))
}

pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash of bytes that come one piece after another: a video in the page is never whole in memory.
#[derive(Debug, Clone, Default)]
pub struct PieceHash(Sha256);

impl PieceHash {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sha256 of all.
    #[must_use]
    pub fn finish(self) -> String {
        hex(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryFolder;
    use std::collections::BTreeMap;

    #[test]
    fn pieces_hash_as_the_whole() {
        assert_ne!(of_parts(["ab", "c"]), of_parts(["a", "bc"]));
        let bytes: Vec<u8> = (0..2 * PIECE + 7).map(|i| (i % 251) as u8).collect();
        let whole = hex(Sha256::new_with_prefix(&bytes));
        let mut pieces = PieceHash::default();
        bytes.chunks(1000).for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.finish(), whole);
        let folder = MemoryFolder::new("m", BTreeMap::from([("a".to_owned(), bytes)]));
        assert_eq!(pollster::block_on(of_folder_file(&folder, "a", &Abort::default())).unwrap(), whole);
    }
}
