//! The `sgcr` program as a user runs it, on the reference fixtures and real clips.

#![allow(clippy::unwrap_used)] // A test or bench that fails may panic.

#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/internvideo2.rs"]
mod internvideo2;
#[path = "cli/search.rs"]
mod search;
#[path = "cli/train.rs"]
mod train;

use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

fn sgcr(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sgcr")).args(args).output().unwrap()
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

/// Runs, expects exit code 1, returns what standard error said.
fn fail(args: &[&str]) -> String {
    let output = sgcr(args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "sgcr {args:?}\n{error}");
    assert!(error.contains("error: ") && !error.contains("panicked"), "{error}");
    error
}

/// Converts a fixture's PyTorch checkpoint with CLIP's merges into a model folder.
fn convert(name: &str, checkpoint: &str, folder: &Path) -> PathBuf {
    let output = folder.join(name);
    let merges = fixture("clip_tokenizer/bpe_simple_vocab_16e6.txt.gz");
    let (checkpoint, config) = (fixture(&format!("{name}/{checkpoint}")), fixture(&format!("{name}/config.json")));
    succeed(&[
        "--quiet",
        "convert",
        "--checkpoint",
        text(&checkpoint),
        "--config",
        text(&config),
        "--tokenizer",
        text(&merges),
        "--output",
        text(&output),
    ]);
    output
}

fn captions(name: &str) -> Vec<String> {
    serde_json::from_slice(&std::fs::read(fixture(&format!("{name}/captions.json"))).unwrap()).unwrap()
}

fn tensor(bytes: &[u8], name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let view = file.tensor(name).unwrap_or_else(|_| panic!("no {name} in {:?}", file.names()));
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (view.shape().to_vec(), values)
}

fn assert_near(got: &(Vec<usize>, Vec<f32>), expected: &(Vec<usize>, Vec<f32>), tolerance: f32, what: &str) {
    assert_eq!(got.0, expected.0, "{what}: shape");
    let worst = got.1.iter().zip(&expected.1).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: off by {worst}, allowed {tolerance}");
}

/// `convert` then `embed` on the fixture's raw frames and captions, against the original code's embeddings.
fn embeds_like_the_reference(name: &str, checkpoint: &str, resize: &str, tolerance: f32) {
    let folder = tempfile::tempdir().unwrap();
    let model = convert(name, checkpoint, folder.path());
    let output = folder.path().join("out.safetensors");
    let (video, captions) = (fixture(&format!("{name}/inputs.safetensors")), captions(name));
    let mut args = vec!["--quiet", "embed", "--model", text(&model), "--video", text(&video), "--resize", resize];
    let frames = if name == "clip_tiny" { "5" } else { "4" };
    // One of the reference captions is empty, which is an error unless asked for.
    args.extend(["--frames", frames, "--output", text(&output), "--raw", "--allow-empty", "--text"]);
    args.extend(captions.iter().map(String::as_str));
    succeed(&args);
    let got = std::fs::read(&output).unwrap();
    let expected = std::fs::read(fixture(&format!("{name}/expected.safetensors"))).unwrap();
    if name == "viclip_tiny" {
        assert_near(&tensor(&got, "video_embeds"), &tensor(&expected, "video_embed"), tolerance, "video_embeds");
    }
    assert_near(&tensor(&got, "text_embeds"), &tensor(&expected, "text_embed"), tolerance, "text_embeds");
    assert_near(&tensor(&got, "similarity"), &tensor(&expected, "similarity"), 1e-4, "similarity");
}

#[test]
fn viclip_embeds_like_the_reference() {
    embeds_like_the_reference("viclip_tiny", "checkpoint.pth", "cv2-linear", 1e-4);
}

#[test]
fn clip_embeds_like_the_reference() {
    embeds_like_the_reference("clip_tiny", "checkpoint.pt", "pillow-bicubic-crop", 1e-4);
}

#[test]
fn score_prints_a_table_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert("viclip_tiny", "checkpoint.safetensors", folder.path());
    let video = fixture("videos/rabbit320.webm");
    let base = ["--quiet", "score", "--model", text(&model), "--video", text(&video), "--text", "a rabbit", "a train"];
    let table = succeed(&base);
    assert!(table.contains("a rabbit") && table.contains("margin") && table.contains('✓'), "{table}");
    let json: serde_json::Value = serde_json::from_str(&succeed(&[&base[..], &["--json"]].concat())).unwrap();
    let rows = json[0]["captions"].as_array().unwrap();
    let probability: f64 = rows.iter().map(|row| row["probability"].as_f64().unwrap()).sum();
    assert!((probability - 1.0).abs() < 1e-5);
    let margins: Vec<f64> = rows.iter().map(|row| row["margin"].as_f64().unwrap()).collect();
    assert!((margins[0] + margins[1]).abs() < 1e-6);
    // temp 0.0137 of the checkpoint: logits are cos / temp.
    assert!((json[0]["logit_scale"].as_f64().unwrap() - 1.0 / 0.0137).abs() < 1e-2);
}

