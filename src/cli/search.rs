//! `sgcr search`: clips of a folder of videos, found by text.

use super::cuts::{CutArgs, clock};
use super::input::{AdapterArgs, ClipArgs, ModelArgs};
use super::score::captions;
use super::{CheckFailed, Context, output};
use crate::eval::Hit;
use crate::eval::library::{ClipRule, Library, LibraryRequest, SkippedVideo, WindowSettings, open_library};
use crate::platform::block_on;
use crate::session::Session;
use crate::text::pre_text;
use crate::video::WindowRule;
use comfy_table::{CellAlignment, Table, presets};
use std::path::PathBuf;

/// Finds the clips of a folder of videos that fit a text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr search videos --text \"a dog runs on a beach\"
  sgcr search videos --text \"someone opens a door\" \"two people hug\" --top 10 --json
  sgcr search videos                                  # only makes the index ready
  sgcr search films --model models/viclip-b16 --device webgpu --window 4 --step 2 --index ~/.cache/films

Videos are cut into scenes (as `sgcr cuts` does), long scenes into windows; each window is embedded once and kept in the
index. The next search embeds what is new or has changed; a search that was stopped goes on. Exit code 3: videos could not
be used; the others are searched.")]
pub struct SearchArgs {
    /// Folder of videos; folders within are searched too, and images are clips of one frame
    videos: PathBuf,
    /// What to look for; without, the index is made ready and nothing is searched
    #[arg(long, num_args = 1..)]
    text: Vec<String>,
    /// A text file with one thing to look for a line, after those of --text
    #[arg(long)]
    captions: Option<PathBuf>,
    /// Clips to list for each text
    #[arg(long, short = 'k', default_value_t = 5)]
    top: usize,
    /// List clips that overlap better ones too
    #[arg(long)]
    overlapping: bool,
    /// Folder of the index [default: .sgcr in the folder of videos]
    #[arg(long)]
    index: Option<PathBuf>,
    /// Length of windows in seconds
    #[arg(long, default_value_t = WindowRule::default().seconds, value_name = "SECONDS")]
    window: f64,
    /// Seconds from a window's begin to the next one's, at most [default: half a window]
    #[arg(long, value_name = "SECONDS")]
    step: Option<f64>,
    /// Lay windows over whole videos, across cuts
    #[arg(long)]
    no_cuts: bool,
    #[command(flatten)]
    cuts: CutArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    adapters: AdapterArgs,
    #[command(flatten)]
    clip: ClipArgs,
    /// Whether texts are cleaned as the published evaluations of ViCLIP do [default: true for ViCLIP and InternVideo2]
    #[arg(long, value_name = "BOOL")]
    pre_text: Option<bool>,
    /// Threads that decode ahead
    #[arg(long, default_value_t = 2)]
    decoders: usize,
    /// Videos that cannot be used are no failure
    #[arg(long)]
    allow_missing: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Found<'a> {
    model: &'a str,
    weights_sha256: &'a str,
    videos: usize,
    embedded: usize,
    clips: usize,
    skipped: &'a [SkippedVideo],
    queries: &'a [Query],
}

/// A text with its clips.
#[derive(serde::Serialize)]
struct Query {
    text: String,
    hits: Vec<Hit>,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with model, texts, folder or index; [`CheckFailed`] where videos could not be used.
pub fn run(args: &SearchArgs, context: &Context) -> anyhow::Result<()> {
    let texts = if args.text.is_empty() && args.captions.is_none() {
        Vec::new()
    } else {
        captions(&args.text, args.captions.as_deref(), false)?
    };
    let mut session = args.model.open(context)?;
    args.adapters.put_on(&mut session, context)?;
    if !texts.is_empty() {
        session.check_captions(&texts)?;
    }
    let request = request(args, &session)?;
    let mut bars = context.bars();
    let library = open_library(&request, &session, &mut bars, &context.abort)?;
    bars.finish();
    let queries = queries(args, &session, &library, texts, context)?;
    let found = Found {
        model: &request.settings.model.name,
        weights_sha256: &request.settings.model.weights_sha256,
        videos: library.videos,
        embedded: library.embedded,
        clips: library.index.len(),
        skipped: &library.skipped,
        queries: &queries,
    };
    if args.json {
        output::print_json(&found)?
    } else {
        tell(&found)?
    }
    check(&library, args.allow_missing)
}

fn request(args: &SearchArgs, session: &Session) -> anyhow::Result<LibraryRequest> {
    let adapters = args.adapters.lora.iter().map(|adapter| (adapter.folder.as_path(), adapter.weight));
    let windows = WindowRule { seconds: args.window, step: args.step.unwrap_or(args.window / 2.0) };
    Ok(LibraryRequest {
        videos: args.videos.clone(),
        index: args.index.clone().unwrap_or_else(|| args.videos.join(".sgcr")),
        settings: WindowSettings {
            clips: ClipRule { cuts: (!args.no_cuts).then(|| args.cuts.rule()), windows },
            preprocess: args.clip.options().apply(session.preprocess())?,
            sampling_seed: args.clip.sampling_seed,
            model: session.identity(&args.model.model, None, &adapters.collect::<Vec<_>>())?,
        },
        decoders: args.decoders,
    })
}

fn queries(
    args: &SearchArgs,
    session: &Session,
    library: &Library,
    texts: Vec<String>,
    context: &Context,
) -> anyhow::Result<Vec<Query>> {
    let clean = args.pre_text.unwrap_or(session.config().model_type.cleans_captions());
    let seen: Vec<String> = texts.iter().map(|text| if clean { pre_text(text, None) } else { text.clone() }).collect();
    let embeds = block_on(session.encode_text(&seen, &mut context.bars(), &context.abort))?;
    let hits = |embed: &Vec<f32>| library.index.search(embed, args.top, args.overlapping);
    texts.into_iter().zip(&embeds).map(|(text, embed)| Ok(Query { text, hits: hits(embed)? })).collect()
}

fn tell(found: &Found<'_>) -> anyhow::Result<()> {
    output::note(&format!("{} clips of {} videos, {} newly embedded", found.clips, found.videos, found.embedded));
    let tables: Vec<String> = found.queries.iter().map(to_table).collect();
    if tables.is_empty() { Ok(()) } else { output::print(&tables.join("\n\n")) }
}

fn to_table(query: &Query) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["", "cosine", "begin", "end", "video"]);
    for (rank, hit) in query.hits.iter().enumerate() {
        // Without a clock: frames.
        let frames = || [hit.place.frames.start, hit.place.frames.end].map(|frame| format!("frame {frame}"));
        let [begin, end] = hit.place.seconds.map_or_else(frames, |seconds| seconds.map(clock));
        table.add_row([(rank + 1).to_string(), format!("{:.4}", hit.cosine), begin, end, hit.place.video.clone()]);
    }
    for column in table.column_iter_mut().take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n{table}", query.text)
}

fn check(library: &Library, allow_missing: bool) -> anyhow::Result<()> {
    if library.skipped.is_empty() || allow_missing {
        return Ok(());
    }
    let named = library.skipped.iter().take(3).map(|skipped| format!("{} ({})", skipped.video, skipped.reason));
    let mut named: Vec<String> = named.collect();
    if library.skipped.len() > named.len() {
        named.push(format!("and {} more (--json names them)", library.skipped.len() - named.len()));
    }
    let count = library.skipped.len();
    Err(CheckFailed(format!("{count} videos could not be used: {}; --allow-missing accepts that", named.join(", ")))
        .into())
}
