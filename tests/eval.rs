//! `sgcr eval` from the outside: the shipped model on clips of the generated world, written as video files.

#![allow(clippy::unwrap_used)] // A test or bench that fails may panic.

#[path = "eval/benchmarks.rs"]
mod benchmarks;
#[path = "eval/pulled.rs"]
mod pulled;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const CLIPS: usize = 16;

fn sgcr(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sgcr")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn succeed(args: &[&str]) -> String {
    let output = sgcr(args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "sgcr {args:?}\n{out}\n{err}");
    out.into_owned()
}

/// Runs, expects the exit code, returns what standard error said.
fn fail(code: i32, args: &[&str]) -> String {
    let output = sgcr(args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "sgcr {args:?}\n{error}");
    error
}

/// Clips of the world's test split as lossless files, with all their pairs in one table.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// Made once for all tests.
    fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let clips = folder.path().join("clips");
            let count = CLIPS.to_string();
            let args = ["--split", "test", "--count", &count, "--format", "mkv", "--output", text(&clips)];
            succeed(&[&["--quiet", "world", "write"][..], &args].concat());
            let mut rows = String::new();
            for seed in 12_000_000_000_u64..12_000_000_000 + CLIPS as u64 {
                let captions = std::fs::read_to_string(clips.join(format!("world_{seed}.captions.json"))).unwrap();
                let captions: Value = serde_json::from_str(&captions).unwrap();
                for pair in captions["near_misses"].as_array().unwrap() {
                    let row = json!({"video": format!("world_{seed}.mkv"), "positive": pair["positive"],
                        "negative": pair["negative"], "kind": pair["kind"]});
                    writeln!(rows, "{row}").unwrap();
                }
            }
            std::fs::write(folder.path().join("pairs.jsonl"), rows).unwrap();
            Self { folder }
        })
    }

    fn clips(&self) -> PathBuf {
        self.folder.path().join("clips")
    }

    fn pairs(&self) -> PathBuf {
        self.folder.path().join("pairs.jsonl")
    }

    /// The arguments of a run over all pairs.
    fn args<'a>(&'a self, clips: &'a Path, pairs: &'a Path, output: &'a Path) -> Vec<&'a str> {
        let mut args = vec!["--quiet", "eval", "pairs", "--data", text(pairs), "--videos", text(clips)];
        args.extend(["--output", text(output), "--pre-text", "false"]);
        args
    }
}

fn results(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("results.json")).unwrap()).unwrap()
}

/// The results as text, without what tells the time.
fn timeless(folder: &Path) -> String {
    let mut results = results(folder);
    for key in ["date", "total_evaluation_time_seconds", "times"] {
        results.as_object_mut().unwrap().remove(key).unwrap();
    }
    serde_json::to_string_pretty(&results).unwrap()
}

