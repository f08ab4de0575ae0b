//! `sgcr eval`: benchmarks, from their files to a folder of results; parts put together; two models compared.

mod scores;

use super::input::{AdapterArgs, ClipArgs, ModelArgs};
use super::{CheckFailed, Context, output};
use crate::data::benchmark::{PairTask, RetrievalTask};
use crate::eval::report::Report;
use crate::eval::run::{ModelIdentity, Outcome, Question, Request, ScoreRule, Shard, Task, compare, evaluate, merge};
use crate::platform::{block_on, write_beside};
use crate::session::Session;
use crate::source::DiskFolder;
use std::path::PathBuf;

/// Measures a model on benchmarks.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr eval velociti --data velociti.jsonl --videos velociti_videos --model models/viclip-b16 --output out/velociti
  sgcr eval videocon --data videocon_human.csv --videos activitynet --output out/videocon
  sgcr eval k400 --data kinetics400_validate.json label_map_k400.txt --videos k400 --output out/k400
  sgcr eval pairs --data mine.csv --videos clips --output out/mine --limit 100
  sgcr eval world --output out/world --limit 200
  sgcr eval msrvtt --data msrvtt_ret_test1k.json --videos msrvtt --model models/internvideo2-1b --match --output out/msrvtt
  sgcr eval velociti … --shard 1/4 --output out/part1    # then: sgcr eval merge out/part1 out/part2 … --output out/all
  sgcr eval compare out/base out/tuned
  sgcr eval scores llava/*.csv    # VELOCITI's score files of any model: ClassicVLE and StrictVLE
  sgcr eval scores owl_con.csv --videocon videocon_human.csv    # VideoCon's: accuracy and ROC-AUC, all and hard
  sgcr eval report out/mine --videos clips

The output folder gets run.json (all that decides the numbers), samples_TASK.jsonl and results.json. A run that was
stopped or killed goes on when the same command is given again.")]
pub struct EvalArgs {
    #[command(subcommand)]
    verb: EvalVerb,
}

#[derive(Debug, clap::Subcommand)]
enum EvalVerb {
    /// VELOCITI: agents, actions and their order; rows as JSONL, JSON or CSV with test_name, video_id, pos, neg
    Velociti(TaskArgs),
    /// VideoCon: videocon_human.csv, videocon_llm_entailment.csv or videocon_llm_feedback.csv
    Videocon(TaskArgs),
    /// VITATECS: its six JSONL files, or a folder of them
    Vitatecs(TaskArgs),
    /// SugarCrepe: its JSON files, or a folder of them; images are clips of one frame
    Sugarcrepe(TaskArgs),
    /// Your own pairs: JSONL, JSON or CSV with video, positive, negative, and perhaps kind
    Pairs(TaskArgs),
    /// MSR-VTT retrieval: msrvtt_ret_test1k.json, MSRVTT_JSFUSION_test.csv, or MSRVTT_data.json with a list of videos
    Msrvtt(TaskArgs),
    /// MSVD retrieval: msvd_ret_test.json, or raw-captions.pkl with a list of videos
    Msvd(TaskArgs),
    /// DiDeMo paragraph retrieval: didemo_ret_test.json, or test_data.json with a list of videos
    Didemo(TaskArgs),
    /// Kinetics-400, zero-shot: JSON or CSV with video and caption (the class), and perhaps a list of all classes
    K400(TaskArgs),
    /// The seven kinds of near misses on clips of the generated world
    World(TaskArgs),
    /// Puts the parts of a run together
    Merge(MergeArgs),
    /// Writes report.md and report.html: bars, published numbers, the samples most wrong with pictures
    Report(ReportArgs),
    /// Judges score files of any model: VELOCITI's (test_name, video_id, event, pos_score, neg_score) by ClassicVLE and, for
    /// probabilities, StrictVLE; with --videocon, VideoCon's (no header: video, caption, score) by accuracy and ROC-AUC
    Scores(scores::ScoresArgs),
    /// Compares two runs sample by sample: exact McNemar test, difference with interval
    Compare(CompareArgs),
}

#[derive(Debug, clap::Args)]
struct TaskArgs {
    /// The benchmark's annotation files, or folders of them
    #[arg(long, num_args = 1..)]
    data: Vec<PathBuf>,
    /// Folder with its videos; files are found by name in it and in folders within
    #[arg(long)]
    videos: Option<PathBuf>,
    /// Folder to write
    #[arg(long, short)]
    output: PathBuf,
    /// Folder of embeddings, to share between runs [default: `cache` in the output folder]
    #[arg(long)]
    cache: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    adapters: AdapterArgs,
    /// Model folder whose weights are averaged with the model's (WiSE-FT): the model it was tuned from, or CLIP for ViCLIP
    #[arg(long, value_name = "FOLDER")]
    mix_base: Option<PathBuf>,
    /// The model's own share of the average
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    mix: f64,
    #[command(flatten)]
    clip: ClipArgs,
    /// Split of rows that name one (VideoCon), or of the generated world
    #[arg(long, default_value = "test")]
    split: String,
    /// Only the first N samples (near misses), videos (retrieval, k400) or clips (world)
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only part I of N of the videos; `sgcr eval merge` puts parts together
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Whether captions are cleaned as the published evaluations of ViCLIP do [default: true for ViCLIP, not on the world]
    #[arg(long, value_name = "BOOL")]
    pre_text: Option<bool>,
    /// Score by matching, where the model has it (InternVideo2): near misses in place of the cosine; of retrieval it re-ranks
    /// the best candidates by cosine
    #[arg(long = "match")]
    matching: bool,
    /// Candidates of each query that are matched in retrieval
    #[arg(long, value_name = "N", default_value_t = 128, requires = "matching")]
    candidates: usize,
    /// Threads that decode ahead
    #[arg(long, default_value_t = 2)]
    decoders: usize,
    /// Samples without a video are no failure
    #[arg(long)]
    allow_missing: bool,
    /// Replace a run with other settings
    #[arg(long)]
    overwrite: bool,
    /// Also write VELOCITI's own score files, velociti/TEST.csv
    #[arg(long)]
    velociti_csv: bool,
    /// Print results.json
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// The parts' folders
    #[arg(required = true, num_args = 1..)]
    parts: Vec<PathBuf>,
    /// Folder to write
    #[arg(long, short)]
    output: PathBuf,
    /// Samples without a video are no failure
    #[arg(long)]
    allow_missing: bool,
    /// Print results.json
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ReportArgs {
    /// Folder of a finished run
    run: PathBuf,
    /// Folder with its videos, for pictures
    #[arg(long)]
    videos: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct CompareArgs {
    /// Folder of run A
    a: PathBuf,
    /// Folder of run B
    b: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with model, data or output; [`CheckFailed`] where samples have no results.
pub fn run(args: &EvalArgs, context: &Context) -> anyhow::Result<()> {
    match &args.verb {
        EvalVerb::Velociti(args) => task(args, Task::Pairs(PairTask::Velociti), context),
        EvalVerb::Videocon(args) => task(args, Task::Pairs(PairTask::Videocon), context),
        EvalVerb::Vitatecs(args) => task(args, Task::Pairs(PairTask::Vitatecs), context),
        EvalVerb::Sugarcrepe(args) => task(args, Task::Pairs(PairTask::Sugarcrepe), context),
        EvalVerb::Pairs(args) => task(args, Task::Pairs(PairTask::Pairs), context),
        EvalVerb::Msrvtt(args) => task(args, Task::Retrieval(RetrievalTask::Msrvtt), context),
        EvalVerb::Msvd(args) => task(args, Task::Retrieval(RetrievalTask::Msvd), context),
        EvalVerb::Didemo(args) => task(args, Task::Retrieval(RetrievalTask::Didemo), context),
        EvalVerb::K400(args) => task(args, Task::Kinetics, context),
        EvalVerb::World(args) => task(args, Task::World, context),
        EvalVerb::Merge(args) => {
            let outcome = merge(&args.parts, &args.output)?;
            tell(&outcome, args.json, args.allow_missing)
        }
        EvalVerb::Report(args) => report(args, context),
        EvalVerb::Scores(args) => scores::run(args),
        EvalVerb::Compare(args) => {
            let comparison = compare(&args.a, &args.b)?;
            if args.json { output::print_json(&comparison) } else { output::print(&comparison.to_markdown()) }
        }
    }
}

fn task(args: &TaskArgs, task: Task, context: &Context) -> anyhow::Result<()> {
    if task == Task::World {
        anyhow::ensure!(
            args.data.is_empty() && args.videos.is_none(),
            "the generated world has no --data and no --videos"
        );
    } else {
        anyhow::ensure!(!args.data.is_empty(), "no annotation files; name them with --data");
        anyhow::ensure!(args.videos.is_some(), "no videos; name their folder with --videos");
    }
    let session = open(args, context)?;
    let model_type = session.config().model_type;
    let question = Question {
        task,
        split: args.split.clone(),
        limit: args.limit,
        shard: args.shard,
        preprocess: args.clip.options().apply(&task.preprocess(session.preprocess(), model_type))?,
        sampling_seed: args.clip.sampling_seed,
        pre_text: args.pre_text.unwrap_or_else(|| task.cleans_captions(model_type)),
        score: if args.matching { ScoreRule::Matching } else { ScoreRule::Cosine },
        candidates: args.candidates,
        model: identity(args, &session)?,
    };
    let request = Request {
        question,
        data: args.data.clone(),
        videos: args.videos.clone(),
        output: args.output.clone(),
        cache: args.cache.clone(),
        decoders: args.decoders,
        overwrite: args.overwrite,
        velociti_csv: args.velociti_csv,
    };
    let mut bars = context.bars();
    let outcome = evaluate(&request, &session, &mut bars, &context.abort)?;
    bars.finish();
    tell(&outcome, args.json, args.allow_missing)
}

/// The model, with a base mixed in if one is named, then with its adapters.
fn open(args: &TaskArgs, context: &Context) -> anyhow::Result<Session> {
    let mut session = args.model.open(context)?;
    if let Some(base) = &args.mix_base {
        let base = DiskFolder::open(base)?;
        session = block_on(session.mixed_with(base, args.mix, &mut context.bars(), &context.abort))?;
    }
    args.adapters.put_on(&mut session, context)?;
    Ok(session)
}

fn identity(args: &TaskArgs, session: &Session) -> anyhow::Result<ModelIdentity> {
    let base = args.mix_base.as_deref().map(|base| (base, args.mix));
    let adapters = args.adapters.lora.iter().map(|adapter| (adapter.folder.as_path(), adapter.weight));
    Ok(session.identity(&args.model.model, base, &adapters.collect::<Vec<_>>())?)
}

fn report(args: &ReportArgs, context: &Context) -> anyhow::Result<()> {
    let report = Report::read(&args.run)?;
    write_beside(&args.run.join("report.md"), report.to_markdown().as_bytes())?;
    let html = report.to_html(args.videos.as_deref(), &context.abort)?;
    let path = args.run.join("report.html");
    write_beside(&path, html.as_bytes())?;
    output::print(&path.display().to_string())
}

fn tell(outcome: &Outcome, json: bool, allow_missing: bool) -> anyhow::Result<()> {
    let results = &outcome.results;
    if json {
        output::print_json(&results.to_json())?;
    } else {
        output::print(&results.to_markdown())?;
    }
    if results.is_complete() || allow_missing {
        return Ok(());
    }
    let mut named: Vec<String> =
        results.missing.iter().take(3).map(|video| format!("{} ({})", video.video, video.reason)).collect();
    if results.missing.len() > named.len() {
        named.push(format!("and {} more (results.json names them)", results.missing.len() - named.len()));
    }
    let samples = results.missing_samples();
    Err(CheckFailed(format!("{samples} samples have no result: {}; --allow-missing accepts that", named.join(", ")))
        .into())
}
