//! Arguments that several verbs share: which model on which device, and how clips are read.

use super::Context;
use crate::config::{Dtype, ResizeRule, SamplingRule};
use crate::platform::{ComputeDevice, DeviceName, block_on};
use crate::session::{ClipOptions, Pairing, Session};
use crate::source::DiskFolder;
use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

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

/// An adapter folder and its weight: `FOLDER`, `FOLDER=0.5`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedFolder {
    /// The folder.
    pub folder: PathBuf,
    /// 1 where none is given.
    pub weight: f64,
}

impl FromStr for WeightedFolder {
    type Err = Infallible;

    /// What follows the last `=` is a weight if it is a number, else a part of the name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let weighted = text.rsplit_once('=').and_then(|(folder, weight)| Some((folder, weight.parse().ok()?)));
        let (folder, weight) = weighted.unwrap_or((text, 1.0));
        Ok(Self { folder: folder.into(), weight })
    }
}

/// Adapters to put on the model.
#[derive(Debug, clap::Args)]
pub struct AdapterArgs {
    /// Adapter folder in PEFT's layout, with a weight if it is not 1; repeat it to mix several
    #[arg(long, value_name = "FOLDER[=WEIGHT]")]
    pub lora: Vec<WeightedFolder>,
    /// Take adapters that were trained on another base model than this one
    #[arg(long, requires = "lora")]
    pub lora_any_base: bool,
}

impl AdapterArgs {
    /// Whether the adapters' base is checked.
    #[must_use]
    pub const fn pairing(&self) -> Pairing {
        if self.lora_any_base { Pairing::Any } else { Pairing::Checked }
    }

    /// Loads the adapters and puts them on.
    ///
    /// # Errors
    /// Whatever is wrong with one of them.
    pub fn put_on(&self, session: &mut Session, context: &Context) -> anyhow::Result<()> {
        if self.lora.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.lora.iter().map(|adapter| adapter.folder.display().to_string()).collect();
        let mut bars = context.bars();
        for (adapter, name) in self.lora.iter().zip(&names) {
            let folder = DiskFolder::open(&adapter.folder)?;
            block_on(session.load_adapter(name, &folder, self.pairing(), &mut bars))?;
        }
        let weights = names.iter().map(String::as_str).zip(self.lora.iter().map(|adapter| adapter.weight));
        session.set_adapter_weights(&weights.collect::<Vec<_>>())?;
        Ok(())
    }
}

/// Changes to the model's own preprocessing.
#[derive(Debug, clap::Args)]
pub struct ClipArgs {
    /// Frames to use [default: the model's]
    #[arg(long)]
    pub frames: Option<usize>,
    /// Which frames: middle, rand, demo, linspace, velociti [default: the model's]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_follows_the_last_equals_sign() {
        for (text, folder, weight) in
            [("a", "a", 1.0), ("a=0.5", "a", 0.5), ("a=-1", "a", -1.0), ("a=b", "a=b", 1.0), ("a=b=2", "a=b", 2.0)]
        {
            let expected = WeightedFolder { folder: folder.into(), weight };
            assert_eq!(text.parse::<WeightedFolder>(), Ok(expected), "{text}");
        }
    }
}
