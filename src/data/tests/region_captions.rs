//! Files of captions, good lines and bad ones, and what they make of a folder.

use super::*;
use crate::data::{AnnotationFolder, GraphSample, ReadOptions, SampleRules, Traps};
use crate::event::Silent;
use crate::graph::{BoundingBox, Track};
use crate::source::MemoryFolder;
use crate::world::{Split, WorldClip, vidor_json};
use pollster::block_on;
use serde_json::json;
use std::sync::Arc;

fn line(video: &str, frame: u32, track: u32, caption: &str) -> String {
    json!({ "video": video, "frame": frame, "track": track, "caption": caption }).to_string() + "\n"
}

fn read(text: &[u8], strict: bool) -> Result<RegionCaptions> {
    let mut captions = RegionCaptions { file: "regions.jsonl".to_owned(), strict, ..RegionCaptions::default() };
    captions.read(text, &AttributeTagger::new(Negatives::built_in()), &Abort::default())?;
    Ok(captions)
}

/// Two tracks seen in frames 0 to 9, the first not in frame 5.
fn graph() -> VideoGraph {
    let whole = BoundingBox { x0: 0.0, y0: 0.0, x1: 9.0, y1: 9.0 };
    let track = |tid: u32| Track {
        tid,
        category: "dog".to_owned(),
        attributes: BTreeMap::new(),
        boxes: (0..10).filter(|frame| tid != 0 || *frame != 5).map(|frame| (frame, whole)).collect(),
    };
    VideoGraph {
        video_id: "0012".to_owned(),
        frame_count: 10,
        fps: 30.0,
        width: 9,
        height: 9,
        tracks: vec![track(0), track(4)],
        relations: Vec::new(),
    }
}

fn words(graph: &VideoGraph) -> Vec<Vec<(&str, &str)>> {
    let of = |track: &Track| -> Vec<(&str, &str)> {
        graph.track(track.tid).unwrap().attributes.iter().map(|(kind, word)| (kind.as_str(), word.as_str())).collect()
    };
    graph.tracks.iter().map(of).collect()
}

#[test]
fn frames_vote_for_each_track_whatever_the_order_of_the_lines() {
    let mut lines = [
        line("0012", 0, 0, "a small brown dog"),
        line("0012", 1, 0, "a black dog wearing a red collar"),
        line("0012", 2, 0, "the dog is black"),
        line("0012", 3, 0, "a large dog"), // against "small", told earlier
        line("0012", 4, 0, "an animal on the grass"),
        line("0012", 0, 4, "a black and white dog"),
        line("0012", 1, 4, "a white and black dog on the left"),
        line("0012", 2, 4, "a white dog"),
        line("13", 2, 4, "a green dog"),
    ];
    for turn in 0..lines.len() {
        lines.rotate_left(turn);
        let captions = read(lines.concat().as_bytes(), true).unwrap();
        assert_eq!((captions.report().captions, captions.report().telling), (9, 8));
        let mut graph = graph();
        assert!(captions.describe("a.json", &mut graph).unwrap().is_empty());
        assert_eq!(words(&graph), [vec![("color", "black"), ("size", "small")], vec![("position", "left")]]);
    }
}

#[test]
fn bad_lines_are_reported_with_their_number_or_end_a_strict_reading() {
    let good = line("0012", 0, 0, "a brown dog");
    let bad: [(&[u8], &str); 11] = [
        (b"{\"video\": \"0012\", \"frame\": 1, \"track\": 0, \"capt", "EOF while parsing"),
        (b"nonsense", "expected ident"),
        (b"[1, 2]", "invalid type: integer `1`, expected a"),
        (b"{\"video\": 12, \"frame\": 1, \"track\": 0, \"caption\": \"x\"}", "invalid type: integer `12`, expected a"),
        (b"{\"video\": \"0012\", \"frame\": \"1\", \"track\": 0, \"caption\": \"x\"}", "invalid type: string \"1\""),
        (b"{\"video\": \"0012\", \"frame\": -1, \"track\": 0, \"caption\": \"x\"}", "invalid value: integer `-1`"),
        (b"{\"video\": \"0012\", \"frame\": NaN, \"track\": 0, \"caption\": \"x\"}", "expected value"),
        (
            b"{\"video\": \"0012\", \"frame\": 1.5, \"track\": 0, \"caption\": \"x\"}",
            "invalid type: floating point `1.5`",
        ),
        (b"{\"video\": \"0012\", \"frame\": 1, \"caption\": \"x\"}", "missing field `track`"),
        (b"{\"video\": \"0012\", \"frame\": 1, \"track\": 0, \"caption\": \" \"}", "\"caption\" is blank"),
        (b"{\"video\": \"0012\", \"frame\": 1, \"track\": 0, \"caption\": \"\xff\"}", "invalid unicode"),
    ];
    let mut text = Vec::new();
    for (line, _) in &bad {
        text.extend([good.as_bytes(), b"\r\n", *line, b"\n"].concat());
    }
    let captions = read(&text, false).unwrap();
    assert_eq!(captions.report().captions, bad.len() as u64);
    assert_eq!(captions.report().skipped.len(), bad.len());
    for (at, (skipped, (line, reason))) in captions.report().skipped.iter().zip(&bad).enumerate() {
        assert_eq!((skipped.file.as_str(), skipped.line), ("regions.jsonl", 3 * at + 3), "{skipped:?}");
        assert!(skipped.reason.contains(reason) && !skipped.reason.contains("at line 1"), "{skipped:?}");
        let error = read(&[good.as_bytes(), line].concat(), true).unwrap_err();
        assert!(matches!(error, Error::InvalidJson { line: 2, .. }), "{error}");
        assert!(error.to_string().contains("regions.jsonl") && error.to_string().contains(reason), "{error}");
    }
    let marked = [b"\xef\xbb\xbf", good.as_bytes()].concat();
    assert_eq!(read(&marked, true).unwrap().report().captions, 1);
}

