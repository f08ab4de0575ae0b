//! Runs on folders: real videos, encoded here, with manifest and VidOR annotations of the generated world.

use super::*;
use crate::data::prefetch::SkippedVideo;
use crate::data::{BadVideo, VideoText};
use crate::event::{Abort, Event, Silent};
use crate::train::source::Source;
use crate::train::tests::tiny_scenes;
use crate::video::encode::{self, Codec};
use crate::video::preprocess;
use crate::world::{FPS, FRAMES, HEIGHT, Split, WIDTH, WorldClip, vidor_json};
use burn::tensor::Device;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

const PAIRS: u64 = 10;
const ANNOTATED: u64 = 5;

/// `pairs.jsonl` beside its videos in `clips`, annotations and their videos in `annotated`.
struct Data(TempDir);

/// Its files by name, encoded once for all tests.
static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut files = Vec::new();
    let mut manifest = String::new();
    for index in 0..PAIRS {
        let clip = WorldClip::generate(Split::Train, index);
        files.push((format!("clips/p{index}.mkv"), encoded(&clip)));
        let pair = VideoText { video: format!("p{index}.mkv"), caption: clip.caption() };
        manifest += &format!("{}\n", serde_json::to_string(&pair).unwrap());
    }
    files.push(("clips/pairs.jsonl".to_owned(), manifest.into_bytes()));
    for index in 0..ANNOTATED {
        let clip = WorldClip::generate(Split::Train, 100 + index);
        let name = &clip.graph.video_id;
        files.push((format!("annotated/{name}.mkv"), encoded(&clip)));
        files.push((format!("annotated/{name}.json"), vidor_json(&clip.graph).to_string().into_bytes()));
    }
    files
});

/// A video of the clip, as ffmpeg writes it.
fn encoded(clip: &WorldClip) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mkv");
    let frames = clip.render(&(0..FRAMES).collect::<Vec<_>>());
    let frames = (0..frames.count()).map(|index| frames.frame(index));
    encode::write(&path, Codec::of(&path).unwrap(), (WIDTH, HEIGHT), FPS as f64, frames, &Abort::default()).unwrap();
    std::fs::read(path).unwrap()
}

impl Data {
    fn write() -> Self {
        let data = Self(tempfile::tempdir().unwrap());
        for folder in ["clips", "annotated"] {
            std::fs::create_dir(data.at(folder)).unwrap();
        }
        for (name, bytes) in FILES.iter() {
            std::fs::write(data.at(name), bytes).unwrap();
        }
        data
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> TrainConfig {
        let data = DataConfig {
            manifest: Some(self.at("clips/pairs.jsonl")),
            annotations: Some(self.at("annotated")),
            workers: 2,
            ..DataConfig::default()
        };
        TrainConfig { data, batch: 3, scenes: 2, log_every: 1, ..tiny_scenes() }
    }

    fn run(&self, config: &TrainConfig, output: &str, resume: bool, events: &mut impl FnMut(Event)) -> Outcome {
        let output = self.at(output);
        run(&RunOptions { config, base: None, output: &output, resume }, &Device::flex(), events, &Abort::default())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.at(name)).unwrap()).unwrap()
    }

    /// The lines of a run's log, times left out.
    fn log(&self, run: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.at(run).join("log.jsonl")).unwrap();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("seconds");
            line
        };
        text.lines().map(line).collect()
    }

    fn assert_same(&self, one: &str, other: &str) {
        let weights = |run: &str| std::fs::read(self.at(run).join("model.safetensors")).unwrap();
        assert!(weights(one) == weights(other), "{one} and {other} differ");
        assert_eq!(self.log(one), self.log(other));
    }
}

type Outcome = crate::Result<Finished>;

