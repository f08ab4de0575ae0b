//! Folders of both data sets and of the generated world, good files and bad ones.

use super::*;
use crate::data::Traps;
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
    let report = block_on(folder.scan(|file, annotation| {
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

/// Bad documents, the words an error has to hold, and the text of the line it has to point at.
fn bad_documents() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let whole = document(|_| {});
    let nan = String::from_utf8(whole.clone()).unwrap().replace("\"fps\": 30", "\"fps\": NaN");
    let missing = document(|d| {
        d.as_object_mut().unwrap().remove("width");
    });
    vec![
        (whole[..whole.len() / 2].to_vec(), "EOF", ""),
        (b"".to_vec(), "EOF", ""),
        (b"[]".to_vec(), "invalid length 0", "[]"),
        (nan.into_bytes(), "expected value", "\"fps\": NaN"),
        (missing, "missing field `width`", ""),
        (document(set("/video_id", json!(12))), "invalid type: integer `12`, expected a string", "\"video_id\": 12"),
        (document(set("/trajectories/2/0/bbox/xmax", json!("9"))), "invalid type: string", "\"xmax\": \"9\""),
        (document(set("/relation_instances/0/begin_fid", json!(-1))), "invalid value: integer `-1`", "-1"),
        (document(set("/relation_instances/0/begin_fid", json!(10))), "begin_fid 10 is not before end_fid 10", "{"),
        (document(set("/relation_instances/0/end_fid", json!(11))), "past the last of 10 frames", "{"),
        (document(set("/relation_instances/0/object_tid", json!(7))), "track id 7 is not in", "{"),
        (document(set("/trajectories/3/1/tid", json!(5))), "trajectories[3][1]: track id 5", "{"),
        (document(set("/trajectories/3/1/tid", json!(1))), "two boxes in frame 3", "{"),
        (document(set("/subject~1objects/1/tid", json!(0))), "track id 0 is given twice", "{"),
        (document(set("/trajectories/9/0/bbox/ymax", json!(11))), "outside of the frame of 20 x 10", "{"),
        (document(set("/trajectories/9/0/bbox/xmin", json!(-2))), "outside of the frame", "{"),
        (document(set("/trajectories/9/0/bbox/xmin", json!(20))), "ends before it begins", "{"),
        (document(set("/width", json!(0))), "width: 0 is no size", "\"width\": 0"),
        (document(set("/fps", json!(0))), "fps: 0 is no number of frames a second", "\"fps\": 0"),
    ]
}

#[test]
fn bad_documents_are_refused_with_line_and_reason() {
    for (bytes, reason, line) in bad_documents().into_iter() {
        let error = Annotation::parse(&bytes, "x.json").unwrap_err();
        let Error::InvalidJson { line: number, .. } = &error else { panic!("{error}") };
        assert!(error.to_string().contains(reason), "{error} lacks {reason}");
        let text = String::from_utf8(bytes).unwrap();
        let told = text.lines().nth(number.saturating_sub(1)).unwrap_or_default();
        assert!(told.contains(line), "{error}: line {number} is {told:?}");
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
    let report = block_on(lenient.scan(|_, _| Ok(()))).unwrap();
    assert_eq!((report.videos(), report.skipped.len()), (2, 1));
    let skipped = &report.skipped[0];
    assert_eq!(skipped.file, "drop/a/bad.json");
    assert!(skipped.line > 1 && skipped.reason.contains("track id 0 is given twice"), "{skipped:?}");
    assert_eq!((report.traps.id_differs_from_name, report.traps.relations_missing_boxes), (1, 1));
    options.strict = true;
    let strict = block_on(AnnotationFolder::open(&folder, options)).unwrap();
    assert_eq!(block_on(strict.scan(|_, _| Ok(()))).unwrap_err().code(), "invalid-json");
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
    fn no_damage_makes_the_reader_panic(at in 0_usize..6000, byte: u8, cut in 0_usize..6000) {
        let mut bytes = document(|_| {});
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Annotation::parse(&bytes, "x.json");
        bytes.truncate(cut);
        let _ = Annotation::parse(&bytes, "x.json");
    }
}
