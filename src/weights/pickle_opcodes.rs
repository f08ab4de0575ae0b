//! The opcodes of a pickle, read one after another. What they would do is up to whoever reads them; here nothing is done.

use crate::error::{Error, Result};

/// What follows an opcode byte.
enum Argument {
    Nothing,
    Bytes(usize),
    /// A little-endian length of so many bytes, then that many bytes.
    Counted(usize),
    Line,
    TwoLines,
}

/// Python's pickletools lists these (protocols 0 to 5).
fn argument(opcode: u8) -> Option<Argument> {
    Some(match opcode {
        b'('
        | b'.'
        | b'0'
        | b'1'
        | b'2'
        | b'N'
        | b'Q'
        | b'R'
        | b'a'
        | b'b'
        | b'd'
        | b'}'
        | b'e'
        | b'l'
        | b']'
        | b'o'
        | b's'
        | b't'
        | b')'
        | b'u'
        | 0x81
        | 0x85..=0x89
        | 0x8f..=0x94
        | 0x97
        | 0x98 => Argument::Nothing,
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Argument::Bytes(1),
        b'M' | 0x83 => Argument::Bytes(2),
        b'J' | b'j' | b'r' | 0x84 => Argument::Bytes(4),
        b'G' | 0x95 => Argument::Bytes(8),
        b'U' | b'C' | 0x8a | 0x8c => Argument::Counted(1),
        b'T' | b'X' | b'B' | 0x8b => Argument::Counted(4),
        0x8d | 0x8e | 0x96 => Argument::Counted(8),
        b'F' | b'I' | b'L' | b'P' | b'S' | b'V' | b'g' | b'p' => Argument::Line,
        b'c' | b'i' => Argument::TwoLines,
        _ => return None,
    })
}

/// An opcode with what follows it.
pub(crate) struct Op<'a> {
    /// Its byte.
    pub code: u8,
    /// The bytes that belong to it, without length and line feed; of two lines the first.
    pub bytes: &'a [u8],
    /// The second of two lines (`GLOBAL`, `INST`).
    pub second: &'a [u8],
}

/// The opcodes of a pickle, one after another.
pub(crate) struct Opcodes<'a> {
    bytes: &'a [u8],
    /// The position after those that were read.
    pub(super) at: usize,
    /// The file's name in messages.
    pub(super) file: &'a str,
}

impl<'a> Opcodes<'a> {
    /// Those from byte `begin` on; `file` is its name in messages.
    pub fn new(bytes: &'a [u8], begin: usize, file: &'a str) -> Self {
        Self { bytes, at: begin, file }
    }

    /// The next one.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] where there is none or it is cut short.
    pub fn next(&mut self) -> Result<Op<'a>> {
        let code = self.take(1)?[0];
        let argument = argument(code).ok_or_else(|| self.corrupt(format!("0x{code:02x} is no pickle opcode")))?;
        let (bytes, second): (&[u8], &[u8]) = match argument {
            Argument::Nothing => (&[], &[]),
            Argument::Bytes(count) => (self.take(count)?, &[]),
            Argument::Counted(width) => {
                let count = little_endian(self.take(width)?);
                (self.take(usize::try_from(count).unwrap_or(usize::MAX))?, &[])
            }
            Argument::Line => (self.line()?, &[]),
            Argument::TwoLines => (self.line()?, self.line()?),
        };
        Ok(Op { code, bytes, second })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.corrupt(format!("the pickle ends within a value at byte {}", self.at)))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// Up to the next line feed, which is left out.
    fn line(&mut self) -> Result<&'a [u8]> {
        let length = self.bytes[self.at..].iter().position(|b| *b == b'\n');
        let length =
            length.ok_or_else(|| self.corrupt(format!("the pickle ends within a line at byte {}", self.at)))?;
        Ok(&self.take(length + 1)?[..length])
    }

    /// [`Error::CorruptFile`] for this file.
    pub fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::CorruptFile { file: self.file.to_owned(), reason: reason.into() }
    }
}

/// A number of at most eight bytes.
pub(crate) fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