#[test]
fn a_step_sees_the_pairs_and_the_annotated_videos() {
    let data = Data::write();
    let config = TrainConfig { mask_ratio: 0.5, accumulate: 2, ..data.config() };
    let trainer = Trainer::new(config.clone(), None, &Device::flex()).unwrap();
    let mut source = Source::open(&trainer, None, &mut Silent, &Abort::default()).unwrap();
    let before = source.position();
    let batches = source.draw(&trainer).unwrap();
    assert_eq!((batches.len(), source.position()), (2, before));
    let clip = 2 * 3 * 32 * 32;
    let captions: BTreeMap<String, u64> =
        (0..PAIRS).map(|index| (WorldClip::generate(Split::Train, index).caption(), index)).collect();
    let preprocess = trainer.preprocess();
    for batch in &batches {
        let [round] = &batch.rounds[..] else { panic!("{:?}", batch.rounds) };
        assert_eq!((round.positives.len(), round.negatives.len(), batch.scenes.len()), (3, 0, 2));
        assert_eq!((batch.pixels.len(), batch.keep.as_ref().unwrap().len()), (5 * clip, 5 * 16));
        // FFV1 keeps every pixel: two of the clip's frames, whichever the seed took.
        for (caption, pixels) in round.positives.iter().zip(batch.pixels.chunks(clip)) {
            let world = WorldClip::generate(Split::Train, captions[caption]);
            let whole = preprocess::pixels(&world.render(&(0..FRAMES).collect::<Vec<_>>()), preprocess);
            let all: Vec<&[f32]> = whole.chunks(clip / 2).collect();
            assert!(pixels.chunks(clip / 2).all(|frame| all.iter().any(|other| near(other, frame))), "{caption}");
        }
        for (sample, pixels) in batch.scenes.iter().zip(batch.pixels.chunks(clip).skip(3)) {
            let mut worlds = (0..ANNOTATED).map(|index| WorldClip::generate(Split::Train, 100 + index));
            let world = worlds.find(|clip| clip.graph.video_id == sample.video_id).unwrap();
            let frames: Vec<usize> = sample.frames.iter().map(|frame| *frame as usize).collect();
            assert!(near(&preprocess::pixels(&world.render(&frames), preprocess), pixels), "{}", sample.video_id);
        }
    }
    assert!(source.step_done().is_empty());
    assert_ne!(source.position(), before);
}

/// The video's colours go through YUV and back.
fn near(a: &[f32], b: &[f32]) -> bool {
    let off: f32 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
    a.len() == b.len() && off / (a.len() as f32) < 0.05
}