fn samples(folder: &Path, task: &str) -> Vec<Value> {
    let lines = std::fs::read_to_string(folder.join(format!("samples_{task}.jsonl"))).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The samples without the times they took.
fn timeless_samples(folder: &Path) -> Vec<Value> {
    let mut samples = samples(folder, "pairs");
    for sample in &mut samples {
        sample.as_object_mut().unwrap().remove("ms").unwrap();
    }
    samples
}

#[test]
fn pairs_are_scored_as_the_score_verb_scores_them_and_counted_right() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let table = succeed(&world.args(&world.clips(), &world.pairs(), &output));
    let rows = std::fs::read_to_string(world.pairs()).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let lines = samples(&output, "pairs");
    assert_eq!(lines.len(), rows.len());
    let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (line, row) in lines.iter().zip(&rows) {
        assert_eq!((&line["video"], &line["positive"], &line["kind"]), (&row["video"], &row["positive"], &row["kind"]));
        let (positive, negative) = (line["pos_score"].as_f64().unwrap(), line["neg_score"].as_f64().unwrap());
        assert_eq!(line["correct"], json!(positive > negative));
        for kind in [line["kind"].as_str().unwrap(), "all"] {
            let count = counts.entry(kind.to_owned()).or_default();
            count[0] += u64::from(positive > negative);
            count[1] += 1;
        }
        // Segment middles of 32 frames.
        assert_eq!(line["clip"]["frames"], json!([1, 5, 9, 13, 17, 21, 25, 29]));
    }
    let results = results(&output);
    let counted: BTreeMap<String, [u64; 2]> = results["table"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["name"].as_str().unwrap().to_owned(), [&row["correct"], &row["total"]].map(|n| n.as_u64().unwrap()))
        })
        .collect();
    assert_eq!(counted, counts);
    assert!(counts.len() >= 7 && table.contains("| agent identification |"), "{table}");
    let accuracy = counts["all"][0] as f64 / counts["all"][1] as f64;
    assert!((results["results"]["pairs"]["acc,none"].as_f64().unwrap() - accuracy).abs() < 1e-12);
    assert_eq!(results["n-samples"]["pairs"]["effective"].as_u64().unwrap(), counts["all"][1]);
    assert_eq!(results["config"]["model"]["device"], "cpu");

    // Another way through the program: one clip, all its captions, no cache, no batches.
    let clip = world.clips().join(rows[0]["video"].as_str().unwrap());
    let own: Vec<&Value> = lines.iter().filter(|line| line["video"] == rows[0]["video"]).collect();
    let mut args = vec!["--quiet", "score", "--video", text(&clip), "--json", "--text"];
    args.extend(own.iter().flat_map(|line| [line["positive"].as_str().unwrap(), line["negative"].as_str().unwrap()]));
    let scored: Value = serde_json::from_str(&succeed(&args)).unwrap();
    let cosines = scored[0]["captions"].as_array().unwrap().iter().map(|row| row["cosine"].as_f64().unwrap());
    let evaluated = own.iter().flat_map(|line| [&line["pos_score"], &line["neg_score"]].map(|s| s.as_f64().unwrap()));
    for (a, b) in cosines.zip(evaluated) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}

#[test]
fn the_world_task_agrees_with_the_world_verb() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    succeed(&["--quiet", "eval", "world", "--limit", "24", "--output", text(&output)]);
    let expected: Value =
        serde_json::from_str(&succeed(&["--quiet", "world", "eval", "--clips", "24", "--json"])).unwrap();
    let got = results(&output);
    for row in expected["kinds"]["kinds"].as_array().unwrap() {
        let own = got["table"].as_array().unwrap().iter().find(|own| own["name"] == row["kind"]).unwrap();
        assert_eq!((&own["correct"], &own["total"]), (&row["correct"], &row["total"]), "{row}");
    }
    let mean = expected["kinds"]["mean"].as_f64().unwrap();
    assert!((100.0 * got["metrics"]["mean_of_kinds"].as_f64().unwrap() - mean).abs() < 1e-9);
}

/// A generator of small numbers: the moments of the kills.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Issue 6: killed at random ten times, the results are those of a run that was left alone.
#[test]
fn ten_kills_change_nothing() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let (calm, killed) = (folder.path().join("calm"), folder.path().join("killed"));
    let (clips, pairs) = (world.clips(), world.pairs());
    succeed(&world.args(&clips, &pairs, &calm));
    let journal = killed.join("samples_pairs.jsonl");
    let size = || std::fs::metadata(&journal).map_or(0, |about| about.len());
    let mut draws = Draws(6);
    let mut kills = 0;
    while kills < 10 {
        let before = size();
        // Now and then before anything is written, mostly within the first clips' lines, which are written in one go.
        let grown = if draws.below(4) == 0 { 0 } else { 1 + draws.below(1500) };
        let wait = Duration::from_millis(draws.below(60));
        let mut run = Command::new(env!("CARGO_BIN_EXE_sgcr"))
            .args(world.args(&clips, &pairs, &killed))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let patience = if grown == 0 { Duration::from_millis(draws.below(900)) } else { Duration::from_secs(120) };
        while size() < before + grown.max(1) && started.elapsed() < patience && run.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(wait);
        run.kill().unwrap();
        let finished = run.wait().unwrap().success();
        assert!(!finished, "the run was over before ten kills: {kills}");
        kills += 1;
        // As a machine that loses power leaves it: the last line torn.
        if draws.below(2) == 0 && size() > 40 {
            let bytes = std::fs::read(&journal).unwrap();
            std::fs::write(&journal, &bytes[..bytes.len() - 1 - draws.below(30) as usize]).unwrap();
        }
    }
    assert!(size() > 0, "something was done between the kills");
    assert!(!killed.join("results.json").exists());
    succeed(&world.args(&clips, &pairs, &killed));
    assert_eq!(timeless(&killed), timeless(&calm));
    assert_eq!(timeless_samples(&killed), timeless_samples(&calm));
}

