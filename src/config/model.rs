//! Architecture of a video-text model (`config.json`).

use super::compact::CompactConfig;
use super::{Internvideo2Config, SceneSource, SceneTokensConfig, SceneTokensVariant, VideoPooling};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

named_enum! {
    /// Which encoder pair a checkpoint holds.
    ModelType("model type") {
        /// ViCLIP: joint space-time attention, one CLS per video (models.md 1).
        Viclip = "viclip",
        /// OpenAI CLIP applied per frame, frame features averaged (models.md 3).
        Clip = "clip",
        /// CLIP-ViP: CLIP whose frames share proxy tokens (models.md 3).
        ClipVip = "clip-vip",
        /// InternVideo2 stage 2: attention pooling over a video encoder, and BERT (models.md 2).
        Internvideo2 = "internvideo2",
    }
}

impl ModelType {
    /// Whether its published evaluations clean captions before the tokenizer does (`text::pre_text`; models.md 1.8, 2.3).
    #[must_use]
    pub const fn cleans_captions(self) -> bool {
        matches!(self, Self::Viclip | Self::Internvideo2)
    }
}

named_enum! {
    /// Activation of the MLPs. Part of the weights: the wrong one changes results silently (open_clip #771).
    Activation("activation") {
        /// `x * sigmoid(1.702 x)`: OpenAI CLIP, ViCLIP.
        QuickGelu = "quick_gelu",
        /// Exact GELU with erf.
        Gelu = "gelu",
        /// Tanh approximation of GELU.
        GeluTanh = "gelu_tanh",
    }
}

named_enum! {
    /// What is done to a caption before the tokenizer sees it (models.md 1.5, 1.8).
    CaptionCleaning("caption cleaning") {
        /// OpenAI CLIP's: ftfy, HTML entities, white space, lower case.
        Clip = "clip",
        /// Lower case and single spaces.
        Plain = "plain",
        /// Nothing but the ends trimmed: what BERT's tokenizers do is in their own file.
        None = "none",
    }
}

/// Video encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of a square patch in pixels.
    pub patch_size: usize,
    /// Width D.
    pub width: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Frames T: rows of the temporal embedding (ViCLIP, CLIP-ViP), frames to sample (CLIP, InternVideo2).
    pub frames: usize,
    /// Proxy tokens that all frames share beside CLS: CLIP-ViP's, 3 as published; 0 for every other model.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub proxy_tokens: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
pub(super) const fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
const fn is_true(setting: &bool) -> bool {
    *setting
}

const fn yes() -> bool {
    true
}

impl VisionConfig {
    /// Patches a frame (M).
    #[must_use]
    pub const fn patches(&self) -> usize {
        let grid = self.image_size / self.patch_size;
        grid * grid
    }
}

/// Text encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Ids of a caption (L): 32 for ViCLIP, 77 for CLIP, 40 for InternVideo2.
    pub context_length: usize,
    /// What is done to a caption before the tokenizer sees it.
    pub cleaning: CaptionCleaning,
    /// Whether a caption's ids end with the end token, where the encoder reads them; InternVideo2's do not, it reads at the
    /// start token. Written only where they do not.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub end_token: bool,
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Width.
    pub width: usize,
    /// Transformer blocks; of InternVideo2 those that embed a caption, not those that match it with a video
    /// ([`Internvideo2Config::matching_layers`]).
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
}

/// A model's `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Encoder pair.
    pub model_type: ModelType,
    /// Joint dimension d.
    pub embed_dim: usize,
    /// Activation of every MLP; of InternVideo2 the video encoder's (BERT's is always exact GELU).
    pub activation: Activation,
    /// Epsilon of every LayerNorm; of InternVideo2 attention pooling's.
    pub layer_norm_eps: f64,
    /// Video encoder.
    pub vision: VisionConfig,
    /// Text encoder.
    pub text: TextConfig,
    /// Scene-graph tokens.
    #[serde(default)]
    pub scene_tokens: SceneTokensConfig,
    /// Extents of InternVideo2; none for every other model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internvideo2: Option<Internvideo2Config>,
}

/// Hugging Face's ViCLIP repositories say only `{"size": "b" | "l"}`.
#[derive(Deserialize)]
struct HubConfig {
    size: String,
}

impl ModelConfig {
    /// ViCLIP-B/16 as published (models.md 1.1).
    #[must_use]
    pub fn viclip_b16() -> Self {
        Self::viclip(16, (768, 12, 12), (512, 12, 8), 512)
    }

