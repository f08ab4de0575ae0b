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

named_enum! {
    /// Which patch tokens the SG tokens are filled from (choice 5 of models.md 5.7).
    SceneSource("source of scene tokens") {
        /// ViCLIP's before `ln_pre`, which then covers the SG tokens too; InternVideo2 has no such norm.
        BeforeNorm = "before_norm",
        /// ViCLIP's after `ln_pre`; the SG tokens enter the blocks as they are.
        AfterNorm = "after_norm",
    }
}

named_enum! {
    /// How an SG token's output becomes a subject, an object and a predicate (choice 7 of models.md 5.7).
    ClassHeads("class heads") {
        /// A linear map for each, which begins as the encoder's projection.
        Linear = "linear",
        /// A hidden layer with `ReLU` before each of these maps, as detection transformers have for boxes.
        Mlp = "mlp",
    }
}

named_enum! {
    /// How such an output is held against a label's embedding (choice 8 of models.md 5.7).
    ClassScores("class scores") {
        /// By their cosine over the temperature.
        Cosine = "cosine",
        /// By their product, the output as long as it is (SGVL).
        Product = "product",
    }
}

/// Scene-graph tokens of the video encoder (SGCR-Vid section 4.2; choices 1 to 5, 7, 8 and 19 of models.md 5.7).
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
    /// What InternVideo2's embedding of a video is made of. This and what follows is written only where it is not the
    /// usual.
    #[serde(skip_serializing_if = "VideoPooling::is_usual")]
    pub pooling: VideoPooling,
    /// Which patch tokens the SG tokens are filled from.
    #[serde(skip_serializing_if = "SceneSource::is_usual")]
    pub source: SceneSource,
    /// How an SG token's output becomes a subject, an object and a predicate.
    #[serde(skip_serializing_if = "ClassHeads::is_usual")]
    pub class_heads: ClassHeads,
    /// How such an output is held against a label's embedding.
    #[serde(skip_serializing_if = "ClassScores::is_usual")]
    pub class_scores: ClassScores,
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
            source: SceneSource::BeforeNorm,
            class_heads: ClassHeads::Linear,
            class_scores: ClassScores::Cosine,
        }
    }
}

/// Whether a setting is the one that is not written. By reference, as serde calls it.
macro_rules! usual {
    ($($name:ident::$variant:ident),+) => {
        $(impl $name {
            #[allow(clippy::trivially_copy_pass_by_ref)]
            fn is_usual(&self) -> bool {
                *self == Self::$variant
            }
        })+
    };
}
usual!(VideoPooling::All, SceneSource::BeforeNorm, ClassHeads::Linear, ClassScores::Cosine);

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
        let unusual = SceneTokensConfig {
            source: SceneSource::AfterNorm,
            class_heads: ClassHeads::Mlp,
            class_scores: ClassScores::Product,
            ..Default::default()
        };
        let json = serde_json::to_string(&unusual).unwrap();
        assert!(["after_norm", "mlp", "product"].iter().all(|name| json.contains(name)), "{json}");
        assert_eq!(serde_json::from_str::<SceneTokensConfig>(&json).unwrap(), unusual);
    }
}
