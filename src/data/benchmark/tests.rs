//! Every layout on real or really shaped rows, and every trap of formats.md 9 that is a reader's.

use super::*;
use crate::error::Error;
use std::path::PathBuf;

fn fixture(name: &str) -> DataFile {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/benchmarks").join(name);
    DataFile::read(&path).unwrap().remove(0)
}

fn file(name: &str, text: &str) -> DataFile {
    DataFile { path: PathBuf::from(name), bytes: text.as_bytes().to_vec() }
}

fn pairs(task: PairTask, file: DataFile) -> Result<Vec<PairSample>> {
    read_pairs(task, &[file], "test", Purpose::Evaluation)
}

/// Line and reason of a refused row.
fn refused(error: Error) -> (usize, String) {
    match error {
        Error::InvalidRow { line, reason, .. } => (line, reason),
        other => panic!("{other}"),
    }
}

#[test]
fn velociti_rows_have_their_events_and_tests() {
    let rows = pairs(PairTask::Velociti, fixture("velociti_rows_SYNTHETIC.jsonl")).unwrap();
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[2].kind, "coref");
    assert_eq!(rows[2].events, [1, 3]);
    assert_eq!(rows[6].positive, "the dog barks, then the girl throws a ball");
    assert_eq!(rows[7].id, "velociti_rows_SYNTHETIC:8");
    assert_eq!(rows[0].video, "v_aaaaaaaaaaa_seg_10_20");
}

#[test]
fn velociti_ids_are_cut_at_the_dot_and_events_are_tuples() {
    let row = |id: &str, event: &str| {
        format!(
            "{{\"video_id\": \"{id}\", \"test_name\": \"coref\", \"event\": \"{event}\", \"pos\": \"a\", \"neg\": \"b\"}}"
        )
    };
    let read = |text: &str| pairs(PairTask::Velociti, file("v.jsonl", text));
    let rows = read(&format!("{}\n\n{}\n", row("v_x.mp4", "('Ev2', 'Ev5')"), row("v_y", "Ev1"))).unwrap();
    assert_eq!((rows[0].video.as_str(), &rows[0].events[..]), ("v_x", &[2, 5][..]));
    assert_eq!(rows[1].events, [1]);
    for event in ["Ev6", "Ev0", "event 1", "()"] {
        let (line, reason) = refused(read(&format!("\n{}", row("v", event))).unwrap_err());
        assert_eq!(line, 2);
        assert!(reason.contains("Ev1"), "{reason}");
    }
    assert!(refused(read(&row(".mp4", "Ev1")).unwrap_err()).1.contains("dot"));
    // The data set's own export: CSV with the same columns.
    let csv =
        "video_id,test_name,event,pos,neg,in_subset\r\nv_1,chrono,\"(Ev1, Ev3)\",\"a, then b\",\"b, then a\",True\r\n";
    let rows = pairs(PairTask::Velociti, file("v.csv", csv)).unwrap();
    assert_eq!((rows[0].negative.as_str(), &rows[0].events[..]), ("b, then a", &[1, 3][..]));
    let unknown = csv.replace("chrono", "chronos");
    assert_eq!(refused(pairs(PairTask::Velociti, file("v.csv", &unknown)).unwrap_err()).0, 2);
}

#[test]
fn velociti_is_refused_for_training_under_any_name() {
    let read = |task, file| read_pairs(task, &[file], "test", Purpose::Training);
    for task in [PairTask::Velociti, PairTask::Pairs, PairTask::Vitatecs] {
        let error = read(task, fixture("velociti_rows_SYNTHETIC.jsonl")).unwrap_err();
        assert_eq!(error.code(), "not-for-training");
        assert!(error.to_string().contains("CC BY-NC-SA"), "{error}");
    }
    let own = "{\"video\": \"a\", \"positive\": \"b\", \"negative\": \"c\"}";
    assert_eq!(read(PairTask::Pairs, file("own.jsonl", own)).unwrap().len(), 1);
    assert!(pairs(PairTask::Pairs, fixture("velociti_rows_SYNTHETIC.jsonl")).is_err());
}

