//! Benchmarks of near-miss pairs: a video, a caption that is true of it, and one that is almost the same and false.

use super::DataFile;
use super::row::Row;
use crate::data::licence::{is_velociti, velociti_refused};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A benchmark of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairTask {
    /// VELOCITI's eight tests (formats.md 2).
    Velociti,
    /// VideoCon: captions contrasted by a language model or by people (formats.md 3).
    Videocon,
    /// VITATECS's six aspects of time.
    Vitatecs,
    /// SugarCrepe's images, as clips of one frame.
    Sugarcrepe,
    /// Any table of video, positive and negative.
    Pairs,
}

/// What rows are read for. Licences differ in what they allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To measure a model.
    #[default]
    Evaluation,
    /// To change one.
    Training,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairSample {
    /// Its name within the benchmark: the file's stem and the row's number, counted from 1.
    pub id: String,
    /// The video as its row names it; [`VideoIndex`](super::VideoIndex) finds the file.
    pub video: String,
    /// The caption that is true.
    pub positive: String,
    /// The caption that is not.
    pub negative: String,
    /// The group whose accuracy it counts for: VELOCITI's test, VideoCon's misalignment, VITATECS's aspect, SugarCrepe's
    /// file, a table's own column `kind`.
    pub kind: String,
    /// VideoCon's human rows: whether a single frame does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard: Option<bool>,
    /// VELOCITI: the 2-second events the positive caption is about, counted from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<u8>,
}

/// The kind of a pair in files that have no kinds.
const ONE_KIND: &str = "all";

impl PairTask {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Velociti, Self::Videocon, Self::Vitatecs, Self::Sugarcrepe, Self::Pairs];

    /// The name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Velociti => "velociti",
            Self::Videocon => "videocon",
            Self::Vitatecs => "vitatecs",
            Self::Sugarcrepe => "sugarcrepe",
            Self::Pairs => "pairs",
        }
    }

    /// Whether equal scores count as right: SugarCrepe takes the first of the best captions, and the positive comes first
    /// (formats.md 8); for all others a tie is wrong (formats.md 2.3).
    #[must_use]
    pub const fn tie_is_right(self) -> bool {
        matches!(self, Self::Sugarcrepe)
    }

    fn samples(self, file: &DataFile, split: &str) -> Result<Vec<PairSample>> {
        let rows = match self {
            Self::Sugarcrepe => return sugarcrepe(file),
            _ => file.rows()?,
        };
        let numbered = rows.iter().enumerate().map(|(at, row)| (format!("{}:{}", file.stem(), at + 1), row));
        let samples = numbered.filter_map(|(id, row)| match self {
            Self::Velociti => Some(velociti(id, row)),
            Self::Videocon => videocon(id, row, split).transpose(),
            Self::Vitatecs => Some(vitatecs(id, row, &file.stem())),
            Self::Sugarcrepe | Self::Pairs => Some(pair(id, row)),
        });
        samples.collect()
    }
}

/// Reads a benchmark's files. Of VideoCon's rows that name a split, those of `split` count.
///
/// # Errors
/// [`Error::NotForTraining`] where the licence forbids the purpose; [`Error::InvalidRow`] and [`Error::CorruptFile`] for
/// what is wrong with a file; [`Error::InvalidInput`] where no row is left.
pub fn read_pairs(task: PairTask, files: &[DataFile], split: &str, purpose: Purpose) -> Result<Vec<PairSample>> {
    let mut samples = Vec::new();
    for file in files {
        if purpose == Purpose::Training {
            refuse_velociti(task, file)?;
        }
        samples.extend(task.samples(file, split)?);
    }
    if samples.is_empty() {
        let names: Vec<String> = files.iter().map(DataFile::name).collect();
        let reason = match task {
            PairTask::Videocon => format!("no row of split \"{split}\"; --split names another"),
            _ => "no row in it".to_owned(),
        };
        return Err(Error::InvalidInput { what: names.join(", "), reason });
    }
    Ok(samples)
}

/// By what it is given for, and by its columns, under whatever name it comes.
fn refuse_velociti(task: PairTask, file: &DataFile) -> Result<()> {
    let looks = || file.rows().is_ok_and(|rows| rows.iter().any(|row| is_velociti(row.fields())));
    if task == PairTask::Velociti || looks() {
        return Err(velociti_refused(&file.name()));
    }
    Ok(())
}

