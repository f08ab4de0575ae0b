//! What InternVideo2's stage 2 has beside the extents that every model has (models.md 2).

use super::{TextConfig, VisionConfig};
use serde::{Deserialize, Serialize};

/// Extents of InternVideo2 alone: `"internvideo2"` in `config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Internvideo2Config {
    /// Width inside the video encoder's MLPs.
    pub vision_hidden: usize,
    /// What attention pooling gives, before the projection to the joint dimension.
    pub pooled_width: usize,
    /// Heads of attention pooling.
    pub pooling_heads: usize,
    /// Frames that the video encoder's table of positions was made for; clips of another number interpolate it.
    pub position_frames: usize,
    /// Patches a side that this table was made for; frames of another size interpolate it.
    pub position_grid: usize,
    /// Width inside the text encoder's MLPs.
    pub text_hidden: usize,
    /// Rows of the text encoder's table of positions: captions may be so long.
    pub text_positions: usize,
    /// Text blocks beyond `text.layers`, which match captions with a video's tokens; 0 (or left out): the model has no
    /// matching.
    #[serde(default, skip_serializing_if = "super::model::is_zero")]
    pub matching_layers: usize,
}

impl Internvideo2Config {
    /// In the published model's proportions: MLPs of 48/11 and 4 times the width, pooling to the encoder's own width; without
    /// matching, for which nothing here trains.
    #[must_use]
    pub const fn of(vision: &VisionConfig, text: &TextConfig) -> Self {
        Self {
            vision_hidden: vision.width * 48 / 11,
            pooled_width: vision.width,
            pooling_heads: vision.heads,
            position_frames: vision.frames,
            position_grid: vision.image_size / vision.patch_size,
            text_hidden: 4 * text.width,
            text_positions: text.context_length,
            matching_layers: 0,
        }
    }
}
