//! `sgcr ablate`: the branches of SGCR-Vid one by one and together, on the generated world.

use super::settings_file::{self, with_file};
use super::{Context, output};
use crate::platform::{ComputeDevice, DeviceName, block_on};
use crate::train::{AblateConfig, AblateOptions, ablate};
use std::path::PathBuf;

/// Trains SGCR-Vid's branches one by one and together from one base model, over several seeds, tests them, and writes a
/// report (report.md, report.html).
///
/// Cell by cell: started again with the same output folder, it goes on where it was stopped. With the defaults, twelve
/// cells of 400 steps take an hour on one core.
#[derive(Debug, clap::Args)]
#[command(after_help = concat!("Examples:
  sgcr train --preset world --output models/world
  sgcr ablate --base models/world --output ablation
  sgcr ablate --base models/world --output ablation --set seeds=5 --set alphas='[0.03, 0.3, 1.0]'
  sgcr ablate --base models/world --output quick --set train.steps=50 --set train.eval_clips=50 --set seeds=2"))]
pub struct AblateArgs {
    /// Model folder that every cell starts from
    #[arg(long)]
    base: PathBuf,
    /// Folder for cells and report
    #[arg(long, short)]
    output: PathBuf,
    /// Settings as TOML or JSON
    #[arg(long)]
    config: Option<PathBuf>,
    /// One setting by its path; may be repeated
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Settings", long_help = settings_file::HELP)]
    set: Vec<String>,
    /// Compute device: cpu, webgpu, cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

/// Runs the verb.
///
/// # Errors
/// Settings that make no sense, files that cannot be written, training that diverged,
/// [`Error::Aborted`](crate::Error::Aborted) (finished cells and the last checkpoint stay).
pub fn run(args: &AblateArgs, context: &Context) -> anyhow::Result<()> {
    let config = with_file(&AblateConfig::default(), args.config.as_deref(), &args.set)?;
    let device = block_on(ComputeDevice::open(args.device))?;
    let mut bars = context.bars();
    let options = AblateOptions { config: &config, base: &args.base, output: &args.output };
    let report = ablate(&options, device.device(), &mut bars, &context.abort)?;
    bars.finish();
    output::print(&report.markdown)?;
    output::print(&format!("\nThe same with pictures: {}", args.output.join("report.html").display()))
}