#[test]
fn a_folder_takes_one_run() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let (clips, pairs) = (world.clips(), world.pairs());
    let args = |more: &[&'static str]| [&world.args(&clips, &pairs, &output)[..], more].concat();
    succeed(&args(&["--limit", "3"]));
    assert_eq!(samples(&output, "pairs").len(), 3);
    let error = fail(1, &args(&["--limit", "4"]));
    assert!(error.contains("limit") && error.contains("--overwrite"), "{error}");
    succeed(&args(&["--limit", "4", "--overwrite"]));
    assert_eq!(samples(&output, "pairs").len(), 4);
    // Nothing left to do: the same results again, without a video.
    let elsewhere = folder.path().join("empty");
    std::fs::create_dir(&elsewhere).unwrap();
    let before = timeless(&output);
    succeed(&[&world.args(&elsewhere, &pairs, &output)[..], &["--limit", "4"]].concat());
    assert_eq!(timeless(&output), before);
    // A damaged line in the middle is no torn end.
    let journal = output.join("samples_pairs.jsonl");
    let lines = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, lines.replacen("\"at\":1", "\"at\":", 1)).unwrap();
    let error = fail(1, &args(&["--limit", "4"]));
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn missing_and_short_videos_are_named_and_the_exit_code_tells() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let (clips, output) = (folder.path().join("clips"), folder.path().join("out"));
    std::fs::create_dir(&clips).unwrap();
    let own = |seed: u64| format!("world_{seed}.mkv");
    std::fs::copy(world.clips().join(own(12_000_000_000)), clips.join(own(12_000_000_000))).unwrap();
    std::fs::write(clips.join("broken.mkv"), "no video").unwrap();
    // Three pictures: fewer than the eight frames of the model.
    std::fs::create_dir(clips.join("pictures")).unwrap();
    let source = text(&clips.join(own(12_000_000_000))).to_owned();
    let frames = clips.join("pictures/%d.png");
    let made = Command::new("ffmpeg").args(["-v", "error", "-i", &source, "-frames:v", "3"]).arg(&frames).status();
    assert!(made.unwrap().success());
    let table = folder.path().join("p.csv");
    let rows = "video,positive,negative\nworld_12000000000.mkv,\"a, b\",c\nbroken.mkv,a,b\nnone.mp4,a,b\nnone.mp4,a,c\npictures,a,a\n";
    std::fs::write(&table, rows).unwrap();
    let args = world.args(&clips, &table, &output);
    let error = fail(3, &args);
    assert!(
        error.contains("3 samples") && error.contains("broken.mkv") && error.contains("--allow-missing"),
        "{error}"
    );
    let got = results(&output);
    let missing: Vec<(&str, u64, &str)> = got["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["video"].as_str().unwrap(), m["samples"].as_u64().unwrap(), m["code"].as_str().unwrap()))
        .collect();
    assert_eq!(missing, [("broken.mkv", 1, "corrupt-file"), ("none.mp4", 2, "missing-file")]);
    assert_eq!(got["n-samples"]["pairs"], json!({"original": 5, "effective": 2}));
    assert_eq!(got["short"], json!([{"video": "pictures", "frame_count": 3}]));
    // The same caption twice is a tie, and wrong.
    assert_eq!((&got["table"][0]["ties"], &got["table"][0]["total"]), (&json!(1), &json!(2)));
    succeed(&[&args[..], &["--allow-missing"]].concat());
    // A video that has come is used.
    std::fs::copy(world.clips().join(own(12_000_000_001)), clips.join("none.mp4")).unwrap();
    fail(3, &args);
    assert_eq!(results(&output)["n-samples"]["pairs"]["effective"], 4);
    let error = fail(1, &["eval", "pairs", "--videos", text(&clips), "--output", text(&output)]);
    assert!(error.contains("--data"), "{error}");
}

