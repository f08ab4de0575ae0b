//! Scene-graph tokens of a model.

use serde::{Deserialize, Serialize};

named_enum! {
    /// How scene-graph (SG) tokens are made from patch tokens (models.md 5.2).
    SceneTokensVariant("scene token variant") {
        /// No SG tokens: the plain encoder.
        None = "none",
        /// Bare multi-head attention, Eqs. 4-6 of the SGCR-Vid paper to the letter.
        Literal = "literal",
        /// Pre-norm residual blocks with an MLP around the same three attentions.
        Block = "block",
    }
}

named_enum! {
    /// What an InternVideo2 with SG tokens makes the video's embedding of (choice 19 of models.md 5.7).
    VideoPooling("video pooling") {
        /// Attention pooling over all tokens: CLS, SG, patches.
        All = "all",
        /// Attention pooling over CLS and patches.
        WithoutScene = "without_scene",
        /// CLS alone, through the pooling's own maps: of one token its attention is that token.
        Cls = "cls",
    }
}

/// Scene-graph tokens of the video encoder (SGCR-Vid section 4.2; choices 1-7 and 19 of models.md 5.7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneTokensConfig {
    /// How the tokens are computed.
    pub variant: SceneTokensVariant,
    /// SG tokens per frame (S): 12 for ViCLIP-B/16, 16 for InternVideo2.
    pub tokens: usize,
    /// Heads of the three attentions.
    pub heads: usize,
    /// Tokens and box heads of their own for each frame (`[T, S, D]`) instead of shared ones (`[1, S, D]`).
    pub per_frame: bool,
    /// At the first frame, let the temporal attention see the frame itself instead of passing through.
    pub first_frame_attends: bool,
    /// What InternVideo2's embedding of a video is made of. Written only where it is not all tokens.
    #[serde(skip_serializing_if = "is_default")]
    pub pooling: VideoPooling,
}

impl Default for SceneTokensConfig {
    fn default() -> Self {
        Self {
            variant: SceneTokensVariant::None,
            tokens: 12,
            heads: 12,
            per_frame: false,
            first_frame_attends: false,
            pooling: VideoPooling::All,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_default(pooling: &VideoPooling) -> bool {
    *pooling == VideoPooling::All
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pooling_is_written_where_it_is_not_the_usual() {
        let json = |pooling| serde_json::to_string(&SceneTokensConfig { pooling, ..Default::default() }).unwrap();
        assert!(!json(VideoPooling::All).contains("pooling"));
        for pooling in [VideoPooling::All, VideoPooling::WithoutScene, VideoPooling::Cls] {
            let read: SceneTokensConfig = serde_json::from_str(&json(pooling)).unwrap();
            assert_eq!(read.pooling, pooling);
        }
        assert!(serde_json::from_str::<SceneTokensConfig>(r#"{"pooling": "mean"}"#).is_err());
    }
}
