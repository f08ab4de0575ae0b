//! What a trained model says of itself: `results.json` and `README.md` (native only).

use crate::config::ModelType;
use crate::eval::KindTable;
use crate::train::TrainConfig;
use crate::train::folder_card::{FolderOutcome, folder_card};
use crate::world::Split;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Settings that a base model has in its own config.
const ARCHITECTURE: [&str; 13] = [
    "model_type",
    "internvideo2",
    "image_size",
    "patch_size",
    "frames",
    "vision_width",
    "vision_layers",
    "vision_heads",
    "text_width",
    "text_layers",
    "text_heads",
    "context_length",
    "embed_dim",
];

/// Outcome of a run.
pub(super) struct Results<'a> {
    pub config: &'a TrainConfig,
    /// Folder of the model it started from.
    pub base: Option<&'a Path>,
    /// Wall-clock seconds of training.
    pub seconds: f64,
    pub parameters: u64,
    /// Bytes of the weights.
    pub bytes: u64,
    pub outcome: Outcome,
    /// Files of the run that could not be written, with how often.
    pub not_written: &'a BTreeMap<String, u64>,
}

/// How the model does.
pub(super) enum Outcome {
    /// On fresh clips of the generated world.
    World(Vec<(Split, KindTable)>),
    /// On the user's data.
    Folders(Box<FolderOutcome>),
}

impl Outcome {
    /// The world's tables.
    pub fn into_tables(self) -> Vec<(Split, KindTable)> {
        match self {
            Self::World(tables) => tables,
            Self::Folders(_) => Vec::new(),
        }
    }
}

impl Results<'_> {
    /// The command that makes this model: settings that differ from the defaults as flags.
    pub fn command(&self) -> String {
        let mut command = "sgcr train --output MODEL".to_owned();
        if let Some(base) = self.base {
            let _ = write!(command, " --base {}", base.display());
        }
        let values = [serde_json::to_value(self.config), serde_json::to_value(TrainConfig::default())];
        if let [Ok(serde_json::Value::Object(ours)), Ok(serde_json::Value::Object(defaults))] = values {
            for (name, value) in ours.iter().filter(|(name, value)| defaults.get(*name) != Some(value)) {
                // What the base settles is no setting.
                if self.base.is_none() || !ARCHITECTURE.contains(&name.as_str()) {
                    add_setting(&mut command, name, value, defaults.get(name));
                }
            }
        }
        command
    }

    /// Clips seen in training; each was new.
    fn clips(&self) -> usize {
        self.config.steps * (self.config.batch + self.config.scenes)
    }

    /// Everything as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({
            "command": self.command(), "settings": self.config, "seconds": self.seconds,
            "parameters": self.parameters, "weight_bytes": self.bytes, "not_written": self.not_written,
        });
        match &self.outcome {
            Outcome::World(tables) => {
                let splits = tables.iter().map(|(split, table)| (split.name().to_owned(), table.to_json()));
                json["clips"] = self.clips().into();
                json["evaluation_clips"] = self.config.eval_clips.into();
                json["generated_world"] = Value::Object(splits.collect());
            }
            Outcome::Folders(outcome) => {
                json["data"] = serde_json::json!(outcome.facts);
                json["skipped_videos"] = serde_json::json!(outcome.skipped);
                json["held_out"] = serde_json::json!(outcome.held_out);
            }
        }
        json
    }

    /// For people: a table for each split of the world, or what came of the user's data.
    pub fn report(&self) -> String {
        let part =
            |(split, table): &(Split, KindTable)| format!("Generated world, {} split:\n\n{table}\n", split.name());
        match &self.outcome {
            Outcome::World(tables) => tables.iter().map(part).collect::<Vec<_>>().join("\n"),
            Outcome::Folders(outcome) => outcome.report(),
        }
    }
}

/// A setting as a flag; one inside of a table by its path, the fields that differ alone.
fn add_setting(command: &mut String, path: &str, value: &Value, default: Option<&Value>) {
    let _ = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let default = default.and_then(|table| table.get(name));
                if default != Some(value) {
                    add_setting(command, &format!("{path}.{name}"), value, default);
                }
            }
            Ok(())
        }
        Value::Null => write!(command, " --set {path}=none"),
        Value::Array(_) => write!(command, " --set {path}='{value}'"),
        Value::String(text) => write!(command, " --set {path}={text}"),
        _ if path.contains('.') => write!(command, " --set {path}={value}"),
        _ => write!(command, " --{} {value}", path.replace('_', "-")),
    };
}

/// The card's line on patches that training hides, if it does.
fn hidden_patches(config: &TrainConfig) -> String {
    if config.mask_ratio == 0.0 {
        return String::new();
    }
    let [hidden, unmasked] = [config.mask_ratio, config.unmasked].map(|share| 100.0 * share);
    format!("| patches hidden while training | {hidden:.0} %, none in the last {unmasked:.0} % of the steps |\n")
}

/// The model folder's `README.md`.
pub(super) fn model_card(results: &Results<'_>) -> String {
    if let Outcome::Folders(outcome) = &results.outcome {
        return folder_card(results, outcome);
    }
    let config = results.config;
    format!(
        "# A small {} of the generated world\n\n\
        {} on clips that `sgcr world` draws: coloured, sized actors and things that do things to each \
        other. It knows those words and those pictures, and nothing else; what it scores on them says nothing about \
        real video.\n\n\
        | | |\n|---|---|\n\
        | command | `{}` |\n\
        | seed | {} |\n\
        | steps, clips a step | {}, {} with captions and {} with graphs ({} clips, none twice) |\n\
        | hours of training | {:.2} |\n\
        | parameters | {} (f16, {:.1} MB) |\n\
        | input | {} frames of {} x {} pixels, patches of {} |\n{}\n\
        ## Near misses told apart\n\n\
        On {} fresh clips of each split, by the strict rule (the true caption must score higher; a tie is wrong). Chance \
        is 50 %. The compositional split has only clips with an (actor, action, object) triple that training never \
        showed.\n\n{}",
        if config.model_type == ModelType::Internvideo2 { "InternVideo2" } else { "ViCLIP" },
        results.base.map_or_else(
            || "Trained from scratch".to_owned(),
            |base| format!("Fine-tuned from `{}`", base.file_name().unwrap_or_default().display())
        ),
        results.command(),
        config.seed,
        config.steps,
        config.batch,
        config.scenes,
        results.clips(),
        results.seconds / 3600.0,
        results.parameters,
        results.bytes as f64 / 1e6,
        config.frames,
        config.image_size,
        config.image_size,
        config.patch_size,
        hidden_patches(config),
        config.eval_clips,
        results.report(),
    )
}
