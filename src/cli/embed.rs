//! `sgcr embed`: embeddings of clips and captions in a safetensors file.

use super::Context;
use super::input::{AdapterArgs, ClipArgs, ModelArgs};
use super::score::captions;
use crate::event::{Event, Events as _};
use crate::platform::{block_on, write_beside};
use crate::session::Session;
use crate::video::decode;
use anyhow::Context as _;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::PathBuf;

/// Writes `video_embeds` [clips, dim], `text_embeds` [captions, dim] and `similarity` [clips, captions].
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr embed --video a.mp4 b.mp4 --text \"a dog\" \"a cat\" --output out.safetensors
  sgcr embed --model models/viclip-b16 --video clips.safetensors --sampling demo --resize cv2-linear --raw --output out.safetensors

Embeddings are L2-normalised f32; --raw leaves them as the model gives them. `similarity` holds cosines either way.")]
pub struct EmbedArgs {
    /// Clips: video files, folders of images, .safetensors files with frames_rgb_u8
    #[arg(long, num_args = 1.., required_unless_present_any = ["text", "captions"])]
    video: Vec<PathBuf>,
    /// Captions
    #[arg(long, num_args = 1..)]
    text: Vec<String>,
    /// A text file with one caption a line, after those of --text
    #[arg(long)]
    captions: Option<PathBuf>,
    /// Clean captions first as the published evaluations do (lower case, no punctuation)
    #[arg(long)]
    pre_text: bool,
    /// File to write
    #[arg(long, short)]
    output: PathBuf,
    /// Leave embeddings unnormalised
    #[arg(long)]
    raw: bool,
    /// Embed empty captions too (as start and end alone) instead of refusing them
    #[arg(long)]
    allow_empty: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    adapters: AdapterArgs,
    #[command(flatten)]
    clip: ClipArgs,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with model, clips, captions or output.
pub fn run(args: &EmbedArgs, context: &Context) -> anyhow::Result<()> {
    let texts = if args.text.is_empty() && args.captions.is_none() {
        Vec::new()
    } else {
        captions(&args.text, args.captions.as_deref(), args.pre_text)?
    };
    let mut session = args.model.open(context)?;
    args.adapters.put_on(&mut session, context)?;
    let videos = embed_videos(args, &session, context)?;
    if !args.allow_empty && !texts.is_empty() {
        session.check_captions(&texts)?;
    }
    let texts = block_on(session.encode_text(&texts, &mut context.bars(), &context.abort))?;
    let bytes = file_bytes(&videos, &texts, args.raw)?;
    write_beside(&args.output, &bytes)?;
    super::output::note(&format!("{}: {} clips, {} captions", args.output.display(), videos.len(), texts.len()));
    Ok(())
}

fn embed_videos(args: &EmbedArgs, session: &Session, context: &Context) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut bars = context.bars();
    let mut embeds = Vec::new();
    for (done, path) in args.video.iter().enumerate() {
        bars.emit(Event::Progress { stage: "clips", done: done as u64, total: args.video.len() as u64 });
        for mut clip in decode::open(path, &context.abort)? {
            context.abort.check()?;
            let embed = block_on(session.encode_video(clip.as_mut(), &args.clip.options()));
            embeds.push(embed.with_context(|| path.display().to_string())?);
        }
    }
    Ok(embeds)
}

/// The safetensors file; a side that was not given is left out.
fn file_bytes(videos: &[Vec<f32>], texts: &[Vec<f32>], raw: bool) -> anyhow::Result<Vec<u8>> {
    let normalized = |rows: &[Vec<f32>]| rows.iter().map(|row| normalize(row)).collect::<Vec<_>>();
    let (unit_videos, unit_texts) = (normalized(videos), normalized(texts));
    let similarity: Vec<Vec<f32>> =
        unit_videos.iter().map(|v| unit_texts.iter().map(|t| dot(v, t) as f32).collect()).collect();
    let (video_rows, text_rows) = if raw { (videos, texts) } else { (&unit_videos[..], &unit_texts[..]) };
    let mut tensors = Vec::new();
    for (name, rows) in [("video_embeds", video_rows), ("text_embeds", text_rows), ("similarity", &similarity[..])] {
        if let Some(width) = rows.first().map(Vec::len).filter(|width| *width > 0) {
            let bytes: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
            tensors.push((name, vec![rows.len(), width], bytes));
        }
    }
    let views =
        tensors.iter().map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    Ok(safetensors::serialize(views.collect::<anyhow::Result<Vec<_>>>()?, None)?)
}

fn normalize(row: &[f32]) -> Vec<f32> {
    let length = dot(row, row).sqrt().max(f64::MIN_POSITIVE);
    row.iter().map(|x| (f64::from(*x) / length) as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}
