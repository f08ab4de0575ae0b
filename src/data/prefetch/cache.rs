//! Sampled frames on disk, resized, so that an epoch does not decode what an earlier one did.
//!
//! Constraint: each epoch draws other frames of a video, so that lists of frames seldom come again, but frames do.
//! Solution: a file a frame, keyed by the video's path, size and time of change, the frame's number and how it was resized;
//! what is known of a video before decoding (its length takes a decoding to find out) is kept the same way. Each file is a
//! safetensors file that tells what it is of and the hash of its bytes, so that a damaged or misplaced one is no frame.
//! Cost: 150 KB a frame of 224 x 224, uncompressed, and many files; a limit bounds them.

use super::store::DiskStore;
use crate::config::ResizeRule;
use crate::error::{Error, Result};
use crate::video::VideoInfo;
use crate::video::decode::FRAMES;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

/// Part of every key: what decodes and resizes may change with the version.
const MADE_BY: &str = concat!("sgcr ", env!("CARGO_PKG_VERSION"));
/// Name of the tensor that holds what is known of a video.
const INFO: &str = "info";
/// Keys of a file's metadata.
const HASH: &str = "sha256";
const OF: &str = "of";

/// Which video a frame is of: one that was written anew is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VideoKey(String);

/// Frames of videos on disk.
#[derive(Debug)]
pub struct FrameCache {
    store: DiskStore,
    counts: Mutex<CacheReport>,
}

/// What a cache did since it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CacheReport {
    /// Frames that were there.
    pub found: u64,
    /// Frames that were not and had to be decoded.
    pub missing: u64,
    /// Entries whose bytes are not those that were written: decoded again, and written anew.
    pub damaged: u64,
    /// Entries that made room for others.
    pub evicted: u64,
    /// Entries that could not be written: training goes on without.
    pub unwritten: u64,
    /// Why the last of these could not.
    pub reason: Option<String>,
    /// Bytes on disk.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredInfo {
    frame_count: usize,
    fps: Option<f64>,
    width: usize,
    height: usize,
}

impl VideoKey {
    /// The key of a file, or of a folder of images.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(path: &Path) -> Result<Self> {
        let whole = fs::canonicalize(path).map_err(Error::io("read", path))?;
        let about = fs::metadata(&whole).map_err(Error::io("read", path))?;
        let mut key = format!("{}: {}", whole.display(), told(&about));
        if about.is_dir() {
            let mut files = Vec::new();
            for entry in fs::read_dir(&whole).map_err(Error::io("list", path))? {
                let entry = entry.map_err(Error::io("list", path))?;
                let about = entry.metadata().map_err(Error::io("read", entry.path()))?;
                files.push(format!("{}: {}", entry.file_name().to_string_lossy(), told(&about)));
            }
            files.sort();
            key = format!("{key}, {} files {}", files.len(), digest(files.join("\n").as_bytes()));
        }
        Ok(Self(key))
    }

    fn frame(&self, index: usize, rule: ResizeRule, size: usize) -> String {
        format!("{MADE_BY}, {}, frame {index}, {rule} to {size}", self.0)
    }

    fn info(&self) -> String {
        format!("{MADE_BY}, {}, {INFO}", self.0)
    }
}

/// Size and time of change; a file system without such times leaves the size.
fn told(about: &fs::Metadata) -> String {
    let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{} bytes of {}", about.len(), changed.as_nanos())
}