    /// ViCLIP-L/14 as published (models.md 1.1).
    #[must_use]
    pub fn viclip_l14() -> Self {
        Self::viclip(14, (1024, 24, 16), (768, 12, 12), 768)
    }

    /// A 224-pixel, 8-frame ViCLIP; towers as (width, layers, heads).
    fn viclip(patch_size: usize, vision: (usize, usize, usize), text: (usize, usize, usize), embed_dim: usize) -> Self {
        let (width, layers, heads) = vision;
        Self {
            model_type: ModelType::Viclip,
            embed_dim,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            vision: VisionConfig { image_size: 224, patch_size, width, layers, heads, frames: 8, proxy_tokens: 0 },
            text: TextConfig {
                context_length: 32,
                cleaning: CaptionCleaning::Clip,
                end_token: true,
                vocab_size: 49408,
                width: text.0,
                layers: text.1,
                heads: text.2,
            },
            scene_tokens: SceneTokensConfig::default(),
            internvideo2: None,
        }
    }

    /// InternVideo2-1B, stage 2, 4 frames, as published (models.md 2).
    #[must_use]
    pub fn internvideo2_1b() -> Self {
        let vision = VisionConfig {
            image_size: 224,
            patch_size: 14,
            width: 1408,
            layers: 40,
            heads: 16,
            frames: 4,
            proxy_tokens: 0,
        };
        let text = TextConfig {
            context_length: 40,
            cleaning: CaptionCleaning::None,
            end_token: false,
            vocab_size: 30_522,
            width: 1024,
            layers: 19,
            heads: 16,
        };
        let own = Internvideo2Config {
            pooled_width: 768,
            text_positions: 512,
            matching_layers: 5,
            ..Internvideo2Config::of(&vision, &text)
        };
        Self {
            model_type: ModelType::Internvideo2,
            embed_dim: 512,
            activation: Activation::GeluTanh,
            layer_norm_eps: 1e-5,
            vision,
            text,
            scene_tokens: SceneTokensConfig::default(),
            internvideo2: Some(own),
        }
    }

    /// Width inside the video encoder's MLPs.
    #[must_use]
    pub fn vision_hidden(&self) -> usize {
        self.internvideo2.as_ref().map_or(4 * self.vision.width, |own| own.vision_hidden)
    }

