//! `sgcr convert`: a published checkpoint becomes a model folder.

use super::{Context, output};
use crate::config::Dtype;
use crate::session::convert_checkpoint;
use crate::weights::{ConvertOptions, StoredType};
use std::path::PathBuf;

/// Makes a model folder (config.json, safetensors shards with hashes, tokenizer.json, preprocessor_config.json) of a
/// published checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr convert --checkpoint ViClip-InternVid-10M-FLT.pth --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/viclip-b16
  sgcr convert --checkpoint negclip.pth --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/negclip --dtype f16
  sgcr convert --checkpoint ViT-B-32.pt --tokenizer bpe_simple_vocab_16e6.txt.gz --output models/clip-b32

Reads ViCLIP .pth and .safetensors, OpenAI's own CLIP files (TorchScript archives), and CLIP state dicts in OpenAI's names
(NegCLIP, open_clip). Nothing in a pickle or archive is executed. Without
--config the architecture is read off the tensors' shapes (64 numbers a head, as all published files have).")]
pub struct ConvertArgs {
    /// The checkpoint: .safetensors, .pth, .pt or .bin
    #[arg(long)]
    checkpoint: PathBuf,
    /// Its config.json [default: the one beside it, or the tensors' shapes]
    #[arg(long)]
    config: Option<PathBuf>,
    /// tokenizer.json, or CLIP's merges bpe_simple_vocab_16e6.txt[.gz] [default: the one beside the checkpoint]
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Files with tensors the checkpoint lacks (scene-graph parameters `sg.*`)
    #[arg(long, num_args = 1..)]
    parts: Vec<PathBuf>,
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
    let options = ConvertOptions {
        config: args.config.clone(),
        parts: args.parts.clone(),
        stored_type: match args.dtype {
            Dtype::F32 => StoredType::F32,
            Dtype::F16 => StoredType::F16,
        },
        overwrite: args.overwrite,
        ..ConvertOptions::new(&args.checkpoint, &args.output)
    };
    let mut bars = context.bars();
    let report = convert_checkpoint(options, args.tokenizer.as_deref(), args.no_reference, &mut bars, &context.abort)?;
    bars.finish();
    if args.json {
        return output::print_json(&report);
    }
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
