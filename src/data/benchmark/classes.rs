//! Zero-shot recognition: videos with one class each (Kinetics-400 as ViCLIP's evaluation reads it, formats.md 4.5).

use super::DataFile;
use super::retrieval::word_list;
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Videos and their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassSet {
    /// Class names, sorted: the file's order is that of a Python set, so any order.
    pub classes: Vec<String>,
    /// Video and position of its class.
    pub videos: Vec<(String, usize)>,
}

impl ClassSet {
    /// Reads a table with `video` and `caption` (the class), and perhaps a list of all classes, one a line: without it the
    /// classes are those that occur.
    ///
    /// # Errors
    /// [`Error::InvalidRow`], also for a class that the list does not have; [`Error::CorruptFile`];
    /// [`Error::InvalidInput`] where no file has videos.
    pub fn read(files: &[DataFile]) -> Result<Self> {
        let mut listed: Option<BTreeSet<String>> = None;
        let mut rows = Vec::new();
        for file in files {
            match word_list(file)? {
                Some(words) => listed.get_or_insert_default().extend(words.into_iter().map(|(_, word)| word)),
                None => rows.extend(file.rows()?),
            }
        }
        if rows.is_empty() {
            let names: Vec<String> = files.iter().map(DataFile::name).collect();
            let reason = "no file has rows of \"video\" and \"caption\" (the class)".to_owned();
            return Err(Error::InvalidInput { what: names.join(", "), reason });
        }
        let mut named = Vec::new();
        for row in &rows {
            let class = row.text("caption")?.trim().to_owned();
            if listed.as_ref().is_some_and(|listed| !listed.contains(&class)) {
                return Err(row.wrong(format!("class \"{class}\" is not in the list of classes")));
            }
            named.push((row.text("video")?, class));
        }
        let classes = listed.unwrap_or_else(|| named.iter().map(|(_, class)| class.clone()).collect());
        let classes: Vec<String> = classes.into_iter().collect();
        let place = |class: &String| classes.binary_search(class).ok();
        // Every class is in the set it was made of.
        let videos = named.iter().filter_map(|(video, class)| Some((video.clone(), place(class)?))).collect();
        Ok(Self { classes, videos })
    }
}
