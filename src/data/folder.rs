//! A folder of annotation files, as downloaded: read one at a time.

use super::annotation::Annotation;
use super::attributes::AttributeSource;
use super::report::{ReadReport, Skipped};
use super::vocabulary::{self, Dataset};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::source::Folder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whose relations are joined where they come in overlapping pieces ([`VideoGraph::merge_segments`]).
///
/// [`VideoGraph::merge_segments`]: crate::graph::VideoGraph::merge_segments
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeSegments {
    /// Nobody's.
    Off,
    /// Those of VidVRD's training split, the only one that is written so: files in VidVRD's layout below a folder "train".
    #[default]
    Train,
    /// Everybody's.
    Always,
}

impl MergeSegments {
    /// All settings.
    pub const ALL: [Self; 3] = [Self::Off, Self::Train, Self::Always];

    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Train => "train",
            Self::Always => "always",
        }
    }

    /// The setting of that name.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|merge| merge.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "setting of merge_segments",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    fn applies(self, dataset: Dataset, path: &str) -> bool {
        // The folder's own path counts, for a user may open "…/train" itself; of several, the innermost decides.
        let split = path.rsplit(['/', '\\']).find(|part| ["train", "test"].contains(part));
        match self {
            Self::Off => false,
            Self::Train => dataset == Dataset::VidVrd && split == Some("train"),
            Self::Always => true,
        }
    }
}

/// How a folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Whose pieces are joined.
    pub merge_segments: MergeSegments,
    /// A file that is refused ends the reading, instead of being reported and skipped.
    pub strict: bool,
}

/// The annotation files of a folder and of those within it; nothing of them is kept in memory.
#[derive(Debug, Clone)]
pub struct AnnotationFolder<F> {
    folder: F,
    files: Vec<String>,
    options: ReadOptions,
    attributes: Option<Arc<dyn AttributeSource>>,
}

/// One file, read.
struct FileRead {
    annotation: Annotation,
    bytes: u64,
    /// What of the source of attributes does not fit.
    refused: Vec<Skipped>,
}

impl<F: Folder> AnnotationFolder<F> {
    /// Lists the folder: every `.json` file is an annotation, but hidden ones and the generated world's captions
    /// (`*.captions.json`).
    ///
    /// # Errors
    /// Those of [`Folder::list`], and [`Error::MissingFile`] where no file is an annotation.
    pub async fn open(folder: F, options: ReadOptions) -> Result<Self> {
        let mut files = folder.list().await?;
        files.retain(|file| {
            let hidden = file.split('/').any(|part| part.starts_with('.'));
            file.ends_with(".json") && !file.ends_with(".captions.json") && !hidden
        });
        if files.is_empty() {
            let advice = "give the folder with VidVRD's or VidOR's annotation files (one .json a video)".to_owned();
            return Err(Error::MissingFile { folder: folder.name(), file: "annotation".to_owned(), advice });
        }
        Ok(Self { folder, files, options, attributes: None })
    }

    /// The same folder, its objects described by a source of attribute words.
    #[must_use]
    pub fn with_attributes(self, source: Arc<dyn AttributeSource>) -> Self {
        Self { attributes: Some(source), ..self }
    }

    /// The folder itself.
    #[must_use]
    pub const fn folder(&self) -> &F {
        &self.folder
    }

    /// The files' names, sorted.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Reads one file.
    ///
    /// # Errors
    /// Those of [`Annotation::parse`], of the folder, and of [`AttributeSource::describe`].
    pub async fn read(&self, file: &str) -> Result<Annotation> {
        Ok(self.read_sized(file).await?.annotation)
    }

    async fn read_sized(&self, file: &str) -> Result<FileRead> {
        let path = format!("{}/{file}", self.folder.name());
        let bytes = self.folder.bytes(file).await?;
        let mut annotation = Annotation::parse(&bytes, &path)?;
        let name = file.rsplit('/').next().unwrap_or(file);
        let differs = name.strip_suffix(".json") != Some(annotation.graph.video_id.as_str());
        annotation.traps.id_differs_from_name = u64::from(differs);
        if self.options.merge_segments.applies(annotation.dataset, &path) {
            annotation.traps.merged_segments = annotation.graph.merge_segments() as u64;
        }
        let refused = match &self.attributes {
            Some(source) => source.describe(file, &mut annotation.graph)?,
            None => Vec::new(),
        };
        annotation.traps.misplaced_captions = refused.len() as u64;
        Ok(FileRead { annotation, bytes: bytes.len() as u64, refused })
    }

    /// Reads every file in turn and hands it to `visit` with its name; `events` hears how many are done. Memory is bounded by
    /// the largest file.
    ///
    /// # Errors
    /// What `visit` returns; with [`ReadOptions::strict`] also the first file's that is refused. Without, such files are
    /// in the report.
    pub async fn scan(
        &self,
        events: &mut impl Events,
        mut visit: impl FnMut(&str, Annotation) -> Result<()>,
    ) -> Result<ReadReport> {
        let (entities, predicates) = (vocabulary::entities(), vocabulary::predicates());
        let (entities, predicates): (BTreeSet<&str>, BTreeSet<&str>) =
            (entities.into_iter().collect(), predicates.into_iter().collect());
        let mut report = ReadReport::default();
        let mut videos = BTreeSet::new();
        let total = self.files.len() as u64;
        let mut tell = |done: u64| events.emit(Event::Progress { stage: "graphs", done, total });
        for (done, file) in (0..).zip(&self.files) {
            tell(done);
            let FileRead { annotation, bytes, mut refused } = match self.read_sized(file).await {
                Ok(read) => read,
                Err(Error::Aborted) => return Err(Error::Aborted),
                Err(error) if self.options.strict => return Err(error),
                Err(error) => {
                    report.skipped.push(Skipped::new(format!("{}/{file}", self.folder.name()), &error));
                    continue;
                }
            };
            let graph = &annotation.graph;
            report.count_video(annotation.dataset);
            report.bytes += bytes;
            report.boxes += graph.tracks.iter().map(|track| track.boxes.len() as u64).sum::<u64>();
            report.relations += graph.relations.len() as u64;
            report.traps += annotation.traps;
            report.tracks += graph.tracks.len() as u64;
            report.described_tracks += graph.tracks.iter().filter(|track| !track.attributes.is_empty()).count() as u64;
            report.skipped_captions.append(&mut refused);
            if self.attributes.is_some() {
                videos.insert(graph.video_id.clone());
            }
            for track in graph.tracks.iter().filter(|track| !entities.contains(track.category.as_str())) {
                *report.unlisted_entities.entry(track.category.clone()).or_default() += 1;
            }
            for relation in graph.relations.iter().filter(|r| !predicates.contains(r.predicate.as_str())) {
                *report.unlisted_predicates.entry(relation.predicate.clone()).or_default() += 1;
            }
            visit(file, annotation)?;
        }
        tell(total);
        if let Some(unused) = self.attributes.as_ref().and_then(|source| source.left_over(&videos)) {
            if self.options.strict {
                return Err(unused.into_error());
            }
            report.skipped_captions.push(unused);
        }
        Ok(report)
    }
}

#[cfg(test)]
#[path = "tests/folder.rs"]
mod tests;
