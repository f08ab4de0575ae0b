//! Files, assignments and refusals, on a configuration with every kind of field.

use super::*;
use crate::config::{LoraConfig, LoraTowers};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    seed: u64,
    name: String,
    optimizer: Optimizer,
    lora: Option<LoraConfig>,
    adapters: LoraConfig,
    weights: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Optimizer {
    learning_rate: f64,
    clip: Option<f64>,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self { learning_rate: 1e-3, clip: Some(1.0) }
    }
}

impl Default for Config {
    fn default() -> Self {
        let (optimizer, adapters) = (Optimizer::default(), LoraConfig::default());
        Self { seed: 1, name: "a".to_owned(), optimizer, lora: None, adapters, weights: BTreeMap::new() }
    }
}

fn read(text: &str, format: Format, set: &[&str]) -> Result<Config> {
    let mut settings = Settings::over(&Config::default())?;
    settings.text(text, format, "run")?;
    for assignment in set {
        settings.set(assignment)?;
    }
    settings.finish()
}

fn refused(text: &str, format: Format, set: &[&str]) -> String {
    let error = read(text, format, set).unwrap_err();
    assert_eq!(error.code(), "invalid-setting");
    error.to_string()
}

#[test]
fn toml_and_json_say_the_same() {
    let toml = "seed = 0xF\n[optimizer]\nlearning_rate = 2e-7 # the paper's\n[adapters]\ntowers = \"both\"\n[weights]\n\"a.b\" = 3\n";
    let json = r#"{"seed": 15, "optimizer": {"learning_rate": 2e-7}, "adapters": {"towers": "both"}, "weights": {"a.b": 3.0}}"#;
    let mut expected = Config { seed: 15, ..Config::default() };
    expected.optimizer.learning_rate = 2e-7;
    expected.adapters.towers = LoraTowers::Both;
    expected.weights.insert("a.b".to_owned(), 3.0);
    assert_eq!(read(toml, Format::Toml, &[]).unwrap(), expected);
    assert_eq!(read(json, Format::Json, &[]).unwrap(), expected);
    assert_eq!(read("", Format::Toml, &[]).unwrap(), Config::default());
}

#[test]
fn files_are_read_by_their_names_and_flags_win() {
    let folder = tempfile::tempdir().unwrap();
    let (toml, json) = (folder.path().join("run.toml"), folder.path().join("run.JSON"));
    std::fs::write(&toml, "\u{feff}seed = 2\nname = \"file\"").unwrap();
    std::fs::write(&json, "{\"seed\": 2, \"name\": \"file\"}").unwrap();
    for path in [&toml, &json] {
        let config = with_file(&Config::default(), Some(path), &["seed=3".to_owned(), "seed=4".to_owned()]).unwrap();
        assert_eq!((config.seed, config.name.as_str()), (4, "file"));
    }
    assert_eq!(with_file(&Config::default(), None, &[]).unwrap(), Config::default());
    let missing = with_file(&Config::default(), Some(&folder.path().join("no.toml")), &[]).unwrap_err();
    assert_eq!(missing.code(), "io");
}

#[test]
fn values_of_flags_are_toml_or_text() {
    let flags = [
        "seed=18446744073709551615",
        "name=2024",
        "optimizer.learning_rate=1e-4",
        "optimizer.clip=none",
        "adapters.targets=[\"c_fc\", 'c_proj']",
        "adapters.towers=text",
        "weights.con=0.5",
        "weights.tsg=1",
    ];
    let config = read("", Format::Toml, &flags).unwrap();
    assert_eq!((config.seed, config.name.as_str()), (u64::MAX, "2024"));
    assert_eq!(config.optimizer, Optimizer { learning_rate: 1e-4, clip: None });
    assert_eq!((config.adapters.targets.join(" "), config.adapters.towers), ("c_fc c_proj".into(), LoraTowers::Text));
    assert_eq!(config.weights, BTreeMap::from([("con".to_owned(), 0.5), ("tsg".to_owned(), 1.0)]));
    for (flag, name) in [("name=\"a b\"", "a b"), ("name=a=b", "a=b"), ("name=none", "none"), ("name=", "")] {
        assert_eq!(read("", Format::Toml, &[flag]).unwrap().name, name);
    }
}

#[test]
fn an_optional_part_is_switched_on_by_any_of_its_settings() {
    let config = read("", Format::Toml, &["lora.rank=4", "lora.alpha=2"]).unwrap();
    assert_eq!(config.lora, Some(LoraConfig { rank: 4, alpha: 2.0, ..LoraConfig::default() }));
    let config = read("[lora]\nrank = 4\nalpha = 2", Format::Toml, &["lora.alpha=3"]).unwrap();
    assert_eq!(config.lora, Some(LoraConfig { rank: 4, alpha: 3.0, ..LoraConfig::default() }));
    assert_eq!(read("[lora]\nrank = 4", Format::Toml, &["lora=none"]).unwrap().lora, None);
    assert!(refused("", Format::Toml, &["lora.rank=4", "lora.rnk=5"]).contains("nearest is \"lora.rank\""));
    assert!(refused("[lora]\nrnk = 4", Format::Toml, &[]).contains("run, line 1: \"lora\" cannot be this"));
}