/// `video_id, test_name, event, pos, neg, in_subset` (formats.md 2.1).
fn velociti(id: String, row: &Row) -> Result<PairSample> {
    let video = row.text("video_id")?;
    // Ids come with and without an extension; the authors' code cuts at the first dot.
    let video = video.split('.').next().unwrap_or_default().to_owned();
    if video.is_empty() {
        return Err(row.wrong("\"video_id\" begins with a dot"));
    }
    let kind = row.text("test_name")?;
    let known =
        ["agent_random", "agent_bind", "coref", "action_adv", "action_bind", "action_manner", "chrono", "control"];
    if !known.contains(&kind.as_str()) {
        return Err(row.wrong(format!("\"{kind}\" is none of VELOCITI's tests: {}", known.join(", "))));
    }
    let events = match row.optional_text("event")? {
        Some(text) => {
            events(&text).ok_or_else(|| row.wrong(format!("\"{text}\" is no event; \"Ev1\" or \"(Ev1, Ev3)\"")))?
        }
        None => Vec::new(),
    };
    row.truth("in_subset")?;
    Ok(PairSample { id, video, positive: row.text("pos")?, negative: row.text("neg")?, kind, hard: None, events })
}

/// "Ev2", or a tuple as Python prints it: "(Ev1, Ev3)", "('Ev1', 'Ev3')", "(Ev1,)".
fn events(text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
    let names = inner.split(',').map(|name| name.trim().trim_matches(['\'', '"'])).filter(|name| !name.is_empty());
    let numbers: Option<Vec<u8>> =
        names.map(|name| name.strip_prefix("Ev")?.parse().ok().filter(|number| (1..=5).contains(number))).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

/// `video_url` (people's file) or `videopath` (the language model's), `caption`, `neg_caption` and what else a file has.
/// `None` for a row of another split.
fn videocon(id: String, row: &Row, split: &str) -> Result<Option<PairSample>> {
    if row.optional_text("split")?.is_some_and(|own| own != split) {
        return Ok(None);
    }
    let video = match row.optional_text("video_url")? {
        Some(url) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        }
        None => row.text("videopath")?,
    };
    if video.is_empty() {
        return Err(row.wrong("\"video_url\" ends without a file name"));
    }
    let kind = row.optional_text("misalignment")?.unwrap_or_else(|| ONE_KIND.to_owned());
    let (positive, negative) = (row.text("caption")?, row.text("neg_caption")?);
    Ok(Some(PairSample { id, video, positive, negative, kind, hard: row.truth("hard")?, events: Vec::new() }))
}

/// `src_dataset, video_name, caption, counterfactual, aspect`.
fn vitatecs(id: String, row: &Row, stem: &str) -> Result<PairSample> {
    Ok(PairSample {
        id,
        video: row.text("video_name")?,
        positive: row.text("caption")?,
        negative: row.text("counterfactual")?,
        kind: row.optional_text("aspect")?.unwrap_or_else(|| stem.to_owned()),
        hard: None,
        events: Vec::new(),
    })
}

/// `video, positive, negative` and perhaps `kind`.
fn pair(id: String, row: &Row) -> Result<PairSample> {
    if is_velociti(row.fields()) {
        return Err(row.wrong("this is a row of VELOCITI; evaluate it with `sgcr eval velociti`"));
    }
    Ok(PairSample {
        id,
        video: row.text("video")?,
        positive: row.text("positive")?,
        negative: row.text("negative")?,
        kind: row.optional_text("kind")?.unwrap_or_else(|| ONE_KIND.to_owned()),
        hard: None,
        events: Vec::new(),
    })
}

/// One object: `{id: {filename, caption, negative_caption}}`, ids counting up.
fn sugarcrepe(file: &DataFile) -> Result<Vec<PairSample>> {
    let text = file.text()?;
    let object: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(Error::json(file.name()))?;
    let mut rows: Vec<(String, Value)> = object.into_iter().collect();
    rows.sort_by_cached_key(|(id, _)| (id.parse::<u64>().unwrap_or(u64::MAX), id.clone()));
    let line = |id: &str| {
        let key = serde_json::to_string(id).unwrap_or_default();
        text.find(&format!("{key}:")).or_else(|| text.find(&key)).map_or(1, |at| 1 + text[..at].matches('\n').count())
    };
    let name: std::sync::Arc<str> = file.name().into();
    rows.into_iter()
        .map(|(id, value)| {
            let Value::Object(fields) = value else {
                let (file, line, reason) = (file.name(), line(&id), format!("\"{id}\" should be an object"));
                return Err(Error::InvalidRow { file, line, reason });
            };
            let row = Row::new(name.clone(), 0, fields);
            let sample = sugarcrepe_row(format!("{}:{id}", file.stem()), &row, &file.stem());
            // Its line is looked for where it is needed: to find every row's would read the file as often.
            sample.map_err(|error| match error {
                Error::InvalidRow { file, reason, .. } => Error::InvalidRow { file, line: line(&id), reason },
                other => other,
            })
        })
        .collect()
}

fn sugarcrepe_row(id: String, row: &Row, stem: &str) -> Result<PairSample> {
    Ok(PairSample {
        id,
        video: row.text("filename")?,
        positive: row.text("caption")?,
        negative: row.text("negative_caption")?,
        kind: stem.to_owned(),
        hard: None,
        events: Vec::new(),
    })
}
