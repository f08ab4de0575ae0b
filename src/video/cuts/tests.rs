use super::hsv::HsvTables;
use super::*;
use crate::video::{Frames, MemorySource, VideoInfo, decode};
use serde_json::Value;
use std::path::Path;

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/pyscenedetect/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn pixel(value: &Value) -> [u8; 3] {
    let channel = |at: usize| u8::try_from(number(&value[at])).unwrap();
    [channel(0), channel(1), channel(2)]
}

/// `[[first, end], …]`; the package lists no scene where there is no cut.
fn pairs(scenes: &[Range<usize>]) -> Value {
    let pairs: Vec<_> = scenes.iter().map(|scene| [scene.start, scene.end]).collect();
    if pairs.len() > 1 { serde_json::json!(pairs) } else { serde_json::json!([]) }
}

/// The golden case's frames, by the file's own formula.
fn drawn(case: &Value) -> MemorySource {
    let (width, height) = (number(&case["width"]), number(&case["height"]));
    let mut data = Vec::new();
    for (s, length) in case["scene_lengths"].as_array().unwrap().iter().enumerate() {
        for k in 0..number(length) {
            for y in 0..height {
                for x in k..k + width {
                    let red = 2 * x + y * y / 7 + 151 * s;
                    let green = x * x / 5 + 11 * y + 101 * s;
                    let blue = 7 * x + 3 * y + 53 * s;
                    data.extend([red, green, blue].map(|level| (level % 256) as u8));
                }
            }
        }
    }
    MemorySource::new(Frames::new(width, height, data).unwrap(), case["fps"].as_f64())
}

#[test]
fn colours_equal_opencv_s() {
    let golden = golden("golden_bgr2hsv");
    let (bgr, hsv) = (golden["bgr"].as_array().unwrap(), golden["hsv"].as_array().unwrap());
    assert_eq!(bgr.len(), 64);
    let tables = HsvTables::new();
    for (bgr, hsv) in bgr.iter().zip(hsv) {
        let [b, g, r] = pixel(bgr);
        assert_eq!(tables.convert([r, g, b]), pixel(hsv), "{bgr}");
    }
}

#[test]
fn scores_and_scenes_equal_pyscenedetect_s() {
    let golden = golden("golden_content_detector");
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let (scenes, scores) = scenes(&mut drawn(case), CutRule::default(), &Abort::default()).unwrap();
        assert_eq!(pairs(&scenes), case["scene_list"], "{}", case["name"]);
        let expected = case["content_val"].as_array().unwrap();
        assert_eq!(scores.len(), expected.len());
        for (at, (score, expected)) in scores.iter().zip(expected).enumerate() {
            // The file has nine digits, and null for the first frame.
            let off = (score - expected.as_f64().unwrap_or(0.0)).abs();
            assert!(off < 1e-9, "{}, frame {at}: off by {off}", case["name"]);
        }
    }
}

/// Scores of the package on frames that OpenCV decoded; ours come out of another decoder, so they are near, not equal. Their
/// makers' script (tests/scenedetect/check.py) compares equal pixels too.
#[test]
fn real_clips_score_as_in_pyscenedetect() {
    let golden = golden("real_clips");
    let clips = golden["clips"].as_object().unwrap();
    assert_eq!(clips.len(), 5);
    for (name, expected) in clips {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/videos").join(name);
        let mut clip = decode::open_one(&path, &Abort::default()).unwrap();
        let (scenes, scores) = scenes(clip.as_mut(), CutRule::default(), &Abort::default()).unwrap();
        assert_eq!(pairs(&scenes), expected["scene_list"], "{name}");
        let expected: Vec<f64> =
            expected["content_val"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert_eq!(scores.len(), expected.len(), "{name}");
        let off: Vec<f64> = scores.iter().zip(&expected).map(|(a, b)| (a - b).abs()).collect();
        let (worst, mean) = (off.iter().copied().fold(0.0, f64::max), off.iter().sum::<f64>() / off.len() as f64);
        assert!(worst < TOLERANCE && mean < TOLERANCE / 4.0, "{name}: off by {worst}, on average by {mean}");
    }
}

/// Levels of 255.
const TOLERANCE: f64 = 1.0;

#[test]
fn a_rule_that_nothing_could_meet_is_refused() {
    for threshold in [-1.0, 256.0, f64::NAN] {
        assert_eq!(CutRule { threshold, ..CutRule::default() }.validate().unwrap_err().code(), "invalid-input");
    }
}

#[test]
fn without_a_minimum_every_high_score_is_a_cut() {
    let mut merger = Merger::new(0);
    let cuts: Vec<usize> = (0..4).filter_map(|frame| merger.next(frame, frame != 2)).collect();
    assert_eq!(cuts, [0, 1, 3]);
}

#[test]
fn it_stops_on_request() {
    let abort = Abort::default();
    abort.request();
    let mut clip = MemorySource::new(Frames::new(1, 1, vec![0; 9]).unwrap(), None);
    assert_eq!(clip.info(), VideoInfo { frame_count: 3, fps: None, width: 1, height: 1 });
    assert_eq!(scenes(&mut clip, CutRule::default(), &abort).unwrap_err().code(), "aborted");
}
