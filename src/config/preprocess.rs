//! How raw frames become the model's input (`preprocessor_config.json`); travels with the weights.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

named_enum! {
    /// The four resize rules that published models were fed with (models.md 1.6, 3).
    ResizeRule("resize rule") {
        /// OpenCV `INTER_LINEAR` to a square, aspect squashed, no antialias, 11-bit fixed point: ViCLIP's demo.
        Cv2Linear = "cv2-linear",
        /// torchvision tensor bicubic to a square, no antialias (a = -0.75): ViCLIP's published evaluation.
        TorchBicubic = "torch-bicubic",
        /// torchvision tensor bicubic to a square with antialias (a = -0.5): newer torchvision's default.
        TorchBicubicAntialias = "torch-bicubic-antialias",
        /// Pillow bicubic of the short side, then centre crop: CLIP, NegCLIP, ViFi-CLIP.
        PillowBicubicCrop = "pillow-bicubic-crop",
    }
}

named_enum! {
    /// Which frames of a video are used (models.md 1.7, formats.md 2.2).
    SamplingRule("sampling rule") {
        /// The middle frame of each of n equal segments: evaluation.
        Middle = "middle",
        /// A seeded random frame of each segment: training.
        Rand = "rand",
        /// Every (length / n)-th frame from the first: ViCLIP's demo.
        Demo = "demo",
        /// Evenly from the first frame to the last: CLIP-ViP's evaluation.
        Linspace = "linspace",
        /// Two frames a second, 20 in ten seconds: VELOCITI's image models.
        Velociti = "velociti",
    }
}

/// A model's `preprocessor_config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessConfig {
    /// Side of the square output in pixels.
    pub image_size: usize,
    /// Resize rule.
    pub resize: ResizeRule,
    /// Mean of each channel (RGB, of values in 0..1).
    pub mean: [f32; 3],
    /// Standard deviation of each channel (RGB, of values in 0..1).
    pub std: [f32; 3],
    /// Frames to sample.
    pub frames: usize,
    /// Sampling rule.
    pub sampling: SamplingRule,
}

impl PreprocessConfig {
    /// ViCLIP's: ImageNet statistics, squashed bicubic without antialias, "middle" frames (the published evaluation).
    #[must_use]
    pub const fn viclip(image_size: usize, frames: usize) -> Self {
        Self {
            image_size,
            resize: ResizeRule::TorchBicubic,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            frames,
            sampling: SamplingRule::Middle,
        }
    }

    /// OpenAI CLIP's: its own statistics, Pillow bicubic and a centre crop.
    #[must_use]
    pub const fn clip(image_size: usize, frames: usize) -> Self {
        Self {
            image_size,
            resize: ResizeRule::PillowBicubicCrop,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
            frames,
            sampling: SamplingRule::Middle,
        }
    }

    /// CLIP-ViP's: CLIP's pixels, frames from the first to the last.
    #[must_use]
    pub const fn clip_vip(image_size: usize, frames: usize) -> Self {
        Self { sampling: SamplingRule::Linspace, ..Self::clip(image_size, frames) }
    }

    /// Parses and checks a `preprocessor_config.json`.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], [`Error::UnknownName`] or [`Error::InvalidConfig`].
    pub fn from_json(text: &str, file: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(Error::json(file))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] naming the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |field, value: String, expected: &str| {
            Err(Error::InvalidConfig { field, value, expected: expected.to_owned() })
        };
        if self.image_size == 0 || self.image_size > 4096 {
            return invalid("image_size", self.image_size.to_string(), "from 1 to 4096 pixels");
        }
        if self.frames == 0 || self.frames > 4096 {
            return invalid("frames", self.frames.to_string(), "from 1 to 4096");
        }
        if self.mean.iter().any(|m| !m.is_finite()) {
            return invalid("mean", format!("{:?}", self.mean), "finite numbers");
        }
        if self.std.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return invalid("std", format!("{:?}", self.std), "finite numbers above 0");
        }
        Ok(())
    }
}
