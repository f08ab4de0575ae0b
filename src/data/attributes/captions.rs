//! Captions of regions from a file of JSON lines (A.1: what a captioner such as `GRiT` says of each box), a line a region:
//! `{"video": "5159741010", "frame": 12, "track": 0, "caption": "a brown dog wearing a collar"}`.
//!
//! Constraint: a data set has tens of millions of regions, in any order. Solution: lines are read one at a time and
//! tagged by the thousand on all cores, and of each only its votes are kept. Cost: 24 bytes a vote.

use super::AttributeSource;
use super::poll::{Poll, assign};
use super::tagger::AttributeTagger;
use crate::data::negatives::Negatives;
use crate::data::report::Skipped;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::graph::VideoGraph;
use crate::platform::parallel_map;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::Path;

/// Lines that are tagged at once.
const BATCH: usize = 4096;

/// What was read of a file of captions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CaptionReport {
    /// Captions that were read.
    pub captions: u64,
    /// Those that tell an attribute.
    pub telling: u64,
    /// Lines that were refused.
    pub skipped: Vec<Skipped>,
}

/// One line. Other keys are ignored.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    video: Cow<'a, str>,
    frame: u32,
    track: u32,
    #[serde(borrow)]
    caption: Cow<'a, str>,
}

/// What a line is remembered as; one that tells nothing has one vote without a ballot, so that its place is checked too.
#[derive(Debug, Clone, Copy)]
struct Vote {
    line: u64,
    track: u32,
    frame: u32,
    ballot: Option<u16>,
}

/// The kind and the word of a vote; no word where several colours are told.
type Ballot = (String, Option<String>);

/// What the captions of a file say of the tracks of each video.
#[derive(Debug, Clone, Default)]
pub struct RegionCaptions {
    file: String,
    strict: bool,
    ballots: Vec<Ballot>,
    videos: BTreeMap<String, Vec<Vote>>,
    report: CaptionReport,
}

/// A line's video, track and frame, and what its caption tells.
type Heard = (String, u32, u32, Vec<Ballot>);