#[test]
fn a_run_that_was_stopped_gives_the_numbers_of_one_that_was_not() {
    let data = Data::write();
    let config = TrainConfig { validate_every: 2, validation_clips: 3, keep_best: true, steps: 5, ..data.config() };
    let finished = data.run(&config, "one", false, &mut |_| ()).unwrap();
    assert!(finished.tables.is_empty() && finished.report.contains("| text to video |"), "{}", finished.report);
    let results = data.json("one/results.json");
    assert_eq!((&results["data"]["pairs"], &results["data"]["held_out_pairs"]), (&7.into(), &3.into()));
    assert_eq!(results["held_out"]["text_to_video"]["pessimistic"]["at_1"]["total"], 3);
    let record = data.json("one/run.json");
    assert_eq!(record["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["annotations", "manifest"]);
    assert_eq!(record["parts"][0]["videos"], results["data"]["videos"]);

    // Stopped after each step, and taken up by other numbers of threads, with and without a cache.
    let mut config = config;
    for part in 0..5 {
        let abort = Abort::default();
        let mut stop = |event: Event| {
            if let Event::Progress { stage: "train", done, .. } = event {
                assert_eq!(done, part + 1);
                abort.request();
            }
        };
        config.data.workers = 1 + part as usize;
        config.data.cache = (part % 2 == 1).then(|| data.at("cache"));
        let options = RunOptions { config: &config, base: None, output: &data.at("two"), resume: part > 0 };
        assert_eq!(run(&options, &Device::flex(), &mut stop, &abort).unwrap_err().code(), "aborted");
    }
    data.run(&config, "two", true, &mut |_| ()).unwrap();
    data.assert_same("one", "two");
    assert_eq!(data.json("two/results.json")["held_out"], results["held_out"]);
}

#[test]
fn other_data_is_no_run_to_go_on_with() {
    let data = Data::write();
    let config = data.config();
    let abort = Abort::default();
    let options = RunOptions { config: &config, base: None, output: &data.at("run"), resume: false };
    let mut stop = |event: Event| {
        if matches!(event, Event::Progress { stage: "train", done: 2, .. }) {
            abort.request();
        }
    };
    run(&options, &Device::flex(), &mut stop, &abort).unwrap_err();
    let manifest = std::fs::read_to_string(data.at("clips/pairs.jsonl")).unwrap();
    std::fs::write(data.at("clips/pairs.jsonl"), manifest.replacen("the", "a", 1)).unwrap();
    let error = data.run(&config, "run", true, &mut |_| ()).unwrap_err();
    assert!(error.code() == "different-run" && error.to_string().contains("data \"manifest\""), "{error}");
    std::fs::write(data.at("clips/pairs.jsonl"), manifest).unwrap();
    let other = TrainConfig { batch: 2, ..config.clone() };
    let error = data.run(&other, "run", true, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("batch (there 3, now 2)"), "{error}");
    // A video that was written anew is told, no more: it may have been put right.
    std::fs::write(data.at("clips/p0.mkv"), encoded(&WorldClip::generate(Split::Test, 3))).unwrap();
    let mut notices = Vec::new();
    let mut listen = |event: Event| {
        if let Event::Notice { code, .. } = event {
            notices.push(code);
        }
    };
    data.run(&config, "run", true, &mut listen).unwrap();
    assert_eq!(notices, ["videos-changed"]);
}

/// Half of a video: its container is whole no more.
fn damage(path: &Path) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    std::fs::write(path, &whole[..200]).unwrap();
    whole
}

#[test]
fn a_bad_video_ends_the_run_which_goes_on_once_it_is_put_right() {
    let data = Data::write();
    let config = TrainConfig { checkpoint_every: 0, ..data.config() };
    data.run(&config, "good", false, &mut |_| ()).unwrap();
    // Steps see 3 of 10 pairs: one that comes up in the third step.
    let trainer = Trainer::new(config.clone(), None, &Device::flex()).unwrap();
    let mut source = Source::open(&trainer, None, &mut Silent, &Abort::default()).unwrap();
    let drawn: Vec<String> =
        (0..3).map(|_| source.draw(&trainer).unwrap()[0].rounds[0].positives[0].clone()).collect();
    drop(source);
    let index = (0..PAIRS).find(|index| WorldClip::generate(Split::Train, *index).caption() == drawn[2]).unwrap();
    let path = data.at(&format!("clips/p{index}.mkv"));
    let whole = damage(&path);
    let error = data.run(&config, "bad", false, &mut |_| ()).unwrap_err();
    assert!(error.code() == "bad-clip" && error.to_string().contains(&format!("p{index}.mkv")), "{error}");
    let record = data.json("bad/run.json");
    assert_eq!(record["parts"][0]["outcome"], "bad-clip");
    assert_eq!(Checkpoint::read(&data.at("bad/training.safetensors")).unwrap().step, 2);
    std::fs::write(&path, whole).unwrap();
    data.run(&config, "bad", true, &mut |_| ()).unwrap();
    data.assert_same("good", "bad");
    assert_eq!(data.json("bad/run.json")["parts"][1]["first_step"], 2);

    // A missing one is found before anything is written.
    std::fs::remove_file(&path).unwrap();
    let error = data.run(&config, "none", false, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains(&format!("1 of 15 videos are missing: p{index}.mkv")), "{error}");
    assert!(!data.at("none").exists());
}

#[test]
fn bad_videos_and_annotations_are_left_out_counted_and_named() {
    let data = Data::write();
    std::fs::remove_file(data.at("clips/p1.mkv")).unwrap();
    damage(&data.at("clips/p2.mkv"));
    std::fs::write(data.at("annotated/broken.json"), "{\"version\": ").unwrap();
    let mut config = data.config();
    config.data.bad_video = BadVideo::Skip;
    config.checkpoint_every = 1;
    let mut notices = Vec::new();
    let mut listen = |event: Event| {
        if let Event::Notice { code, message } = event {
            notices.push((code, message));
        }
    };
    let finished = data.run(&config, "one", false, &mut listen).unwrap();
    let codes: Vec<&str> = notices.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["bad-annotations", "missing-videos"]);
    assert!(notices[0].1.contains("broken.json") && notices[1].1.contains("p1.mkv"), "{notices:?}");
    // 6 steps of 3 of 10 pairs: each was due once at least.
    let skipped: BTreeMap<String, Value> =
        serde_json::from_value(data.json("one/results.json")["skipped_videos"].clone()).unwrap();
    assert_eq!(skipped.keys().collect::<Vec<_>>(), ["p1.mkv", "p2.mkv"]);
    let lines: Vec<Value> = data.log("one").into_iter().filter(|line| !line["skipped_video"].is_null()).collect();
    let times: u64 = skipped.values().map(|video| video["times"].as_u64().unwrap()).sum();
    assert!(times >= 3 && lines.len() as u64 == times, "{lines:?}");
    assert!(finished.report.contains("2 videos could not be read") && finished.report.contains("- p2.mkv, "), "{}", finished.report);
    assert!(std::fs::read_to_string(data.at("one/README.md")).unwrap().contains("- p1.mkv, "));

    // Stopped on the way: the counts go on too.
    let abort = Abort::default();
    let mut stop = |event: Event| {
        if matches!(event, Event::Progress { stage: "train", done: 4, .. }) {
            abort.request();
        }
    };
    let options = RunOptions { config: &config, base: None, output: &data.at("two"), resume: false };
    assert_eq!(run(&options, &Device::flex(), &mut stop, &abort).unwrap_err().code(), "aborted");
    data.run(&config, "two", true, &mut |_| ()).unwrap();
    data.assert_same("one", "two");
    assert_eq!(data.json("two/results.json")["skipped_videos"], data.json("one/results.json")["skipped_videos"]);

    for index in 0..PAIRS {
        let _ = std::fs::remove_file(data.at(&format!("clips/p{index}.mkv")));
    }
    config.data.annotations = None;
    config.scenes = 0;
    let error = data.run(&config, "none", false, &mut |_| ()).unwrap_err();
    assert!(error.code() == "bad-clip" && error.to_string().contains("10 of 10"), "{error}");
}

