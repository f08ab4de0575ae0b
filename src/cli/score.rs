//! `sgcr score`: which caption fits a clip, and by how much.

use super::input::{AdapterArgs, ClipArgs, ModelArgs};
use super::{Context, output};
use crate::platform::block_on;
use crate::session::Scores;
use crate::video::decode;
use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use std::path::{Path, PathBuf};

/// Scores captions against clips.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr score --video clip.mp4 --text \"a dog chases a cat\" \"a cat chases a dog\"
  sgcr score --model models/viclip-b16 --device webgpu --video frames/ --captions captions.txt --json
  sgcr score --lora adapters/kitchen --lora adapters/sports=0.5 --video clip.mp4 --text \"a dog runs\" \"a dog sits\"
  sgcr score --model models/internvideo2-1b --match --video clip.mp4 --text \"a dog runs\" \"a dog sits\"

A video is any file ffmpeg reads, a folder of images, or a .safetensors file with frames_rgb_u8.")]
pub struct ScoreArgs {
    /// Clips
    #[arg(long, required = true, num_args = 1..)]
    video: Vec<PathBuf>,
    /// Captions
    #[arg(long, num_args = 1.., required_unless_present = "captions")]
    text: Vec<String>,
    /// A text file with one caption a line, after those of --text
    #[arg(long)]
    captions: Option<PathBuf>,
    /// Clean captions first as the published evaluations do (lower case, no punctuation)
    #[arg(long)]
    pre_text: bool,
    /// Also match each caption with the clip, which then says which is best; for InternVideo2
    #[arg(long = "match")]
    matching: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    adapters: AdapterArgs,
    #[command(flatten)]
    clip: ClipArgs,
}

/// One clip's result as printed by `--json`.
#[derive(serde::Serialize)]
struct ClipScores {
    video: String,
    best: usize,
    #[serde(flatten)]
    scores: Scores,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with model, clips or captions.
pub fn run(args: &ScoreArgs, context: &Context) -> anyhow::Result<()> {
    let captions = captions(&args.text, args.captions.as_deref(), args.pre_text)?;
    let mut session = args.model.open(context)?;
    args.adapters.put_on(&mut session, context)?;
    session.check_captions(&captions)?;
    if args.matching {
        session.model().check_matching()?;
    }
    let mut bars = context.bars();
    let (texts, logit_scale) = block_on(async {
        let texts = session.encode_text(&captions, &mut bars, &context.abort).await?;
        Ok::<_, crate::Error>((texts, session.logit_scale().await?))
    })?;
    let mut results = Vec::new();
    for path in &args.video {
        let clips = decode::open(path, &context.abort)?;
        let several = clips.len() > 1;
        for (index, mut clip) in clips.into_iter().enumerate() {
            context.abort.check()?;
            let scored = async {
                if !args.matching {
                    let embed = session.encode_video(clip.as_mut(), &args.clip.options()).await?;
                    return Scores::new(&embed, &texts, &captions, logit_scale);
                }
                let matched =
                    session.match_video(clip.as_mut(), &args.clip.options(), &captions, &context.abort).await?;
                Scores::new(&matched.embed, &texts, &captions, logit_scale)?.with_matching(&matched.scores)
            };
            let scores = block_on(scored).with_context(|| path.display().to_string())?;
            let name = path.display().to_string();
            let video = if several { format!("{name}[{index}]") } else { name };
            results.push(ClipScores { video, best: scores.best(), scores });
        }
    }
    if args.json { output::print_json(&results) } else { output::print(&table(&results)) }
}

/// Captions from flags and file; cleaned if asked.
///
/// # Errors
/// An unreadable file.
pub fn captions(texts: &[String], file: Option<&Path>, clean: bool) -> anyhow::Result<Vec<String>> {
    let mut captions = texts.to_vec();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = text.trim_start_matches('\u{feff}');
        captions.extend(text.lines().filter(|line| !line.trim().is_empty()).map(ToOwned::to_owned));
    }
    anyhow::ensure!(!captions.is_empty(), "no captions; give --text or a --captions file with one a line");
    if clean {
        captions = captions.iter().map(|caption| crate::text::pre_text(caption, None)).collect();
    }
    Ok(captions)
}

fn table(results: &[ClipScores]) -> String {
    let mut text = String::new();
    for result in results {
        let mut table = Table::new();
        let is_matched = result.scores.captions.iter().any(|score| score.matching.is_some());
        let columns = ["", "caption", "cosine", "softmax", "margin"].into_iter().chain(is_matched.then_some("match"));
        table.load_preset(presets::NOTHING).set_header(columns);
        for (i, score) in result.scores.captions.iter().enumerate() {
            let mark = if i == result.best { "✓" } else { "" };
            let margin = score.margin.map_or_else(String::new, |margin| format!("{margin:+.4}"));
            let probability = format!("{:.1} %", 100.0 * score.probability);
            let matching = score.matching.map(|matching| format!("{matching:+.4}"));
            let cosine = format!("{:.4}", score.cosine);
            let row = [mark.to_owned(), score.caption.clone(), cosine, probability, margin];
            table.add_row(row.into_iter().chain(matching));
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        text.push_str(&format!("{}\n{table}\n", result.video));
    }
    text.truncate(text.trim_end().len());
    text
}
