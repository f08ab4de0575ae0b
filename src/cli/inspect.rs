//! `sgcr inspect`: what is in a model folder or a weights file.

use super::input::ModelArgs;
use super::{CheckFailed, Context, output};
use crate::config::Dtype;
use crate::platform::{DeviceName, block_on};
use crate::session::{Session, verify_folder};
use crate::weights::{AdapterReport, InspectReport, Verification, inspect};
use comfy_table::{CellAlignment, Table, presets};
use std::path::PathBuf;

/// Largest difference from the stored outputs, relative to their largest element, that another device may have.
const TOLERANCE_F32: f64 = 1e-4;
const TOLERANCE_F16: f64 = 2e-2;

/// Lists tensors, sizes and hashes, of adapters also ranks and base; --verify re-checks stored reference outputs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr inspect models/viclip-b16
  sgcr inspect models/viclip-b16 --verify --device webgpu
  sgcr inspect ViClip-InternVid-10M-FLT.pth --json
  sgcr inspect adapters/kitchen
  sgcr inspect models/viclip-b16 --fingerprint

Exit code 3: a file is not the one its index names, or the outputs differ.")]
pub struct InspectArgs {
    /// Model folder, adapter folder or weights file
    path: PathBuf,
    /// Run the model on the stored inputs and compare with the stored outputs
    #[arg(long)]
    verify: bool,
    /// Load the model and print the fingerprint by which adapters know their base
    #[arg(long)]
    fingerprint: bool,
    /// Device for --verify: cpu, webgpu, cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Number type for --verify
    #[arg(long, default_value = "f32")]
    dtype: Dtype,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Printed {
    #[serde(flatten)]
    report: InspectReport,
    verification: Option<Verification>,
    fingerprint: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// Whatever is wrong with the files; [`CheckFailed`] for a difference.
pub fn run(args: &InspectArgs, context: &Context) -> anyhow::Result<()> {
    let report = inspect(&args.path)?;
    let damaged: Vec<_> =
        report.files.iter().filter(|f| f.matches_index == Some(false)).map(|f| f.name.clone()).collect();
    let verification = if args.verify { Some(verify(args, context)?) } else { None };
    let fingerprint = if args.fingerprint { Some(fingerprint(args, context)?) } else { None };
    if args.json {
        output::print_json(&Printed { report, verification, fingerprint })?;
    } else {
        let fingerprint = fingerprint.map_or_else(String::new, |sha256| format!("\nfingerprint {sha256}"));
        output::print(&format!("{}{fingerprint}", tables(&report)))?;
    }
    if !damaged.is_empty() {
        return Err(
            CheckFailed(format!("not the file its index names: {}; download it again", damaged.join(", "))).into()
        );
    }
    verification.map_or(Ok(()), |verification| judge(&verification, args))
}

fn open(args: &InspectArgs, context: &Context) -> anyhow::Result<Session> {
    ModelArgs { model: args.path.clone(), device: args.device, dtype: args.dtype }.open(context)
}

fn fingerprint(args: &InspectArgs, context: &Context) -> anyhow::Result<String> {
    let mut session = open(args, context)?;
    Ok(block_on(session.fingerprint())?.to_owned())
}

fn verify(args: &InspectArgs, context: &Context) -> anyhow::Result<Verification> {
    let session = open(args, context)?;
    verify_folder(&session, &args.path)?.ok_or_else(|| {
        anyhow::anyhow!("{} holds no reference outputs; `sgcr convert` stores them", args.path.display())
    })
}

fn judge(verification: &Verification, args: &InspectArgs) -> anyhow::Result<()> {
    let tolerance = match args.dtype {
        Dtype::F32 => TOLERANCE_F32,
        Dtype::F16 => TOLERANCE_F16,
    };
    let Verification { video_difference, text_difference } = verification;
    let line = format!(
        "reference outputs on {}: video off by {video_difference:.1e}, text by {text_difference:.1e}, allowed {tolerance:.0e}",
        args.device
    );
    if verification.largest() <= tolerance {
        output::note(&line);
        Ok(())
    } else {
        Err(CheckFailed(line).into())
    }
}

fn tables(report: &InspectReport) -> String {
    let mut tensors = Table::new();
    tensors.load_preset(presets::NOTHING).set_header(["tensor", "shape", "type", "bytes"]);
    for tensor in &report.tensors {
        tensors.add_row([
            tensor.name.clone(),
            format!("{:?}", tensor.shape),
            tensor.dtype.clone(),
            tensor.bytes.to_string(),
        ]);
    }
    let mut files = Table::new();
    files.load_preset(presets::NOTHING).set_header(["file", "bytes", "sha256", "index"]);
    for file in &report.files {
        let matches = match file.matches_index {
            Some(true) => "ok",
            Some(false) => "DIFFERS",
            None => "",
        };
        files.add_row([file.name.clone(), file.bytes.to_string(), file.sha256.clone(), matches.to_owned()]);
    }
    for (table, bytes) in [(&mut tensors, 3), (&mut files, 1)] {
        if let Some(column) = table.column_mut(bytes) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let config = report.config.as_ref().map_or_else(String::new, |config| {
        let (vision, text) = (&config.vision, &config.text);
        format!(
            "{}: {} frames of {} px, patch {}, vision {} x {}, text {} x {}, joint {}, scene tokens {}\n",
            config.model_type,
            vision.frames,
            vision.image_size,
            vision.patch_size,
            vision.layers,
            vision.width,
            text.layers,
            text.width,
            config.embed_dim,
            config.scene_tokens.variant
        )
    });
    let adapter = report.adapter.as_ref().map_or_else(String::new, adapter_table);
    let totals =
        format!("{} tensors, {} parameters, {} bytes", report.tensors.len(), report.parameters, report.tensor_bytes);
    format!("{config}{adapter}{tensors}\n{files}\n{totals}")
}

fn adapter_table(adapter: &AdapterReport) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["adapted", "shape", "rank", "alpha"]);
    for pair in &adapter.pairs {
        table.add_row([
            pair.target.clone(),
            format!("{:?}", pair.shape),
            pair.rank.to_string(),
            pair.alpha.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let base = adapter.base.name.as_deref().unwrap_or("a base without a name");
    let sha256 = adapter.base.sha256.as_deref().unwrap_or("none, so the pairing is not checked");
    let scene = adapter
        .scene_tokens
        .as_ref()
        .map_or_else(String::new, |scene| format!("scene tokens {}, {} a frame\n", scene.variant, scene.tokens));
    let (pairs, whole) = (adapter.pairs.len(), adapter.parameters.len());
    format!(
        "adapter of {base}, fingerprint {sha256}\n{pairs} linear maps, {whole} whole parameters, dropout {}\n{scene}{table}\n",
        adapter.dropout
    )
}
