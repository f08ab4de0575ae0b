//! `sgcr world`: clips of the generated world as files, and a model's accuracy on fresh ones.

use super::input::ModelArgs;
use super::{Context, output};
use crate::data::VideoText;
use crate::eval::{AttentionPanel, WorldAttention, attention_figure};
use crate::event::{Abort, Event, Events as _};
use crate::platform::{block_on, write_beside};
use crate::video::encode::{self, Codec};
use crate::world::{FPS, FRAMES, HEIGHT, Level, Split, WIDTH, WorldClip, vidor_json};
use std::path::{Path, PathBuf};

/// Clips of the generated world.
#[derive(Debug, clap::Args)]
pub struct WorldArgs {
    #[command(subcommand)]
    verb: WorldVerb,
}

#[derive(Debug, clap::Subcommand)]
enum WorldVerb {
    Write(WriteArgs),
    Eval(EvalArgs),
}

/// Writes clips: a video, its scene graph in VidOR's layout, and its captions with near misses; and a manifest to train on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr world write --seed 7 --output clips
  sgcr world write --split compositional --count 20 --output clips --format mkv

Each clip becomes world_SEED.webm, world_SEED.json (VidOR) and world_SEED.captions.json. The same seed gives the same
frames everywhere; .mkv (FFV1) keeps them bit for bit. pairs.jsonl has each clip's video and caption, as `sgcr train
--manifest` reads them.")]
struct WriteArgs {
    /// Seed of the first clip
    #[arg(long, conflicts_with = "split")]
    seed: Option<u64>,
    /// Clips of a split from its first: train, validation, test, compositional; crowd-train and so on are harder to read
    #[arg(long, value_parser = parse_split)]
    split: Option<(Level, Split)>,
    /// How many clips
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// Folder to write into
    #[arg(long, short)]
    output: PathBuf,
    /// webm (VP9), mp4 (H.264) or mkv (FFV1, lossless)
    #[arg(long, default_value = "webm", value_parser = ["webm", "mp4", "mkv"])]
    format: String,
}

/// Prints a model's accuracy on each kind of near miss over fresh clips, how well it finds each clip by its caption among
/// them, and, with scene-graph tokens, how many of the clips' triplets these find.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr world eval
  sgcr world eval --model models/mine --split compositional --clips 2000 --json
  sgcr world eval --model models/sgcr --attention attention.svg")]
struct EvalArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Clips to use
    #[arg(long, default_value_t = 1000)]
    clips: u64,
    /// Their split: train, validation, test, compositional; crowd-train and so on are harder to read
    #[arg(long, default_value = "test", value_parser = parse_split)]
    split: (Level, Split),
    /// Read SG tokens with bare classes ("robot"), not with coloured ones ("red robot")
    #[arg(long)]
    bare_classes: bool,
    /// Write a figure (SVG) of where CLS looks, layer by layer, in clips told apart from near misses and in others
    #[arg(long, value_name = "FILE")]
    attention: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// Files that cannot be written, a model that cannot be read, [`Error::Aborted`](crate::Error::Aborted).
pub fn run(args: &WorldArgs, context: &Context) -> anyhow::Result<()> {
    match &args.verb {
        WorldVerb::Write(args) => write(args, context),
        WorldVerb::Eval(args) => evaluate(args, context),
    }
}

fn parse_split(name: &str) -> Result<(Level, Split), String> {
    Level::split_named(name).ok_or_else(|| format!("known are: {}", Level::split_names()))
}

fn write(args: &WriteArgs, context: &Context) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.output).map_err(crate::Error::io("create", &args.output))?;
    let first = args.seed.or_else(|| args.split.map(|(level, split)| level.seeds(split).start)).unwrap_or(0);
    let mut bars = context.bars();
    let mut manifest = String::new();
    for done in 0..args.count {
        context.abort.check()?;
        let pair = write_clip(first + done, &args.output, &args.format, &context.abort)?;
        manifest.push_str(&serde_json::to_string(&pair)?);
        manifest.push('\n');
        bars.emit(Event::Progress { stage: "world", done: done + 1, total: args.count });
    }
    bars.finish();
    write_beside(&args.output.join("pairs.jsonl"), manifest.as_bytes())?;
    output::print(&format!("{}: {} clip(s) from seed {first}", args.output.display(), args.count))
}

/// The three files of one clip; returns it as a pair.
fn write_clip(seed: u64, folder: &Path, format: &str, abort: &Abort) -> anyhow::Result<VideoText> {
    let clip = WorldClip::from_seed(seed);
    let frames = clip.render(&(0..FRAMES).collect::<Vec<_>>());
    let video = format!("world_{seed}.{format}");
    let path = folder.join(&video);
    let frames = (0..frames.count()).map(|index| frames.frame(index));
    encode::write(&path, Codec::of(&path)?, (WIDTH, HEIGHT), FPS as f64, frames, abort)?;
    let graph = serde_json::to_vec_pretty(&vidor_json(&clip.graph))?;
    write_beside(&folder.join(format!("world_{seed}.json")), &graph)?;
    let misses = clip.near_misses();
    let misses: Vec<_> = misses
        .iter()
        .map(|miss| serde_json::json!({"kind": miss.kind.name(), "positive": miss.positive, "negative": miss.negative}))
        .collect();
    let captions = serde_json::json!({"seed": seed, "captions": clip.captions(), "near_misses": misses});
    write_beside(&folder.join(format!("world_{seed}.captions.json")), &serde_json::to_vec_pretty(&captions)?)?;
    Ok(VideoText { video, caption: clip.caption() })
}

fn evaluate(args: &EvalArgs, context: &Context) -> anyhow::Result<()> {
    let session = args.model.open(context)?;
    let (level, split) = args.split;
    let evaluation = session.world_evaluation(level)?;
    let has_scene_tokens = session.model().scene_tokens().is_some();
    let (clips, abort) = (0..args.clips, &context.abort);
    let mut bars = context.bars();
    let (kinds, retrieval, grounding) = block_on(async {
        let kinds = evaluation.near_misses(split, clips.clone(), &mut bars, abort).await?;
        let retrieval = evaluation.retrieval(split, clips.clone(), &mut bars, abort).await?;
        let grounding = if has_scene_tokens {
            Some(evaluation.grounding(split, clips.clone(), !args.bare_classes, &mut bars, abort).await?)
        } else {
            None
        };
        Ok::<_, crate::Error>((kinds, retrieval, grounding))
    })?;
    if let Some(path) = &args.attention {
        let found = block_on(evaluation.attention(split, clips, &mut bars, abort))?;
        write_beside(path, attention_of(&found)?.as_bytes())?;
    }
    bars.finish();
    if args.json {
        return output::print_json(&serde_json::json!({
            "split": level.split_name(split), "clips": args.clips, "kinds": kinds.to_json(), "retrieval": retrieval,
            "grounding": grounding.map(|grounding| grounding.to_json()),
        }));
    }
    let (count, split) = (args.clips, level.split_name(split));
    output::print(&format!("{count} clips of the generated world's {split} split\n{kinds}\n\n{retrieval}"))?;
    match grounding {
        Some(grounding) => output::print(&format!("\n{grounding}")),
        None => Ok(()),
    }
}

/// The figure, with a panel for each outcome that occurred.
fn attention_of(found: &WorldAttention) -> crate::Result<String> {
    let panels = [("told apart", &found.right), ("not told apart", &found.wrong)].map(|(title, mean)| AttentionPanel {
        title: format!("{title} ({} pairs)", mean.clips()),
        layers: mean.layers(),
    });
    attention_figure(&panels.into_iter().filter(|panel| !panel.layers.is_empty()).collect::<Vec<_>>())
}