impl RegionCaptions {
    /// Reads a file. The attribute words are those of `table`. With `strict`, a bad line is an error, instead of being
    /// reported and skipped; so is, later on, a line that does not fit its video.
    ///
    /// # Errors
    /// [`Error::Io`]; with `strict`, [`Error::InvalidJson`] with the line; [`Error::Aborted`].
    pub fn open(path: &Path, table: &Negatives, strict: bool, abort: &Abort) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
        let mut read = Self { file: path.display().to_string(), strict, ..Self::default() };
        read.read(std::io::BufReader::new(file), &AttributeTagger::new(table), abort)?;
        Ok(read)
    }

    /// What was read and what was refused.
    #[must_use]
    pub const fn report(&self) -> &CaptionReport {
        &self.report
    }

    fn read(&mut self, mut lines: impl BufRead, tagger: &AttributeTagger, abort: &Abort) -> Result<()> {
        let mut number = 0;
        loop {
            abort.check()?;
            let mut batch: Vec<(u64, Vec<u8>)> = Vec::with_capacity(BATCH);
            while batch.len() < BATCH {
                let mut line = Vec::new();
                let read = lines.read_until(b'\n', &mut line);
                if read.map_err(Error::io("read", &self.file))? == 0 {
                    break;
                }
                number += 1;
                if number == 1 && line.starts_with(b"\xef\xbb\xbf") {
                    line.drain(..3);
                }
                line.truncate(line.trim_ascii_end().len());
                if !line.is_empty() {
                    batch.push((number, line));
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
            for (line, heard) in parallel_map(batch, |(number, line)| (number, hear(&line, tagger))) {
                self.take(line, heard)?;
            }
        }
    }

    /// Keeps what a line says, or reports it.
    fn take(&mut self, line: u64, heard: serde_json::Result<Heard>) -> Result<()> {
        let (video, track, frame, ballots) = match heard {
            Ok(heard) => heard,
            Err(error) => {
                // The line is the file's; serde_json knows the column alone.
                let refused = Error::InvalidJson {
                    file: self.file.clone(),
                    line: usize::try_from(line).unwrap_or(usize::MAX),
                    column: error.column(),
                    reason: without_place(&error),
                };
                return self.refuse(refused);
            }
        };
        self.report.captions += 1;
        self.report.telling += u64::from(!ballots.is_empty());
        let mut numbers: Vec<Option<u16>> = Vec::with_capacity(ballots.len().max(1));
        for ballot in ballots {
            numbers.push(Some(self.number(ballot)?));
        }
        if numbers.is_empty() {
            numbers.push(None);
        }
        let votes = self.videos.entry(video).or_default();
        votes.extend(numbers.into_iter().map(|ballot| Vote { line, track, frame, ballot }));
        Ok(())
    }

    /// The ballot's number; a new one where it is new.
    fn number(&mut self, ballot: Ballot) -> Result<u16> {
        let at = self.ballots.iter().position(|known| *known == ballot).unwrap_or_else(|| {
            self.ballots.push(ballot);
            self.ballots.len() - 1
        });
        let many = || "more than 65,536 attribute words".to_owned();
        u16::try_from(at).map_err(|_| Error::InvalidInput { what: "table of negatives".to_owned(), reason: many() })
    }

    fn refuse(&mut self, refused: Error) -> Result<()> {
        if self.strict {
            return Err(refused);
        }
        self.report.skipped.push(Skipped::new(self.file.clone(), &refused));
        Ok(())
    }

    /// The vote's line as an error.
    fn fault(&self, vote: &Vote, reason: String) -> Skipped {
        Skipped { file: self.file.clone(), line: usize::try_from(vote.line).unwrap_or(usize::MAX), column: 0, reason }
    }
}

/// Reads one line and takes the words out of its caption.
fn hear(line: &[u8], tagger: &AttributeTagger) -> serde_json::Result<Heard> {
    let line: Line = serde_json::from_slice(line)?;
    for (key, text) in [("video", &line.video), ("caption", &line.caption)] {
        if text.trim().is_empty() {
            return Err(serde::de::Error::custom(format!("\"{key}\" is blank")));
        }
    }
    let told = tagger.attributes(&line.caption).into_iter();
    let ballots = told.map(|(kind, word)| (kind.to_owned(), word)).collect();
    Ok((line.video.into_owned(), line.track, line.frame, ballots))
}

/// The error's words; the line that serde_json adds is always its first.
fn without_place(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    told.strip_suffix(&place).map_or(told.clone(), str::to_owned)
}

impl AttributeSource for RegionCaptions {
    fn describe(&self, _file: &str, graph: &mut VideoGraph) -> Result<Vec<Skipped>> {
        let mut poll = Poll::default();
        let mut refused = Vec::new();
        let mut last = 0;
        for vote in self.videos.get(&graph.video_id).into_iter().flatten() {
            let reason = match graph.track(vote.track) {
                None => format!("video {} has no track {}", graph.video_id, vote.track),
                Some(track) if !track.boxes.contains_key(&vote.frame) => {
                    format!("track {} of video {} has no box in frame {}", vote.track, graph.video_id, vote.frame)
                }
                Some(_) => {
                    if let Some((kind, word)) = vote.ballot.and_then(|ballot| self.ballots.get(usize::from(ballot))) {
                        poll.cast(vote.track, vote.frame, kind, word.as_deref());
                    }
                    continue;
                }
            };
            let fault = self.fault(vote, reason);
            if self.strict {
                return Err(fault.into_error());
            }
            // A line with several votes is one fault.
            if vote.line != last {
                refused.push(fault);
                last = vote.line;
            }
        }
        let winners = poll.winners();
        assign(graph, winners);
        Ok(refused)
    }

    fn left_over(&self, videos: &BTreeSet<String>) -> Option<Skipped> {
        let mut unknown = self.videos.iter().filter(|(video, _)| !videos.contains(*video));
        let (video, votes) = unknown.next()?;
        let others = match unknown.count() {
            0 => String::new(),
            count => format!(", nor of {count} other videos of these captions"),
        };
        Some(self.fault(votes.first()?, format!("no annotation of video \"{video}\" was read{others}")))
    }
}

#[cfg(test)]
#[path = "../tests/region_captions.rs"]
mod tests;