#[test]
fn parts_are_merged_and_runs_compared() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let (clips, pairs) = (world.clips(), world.pairs());
    let run = |name: &str, more: &[&str]| succeed(&[&world.args(&clips, &pairs, &out(name))[..], more].concat());
    run("whole", &["--limit", "40"]);
    for part in ["1/3", "2/3", "3/3"] {
        run(&part[..1], &["--limit", "40", "--shard", part]);
    }
    let (first, second, third, merged) = (out("1"), out("2"), out("3"), out("merged"));
    let parts = [text(&first), text(&second), text(&third)];
    succeed(&[&["eval", "merge"][..], &parts, &["--output", text(&merged)]].concat());
    let ids = |name: &str| samples(&out(name), "pairs").iter().map(|line| line["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids("merged"), ids("whole"));
    for (a, b) in samples(&out("merged"), "pairs").iter().zip(&samples(&out("whole"), "pairs")) {
        // Captions are batched with others in a part; that may move the last digits.
        let difference = a["pos_score"].as_f64().unwrap() - b["pos_score"].as_f64().unwrap();
        assert!(difference.abs() < 1e-5, "{a} {b}");
    }
    assert_eq!(results(&merged)["table"], results(&out("whole"))["table"]);
    assert_eq!(results(&merged)["config"], results(&out("whole"))["config"]);
    let error = fail(1, &["eval", "merge", parts[0], parts[1], "--output", text(&merged)]);
    assert!(error.contains("1/3, 2/3"), "{error}");
    let error = fail(1, &["eval", "merge", text(&out("whole")), "--output", text(&merged)]);
    assert!(error.contains("--shard"), "{error}");

    // The same model on other frames: some answers change.
    run("demo", &["--limit", "40", "--sampling", "demo"]);
    let whole = out("whole");
    let demo = out("demo");
    let compared: Value =
        serde_json::from_str(&succeed(&["eval", "compare", text(&whole), text(&demo), "--json"])).unwrap();
    let right = |name: &str| -> Vec<bool> {
        samples(&out(name), "pairs").iter().map(|line| line["correct"].as_bool().unwrap()).collect()
    };
    let (a, b) = (right("whole"), right("demo"));
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
    let all = &compared["kinds"][0];
    assert_eq!(all["only_a"], only(&a, &b));
    assert_eq!(all["only_b"], only(&b, &a));
    assert_eq!(compared["settings_that_differ"], json!(["preprocess"]));
    let table = succeed(&["eval", "compare", text(&whole), text(&whole)]);
    assert!(table.contains("| all |") && table.contains("1.00e0"), "{table}");
}

#[test]
fn a_report_is_one_file_with_bars_and_pictures() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let (output, clips, pairs) = (folder.path().join("out"), world.clips(), world.pairs());
    succeed(&[&world.args(&clips, &pairs, &output)[..], &["--limit", "30"]].concat());
    let path = succeed(&["eval", "report", text(&output), "--videos", text(&clips)]);
    let html = std::fs::read_to_string(path.trim()).unwrap();
    let wrong: Vec<Value> = samples(&output, "pairs").into_iter().filter(|line| line["correct"] == false).collect();
    assert!(!wrong.is_empty());
    assert_eq!(html.matches("<img ").count(), wrong.len().min(12));
    assert_eq!(html.matches("data:image/jpeg;base64,").count(), wrong.len().min(12));
    assert!(html.contains("<svg") && html.contains("agent identification") && html.contains("random"));
    // Nothing outside the file: no address but those of pictures within it and of SVG's name space.
    for attribute in ["src=\"", "href=\""] {
        assert!(html.split(attribute).skip(1).all(|rest| rest.starts_with("data:")), "{attribute}");
    }
    assert!(!html.contains("<script"));
    let worst = wrong.iter().map(|line| line["neg_score"].as_f64().unwrap() - line["pos_score"].as_f64().unwrap());
    let worst = worst.zip(&wrong).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1;
    let markdown = std::fs::read_to_string(output.join("report.md")).unwrap();
    let first = markdown.split("## Most wrong").nth(1).unwrap().trim().lines().next().unwrap();
    assert!(first.contains(worst["positive"].as_str().unwrap()), "{first}");
    let accuracy = 100.0 * results(&output)["table"][0]["accuracy"].as_f64().unwrap();
    assert!(markdown.contains(&format!("| all | {accuracy:.1} |")) && html.contains(&format!("<td>{accuracy:.1}<td>")));
    let error = fail(1, &["eval", "report", text(folder.path())]);
    assert!(error.contains("results.json"), "{error}");
}

