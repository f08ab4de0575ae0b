//! The command line: thin verbs over [`session`](crate::session). Results go to standard output, all else to standard
//! error. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check found a difference (`inspect --verify`) or samples or videos
//! without results (`eval`, `search`, `cuts`), 130 stopped by Ctrl-C.

mod ablate;
mod attributes;
mod convert;
mod cuts;
mod embed;
mod eval;
mod explain;
mod graph;
mod input;
mod inspect;
mod output;
mod progress;
mod score;
mod search;
mod serve;
pub mod settings_file;
mod train;
mod train_data;
mod world;

use crate::error::Error;
use crate::event::Abort;
use clap::Parser;
use std::process::ExitCode;

/// Tells near-miss captions of a video apart: who did what to whom, in which order.
#[derive(Debug, Parser)]
#[command(name = "sgcr", version, max_term_width = 110, after_help = HELP)]
struct Cli {
    /// No progress bars and no notes
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    verb: Verb,
}

const HELP: &str = "Examples:
  sgcr score --video clip.mp4 --text \"a dog chases a cat\" \"a cat chases a dog\"
  sgcr embed --video a.mp4 b.mp4 --text \"a dog\" --output embeddings.safetensors
  sgcr explain --model models/sgcr --video clip.mp4 --entities dog,cat --predicates chase,bite --output out
  sgcr search videos --text \"a dog runs on a beach\"
  sgcr eval pairs --data pairs.csv --videos clips --output out/pairs
  sgcr convert --checkpoint ViClip-InternVid-10M-FLT.pth --output models/viclip-b16
  sgcr world write --seed 7 --output clips
  sgcr train --output models/mine
  sgcr train --base models/viclip-b16 --manifest pairs.jsonl --output models/own
  sgcr graph stats clips
  sgcr serve

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check found a difference or samples or videos are missing, 130 stopped by Ctrl-C.
Messages of the program itself: set SGCR_LOG=debug.";

#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant)] // One a process.
enum Verb {
    Score(score::ScoreArgs),
    Embed(embed::EmbedArgs),
    Explain(explain::ExplainArgs),
    Search(search::SearchArgs),
    Cuts(cuts::CutsArgs),
    Eval(eval::EvalArgs),
    Convert(convert::ConvertArgs),
    Inspect(inspect::InspectArgs),
    Train(train::TrainArgs),
    Ablate(ablate::AblateArgs),
    World(world::WorldArgs),
    Graph(graph::GraphArgs),
    Serve(serve::ServeArgs),
}

/// What every verb gets: whether to be quiet, and the flag that Ctrl-C sets.
pub(crate) struct Context {
    quiet: bool,
    abort: Abort,
}

impl Context {
    /// Progress bars for one piece of work.
    fn bars(&self) -> progress::Bars {
        progress::Bars::new(self.quiet)
    }
}

/// A check that ran to its end and found a difference, or an evaluation that lacks samples (exit code 3).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CheckFailed(String);

/// Runs the program; see the module for exit codes.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    if let Verb::Serve(args) = &cli.verb {
        return serve::run(args); // waits for Ctrl-C in its own way
    }
    let context = Context { quiet: cli.quiet, abort: Abort::default() };
    let abort = context.abort.clone();
    ctrlc::set_handler(move || {
        if abort.is_requested() {
            std::process::exit(130); // asked twice: at once
        }
        abort.request();
    })?;
    match cli.verb {
        Verb::Score(args) => score::run(&args, &context),
        Verb::Embed(args) => embed::run(&args, &context),
        Verb::Explain(args) => explain::run(&args, &context),
        Verb::Search(args) => search::run(&args, &context),
        Verb::Cuts(args) => cuts::run(&args, &context),
        Verb::Eval(args) => eval::run(&args, &context),
        Verb::Convert(args) => convert::run(&args, &context),
        Verb::Inspect(args) => inspect::run(&args, &context),
        Verb::Train(args) => train::run(&args, &context),
        Verb::Ablate(args) => ablate::run(&args, &context),
        Verb::World(args) => world::run(&args, &context),
        Verb::Graph(args) => graph::run(&args, &context),
        Verb::Serve(args) => serve::run(&args),
    }
}

fn report(error: &anyhow::Error) -> ExitCode {
    if matches!(error.downcast_ref::<Error>(), Some(Error::Aborted)) {
        output::note("stopped");
        return ExitCode::from(130);
    }
    output::note(&format!("error: {}", sentence(error)));
    if error.is::<CheckFailed>() { ExitCode::from(3) } else { ExitCode::FAILURE }
}

/// The error and its causes in one line, no cause said twice (many messages already hold theirs).
fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SGCR_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("inner").context("outer: inner");
        assert_eq!(sentence(&error), "outer: inner");
        let error = anyhow::anyhow!("inner").context("outer");
        assert_eq!(sentence(&error), "outer: inner");
    }
}
