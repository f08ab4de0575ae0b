//! InternVideo2 through every door: converted, inspected, asked, explained and tested, against the original code's embeddings.

use super::{assert_near, fixture, succeed, tensor, text};
use std::path::{Path, PathBuf};

const NAME: &str = "internvideo2_tiny";

/// The fixture's checkpoint, wrapped as DeepSpeed does, as a model folder; config and vocabulary lie beside it.
fn convert(output: PathBuf, more: &[&str]) -> PathBuf {
    let checkpoint = fixture(&format!("{NAME}/checkpoint_module.pt"));
    let args = ["--quiet", "convert", "--checkpoint", text(&checkpoint), "--output", text(&output), "--json"];
    let report: serde_json::Value = serde_json::from_str(&succeed(&[&args[..], more].concat())).unwrap();
    let left_out = report["left_out"].as_array().unwrap();
    for name in ["module.itm_head.weight", "module.text_encoder.bert.encoder.layer.3.output.dense.bias"] {
        assert!(left_out.contains(&name.into()), "{left_out:?}");
    }
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
