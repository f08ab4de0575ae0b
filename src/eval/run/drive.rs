//! A benchmark driven through to a folder of results (native only): captions, then videos decoded ahead, line by line into
//! a journal.

use super::captions::Captions;
use super::classes::{self, ClassLine, Classes};
use super::journal::Journal;
use super::lines::to_bytes;
use super::matching;
use super::near_misses::{self, PairLine, Selected};
use super::results::{MissingVideo, Outcome, Results, Times};
use super::retrieval::{Ranked, VideoLine};
use super::velociti_csv;
use super::videos::Run;
use super::{Question, ScoreRule, Task};
use crate::data::benchmark::{ClassSet, PairSample, RetrievalSet};
use crate::error::{Error, Result};
use crate::eval::scores::unit;
use crate::event::{Abort, Event, Events};
use crate::platform::{block_on, write_beside};
use crate::text::TokenIds;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The model as a run needs it; [`Session`](crate::session::Session) is one.
pub trait Embedder {
    /// Embeds one clip: `pixels` `[frames, 3, side, side]` to `[dim]`, not normalised.
    ///
    /// # Errors
    /// Those of the model and of the device.
    fn embed_clip(&self, pixels: Vec<f32>, frames: usize) -> Result<Vec<f32>>;

    /// The captions' rows of token ids.
    ///
    /// # Errors
    /// Those of the tokenizer.
    fn tokens(&self, captions: &[String]) -> Result<TokenIds>;

    /// Embeds rows of token ids, all of the same length: one `[dim]` a row, not normalised.
    ///
    /// # Errors
    /// Those of the model and of the device.
    fn embed_tokens(&self, tokens: &TokenIds) -> Result<Vec<Vec<f32>>>;

    /// Refuses a model that cannot match captions with a clip.
    ///
    /// # Errors
    /// [`Error::InvalidInput`].
    fn check_matching(&self) -> Result<()>;

    /// Matches rows of token ids, all of the same length, with one clip as [`Embedder::embed_clip`] takes it: a score a row.
    ///
    /// # Errors
    /// Those of the model and of the device; [`Error::Aborted`].
    fn match_clip(&self, pixels: Vec<f32>, frames: usize, tokens: &TokenIds, abort: &Abort) -> Result<Vec<f32>>;
}

/// What is to be measured, where the data is, and where results go.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is to be measured.
    pub question: Question,
    /// The benchmark's annotation files, or folders of them; none for the generated world.
    pub data: Vec<PathBuf>,
    /// The folder with its videos; `None` for the generated world.
    pub videos: Option<PathBuf>,
    /// Folder to write.
    pub output: PathBuf,
    /// Folder of embeddings [default: `cache` in the output folder].
    pub cache: Option<PathBuf>,
    /// Threads that decode ahead.
    pub decoders: usize,
    /// Start anew where the folder holds a run with other settings.
    pub overwrite: bool,
    /// Also write VELOCITI's own score files.
    pub velociti_csv: bool,
}

/// Runs a benchmark, or goes on with it, and writes its results: `run.json` (settings), the journal of its samples and
/// `results.json` in the output folder. Emits [`Event::Progress`] of the stages `captions` and `videos`.
///
/// A video that cannot be used is no error: its samples are missing, and named in the results.
///
/// # Errors
/// Data that does not parse; [`Error::InvalidInput`] where the folder holds another run; [`Error::Aborted`] (what was done
/// stays); [`Error::InvalidInput`] for matching with a model that cannot, and for classes; those of the model, the device and
/// the disk.
pub fn evaluate(request: &Request, model: &impl Embedder, events: &mut impl Events, abort: &Abort) -> Result<Outcome> {
    if request.question.score == ScoreRule::Matching {
        matching::check(&request.question, model)?;
    }
    let run = Run::open(request, model, abort)?;
    match request.question.task {
        Task::Pairs(_) | Task::World => pairs(&run, near_misses::samples(&request.question, run.files())?, events),
        Task::Retrieval(task) => rank(&run, &RetrievalSet::read(task, run.files())?, events),
        Task::Kinetics => recognise(&run, &ClassSet::read(run.files())?, events),
    }
}

