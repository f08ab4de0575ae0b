//! `sgcr train`: contrastive training and SGCR-Vid training, on the generated world or on the user's own data.

use super::settings_file::{self, Format, Settings};
use super::train_data::{DataFlags, word};
use super::{Context, output};
use crate::config::ModelType;
use crate::platform::{ComputeDevice, DeviceName, block_on};
use crate::train::{RunOptions, TrainConfig, WriteErrors, preset, run as train};
use crate::world::Level;
use std::path::PathBuf;

/// Trains a fresh small ViCLIP (or InternVideo2) or a model that is there, and writes a model folder.
///
/// Clips come from the generated world, or from your own data: --manifest names video-caption pairs, --annotations a folder
/// in VidVRD's or VidOR's layout. Captions alone teach unless --scenes asks for annotated clips, whose scene graphs teach
/// SGCR-Vid's text and visual branch. Two runs with equal settings and data see the same clips in the same order. The output
/// folder holds the model, config.toml, run.json, log.jsonl, tensorboard/, results.json and, while training, a checkpoint
/// that --resume continues from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr train --output models/mine
  sgcr train --output models/tiny --steps 200 --batch 16 --vision-layers 2 --eval-clips 100
  sgcr train --output models/mine --resume
  sgcr train --preset world --output models/world
  sgcr train --config models/mine/config.toml --seed 2 --output models/second
  sgcr train --base models/mine --scenes 4 --set scene_tokens.variant=literal --set scene_tokens.tokens=8 --output models/sgcr
  sgcr train --base models/viclip-b16 --manifest pairs.jsonl --validate-every 500 --output models/own
  sgcr train --preset viclip-b16-sgcr --base models/viclip-b16 --manifest pairs.jsonl --annotations vidor/annotation \\
             --device cuda:0 --output models/viclip-b16-sgcr")]
pub struct TrainArgs {
    /// Folder to write
    #[arg(long, short)]
    output: PathBuf,
    /// Settings to begin with: the paper's (viclip-b16-sgcr, internvideo2-1b-sgcr), or those of our model of the generated
    /// world (world)
    #[arg(long)]
    preset: Option<String>,
    /// Settings as TOML or JSON (a run's own config.toml is one); flags win over it
    #[arg(long)]
    config: Option<PathBuf>,
    /// One setting by its path; may be repeated
    #[arg(long, value_name = "PATH=VALUE", long_help = settings_file::HELP)]
    set: Vec<String>,
    /// Model folder to start from; without it, a fresh model
    #[arg(long)]
    base: Option<PathBuf>,
    /// Continue from the output folder's checkpoint
    #[arg(long)]
    resume: bool,
    /// Compute device: cpu, webgpu, cuda:N
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    #[command(flatten)]
    settings: Flags,
    #[command(flatten)]
    data: DataFlags,
}