#[test]
fn annotated_videos_alone_teach_too() {
    let data = Data::write();
    let mut config = data.config();
    config.data.manifest = None;
    config.data.annotated_videos = config.data.annotations.clone();
    config.data.estimate_attributes = true;
    let trainer = Trainer::new(config.clone(), None, &Device::flex()).unwrap();
    let mut source = Source::open(&trainer, None, &mut Silent, &Abort::default()).unwrap();
    let batch = source.draw(&trainer).unwrap().remove(0);
    assert_eq!((batch.rounds.len(), batch.scenes.len()), (0, 2));
    assert!(batch.scenes.iter().any(|sample| sample.texts.attribute.is_some()), "no attribute was estimated");
    drop(source);
    let finished = data.run(&config, "run", false, &mut |_| ()).unwrap();
    assert!(finished.report.contains("Trained on 0 pairs and 5 annotated videos"), "{}", finished.report);
    let log = data.log("run");
    assert!(log.iter().all(|line| line["contrastive"].is_null() && line["scene"].is_number()), "{log:?}");
}

#[test]
fn a_step_without_any_known_box_has_no_classes_to_tell_apart() {
    let mut trainer = Trainer::new(tiny_scenes(), None, &Device::flex()).unwrap();
    let mut batch = trainer.world_batches().unwrap().remove(0);
    batch.scenes.iter_mut().for_each(|sample| sample.targets.iter_mut().for_each(Vec::clear));
    let report = crate::platform::block_on(trainer.step_on(&[batch], &Abort::default())).unwrap();
    assert!(!report.skipped && report.gradient_norm > 0.0, "{report:?}");
    assert_eq!(report.parts.scene, Some(0.0));
}