/// Embeds captions, or takes them from the cache.
fn embed<'a>(
    run: &Run<'_, impl Embedder>,
    captions: impl IntoIterator<Item = &'a str>,
    events: &mut impl Events,
) -> Result<Captions> {
    let mut embedded = Captions::new(run.settings().pre_text);
    let batches = embedded.batches(captions, |texts| run.model().tokens(texts))?;
    let total = batches.iter().map(|batch| batch.count() as u64).sum();
    let mut done = 0;
    for batch in batches {
        run.abort().check()?;
        let key = batch.key(&run.settings().model);
        if let Some(embeds) = run.cache().texts(&key, batch.count()) {
            embedded.add(&batch, &embeds)?;
        } else {
            let embeds = run.model().embed_tokens(batch.tokens())?;
            embedded.add(&batch, &embeds)?;
            run.cache().keep_texts(&key, &embeds)?;
        }
        done += batch.count() as u64;
        events.emit(Event::Progress { stage: "captions", done, total });
    }
    Ok(embedded)
}

/// Scores the pairs that are not in the journal yet, and sums up all.
fn pairs(run: &Run<'_, impl Embedder>, samples: Vec<PairSample>, events: &mut impl Events) -> Result<Outcome> {
    let original = samples.len();
    let settings = run.settings();
    let samples = Selected::new(settings, samples)?;
    run.start()?;
    let (mut journal, lines) = Journal::open::<PairLine>(&run.journal())?;
    let mut done: BTreeMap<usize, PairLine> = lines.into_iter().map(|line| (line.at, line)).collect();
    // A line of a row that is not there any more cannot be: the data's hash is part of the settings.
    let waiting = samples.waiting(&done);
    let videos: Vec<&str> = waiting.iter().map(|(video, _)| *video).collect();
    let mut keep = |lines: Vec<PairLine>| -> Result<()> {
        journal.append(&lines)?;
        done.extend(lines.into_iter().map(|line| (line.at, line)));
        Ok(())
    };
    let waiting_of = |at: usize| waiting[at].1.iter().copied();
    let (mut missing, times) = match settings.score {
        ScoreRule::Matching => matching::pairs(run, &samples, &videos, events, |at, matched| {
            let facts = (matched.facts, matched.milliseconds);
            keep(near_misses::scored_lines(settings, waiting_of(at), facts, |caption| matched.score(caption))?)
        })?,
        ScoreRule::Cosine => {
            let captions =
                if videos.is_empty() { Captions::default() } else { embed(run, samples.captions(), events)? };
            run.for_each_video(&videos, events, |at, video| {
                keep(near_misses::lines(settings, waiting_of(at), &video, &captions)?)
            })?
        }
    };
    for video in &mut missing {
        video.samples = waiting.iter().find(|(name, _)| *name == video.video).map_or(0, |(_, samples)| samples.len());
    }
    let lines: Vec<PairLine> = done.into_values().collect();
    write_beside(&run.journal(), &to_bytes(&lines)?)?;
    if run.request().velociti_csv {
        velociti_csv::write(&run.request().output.join("velociti"), &lines)?;
    }
    let times = Times { total_seconds: run.seconds(), ..times };
    near_misses::results(settings, &lines, original, missing, times).write(&run.request().output)
}

/// Recognises the clips that are not in the journal yet, and sums up all.
fn recognise(run: &Run<'_, impl Embedder>, set: &ClassSet, events: &mut impl Events) -> Result<Outcome> {
    let settings = run.settings();
    run.start()?;
    let (mut journal, lines) = Journal::open::<ClassLine>(&run.journal())?;
    let mut done: BTreeMap<usize, ClassLine> = lines.into_iter().map(|line| (line.at, line)).collect();
    let waiting: Vec<usize> = classes::selected(settings, set).filter(|at| !done.contains_key(at)).collect();
    let videos: Vec<&str> = waiting.iter().map(|at| set.videos[*at].0.as_str()).collect();
    let known = if videos.is_empty() {
        None
    } else {
        let prompts = classes::prompts(set);
        Some(Classes::new(set, &embed(run, prompts.iter().map(String::as_str), events)?)?)
    };
    let (mut missing, times) = run.for_each_video(&videos, events, |place, video| {
        let Some(known) = &known else { return Ok(()) };
        let line = known.line(set, waiting[place], video);
        journal.append(std::slice::from_ref(&line))?;
        done.insert(line.at, line);
        Ok(())
    })?;
    missing.iter_mut().for_each(|video| video.samples = 1);
    let lines: Vec<ClassLine> = done.into_values().collect();
    write_beside(&run.journal(), &to_bytes(&lines)?)?;
    let times = Times { total_seconds: run.seconds(), ..times };
    classes::results(settings, set.videos.len(), &lines, missing, times).write(&run.request().output)
}

