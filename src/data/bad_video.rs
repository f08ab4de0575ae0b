//! What is done about a clip of the training data that cannot be read.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a video or annotation does that cannot be read. A run of training ends by default: what it learns from is then what
/// its manifest says, or the user decided otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadVideo {
    /// It ends the reading.
    #[default]
    Stop,
    /// It is left out of its batch and counted.
    Skip,
}

impl BadVideo {
    /// All policies.
    pub const ALL: [Self; 2] = [Self::Stop, Self::Skip];

    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Skip => "skip",
        }
    }

    /// The policy of that name.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name).ok_or_else(|| Error::UnknownName {
            kind: "policy for bad videos",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// Whether a clip with this error is left out.
    #[must_use]
    pub const fn passes_over(self, error: &Error) -> bool {
        matches!(self, Self::Skip) && Self::is_at_fault(error)
    }

    /// Whether an error is of one video. What is not the video's fault would befall every other as well.
    #[must_use]
    pub const fn is_at_fault(error: &Error) -> bool {
        matches!(
            error,
            Error::Io { .. }
                | Error::MissingFile { .. }
                | Error::InvalidJson { .. }
                | Error::CorruptFile { .. }
                | Error::NoFrames { .. }
                | Error::Decode { .. }
                | Error::InvalidInput { .. }
        )
    }
}
