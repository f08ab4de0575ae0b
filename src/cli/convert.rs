//! `sgcr convert`: a published checkpoint, or a model folder with adapters, becomes a model folder.

use super::input::AdapterArgs;
use super::{Context, output};
use crate::config::Dtype;
use crate::session::{MergeOptions, convert_checkpoint, merge_adapters};
use crate::weights::{ConvertOptions, ConvertReport, StoredType};
use std::path::{Path, PathBuf};

/// Makes a model folder (config.json, safetensors shards with hashes, tokenizer.json, preprocessor_config.json) of a
/// published checkpoint, or of a model folder with adapters merged into its weights.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr convert --checkpoint ViClip-InternVid-10M-FLT.pth --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/viclip-b16
  sgcr convert --checkpoint negclip.pth --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/negclip --dtype f16
  sgcr convert --checkpoint ViT-B-32.pt --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/clip-b32
  sgcr convert --model models/viclip-b16 --lora adapters/kitchen --output models/kitchen

Reads ViCLIP .pth and .safetensors, OpenAI's own CLIP files (TorchScript archives), and CLIP state dicts in OpenAI's names
(NegCLIP, open_clip). Nothing in a pickle or archive is executed. Without
--config the architecture is read off the tensors' shapes (64 numbers a head, as all published files have).")]
pub struct ConvertArgs {
    /// The checkpoint: .safetensors, .pth, .pt or .bin
    #[arg(long, required_unless_present = "model")]
    checkpoint: Option<PathBuf>,
    /// Its config.json [default: the one beside it, or the tensors' shapes]
    #[arg(long)]
    config: Option<PathBuf>,
    /// tokenizer.json, or CLIP's merges bpe_simple_vocab_16e6.txt[.gz] [default: the one beside the checkpoint]
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
    anyhow::ensure!(args.adapters.lora.is_empty(), "--lora goes with a --model folder; convert the checkpoint first");
    let options = ConvertOptions {
        config: args.config.clone(),
        parts: args.parts.clone(),
        stored_type: stored_type(args.dtype),
        overwrite: args.overwrite,
        ..ConvertOptions::new(checkpoint, &args.output)
    };
    let mut bars = context.bars();
    let report = convert_checkpoint(options, args.tokenizer.as_deref(), args.no_reference, &mut bars, &context.abort)?;
    bars.finish();
    Ok(report)
}

fn merge(args: &ConvertArgs, model: &Path, context: &Context) -> anyhow::Result<ConvertReport> {
    let adapters = args.adapters.lora.iter().map(|adapter| (adapter.folder.clone(), adapter.weight)).collect();
    let options = MergeOptions {
        model: model.to_owned(),
        adapters,
        pairing: args.adapters.pairing(),
        output: args.output.clone(),
        stored_type: stored_type(args.dtype),
        overwrite: args.overwrite,
        skip_reference: args.no_reference,
    };
    let mut bars = context.bars();
    let report = merge_adapters(&options, &mut bars, &context.abort)?;
    bars.finish();
    Ok(report)
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
        output::note(&format!("left out (no part of the model): {}", report.left_out.join(", ")));
    }
    Ok(())
}
