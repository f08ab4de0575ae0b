//! A run's record: written, continued, refused.

use super::*;
use crate::config::LoraConfig;
use crate::train::TrainConfig;
use proptest::prelude::*;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Config {
    seed: u64,
    steps: usize,
    lora: LoraConfig,
    clip: Option<f64>,
}

fn config() -> Config {
    Config { seed: u64::MAX, steps: 100, lora: LoraConfig::default(), clip: None }
}

fn start() -> RunStart {
    let data = BTreeMap::from([("pairs".to_owned(), "aa".to_owned()), ("annotations".to_owned(), "bb".to_owned())]);
    let command = ["sgcr", "train", "--output", "a b"].map(str::to_owned).to_vec();
    RunStart { seed: u64::MAX, data, device: "cpu".to_owned(), command, videos: None }
}

#[test]
fn a_folder_says_what_ran() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("runs/1");
    let mut folder = RunFolder::begin(&path, &config(), start()).unwrap();
    let read = RunRecord::read(&path).unwrap();
    assert_eq!(&read, folder.record());
    assert_eq!((read.seed, &read.data, read.parts.len()), (u64::MAX, &start().data, 1));
    assert_eq!(read.config, serde_json::to_value(config()).unwrap());
    let part = &read.parts[0];
    assert_eq!((part.first_step, &part.command, part.device.as_str()), (0, &start().command, "cpu"));
    assert_eq!((&part.ended, &part.outcome), (&None, &None));
    assert_eq!(part.versions.sgcr, env!("CARGO_PKG_VERSION"));
    folder.end("stopped").unwrap();

    let mut folder = RunFolder::resume(&path, &config(), start(), 40, &[]).unwrap();
    folder.end("finished").unwrap();
    let parts = RunRecord::read(&path).unwrap().parts;
    let told: Vec<_> = parts.iter().map(|part| (part.first_step, part.outcome.as_deref())).collect();
    assert_eq!(told, [(0, Some("stopped")), (40, Some("finished"))]);
    for part in &parts {
        let ended = part.ended.as_deref().unwrap();
        assert!(part.started.as_str() <= ended && part.started.len() == 20, "{part:?}");
    }
    let names: BTreeSet<_> = path.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, BTreeSet::from([CONFIG_FILE.into(), RECORD_FILE.into()]));
}

proptest! {
    #[test]
    fn numbers_come_back_to_the_last_digit(bits in any::<u64>(), rate in f64::MIN_POSITIVE..1.0, alpha in 0.0..1e3) {
        let number = Some(f64::from_bits(bits)).filter(|number| number.is_finite()).unwrap_or(0.950_000_000_000_000_1);
        let settings = TrainConfig { learning_rate: rate, weight_decay: number, ..TrainConfig::default() };
        let lora = LoraConfig { alpha, ..LoraConfig::default() };
        let settings = TrainConfig { lora: Some(lora), ..settings };
        let text = serde_json::to_string(&settings).unwrap();
        prop_assert_eq!(&serde_json::from_str::<TrainConfig>(&text).unwrap(), &settings);
        // As a record holds it, and as `config.toml` does.
        let tree: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&tree, &serde_json::to_value(&settings).unwrap());
        let table: toml::Table = to_toml(&settings).unwrap().parse().unwrap();
        let there = [&table["learning_rate"], &table["weight_decay"], &table["lora"]["alpha"]];
        let bits = [rate, number, alpha].map(f64::to_bits);
        prop_assert_eq!(there.map(|value| value.as_float().unwrap().to_bits()), bits);
    }
}

#[test]
fn a_run_with_numbers_of_seventeen_digits_goes_on() {
    let config = Config { clip: Some(0.950_000_000_000_000_1), ..config() };
    let temporary = tempfile::tempdir().unwrap();
    RunFolder::begin(temporary.path(), &config, start()).unwrap();
    assert_eq!(RunRecord::read(temporary.path()).unwrap().config["clip"].as_f64(), config.clip);
    RunFolder::resume(temporary.path(), &config, start(), 0, &[]).unwrap();
}