#[test]
fn settings_that_are_left_out_when_usual_can_be_set() {
    use crate::config::{ClassHeads, ClassScores, SceneSource, VideoPooling};
    use crate::train::TrainConfig;
    let set = [
        "scene_tokens.class_heads=mlp",
        "scene_tokens.class_scores=product",
        "scene_tokens.source=after_norm",
        "scene_tokens.pooling=cls",
    ];
    let flags = set.map(str::to_owned);
    let scene = with_file(&TrainConfig::default(), None, &flags).unwrap().scene_tokens;
    assert_eq!((scene.class_heads, scene.class_scores), (ClassHeads::Mlp, ClassScores::Product));
    assert_eq!((scene.source, scene.pooling), (SceneSource::AfterNorm, VideoPooling::Cls));
    let mut settings = Settings::over(&TrainConfig::default()).unwrap();
    settings.text("[scene_tokens]\nclass_heads = \"mlp\"", Format::Toml, "run").unwrap();
    assert_eq!(settings.finish().unwrap().scene_tokens.class_heads, ClassHeads::Mlp);
    let refused = |flag: &str| with_file(&TrainConfig::default(), None, &[flag.to_owned()]).unwrap_err().to_string();
    let told = refused("scene_tokens.class_haeds=mlp");
    assert!(told.contains("there is no setting \"scene_tokens.class_haeds\""), "{told}");
    let told = refused("scene_tokens.class_heads=deep");
    assert!(told.contains("\"scene_tokens.class_heads\" cannot be this") && told.contains("mlp"), "{told}");
}

#[test]
fn unknown_names_are_refused_with_line_and_nearest() {
    let toml = "seed = 2\n\n[optimizer]\nclip = 2\nlearning-rate = 1e-4\n";
    let told =
        "run, line 5: there is no setting \"optimizer.learning-rate\"; the nearest is \"optimizer.learning_rate\"";
    assert_eq!(refused(toml, Format::Toml, &[]), told);
    let json =
        "{\n  \"seed\": 2,\n  \"optimizer\": {\n    \"clip\": [1, {\"clip\": 2}],\n    \"learning-rate\": 1e-4\n  }\n}";
    assert_eq!(refused(json, Format::Json, &[]), told);
    // In the wrong table: its own place is the nearest.
    assert!(refused("learning_rate = 1", Format::Toml, &[]).contains("nearest is \"optimizer.learning_rate\""));
    let told = refused("", Format::Toml, &["optimizer.seed=1"]);
    assert!(told.starts_with("--set optimizer.seed=1: ") && told.ends_with("nearest is \"seed\""), "{told}");
    assert!(refused("", Format::Toml, &["sead=1"]).contains("\"seed\""));
}

#[test]
fn values_that_do_not_fit_are_refused_with_line() {
    let told = refused("name = \"a\"\nseed = -1\n", Format::Toml, &[]);
    assert!(told.starts_with("run, line 2: \"seed\" cannot be this: invalid value"), "{told}");
    let told = refused("{\"adapters\":\n{\"towers\":\n\"left\"}}", Format::Json, &[]);
    assert!(told.starts_with("run, line 2: \"adapters.towers\"") && told.contains("vision, text, both"), "{told}");
    assert!(refused("", Format::Toml, &["optimizer=3"]).contains("\"optimizer\" cannot be this"));
    assert!(refused("", Format::Toml, &["optimizer.learning_rate.x=3"]).contains("cannot be this"));
    assert!(refused("", Format::Toml, &["optimizer.learning_rate=fast"]).contains("string \"fast\""));
    assert!(refused("", Format::Toml, &["optimizer.learning_rate=inf"]).contains("finite"));
    assert!(refused("", Format::Toml, &["seed=99999999999999999999"]).contains("larger"));
    assert!(refused("", Format::Toml, &["seed"]).contains("NAME=VALUE"));
}

#[test]
fn documents_that_do_not_parse_are_refused_with_line() {
    assert!(refused("seed = 1\nname = \n", Format::Toml, &[]).starts_with("run, line 2: this is no TOML"));
    assert!(refused("seed = 1\nseed = 2\n", Format::Toml, &[]).starts_with("run, line 2: this is no TOML"));
    assert!(refused("{\"seed\": 1,\n}", Format::Json, &[]).starts_with("run, line 2: this is no JSON: "));
    assert!(refused("3", Format::Json, &[]).starts_with("run: settings are a table"));
    assert!(refused("[seed]\na = 1", Format::Toml, &[]).contains("\"seed\" cannot be this"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in r#"[a-z=.\-\[\]{}"' 0-9\n#,]{0,24}"#) {
        // Reaches every parser with what users may type; none may panic.
        let mut settings = Settings::over(&Config::default()).unwrap();
        let _ = settings.set(&text);
        let _ = settings.set(&format!("name={text}"));
        let _ = settings.set(&format!("weights={text}"));
        let _ = settings.text(&text, Format::Toml, "run");
        let _ = settings.text(&text, Format::Json, "run");
        settings.finish().unwrap();
    }
}

#[test]
fn what_is_written_reads_back() {
    let mut config = Config { seed: u64::MAX, name: "a \"b\"\n".to_owned(), ..Config::default() };
    config.optimizer.learning_rate = 0.1 + 0.2;
    config.lora = Some(LoraConfig { upper_blocks: Some(3), ..LoraConfig::default() });
    config.weights.insert("a.b".to_owned(), 1e-300);
    let text = to_toml(&config).unwrap();
    assert_eq!(read(&text, Format::Toml, &[]).unwrap(), config, "{text}");
    // What is not set stays so, also where it is by default.
    config.optimizer.clip = None;
    config.lora = None;
    let text = to_toml(&config).unwrap();
    assert_eq!(read(&text, Format::Toml, &[]).unwrap(), config, "{text}");
    assert_eq!(read(&to_toml(&Config::default()).unwrap(), Format::Toml, &[]).unwrap(), Config::default());
}
