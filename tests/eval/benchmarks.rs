//! Each benchmark's own rows, metrics and files.

use super::*;

/// Ranks against those of the embed verb's cosines, sorted by brute force.
#[test]
fn retrieval_ranks_what_the_embed_verb_embeds() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let (clips, output, cache) = (world.clips(), folder.path().join("out"), folder.path().join("cache"));
    let names: Vec<String> = (0..9).map(|at| format!("world_{}.mkv", 12_000_000_000_u64 + at)).collect();
    let captions: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let text = std::fs::read_to_string(clips.join(name.replace(".mkv", ".captions.json"))).unwrap();
            let captions: Value = serde_json::from_str(&text).unwrap();
            captions["captions"].as_array().unwrap().iter().take(2).map(|c| c.as_str().unwrap().to_owned()).collect()
        })
        .collect();
    let rows: Vec<Value> =
        names.iter().zip(&captions).map(|(name, captions)| json!({"video": name, "caption": captions})).collect();
    let data = folder.path().join("ret.json");
    std::fs::write(&data, serde_json::to_string(&rows).unwrap()).unwrap();
    let args = |task: &'static str, output: &Path, more: &[&str]| -> Vec<String> {
        let args = ["--quiet", "eval", task, "--data", text(&data), "--videos", text(&clips), "--output", text(output)];
        args.iter().chain(["--cache", text(&cache)].iter()).chain(more).map(|arg| (*arg).to_owned()).collect()
    };
    let go = |args: Vec<String>| succeed(&args.iter().map(String::as_str).collect::<Vec<_>>());
    // Parts fill the cache, from which the whole is ranked.
    for part in ["1/2", "2/2"] {
        go(args("msvd", &folder.path().join(&part[..1]), &["--shard", part]));
    }
    let parts = [folder.path().join("1"), folder.path().join("2")];
    let error = fail(1, &["eval", "merge", text(&parts[0]), text(&parts[1]), "--output", text(&output)]);
    assert!(error.contains("--cache"), "{error}");
    go(args("msvd", &output, &[]));
    let results = results(&output);

    let embeds = folder.path().join("e.safetensors");
    let videos: Vec<PathBuf> = names.iter().map(|name| clips.join(name)).collect();
    let texts: Vec<&str> = captions.iter().flatten().map(String::as_str).collect();
    let mut embed = vec!["--quiet", "embed", "--pre-text", "--output", text(&embeds), "--video"];
    embed.extend(videos.iter().map(|path| text(path)));
    embed.push("--text");
    embed.extend(&texts);
    succeed(&embed);
    let bytes = std::fs::read(&embeds).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("similarity").unwrap();
    assert_eq!(tensor.shape(), [9, 18]);
    let s: Vec<f32> = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let at = |video: usize, text: usize| s[video * 18 + text];
    let lines = samples(&output, "msvd");
    assert_eq!(lines.len(), 18 + 9);
    // Cosines of the two ways differ in the last digits: nearer than this, order is open.
    let near = 1e-5;
    for text in 0..18 {
        let own = at(text / 2, text);
        let above = (0..9).filter(|video| at(*video, text) > own + near).count();
        let level = (0..9).filter(|video| at(*video, text) > own - near).count();
        let rank = lines[text]["pessimistic"].as_u64().unwrap() as usize;
        assert!((above + 1..=level).contains(&rank), "text {text}: {rank}, {above}, {level}");
        assert_eq!(lines[text]["text"], texts[text]);
    }
    for video in 0..9 {
        let own = at(video, 2 * video).max(at(video, 2 * video + 1));
        let others = || (0..18).filter(|text| text / 2 != video);
        let above = others().filter(|text| at(video, *text) > own + near).count();
        let level = others().filter(|text| at(video, *text) > own - near).count();
        let rank = lines[18 + video]["pessimistic"].as_u64().unwrap() as usize;
        assert!((above + 1..=level + 1).contains(&rank), "video {video}: {rank}, {above}, {level}");
    }
    let first = lines[..18].iter().filter(|line| line["correct"] == true).count() as f64 / 18.0;
    let row = &results["table"][0];
    assert_eq!((&row["name"], &row["total"]), (&json!("t2v_r1"), &json!(18)));
    assert!((row["accuracy"].as_f64().unwrap() - first).abs() < 1e-12);
    assert_eq!(row["accuracy"], results["metrics"]["image_retrieval_recall@1"]);
    let mean = lines[..18].iter().map(|line| line["pessimistic"].as_f64().unwrap()).sum::<f64>() / 18.0;
    assert!((results["metrics"]["t2v_mean_rank"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert!(results["metrics"]["v2t_r1_dual_softmax"].is_number());
    // Paragraphs: one text a video.
    let didemo = folder.path().join("didemo");
    go(args("didemo", &didemo, &["--limit", "5"]));
    assert_eq!(samples(&didemo, "didemo").len(), 10);
    succeed(&["eval", "report", text(&didemo)]);
}

#[test]
fn benchmarks_have_their_own_columns_files_and_ties() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let videos = folder.path().join("videos");
    std::fs::create_dir(&videos).unwrap();
    let names = ["v_aaaaaaaaaaa_seg_10_20.mkv", "v_bbbbbbbbbbb_seg_0_10.mkv", "v_1.mp4", "v_2.mkv"];
    for (at, name) in names.iter().enumerate() {
        std::fs::copy(world.clips().join(format!("world_{}.mkv", 12_000_000_000 + at)), videos.join(name)).unwrap();
    }
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmarks").join(name);
    let run = |task: &str, data: &Path, more: &[&str]| -> (PathBuf, Value) {
        let output = folder.path().join(task);
        let args =
            ["--quiet", "eval", task, "--data", text(data), "--videos", text(&videos), "--output", text(&output)];
        succeed(&[&args[..], more].concat());
        let results = results(&output);
        (output, results)
    };
    let totals = |results: &Value| -> Vec<(String, u64)> {
        let rows = results["table"].as_array().unwrap().iter();
        rows.map(|row| (row["name"].as_str().unwrap().to_owned(), row["total"].as_u64().unwrap())).collect()
    };

    let (output, got) = run("velociti", &fixture("velociti_rows_SYNTHETIC.jsonl"), &["--velociti-csv"]);
    let columns = ["agent_random", "agent_bind", "coref", "action_adv", "action_bind", "action_manner", "chrono"];
    let mut expected = vec![("all".to_owned(), 7)];
    expected.extend(columns.iter().chain(&["control"]).map(|name| ((*name).to_owned(), 1)));
    assert_eq!(totals(&got), expected, "control is a row of its own and no part of all");
    let lines = samples(&output, "velociti");
    let right = lines.iter().filter(|line| line["kind"] != "control" && line["correct"] == true).count() as f64;
    for metric in ["mean_of_kinds", "classic_vle"] {
        assert!((got["metrics"][metric].as_f64().unwrap() - right / 7.0).abs() < 1e-12, "{metric}");
    }
    let csv = std::fs::read_to_string(output.join("velociti/coref.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().starts_with("coref,v_aaaaaaaaaaa_seg_10_20,\"(Ev1, Ev3)\","), "{csv}");

    let (output, got) = run("videocon", &fixture("videocon_human_SYNTHETIC.csv"), &[]);
    assert_eq!(totals(&got), [("all".to_owned(), 2), ("hard".to_owned(), 1)]);
    let lines = samples(&output, "videocon");
    let scores = |key: &str| lines.iter().map(|line| line[key].as_f64().unwrap()).collect::<Vec<_>>();
    let (positives, negatives) = (scores("pos_score"), scores("neg_score"));
    let won = |p: f64, n: f64| {
        if p > n {
            1.0
        } else if p < n {
            0.0
        } else {
            0.5
        }
    };
    let all: f64 = positives.iter().map(|p| negatives.iter().map(|n| won(*p, *n)).sum::<f64>()).sum();
    assert!((got["metrics"]["roc_auc"].as_f64().unwrap() - all / 4.0).abs() < 1e-12);
    assert!((got["metrics"]["roc_auc_hard"].as_f64().unwrap() - won(positives[0], negatives[0])).abs() < 1e-12);

    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i", text(&videos.join("v_2.mkv")), "-frames:v", "1"]);
    assert!(ffmpeg.arg(videos.join("picture.png")).status().unwrap().success());
    let table = folder.path().join("swap_obj.json");
    let row = |negative: &str| json!({"filename": "picture.jpg", "caption": "a red fox", "negative_caption": negative});
    std::fs::write(&table, json!({"0": row("a blue key"), "1": row("a red fox")}).to_string()).unwrap();
    let (output, got) = run("sugarcrepe", &table, &[]);
    assert_eq!(got["config"]["preprocess"]["frames"], 1);
    assert_eq!(samples(&output, "sugarcrepe")[1]["correct"], true, "the first of equals is the positive caption");
    assert_eq!(got["table"][0]["ties"], 1);
    assert_eq!(got["short"], json!([]));
}

#[test]
fn classes_are_ranked_by_the_mean_over_prompts() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let classes = ["bird", "fish", "fox", "ghost", "rabbit", "robot"];
    let video = |at: u64| format!("world_{}.mkv", 12_000_000_000 + at);
    let rows: Vec<Value> =
        (0..6).map(|at| json!({"video": video(at), "caption": classes[(at * 5 % 6) as usize]})).collect();
    let (data, clips) = (folder.path().join("k.json"), world.clips());
    std::fs::write(&data, serde_json::to_string(&rows).unwrap()).unwrap();
    let args = ["--data", text(&data), "--videos", text(&clips), "--output", text(&output), "--json"];
    let got: Value = serde_json::from_str(&succeed(&[&["--quiet", "eval", "k400"][..], &args].concat())).unwrap();
    // By the embed verb: cosines of the first clip with every prompt of every class.
    let prompts = [
        "a photo of action {}",
        "a picture of action {}",
        "Human action of {}",
        "{}, an action",
        "{} this is an action",
        "{}, a video of action",
        "Playing action of {}",
        "{}",
        "Playing a kind of action, {}",
        "Doing a kind of action, {}",
        "Look, the human is {}",
        "Can you recognize the action of {}?",
        "Video classification of {}",
        "A video of {}",
        "The man is {}",
        "The woman is {}",
    ];
    let texts: Vec<String> =
        classes.iter().flat_map(|class| prompts.map(|prompt| prompt.replace("{}", class))).collect();
    let (clip, embeds) = (clips.join(video(0)), folder.path().join("e.safetensors"));
    let mut args = vec!["--quiet", "embed", "--pre-text", "--video", text(&clip), "--output", text(&embeds), "--text"];
    args.extend(texts.iter().map(String::as_str));
    succeed(&args);
    let bytes = std::fs::read(&embeds).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let cosines: Vec<f32> = file
        .tensor("similarity")
        .unwrap()
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let means: Vec<f32> = cosines.chunks_exact(16).map(|class| class.iter().sum::<f32>() / 16.0).collect();
    let mut order: Vec<usize> = (0..6).collect();
    order.sort_by(|a, b| means[*b].total_cmp(&means[*a]));
    let lines = samples(&output, "k400");
    let best: Vec<&str> = lines[0]["best"].as_array().unwrap().iter().map(|class| class.as_str().unwrap()).collect();
    assert_eq!(best, order[..5].iter().map(|class| classes[*class]).collect::<Vec<_>>());
    let rank = order.iter().position(|class| classes[*class] == lines[0]["kind"]).unwrap();
    assert_eq!(lines[0]["rank"], json!({"optimistic": rank, "pessimistic": rank}));
    let top1 = lines.iter().filter(|line| line["correct"] == true).count() as f64 / 6.0;
    assert!((got["metrics"]["acc1"].as_f64().unwrap() - top1).abs() < 1e-12);
    let top5 = lines.iter().filter(|line| line["rank"]["pessimistic"].as_u64().unwrap() < 5).count() as f64 / 6.0;
    assert!((got["metrics"]["acc5"].as_f64().unwrap() - top5).abs() < 1e-12);
}