impl FrameCache {
    /// Opens the folder, made where it is missing, and keeps it below `limit` bytes: frames used longest ago make room.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(folder: &Path, limit: u64) -> Result<Self> {
        Ok(Self { store: DiskStore::open(folder, limit, ".safetensors")?, counts: Mutex::default() })
    }

    /// Frame `index` as it was resized by `rule` to `size`, if it is there: `[size, size, 3]`.
    #[must_use]
    pub fn frame(&self, video: &VideoKey, index: usize, rule: ResizeRule, size: usize) -> Option<Vec<u8>> {
        let frame = self.read(FRAMES, &video.frame(index, rule, size)).filter(|frame| frame.len() == size * size * 3);
        let mut counts = self.counts();
        match frame {
            Some(_) => counts.found += 1,
            None => counts.missing += 1,
        }
        frame
    }

    /// Keeps a frame `[size, size, 3]`.
    pub fn put_frame(&self, video: &VideoKey, index: usize, rule: ResizeRule, size: usize, frame: &[u8]) {
        self.write(FRAMES, vec![1, size, size, 3], &video.frame(index, rule, size), frame);
    }

    /// What is known of the video, if it is there.
    #[must_use]
    pub fn info(&self, video: &VideoKey) -> Option<VideoInfo> {
        let text = self.read(INFO, &video.info())?;
        let StoredInfo { frame_count, fps, width, height } = serde_json::from_slice(&text).ok()?;
        Some(VideoInfo { frame_count, fps, width, height })
    }

    /// Keeps what is known of the video.
    pub fn put_info(&self, video: &VideoKey, info: VideoInfo) {
        let VideoInfo { frame_count, fps, width, height } = info;
        match serde_json::to_vec(&StoredInfo { frame_count, fps, width, height }) {
            Ok(text) => self.write(INFO, vec![text.len()], &video.info(), &text),
            Err(error) => self.count_unwritten(&error),
        }
    }

    /// What it did since it was opened.
    #[must_use]
    pub fn report(&self) -> CacheReport {
        CacheReport { evicted: self.store.evicted(), bytes: self.store.bytes(), ..self.counts().clone() }
    }

    /// What cannot be read is as good as damaged: it is decoded again either way.
    fn read(&self, tensor: &str, of: &str) -> Option<Vec<u8>> {
        let name = file_name(of);
        let sealed = match self.store.read(&name) {
            Ok(None) => return None,
            Ok(Some(file)) => unsealed(&file, tensor, of),
            Err(_) => None,
        };
        if sealed.is_none() {
            self.counts().damaged += 1;
            // Where it cannot be removed, writing it anew will tell why.
            let _ = self.store.remove(&name);
        }
        sealed
    }

    fn write(&self, tensor: &str, shape: Vec<usize>, of: &str, bytes: &[u8]) {
        let metadata = HashMap::from([(HASH.to_owned(), digest(bytes)), (OF.to_owned(), of.to_owned())]);
        let view = TensorView::new(Dtype::U8, shape, bytes);
        match view.and_then(|view| safetensors::serialize([(tensor, view)], Some(metadata))) {
            Ok(file) => {
                if let Err(error) = self.store.write(&file_name(of), &file) {
                    self.count_unwritten(&error);
                }
            }
            Err(error) => self.count_unwritten(&error),
        }
    }

    fn count_unwritten(&self, error: &dyn std::error::Error) {
        let mut counts = self.counts();
        counts.unwritten += 1;
        counts.reason = Some(error.to_string());
    }

    fn counts(&self) -> MutexGuard<'_, CacheReport> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `[shelf/]name`: 256 shelves keep folders short.
fn file_name(of: &str) -> String {
    let hash = digest(of.as_bytes());
    let (shelf, name) = hash.split_at(2);
    format!("{shelf}/{name}.safetensors")
}

/// The bytes of the tensor, if the file is of this key and they are those that were written.
fn unsealed(file: &[u8], tensor: &str, of: &str) -> Option<Vec<u8>> {
    let (_, header) = SafeTensors::read_metadata(file).ok()?;
    let metadata = header.metadata().as_ref()?;
    let tensors = SafeTensors::deserialize(file).ok()?;
    let bytes = tensors.tensor(tensor).ok()?.data();
    let whole = metadata.get(OF)? == of && *metadata.get(HASH)? == digest(bytes);
    whole.then(|| bytes.to_vec())
}

