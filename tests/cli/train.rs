//! `sgcr train` on folders that `sgcr world write` makes: killed and taken up again, and on a disk that is full.

use super::{fail, sgcr, succeed, text};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A model of a few thousand parameters with everything on: pairs, annotated clips, SG tokens.
const SETTINGS: &str = r#"
image_size = 32
patch_size = 8
frames = 2
vision_width = 16
vision_layers = 1
vision_heads = 2
text_width = 16
text_layers = 1
text_heads = 2
embed_dim = 8
batch = 3
scenes = 2
steps = 40
mask_ratio = 0.0
checkpoint_every = 2
log_every = 1
validate_every = 10
validation_clips = 3

[scene_tokens]
variant = "literal"
tokens = 3
heads = 2
"#;

/// Twelve clips in a folder `clips`, and `data.toml`.
fn data(folder: &Path) -> PathBuf {
    let clips = folder.join("clips");
    succeed(&["--quiet", "world", "write", "--split", "train", "--count", "12", "--output", text(&clips)]);
    assert_eq!(std::fs::read_to_string(clips.join("pairs.jsonl")).unwrap().lines().count(), 12);
    let config = folder.join("data.toml");
    let data = toml::Table::from_iter([
        ("manifest".to_owned(), text(&clips.join("pairs.jsonl")).into()),
        ("annotations".to_owned(), text(&clips).into()),
        ("cache".to_owned(), text(&folder.join("cache")).into()),
    ]);
    std::fs::write(&config, format!("{SETTINGS}\n[data]\n{data}")).unwrap();
    config
}

/// The lines of a run's log, times left out.
fn log(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("seconds");
        line
    };
    text.lines().map(line).collect()
}

fn assert_same(one: &Path, other: &Path) {
    let weights = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(weights(one) == weights(other), "{} and {} differ", one.display(), other.display());
    assert_eq!(log(one), log(other));
}

/// Starts a run and kills it, without a word, once `done` says so.
fn killed(args: &[&str], done: impl Fn() -> bool) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sgcr")).args(args).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !done() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        assert!(begun.elapsed() < Duration::from_secs(240), "it never came so far");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn own_data_is_trained_on_and_a_killed_run_gives_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let config = data(folder.path());
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let report = succeed(&["--quiet", "train", "--config", text(&config), "--output", text(&one)]);
    assert!(report.contains("Trained on 9 pairs and ") && report.contains("| video to text |"), "{report}");
    let train = ["--quiet", "train", "--config", text(&config), "--output", text(&two)];
    let (checkpoint, lines) = (two.join("training.safetensors"), || log(&two).len());
    killed(&train, || checkpoint.exists() && lines() >= 5);
    assert!(!two.join("model.safetensors").exists() && lines() < 40);
    // Again, by another number of threads, and in the middle of a step once more.
    let resume = [&train[..], &["--resume", "--workers", "1"]].concat();
    let before = lines();
    killed(&resume, || lines() > before + 3);
    succeed(&resume);
    assert_same(&one, &two);
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(two.join("run.json")).unwrap()).unwrap();
    let parts = record["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 3);
    assert!(parts[0]["outcome"].is_null() && parts[2]["outcome"] == "finished", "{parts:?}");
    assert!(record["data"]["manifest"].is_string() && record["data"]["annotations"].is_string());
    // The run's own settings file makes the same run.
    let own = one.join("config.toml");
    let three = folder.path().join("three");
    succeed(&["--quiet", "train", "--config", text(&own), "--output", text(&three)]);
    assert_same(&one, &three);
}

#[test]
fn what_is_wrong_with_own_data_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let config = data(folder.path());
    let output = folder.path().join("run");
    let train = ["--quiet", "train", "--config", text(&config), "--output", text(&output)];
    let video = std::fs::read_dir(folder.path().join("clips")).unwrap().map(|entry| entry.unwrap().path());
    let video = video.filter(|path| path.extension().is_some_and(|end| end == "webm")).min().unwrap();
    let aside = folder.path().join("aside.webm");
    std::fs::rename(&video, &aside).unwrap();
    let error = fail(&train);
    assert!(error.contains("videos are missing: world_") && error.contains("data.bad_video"), "{error}");
    assert!(!output.exists());
    let report = succeed(&[&train[..], &["--bad-video", "skip", "--steps", "6", "--validate-every", "0"]].concat());
    assert!(report.contains("1 videos could not be read") || report.contains("2 videos could not be read"), "{report}");
    std::fs::rename(&aside, &video).unwrap();
    let args = ["train", "--output", text(&output), "--videos", "clips"];
    assert!(fail(&args).contains("data.videos"));
    assert_eq!(sgcr(&[&args[..], &["--bad-video", "ignore"]].concat()).status.code(), Some(2));
}

