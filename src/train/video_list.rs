//! The videos that a run is going to read (native only): whether they are there, before hours are spent, and a hash of them.

use crate::data::prefetch::ClipLoader;
use crate::data::{BadVideo, VideoText};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::platform::parallel_map;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Names that a message spells out.
const NAMED: usize = 5;

/// Names of videos, with their sizes in bytes (files in a folder of images); no size for one that is missing.
#[derive(Debug, Default)]
pub(super) struct VideoList(BTreeMap<String, Option<u64>>);

impl VideoList {
    pub fn add_pairs(&mut self, loader: &ClipLoader, pairs: &[VideoText]) {
        let first: BTreeMap<&str, &VideoText> = pairs.iter().map(|pair| (pair.video.as_str(), pair)).collect();
        let first: Vec<&VideoText> = first.into_values().collect();
        self.0.extend(parallel_map(first, |pair| (pair.video.clone(), size_of(&loader.pair_path(pair)))));
    }

    /// Those of annotation files, named by them.
    pub fn add_annotated(&mut self, loader: &ClipLoader, files: &[String]) {
        let Some(annotated) = loader.graphs() else { return };
        let files: Vec<&String> = files.iter().collect();
        let size = |file: &String| annotated.video(file).ok().and_then(|path| size_of(&path));
        self.0.extend(parallel_map(files, |file| (file.clone(), size(file))));
    }

    /// Refuses missing videos, or says that they are left out.
    ///
    /// # Errors
    /// [`Error::BadClip`].
    pub fn check(&self, policy: BadVideo, events: &mut impl Events) -> Result<()> {
        let missing: BTreeSet<&str> =
            self.0.iter().filter(|(_, size)| size.is_none()).map(|(name, _)| name.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = missing.iter().take(NAMED).copied().collect();
        let more = if missing.len() > NAMED { ", …" } else { "" };
        let told = format!("{} of {} videos are missing: {}{more}", missing.len(), self.0.len(), names.join(", "));
        if policy == BadVideo::Stop || missing.len() == self.0.len() {
            return Err(Error::BadClip { reason: told });
        }
        events.emit(Event::Notice { code: "missing-videos", message: format!("{told}; they are left out") });
        Ok(())
    }

    /// The SHA-256 of their names and sizes: what can be told of terabytes without reading them.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (name, size) in &self.0 {
            let size = size.map_or_else(|| "missing".to_owned(), |size| size.to_string());
            hash.update(format!("{size} {name}\n"));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn size_of(path: &Path) -> Option<u64> {
    let about = std::fs::metadata(path).ok()?;
    if about.is_dir() { std::fs::read_dir(path).ok().map(|files| files.count() as u64) } else { Some(about.len()) }
}