#[test]
fn videocon_files_are_read_by_column_name() {
    let rows = pairs(PairTask::Videocon, fixture("videocon_human_SYNTHETIC.csv")).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].video.as_str(), rows[0].hard), ("v_1.mp4", Some(true)));
    assert_eq!(rows[0].positive, "A man dives, then swims");
    assert_eq!((rows[1].negative.as_str(), rows[1].hard), ("A blue \"old\" car", Some(false)));
    let llm = || fixture("videocon_llm_entailment_SYNTHETIC.csv");
    let rows = read_pairs(PairTask::Videocon, &[llm()], "train", Purpose::Evaluation).unwrap();
    assert_eq!((rows[0].video.as_str(), rows[0].kind.as_str()), ("msrvtt/video1.mp4", "object"));
    let error = pairs(PairTask::Videocon, llm()).unwrap_err();
    assert!(error.to_string().contains("--split"), "{error}");
    let signed = "video_url,caption,neg_caption,nle,hard\nhttps://a/b/v_3.mp4?X=1#t,a,b,c,\n";
    let rows = pairs(PairTask::Videocon, file("h.csv", signed)).unwrap();
    assert_eq!((rows[0].video.as_str(), rows[0].hard), ("v_3.mp4", None));
    let odd = signed.replace(",\n", ",maybe\n");
    assert!(refused(pairs(PairTask::Videocon, file("h.csv", &odd)).unwrap_err()).1.contains("maybe"));
}

#[test]
fn csv_keeps_line_feeds_in_quotes_and_counts_lines() {
    for feed in ["\n", "\r\n"] {
        let text = format!("\u{feff}video,positive,negative{feed}a.mp4,\"two{feed}lines\",b{feed}{feed}b.mp4,c,{feed}");
        let (line, reason) = refused(pairs(PairTask::Pairs, file("p.csv", &text)).unwrap_err());
        assert_eq!(line, 5, "{feed:?}");
        assert!(reason.contains("negative") && reason.contains("blank"), "{reason}");
        let rows = pairs(PairTask::Pairs, file("p.csv", &text.replace("b.mp4,c,", "b.mp4,c,d"))).unwrap();
        assert_eq!(rows[0].positive, format!("two{feed}lines"));
        assert_eq!(rows[1].negative, "d");
    }
    let open = "video,positive,negative\na,b,c\nx,\"y,z\na,b,c\n";
    let (line, reason) = refused(pairs(PairTask::Pairs, file("p.csv", open)).unwrap_err());
    assert_eq!(line, 3);
    assert!(reason.contains("quote"), "{reason}");
    let twice = "video,positive,positive\na,b,c\n";
    assert_eq!(refused(pairs(PairTask::Pairs, file("p.csv", twice)).unwrap_err()).0, 1);
}

#[test]
fn pairs_come_as_lines_lists_and_tables() {
    let lines = "{\"video\": 5159741010, \"positive\": \"a\", \"negative\": \"b\", \"kind\": \"x\"}\r\n";
    let list = format!("[\n{},\n\n{lines}]\n", lines.trim());
    let table = "video;positive;negative;kind\n5159741010;a;b;x\n";
    for (name, text, count) in [("p.jsonl", lines, 1), ("p.json", &list, 2), ("p.csv", table, 1)] {
        let rows = pairs(PairTask::Pairs, file(name, text)).unwrap();
        assert_eq!(rows.len(), count, "{name}");
        let last = rows.last().unwrap();
        // An id that looks like a number stays a text.
        assert_eq!((last.video.as_str(), last.kind.as_str()), ("5159741010", "x"));
        assert_eq!(last.id, format!("p:{count}"));
    }
}