/// What follows a `mount` of its own: `$1` is the program, `$2` the settings, `$3` a folder for the disk, `$4` how a full
/// disk is met, `$5` its kilobytes. The disk holds one checkpoint and a half, so that the second one does not fit beside the first; then
/// there is room, and the run goes on.
const FULL_DISK: &str = r#"
set -u
mount -t tmpfs -o size=$5k tmpfs "$3" || exit 77
"$1" train --config "$2" --output "$3/run" --write-errors "$4" 2> "$3.err"
echo "first: $?"
ls "$3/run"
cp -r "$3/run" "$3.kept"
mount -o remount,size=40m "$3" || exit 77
if [ -e "$3/run/training.safetensors" ]; then
    "$1" --quiet train --config "$2" --output "$3/run" --resume || exit 1
fi
cp -r "$3/run" "$3.done"
"#;

/// Runs [`FULL_DISK`]; `None` where this machine lets nobody mount a disk of its own.
fn on_a_full_disk(folder: &Path, config: &Path, policy: &str, kilobytes: u64) -> Option<(String, String)> {
    let disk = folder.join(policy);
    std::fs::create_dir(&disk).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", FULL_DISK, "sh", env!("CARGO_BIN_EXE_sgcr")]);
    let output = command.args([text(config), text(&disk), policy, &kilobytes.to_string()]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = std::fs::read_to_string(format!("{}.err", text(&disk))).unwrap_or_default();
    if output.status.code() == Some(77) || !said.contains("first: ") {
        return None;
    }
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}\n{told}");
    Some((said, errors))
}

/// The same with a limit on the size of files, which any user may set: no checkpoint can be written, the log can.
fn under_a_limit(folder: &Path, config: &Path) {
    let output = folder.join("limited");
    let script = r#"trap '' XFSZ; ulimit -f 32; exec "$0" train --config "$1" --output "$2""#;
    let done =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_sgcr"), text(config), text(&output)]).output();
    let done = done.unwrap();
    let error = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write") && error.contains("training.safetensors"), "{error}");
    assert_eq!(log(&output).len(), 2);
}

#[test]
fn a_full_disk_ends_the_run_or_not_and_nothing_written_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let config = data(folder.path());
    let straight = folder.path().join("straight");
    // Frames of the cache are not to fill the disk: it lies elsewhere.
    succeed(&["--quiet", "train", "--config", text(&config), "--output", text(&straight)]);
    let killed_at = folder.path().join("size");
    let train = ["--quiet", "train", "--config", text(&config), "--output", text(&killed_at)];
    let checkpoint = killed_at.join("training.safetensors");
    killed(&train, || checkpoint.exists());
    let kilobytes = std::fs::metadata(&checkpoint).unwrap().len() / 1024;
    let Some((said, error)) = on_a_full_disk(folder.path(), &config, "stop", kilobytes * 3 / 2) else {
        eprintln!("no disk can be mounted here: a limit on the size of files takes its place");
        return under_a_limit(folder.path(), &config);
    };
    assert!(said.contains("first: 1") && said.contains("training.safetensors"), "{said}");
    assert!(error.contains("training.safetensors: No space left on device"), "{error}");
    assert!(error.contains("go on with --resume"), "{error}");
    let kept = folder.path().join("stop.kept");
    assert!((2..40).contains(&log(&kept).len()), "{}", log(&kept).len());
    let names: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "half a file is left: {names:?}");
    assert_same(&straight, &folder.path().join("stop.done"));

    let (said, error) = on_a_full_disk(folder.path(), &config, "go-on", kilobytes * 3 / 2).unwrap();
    assert!(
        error.contains("training.safetensors: No space left on device") && error.contains("training goes on"),
        "{error}"
    );
    // It came to the end of its steps; whether the model fits then depends on its size.
    assert!(said.contains("first: "), "{said}");
    assert_eq!(log(&folder.path().join("go-on.kept")).len(), 40 + 4);
    assert_same(&straight, &folder.path().join("go-on.done"));
}
