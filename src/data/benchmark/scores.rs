//! Score files of others: VideoCon's (no header) and VELOCITI's (one CSV a test).

use super::{DataFile, csv_rows};
use crate::error::Result;

/// A score of VideoCon's authors' model: how probable it is that the video entails the caption.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoconScore {
    /// The video's path on their machine.
    pub video: String,
    /// The caption, out of the prompt it was asked in.
    pub caption: String,
    /// The entailment score.
    pub score: f64,
}

/// Reads `videopath, caption, score[, p_yes, p_no]` without header (formats.md 3).
///
/// # Errors
/// [`Error::InvalidRow`](crate::Error::InvalidRow), [`Error::CorruptFile`](crate::Error::CorruptFile).
pub fn videocon_scores(file: &DataFile) -> Result<Vec<VideoconScore>> {
    let names = ["videopath", "caption", "score", "p_yes", "p_no"];
    let rows = csv_rows::without_header(file.text()?, &names, 3, &file.name())?;
    rows.iter()
        .map(|row| {
            let (video, prompt) = (row.text("videopath")?, row.text("caption")?);
            Ok(VideoconScore { video, caption: asked(&prompt).to_owned(), score: row.number("score")? })
        })
        .collect()
}

/// The caption of a prompt `… entail the description: "CAPTION"?` with whatever follows.
fn asked(prompt: &str) -> &str {
    let Some((_, rest)) = prompt.split_once("entail the description: \"") else { return prompt };
    rest.rfind("\"?").map_or(rest, |end| &rest[..end])
}

/// One row of a VELOCITI score file.
#[derive(Debug, Clone, PartialEq)]
pub struct PairScore {
    /// The test.
    pub kind: String,
    /// The video.
    pub video: String,
    /// Score of the positive caption.
    pub positive: f64,
    /// Score of the negative caption.
    pub negative: f64,
}

/// Reads `test_name, video_id, event, pos_score, neg_score` (formats.md 2.3).
///
/// # Errors
/// [`Error::InvalidRow`](crate::Error::InvalidRow), [`Error::CorruptFile`](crate::Error::CorruptFile).
pub fn velociti_scores(file: &DataFile) -> Result<Vec<PairScore>> {
    file.rows()?
        .iter()
        .map(|row| {
            let (kind, video) = (row.text("test_name")?, row.text("video_id")?);
            Ok(PairScore { kind, video, positive: row.number("pos_score")?, negative: row.number("neg_score")? })
        })
        .collect()
}
