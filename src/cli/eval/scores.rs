//! `sgcr eval scores`: score files of others, judged by their benchmark's rules.

use super::super::{CheckFailed, output};
use crate::data::benchmark::{CaptionScores, DataFile, PairTask, Purpose, read_pairs, velociti_scores};
use crate::eval::{ScoreTable, ScoredPair, VideoconTable};
use std::path::PathBuf;

/// The files, and what they are about.
#[derive(Debug, clap::Args)]
pub struct ScoresArgs {
    /// Score files, or folders of them
    #[arg(required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// VideoCon's annotations (videocon_human.csv, videocon_llm_entailment.csv): the score files are VideoCon's
    #[arg(long, value_name = "FILE")]
    videocon: Vec<PathBuf>,
    /// Split of VideoCon's rows that name one
    #[arg(long, default_value = "test", requires = "videocon")]
    split: String,
    /// Pairs without a score are no failure
    #[arg(long, requires = "videocon")]
    allow_missing: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with a file; [`CheckFailed`] where pairs have no score.
pub fn run(args: &ScoresArgs) -> anyhow::Result<()> {
    if args.videocon.is_empty() { velociti(args) } else { videocon(args) }
}

fn read(paths: &[PathBuf]) -> crate::Result<Vec<DataFile>> {
    let files: crate::Result<Vec<Vec<DataFile>>> = paths.iter().map(|path| DataFile::read(path)).collect();
    Ok(files?.concat())
}

fn velociti(args: &ScoresArgs) -> anyhow::Result<()> {
    let mut pairs = Vec::new();
    for file in read(&args.files)? {
        pairs.extend(velociti_scores(&file)?);
    }
    let scored: Vec<ScoredPair<'_>> = pairs
        .iter()
        .map(|pair| {
            let (positive, negative) = (pair.positive, pair.negative);
            ScoredPair { test: &pair.kind, video: &pair.video, positive, negative }
        })
        .collect();
    let table = ScoreTable::of(&scored);
    if args.json { output::print_json(&table) } else { output::print(&table.to_markdown()) }
}

fn videocon(args: &ScoresArgs) -> anyhow::Result<()> {
    let samples = read_pairs(PairTask::Videocon, &read(&args.videocon)?, &args.split, Purpose::Evaluation)?;
    let table = VideoconTable::of(&samples, &CaptionScores::read(&read(&args.files)?)?)?;
    if args.json {
        output::print_json(&table)?;
    } else {
        output::print(&table.to_markdown())?;
    }
    let Some(first) = table.missing.first().filter(|_| !args.allow_missing) else { return Ok(()) };
    let (count, id, caption) = (table.missing.len(), &first.id, &first.caption);
    let message = format!("{count} pairs have no score, {id} first (\"{caption}\"); --allow-missing accepts that");
    Err(CheckFailed(message).into())
}
