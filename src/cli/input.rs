//! Arguments that several verbs share: which model on which device, and how clips are read.

use super::Context;
use crate::config::{Dtype, ResizeRule, SamplingRule};
use crate::platform::{ComputeDevice, DeviceName, block_on};
use crate::session::{ClipOptions, Session};
use crate::source::DiskFolder;
use std::path::PathBuf;

/// The model and where it runs.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// Model folder: one made by `sgcr convert`, or any with config.json and the published weights
    #[arg(long, env = "SGCR_MODEL", default_value = "www/model")]
    pub model: PathBuf,
    /// Compute device: cpu, webgpu, cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Number type of weights and arithmetic: f32, or f16 where the device has it
    #[arg(long, default_value = "f32")]
    pub dtype: Dtype,
}

impl ModelArgs {
    /// Opens device and model.
    ///
    /// # Errors
    /// Whatever is wrong with either.
    pub fn open(&self, context: &Context) -> anyhow::Result<Session> {
        let folder = DiskFolder::open(&self.model)?;
        let mut bars = context.bars();
        let session = block_on(async {
            let device = ComputeDevice::open(self.device).await?;
            Session::open(folder, device, self.dtype, &mut bars, &context.abort).await
        })?;
        Ok(session)
    }
}

/// Changes to the model's own preprocessing.
#[derive(Debug, clap::Args)]
pub struct ClipArgs {
    /// Frames to use [default: the model's]
    #[arg(long)]
    pub frames: Option<usize>,
    /// Which frames: middle, rand, demo, velociti [default: the model's]
    #[arg(long)]
    pub sampling: Option<SamplingRule>,
    /// Resize rule: cv2-linear, torch-bicubic, torch-bicubic-antialias, pillow-bicubic-crop [default: the model's]
    #[arg(long)]
    pub resize: Option<ResizeRule>,
    /// Seed of sampling rule "rand"
    #[arg(long, default_value_t = 0)]
    pub sampling_seed: u64,
}

impl ClipArgs {
    /// As the session takes them.
    #[must_use]
    pub const fn options(&self) -> ClipOptions {
        ClipOptions { frames: self.frames, sampling: self.sampling, resize: self.resize, seed: self.sampling_seed }
    }
}
