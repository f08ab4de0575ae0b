//! `sgcr cuts` and `sgcr search`: scenes of a film made of real clips, and clips found by text with the shipped model.

use super::{fail, fixture, sgcr, succeed, text};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Frames of each of a film's parts.
const PART: usize = 40;

fn ffmpeg(arguments: &[&str]) {
    let mut command = Command::new("ffmpeg");
    assert!(command.args(["-v", "error", "-nostdin", "-y"]).args(arguments).status().unwrap().success());
}

/// Parts of three clips one after another, without loss: 30 frames a second, cuts at frames 40 and 80.
fn film(folder: &Path) -> PathBuf {
    let path = folder.join("film.mkv");
    let clips =
        ["bottle-detection.mp4", "rabbit320.webm", "asl-eat.mkv"].map(|name| fixture(&format!("videos/{name}")));
    let part = |at: usize| {
        format!("[{at}:v]trim=end_frame={PART},fps=30,trim=end_frame={PART},scale=320:240,setsar=1,format=gbrp[v{at}]")
    };
    let filter = format!("{};{};{};[v0][v1][v2]concat=n=3[out]", part(0), part(1), part(2));
    let mut arguments = Vec::new();
    clips.iter().for_each(|clip| arguments.extend(["-i", text(clip)]));
    arguments.extend(["-filter_complex", &filter, "-map", "[out]", "-c:v", "ffv1", text(&path)]);
    ffmpeg(&arguments);
    path
}

/// Clips of the generated world, without loss, and a true caption of each.
fn world(folder: &Path, count: usize) -> Vec<(String, String)> {
    let number = count.to_string();
    let args = ["--split", "test", "--count", &number, "--format", "mkv", "--output", text(folder)];
    succeed(&[&["--quiet", "world", "write"][..], &args].concat());
    let mut clips = Vec::new();
    for seed in 12_000_000_000_u64..12_000_000_000 + count as u64 {
        let captions = std::fs::read_to_string(folder.join(format!("world_{seed}.captions.json"))).unwrap();
        let captions: Value = serde_json::from_str(&captions).unwrap();
        let positive = captions["near_misses"][0]["positive"].as_str().unwrap().to_owned();
        clips.push((format!("world_{seed}.mkv"), positive));
    }
    clips
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&succeed(args)).unwrap()
}

