//! Video-text retrieval: MSR-VTT, MSVD and DiDeMo in every layout that is around (formats.md 4.1).

use super::row::Row;
use super::{DataFile, pickled};
use crate::data::locate::{Fault, Place};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A retrieval benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetrievalTask {
    /// MSR-VTT, 1k-A and others: one or many captions a video.
    Msrvtt,
    /// MSVD: every caption of a video is a query of its own.
    Msvd,
    /// DiDeMo: all captions of a video are one text; of the video the first 30 seconds.
    Didemo,
}

/// A text and the video it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalCaption {
    /// The text.
    pub text: String,
    /// Position of its video in [`RetrievalSet::videos`].
    pub video: usize,
}

/// Videos and texts that are to find each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetrievalSet {
    /// The videos, each once, as the files name them.
    pub videos: Vec<String>,
    /// The texts, one at least a video; equal texts of different videos stay (MSR-VTT's 1k-A has some).
    pub captions: Vec<RetrievalCaption>,
}

impl RetrievalTask {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Msrvtt, Self::Msvd, Self::Didemo];

    /// The name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Msrvtt => "msrvtt",
            Self::Msvd => "msvd",
            Self::Didemo => "didemo",
        }
    }

    /// Seconds of a video that count, from its start: DiDeMo was annotated on the first 30.
    #[must_use]
    pub const fn seconds(self) -> Option<f64> {
        match self {
            Self::Didemo => Some(30.0),
            Self::Msrvtt | Self::Msvd => None,
        }
    }
}

/// `MSRVTT_data.json`.
#[derive(Deserialize)]
struct Sentences {
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    video_id: String,
    caption: String,
}

impl RetrievalSet {
    /// Reads one or more files of captions, and perhaps a list of videos (one a line, with or without extension) that are
    /// the set, in its order. Layouts are told apart by what is in them:
    ///
    /// - a list of `{video, caption}` (VindLU's), the caption a text or a list
    /// - a list of `{video, description}` (DiDeMo's own)
    /// - CSV with `video_id, sentence` (JSFUSION's 1k-A), by commas or semicolons
    /// - `{"sentences": [{video_id, caption}]}` (MSR-VTT's own)
    /// - a pickled dictionary of lists of words (MSVD's `raw-captions.pkl`)
    ///
    /// # Errors
    /// [`Error::InvalidRow`], also for a listed video without a caption; [`Error::InvalidJson`], [`Error::CorruptFile`],
    /// [`Error::UnsafePickle`]; [`Error::InvalidInput`] where no file has captions.
    pub fn read(task: RetrievalTask, files: &[DataFile]) -> Result<Self> {
        let mut texts = Vec::new();
        let mut wanted: Vec<(&DataFile, usize, String)> = Vec::new();
        for file in files {
            match word_list(file)? {
                Some(words) => wanted.extend(words.into_iter().map(|(line, word)| (file, line, word))),
                None => texts.extend(captions(file)?),
            }
        }
        let mut set = Grouped::default();
        for (video, caption) in texts {
            set.add(&video, caption);
        }
        if set.videos.is_empty() {
            let names: Vec<String> = files.iter().map(DataFile::name).collect();
            let reason = "no file has captions of videos".to_owned();
            return Err(Error::InvalidInput { what: names.join(", "), reason });
        }
        if !wanted.is_empty() {
            set = set.chosen(&wanted)?;
        }
        Ok(set.finish(task))
    }
}

/// Captions by video, in order of first sight.
#[derive(Default)]
struct Grouped {
    videos: Vec<(String, Vec<String>)>,
    /// By name without extension: lists and captions differ in it.
    places: BTreeMap<String, usize>,
}

impl Grouped {
    fn add(&mut self, video: &str, caption: String) {
        let place = *self.places.entry(stem(video).to_owned()).or_insert_with(|| {
            self.videos.push((video.to_owned(), Vec::new()));
            self.videos.len() - 1
        });
        self.videos[place].1.push(caption);
    }