#[test]
fn a_model_mixed_with_itself_is_itself_under_another_name() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let (clips, pairs) = (world.clips(), world.pairs());
    let run = |name: &str, more: &[&str]| -> PathBuf {
        let output = folder.path().join(name);
        succeed(&[&world.args(&clips, &pairs, &output)[..], &["--limit", "8"], more].concat());
        output
    };
    let (alone, mixed) = (run("alone", &[]), run("mixed", &["--mix-base", "www/model", "--mix", "0.25"]));
    for (a, b) in samples(&alone, "pairs").iter().zip(&samples(&mixed, "pairs")) {
        assert!((a["pos_score"].as_f64().unwrap() - b["pos_score"].as_f64().unwrap()).abs() < 1e-5, "{a} {b}");
    }
    let model = |folder: &Path| results(folder)["config"]["model"].clone();
    assert_eq!(model(&mixed)["mixture"], json!({"base": "model", "share": 0.25}));
    assert_ne!(model(&mixed)["weights_sha256"], model(&alone)["weights_sha256"]);
}

/// An adapter in PEFT's layout on one map of the video encoder, made here: cached embeddings must not pass for others.
#[test]
fn adapters_have_embeddings_of_their_own() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let (adapter, cache) = (folder.path().join("adapter"), folder.path().join("cache"));
    std::fs::create_dir(&adapter).unwrap();
    let config = json!({"peft_type": "LORA", "r": 1, "lora_alpha": 1, "lora_dropout": 0.0, "bias": "none",
        "target_modules": ["c_fc"], "base_model_name_or_path": null});
    std::fs::write(adapter.join("adapter_config.json"), config.to_string()).unwrap();
    let map = "base_model.model.vision_encoder.transformer.resblocks.0.mlp.c_fc";
    let shapes = [("lora_A", vec![1, 128]), ("lora_B", vec![512, 1])];
    let bytes = shapes.clone().map(|(_, shape)| {
        let count: usize = shape.iter().product();
        (0..count).flat_map(|at| ((at % 7) as f32 * 0.1 - 0.3).to_le_bytes()).collect::<Vec<u8>>()
    });
    let tensors = shapes.iter().zip(&bytes).map(|((name, shape), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap();
        (format!("{map}.{name}.weight"), view)
    });
    let file = safetensors::serialize(tensors, None).unwrap();
    std::fs::write(adapter.join("adapter_model.safetensors"), file).unwrap();

    let (clips, pairs) = (world.clips(), world.pairs());
    let run = |name: &str, more: &[&str]| -> Vec<f64> {
        let output = folder.path().join(name);
        let args = world.args(&clips, &pairs, &output);
        succeed(&[&args[..], &["--limit", "8", "--cache", text(&cache)], more].concat());
        samples(&output, "pairs").iter().map(|line| line["pos_score"].as_f64().unwrap()).collect()
    };
    let off = format!("{}=0", text(&adapter));
    let (alone, on, off) = (run("alone", &[]), run("on", &["--lora", text(&adapter)]), run("off", &["--lora", &off]));
    assert!(alone.iter().zip(&on).all(|(a, b)| (a - b).abs() > 1e-6), "{alone:?} {on:?}");
    assert!(alone.iter().zip(&off).all(|(a, b)| (a - b).abs() < 1e-6), "{alone:?} {off:?}");
    let settings = results(&folder.path().join("on"))["config"]["model"].clone();
    assert_eq!(settings["adapters"], json!([{"folder": "adapter", "weight": 1.0}]));
    assert!(settings["files"]["lora0/adapter_model.safetensors"].is_string());
}
