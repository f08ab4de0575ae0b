//! PEFT's `adapter_config.json`: what of it bears on the numbers.

use super::keys::PeftModule;
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Fields that change what an adapter computes and have no counterpart here unless they are off.
const MUST_BE_OFF: &[&str] = &[
    "alora_invocation_tokens",
    "arrow_config",
    "fan_in_fan_out",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "megatron_config",
    "monteclora_config",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "velora_config",
];

/// Ways to draw the factors that leave the base's weights as they are. The others (PiSSA, OLoRA, …) change them, and PEFT
/// does so again when it loads such an adapter.
const PLAIN_INITS: &[&str] = &["gaussian", "orthogonal", "eva"];

/// What is read.
#[derive(Debug, Deserialize)]
struct Fields {
    peft_type: String,
    lora_alpha: Option<f64>,
    lora_dropout: Option<f64>,
    use_rslora: Option<bool>,
    alpha_pattern: Option<BTreeMap<String, f64>>,
    base_model_name_or_path: Option<String>,
    init_lora_weights: Option<Value>,
    peft_version: Option<String>,
}

/// What an adapter's factors are scaled by, and where it comes from.
#[derive(Debug)]
pub(super) struct PeftConfig {
    alpha: f64,
    pub dropout: f64,
    rank_stabilised: bool,
    /// Names of modules (see [`names`]) with an alpha of their own.
    alpha_pattern: BTreeMap<String, f64>,
    pub base_model: Option<String>,
    /// The version that wrote it, or for whose reading it was written; older ones do not say.
    pub peft_version: Option<String>,
}

impl PeftConfig {
    /// # Errors
    /// [`Error::InvalidJson`]; [`Error::InvalidInput`] for another method than LoRA and for variants of it.
    pub fn from_json(text: &str, file: &str) -> Result<Self> {
        let text = text.trim_start_matches('\u{feff}');
        let fields: Fields = serde_json::from_str(text).map_err(Error::json(file))?;
        let all: Map<String, Value> = serde_json::from_str(text).map_err(Error::json(file))?;
        let refuse = |reason: String| Err(Error::InvalidInput { what: file.to_owned(), reason });
        if fields.peft_type != "LORA" {
            return refuse(format!("peft_type is \"{}\"; only LORA is supported", fields.peft_type));
        }
        let on = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != json!([]);
        if let Some(field) = MUST_BE_OFF.iter().find(|field| all.get(**field).is_some_and(on)) {
            return refuse(format!(
                "{field} = {} is not supported; merge the adapter in Python (merge_and_unload) and convert the result",
                all[*field]
            ));
        }
        match &fields.init_lora_weights {
            Some(Value::String(init)) if !PLAIN_INITS.contains(&init.as_str()) => {
                return refuse(format!(
                    "init_lora_weights = \"{init}\" changes the base's weights; save it as plain LoRA \
                     (path_initial_model_for_weight_conversion)"
                ));
            }
            _ => {}
        }
        let alpha = fields.lora_alpha.unwrap_or(8.0);
        let alpha_pattern = fields.alpha_pattern.unwrap_or_default();
        if let Some(alpha) = alpha_pattern.values().chain([&alpha]).find(|alpha| !alpha.is_finite()) {
            return refuse(format!("an alpha of {alpha} makes no sense"));
        }
        Ok(Self {
            alpha,
            dropout: fields.lora_dropout.unwrap_or_default(),
            rank_stabilised: fields.use_rslora.unwrap_or_default(),
            alpha_pattern,
            base_model: fields.base_model_name_or_path,
            peft_version: fields.peft_version,
        })
    }

    /// The alpha of a module.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a pattern that is more than a name, or for two that disagree (PEFT takes the first in the
    /// file's order).
    pub fn alpha_of(&self, module: &str, file: &str) -> Result<f64> {
        let refuse = |reason: String| Err(Error::InvalidInput { what: file.to_owned(), reason });
        let mut found: Option<f64> = None;
        for (pattern, alpha) in &self.alpha_pattern {
            match names(pattern, module) {
                None => {
                    return refuse(format!("alpha_pattern \"{pattern}\" is more than a name; write modules' paths"));
                }
                Some(true) if found.is_some_and(|found| found != *alpha) => {
                    return refuse(format!("two entries of alpha_pattern name {module}; keep one"));
                }
                Some(true) => found = Some(*alpha),
                Some(false) => {}
            }
        }
        Ok(found.unwrap_or(self.alpha))
    }

    /// What B A is multiplied by.
    pub fn scale(&self, alpha: f64, rank: usize) -> f64 {
        if self.rank_stabilised { alpha / (rank as f64).sqrt() } else { alpha / rank as f64 }
    }
}

/// Whether one of PEFT's patterns names a module. They are regular expressions that must match up to the end, from the
/// beginning or behind a dot; all that is understood here are names (`c_fc`, `mlp\.c_fc`), with `^` whole paths.
/// `None` for others.
fn names(pattern: &str, module: &str) -> Option<bool> {
    let name = pattern.strip_suffix('$').unwrap_or(pattern);
    let (whole, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let name = name.replace("\\.", ".");
    if name.contains(|c: char| !(c.is_alphanumeric() || "._-".contains(c))) {
        return None;
    }
    let ends =
        module.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || (!whole && rest.ends_with('.')));
    Some(ends)
}