/// `sgcr embed` with adapters, on fixture viclip_tiny's frames and captions.
fn embed_with(model: &Path, adapters: &[&str], output: &Path) -> Output {
    let (video, captions) = (fixture("viclip_tiny/inputs.safetensors"), captions("viclip_tiny"));
    let mut args = vec!["--quiet", "embed", "--model", text(model), "--video", text(&video), "--resize", "cv2-linear"];
    args.extend(["--frames", "4", "--raw", "--allow-empty", "--output", text(output)]);
    adapters.iter().for_each(|adapter| args.extend(["--lora", adapter]));
    args.push("--text");
    args.extend(captions.iter().map(String::as_str));
    sgcr(&args)
}

/// PEFT's folders on the command line, against what PEFT answered (fixture peft).
#[test]
fn adapters_are_put_on_mixed_merged_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert("viclip_tiny", "checkpoint.pth", folder.path());
    let expected = std::fs::read(fixture("peft/expected.safetensors")).unwrap();
    let output = folder.path().join("out.safetensors");
    let [first, second, ours] = ["first", "second", "ours"].map(|name| text(&fixture("peft").join(name)).to_owned());
    let near = |name: &str, model: &Path, adapters: &[&str]| {
        let done = embed_with(model, adapters, &output);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let got = std::fs::read(&output).unwrap();
        for (ours, theirs) in [("video_embeds", "video_embed"), ("text_embeds", "text_embed")] {
            assert_near(&tensor(&got, ours), &tensor(&expected, &format!("{name}.{theirs}")), 2e-4, name);
        }
    };
    near("first", &model, &[&first]);
    near("mixed", &model, &[&format!("{first}=0.5"), &format!("{second}=-0.25")]);

    let (base, merged) = (text(&model), folder.path().join("merged"));
    let merge = ["--quiet", "convert", "--model", base, "--lora", &ours, "--output", text(&merged)];
    assert!(succeed(&merge).contains("viclip"));
    near("ours", &merged, &[]);
    let files = ["config.json", "tokenizer.json", "preprocessor_config.json"];
    assert!(
        files.iter().all(|file| std::fs::read(merged.join(file)).unwrap() == std::fs::read(model.join(file)).unwrap())
    );
    succeed(&["--quiet", "inspect", text(&merged), "--verify"]);
    assert!(fail(&merge).contains("not empty"));
    // The same from the checkpoint in one go.
    let files =
        ["viclip_tiny/checkpoint.pth", "viclip_tiny/config.json", "clip_tokenizer/bpe_simple_vocab_16e6.txt.gz"];
    let [checkpoint, config, merges] = files.map(fixture);
    let (given, at_once) =
        (["--checkpoint", text(&checkpoint), "--config", text(&config)], folder.path().join("deep/at_once"));
    let convert = [&["--quiet", "convert", "--tokenizer", text(&merges), "--lora", &ours][..], &given].concat();
    succeed(&[&convert[..], &["--output", text(&at_once)]].concat());
    for file in ["config.json", "tokenizer.json", "model.safetensors", "reference.safetensors"] {
        assert!(std::fs::read(at_once.join(file)).unwrap() == std::fs::read(merged.join(file)).unwrap(), "{file}");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("deep")).unwrap().count(), 1, "the step between is taken away");
    assert!(fail(&[&convert[..], &["--output", text(&at_once)]].concat()).contains("not empty"));
    assert!(fail(&["convert", "--model", base, "--lora", &ours, "--output", base, "--overwrite"]).contains("itself"));

    // The merged model is another base than the one that `ours` was made for.
    let refused = embed_with(&merged, &[&ours], &output);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && error.contains("trained on another base model"), "{error}");
    let video = fixture("videos/rabbit320.webm");
    let score = |more: &[&str]| {
        let args =
            ["--quiet", "score", "--model", text(&merged), "--video", text(&video), "--text", "a", "b", "--json"];
        succeed(&[&args[..], more].concat())
    };
    assert_ne!(score(&["--lora", &ours, "--lora-any-base"]), score(&[]));
    let twice = ["score", "--model", base, "--video", text(&video), "--text", "a", "--lora", &first, "--lora", &first];
    assert!(fail(&twice).contains("loaded already"));
    let none = ["score", "--model", base, "--video", text(&video), "--text", "a", "--lora", base];
    assert!(fail(&none).contains("adapter_config.json"));

    let table = succeed(&["inspect", &ours]);
    for word in
        ["adapter of viclip_tiny", "4d832fb853b2", "vision_encoder.transformer.resblocks.2.attn.in_proj", "[144, 48]"]
    {
        assert!(table.contains(word), "{word}: {table}");
    }
    let json: serde_json::Value = serde_json::from_str(&succeed(&["inspect", &ours, "--json"])).unwrap();
    assert_eq!(json["adapter"]["pairs"].as_array().unwrap().len(), 5 * 3 + 1);
    assert_eq!((&json["adapter"]["pairs"][0]["rank"], &json["adapter"]["parameters"][0]), (&4.into(), &"temp".into()));
    let fingerprint = succeed(&["--quiet", "inspect", base, "--fingerprint"]);
    assert!(fingerprint.trim_end().ends_with(json["adapter"]["base"]["sha256"].as_str().unwrap()), "{fingerprint}");
}

