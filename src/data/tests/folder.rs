//! Folders of both data sets and of the generated world, good files and bad ones.

use super::*;
use crate::data::Traps;
use crate::data::random_graph::random_graph;
use crate::event::Silent;
use crate::graph::{BoundingBox, VideoGraph};
use crate::source::{DiskFolder, MemoryFolder};
use crate::world::{Split, WorldClip, vidor_json};
use pollster::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn fixtures(folder: &str, merge_segments: MergeSegments) -> (ReadReport, BTreeMap<String, VideoGraph>) {
    let path = format!("{}/tests/fixtures/annotations/{folder}", env!("CARGO_MANIFEST_DIR"));
    let options = ReadOptions { merge_segments, strict: true };
    let folder = block_on(AnnotationFolder::open(DiskFolder::open(path).unwrap(), options)).unwrap();
    let mut graphs = BTreeMap::new();
    let report = block_on(folder.scan(&mut Silent, |file, annotation| {
        graphs.insert(file.to_owned(), annotation.graph);
        Ok(())
    }));
    (report.unwrap(), graphs)
}

#[test]
fn both_layouts_are_read_and_their_traps_counted() {
    let (report, graphs) = fixtures("", MergeSegments::Train);
    assert_eq!((report.vidvrd_videos, report.vidor_videos, report.relations), (1, 1, 8));
    assert!(report.skipped.is_empty() && report.unlisted_entities.is_empty() && report.unlisted_predicates.is_empty());
    let expected = Traps { tid_gaps: 1, number_like_ids: 1, merged_segments: 1, ..Traps::default() };
    assert_eq!(report.traps, expected);
    let vidor = &graphs["vidor/validation/1025/9999999999.json"];
    assert_eq!((vidor.video_id.as_str(), vidor.frame_count, vidor.fps), ("9999999999", 90, 29.970_029_970_029_97));
    // Pixels 10 to 49 and 20 to 79, both inclusive.
    assert_eq!(vidor.tracks[0].boxes[&0], BoundingBox { x0: 10.0, y0: 20.0, x1: 50.0, y1: 80.0 });
    assert_eq!(vidor.tracks[2].category, "ball/sports_ball");
    assert_eq!(vidor.tracks[2].boxes.keys().copied().collect::<Vec<_>>(), (10..80).collect::<Vec<_>>());
    let vidvrd = &graphs["vidvrd/train/ILSVRC2015_train_99999999.json"];
    assert_eq!(vidvrd.tracks.iter().map(|track| track.tid).collect::<Vec<_>>(), [0, 1, 3]);
    let left: Vec<_> = vidvrd.relations.iter().filter(|r| r.predicate == "left").collect();
    assert_eq!((left.len(), left[0].begin, left[0].end), (1, 0, 45));
}

#[test]
fn pieces_are_joined_where_the_setting_says() {
    for (folder, merge, joined) in [
        ("vidvrd/train", MergeSegments::Train, 1), // the split is the folder itself
        ("vidvrd", MergeSegments::Off, 0),
        ("vidor", MergeSegments::Always, 0),
    ] {
        assert_eq!(fixtures(folder, merge).0.traps.merged_segments, joined, "{folder} {merge:?}");
    }
    assert!(!MergeSegments::Train.applies(Dataset::VidVrd, "data/train/vidvrd/test/a.json"));
    assert!(!MergeSegments::Train.applies(Dataset::VidOr, "data/train/a.json"));
    assert!(MergeSegments::Always.applies(Dataset::VidOr, "a.json"));
    assert_eq!(MergeSegments::named("always").unwrap(), MergeSegments::Always);
    assert_eq!(MergeSegments::named("on").unwrap_err().code(), "unknown-name");
}

#[test]
fn the_world_is_read_back_as_it_was() {
    for index in 0..30 {
        let graph = WorldClip::generate(Split::Test, index).graph;
        let text = serde_json::to_vec_pretty(&vidor_json(&graph)).unwrap();
        let Annotation { dataset, graph: read, traps } = Annotation::parse(&text, "world.json").unwrap();
        // The layout has no place for attributes and manners.
        let mut expected = graph;
        expected.tracks.iter_mut().for_each(|track| track.attributes.clear());
        expected.relations.iter_mut().for_each(|relation| relation.manner = None);
        expected.relations.sort();
        assert_eq!((dataset, &read), (Dataset::VidOr, &expected), "clip {index}");
        assert_eq!((traps.clipped_boxes, traps.duplicate_relations, traps.frame_count_differs), (0, 0, 0));
    }
}