/// The text of an `adapter_config.json` for these modules. `whole` are modules that were trained whole.
pub(super) fn write(modules: &[PeftModule], whole: &[&str], dropout: f64, base_model: Option<&str>) -> Result<String> {
    let mut counts: BTreeMap<(usize, u64), usize> = BTreeMap::new();
    for module in modules {
        *counts.entry((module.rank, module.alpha.to_bits())).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    let (rank, alpha) = most.map_or((8, 8.0), |((rank, alpha), _)| (rank, f64::from_bits(alpha)));
    let others = |differs: &dyn Fn(&PeftModule) -> Option<Value>| -> Map<String, Value> {
        modules.iter().filter_map(|module| Some((anchored(&module.path), differs(module)?))).collect()
    };
    let config = json!({
        "alpha_pattern": others(&|module| (module.alpha != alpha).then(|| number(module.alpha))),
        "auto_mapping": null,
        "base_model_name_or_path": base_model,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "layers_pattern": null,
        "layers_to_transform": null,
        "lora_alpha": number(alpha),
        "lora_dropout": dropout,
        "modules_to_save": if whole.is_empty() { Value::Null } else { json!(whole) },
        "peft_type": "LORA",
        "peft_version": super::keys::CHECKED_VERSION,
        "r": rank,
        "rank_pattern": others(&|module| (module.rank != rank).then(|| json!(module.rank))),
        "revision": null,
        "target_modules": targets(modules),
        "task_type": null,
        "use_dora": false,
        "use_rslora": false,
    });
    let mut text = serde_json::to_string_pretty(&config).map_err(Error::json(super::ADAPTER_CONFIG_FILE))?;
    text.push('\n');
    Ok(text)
}

/// Whole numbers as such: to PEFT alpha is one.
fn number(alpha: f64) -> Value {
    if alpha.fract() == 0.0 && alpha.abs() < 1e15 { json!(alpha as i64) } else { json!(alpha) }
}

/// A pattern for one module alone.
fn anchored(path: &str) -> String {
    format!("^{}", path.replace('.', "\\."))
}

/// The modules by their whole paths. PEFT also takes a path for every module that ends in it: those of CLIP's text
/// encoder (`transformer.…`) end the paths of its image encoder (`visual.transformer.…`), so they are written as one regular
/// expression, which PEFT matches whole.
fn targets(modules: &[PeftModule]) -> Value {
    if modules.is_empty() {
        // PEFT's word for an adapter without low-rank pairs.
        return json!("dummy-target-modules");
    }
    if modules.iter().any(|module| module.path.starts_with("transformer.")) {
        let paths: Vec<String> = modules.iter().map(|module| module.path.replace('.', "\\.")).collect();
        return json!(paths.join("|"));
    }
    json!(modules.iter().map(|module| module.path.as_str()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<PeftConfig> {
        PeftConfig::from_json(&format!("{{\"peft_type\": \"LORA\"{fields}}}"), "c")
    }

    #[test]
    fn scales_follow_alpha_rank_and_patterns() {
        let config = read(r#", "lora_alpha": 6, "alpha_pattern": {"c_fc": 9, "^a\\.b": 3}"#).unwrap();
        for (module, alpha) in [("x.c_fc", 9.0), ("c_fc", 9.0), ("xc_fc", 6.0), ("a.b", 3.0), ("c.a.b", 6.0)] {
            assert_eq!(config.alpha_of(module, "c").unwrap(), alpha, "{module}");
        }
        assert_eq!(config.scale(6.0, 4), 1.5);
        assert_eq!(read(r#", "use_rslora": true"#).unwrap().scale(6.0, 4), 3.0);
        assert_eq!(read("").unwrap().alpha_of("x", "c").unwrap(), 8.0);
        let pattern = read(r#", "alpha_pattern": {"blocks\\.\\d+": 3}"#).unwrap();
        assert!(pattern.alpha_of("x", "c").unwrap_err().to_string().contains("more than a name"));
        let two = read(r#", "alpha_pattern": {"b": 3, "a.b": 4}"#).unwrap();
        assert_eq!(two.alpha_of("a.b", "c").unwrap_err().code(), "invalid-input");
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let error = PeftConfig::from_json(r#"{"peft_type": "LOHA"}"#, "c").unwrap_err().to_string();
        assert!(error.contains("LOHA"), "{error}");
        for (field, value) in
            [("use_dora", "true"), ("lora_bias", "true"), ("layer_replication", "[[0, 4]]"), ("kasa_config", "{}")]
        {
            let error = read(&format!(", \"{field}\": {value}")).unwrap_err();
            assert!(error.code() == "invalid-input" && error.to_string().contains(field), "{error}");
            assert!(read(&format!(", \"{field}\": null")).is_ok());
        }
        assert!(read(r#", "init_lora_weights": "pissa_niter_4""#).unwrap_err().to_string().contains("pissa"));
        assert!(read(r#", "init_lora_weights": "gaussian", "loftq_config": {}"#).is_ok());
        assert_eq!(read(r#", "lora_alpha": "8""#).unwrap_err().code(), "invalid-json");
    }
}
