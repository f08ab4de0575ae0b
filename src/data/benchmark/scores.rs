//! Score files of others: VideoCon's (no header) and VELOCITI's (one CSV a test).

use super::row::Row;
use super::videos::{file_name, stem};
use super::{DataFile, csv_rows};
use crate::error::Result;
use std::collections::BTreeMap;

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
    Ok(score_rows(file)?.into_iter().map(|(_, score)| score).collect())
}

fn score_rows(file: &DataFile) -> Result<Vec<(Row, VideoconScore)>> {
    let names = ["videopath", "caption", "score", "p_yes", "p_no"];
    let rows = csv_rows::without_header(file.text()?, &names, 3, &file.name())?;
    rows.into_iter()
        .map(|row| {
            let (video, prompt) = (row.text("videopath")?, row.text("caption")?);
            let score = VideoconScore { video, caption: asked(&prompt).to_owned(), score: row.number("score")? };
            Ok((row, score))
        })
        .collect()
}

/// Scores of captions by video, out of VideoCon's score files. A video is known by its file's name without folders and
/// extension: rows have paths of the machine that made them, the data has addresses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaptionScores(BTreeMap<(String, String), f64>);

impl CaptionScores {
    /// Reads score files.
    ///
    /// # Errors
    /// Those of [`videocon_scores`]; [`Error::InvalidRow`](crate::Error::InvalidRow) where a caption has a second score that
    /// differs.
    pub fn read(files: &[DataFile]) -> Result<Self> {
        let mut all = Self::default();
        for file in files {
            for (row, VideoconScore { video, caption, score }) in score_rows(file)? {
                let before = all.0.insert(Self::key(&video, &caption), score);
                // A model's answer to the same question is the same to the bit; another one's file was mixed in.
                if let Some(before) = before.filter(|before| before.to_bits() != score.to_bits()) {
                    return Err(row.wrong(format!("this video and caption had the score {before} before")));
                }
            }
        }
        Ok(all)
    }

    /// A caption's score.
    #[must_use]
    pub fn of(&self, video: &str, caption: &str) -> Option<f64> {
        self.0.get(&Self::key(video, caption)).copied()
    }

    fn key(video: &str, caption: &str) -> (String, String) {
        (stem(file_name(video)).to_owned(), caption.trim().to_owned())
    }
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