/// Ten frames of 20 x 10 pixels, two tracks, one relation; then changed.
fn document(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bbox = json!({ "xmin": 0, "ymin": 0, "xmax": 19, "ymax": 9 });
    let frame = json!([{ "tid": 1, "bbox": bbox, "generated": 1 }, { "tid": 0, "bbox": bbox, "generated": 0 }]);
    let mut document = json!({
        "video_id": "0012", "frame_count": 10, "fps": 30, "width": 20, "height": 10,
        "subject/objects": [{ "tid": 0, "category": "dog" }, { "tid": 1, "category": "cat" }],
        "trajectories": vec![frame; 10],
        "relation_instances": [
            { "subject_tid": 0, "object_tid": 1, "predicate": "chase", "begin_fid": 0, "end_fid": 10 },
        ],
    });
    change(&mut document);
    serde_json::to_vec_pretty(&document).unwrap()
}

fn set(path: &str, value: Value) -> impl FnOnce(&mut Value) {
    move |document| *document.pointer_mut(path).unwrap() = value
}

/// A document in which a text stands for another.
fn with(text: &str, other: &str) -> Vec<u8> {
    let whole = String::from_utf8(document(|_| {})).unwrap();
    assert!(whole.contains(text), "{text}");
    whole.replacen(text, other, 1).into_bytes()
}

/// Bad documents, the words an error has to hold, and a text that stands there alone: in the line that the error has to
/// point at, or in the object that begins there.
fn bad_documents() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let relation = |key: &str, value: Value| document(set(&format!("/relation_instances/0/{key}"), value));
    let last_box = |key: &str, value: Value| document(set(&format!("/trajectories/9/0/bbox/{key}"), value));
    vec![
        (b"[]".to_vec(), "invalid length 0", "[]"),
        (b"{} {}".to_vec(), "missing field `video_id`", "{}"),
        (with("\"fps\": 30", "\"fps\": NaN"), "expected value", "\"fps\": NaN"),
        (with("\"fps\": 30", "\"fps\": 1e999"), "number out of range", "\"fps\": 1e999"),
        (with("\"fps\": 30", "\"fps\": -5.5"), "fps: -5.5 is no number of frames a second", "\"fps\": -5.5"),
        (document(set("/fps", json!(0))), "fps: 0 is no number of frames a second", "\"fps\": 0"),
        (document(set("/fps", json!("30"))), "invalid type: string", "\"fps\": \"30\""),
        (document(set("/width", json!(0))), "width: 0 is no size", "\"width\": 0"),
        (document(set("/height", json!(-48))), "invalid value: integer `-48`", "\"height\": -48"),
        (document(set("/height", json!(4_000_000_000_u32))), "is no size", "\"height\": 4000000000"),
        (document(set("/video_id", json!(12))), "invalid type: integer `12`, expected a string", "\"video_id\": 12"),
        (document(set("/subject~1objects/1/tid", json!(0))), "track id 0 is given twice", "\"cat\""),
        (document(set("/subject~1objects/1/tid", json!(-3))), "invalid value: integer `-3`", "\"tid\": -3"),
        (document(set("/subject~1objects/1/category", Value::Null)), "invalid type: null", "\"category\": null"),
        (document(set("/relation_instances", json!(7))), "invalid type: integer `7`", "\"relation_instances\": 7"),
        (document(set("/trajectories", json!("none"))), "invalid type: string", "\"trajectories\": \"none\""),
        (document(set("/trajectories/2/0/bbox/xmax", json!("9"))), "invalid type: string", "\"xmax\": \"9\""),
        (document(set("/trajectories/2/0/bbox/xmax", json!(9.5))), "invalid type: floating point", "\"xmax\": 9.5"),
        (document(set("/trajectories/3/1/tid", json!(5))), "trajectories[3][1]: track id 5", "\"tid\": 5"),
        (document(set("/trajectories/3/0/tid", json!(0))), "two boxes in frame 3", "\"generated\": 0"),
        (last_box("ymax", json!(11)), "outside of the frame of 20 x 10", "\"ymax\": 11"),
        (last_box("xmin", json!(-2)), "outside of the frame", "\"xmin\": -2"),
        (last_box("xmin", json!(20)), "ends before it begins", "\"xmin\": 20"),
        (last_box("ymin", json!(i32::MIN)), "outside of the frame", "\"ymin\": -2147483648"),
        (last_box("ymin", json!(5_000_000_000_u64)), "invalid value: integer", "\"ymin\": 5000000000"),
        (with("\"xmax\": 19", "\"xmax\": NaN"), "expected value", "\"xmax\": NaN"),
        (with("\"begin_fid\": 0", "\"begin_fid\": NaN"), "expected value", "\"begin_fid\": NaN"),
        (relation("begin_fid", json!(-1)), "invalid value: integer `-1`", "\"begin_fid\": -1"),
        (relation("begin_fid", json!(10)), "begin_fid 10 is not before end_fid 10", "\"begin_fid\": 10"),
        (relation("end_fid", json!(0)), "begin_fid 0 is not before end_fid 0", "\"end_fid\": 0"),
        (relation("end_fid", json!(11)), "past the last of 10 frames", "\"end_fid\": 11"),
        (relation("object_tid", json!(7)), "relation_instances[0]: track id 7 is not in", "\"object_tid\": 7"),
        (relation("subject_tid", json!(8)), "relation_instances[0]: track id 8 is not in", "\"subject_tid\": 8"),
        (relation("predicate", json!(["chase"])), "invalid type: sequence", "\"predicate\": ["),
    ]
}