#[test]
fn annotated_videos_of_held_out_pairs_are_not_trained_on() {
    let data = Data::write();
    let mut manifest = String::new();
    for index in 0..ANNOTATED {
        let clip = WorldClip::generate(Split::Train, 100 + index);
        let pair = VideoText { video: format!("{}.mkv", clip.graph.video_id), caption: clip.caption() };
        manifest += &format!("{}\n", serde_json::to_string(&pair).unwrap());
    }
    std::fs::write(data.at("annotated/pairs.jsonl"), manifest).unwrap();
    let mut config = TrainConfig { validate_every: 1, validation_clips: 2, batch: 2, ..data.config() };
    config.data.manifest = Some(data.at("annotated/pairs.jsonl"));
    let trainer = Trainer::new(config, None, &Device::flex()).unwrap();
    let mut source = Source::open(&trainer, None, &mut Silent, &Abort::default()).unwrap();
    let facts = source.facts().unwrap();
    assert_eq!((facts.pairs, facts.held_out_pairs), (3, 2));
    assert_eq!((facts.annotated_videos, facts.tested_videos, facts.annotation_files), (3, 2, 5));
    let tested: Vec<String> = source.held_out().unwrap().pairs().iter().map(|pair| pair.video.clone()).collect();
    for _ in 0..6 {
        for sample in &source.draw(&trainer).unwrap()[0].scenes {
            assert!(!tested.contains(&format!("{}.mkv", sample.video_id)), "{}", sample.video_id);
        }
    }
}

#[test]
fn words_that_the_model_does_not_know_are_told() {
    let data = Data::write();
    let manifest = std::fs::read_to_string(data.at("clips/pairs.jsonl")).unwrap();
    std::fs::write(data.at("clips/pairs.jsonl"), manifest.replacen("\"caption\":\"", "\"caption\":\"zygote ", 1)).unwrap();
    let trainer = Trainer::new(data.config(), None, &Device::flex()).unwrap();
    let mut events = Vec::new();
    let mut listen = |event: Event| events.push(event);
    Source::open(&trainer, None, &mut listen, &Abort::default()).unwrap();
    // What is read is counted first.
    assert!(matches!(events[0], Event::Progress { stage: "graphs", .. }), "{events:?}");
    let notices: Vec<&Event> = events.iter().filter(|event| !matches!(event, Event::Progress { .. })).collect();
    let [Event::Notice { code: "unknown-words", message }] = notices[..] else { panic!("{notices:?}") };
    assert!(message.starts_with("1 of 10 captions"), "{message}");
    let few = TrainConfig { batch: 11, ..data.config() };
    let trainer = Trainer::new(few, None, &Device::flex()).unwrap();
    let error = Source::open(&trainer, None, &mut Silent, &Abort::default()).unwrap_err();
    assert!(error.to_string().contains("batch = 11"), "{error}");
}

#[test]
fn a_log_takes_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut log = log::Log::resume(&path, 1, 0).unwrap();
    let clip = |file: &str| crate::data::prefetch::SkippedClip {
        file: file.to_owned(),
        code: "decode",
        reason: format!("{file} is cut short"),
    };
    for (step, file) in [(1, "a.mp4"), (2, "b.mp4"), (2, "a.mp4")] {
        log.add_skipped(step, &clip(file)).unwrap();
    }
    let skipped = |times, reason: &str| SkippedVideo { times, reason: reason.to_owned() };
    let expected = [("a.mp4", skipped(2, "a.mp4 is cut short")), ("b.mp4", skipped(1, "b.mp4 is cut short"))];
    assert_eq!(log::Log::skipped(&path).unwrap(), expected.map(|(name, video)| (name.to_owned(), video)).into());
    // A run that goes on from step 1 comes to the others again.
    drop(log);
    log::Log::resume(&path, 1, 1).unwrap();
    assert_eq!(log::Log::skipped(&path).unwrap().len(), 1);
}