#[test]
fn score_files_of_others_are_judged_by_both_readings() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmarks");
    let cosines = fixtures.join("agent_bind_scores_SYNTHETIC.csv");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(fixtures.join("expected_SYNTHETIC.json")).unwrap()).unwrap();
    let table: Value = serde_json::from_str(&succeed(&["eval", "scores", text(&cosines), "--json"])).unwrap();
    let classic = table["rows"][0]["classic_vle"].as_f64().unwrap();
    assert_eq!((classic * 1000.0).round() / 1000.0, expected["classic"].as_f64().unwrap());
    assert_eq!((&table["rows"][0]["strict_vle"], &table["rows"][0]["classic"]["ties"]), (&json!(0.0), &json!(1)));
    // Probabilities, in a folder of one file a test; by hand: three of four strictly, and 0.5 itself fails.
    let header = "test_name,video_id,event,pos_score,neg_score\n";
    let chrono = "chrono,a,\"(Ev1, Ev3)\",0.9,0.1\nchrono,b,\"(Ev1, Ev3)\",0.8,0.5\n";
    std::fs::write(folder.path().join("chrono.csv"), format!("{header}{chrono}")).unwrap();
    std::fs::write(folder.path().join("coref.csv"), format!("{header}coref,a,Ev1,0.7,0.2\ncoref,b,Ev1,1.0,0\n"))
        .unwrap();
    let table: Value = serde_json::from_str(&succeed(&["eval", "scores", text(folder.path()), "--json"])).unwrap();
    assert_eq!((&table["classic_mean"], &table["strict_mean"]), (&json!(1.0), &json!(0.75)));
    assert_eq!(table["rows"][2]["test"], "all");
    assert_eq!(table["rows"][2]["strict_vle"], 0.75);
    let told = succeed(&["eval", "scores", text(folder.path())]);
    assert!(told.contains("75.0 % (StrictVLE)") && told.contains("| coref | 100.0 |"), "{told}");
    let none = folder.path().join("none.csv");
    assert!(fail(1, &["eval", "scores", text(&none)]).contains("none.csv"));
}