#[test]
fn bad_input_is_told_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert("viclip_tiny", "checkpoint.pth", folder.path());
    let clip = fixture("videos/rabbit320.webm");
    let (model, clip) = (text(&model), text(&clip));
    let output = folder.path().join("never.safetensors");
    let embed = |video: &str, caption: &str| {
        let error = fail(&["embed", "--model", model, "--video", video, "--text", caption, "--output", text(&output)]);
        assert!(!output.exists());
        error
    };
    assert!(embed(clip, "  ").contains("empty"));
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, b"").unwrap();
    assert!(embed(text(&empty), "a").contains("empty.mp4"));
    let note = folder.path().join("note.mp4");
    std::fs::write(&note, b"this is no video").unwrap();
    assert!(embed(text(&note), "a").contains("note.mp4"));
    let cut = folder.path().join("cut.webm");
    std::fs::write(&cut, &std::fs::read(clip).unwrap()[..300]).unwrap();
    assert!(embed(text(&cut), "a").contains("cut.webm"));
    assert!(embed("no-such-file.mp4", "a").contains("no-such-file.mp4"));
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    assert!(embed(text(&images), "a").contains("images"));
    let config = folder.path().join("no-config");
    std::fs::create_dir(&config).unwrap();
    let error = fail(&["score", "--model", text(&config), "--video", clip, "--text", "a"]);
    assert!(error.contains("config.json"), "{error}");
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    assert_eq!(sgcr(&["score"]).status.code(), Some(2));
    let output = sgcr(&["score", "--video", "a", "--text", "b", "--resize", "nearest"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cv2-linear"));
    assert_eq!(sgcr(&["--help"]).status.code(), Some(0));
}

#[test]
fn serve_gives_files_with_a_strict_policy() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<p>here</p>").unwrap();
    std::fs::write(folder.path().join("a.wasm"), b"\0asm").unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_sgcr"))
        .args(["serve", "--port", "0", "--folder", text(folder.path())])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let get = |path: &str| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let (page, wasm, none, outside) = (get("/"), get("/a.wasm"), get("/none"), get("/../../etc/passwd"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("<p>here</p>"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'self'") && page.contains("nosniff"), "{page}");
    assert!(wasm.contains("content-type: application/wasm"), "{wasm}");
    assert!(none.starts_with("HTTP/1.1 404"), "{none}");
    assert!(!outside.contains("root:"), "{outside}");
}

#[test]
fn serve_without_a_page_says_how_to_build_it() {
    assert!(fail(&["serve", "--folder", "no-such-folder"]).contains("make demo"));
}

#[test]
fn graphs_are_counted_exported_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let annotations = fixture("annotations");
    let counted: serde_json::Value =
        serde_json::from_str(&succeed(&["graph", "stats", text(&annotations), "--json"])).unwrap();
    assert_eq!(counted["data_sets"]["VidOR"]["videos"], 1);
    assert_eq!(counted["report"]["traps"]["merged_segments"], 1);
    assert!(succeed(&["graph", "stats", text(&annotations)]).contains("triplets a frame"));

    let output = folder.path().join("texts.jsonl");
    let export = ["graph", "export", text(&annotations), "--samples", "3", "--seed", "5", "--output", text(&output)];
    succeed(&export);
    let first = std::fs::read_to_string(&output).unwrap();
    let lines: Vec<serde_json::Value> = first.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["frames"].as_array().unwrap().len() == 8));
    assert!(lines.iter().all(|line| line["texts"]["predicate"] != line["texts"]["positive"]));
    succeed(&export);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), first, "the same seed gives the same file");

    let page = folder.path().join("video.html");
    let file = "vidor/validation/1025/9999999999.json";
    succeed(&["graph", "show", text(&annotations), "--file", file, "--output", text(&page)]);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h2>Texts</h2>") && html.contains("without their picture"));

    std::fs::write(folder.path().join("bad.json"), "{\n\"video_id\": 3").unwrap();
    let error = fail(&["graph", "stats", text(folder.path()), "--strict"]);
    assert!(error.contains("bad.json") && error.contains("line 2"), "{error}");
    let lenient = sgcr(&["graph", "stats", text(folder.path())]);
    let told = String::from_utf8_lossy(&lenient.stderr).into_owned();
    assert!(lenient.status.success() && told.contains("bad.json, line 2") && told.contains("1 of 1 files"), "{told}");
}

