//! `sgcr convert`: a published checkpoint, or a model folder with adapters, becomes a model folder.

use super::input::AdapterArgs;
use super::{Context, output};
use crate::config::Dtype;
use crate::session::{MergeOptions, convert_checkpoint, convert_with_adapters, merge_adapters};
use crate::weights::{ConvertOptions, ConvertReport, StoredType, find_config};
use std::path::{Path, PathBuf};

/// Names of left out tensors that are printed; InternVideo2's checkpoint has hundreds.
const LEFT_OUT_SHOWN: usize = 8;

/// Makes a model folder (config.json, safetensors shards with hashes, tokenizer.json, preprocessor_config.json) of a
/// published checkpoint or of a model folder, with adapters merged into its weights if any are named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr convert --checkpoint ViClip-InternVid-10M-FLT.pth --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/viclip-b16
  sgcr convert --checkpoint negclip.pth --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/negclip --dtype f16
  sgcr convert --checkpoint ViT-B-32.pt --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/clip-b32
  sgcr convert --checkpoint InternVideo2-stage2_1b-224p-f4.pt --tokenizer vocab.txt --output models/internvideo2-1b
  sgcr convert --model models/viclip-b16 --lora adapters/kitchen --output models/kitchen

Reads ViCLIP .pth and .safetensors, InternVideo2's stage 2, OpenAI's own CLIP files (TorchScript archives), and CLIP state
dicts in OpenAI's names (NegCLIP, open_clip). Nothing in a pickle or archive is executed. Without
--config the architecture is read off the tensors' shapes (64 numbers a head, as all published files have).")]
pub struct ConvertArgs {
    /// The checkpoint: .safetensors, .pth, .pt or .bin
    #[arg(long, required_unless_present = "model")]
    checkpoint: Option<PathBuf>,
    /// Its config.json [default: the one beside it, or the tensors' shapes]
    #[arg(long)]
    config: Option<PathBuf>,
    /// tokenizer.json, CLIP's merges bpe_simple_vocab_16e6.txt[.gz] or BERT's vocab.txt [default: the one beside the checkpoint]
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Files with tensors the checkpoint lacks (scene-graph parameters `sg.*`)
    #[arg(long, num_args = 1..)]
    parts: Vec<PathBuf>,
    /// Instead of a checkpoint: a model folder to write again, with adapters or as another number type
    #[arg(long, conflicts_with_all = ["checkpoint", "config", "tokenizer", "parts"])]
    model: Option<PathBuf>,
    #[command(flatten)]
    adapters: AdapterArgs,
    /// Folder to write
    #[arg(long, short)]
    output: PathBuf,
    /// Number type to store
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
    /// Replace the folder if it holds a model
    #[arg(long)]
    overwrite: bool,
    /// Do not run the model once to store reference outputs for `inspect --verify`
    #[arg(long)]
    no_reference: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with the checkpoint; no folder is left behind then.
pub fn run(args: &ConvertArgs, context: &Context) -> anyhow::Result<()> {
    let report = match (&args.checkpoint, &args.model) {
        (_, Some(model)) => merge(args, model, context)?,
        (Some(checkpoint), None) => convert(args, checkpoint, context)?,
        (None, None) => anyhow::bail!("give a --checkpoint or a --model folder"),
    };
    if args.json { output::print_json(&report) } else { print(&report) }
}

fn convert(args: &ConvertArgs, checkpoint: &Path, context: &Context) -> anyhow::Result<ConvertReport> {
    let options = ConvertOptions {
        config: args.config.clone().or_else(|| find_config(checkpoint)),
        parts: args.parts.clone(),
        stored_type: stored_type(args.dtype),
        overwrite: args.overwrite,
        ..ConvertOptions::new(checkpoint, &args.output)
    };
    let (tokenizer, mut bars) = (args.tokenizer.as_deref(), context.bars());
    let report = if args.adapters.lora.is_empty() {
        convert_checkpoint(options, tokenizer, args.no_reference, &mut bars, &context.abort)?
    } else {
        // Where the model is, the conversion tells.
        let merge = merge_options(args, PathBuf::new());
        convert_with_adapters(options, tokenizer, merge, &mut bars, &context.abort)?
    };
    bars.finish();
    Ok(report)
}

fn merge(args: &ConvertArgs, model: &Path, context: &Context) -> anyhow::Result<ConvertReport> {
    let mut bars = context.bars();
    let report = merge_adapters(&merge_options(args, model.to_owned()), &mut bars, &context.abort)?;
    bars.finish();
    Ok(report)
}

fn merge_options(args: &ConvertArgs, model: PathBuf) -> MergeOptions {
    MergeOptions {
        model,
        adapters: args.adapters.lora.iter().map(|adapter| (adapter.folder.clone(), adapter.weight)).collect(),
        pairing: args.adapters.pairing(),
        output: args.output.clone(),
        stored_type: stored_type(args.dtype),
        overwrite: args.overwrite,
        skip_reference: args.no_reference,
    }
}

const fn stored_type(dtype: Dtype) -> StoredType {
    match dtype {
        Dtype::F32 => StoredType::F32,
        Dtype::F16 => StoredType::F16,
    }
}

fn print(report: &ConvertReport) -> anyhow::Result<()> {
    let written = &report.written;
    let megabytes = written.total_bytes as f64 / f64::from(1 << 20);
    let (tensors, parameters, shards) = (written.tensors, written.parameters, written.shards.len());
    let folder = written.folder.display();
    output::print(&format!(
        "{folder}: {} of {tensors} tensors, {parameters} parameters, {megabytes:.1} MiB in {shards} file(s); config from {}",
        report.config.model_type, report.config_source
    ))?;
    if !report.left_out.is_empty() {
        let (shown, more) = report.left_out.split_at(report.left_out.len().min(LEFT_OUT_SHOWN));
        let more =
            if more.is_empty() { String::new() } else { format!(" and {} more (--json names them)", more.len()) };
        output::note(&format!("left out (no part of the model): {}{more}", shown.join(", ")));
    }
    Ok(())
}