#[test]
fn videocon_s_score_files_are_held_against_its_annotations() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmarks");
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    // The authors' own two rows, prompts and all, and the pair that they are of.
    let soccer = "A soccer team walking off the field while the audience claps.";
    let video = "<path to y5xuvHpDPZQ_000005_000015.mp4>";
    let llm = format!(
        "videopath,caption,neg_caption,split,misalignment\n{video},{soccer},{},test,object\nother.mp4,a,b,train,flip\n",
        soccer.replace("soccer", "basketball")
    );
    let (llm, own) = (write("llm.csv", &llm), fixtures.join("final_test_scores.csv"));
    let args = ["eval", "scores", text(&own), "--videocon", text(&llm), "--json"];
    let table: Value = serde_json::from_str(&succeed(&args)).unwrap();
    let rows = table["rows"].as_array().unwrap().iter();
    assert_eq!(rows.map(|row| &row["name"]).collect::<Vec<_>>(), ["all", "object"]);
    assert_eq!((&table["rows"][0]["correct"], &table["metrics"]), (&json!(1), &json!({"roc_auc": 1.0})));

    // People's rows: the hard one is a tie, the other right; of two captions against two, two win and two tie.
    let human = fixtures.join("videocon_human_SYNTHETIC.csv");
    let hard = "/x/v_1.avi,\"A man dives, then swims\",0.25\n/x/v_1.avi,\"A man swims, then dives\",0.25\n";
    let easy = "v_2.mp4,\"A red \"\"old\"\" car\",0.75\nv_2.mp4,\"A blue \"\"old\"\" car\",0.25,0.25,0.75\n";
    let scores = write("scores.csv", &format!("{hard}{easy}"));
    let args = ["eval", "scores", text(&scores), "--videocon", text(&human)];
    let told = succeed(&args);
    for line in ["| all | 50.0 |", "| hard | 0.0 |", "roc auc: 75.0 %", "roc auc hard: 50.0 %"] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let part = write("part.csv", easy);
    let args = ["eval", "scores", text(&part), "--videocon", text(&human)];
    let error = fail(3, &args);
    assert!(error.contains("1 pairs have no score") && error.contains("A man dives, then swims"), "{error}");
    assert!(succeed(&[&args[..], &["--allow-missing"]].concat()).contains("| all | 100.0 |"));
    // Two models' files are no one's scores.
    let other = write("other.csv", &easy.replace("0.75\nv", "0.5\nv"));
    let error = fail(1, &["eval", "scores", text(&part), text(&other), "--videocon", text(&human)]);
    assert!(error.contains("other.csv") && error.contains("line 1") && error.contains("0.75 before"), "{error}");
    assert!(fail(1, &["eval", "scores", text(&own), "--videocon", text(&human)]).contains("belong together"));
}