#[test]
fn objects_get_attributes_from_captions_or_from_their_video() {
    let folder = tempfile::tempdir().unwrap();
    let clips = folder.path().join("clips");
    succeed(&["--quiet", "world", "write", "--seed", "7", "--count", "4", "--output", text(&clips)]);
    let stats = |extra: &[&str]| -> serde_json::Value {
        serde_json::from_str(&succeed(&[&["graph", "stats", text(&clips), "--json"], extra].concat())).unwrap()
    };
    assert_eq!(stats(&[])["report"]["described_tracks"], 0);
    let estimated = stats(&["--estimate-attributes", text(&clips)]);
    assert_eq!(estimated["report"]["described_tracks"], estimated["report"]["tracks"]);
    let words = estimated["data_sets"]["VidOR"]["attributes"].as_object().unwrap();
    assert!(words.keys().any(|word| ["left", "middle", "right"].contains(&word.as_str())), "{words:?}");

    let annotation = std::fs::read_to_string(clips.join("world_7.json")).unwrap();
    let annotation: serde_json::Value = serde_json::from_str(&annotation).unwrap();
    let track = &annotation["subject/objects"][0];
    let frame = annotation["trajectories"]
        .as_array()
        .unwrap()
        .iter()
        .position(|boxes| boxes.as_array().unwrap().iter().any(|found| found["tid"] == track["tid"]));
    let region = |frame: usize| {
        let caption = format!("a dark-red {}", track["category"].as_str().unwrap());
        serde_json::json!({"video": annotation["video_id"], "frame": frame, "track": track["tid"], "caption": caption})
    };
    let captions = folder.path().join("regions.jsonl");
    std::fs::write(&captions, format!("{}\n{{\n{}\n", region(frame.unwrap()), region(10_000))).unwrap();
    let arguments = ["graph", "stats", text(&clips), "--captions", text(&captions)];
    let lenient = sgcr(&arguments);
    let (out, told) = (String::from_utf8_lossy(&lenient.stdout), String::from_utf8_lossy(&lenient.stderr));
    assert!(lenient.status.success() && out.contains("1: red 1"), "{out}");
    assert!(told.contains("regions.jsonl, line 2") && told.contains("1 of 3 captions skipped"), "{told}");
    assert!(told.contains("regions.jsonl, line 3") && told.contains("no box in frame 10000"), "{told}");
    let error = fail(&[&arguments[..], &["--strict"]].concat());
    assert!(error.contains("regions.jsonl") && error.contains("line 2"), "{error}");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let error = fail(&["graph", "stats", text(&clips), "--strict", "--estimate-attributes", text(&empty)]);
    assert!(error.contains("no video"), "{error}");
}

#[test]
fn a_page_shows_the_frames_of_its_video() {
    let folder = tempfile::tempdir().unwrap();
    let clips = folder.path().join("clips");
    succeed(&["--quiet", "world", "write", "--seed", "0", "--count", "8", "--format", "mkv", "--output", text(&clips)]);
    let texts = folder.path().join("texts.jsonl");
    succeed(&["graph", "export", text(&clips), "--output", text(&texts)]);
    let lines = std::fs::read_to_string(&texts).unwrap();
    // The first clip whose graph gives a sample.
    let sample: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let file = sample["file"].as_str().unwrap();
    let page = folder.path().join("video.html");
    let show = ["graph", "show", text(&clips), "--file", file, "--output", text(&page)];
    let shown = |more: &[&str]| {
        succeed(&[&show[..], more].concat());
        std::fs::read_to_string(&page).unwrap()
    };
    let html = shown(&[]);
    let pictures: Vec<&str> =
        html.split("<image href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(pictures.len(), 8);
    assert!(pictures.iter().all(|picture| picture.starts_with("data:image/jpeg;base64,") && picture.len() > 1000));
    assert_ne!(pictures[0], pictures[7]);
    // The same pictures when it is told which video, others of another video.
    let stem = file.trim_end_matches(".json");
    assert_eq!(shown(&["--video", text(&clips.join(format!("{stem}.mkv")))]), html);
    assert_ne!(shown(&["--video", text(&fixture("videos/rabbit320.webm"))]), html);
    std::fs::write(clips.join(format!("{stem}.mkv")), "no video").unwrap();
    let output = sgcr(&show);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("without their picture"));
    let error = fail(&[&show[..], &["--video", "no-such-file.mp4"]].concat());
    assert!(error.contains("no-such-file.mp4"), "{error}");
}
