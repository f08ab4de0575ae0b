//! Everything that decides a run's numbers, written before the first of them.

use super::Task;
use super::identity::ModelIdentity;
use crate::config::PreprocessConfig;
use crate::data::benchmark::DataFile;
use crate::error::{Error, Result};
use crate::eval::TieRule;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is to be measured, and how.
#[derive(Debug, Clone)]
pub struct Question {
    /// The benchmark.
    pub task: Task,
    /// The split that rows or clips are taken of, where data has splits.
    pub split: String,
    /// Only so many samples from the first (near misses) or videos (retrieval, classes). Of the generated world: clips.
    pub limit: Option<usize>,
    /// One part of the videos.
    pub shard: Option<Shard>,
    /// How clips become the model's input.
    pub preprocess: PreprocessConfig,
    /// Seed of sampling rule "rand".
    pub sampling_seed: u64,
    /// Whether captions are cleaned first, as the published evaluations do.
    pub pre_text: bool,
    /// The score of a clip and a caption.
    pub score: ScoreRule,
    /// How many candidates of each query of retrieval are matched; 128 as published.
    pub candidates: usize,
    /// The model, for the record.
    pub model: ModelIdentity,
}

/// What says how well a caption fits a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScoreRule {
    /// The cosine of their embeddings.
    Cosine,
    /// The model's own judgement of both together (InternVideo2). Of retrieval it re-ranks the best candidates by cosine.
    Matching,
}

impl ScoreRule {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Matching => "matching",
        }
    }
}

/// One of several parts that videos are dealt to in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// Which, counted from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// Whether the video at this position of the data belongs to it.
    #[must_use]
    pub const fn has(self, video: usize) -> bool {
        video % self.count == self.index - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parsed {
            Some((index, count)) if 1 <= index && index <= count => Ok(Self { index, count }),
            _ => {
                let reason = format!("\"{text}\" is none; 2/4 is the second of four");
                Err(Error::InvalidInput { what: "shard".to_owned(), reason })
            }
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

/// A data file by name and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHash {
    /// Its name without folders.
    pub file: String,
    /// Its sha256.
    pub sha256: String,
}

/// What decides the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// This program's version.
    pub version: String,
    /// The benchmark.
    pub task: Task,
    /// Its files.
    pub data: Vec<DataHash>,
    /// Split of rows or clips.
    pub split: String,
    /// Samples or videos at most.
    pub limit: Option<usize>,
    /// Part of the videos.
    pub shard: Option<Shard>,
    /// Frames, sampling, resize and statistics.
    pub preprocess: PreprocessConfig,
    /// Seed of sampling rule "rand".
    pub sampling_seed: u64,
    /// Seconds of each video that count, where the benchmark cuts them.
    pub seconds: Option<f64>,
    /// Whether captions were cleaned first.
    pub pre_text: bool,
    /// The score of a clip and a caption.
    pub score: ScoreRule,
    /// Of retrieval by matching: so many best candidates of each query by cosine are matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<usize>,
    /// What equal scores are.
    pub ties: TieRule,
    /// The model.
    pub model: ModelIdentity,
}

impl RunSettings {
    /// Those of a question about data files as read.
    #[must_use]
    pub fn of(question: &Question, files: &[DataFile]) -> Self {
        let name = |file: &DataFile| file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_re_ranked = question.score == ScoreRule::Matching && matches!(question.task, Task::Retrieval(_));
        let tie_is_right = matches!(question.task, Task::Pairs(task) if task.tie_is_right());
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            task: question.task,
            data: files.iter().map(|file| DataHash { file: name(file), sha256: file.sha256() }).collect(),
            split: question.split.clone(),
            limit: question.limit,
            shard: question.shard,
            preprocess: question.preprocess.clone(),
            sampling_seed: question.sampling_seed,
            seconds: question.task.seconds(),
            pre_text: question.pre_text,
            score: question.score,
            candidates: is_re_ranked.then_some(question.candidates),
            ties: if tie_is_right { TieRule::Right } else { TieRule::Wrong },
            model: question.model.clone(),
        }
    }

    /// Whether the video at this position of the data belongs to this part.
    #[must_use]
    pub fn has(&self, video: usize) -> bool {
        self.shard.is_none_or(|shard| shard.has(video))
    }

    /// As an indented document.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] never in practice: all its keys are texts.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(Error::json("run.json"))
    }

    /// The names of the fields in which two runs differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let fields = |settings: &Self| match serde_json::to_value(settings) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (own, others) = (fields(self), fields(other));
        own.into_iter().filter(|(name, value)| others.get(name) != Some(value)).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_everything_out() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| text.parse().unwrap()).to_vec();
        for video in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.has(video)).count(), 1);
        }
        assert_eq!(shards[1].to_string(), "2/3");
        for bad in ["0/3", "4/3", "1", "a/b", "1/0", "", "-1/2"] {
            assert_eq!(bad.parse::<Shard>().unwrap_err().code(), "invalid-input", "{bad}");
        }
    }
}
