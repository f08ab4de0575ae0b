//! `sgcr explain`: what a model's scene-graph tokens stand for in a clip, as JSON, frames with boxes and a page.

use super::input::{AdapterArgs, ClipArgs, ModelArgs};
use super::{Context, output};
use crate::eval::SceneLabels;
use crate::platform::block_on;
use crate::session::{Explanation, Session, write_explanation};
use crate::video::FrameSource;
use crate::video::decode;
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Writes the triplets (subject, predicate, object, two boxes) that the scene-graph tokens stand for in each frame, and how
/// much of CLS's attention goes to them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr explain --model models/sgcr --video clip.mp4 --entities dog,cat,ball --predicates chase,bite,next_to --output out
  sgcr world write --seed 12000000007 --output clips
  sgcr explain --model models/world --video clips/world_12000000007.webm --world-labels --threshold 0.2 --output out

Labels are open: any words that the model's text encoder knows; \"next_to\" is read \"next to\". Of each kind the likeliest
is told, with its probability and that of \"none\"; a triplet's score is the product of its three probabilities.
Writes explanation.json (all triplets), frame_00.png ... (boxes from --threshold on: subjects orange, objects blue),
attention.svg and index.html, which shows it all. A .safetensors file with several clips gives a folder each.")]
pub struct ExplainArgs {
    /// Clip
    #[arg(long)]
    video: PathBuf,
    /// Labels of subjects and objects, comma-separated
    #[arg(long, value_delimiter = ',', required_unless_present = "world_labels")]
    entities: Vec<String>,
    /// Labels of predicates, comma-separated
    #[arg(long, value_delimiter = ',', required_unless_present = "world_labels")]
    predicates: Vec<String>,
    /// The labels of the generated world: its things, told with their colours
    #[arg(long, conflicts_with_all = ["entities", "predicates"])]
    world_labels: bool,
    /// Least score of a triplet that is drawn, 0 to 1
    #[arg(long, default_value_t = 0.1, value_parser = parse_share)]
    threshold: f32,
    /// Folder to write into
    #[arg(long, short)]
    output: PathBuf,
    /// Print the explanations as JSON too
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    adapters: AdapterArgs,
    #[command(flatten)]
    clip: ClipArgs,
}

fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse::<f32>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1".to_owned())
}

/// Runs the verb.
///
/// # Errors
/// A model without scene-graph tokens; whatever is wrong with model, clip or labels; files that cannot be written.
pub fn run(args: &ExplainArgs, context: &Context) -> anyhow::Result<()> {
    let labels = if args.world_labels {
        SceneLabels::colored_world()
    } else {
        SceneLabels::new(args.entities.clone(), args.predicates.clone())?
    };
    let mut session = args.model.open(context)?;
    args.adapters.put_on(&mut session, context)?;
    let clips = decode::open(&args.video, &context.abort)?;
    let (name, several) = (args.video.display().to_string(), clips.len() > 1);
    let mut explanations = Vec::new();
    for (index, mut clip) in clips.into_iter().enumerate() {
        context.abort.check()?;
        let (title, folder) = if several {
            (format!("{name}[{index}]"), args.output.join(format!("clip_{index:02}")))
        } else {
            (name.clone(), args.output.clone())
        };
        let explained =
            explain(args, &session, &labels, clip.as_mut(), &title, &folder).with_context(|| title.clone())?;
        explanations.push(explained);
    }
    if args.json { output::print_json(&explanations) } else { Ok(()) }
}

fn explain(
    args: &ExplainArgs,
    session: &Session,
    labels: &SceneLabels,
    clip: &mut dyn FrameSource,
    title: &str,
    folder: &Path,
) -> anyhow::Result<Explanation> {
    let explanation = block_on(session.explain(clip, labels, &args.clip.options()))?;
    let indices: Vec<usize> = explanation.frames.iter().map(|frame| frame.frame).collect();
    let page = write_explanation(&explanation, title, &clip.read(&indices)?, args.threshold, folder)?;
    if !args.json {
        let triplets = explanation.frames.iter().flat_map(|frame| &frame.triplets);
        let shown = triplets.filter(|triplet| triplet.score >= args.threshold).count();
        let frames = explanation.frames.len();
        output::print(&format!(
            "{}: {shown} triplets with a score of {} or more in {frames} frames",
            page.display(),
            args.threshold
        ))?;
    }
    Ok(explanation)
}