    /// Reads any of the three layouts: ours, the compact one of reference scripts, Hugging Face's `{"size": "b"}`.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], [`Error::UnknownName`], or [`Error::InvalidConfig`] where the values contradict each other.
    pub fn from_json(text: &str, file: &str) -> Result<Self> {
        let text = text.trim_start_matches('\u{feff}');
        let value: serde_json::Value = serde_json::from_str(text).map_err(Error::json(file))?;
        // Parsed from the text again, not from the value, so that an error has its line and column.
        let config = if value.get("vision").is_some() || value.get("model_type").is_some() {
            serde_json::from_str(text).map_err(Error::json(file))?
        } else if value.get("vw").is_some() {
            let compact: CompactConfig = serde_json::from_str(text).map_err(Error::json(file))?;
            let own = value.get("fusion").map(|_| serde_json::from_str(text).map_err(Error::json(file)));
            compact.into_config(own.transpose()?, file)?
        } else if value.get("size").is_some() {
            let hub: HubConfig = serde_json::from_str(text).map_err(Error::json(file))?;
            match hub.size.as_str() {
                "b" => Self::viclip_b16(),
                "l" => Self::viclip_l14(),
                _ => return Err(Error::UnknownName { kind: "ViCLIP size", name: hub.size, known: "b, l".to_owned() }),
            }
        } else {
            let reason = "no \"model_type\" (sgcr), \"vw\" (reference scripts) or \"size\" (Hugging Face ViCLIP) in it";
            return Err(Error::InvalidJson { file: file.to_owned(), line: 0, column: 0, reason: reason.to_owned() });
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks that the numbers fit together.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] naming the first field that does not.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("embed_dim", self.embed_dim),
            ("vision.image_size", self.vision.image_size),
            ("vision.patch_size", self.vision.patch_size),
            ("vision.width", self.vision.width),
            ("vision.layers", self.vision.layers),
            ("vision.heads", self.vision.heads),
            ("vision.frames", self.vision.frames),
            ("text.context_length", self.text.context_length),
            ("text.vocab_size", self.text.vocab_size),
            ("text.width", self.text.width),
            ("text.layers", self.text.layers),
            ("text.heads", self.text.heads),
            ("scene_tokens.tokens", self.scene_tokens.tokens),
            ("scene_tokens.heads", self.scene_tokens.heads),
        ];
        for (field, value) in positive {
            if value == 0 || value > 1 << 24 {
                return Err(invalid(field, value, "a whole number from 1 to 16777216".to_owned()));
            }
        }
        if self.text.context_length < 2 {
            return Err(invalid("text.context_length", self.text.context_length, "at least 2".to_owned()));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(invalid("layer_norm_eps", self.layer_norm_eps, "between 0 and 1".to_owned()));
        }
        divides("vision.image_size", self.vision.image_size, "vision.patch_size", self.vision.patch_size)?;
        divides("vision.width", self.vision.width, "vision.heads", self.vision.heads)?;
        divides("text.width", self.text.width, "text.heads", self.text.heads)?;
        let proxies = self.vision.proxy_tokens;
        if (proxies > 0) != (self.model_type == ModelType::ClipVip) || proxies > 1 << 12 {
            let expected = "from 1 to 4096 for model_type \"clip-vip\", 0 (or left out) for every other".to_owned();
            return Err(invalid("vision.proxy_tokens", proxies, expected));
        }
        self.validate_internvideo2()?;
        self.validate_scene_tokens()
    }

    fn validate_internvideo2(&self) -> Result<()> {
        let own = match (&self.internvideo2, self.model_type) {
            (Some(own), ModelType::Internvideo2) => own,
            (None, ModelType::Internvideo2) => {
                let expected = "an object with its extents, for model_type \"internvideo2\"".to_owned();
                return Err(invalid("internvideo2", "nothing", expected));
            }
            (Some(_), other) => {
                let expected = format!("left out for model_type \"{other}\"");
                return Err(invalid("internvideo2", "an object", expected));
            }
            (None, _) if !self.text.end_token => {
                let expected = "true (or left out): this model reads a caption where it ends".to_owned();
                return Err(invalid("text.end_token", "false", expected));
            }
            (None, _) => return Ok(()),
        };
        for (field, value) in [
            ("internvideo2.vision_hidden", own.vision_hidden),
            ("internvideo2.pooled_width", own.pooled_width),
            ("internvideo2.pooling_heads", own.pooling_heads),
            ("internvideo2.position_frames", own.position_frames),
            ("internvideo2.position_grid", own.position_grid),
            ("internvideo2.text_hidden", own.text_hidden),
            ("internvideo2.text_positions", own.text_positions),
        ] {
            if value == 0 || value > 1 << 24 {
                return Err(invalid(field, value, "a whole number from 1 to 16777216".to_owned()));
            }
        }
        if own.matching_layers > 1 << 12 {
            return Err(invalid("internvideo2.matching_layers", own.matching_layers, "at most 4096".to_owned()));
        }
        if self.text.context_length > own.text_positions {
            let expected = format!("at most internvideo2.text_positions = {}", own.text_positions);
            return Err(invalid("text.context_length", self.text.context_length, expected));
        }
        divides("vision.width", self.vision.width, "internvideo2.pooling_heads", own.pooling_heads)
    }

    fn validate_scene_tokens(&self) -> Result<()> {
        let SceneTokensConfig { variant, pooling, .. } = self.scene_tokens;
        if variant == SceneTokensVariant::None {
            if pooling == VideoPooling::All {
                return Ok(());
            }
            return Err(invalid("scene_tokens.pooling", pooling, "all (or left out) without SG tokens".to_owned()));
        }
        if !matches!(self.model_type, ModelType::Viclip | ModelType::Internvideo2) {
            let expected =
                format!("none for model_type \"{}\" (SG tokens are ViCLIP's and InternVideo2's)", self.model_type);
            return Err(invalid("scene_tokens.variant", variant, expected));
        }
        if pooling != VideoPooling::All && self.model_type != ModelType::Internvideo2 {
            let expected = format!("all for model_type \"{}\", which has no attention pooling", self.model_type);
            return Err(invalid("scene_tokens.pooling", pooling, expected));
        }
        if self.scene_tokens.source == SceneSource::AfterNorm && self.model_type != ModelType::Viclip {
            let expected = format!("before_norm for model_type \"{}\", which has no ln_pre", self.model_type);
            return Err(invalid("scene_tokens.source", self.scene_tokens.source, expected));
        }
        divides("vision.width", self.vision.width, "scene_tokens.heads", self.scene_tokens.heads)
    }
}

fn invalid(field: &'static str, value: impl ToString, expected: String) -> Error {
    Error::InvalidConfig { field, value: value.to_string(), expected }
}