#[test]
fn a_bad_row_is_told_with_its_line() {
    let good = "{\"video\": \"a\", \"positive\": \"b\", \"negative\": \"c\"}";
    for (bad, reason) in [
        ("{\"video\": \"a\", \"positive\": \"b\"}", "negative"),
        ("{\"video\": \"a\", \"positive\": \" \", \"negative\": \"c\"}", "blank"),
        ("{\"video\": [], \"positive\": \"b\", \"negative\": \"c\"}", "a list"),
        ("{\"video\": \"a\", ", "valid JSON"),
        ("[1]", "object"),
    ] {
        let (line, told) = refused(pairs(PairTask::Pairs, file("p.jsonl", &format!("{good}\n{bad}"))).unwrap_err());
        assert_eq!(line, 2, "{bad}");
        assert!(told.contains(reason), "{told}");
        let (line, told) =
            refused(pairs(PairTask::Pairs, file("p.json", &format!("[\n{good},\n\n  {bad}\n]"))).unwrap_err());
        assert!((4..=5).contains(&line), "{bad}: {line}");
        assert!(told.contains(reason), "{told}");
    }
    for (list, reason) in [("[", "cut short"), ("[{}", "\",\" or \"]\""), ("[]]", "follows"), ("[{} {}]", "\",\" or")] {
        let error = pairs(PairTask::Pairs, file("p.json", list)).unwrap_err();
        assert!(error.to_string().contains(reason), "{list}: {error}");
    }
    assert_eq!(pairs(PairTask::Pairs, file("p.json", "[]")).unwrap_err().code(), "invalid-input");
    assert_eq!(pairs(PairTask::Pairs, file("p.json", " ")).unwrap_err().code(), "corrupt-file");
    let latin = DataFile { path: "p.csv".into(), bytes: vec![b'a', 0xe9, b'b'] };
    assert_eq!(pairs(PairTask::Pairs, latin).unwrap_err().code(), "corrupt-file");
}

#[test]
fn vitatecs_and_sugarcrepe() {
    let row = "{\"src_dataset\": \"MSRVTT\", \"video_name\": \"video7.mp4\", \"caption\": \"a\", \"counterfactual\": \"b\", \"aspect\": \"Direction\"}";
    let rows = pairs(PairTask::Vitatecs, file("Direction.jsonl", row)).unwrap();
    assert_eq!(
        (rows[0].video.as_str(), rows[0].kind.as_str(), rows[0].negative.as_str()),
        ("video7.mp4", "Direction", "b")
    );
    let without = row.replace(", \"aspect\": \"Direction\"", "");
    assert_eq!(pairs(PairTask::Vitatecs, file("Sequence.jsonl", &without)).unwrap()[0].kind, "Sequence");

    let item = |name: &str| {
        format!("{{\"filename\": \"{name}.jpg\", \"caption\": \"c {name}\", \"negative_caption\": \"n\"}}")
    };
    let text = format!("{{\n\"0\": {},\n\"10\": {},\n\"9\": {}\n}}", item("a"), item("b"), item("c"));
    let rows = pairs(PairTask::Sugarcrepe, file("swap_obj.json", &text)).unwrap();
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["swap_obj:0", "swap_obj:9", "swap_obj:10"]);
    assert_eq!((rows[1].video.as_str(), rows[1].kind.as_str()), ("c.jpg", "swap_obj"));
    let missing = text.replace("\"caption\": \"c b\", ", "");
    let (line, reason) = refused(pairs(PairTask::Sugarcrepe, file("swap_obj.json", &missing)).unwrap_err());
    assert_eq!(line, 3);
    assert!(reason.contains("caption"), "{reason}");
    assert_eq!(pairs(PairTask::Sugarcrepe, file("s.json", "{\"0\": 3}")).unwrap_err().code(), "invalid-row");
}

