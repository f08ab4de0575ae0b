//! Which linear maps get low-rank adapters (LoRA), and of what size (models.md 5.6, choice 21 of 5.7).

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

named_enum! {
    /// Which encoders get adapters.
    LoraTowers("encoder to adapt") {
        /// The video encoder.
        Vision = "vision",
        /// The text encoder.
        Text = "text",
        /// Both.
        Both = "both",
    }
}

/// Target that names every linear map of attentions and MLPs, whatever a model calls them; PEFT's word.
pub const ALL_LINEAR: &str = "all-linear";

/// Settings of low-rank adapters: `y = W x + b + (alpha / rank) B A dropout(x)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// Rows of A, columns of B.
    pub rank: usize,
    /// Scale: the adapter's output is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Share of an adapter's inputs that is zeroed in training.
    pub dropout: f64,
    /// Which linear maps, as PEFT's `target_modules`: a whole path or its last parts (`c_fc`, `mlp.c_fc`). Three names hold
    /// for every model: `attn` (all projections of an attention), `mlp` (both maps of an MLP), `all-linear` (these and those).
    pub targets: Vec<String>,
    /// In which encoders.
    pub towers: LoraTowers,
    /// Only the last so many blocks of each encoder.
    pub upper_blocks: Option<usize>,
}

/// The paper's rank and dropout; attention and MLP of the video encoder, alpha twice the rank (choice 21).
impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 16.0,
            dropout: 0.05,
            targets: vec![ALL_LINEAR.to_owned()],
            towers: LoraTowers::Vision,
            upper_blocks: None,
        }
    }
}

impl LoraConfig {
    /// `alpha / rank`.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Checks what does not depend on the model.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] naming the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |field, value: String, expected: &str| {
            Err(Error::InvalidConfig { field, value, expected: expected.to_owned() })
        };
        if self.rank == 0 {
            return invalid("lora.rank", "0".to_owned(), "at least 1");
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return invalid("lora.alpha", self.alpha.to_string(), "above 0");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return invalid("lora.dropout", self.dropout.to_string(), "from 0 to below 1");
        }
        if self.targets.is_empty() || self.targets.iter().any(|target| target.trim().is_empty()) {
            let expected =
                "names of linear maps: all-linear, attn, mlp, last parts of paths such as c_fc, or whole paths";
            return invalid("lora.targets", format!("{:?}", self.targets), expected);
        }
        match self.upper_blocks {
            Some(0) => invalid("lora.upper_blocks", "0".to_owned(), "at least 1; leave it out for all blocks"),
            _ => Ok(()),
        }
    }

    /// Whether `target` names the linear map at `path`.
    #[must_use]
    pub fn names(target: &str, path: &str) -> bool {
        let ends = |path: &str| path.strip_suffix(target).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let projections = ["in_proj", "out_proj", "qkv", "proj"];
        let attention = projections.iter().find_map(|name| path.strip_suffix(name)?.strip_suffix('.'));
        let by_role = match target {
            ALL_LINEAR => true,
            "attn" => is_of_bert_s_attention(path),
            "mlp" => is_of_mlp(path),
            _ => false,
        };
        by_role || ends(path) || attention.is_some_and(ends)
    }
}

/// BERT has its projections one by one, below `attention` or `crossattention`.
fn is_of_bert_s_attention(path: &str) -> bool {
    path.split('.').any(|part| part == "attention" || part == "crossattention")
}

/// Below `mlp`; of BERT `intermediate` and the block's own `output`.
fn is_of_mlp(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('.').collect();
    match parts[..] {
        [_, "mlp", ..] | ["dense", "intermediate", ..] => true,
        ["dense", "output", ..] => !is_of_bert_s_attention(path),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_whole_names_from_the_end() {
        let path = "vision_encoder.transformer.resblocks.0.attn.in_proj";
        for target in ["in_proj", "attn.in_proj", path, "attn", "resblocks.0.attn"] {
            assert!(LoraConfig::names(target, path), "{target}");
        }
        for target in ["proj", "n.in_proj", "resblocks", "out_proj", "0.attn.out_proj", "vision_encoder", ""] {
            assert!(!LoraConfig::names(target, path), "{target}");
        }
        assert!(LoraConfig::names("attn", "x.attn.out_proj") && !LoraConfig::names("attn", "x.attn.c_proj"));
        // InternVideo2's.
        assert!(LoraConfig::names("attn", "x.attn.qkv") && LoraConfig::names("attn", "x.attn.proj"));
        assert!(LoraConfig::names("attn.proj", "x.attn.proj") && !LoraConfig::names("proj", "x.attn.out_proj"));
    }

    #[test]
    fn attentions_and_mlps_have_one_name_in_every_model() {
        for (path, role) in [
            ("vision_encoder.transformer.resblocks.0.attn.in_proj", "attn"),
            ("vision_encoder.transformer.resblocks.0.attn.out_proj", "attn"),
            ("visual.transformer.resblocks.0.mlp.c_fc", "mlp"),
            ("transformer.resblocks.0.mlp.c_proj", "mlp"),
            ("vision_encoder.blocks.0.attn.qkv", "attn"),
            ("vision_encoder.blocks.0.attn.proj", "attn"),
            ("vision_encoder.blocks.0.mlp.fc1", "mlp"),
            ("vision_encoder.blocks.0.mlp.fc2", "mlp"),
            ("text_encoder.bert.encoder.layer.0.attention.self.query", "attn"),
            ("text_encoder.bert.encoder.layer.0.attention.self.value", "attn"),
            ("text_encoder.bert.encoder.layer.0.attention.output.dense", "attn"),
            ("text_encoder.bert.encoder.layer.0.crossattention.self.key", "attn"),
            ("text_encoder.bert.encoder.layer.0.intermediate.dense", "mlp"),
            ("text_encoder.bert.encoder.layer.0.output.dense", "mlp"),
        ] {
            let found: Vec<&str> =
                ["attn", "mlp"].into_iter().filter(|target| LoraConfig::names(target, path)).collect();
            assert_eq!(found, [role], "{path}");
            assert!(LoraConfig::names(ALL_LINEAR, path), "{path}");
        }
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let field = |change: fn(&mut LoraConfig)| {
            let mut config = LoraConfig::default();
            change(&mut config);
            match config.validate().unwrap_err() {
                Error::InvalidConfig { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(field(|config| config.rank = 0), "lora.rank");
        assert_eq!(field(|config| config.alpha = f64::NAN), "lora.alpha");
        assert_eq!(field(|config| config.dropout = 1.0), "lora.dropout");
        assert_eq!(field(|config| config.targets.clear()), "lora.targets");
        assert_eq!(field(|config| config.targets.push(" ".to_owned())), "lora.targets");
        assert_eq!(field(|config| config.upper_blocks = Some(0)), "lora.upper_blocks");
        assert!(LoraConfig::default().validate().is_ok());
        assert!(serde_json::from_str::<LoraConfig>(r#"{"rank": 4, "r": 8}"#).is_err());
        let read: LoraConfig = serde_json::from_str(r#"{"rank": 4, "towers": "both"}"#).unwrap();
        assert_eq!(read, LoraConfig { rank: 4, towers: LoraTowers::Both, ..LoraConfig::default() });
    }
}
