//! InternVideo2 through every door: converted, inspected, asked, explained and tested, against the original code's embeddings.

use super::{assert_near, fail, fixture, succeed, tensor, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const NAME: &str = "internvideo2_tiny";

/// The fixture's checkpoint, wrapped as DeepSpeed does, as a model folder; config and vocabulary lie beside it.
fn convert(output: PathBuf, more: &[&str]) -> PathBuf {
    let checkpoint = fixture(&format!("{NAME}/checkpoint_module.pt"));
    let args = ["--quiet", "convert", "--checkpoint", text(&checkpoint), "--output", text(&output), "--json"];
    let report: serde_json::Value = serde_json::from_str(&succeed(&[&args[..], more].concat())).unwrap();
    let left_out = report["left_out"].as_array().unwrap();
    assert!(left_out.contains(&"module.text_encoder.cls.predictions.bias".into()), "{left_out:?}");
    assert!(!left_out.contains(&"module.itm_head.weight".into()), "{left_out:?}");
    output
}

fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&succeed(args)).unwrap()
}

fn embeds_like_the_original(model: &Path, folder: &Path) {
    let output = folder.join("out.safetensors");
    let video = fixture(&format!("{NAME}/inputs.safetensors"));
    let captions = std::fs::read_to_string(fixture(&format!("{NAME}/captions.json"))).unwrap();
    let captions: serde_json::Value = serde_json::from_str(&captions).unwrap();
    let captions = captions.as_array().unwrap().iter().map(|caption| caption["text"].as_str().unwrap());
    let mut args = vec!["--quiet", "embed", "--model", text(model), "--video", text(&video), "--resize", "cv2-linear"];
    args.extend(["--output", text(&output), "--raw", "--allow-empty", "--text"]);
    args.extend(captions);
    succeed(&args);
    let got = std::fs::read(&output).unwrap();
    let expected = std::fs::read(fixture(&format!("{NAME}/expected.safetensors"))).unwrap();
    // The activation of the training, which a config.json of reference scripts does not name, is the default.
    for (ours, theirs) in [("video_embeds", "video_proj_gelutanh"), ("text_embeds", "text_proj")] {
        assert_near(&tensor(&got, ours), &tensor(&expected, theirs), 1e-4, ours);
    }
}

#[test]
fn internvideo2_is_converted_asked_and_tested() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert(folder.path().join("model"), &[]);
    let inspected = json(&["--quiet", "inspect", text(&model), "--json"]);
    assert_eq!(inspected["config"]["model_type"], "internvideo2");
    assert_eq!(inspected["config"]["internvideo2"]["vision_hidden"], 279);
    succeed(&["--quiet", "inspect", text(&model), "--verify"]);
    embeds_like_the_original(&model, folder.path());

    let video = fixture("videos/rabbit320.webm");
    let args =
        ["--quiet", "score", "--model", text(&model), "--video", text(&video), "--json", "--text", "a dog", "a cat"];
    let scores = json(&args);
    assert!(scores.to_string().contains("a dog"), "{scores}");
    let run = folder.path().join("run");
    let told = succeed(&["--quiet", "eval", "world", "--limit", "4", "--model", text(&model), "--output", text(&run)]);
    assert!(!told.is_empty() && run.join("results.json").exists(), "{told}");
}