fn retrieval(task: RetrievalTask, files: &[DataFile]) -> RetrievalSet {
    RetrievalSet::read(task, files).unwrap()
}

#[test]
fn retrieval_files_of_one_and_of_many_captions() {
    let set = retrieval(RetrievalTask::Msrvtt, &[fixture("msrvtt_ret_test1k_SYNTHETIC.json")]);
    assert_eq!(set.videos, ["video9770.mp4", "video9771.mp4"]);
    assert_eq!(set.captions[1], RetrievalCaption { text: "another".to_owned(), video: 1 });
    let set = retrieval(RetrievalTask::Msvd, &[fixture("msvd_ret_test_SYNTHETIC.json")]);
    let texts: Vec<_> = set.captions.iter().map(|caption| (caption.text.as_str(), caption.video)).collect();
    assert_eq!(texts, [("c1", 0), ("c2", 0), ("c3", 0), ("d1", 1)]);
    let set = retrieval(RetrievalTask::Didemo, &[fixture("didemo_ret_test_SYNTHETIC.json")]);
    assert_eq!(set.captions.len(), 1);
    assert_eq!(set.captions[0].text, "first sentence. second sentence.");
}

#[test]
fn didemo_s_own_rows_become_paragraphs_in_the_list_s_order() {
    let rows = || fixture("didemo_test_data_6videos.json");
    let set = retrieval(RetrievalTask::Didemo, &[rows()]);
    assert_eq!((set.videos.len(), set.captions.len()), (6, 6));
    assert!(set.captions[0].text.starts_with("someone kicks the bug towards some rocks. "));
    let all = std::str::from_utf8(&fixture("didemo_test_list.txt").bytes).unwrap().to_owned();
    let listed: Vec<&str> = all.lines().filter(|line| set.videos.iter().any(|video| video == line)).collect();
    assert_eq!(listed.len(), 6, "all six are in the real list of 1004");
    let set = retrieval(RetrievalTask::Didemo, &[rows(), file("list.txt", &listed.join("\r\n"))]);
    assert_eq!(set.videos, listed);
    // The real list has names that were cut at the dot.
    let (cut, _) = listed[0].rsplit_once('.').unwrap();
    let set = retrieval(RetrievalTask::Didemo, &[rows(), file("list.txt", &format!("{cut}.\n"))]);
    assert_eq!(set.videos, [format!("{cut}.")]);
    let error = RetrievalSet::read(RetrievalTask::Didemo, &[rows(), fixture("didemo_test_list.txt")]).unwrap_err();
    assert_eq!(refused(error).0, 1, "a listed video without captions");
}

#[test]
fn msrvtt_in_its_other_layouts() {
    for separator in [",", ";"] {
        let text = "key,vid_key,video_id,sentence\nret0,msr9770,video9770,a person is connecting something\n"
            .replace(',', separator);
        let set = retrieval(RetrievalTask::Msrvtt, &[file("MSRVTT_JSFUSION_test.csv", &text)]);
        assert_eq!(set.videos, ["video9770"]);
        assert_eq!(set.captions[0].text, "a person is connecting something");
    }
    let text = r#"{"info": {}, "videos": [], "sentences": [
        {"video_id": "video7021", "sen_id": 1, "caption": "x"}, {"video_id": "video1", "sen_id": 2, "caption": "y"},
        {"video_id": "video7020", "sen_id": 3, "caption": "z"}, {"video_id": "video7021", "sen_id": 4, "caption": "w"}]}"#;
    let list = fixture("msrvtt_val_list_jsfusion.txt");
    let two: String = String::from_utf8(list.bytes).unwrap().lines().take(2).map(|line| format!("{line}\n")).collect();
    let set = retrieval(RetrievalTask::Msrvtt, &[file("MSRVTT_data.json", text), file("list.txt", &two)]);
    assert_eq!(set.videos, ["video7020", "video7021"]);
    let texts: Vec<_> = set.captions.iter().map(|caption| (caption.text.as_str(), caption.video)).collect();
    assert_eq!(texts, [("z", 0), ("x", 1), ("w", 1)]);
    let error =
        RetrievalSet::read(RetrievalTask::Msrvtt, &[file("a.json", &text.replace("\"y\"", "\" \""))]).unwrap_err();
    assert!(matches!(error, Error::InvalidJson { line: 2, .. }), "{error}");
    assert_eq!(
        RetrievalSet::read(RetrievalTask::Msrvtt, &[file("l.txt", "video1\n")]).unwrap_err().code(),
        "invalid-input"
    );
}