/// Line of an error of a bad file, which its message names too.
fn line_of(error: &Error, file: &str) -> usize {
    let Error::InvalidJson { line, .. } = error else { panic!("{error}") };
    let message = error.to_string();
    assert!(message.contains(file) && message.contains(&format!("line {line}, ")), "{message}");
    *line
}

#[test]
fn bad_documents_are_refused_with_line_and_reason() {
    for (bytes, reason, place) in bad_documents() {
        let error = Annotation::parse(&bytes, "x.json").unwrap_err();
        let line = line_of(&error, "x.json");
        assert!(error.to_string().contains(reason), "{error} lacks {reason}");
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let own = lines[line - 1];
        // An object begins with a bracket of its own and ends at the same depth.
        let depth = own.len() - own.trim_start().len();
        let ends = |other: &&str| other.len() - other.trim_start().len() <= depth;
        let length =
            if own.trim() == "{" { 1 + lines[line..].iter().take_while(|other| !ends(other)).count() } else { 1 };
        let told = lines[line - 1..line - 1 + length].join("\n");
        assert!(told.contains(place), "{error}: {told:?} lacks {place:?}");
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused_at_its_end() {
    let whole = document(|_| {});
    let missing = document(|d| {
        d.as_object_mut().unwrap().remove("width");
    });
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
    for end in (1..whole.len() - 1).step_by(97) {
        let error = Annotation::parse(&whole[..end], "x.json").unwrap_err();
        let line = line_of(&error, "x.json");
        assert!(error.to_string().contains("EOF while parsing"), "{error}");
        assert!((lines(&whole[..end])..=lines(&whole[..end]) + 1).contains(&line), "{error}");
    }
    assert_eq!(line_of(&Annotation::parse(b"", "x.json").unwrap_err(), "x.json"), 1);
    let error = Annotation::parse(&missing, "x.json").unwrap_err();
    assert!(error.to_string().contains("missing field `width`"), "{error}");
    assert_eq!(line_of(&error, "x.json"), lines(&missing), "the object's end");
}

#[test]
fn every_bad_file_of_a_folder_is_told_with_path_line_and_reason() {
    let bad = bad_documents();
    let files = bad.iter().enumerate().map(|(at, (bytes, ..))| (format!("{at:02}.json"), bytes.clone()));
    let mut files: BTreeMap<String, Vec<u8>> = files.collect();
    files.insert("0012.json".to_owned(), document(|_| {}));
    let folder = MemoryFolder::new("drop", files.clone());
    let folder = block_on(AnnotationFolder::open(folder, ReadOptions::default())).unwrap();
    let mut visited = Vec::new();
    let report = block_on(folder.scan(&mut Silent, |file, _| {
        visited.push(file.to_owned());
        Ok(())
    }));
    let report = report.unwrap();
    assert_eq!((visited, report.videos(), report.skipped.len()), (vec!["0012.json".to_owned()], 1, bad.len()));
    for (at, (skipped, (_, reason, _))) in report.skipped.iter().zip(&bad).enumerate() {
        assert_eq!(skipped.file, format!("drop/{at:02}.json"));
        assert!(skipped.line > 0 && skipped.reason.contains(reason), "{skipped:?}");
    }
    files.retain(|file, _| file != "0012.json");
    for (file, bytes) in files {
        let one = MemoryFolder::new("drop", BTreeMap::from([(file.clone(), bytes)]));
        let options = ReadOptions { strict: true, ..ReadOptions::default() };
        let strict = block_on(AnnotationFolder::open(one, options)).unwrap();
        let error = block_on(strict.scan(&mut Silent, |_, _| panic!("{file} is bad"))).unwrap_err();
        assert!(line_of(&error, &format!("drop/{file}")) > 0, "{error}");
    }
}

#[test]
fn a_bad_file_is_reported_and_skipped_or_ends_a_strict_reading() {
    let twice = document(set("/subject~1objects/1/tid", json!(0)));
    let files = BTreeMap::from([
        ("a/0012.json".to_owned(), document(|_| {})),
        ("a/bad.json".to_owned(), twice),
        ("a/other.json".to_owned(), document(set("/trajectories/0", json!([])))),
        ("a/.hidden.json".to_owned(), b"{".to_vec()),
        ("world_1.captions.json".to_owned(), b"{}".to_vec()),
        ("a/clip.mp4".to_owned(), Vec::new()),
    ]);
    let folder = MemoryFolder::new("drop", files);
    let mut options = ReadOptions::default();
    let lenient = block_on(AnnotationFolder::open(&folder, options)).unwrap();
    assert_eq!(lenient.files(), ["a/0012.json", "a/bad.json", "a/other.json"]);
    let mut told = Vec::new();
    let report = block_on(lenient.scan(&mut |event| told.push(event), |_, _| Ok(()))).unwrap();
    assert_eq!((report.videos(), report.skipped.len()), (2, 1));
    // Files that are refused count: the bar comes to its end.
    let progress = |done| Event::Progress { stage: "graphs", done, total: 3 };
    assert_eq!(told, [0, 1, 2, 3].map(progress));
    let skipped = &report.skipped[0];
    assert_eq!(skipped.file, "drop/a/bad.json");
    assert!(skipped.line > 1 && skipped.reason.contains("track id 0 is given twice"), "{skipped:?}");
    assert_eq!((report.traps.id_differs_from_name, report.traps.relations_missing_boxes), (1, 1));
    options.strict = true;
    let strict = block_on(AnnotationFolder::open(&folder, options)).unwrap();
    assert_eq!(block_on(strict.scan(&mut Silent, |_, _| Ok(()))).unwrap_err().code(), "invalid-json");
    let empty = block_on(AnnotationFolder::open(MemoryFolder::default(), options)).unwrap_err();
    assert_eq!(empty.code(), "missing-file");
}

#[test]
fn what_is_odd_is_used_and_counted() {
    let parse = |change: fn(&mut Value)| Annotation::parse(&document(change), "0012.json").unwrap();
    let plain = parse(|_| {});
    assert_eq!(plain.traps, Traps { number_like_ids: 1, ..Traps::default() });
    assert_eq!(plain.graph.video_id, "0012");
    assert_eq!(plain.graph.relations.len(), 1);
    let odd = parse(|d| {
        d["frame_count"] = json!(12);
        d["trajectories"][4][0]["bbox"]["xmax"] = json!(20);
        let again = d["relation_instances"][0].clone();
        d["relation_instances"].as_array_mut().unwrap().push(again);
        d["subject/objects"].as_array_mut().unwrap().push(json!({ "tid": 9, "category": "unicorn" }));
    });
    assert_eq!(odd.graph.frame_count, 10);
    assert_eq!(odd.graph.tracks[1].boxes[&4], plain.graph.tracks[1].boxes[&4]);
    let expected = Traps {
        number_like_ids: 1,
        frame_count_differs: 1,
        clipped_boxes: 1,
        duplicate_relations: 1,
        tid_gaps: 1,
        unseen_tracks: 1,
        ..Traps::default()
    };
    assert_eq!(odd.traps, expected);
    let marked = [b"\xef\xbb\xbf".as_slice(), &document(|_| {})].concat();
    assert_eq!(Annotation::parse(&marked, "0012.json").unwrap(), plain);
}

proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic_or_silent(at in 0_usize..6000, byte: u8, cut in 0_usize..6000) {
        let mut bytes = document(|_| {});
        let at = at % bytes.len();
        bytes[at] = byte;
        for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
            if let Err(error) = Annotation::parse(bytes, "x.json") {
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
                prop_assert!((1..=lines).contains(&line_of(&error, "x.json")), "{error}");
            }
        }
    }

    #[test]
    fn any_graph_is_read_back_whatever_the_order_of_its_lists(mut graph in random_graph()) {
        graph.tracks.iter_mut().for_each(|track| track.attributes.clear());
        let mut json = vidor_json(&graph);
        let read = |json: &Value| Annotation::parse(json.to_string().as_bytes(), "x.json").unwrap();
        let straight = read(&json);
        prop_assert_eq!(&straight.graph, &graph);
        for key in ["subject/objects", "relation_instances"] {
            json[key].as_array_mut().unwrap().reverse();
        }
        for frame in json["trajectories"].as_array_mut().unwrap() {
            frame.as_array_mut().unwrap().reverse();
        }
        prop_assert_eq!(read(&json), straight);
    }
}