/// sha256 in lower-case hexadecimal.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const RULE: ResizeRule = ResizeRule::TorchBicubic;

    /// The one file of a cache's folder.
    fn only_file(folder: &Path) -> PathBuf {
        let shelves = fs::read_dir(folder).unwrap().map(|shelf| shelf.unwrap().path());
        let mut files: Vec<_> = shelves.flat_map(|s| fs::read_dir(s).unwrap().map(|f| f.unwrap().path())).collect();
        assert_eq!(files.len(), 1);
        files.remove(0)
    }

    #[test]
    fn what_was_kept_is_there_for_that_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("a.webm");
        fs::write(&video, "abc").unwrap();
        let cache = FrameCache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        let key = VideoKey::of(&video).unwrap();
        let frame: Vec<u8> = (0..48).collect();
        let info = VideoInfo { frame_count: 9, fps: Some(29.97), width: 4, height: 2 };
        assert!(cache.frame(&key, 3, RULE, 4).is_none() && cache.info(&key).is_none());
        cache.put_frame(&key, 3, RULE, 4, &frame);
        cache.put_info(&key, info);
        let cache = FrameCache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        assert_eq!((cache.frame(&key, 3, RULE, 4), cache.info(&key)), (Some(frame), Some(info)));
        for other in [cache.frame(&key, 2, RULE, 4), cache.frame(&key, 3, ResizeRule::Cv2Linear, 4)] {
            assert_eq!(other, None);
        }
        assert_eq!(cache.frame(&key, 3, RULE, 5), None);
        assert_eq!((cache.report().found, cache.report().missing, cache.report().damaged), (1, 3, 0));
        fs::write(&video, "abcd").unwrap();
        let written_anew = VideoKey::of(&video).unwrap();
        assert!(written_anew != key && cache.frame(&written_anew, 3, RULE, 4).is_none());
        // Of a folder of images, each file counts.
        fs::create_dir(folder.path().join("f")).unwrap();
        fs::write(folder.path().join("f/1.png"), "x").unwrap();
        let key = VideoKey::of(&folder.path().join("f")).unwrap();
        fs::write(folder.path().join("f/1.png"), "xy").unwrap();
        assert_ne!(VideoKey::of(&folder.path().join("f")).unwrap(), key);
        assert_eq!(VideoKey::of(&folder.path().join("g")).unwrap_err().code(), "io");
    }

    #[test]
    fn no_damage_is_taken_for_a_frame() {
        let folder = tempfile::tempdir().unwrap();
        let key = VideoKey::of(folder.path()).unwrap();
        let frame: Vec<u8> = (0..48).collect();
        for damage in 0..5 {
            let cached = tempfile::tempdir().unwrap();
            let cache = FrameCache::open(cached.path(), 1 << 20).unwrap();
            cache.put_frame(&key, 0, RULE, 4, &frame);
            let path = only_file(cached.path());
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            match damage {
                0 => bytes[last] ^= 1,
                1 => bytes.truncate(last),
                2 => bytes.clear(),
                3 => bytes = bytes.iter().map(|_| 0).collect(),
                // A whole entry, but another frame's.
                _ => {
                    cache.put_frame(&key, 1, RULE, 4, &[1; 48]);
                    fs::rename(cached.path().join(file_name(&key.frame(1, RULE, 4))), &path).unwrap();
                    bytes = fs::read(&path).unwrap();
                }
            }
            fs::write(&path, bytes).unwrap();
            assert_eq!(cache.frame(&key, 0, RULE, 4), None, "damage {damage}");
            assert_eq!(cache.report().damaged, 1);
            cache.put_frame(&key, 0, RULE, 4, &frame);
            assert_eq!(cache.frame(&key, 0, RULE, 4).as_ref(), Some(&frame));
        }
    }

    #[test]
    fn a_cache_that_cannot_be_written_says_so_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let key = VideoKey::of(folder.path()).unwrap();
        let cached = folder.path().join("cache");
        let cache = FrameCache::open(&cached, 1 << 20).unwrap();
        // A file where the folder was.
        fs::remove_dir(&cached).unwrap();
        fs::write(&cached, "").unwrap();
        cache.put_frame(&key, 0, RULE, 4, &[1; 48]);
        let report = cache.report();
        assert_eq!((report.unwritten, report.bytes), (1, 0));
        assert!(report.reason.unwrap().contains("cannot create"));
        assert_eq!(cache.frame(&key, 0, RULE, 4), None);
    }
}