    fn chosen(self, wanted: &[(&DataFile, usize, String)]) -> Result<Self> {
        let mut chosen = Self::default();
        for (file, line, name) in wanted {
            let wrong = |reason: String| Error::InvalidRow { file: file.name(), line: *line, reason };
            let place = self.places.get(stem(name)).ok_or_else(|| wrong(format!("no caption is of \"{name}\"")))?;
            if chosen.places.contains_key(stem(name)) {
                return Err(wrong(format!("\"{name}\" is listed twice")));
            }
            for caption in &self.videos[*place].1 {
                chosen.add(name, caption.clone());
            }
        }
        Ok(chosen)
    }

    fn finish(self, task: RetrievalTask) -> RetrievalSet {
        let mut set = RetrievalSet::default();
        for (video, captions) in self.videos {
            let place = set.videos.len();
            set.videos.push(video);
            // Paragraph retrieval: one text a video.
            let texts = if task == RetrievalTask::Didemo { vec![captions.join(" ")] } else { captions };
            set.captions.extend(texts.into_iter().map(|text| RetrievalCaption { text, video: place }));
        }
        set
    }
}

/// A name without its extension; DiDeMo's lists have names that were cut at the dot.
fn stem(name: &str) -> &str {
    let name = name.trim();
    match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 4 && !extension.contains('/') => stem,
        _ => name,
    }
}

/// Video and caption of every row.
fn captions(file: &DataFile) -> Result<Vec<(String, String)>> {
    if is_pickle(&file.bytes) {
        return pickled::captions(&file.bytes, &file.name());
    }
    let text = file.text()?;
    if text.trim_start().starts_with('{') && text.contains("\"sentences\"") {
        return sentences(text, &file.name());
    }
    let rows = file.rows()?;
    let all: Result<Vec<Vec<(String, String)>>> = rows.iter().map(row_captions).collect();
    Ok(all?.into_iter().flatten().collect())
}

/// Video and caption of each of `MSRVTT_data.json`'s sentences.
fn sentences(text: &str, file: &str) -> Result<Vec<(String, String)>> {
    let Sentences { sentences } = serde_json::from_str(text).map_err(Error::json(file))?;
    let is_blank = |sentence: &Sentence| sentence.video_id.trim().is_empty() || sentence.caption.trim().is_empty();
    if let Some(at) = sentences.iter().position(is_blank) {
        let reason = "its \"video_id\" or \"caption\" is blank".to_owned();
        let fault = Fault { place: Place { key: "sentences", path: vec![at] }, reason };
        return Err(Error::json(file)(fault.at(text.as_bytes())));
    }
    Ok(sentences.into_iter().map(|sentence| (sentence.video_id, sentence.caption)).collect())
}

fn row_captions(row: &Row) -> Result<Vec<(String, String)>> {
    let video = row.text_of(&["video", "video_id"])?;
    let key = ["caption", "description", "sentence"].into_iter().find(|key| row.has(key)).unwrap_or("caption");
    Ok(row.texts(key)?.into_iter().map(|caption| (video.clone(), caption)).collect())
}

/// Whether bytes begin as pickles of a dictionary do: protocol 2 and later, or the text protocols.
fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..]) || bytes.starts_with(b"(dp") || bytes.starts_with(b"}q")
}

/// The lines of a plain list, with their numbers; `None` for a file of another kind: JSON, a pickle, or CSV.
pub(super) fn word_list(file: &DataFile) -> Result<Option<Vec<(usize, String)>>> {
    if is_pickle(&file.bytes) {
        return Ok(None);
    }
    let text = file.text()?;
    let first = text.trim_start().lines().next().unwrap_or_default();
    if first.starts_with(['[', '{']) || first.contains([',', ';', '\t']) {
        return Ok(None);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let words: Vec<(usize, String)> = lines.map(|(at, line)| (at + 1, line.trim().to_owned())).collect();
    if words.is_empty() {
        return Err(Error::CorruptFile { file: file.name(), reason: "it is empty".to_owned() });
    }
    Ok(Some(words))
}