#[test]
fn internvideo2_s_scene_graph_tokens_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let [config, parts] = ["config.json", "sg_params.safetensors"].map(|file| fixture(&format!("sgcr_iv2/{file}")));
    let model = convert(folder.path().join("model"), &["--config", text(&config), "--parts", text(&parts)]);
    let (video, output) = (fixture("videos/rabbit320.webm"), folder.path().join("out"));
    let base = ["--quiet", "explain", "--model", text(&model), "--video", text(&video), "--output", text(&output)];
    let labels = ["--entities", "dog,man", "--predicates", "on,next to", "--threshold", "0"];
    succeed(&[&base[..], &labels].concat());
    let explanation: serde_json::Value =
        serde_json::from_slice(&std::fs::read(output.join("explanation.json")).unwrap()).unwrap();
    let frames = explanation["frames"].as_array().unwrap();
    assert!(frames.len() == 4 && frames.iter().all(|frame| frame["triplets"].as_array().unwrap().len() == 3));
    let layers = explanation["attention"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    for layer in layers {
        let shares = ["cls", "scene", "patch"].map(|part| layer[part].as_f64().unwrap());
        assert!(shares.iter().all(|share| *share > 0.0) && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{layer}");
    }
}

/// With the activation of the fixture's matching scores, which its config.json does not name.
fn convert_exact(output: PathBuf) -> PathBuf {
    let model = convert(output, &[]);
    let path = model.join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    assert!(config.contains("gelu_tanh"));
    std::fs::write(&path, config.replace("gelu_tanh", "gelu")).unwrap();
    model
}

/// The lines of a run's samples.
fn samples(run: &Path, task: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join(format!("samples_{task}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn captions_are_matched_as_by_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert_exact(folder.path().join("model"));
    let video = fixture(&format!("{NAME}/inputs.safetensors"));
    let captions: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(fixture(&format!("{NAME}/captions.json"))).unwrap()).unwrap();
    // One of them is empty, which the verb refuses.
    let kept: Vec<usize> = (0..captions.len()).filter(|at| captions[*at]["text"] != "").collect();
    let base = ["--quiet", "score", "--match", "--model", text(&model), "--video", text(&video)];
    let mut args = [&base[..], &["--resize", "cv2-linear", "--text"]].concat();
    args.extend(kept.iter().map(|at| captions[*at]["text"].as_str().unwrap()));
    let table = succeed(&args);
    assert!(table.contains("match"), "{table}");
    let clips = json(&[&args[..], &["--json"]].concat());
    let expected = std::fs::read(fixture(&format!("{NAME}/expected.safetensors"))).unwrap();
    let (shape, vtm) = tensor(&expected, "vtm_score");
    assert_eq!((shape[0], clips.as_array().unwrap().len()), (2, 2));
    for (row, clip) in vtm.chunks(shape[1]).zip(clips.as_array().unwrap()) {
        let wanted: Vec<f32> = kept.iter().map(|at| row[*at]).collect();
        let rows = clip["captions"].as_array().unwrap();
        let got: Vec<f32> = rows.iter().map(|row| row["matching"].as_f64().unwrap() as f32).collect();
        assert_near(&(vec![kept.len()], got), &(vec![kept.len()], wanted.clone()), 1e-4, "matching");
        let best = (0..kept.len()).max_by(|a, b| wanted[*a].total_cmp(&wanted[*b])).unwrap();
        assert_eq!(clip["best"], best);
    }
    let error = fail(&["score", "--match", "--model", "www/model", "--video", text(&video), "--text", "a dog"]);
    assert!(error.contains("InternVideo2"), "{error}");
}

/// Clips and what is said of them; each caption once.
const SAID: [(&str, [&str; 2]); 3] = [
    ("pig.webm", ["a dog runs on the grass", "the child sits on the floor"]),
    ("rabbit320.webm", ["a cat walks out of the room", "a man is playing the guitar"]),
    ("bottle-detection.mp4", ["a woman opens the door", "two children are laughing"]),
];

/// Cosine and matching score of every clip with every caption, by the score verb.
fn scores(model: &Path) -> Vec<Vec<(f64, f64)>> {
    let videos = SAID.map(|(video, _)| fixture(&format!("videos/{video}")));
    let mut args = vec!["--quiet", "score", "--match", "--json", "--model", text(model), "--video"];
    args.extend(videos.iter().map(|video| text(video)));
    args.push("--text");
    args.extend(SAID.iter().flat_map(|(_, captions)| captions.iter().copied()));
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap();
    let rows = |clip: &Value| {
        let rows = clip["captions"].as_array().unwrap().iter();
        rows.map(|row| (number(row, "cosine"), number(row, "matching"))).collect()
    };
    json(&args).as_array().unwrap().iter().map(rows).collect()
}

#[test]
fn near_misses_are_told_apart_by_matching() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert_exact(folder.path().join("model"));
    let (data, run, videos) = (folder.path().join("pairs.jsonl"), folder.path().join("run"), fixture("videos"));
    let rows = SAID.map(|(video, [positive, negative])| {
        serde_json::json!({"video": video, "positive": positive, "negative": negative}).to_string()
    });
    std::fs::write(&data, rows.join("\n")).unwrap();
    let base = ["--quiet", "eval", "pairs", "--data", text(&data), "--videos", text(&videos), "--model", text(&model)];
    let args = [&base[..], &["--match", "--output", text(&run)]].concat();
    succeed(&args);
    let scores = scores(&model);
    let lines = samples(&run, "pairs");
    assert_eq!(lines.len(), 3);
    for (at, line) in lines.iter().enumerate() {
        let (positive, negative) = (scores[at][2 * at].1, scores[at][2 * at + 1].1);
        assert!((line["pos_score"].as_f64().unwrap() - positive).abs() < 1e-4, "{line}");
        assert!((line["neg_score"].as_f64().unwrap() - negative).abs() < 1e-4, "{line}");
        assert_eq!(line["correct"], positive > negative, "{line}");
    }
    let settings: Value = serde_json::from_str(&std::fs::read_to_string(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(settings["score"], "matching");
    // The same folder is no run by cosine, and what cannot be matched is told before anything is read.
    let error = fail(&[&base[..], &["--output", text(&run)]].concat());
    assert!(error.contains("other settings (score)"), "{error}");
    let error = fail(&["eval", "world", "--match", "--output", text(&folder.path().join("w"))]);
    assert!(error.contains("InternVideo2"), "{error}");
    let k400 = ["eval", "k400", "--data", text(&data), "--videos", text(&videos), "--model", text(&model), "--match"];
    let error = fail(&[&k400[..], &["--output", text(&folder.path().join("k"))]].concat());
    assert!(error.contains("classes"), "{error}");
}

/// Rank of the best of `right`, equals before it, among scores by candidate.
fn rank(scores: &BTreeMap<usize, f64>, count: usize, right: &[usize]) -> u64 {
    let score = |at: usize| scores.get(&at).copied().unwrap_or(-100.0);
    let best = right.iter().map(|at| score(*at)).fold(f64::NEG_INFINITY, f64::max);
    1 + (0..count).filter(|at| !right.contains(at) && score(*at) >= best).count() as u64
}

/// The best `count` by cosine, with their matching scores.
fn candidates(scores: impl Iterator<Item = (f64, f64)>, count: usize) -> BTreeMap<usize, f64> {
    let mut scores: Vec<(usize, (f64, f64))> = scores.enumerate().collect();
    scores.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    scores.into_iter().take(count).map(|(at, (_, matching))| (at, matching)).collect()
}

#[test]
fn the_best_candidates_of_retrieval_are_matched() {
    let folder = tempfile::tempdir().unwrap();
    let model = convert_exact(folder.path().join("model"));
    let (data, run, videos) = (folder.path().join("ret.json"), folder.path().join("run"), fixture("videos"));
    let rows = SAID.map(|(video, captions)| serde_json::json!({"video": video, "caption": captions}));
    std::fs::write(&data, serde_json::to_string(&rows).unwrap()).unwrap();
    let base = ["--quiet", "eval", "msrvtt", "--data", text(&data), "--videos", text(&videos), "--model", text(&model)];
    let args = [&base[..], &["--match", "--candidates", "2", "--json", "--output", text(&run)]].concat();
    let results = json(&args);
    let scores = scores(&model);
    let lines = samples(&run, "msrvtt");
    assert_eq!(lines.len(), 6 + 3);
    for (caption, line) in lines[..6].iter().enumerate() {
        let of_videos = candidates(scores.iter().map(|row| row[caption]), 2);
        assert_eq!(line["pessimistic"], rank(&of_videos, 3, &[caption / 2]), "{line}");
    }
    for (video, line) in lines[6..].iter().enumerate() {
        let of_texts = candidates(scores[video].iter().copied(), 2);
        assert_eq!(line["pessimistic"], rank(&of_texts, 6, &[2 * video, 2 * video + 1]), "{line}");
    }
    // Both kinds are told.
    let names: Vec<&str> =
        results["table"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 12);
    assert!(names.contains(&"t2v_r1") && names.contains(&"t2v_match_r1"), "{names:?}");
    let first = lines[..6].iter().filter(|line| line["correct"] == true).count();
    let row = results["table"].as_array().unwrap().iter().find(|row| row["name"] == "t2v_match_r1").unwrap();
    assert_eq!((&row["correct"], &row["total"]), (&first.into(), &6.into()));

    // Stopped after the first video, with a torn line: the rest is matched, and the ranks are the same.
    let journal = run.join("matches_msrvtt.jsonl");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let second = whole.lines().next().unwrap().len() + 20;
    std::fs::write(&journal, &whole[..second]).unwrap();
    std::fs::remove_file(run.join("results.json")).unwrap();
    succeed(&args);
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), whole);
    assert_eq!(samples(&run, "msrvtt"), lines);
}