/// Embeds the videos that are not in the journal yet, and ranks all. Of one part of the videos nothing is ranked: a run
/// without `--shard` on the same cache does that.
fn rank(run: &Run<'_, impl Embedder>, set: &RetrievalSet, events: &mut impl Events) -> Result<Outcome> {
    let settings = run.settings();
    let videos = set.videos.len().min(settings.limit.unwrap_or(usize::MAX));
    run.start()?;
    let path = run.video_journal();
    let (mut journal, lines) = Journal::open::<VideoLine>(&path)?;
    let kept = lines.into_iter().filter(|line| run.cache().video(&line.key).is_some());
    let mut done: BTreeMap<usize, VideoLine> = kept.map(|line| (line.at, line)).collect();
    let waiting: Vec<usize> = (0..videos).filter(|at| settings.has(*at) && !done.contains_key(at)).collect();
    let names: Vec<&str> = waiting.iter().map(|at| set.videos[*at].as_str()).collect();
    let (mut missing, times) = run.for_each_video(&names, events, |place, video| {
        let line = VideoLine::new(set, waiting[place], video);
        journal.append(std::slice::from_ref(&line))?;
        done.insert(line.at, line);
        Ok(())
    })?;
    count_captions(&mut missing, set);
    let lines: Vec<VideoLine> = done.into_values().collect();
    write_beside(&path, &to_bytes(&lines)?)?;
    let captions = || set.captions.iter().filter(|caption| caption.video < videos);
    let original = captions().count();
    if settings.shard.is_some() || lines.is_empty() {
        let times = Times { total_seconds: run.seconds(), ..times };
        return Results::new(settings.clone(), original, 0, missing, times).write(&run.request().output);
    }
    let texts = embed(run, captions().map(|caption| caption.text.as_str()), events)?;
    let vectors: Result<Vec<Vec<f32>>> = lines.iter().map(|line| kept_vector(run, line)).collect();
    let ranked = Ranked::new(&lines, vectors?, captions(), &texts)?;
    let metrics = block_on(ranked.rank())?;
    let matched = match settings.candidates {
        Some(count) => Some(matching::re_rank(run, &ranked, count, events)?),
        None => None,
    };
    let ranks = matched.as_ref().unwrap_or(&metrics.raw);
    write_beside(&run.journal(), &to_bytes(&ranked.samples(ranks))?)?;
    let times = Times { total_seconds: run.seconds(), ..times };
    let mut results = Results::new(settings.clone(), original, ranked.captions(), missing, times);
    ranked.add(&mut results, &metrics);
    if let Some(matched) = &matched {
        ranked.add_matched(&mut results, matched);
    }
    results.write(&run.request().output)
}

/// The texts that missing videos take with them.
fn count_captions(missing: &mut [MissingVideo], set: &RetrievalSet) {
    for video in missing {
        video.samples = set.captions.iter().filter(|caption| set.videos[caption.video] == video.video).count();
    }
}

fn kept_vector(run: &Run<'_, impl Embedder>, line: &VideoLine) -> Result<Vec<f32>> {
    let (embed, _) = run.cache().video(&line.key).ok_or_else(|| Error::CorruptFile {
        file: format!("embedding {} in the cache", line.key),
        reason: "it was there a moment ago; does something else clear the cache?".to_owned(),
    })?;
    unit(&embed)
}
