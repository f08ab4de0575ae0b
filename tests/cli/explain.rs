//! `sgcr explain` and what `sgcr world eval` tells of scene-graph tokens.

use super::{convert, fail, fixture, sgcr, succeed, text};
use std::path::{Path, PathBuf};

/// The reference's tiny SGCR-Vid model (its adapters left out) as a model folder; its words are "w2" to "w125".
fn scene_model(folder: &Path) -> PathBuf {
    let words: Vec<String> = (2..126).map(|id| format!("w{id}")).collect();
    let tokenizer = folder.join("tokenizer.json");
    std::fs::write(&tokenizer, ::sgcr::text::word_level_json(&words)).unwrap();
    let output = folder.join("sgcr");
    let [checkpoint, parts, config] = ["backbone.safetensors", "sg_params.safetensors", "config.json"]
        .map(|file| fixture(&format!("sgcr_literal/{file}")));
    let (checkpoint, parts, config) = (text(&checkpoint), text(&parts), text(&config));
    let given = ["--checkpoint", checkpoint, "--parts", parts, "--config", config, "--tokenizer", text(&tokenizer)];
    succeed(&[&["--quiet", "convert", "--output", text(&output)][..], &given].concat());
    output
}

#[test]
fn explain_writes_triplets_pictures_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let model = scene_model(folder.path());
    let (video, output) = (fixture("videos/rabbit320.webm"), folder.path().join("out"));
    let labels = ["--entities", "w59 w73,w27", "--predicates", "w18,w95_w21,w36"];
    let base = ["--quiet", "explain", "--model", text(&model), "--video", text(&video), "--output", text(&output)];
    let told = succeed(&[&base[..], &labels, &["--threshold", "0"]].concat());
    assert!(told.contains("12 triplets") && told.contains("4 frames"), "{told}");

    let explanation: serde_json::Value =
        serde_json::from_slice(&std::fs::read(output.join("explanation.json")).unwrap()).unwrap();
    let frames = explanation["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 4);
    for frame in frames {
        let triplets = frame["triplets"].as_array().unwrap();
        assert_eq!(triplets.len(), 3);
        let mut last = 1.0;
        for triplet in triplets {
            let number = |value: &serde_json::Value| value.as_f64().unwrap();
            let product: f64 =
                ["subject", "predicate", "object"].iter().map(|part| number(&triplet[part]["probability"])).product();
            let score = number(&triplet["score"]);
            assert!((score - product).abs() < 1e-6 && score <= last, "{triplet}");
            last = score;
            assert!(["w59 w73", "w27"].contains(&triplet["subject"]["label"].as_str().unwrap()), "{triplet}");
            assert!(["w18", "w95_w21", "w36"].contains(&triplet["predicate"]["label"].as_str().unwrap()), "{triplet}");
            let bounds = triplet["object"]["box"].as_array().unwrap();
            assert!(bounds.len() == 4 && bounds.iter().all(|part| (0.0..=1.0).contains(&number(part))), "{triplet}");
        }
    }
    let layers = explanation["attention"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    for layer in layers {
        let shares = ["cls", "scene", "patch"].map(|part| layer[part].as_f64().unwrap());
        assert!(shares.iter().all(|share| *share > 0.0) && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{layer}");
    }
    let size = |name: &str| image::image_dimensions(output.join(name)).unwrap();
    let (width, height) = (explanation["width"].as_u64().unwrap(), explanation["height"].as_u64().unwrap());
    assert_eq!(width, 320);
    assert!((0..4).all(|at| size(&format!("frame_0{at}.png")) == (width as u32, height as u32)));
    let page = std::fs::read_to_string(output.join("index.html")).unwrap();
    assert_eq!((page.matches("<figure>").count(), page.matches("<li>").count()), (4, 12));
    assert!(std::fs::read_to_string(output.join("attention.svg")).unwrap().starts_with("<svg"));

    // Nothing is as sure as that, but the numbers stay.
    assert!(succeed(&[&base[..], &labels, &["--threshold", "1"]].concat()).contains(" 0 triplets"));
    let json: serde_json::Value = serde_json::from_str(&succeed(&[&base[..], &labels, &["--json"]].concat())).unwrap();
    assert_eq!(json[0], explanation);
}

#[test]
fn explain_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, scene) = (convert("viclip_tiny", "checkpoint.pth", folder.path()), scene_model(folder.path()));
    let (video, output) = (fixture("videos/rabbit320.webm"), folder.path().join("never"));
    let base = ["--quiet", "explain", "--video", text(&video), "--output", text(&output), "--model"];
    let labels = ["--entities", "dog,cat", "--predicates", "chase"];
    let error = fail(&[&base[..], &[text(&plain)], &labels].concat());
    assert!(error.contains("no scene-graph tokens"), "{error}");
    let error = fail(&[&base[..], &[text(&scene), "--entities", "dog,dog", "--predicates", "chase"]].concat());
    assert!(error.contains("\"dog\" is there twice"), "{error}");
    for wrong in [
        &["--entities", "dog"][..],
        &["--world-labels", "--entities", "dog", "--predicates", "chase"],
        &["--world-labels", "--threshold", "2"],
    ] {
        assert_eq!(sgcr(&[&base[..], &[text(&scene)], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
    assert!(!output.exists());
}

#[test]
fn world_eval_measures_kinds_retrieval_and_grounding() {
    let folder = tempfile::tempdir().unwrap();
    let model = scene_model(folder.path());
    let args = ["--quiet", "world", "eval", "--model", text(&model), "--clips", "24"];
    let json: serde_json::Value = serde_json::from_str(&succeed(&[&args[..], &["--json"]].concat())).unwrap();
    assert_eq!(json["kinds"]["kinds"].as_array().unwrap().len(), 7);
    let (to_video, to_text) = (&json["retrieval"]["text_to_video"], &json["retrieval"]["video_to_text"]);
    for direction in [to_video, to_text] {
        assert_eq!(direction["pessimistic"]["at_1"]["total"], 24);
        let mean = direction["pessimistic"]["mean"].as_f64().unwrap();
        assert!((1.0..=24.0).contains(&mean), "{mean}");
    }
    // None of the world's words is in the model's vocabulary: all captions of one length are one and the same to it.
    assert!(to_text["tied"].as_u64().unwrap() > 0);
    let grounding = &json["grounding"];
    assert_eq!(grounding["tokens"], 3);
    assert!((50..=96).contains(&grounding["frames"].as_u64().unwrap()), "{grounding}");
    assert!(grounding["triplets"]["total"].as_u64() > grounding["pairs"]["total"].as_u64());
    assert_eq!(grounding["attention"].as_array().unwrap().len(), 2);
    let figure = folder.path().join("attention.svg");
    let table = succeed(&[&args[..], &["--attention", text(&figure)]].concat());
    assert!(std::fs::read_to_string(figure).unwrap().contains("told apart ("));
    assert!(table.contains("| text to video |") && table.contains("| pairs of boxes |"), "{table}");
}