#[test]
fn settings_are_there_to_be_used_again() {
    let temporary = tempfile::tempdir().unwrap();
    RunFolder::begin(temporary.path(), &Config { seed: 7, ..config() }, start()).unwrap();
    let text = std::fs::read_to_string(temporary.path().join(CONFIG_FILE)).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["seed"].as_integer(), Some(7));
    assert_eq!(table["clip"].as_str(), Some("none"));
    assert_eq!(table["lora"]["alpha"].as_float(), Some(16.0));
    assert_eq!(table["lora"]["upper_blocks"].as_str(), Some("none"));
}

#[test]
fn other_settings_or_data_are_refused_by_name() {
    let temporary = tempfile::tempdir().unwrap();
    RunFolder::begin(temporary.path(), &config(), start()).unwrap();
    let before = std::fs::read(temporary.path().join(RECORD_FILE)).unwrap();
    let mut other = Config { steps: 200, clip: Some(1.0), ..config() };
    other.lora.alpha = 8.0;
    let mut begun = start();
    begun.data.insert("pairs".to_owned(), "cc".to_owned());
    begun.data.remove("annotations");
    begun.data.insert("videos".to_owned(), "dd".to_owned());
    begun.seed = 3;
    let error = RunFolder::resume(temporary.path(), &other, begun, 10, &[]).unwrap_err();
    let Error::DifferentRun { differences, .. } = &error else { panic!("{error}") };
    let expected = [
        "clip (there null, now 1.0)",
        "lora.alpha (there 16.0, now 8.0)",
        "steps (there 100, now 200)",
        "seed (there 18446744073709551615, now 3)",
        "data \"annotations\" (there bb, now absent)",
        "data \"pairs\" (there aa, now cc)",
        "data \"videos\" (there absent, now dd)",
    ];
    assert_eq!(differences, &expected);
    assert_eq!(error.code(), "different-run");
    assert!(error.to_string().contains("lora.alpha (there 16.0, now 8.0)"), "{error}");
    assert_eq!(std::fs::read(temporary.path().join(RECORD_FILE)).unwrap(), before);
}

#[test]
fn settings_that_are_free_may_differ_and_newer_ones_had_their_defaults() {
    let temporary = tempfile::tempdir().unwrap();
    RunFolder::begin(temporary.path(), &TrainConfig::default(), start()).unwrap();
    // As an older version wrote it.
    let path = temporary.path().join(RECORD_FILE);
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["config"].as_object_mut().unwrap().remove("data").unwrap();
    std::fs::write(&path, record.to_string()).unwrap();
    let mut config = TrainConfig::default();
    config.data.workers = 3;
    let resume = |free: &[&str]| RunFolder::resume(temporary.path(), &config, start(), 5, free);
    let Error::DifferentRun { differences, .. } = resume(&["data.ahead"]).unwrap_err() else { panic!() };
    assert_eq!(differences, ["data.workers (there 0, now 3)"]);
    let part = RunStart { videos: Some("cc".to_owned()), ..start() };
    let folder = RunFolder::resume(temporary.path(), &config, part, 5, &["data.workers"]).unwrap();
    assert_eq!(folder.record().parts[1].videos.as_deref(), Some("cc"));
    assert_eq!(RunRecord::read(temporary.path()).unwrap(), *folder.record());
}

#[test]
fn another_seed_is_told_once() {
    let temporary = tempfile::tempdir().unwrap();
    RunFolder::begin(temporary.path(), &config(), start()).unwrap();
    let begun = RunStart { seed: 3, ..start() };
    let error = RunFolder::resume(temporary.path(), &Config { seed: 3, ..config() }, begun, 0, &[]).unwrap_err();
    assert_eq!(error.to_string().matches("seed (").count(), 1, "{error}");
}

#[test]
fn a_folder_without_a_run_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let resume = || RunFolder::resume(temporary.path(), &config(), start(), 0, &[]).unwrap_err().code();
    assert_eq!(resume(), "missing-file");
    std::fs::write(temporary.path().join(RECORD_FILE), "{").unwrap();
    assert_eq!(resume(), "invalid-json");
}

#[test]
fn the_version_of_burn_is_the_pinned_one() {
    let manifest = include_str!("../../../Cargo.toml");
    assert!(manifest.contains(&format!("burn = {{ version = \"={BURN_VERSION}\"")), "{BURN_VERSION} is not pinned");
}