/// Declares [`Flags`]: every field of [`TrainConfig`] as a flag of the same name.
macro_rules! settings {
    ($($(#[$meta:meta])* $field:ident: $type:ty,)+) => {
        /// What is not given keeps its default.
        #[derive(Debug, clap::Args)]
        struct Flags { $($(#[$meta])* #[arg(long)] $field: Option<$type>,)+ }

        impl Flags {
            /// The settings with these flags in place.
            fn apply(&self, config: TrainConfig) -> TrainConfig {
                TrainConfig { $($field: self.$field.unwrap_or(config.$field),)+ ..config }
            }
        }
    };
}

settings! {
    /// Encoder pair of a fresh model: viclip, internvideo2 [default: viclip]
    #[arg(value_parser = word::<ModelType>)]
    model_type: ModelType,
    /// Side of the square frames in pixels
    image_size: usize,
    /// Side of a patch in pixels
    patch_size: usize,
    /// Frames a clip
    frames: usize,
    /// Width of the video encoder
    vision_width: usize,
    /// Blocks of the video encoder
    vision_layers: usize,
    /// Heads of the video encoder
    vision_heads: usize,
    /// Width of the text encoder
    text_width: usize,
    /// Blocks of the text encoder
    text_layers: usize,
    /// Heads of the text encoder
    text_heads: usize,
    /// Tokens of a caption, its two marks included
    context_length: usize,
    /// Joint dimension
    embed_dim: usize,
    /// Clips a step
    batch: usize,
    /// Steps in all
    steps: usize,
    /// Highest learning rate (cosine to 0)
    learning_rate: f64,
    /// Share of the steps that warms up
    warmup: f64,
    /// Decoupled weight decay of the matrices
    weight_decay: f64,
    /// Largest global norm of the gradient; 0: no limit
    clip_norm: f64,
    /// Share of patch tokens hidden while training
    mask_ratio: f64,
    /// Share of the steps, at the end, that hide none
    unmasked: f64,
    /// Near-miss pairs of each clip a step; 0: plain captions only
    near_misses: usize,
    /// What everything random follows from
    seed: u64,
    /// Steps between two checkpoints; 0: none
    checkpoint_every: usize,
    /// Steps between two lines of the log
    log_every: usize,
    /// Fresh clips of each split that the finished model is tested on
    eval_clips: usize,
    /// Level of the generated world: trio, crowd [default: trio]
    #[arg(value_parser = word::<Level>)]
    level: Level,
    /// Whether pairs of a step share their casts, so that only what is done tells them apart: true or false
    shared_casts: bool,
    /// Annotated clips a step, beside the pairs
    scenes: usize,
    /// Whether a step's clips are single frames: true or false
    stills: bool,
    /// Whether classes of the visual branch are told with their colours: true or false
    colored_classes: bool,
    /// Whether SG tokens, their attentions and heads train: true or false
    train_scene: bool,
    /// Whether the temperature trains: true or false
    train_temperature: bool,
    /// Batches whose mean gradient makes one step
    accumulate: usize,
    /// Clips in memory with their graph at once; 0: all
    micro_batch: usize,
    /// Whether blocks are computed again in the backward pass: true or false
    recompute: bool,
    /// Steps in a row without finite numbers after which training stops
    bad_steps: usize,
    /// Steps between two tests on validation clips; 0: none
    validate_every: usize,
    /// Clips of such a test, or pairs of the manifest that are kept back for it
    validation_clips: usize,
    /// Whether the finished model is the one that did best on them: true or false
    keep_best: bool,
    /// What a checkpoint, log or curve does that cannot be written (a full disk): stop, go-on [default: stop]
    #[arg(value_parser = word::<WriteErrors>)]
    write_errors: WriteErrors,
}

/// Runs the verb.
///
/// # Errors
/// Settings that make no sense, files that cannot be written, training that diverged,
/// [`Error::Aborted`](crate::Error::Aborted) (the last checkpoint stays).
pub fn run(args: &TrainArgs, context: &Context) -> anyhow::Result<()> {
    let mut config = args.settings.apply(base(args)?);
    config.data = args.data.apply(config.data);
    let device = block_on(ComputeDevice::open(args.device))?;
    let mut bars = context.bars();
    let options = RunOptions { config: &config, base: args.base.as_deref(), output: &args.output, resume: args.resume };
    let finished = train(&options, device.device(), &mut bars, &context.abort)?;
    bars.finish();
    output::print(&finished.report)
}

/// The defaults, over them the preset, the file and what is set by path.
fn base(args: &TrainArgs) -> anyhow::Result<TrainConfig> {
    let mut settings = Settings::over(&TrainConfig::default())?;
    if let Some(name) = &args.preset {
        settings.text(preset(name)?, Format::Toml, name)?;
    }
    if let Some(path) = &args.config {
        settings.file(path)?;
    }
    for assignment in &args.set {
        settings.set(assignment)?;
    }
    Ok(settings.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args as _;

    /// Model cards write such settings as flags.
    #[test]
    fn every_number_and_choice_is_a_flag() {
        let flags = Flags::augment_args(clap::Command::new("train"));
        let known: Vec<&str> = flags.get_arguments().filter_map(clap::Arg::get_long).collect();
        let settings = serde_json::to_value(TrainConfig::default()).unwrap();
        let single = settings.as_object().unwrap().iter().filter(|(_, value)| value.is_number() || value.is_boolean());
        let names: Vec<String> = single.map(|(name, _)| name.replace('_', "-")).collect();
        assert!(names.len() > 20);
        let missing: Vec<&String> = names.iter().filter(|name| !known.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