fn divides(field: &'static str, value: usize, by_field: &str, by: usize) -> Result<()> {
    if value.is_multiple_of(by) {
        Ok(())
    } else {
        Err(invalid(field, value, format!("a multiple of {by_field} = {by}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_layout_round_trips() {
        let config = ModelConfig::viclip_l14();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(ModelConfig::from_json(&text, "config.json").unwrap(), config);
    }

    #[test]
    fn hub_layout_is_read_and_other_sizes_are_refused() {
        let hub = ModelConfig::from_json(r#"{"size": "b", "tokenizer_path": "x"}"#, "config.json").unwrap();
        assert_eq!(hub, ModelConfig::viclip_b16());
        let error = ModelConfig::from_json(r#"{"size": "g"}"#, "config.json").unwrap_err();
        assert_eq!(error.code(), "unknown-name");
    }

    #[test]
    fn an_unknown_activation_is_named_with_the_known_ones() {
        let text = serde_json::to_string(&ModelConfig::viclip_b16()).unwrap().replace("quick_gelu", "swish");
        let message = ModelConfig::from_json(&text, "config.json").unwrap_err().to_string();
        assert!(message.contains("swish") && message.contains("quick_gelu"), "{message}");
    }

    #[test]
    fn internvideo2_s_layouts_are_read_and_its_extents_are_its_own() {
        let config = ModelConfig::internvideo2_1b();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(ModelConfig::from_json(&text, "config.json").unwrap(), config);
        let compact = include_str!("../../tests/fixtures/internvideo2_1b/config.json");
        let mut of_scripts = ModelConfig::from_json(compact, "config.json").unwrap();
        // The heads that SG tokens would have are the encoder's there.
        assert_eq!(std::mem::take(&mut of_scripts.scene_tokens).heads, 16);
        assert_eq!(of_scripts, config);
        // A folder that was written when there was no matching has none.
        let embeds = text.replace(",\"matching_layers\":5", "");
        let embeds = ModelConfig::from_json(&embeds, "config.json").unwrap();
        assert_eq!(embeds.internvideo2.unwrap().matching_layers, 0);
        let no_layers = compact.replace("\"ti\"", "\"other\"");
        let error = ModelConfig::from_json(&no_layers, "config.json").unwrap_err().to_string();
        assert!(error.contains("`ti`"), "{error}");

        let field = |change: fn(&mut ModelConfig)| {
            let mut config = ModelConfig::internvideo2_1b();
            change(&mut config);
            match config.validate() {
                Err(Error::InvalidConfig { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(field(|config| config.internvideo2 = None), "internvideo2");
        assert_eq!(field(|config| config.model_type = ModelType::Viclip), "internvideo2");
        assert_eq!(field(|config| config.text.context_length = 513), "text.context_length");
        let own = |change: fn(&mut Internvideo2Config)| {
            let mut config = ModelConfig::internvideo2_1b();
            config.internvideo2.iter_mut().for_each(change);
            config.validate()
        };
        for refused in
            [own(|own| own.pooling_heads = 3), own(|own| own.position_grid = 0), own(|own| own.matching_layers = 5000)]
        {
            assert_eq!(refused.unwrap_err().code(), "invalid-config");
        }
        let mut viclip = ModelConfig::viclip_b16();
        viclip.text.end_token = false;
        assert!(matches!(viclip.validate(), Err(Error::InvalidConfig { field: "text.end_token", .. })));
        for (mut config, variant) in [
            (ModelConfig::viclip_b16(), SceneTokensVariant::Block),
            (ModelConfig::internvideo2_1b(), SceneTokensVariant::None),
        ] {
            (config.scene_tokens.variant, config.scene_tokens.pooling) = (variant, VideoPooling::Cls);
            assert!(matches!(config.validate(), Err(Error::InvalidConfig { field: "scene_tokens.pooling", .. })));
        }
    }

    #[test]
    fn contradictions_name_the_field() {
        let mut config = ModelConfig::viclip_b16();
        config.vision.heads = 7;
        assert!(matches!(config.validate(), Err(Error::InvalidConfig { field: "vision.width", .. })));
        let mut config = ModelConfig::viclip_b16();
        config.vision.patch_size = 0;
        assert!(matches!(config.validate(), Err(Error::InvalidConfig { field: "vision.patch_size", .. })));
        let mut config = ModelConfig::viclip_b16();
        config.vision.proxy_tokens = 3;
        assert!(matches!(config.validate(), Err(Error::InvalidConfig { field: "vision.proxy_tokens", .. })));
        config.model_type = ModelType::ClipVip;
        config.validate().unwrap();
        config.scene_tokens.variant = SceneTokensVariant::Block;
        assert!(matches!(config.validate(), Err(Error::InvalidConfig { field: "scene_tokens.variant", .. })));
    }
}
