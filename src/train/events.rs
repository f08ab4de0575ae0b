//! TensorBoard's event files (native only): scalars over steps, in the format that `tensorboard --logdir` reads.
//!
//! A file is a row of records: length (u64), masked CRC-32C of the length, bytes, masked CRC-32C of the bytes, all little
//! endian. Each record is one `tensorflow.Event` (event.proto, summary.proto); field numbers are those of the originals.

use crate::error::{Error, Result};
use prost::Message;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What every file begins with; readers take other versions for older rules.
const FILE_VERSION: &str = "brain.Event:2";
/// TensorBoard looks for this in a file's name.
const FILE_MARK: &str = "events.out.tfevents.";
/// `SessionLog.START`.
const START: i32 = 1;

/// `tensorflow.Event`, without what is never written here.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    // One of several in the original, so that 0 is written too.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// `tensorflow.SessionLog`.
#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Writes scalars for TensorBoard. A run that goes on opens a new file in the same folder: TensorBoard reads a folder's
/// files one after the other, as one run.
#[derive(Debug)]
pub struct EventWriter {
    file: BufWriter<File>,
    path: PathBuf,
}

impl EventWriter {
    /// A new file in `folder`, which is made where it is not there. A run that goes on names the first `step` that it will
    /// write: what an earlier file has from there on (steps taken after the last checkpoint) is no longer shown.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(folder: &Path, resumed_at: Option<u64>) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let now = wall_time();
        let (file, path) = new_file(folder, now as u64)?;
        let mut writer = Self { file: BufWriter::new(file), path };
        writer.write(&Event { wall_time: now, file_version: Some(FILE_VERSION.to_owned()), ..Event::default() })?;
        if let Some(step) = resumed_at {
            let step = signed(step)?;
            let session_log = Some(SessionLog { status: START });
            writer.write(&Event { wall_time: now, step, session_log, ..Event::default() })?;
        }
        writer.flush()?;
        Ok(writer)
    }

    /// The file that is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds one point of the curve `tag` ("loss/total"). `wall_time` is in seconds since 1970 (see [`wall_time`]). A value
    /// that is not finite is written as it is: TensorBoard marks it.
    ///
    /// # Errors
    /// [`Error::Io`]; what was written before stays readable.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f32, wall_time: f64) -> Result<()> {
        let value = SummaryValue { tag: tag.to_owned(), simple_value: Some(value) };
        let summary = Some(Summary { value: vec![value] });
        self.write(&Event { wall_time, step: signed(step)?, summary, ..Event::default() })
    }

    /// Hands everything to the system, so that a TensorBoard that is open shows it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(Error::io("write", &self.path))
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        self.file.write_all(&record(&event.encode_to_vec())).map_err(Error::io("write", &self.path))
    }
}

/// Now, in seconds since 1970.
#[must_use]
pub fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn signed(step: u64) -> Result<i64> {
    i64::try_from(step).map_err(|_| Error::InvalidInput {
        what: format!("step {step}"),
        reason: "event files count steps in 63 bits".to_owned(),
    })
}

/// A file whose name sorts behind those of all earlier ones, also where the clock was put back: TensorBoard goes through
/// them in the order of their names and never back.
fn new_file(folder: &Path, now: u64) -> Result<(File, PathBuf)> {
    let mut seconds = now;
    for entry in folder.read_dir().map_err(Error::io("read", folder))? {
        let name = entry.map_err(Error::io("read", folder))?.file_name();
        let name = name.to_string_lossy();
        let digits = name.strip_prefix(FILE_MARK).and_then(|rest| rest.split('.').next());
        if let Some(other) = digits.and_then(|digits| digits.parse::<u64>().ok()) {
            seconds = seconds.max(other.saturating_add(1));
        }
    }
    let path = folder.join(format!("{FILE_MARK}{seconds:010}.sgcr"));
    let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(Error::io("create", &path))?;
    Ok((file, path))
}

/// A TFRecord of `bytes`.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(bytes.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(bytes);
    record.extend(masked_crc(bytes).to_le_bytes());
    record
}