/// Made by Python 3's `pickle.dumps({"b_1_2": [["a", "dog"], ["it's", "x"]], "a_0_9": [["cat"]]}, protocol)`.
#[test]
fn msvd_s_pickled_captions() {
    let protocols: [&[u8]; 3] = [
        b"(dp0\nVb_1_2\np1\n(lp2\n(lp3\nVa\np4\naVdog\np5\naa(lp6\nVit's\np7\naVx\np8\naasVa_0_9\np9\n(lp10\n(lp11\nVcat\np12\naas.",
        b"\x80\x02}q\x00(X\x05\x00\x00\x00b_1_2q\x01]q\x02(]q\x03(X\x01\x00\x00\x00aq\x04X\x03\x00\x00\x00dogq\x05e]q\x06(X\x04\x00\x00\x00it'sq\x07X\x01\x00\x00\x00xq\x08eeX\x05\x00\x00\x00a_0_9q\t]q\n]q\x0bX\x03\x00\x00\x00catq\x0caau.",
        b"\x80\x04\x95B\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x05b_1_2\x94]\x94(]\x94(\x8c\x01a\x94\x8c\x03dog\x94e]\x94(\x8c\x04it's\x94\x8c\x01x\x94ee\x8c\x05a_0_9\x94]\x94]\x94\x8c\x03cat\x94aau.",
    ];
    for bytes in protocols {
        let pickle = DataFile { path: "raw-captions.pkl".into(), bytes: bytes.to_vec() };
        let set = retrieval(RetrievalTask::Msvd, std::slice::from_ref(&pickle));
        assert_eq!(set.videos, ["a_0_9", "b_1_2"]);
        let texts: Vec<_> = set.captions.iter().map(|caption| caption.text.as_str()).collect();
        assert_eq!(texts, ["cat", "a dog", "it's x"]);
        let set = retrieval(RetrievalTask::Msvd, &[pickle, file("test_list.txt", "b_1_2\n")]);
        assert_eq!(set.captions.len(), 2);
    }
    let hostile = DataFile { path: "x.pkl".into(), bytes: b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.".to_vec() };
    assert_eq!(RetrievalSet::read(RetrievalTask::Msvd, &[hostile]).unwrap_err().code(), "unsafe-pickle");
    for bytes in [&b"\x80\x02}q\x00(X\x01\x00"[..], b"\x80\x02]q\x00.", b"\x80\x02u.", b"\x80\x02e."] {
        let damaged = DataFile { path: "x.pkl".into(), bytes: bytes.to_vec() };
        assert_eq!(RetrievalSet::read(RetrievalTask::Msvd, &[damaged]).unwrap_err().code(), "corrupt-file");
    }
}

#[test]
fn classes_are_sorted_whatever_order_they_come_in() {
    let set = ClassSet::read(&[fixture("kinetics400_validate_SYNTHETIC.json")]).unwrap();
    assert_eq!(set.classes, ["abseiling", "air drumming"]);
    assert_eq!(set.videos, [("val/abc_000001_000011.mp4".to_owned(), 0), ("val/def_000002_000012.mp4".to_owned(), 1)]);
    let turned = r#"[{"video": "d.mp4", "caption": "zumba"}, {"video": "e.mp4", "caption": "archery"}, {"video": "f.mp4", "caption": "zumba"}]"#;
    let set = ClassSet::read(&[file("k.json", turned)]).unwrap();
    assert_eq!((set.classes.len(), set.videos[0].1, set.videos[1].1, set.videos[2].1), (2, 1, 0, 1));
    let all = || fixture("label_map_k400.txt");
    let set = ClassSet::read(&[fixture("kinetics400_validate_SYNTHETIC.json"), all()]).unwrap();
    assert_eq!(set.classes.len(), 400);
    assert_eq!(set.classes[set.videos[1].1], "air drumming");
    let error = ClassSet::read(&[file("k.json", &turned.replace("archery", "archerie")), all()]).unwrap_err();
    assert!(refused(error).1.contains("archerie"));
    assert_eq!(ClassSet::read(&[all()]).unwrap_err().code(), "invalid-input");
}

#[test]
fn score_files_with_and_without_header() {
    let scores = videocon_scores(&fixture("final_test_scores.csv")).unwrap();
    assert_eq!(scores.len(), 2);
    assert_eq!(scores[0].caption, "A soccer team walking off the field while the audience claps.");
    assert_eq!((scores[0].score, scores[1].score), (0.90625, 0.084_960_937_5));
    let more = videocon_scores(&file("s.csv", "a.mp4,\"plain\",0.5,0.25,0.25\n")).unwrap();
    assert_eq!((more[0].caption.as_str(), more[0].score), ("plain", 0.5));
    let (line, _) = refused(videocon_scores(&file("s.csv", "a.mp4,b,0.5\na.mp4,b,nan\n")).unwrap_err());
    assert_eq!(line, 2);
    assert!(videocon_scores(&file("s.csv", "a.mp4,b\n")).is_err());

    let scores = velociti_scores(&fixture("agent_bind_scores_SYNTHETIC.csv")).unwrap();
    assert_eq!(scores.len(), 3);
    assert_eq!((scores[1].video.as_str(), scores[1].positive, scores[1].negative), ("v_b", 0.27, 0.27));
}

#[test]
fn a_video_is_found_by_path_name_or_stem() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a/v_1.mp4", "a/v_1.json", "b/v_2.webm", "b/same.mp4", "a/same.mp4", "10@N03_5.avi", "frames/0.png"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    let index = VideoIndex::of(folder.path()).unwrap();
    let found = |video: &str| index.find(video).unwrap().strip_prefix(folder.path()).unwrap().display().to_string();
    assert_eq!(found("a/v_1.mp4"), "a/v_1.mp4");
    assert_eq!(found("v_1"), "a/v_1.mp4");
    assert_eq!(found("elsewhere/v_1.mp4"), "a/v_1.mp4");
    assert_eq!(found("v_2.mp4"), "b/v_2.webm");
    assert_eq!(found("10@N03_5."), "10@N03_5.avi");
    assert_eq!(found("frames"), "frames");
    assert_eq!(found("b/same.mp4"), "b/same.mp4");
    assert_eq!(index.find("same.mp4").unwrap_err().code(), "invalid-input");
    assert_eq!(index.find("v_3").unwrap_err().code(), "missing-file");
    assert_eq!(index.find("../x").unwrap_err().code(), "missing-file");
}

#[test]
fn a_folder_of_tables_is_read_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.json", "a.jsonl", "notes.md", ".hidden.json"] {
        std::fs::write(folder.path().join(name), "{}").unwrap();
    }
    let stems: Vec<String> = DataFile::read(folder.path()).unwrap().iter().map(DataFile::stem).collect();
    assert_eq!(stems, ["a", "b"]);
    assert_eq!(DataFile::read(&folder.path().join("none.json")).unwrap_err().code(), "io");
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(DataFile::read(empty.path()).unwrap_err().code(), "missing-file");
    // sha256 of two bytes "{}".
    assert_eq!(file("x", "{}").sha256(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}
