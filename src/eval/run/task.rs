//! The benchmarks by name.

use crate::config::{ModelType, PreprocessConfig, SamplingRule};
use crate::data::benchmark::{PairTask, RetrievalTask};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Task {
    /// Near misses told apart.
    Pairs(PairTask),
    /// Videos and texts that find each other.
    Retrieval(RetrievalTask),
    /// Classes of Kinetics-400 recognised.
    Kinetics,
    /// The seven kinds of near misses on clips of the generated world.
    World,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pairs(PairTask::Velociti),
        Self::Pairs(PairTask::Videocon),
        Self::Pairs(PairTask::Vitatecs),
        Self::Pairs(PairTask::Sugarcrepe),
        Self::Pairs(PairTask::Pairs),
        Self::Retrieval(RetrievalTask::Msrvtt),
        Self::Retrieval(RetrievalTask::Msvd),
        Self::Retrieval(RetrievalTask::Didemo),
        Self::Kinetics,
        Self::World,
    ];

    /// The name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pairs(task) => task.name(),
            Self::Retrieval(task) => task.name(),
            Self::Kinetics => "k400",
            Self::World => "world",
        }
    }

    /// Seconds of a video that count, from its start.
    #[must_use]
    pub const fn seconds(self) -> Option<f64> {
        match self {
            Self::Retrieval(task) => task.seconds(),
            Self::Pairs(_) | Self::Kinetics | Self::World => None,
        }
    }
}

impl Task {
    /// A model's preprocessing with a benchmark's own frames where its authors fix them: VELOCITI's image models average
    /// twenty, an image is one.
    #[must_use]
    pub fn preprocess(self, model: &PreprocessConfig, model_type: ModelType) -> PreprocessConfig {
        match self {
            Self::Pairs(PairTask::Velociti) if model_type == ModelType::Clip => {
                PreprocessConfig { frames: 20, sampling: SamplingRule::Velociti, ..model.clone() }
            }
            Self::Pairs(PairTask::Sugarcrepe) => PreprocessConfig { frames: 1, ..model.clone() },
            _ => model.clone(),
        }
    }

    /// Whether captions are cleaned first unless told otherwise: for models whose published evaluation does; the generated
    /// world's are clean.
    #[must_use]
    pub fn cleans_captions(self, model_type: ModelType) -> bool {
        model_type.cleans_captions() && self != Self::World
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "benchmark",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl TryFrom<String> for Task {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Task> for String {
    fn from(task: Task) -> Self {
        task.name().to_owned()
    }
}