/// CRC-32C, rotated and shifted, so that the checksum of data that holds checksums is no checksum of it (TensorFlow's
/// `crc32c::Mask`).
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payloads of a file's records, their checksums held against a CRC-32C that goes bit by bit.
    fn payloads(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let slow_masked = |bytes: &[u8]| {
            let crc = !bytes.iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
            });
            crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
        };
        let mut payloads = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            assert_eq!(bytes[8..12], slow_masked(&bytes[..8]));
            let payload = &bytes[12..12 + length];
            assert_eq!(bytes[12 + length..16 + length], slow_masked(payload));
            payloads.push(payload.to_vec());
            bytes = &bytes[16 + length..];
        }
        payloads
    }

    fn events(path: &Path) -> Vec<Event> {
        let bytes = std::fs::read(path).unwrap();
        payloads(&bytes).iter().map(|payload| Event::decode(payload.as_slice()).unwrap()).collect()
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(&folder.path().join("events"), None).unwrap();
        writer.scalar("loss/total", 0, 2.5, 1000.25).unwrap();
        writer.scalar("loss/total", 7, 0.0, 1001.0).unwrap();
        writer.scalar("loss/vsg", 7, f32::NAN, 1001.0).unwrap();
        writer.flush().unwrap();
        let events = events(writer.path());
        assert_eq!(events[0].file_version.as_deref(), Some(FILE_VERSION));
        let points: Vec<_> = events[1..]
            .iter()
            .map(|event| {
                let value = &event.summary.as_ref().unwrap().value[0];
                (value.tag.as_str(), event.step, value.simple_value.unwrap().to_bits(), event.wall_time)
            })
            .collect();
        let expected = [
            ("loss/total", 0, 2.5_f32.to_bits(), 1000.25),
            ("loss/total", 7, 0, 1001.0),
            ("loss/vsg", 7, f32::NAN.to_bits(), 1001.0),
        ];
        assert_eq!(points, expected);
    }

    #[test]
    fn a_run_that_goes_on_writes_a_file_that_sorts_behind() {
        let folder = tempfile::tempdir().unwrap();
        // A file from the future: the clock was put back since.
        let future = folder.path().join("events.out.tfevents.4000000000.zeus.1.0");
        std::fs::write(&future, b"").unwrap();
        let mut paths = vec![future];
        for resumed_at in [None, Some(40), Some(60)] {
            paths.push(EventWriter::create(folder.path(), resumed_at).unwrap().path().to_owned());
        }
        assert!(paths.windows(2).all(|pair| pair[0].file_name() < pair[1].file_name()), "{paths:?}");
        assert_eq!(events(&paths[1]).len(), 1);
        let resumed = events(&paths[2]);
        assert_eq!((resumed.len(), resumed[1].step), (2, 40));
        assert_eq!(resumed[1].session_log, Some(SessionLog { status: START }));
    }

    /// What tests/tensorboard/check.py reads with the real TensorBoard: 60 steps, and from the checkpoint at step 40 on
    /// again, with other values, until 80.
    #[test]
    fn a_run_of_two_parts() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = std::env::var_os("SGCR_EVENTS_FOLDER").map_or(temporary.path().to_owned(), PathBuf::from);
        let mut paths = Vec::new();
        for (resumed_at, steps, sign) in [(None, 0..60, 1.0_f32), (Some(40), 40..80, -1.0)] {
            let mut writer = EventWriter::create(&folder, resumed_at).unwrap();
            for step in steps {
                let at = 1_700_000_000.0 + step as f64;
                writer.scalar("loss/total", step, sign * step as f32 / 8.0, at).unwrap();
                writer.scalar("rate", step, 1e-4, at).unwrap();
            }
            writer.flush().unwrap();
            paths.push(writer.path().to_owned());
        }
        assert_eq!(paths.iter().map(|path| events(path).len()).collect::<Vec<_>>(), [121, 82]);
    }

    #[test]
    fn records_are_byte_for_byte_the_original_writers() {
        // Written by PyPI's tensorboard (tests/tensorboard/generate.py).
        let path = format!("{}/tests/fixtures/tensorboard/events.bin", env!("CARGO_MANIFEST_DIR"));
        let expected = std::fs::read(path).unwrap();
        let mut ours = Vec::new();
        let version =
            Event { wall_time: 1_700_000_000.125, file_version: Some(FILE_VERSION.to_owned()), ..Event::default() };
        ours.extend(record(&version.encode_to_vec()));
        for (tag, step, value) in [("loss/total", 0, 2.5), ("loss/total", 300, 0.0), ("accuracy", 1 << 40, -1e-3)] {
            let value = SummaryValue { tag: tag.to_owned(), simple_value: Some(value) };
            let summary = Some(Summary { value: vec![value] });
            let event = Event { wall_time: 1_700_000_001.0, step, summary, ..Event::default() };
            ours.extend(record(&event.encode_to_vec()));
        }
        let session_log = Some(SessionLog { status: START });
        let start = Event { wall_time: 1_700_000_002.0, step: 40, session_log, ..Event::default() };
        ours.extend(record(&start.encode_to_vec()));
        assert_eq!(payloads(&ours), payloads(&expected));
        assert_eq!(ours, expected);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(EventWriter::create(&file.path().join("events"), None).unwrap_err().code(), "io");
    }
}