#[test]
fn captions_that_fit_no_box_are_left_out_and_told() {
    let text = line("0012", 0, 0, "a brown dog")
        + &line("0012", 5, 0, "a small red dog") // no box there
        + &line("0012", 10, 4, "a red dog") // past the end
        + &line("0012", 1, 3, "a dog") // no such track
        + &line("elsewhere", 1, 3, "a red dog");
    let lenient = read(text.as_bytes(), false).unwrap();
    let mut described = graph();
    let left_out = lenient.describe("a.json", &mut described).unwrap();
    let told: Vec<(usize, &str)> = left_out.iter().map(|left| (left.line, left.reason.as_str())).collect();
    let expected = [
        (2, "track 0 of video 0012 has no box in frame 5"),
        (3, "track 4 of video 0012 has no box in frame 10"),
        (4, "video 0012 has no track 3"),
    ];
    assert_eq!(told, expected);
    assert_eq!(words(&described), [vec![("color", "brown")], vec![]]);
    let known = BTreeSet::from(["0012".to_owned()]);
    let left = lenient.left_over(&known).unwrap();
    assert_eq!((left.line, left.reason.as_str()), (5, "no annotation of video \"elsewhere\" was read"));
    assert_eq!(lenient.left_over(&BTreeSet::from(["0012".to_owned(), "elsewhere".to_owned()])), None);
    let error = read(text.as_bytes(), true).unwrap().describe("a.json", &mut graph()).unwrap_err();
    assert!(matches!(error, Error::InvalidJson { line: 2, .. }), "{error}");
}

/// What a perfect captioner says of a track of the world.
fn caption(track: &Track) -> String {
    let size = match track.attributes["size"].as_str() {
        "medium" => "medium-sized",
        size => size,
    };
    format!("a {size} {} {}", track.attributes["color"], track.category)
}

#[test]
fn a_folder_with_captions_gives_the_texts_of_a_graph_with_attributes() {
    let graphs: Vec<VideoGraph> = (0..30).map(|index| WorldClip::generate(Split::Train, index).graph).collect();
    let mut files = BTreeMap::new();
    let mut text = String::new();
    for graph in &graphs {
        files.insert(format!("{}.json", graph.video_id), vidor_json(graph).to_string().into_bytes());
        for track in &graph.tracks {
            let frames = track.boxes.keys();
            text.extend(frames.map(|frame| line(&graph.video_id, *frame, track.tid, &caption(track))));
        }
    }
    let path = tempfile::NamedTempFile::new().unwrap();
    let open = |text: &str, strict| {
        std::fs::write(path.path(), text).unwrap();
        let captions = RegionCaptions::open(path.path(), Negatives::built_in(), strict, &Abort::default()).unwrap();
        let options = ReadOptions { strict, ..ReadOptions::default() };
        let folder = block_on(AnnotationFolder::open(MemoryFolder::new("world", files.clone()), options)).unwrap();
        folder.with_attributes(Arc::new(captions))
    };
    let folder = open(&text, true);
    let (rules, mut negatives) = (SampleRules::new(8), 0);
    let report = block_on(folder.scan(&mut Silent, |_, annotation| {
        let truth = graphs.iter().find(|graph| graph.video_id == annotation.graph.video_id).unwrap();
        for (got, truth) in annotation.graph.tracks.iter().zip(&truth.tracks) {
            assert_eq!((got.tid, &got.attributes), (truth.tid, &truth.attributes), "{}", caption(truth));
        }
        let texts = |graph| GraphSample::draw(graph, &rules, 3).map(|sample| sample.texts);
        let told = texts(&annotation.graph);
        assert_eq!(told, texts(truth));
        negatives += usize::from(told.is_some_and(|texts| texts.attribute.is_some()));
        Ok(())
    }));
    let report = report.unwrap();
    assert!(report.tracks > 60 && report.described_tracks == report.tracks && negatives > 5, "{negatives}");
    // One caption without its box, one without its video.
    let stray = line(&graphs[0].video_id, 99, 0, "a red fox") + &line("none", 0, 0, "a red fox");
    let lenient = open(&(stray.clone() + &text), false);
    let report = block_on(lenient.scan(&mut Silent, |_, _| Ok(()))).unwrap();
    assert_eq!(report.skipped_captions.iter().map(|skipped| skipped.line).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(report.traps.misplaced_captions, 1);
    assert!(report.traps != Traps::default() && report.skipped.is_empty());
    for (strays, line) in [(&stray[..], 1), (stray.split_inclusive('\n').nth(1).unwrap(), 1)] {
        let error = block_on(open(&(strays.to_owned() + &text), true).scan(&mut Silent, |_, _| Ok(()))).unwrap_err();
        assert!(matches!(error, Error::InvalidJson { line: at, .. } if at == line), "{error}");
    }
}
