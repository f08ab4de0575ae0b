//! One safetensors file read from front to back in pieces, hashed on the way: memory holds one tensor and one piece,
//! whatever the file's size.

use super::element::{append_f32, check_finite, element_size};
use super::index::hex;
use super::safetensors_file::{Header, LENGTH_BYTES, header_length, parse_header};
use super::tensor::{HostTensor, TensorInfo};
use crate::error::{Error, Result};
use crate::source::Folder;
use sha2::{Digest, Sha256};

/// Bytes asked for at once: few requests, little memory.
const PIECE: u64 = 16 << 20;

/// Longest tensor for which memory is set aside before its bytes have come (a damaged header can claim any size).
const RESERVED: usize = 64 << 20;

/// A file on its way.
pub(crate) struct ShardStream<'a, F> {
    folder: &'a F,
    file: &'a str,
    size: u64,
    /// First byte not handed out yet.
    position: u64,
    piece: Vec<u8>,
    piece_begin: u64,
    /// The hash the index asks for, and that of the bytes handed out so far.
    hash: Option<(&'a str, Sha256)>,
}

impl<'a, F: Folder> ShardStream<'a, F> {
    /// Opens a file; `sha256` is what the index says of it.
    ///
    /// # Errors
    /// Those of [`Folder::size`].
    pub async fn open(folder: &'a F, file: &'a str, sha256: Option<&'a str>) -> Result<Self> {
        let size = folder.size(file).await?;
        let hash = sha256.map(|expected| (expected, Sha256::new()));
        Ok(Self { folder, file, size, position: 0, piece: Vec::new(), piece_begin: 0, hash })
    }

    /// The file's name.
    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Reads the header; the first tensor comes next.
    ///
    /// # Errors
    /// [`Error::CorruptFile`], [`Error::UnsupportedDtype`] or those of [`Folder::range`].
    pub async fn header(&mut self) -> Result<Header> {
        let path = format!("{}/{}", self.folder.name(), self.file);
        if self.size < LENGTH_BYTES {
            let reason = format!("it has {} bytes, a safetensors file has at least {LENGTH_BYTES}", self.size);
            return Err(Error::CorruptFile { file: path, reason });
        }
        let mut first = [0; LENGTH_BYTES as usize];
        let bytes = self.collect(LENGTH_BYTES).await?;
        first.copy_from_slice(&bytes);
        let length = header_length(first, self.size, &path)?;
        let json = self.collect(length).await?;
        parse_header(&json, self.size, &path)
    }

    /// The next tensor as f32.
    ///
    /// # Errors
    /// [`Error::NonFinite`], [`Error::UnsupportedDtype`] or those of [`Folder::range`].
    pub async fn tensor(&mut self, name: &str, info: &TensorInfo) -> Result<HostTensor> {
        let element = element_size(name, info.dtype)?;
        let mut values = Vec::with_capacity(info.elements().min(RESERVED));
        let mut left = info.bytes();
        while left > 0 {
            let bytes = self.next(left, element).await?;
            append_f32(name, info.dtype, bytes, &mut values)?;
            left -= bytes.len() as u64;
        }
        check_finite(name, &values)?;
        Ok(HostTensor { shape: info.shape.clone(), values })
    }

    /// Passes over the next `count` bytes.
    ///
    /// # Errors
    /// Those of [`Folder::range`].
    pub async fn skip(&mut self, count: u64) -> Result<()> {
        if self.hash.is_none() {
            self.position += count;
            return Ok(());
        }
        let mut left = count;
        while left > 0 {
            left -= self.next(left, 1).await?.len() as u64;
        }
        Ok(())
    }

    /// Reads what is left and compares the hash. To be called after errors too: damage shows first as nonsense, and the
    /// hash tells that it is damage.
    ///
    /// # Errors
    /// [`Error::HashMismatch`] or those of [`Folder::range`].
    pub async fn finish(mut self) -> Result<()> {
        self.skip(self.size.saturating_sub(self.position)).await?;
        let Some((expected, hash)) = self.hash else { return Ok(()) };
        let got = hex(hash);
        if got.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        let file = format!("{}/{}", self.folder.name(), self.file);
        Err(Error::HashMismatch { file, expected: expected.to_owned(), got })
    }

    async fn collect(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < count {
            let next = self.next(count - bytes.len() as u64, 1).await?;
            bytes.extend_from_slice(next);
        }
        Ok(bytes)
    }

    /// The next bytes: at most `most`, at least one element, whole elements only.
    async fn next(&mut self, most: u64, element: usize) -> Result<&[u8]> {
        let held = (self.piece_begin + self.piece.len() as u64).saturating_sub(self.position);
        if self.position < self.piece_begin || held < element as u64 {
            let end = (self.position + PIECE.max(element as u64)).min(self.size).max(self.position + element as u64);
            self.piece.clear();
            self.piece = self.folder.range(self.file, self.position, end).await?;
            self.piece_begin = self.position;
        }
        let begin = (self.position - self.piece_begin) as usize;
        let count = ((self.piece.len() - begin) as u64).min(most);
        let count = count as usize / element * element;
        self.position += count as u64;
        let bytes = &self.piece[begin..begin + count];
        if let Some((_, hash)) = &mut self.hash {
            hash.update(bytes);
        }
        Ok(bytes)
    }
}
