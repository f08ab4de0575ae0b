//! Words estimated from a folder of videos, each video decoded when its annotation is first read.

use super::AttributeSource;
use super::estimate::EstimateRules;
use super::poll::{TrackAttributes, assign};
use crate::data::find_video::find_video;
use crate::data::report::Skipped;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::graph::VideoGraph;
use crate::source::DiskFolder;
use crate::video::decode;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folder of the annotated videos, and what was seen in them.
#[derive(Debug)]
pub struct VideoAttributes {
    folder: PathBuf,
    rules: EstimateRules,
    abort: Abort,
    /// By annotation: a video is decoded once, however often its annotation is read.
    known: Mutex<BTreeMap<String, TrackAttributes>>,
}

impl VideoAttributes {
    /// Videos below `folder`, found as [`find_video`] does. `abort` stops decoding.
    ///
    /// # Errors
    /// [`Error::Io`] for what is no folder.
    pub fn open(folder: &Path, rules: EstimateRules, abort: &Abort) -> Result<Self> {
        let folder = DiskFolder::open(folder)?.path().to_owned();
        Ok(Self { folder, rules, abort: abort.clone(), known: Mutex::default() })
    }

    fn estimate(&self, file: &str, graph: &VideoGraph) -> Result<TrackAttributes> {
        let path = find_video(&self.folder, file).ok_or_else(|| Error::MissingFile {
            folder: self.folder.display().to_string(),
            file: format!("video of {file}"),
            advice: "its objects' attributes cannot be estimated; give the folder of the annotated videos".to_owned(),
        })?;
        self.rules.estimate(graph, &mut *decode::open_one(&path, &self.abort)?)
    }
}

impl AttributeSource for VideoAttributes {
    fn describe(&self, file: &str, graph: &mut VideoGraph) -> Result<Vec<Skipped>> {
        // Not held while a video is decoded.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let words = known().get(file).cloned();
        let words = match words {
            Some(words) => words,
            None => {
                let words = self.estimate(file, graph)?;
                known().insert(file.to_owned(), words.clone());
                words
            }
        };
        assign(graph, words);
        Ok(Vec::new())
    }

    fn left_over(&self, _videos: &BTreeSet<String>) -> Option<Skipped> {
        None // A video without an annotation is no fault.
    }
}
