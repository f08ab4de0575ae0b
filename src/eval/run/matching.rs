//! Scores by matching: the model looks at a clip and a caption together (native only).
//!
//! Constraint: a clip's tokens are megabytes (5.8 of InternVideo2-1B), so that those of a thousand clips are not kept, and a
//! caption costs a pass through the text encoder with every clip. Solution: near misses are matched in the one pass over the
//! videos; of retrieval only the best candidates by cosine are, in a second pass that decodes and encodes every video again,
//! with a journal of its own. Cost: retrieval takes twice the time of embedding, and what the captions take.

use super::candidates::Candidates;
use super::captions::seen;
use super::drive::Embedder;
use super::facts::ClipFacts;
use super::journal::Journal;
use super::lines::to_bytes;
use super::near_misses::Selected;
use super::results::{MissingVideo, Times};
use super::retrieval::Ranked;
use super::videos::Run;
use super::{Question, Task};
use crate::error::{Error, Result};
use crate::eval::{Rescored, RetrievalRanks};
use crate::event::Events;
use crate::platform::{block_on, write_beside};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Refuses what cannot be matched.
///
/// # Errors
/// [`Error::InvalidInput`] for a model that cannot, for classes, and for no candidates.
pub fn check(question: &Question, model: &impl Embedder) -> Result<()> {
    model.check_matching()?;
    let refuse = |reason: &str| Err(Error::InvalidInput { what: "--match".to_owned(), reason: reason.to_owned() });
    match question.task {
        Task::Kinetics => {
            refuse("classes are thousands of prompts, which are compared by their embeddings; leave it out")
        }
        Task::Retrieval(_) if question.candidates == 0 => refuse("0 candidates leave nothing to match; 128 are usual"),
        Task::Retrieval(_) | Task::Pairs(_) | Task::World => Ok(()),
    }
}

/// A video whose captions were matched.
pub struct MatchedCaptions<'a> {
    /// By text as the model sees it.
    scores: &'a BTreeMap<String, f32>,
    clean: bool,
    /// What the clip is made from.
    pub facts: &'a ClipFacts,
    /// Milliseconds of decoding and matching.
    pub milliseconds: f64,
}

impl MatchedCaptions<'_> {
    /// The score of a caption.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for one that was not matched.
    pub fn score(&self, caption: &str) -> Result<f32> {
        let reason = "it was not matched; this is a fault of sgcr".to_owned();
        let unknown = || Error::InvalidInput { what: format!("caption \"{caption}\""), reason };
        self.scores.get(&seen(caption, self.clean)).copied().ok_or_else(unknown)
    }
}

/// Matches the captions of each video's samples with it. They are all its captions, also where a run that was stopped has
/// some of their samples already: what is matched together decides the last digits.
///
/// # Errors
/// Those of [`Run::match_each_video`] and of `visit`.
pub fn pairs(
    run: &Run<'_, impl Embedder>,
    samples: &Selected,
    videos: &[&str],
    events: &mut impl Events,
    mut visit: impl FnMut(usize, &MatchedCaptions<'_>) -> Result<()>,
) -> Result<(Vec<MissingVideo>, Times)> {
    let clean = run.settings().pre_text;
    let mut by_video: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, sample) in samples.all() {
        by_video.entry(&sample.video).or_default().extend([sample.positive.as_str(), sample.negative.as_str()]);
    }
    let texts = |at: usize| -> Vec<String> {
        let captions = by_video.get(videos[at]).into_iter().flatten();
        captions.map(|caption| seen(caption, clean)).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let rows = |at: usize| run.model().tokens(&texts(at));
    run.match_each_video(videos, "videos", events, rows, |at, video| {
        let scores: BTreeMap<String, f32> = texts(at).into_iter().zip(video.scores).collect();
        visit(at, &MatchedCaptions { scores: &scores, clean, facts: &video.facts, milliseconds: video.milliseconds })
    })
}

/// A video and the texts that were matched with it: a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct MatchLine {
    /// Position among the videos that are ranked.
    at: usize,
    /// The video as its row names it.
    video: String,
    /// Positions of texts among those that are ranked.
    texts: Vec<usize>,
    /// The score of each.
    scores: Vec<f32>,
}

/// Matches the best `count` candidates of every query, and ranks by that.
///
/// # Errors
/// Those of [`Run::match_each_video`]; the first of the videos that cannot be used any more.
pub fn re_rank(
    run: &Run<'_, impl Embedder>,
    ranked: &Ranked<'_>,
    count: usize,
    events: &mut impl Events,
) -> Result<RetrievalRanks> {
    let candidates = Candidates::best(ranked, count);
    let (to_match, names) = (candidates.by_video(), ranked.names());
    let path = run.match_journal();
    let (mut journal, lines) = Journal::open::<MatchLine>(&path)?;
    // Other texts where videos were missing at first.
    let fits = |line: &MatchLine| {
        let texts = to_match.get(line.at);
        texts == Some(&line.texts) && names[line.at] == line.video && line.scores.len() == line.texts.len()
    };
    let mut done: BTreeMap<usize, MatchLine> = lines.into_iter().filter(fits).map(|line| (line.at, line)).collect();
    let waiting: Vec<usize> = (0..names.len()).filter(|at| !done.contains_key(at)).collect();
    let videos: Vec<&str> = waiting.iter().map(|at| names[*at]).collect();
    let clean = run.settings().pre_text;
    let rows = |place: usize| {
        let texts = to_match[waiting[place]].iter().map(|text| seen(&ranked.captions[*text].text, clean));
        run.model().tokens(&texts.collect::<Vec<_>>())
    };
    let (missing, _) = run.match_each_video(&videos, "matching", events, rows, |place, matched| {
        let at = waiting[place];
        let (video, texts) = (names[at].to_owned(), to_match[at].clone());
        let line = MatchLine { at, video, texts, scores: matched.scores };
        journal.append(std::slice::from_ref(&line))?;
        done.insert(at, line);
        Ok(())
    })?;
    if let Some(MissingVideo { video, reason, .. }) = missing.into_iter().next() {
        let reason = format!("it could be embedded, but not be read again to be matched: {reason}");
        return Err(Error::InvalidInput { what: format!("video \"{video}\""), reason });
    }
    let lines: Vec<MatchLine> = done.into_values().collect();
    write_beside(&path, &to_bytes(&lines)?)?;
    let mut scores = Rescored::new(names.len(), candidates.of_texts.len());
    for line in &lines {
        candidates.give(line.at, &line.texts, &line.scores, &mut scores);
    }
    block_on(ranked.rank_again(scores))
}