/// `sgcr search FOLDER … --json`.
fn search(folder: &Path, more: &[&str]) -> Value {
    json(&[&["--quiet", "search", text(folder), "--json"][..], more].concat())
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn cosine(hit: &Value) -> f64 {
    hit["cosine"].as_f64().unwrap()
}

#[test]
fn a_film_s_scenes_are_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (film, scores) = (film(folder.path()), folder.path().join("scores.csv"));
    let scenes = json(&["--quiet", "cuts", text(&film), "--json", "--scores", text(&scores)]);
    let frames: Vec<[usize; 2]> = scenes[0]["scenes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scene| [number(&scene["first_frame"]), number(&scene["end_frame"])])
        .collect();
    assert_eq!(frames, [[0, PART], [PART, 2 * PART], [2 * PART, 3 * PART]]);
    assert_eq!(scenes[0]["scenes"][1]["seconds"], serde_json::json!([40.0 / 30.0, 80.0 / 30.0]));
    let table = std::fs::read_to_string(scores).unwrap();
    let high = |row: &&str| row.rsplit(',').next().unwrap().parse::<f64>().is_ok_and(|score| score >= 27.0);
    let high: Vec<&str> = table.lines().filter(high).map(|row| row.split(',').nth(1).unwrap()).collect();
    assert_eq!((table.lines().count(), high), (1 + 3 * PART, vec!["40", "80"]));

    let one = json(&["--quiet", "cuts", text(&film), "--json", "--threshold", "255"]);
    assert_eq!(one[0]["scenes"].as_array().unwrap().len(), 1);
    let table = succeed(&["--quiet", "cuts", text(&film)]);
    assert!(table.contains("first frame") && table.contains("0:00:02.667"), "{table}");
    assert!(fail(&["cuts", text(&film), "--threshold", "300"]).contains("PySceneDetect's is 27"));
    let missing = folder.path().join("none.mp4");
    let output = sgcr(&["cuts", text(&missing), text(&film), "--json"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), serde_json::json!([scenes[0]]));
}

#[test]
fn hits_are_ranked_by_the_cosines_of_the_score_verb() {
    let folder = tempfile::tempdir().unwrap();
    let clips = world(folder.path(), 5);
    let texts: Vec<&str> = clips.iter().map(|(_, caption)| caption.as_str()).collect();
    let mut more = vec!["--top", "9", "--no-cuts", "--window", "1000", "--pre-text", "false", "--text"];
    more.extend(&texts);
    let found = search(folder.path(), &more);
    assert_eq!((number(&found["videos"]), number(&found["clips"])), (5, 5));
    let paths: Vec<PathBuf> = clips.iter().map(|(name, _)| folder.path().join(name)).collect();
    let mut args = vec!["--quiet", "score", "--json", "--video"];
    args.extend(paths.iter().map(|path| text(path)));
    args.push("--text");
    args.extend(&texts);
    let scores = json(&args);
    for (query, caption) in found["queries"].as_array().unwrap().iter().zip(&texts) {
        assert_eq!(query["text"], *caption);
        let hits = query["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 5);
        assert!(hits.windows(2).all(|pair| cosine(&pair[0]) >= cosine(&pair[1])), "{query}");
        for hit in hits {
            let at = clips.iter().position(|(name, _)| hit["video"] == **name).unwrap();
            let rows = scores[at]["captions"].as_array().unwrap();
            let row = rows.iter().find(|row| row["caption"] == *caption).unwrap();
            assert!((cosine(hit) - cosine(row)).abs() < 1e-5, "{hit} {row}");
        }
    }
}

#[test]
fn hits_of_a_film_are_windows_inside_of_its_scenes() {
    let folder = tempfile::tempdir().unwrap();
    film(folder.path());
    // Windows of a second, every half second: two a scene.
    let more = ["--window", "1", "--top", "20", "--pre-text", "false", "--text", "a red ball chases a blue box"];
    let all = search(folder.path(), &[&more[..], &["--overlapping"]].concat());
    assert_eq!(number(&all["clips"]), 6);
    let hits = all["queries"][0]["hits"].as_array().unwrap();
    let mut begins: Vec<usize> = hits.iter().map(|hit| number(&hit["frames"]["start"])).collect();
    assert!(hits.iter().all(|hit| number(&hit["frames"]["end"]) == number(&hit["frames"]["start"]) + 30));
    begins.sort_unstable();
    assert_eq!(begins, [0, 10, 40, 50, 80, 90]);
    // The same frames as a clip of their own.
    for hit in &hits[..3] {
        let clip = folder.path().join("cut.nut");
        let (first, end) = (number(&hit["frames"]["start"]), number(&hit["frames"]["end"]));
        let filter = format!("trim=start_frame={first}:end_frame={end},setpts=PTS-STARTPTS");
        ffmpeg(&["-i", text(&folder.path().join("film.mkv")), "-vf", &filter, "-c:v", "ffv1", text(&clip)]);
        let score = json(&["--quiet", "score", "--json", "--video", text(&clip), "--text", more[7]]);
        assert!((cosine(hit) - cosine(&score[0]["captions"][0])).abs() < 1e-5, "{hit} {score}");
        std::fs::remove_file(clip).unwrap();
    }
    // Overlapping windows are kept out unless asked for, and nothing is embedded again.
    let found = search(folder.path(), &more);
    assert_eq!(number(&found["embedded"]), 0);
    let apart = found["queries"][0]["hits"].as_array().unwrap();
    assert_eq!(apart[0], hits[0]);
    assert_eq!(apart.len(), 3, "{apart:?}");
    for (at, a) in apart.iter().enumerate() {
        for b in &apart[..at] {
            assert!(number(&a["frames"]["start"]).abs_diff(number(&b["frames"]["start"])) >= 30, "{a} {b}");
        }
    }
    let table = succeed(&["--quiet", "search", text(folder.path()), "--window", "1", "--text", "a ball", "--top", "1"]);
    assert!(table.contains("film.mkv") && table.contains("0:00:0") && table.lines().count() == 3, "{table}");
}

#[test]
fn only_what_is_new_is_embedded_and_what_is_broken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let videos = folder.path().join("videos");
    let clips = world(&videos, 3);
    let (query, index) = (clips[0].1.as_str(), folder.path().join("index"));
    let more = ["--index", text(&index), "--text", query];
    let first = search(&videos, &more);
    assert_eq!(number(&first["embedded"]), 3);
    assert!(!videos.join(".sgcr").exists());
    let second = search(&videos, &more);
    assert_eq!((number(&second["embedded"]), &second["queries"]), (0, &first["queries"]));
    // The same video under another name is known already; one that changed is not.
    std::fs::create_dir(videos.join("more")).unwrap();
    std::fs::copy(videos.join(&clips[0].0), videos.join("more/copy.mkv")).unwrap();
    assert_eq!(number(&search(&videos, &more)["embedded"]), 0);
    std::fs::copy(fixture("videos/rabbit320.webm"), videos.join("more/copy.mkv")).unwrap();
    let changed = search(&videos, &more);
    assert_eq!((number(&changed["embedded"]), number(&changed["videos"])), (1, 4));
    assert_eq!(number(&search(&videos, &[&more[..], &["--window", "5"]].concat())["embedded"]), 4);

    std::fs::write(videos.join("broken.mp4"), "no video").unwrap();
    let output = sgcr(&[&["--quiet", "search", text(&videos), "--json"][..], &more].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && error.contains("1 videos could not be used: broken.mp4"), "{error}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["queries"], changed["queries"]);
    assert_eq!(found["skipped"][0]["video"], "broken.mp4");
    search(&videos, &[&more[..], &["--allow-missing"]].concat());

    assert!(fail(&["search", text(&folder.path().join("none")), "--text", "a"]).contains("none"));
    assert!(fail(&["search", text(&videos), "--text", "a", "--window", "2", "--step", "3"]).contains("no longer"));
    assert!(fail(&["search", text(&videos), "--text", "  "]).contains("caption 0 is empty"));
}

#[test]
fn a_search_that_was_killed_goes_on_and_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let videos = folder.path().join("videos");
    let clips = world(&videos, 6);
    let whole = folder.path().join("whole");
    let undisturbed = search(&videos, &["--index", text(&whole), "--text", &clips[1].1]);
    let index = folder.path().join("index");
    let args = ["--quiet", "search", text(&videos), "--index", text(&index), "--json", "--text", &clips[1].1];
    let mut child = Command::new(env!("CARGO_BIN_EXE_sgcr")).args(args).stdout(Stdio::null()).spawn().unwrap();
    let kept = || std::fs::read_dir(index.join("windows")).map_or(0, Iterator::count);
    let started = Instant::now();
    while kept() < 2 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = kept();
    assert!(kept >= 2);
    let resumed = json(&args);
    assert!(number(&resumed["embedded"]) <= 6 - (kept - 1), "{resumed}"); // a file under its passing name may count
    assert_eq!(resumed["queries"], undisturbed["queries"]);
}
