//! Batches of clips whose pixels are known: the generated world's, written as files.

use super::*;
use crate::config::{PreprocessConfig, SamplingRule};
use crate::data::{
    AnnotationFolder, Batch, BatchShares, GraphSample, ReadOptions, SampleRules, VideoText, unique_labels,
};
use crate::graph::Relation;
use crate::source::DiskFolder;
use crate::video::decode::{FRAMES as TENSOR, open_one};
use crate::video::sampling::frame_indices;
use crate::video::{VideoInfo, preprocess};
use crate::world::{FRAMES, Split, WorldClip, vidor_json};
use pollster::block_on;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[path = "prefetch_cache.rs"]
mod cache;

/// A folder `annotations`, a folder `videos` and pairs in a folder `pairs`.
struct DataSet {
    folder: TempDir,
    files: Vec<String>,
    pairs: Vec<VideoText>,
    /// By the name of their file without extension.
    worlds: BTreeMap<String, WorldClip>,
}

impl DataSet {
    /// So many annotated videos and so many pairs. `simple` graphs have one (F, B, O), so that each draw is the same.
    fn write(graphs: usize, pairs: usize, simple: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["annotations", "videos", "pairs"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut set = Self { folder, files: Vec::new(), pairs: Vec::new(), worlds: BTreeMap::new() };
        let rules = SampleRules::new(4);
        for world in (0..).map(|index| WorldClip::generate(Split::Train, index)) {
            if set.files.len() == graphs {
                break;
            }
            let mut graph = world.graph.clone();
            if simple {
                graph.relations = three_relations(&graph.relations[0]);
            }
            if GraphSample::draw(&graph, &rules, 0).is_some() {
                let name = graph.video_id.clone();
                let path = set.path("annotations").join(format!("{name}.json"));
                fs::write(path, vidor_json(&graph).to_string()).unwrap();
                write_clip(&set.path("videos").join(format!("{name}.safetensors")), &world);
                set.files.push(format!("{name}.json"));
                set.worlds.insert(name, world);
            }
        }
        for index in 0..pairs as u64 {
            let world = WorldClip::generate(Split::Validation, index);
            write_clip(&set.path("pairs").join(format!("p{index}.safetensors")), &world);
            set.pairs.push(VideoText { video: format!("p{index}.safetensors"), caption: world.caption() });
            set.worlds.insert(format!("p{index}"), world);
        }
        set
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn video(&self, at: usize) -> PathBuf {
        self.path("videos").join(self.files[at].replace(".json", ".safetensors"))
    }

    fn annotations(&self) -> AnnotationFolder<DiskFolder> {
        let folder = DiskFolder::open(self.path("annotations")).unwrap();
        block_on(AnnotationFolder::open(folder, ReadOptions::default())).unwrap()
    }

    fn loader(&self, sampling: SamplingRule) -> ClipLoader {
        let annotated = AnnotatedVideos { annotations: self.annotations(), videos: None, rules: SampleRules::new(4) };
        let loader = ClipLoader::new(config(sampling)).unwrap().with_graphs(annotated).unwrap();
        loader.with_pairs(self.path("pairs"))
    }

    fn sampler(&self, shares: (usize, usize), batch: usize) -> BatchSampler {
        let shares = BatchShares { pairs: shares.0, graphs: shares.1 };
        BatchSampler::new(self.pairs.clone(), self.files.clone(), shares, batch, 11).unwrap()
    }

    /// The frames of a video as the world draws them, no file between.
    fn pixels(&self, name: &str, frames: &[usize]) -> Vec<f32> {
        let name = name.trim_end_matches(".safetensors");
        preprocess::pixels(&self.worlds[name].render(frames), &config(SamplingRule::Rand))
    }
}

/// F in frames 0 to 9, B in 15 to 29, O in 5 to 19.
fn three_relations(like: &Relation) -> Vec<Relation> {
    let relation = |(predicate, begin, end): (&str, u32, u32)| Relation {
        begin,
        end,
        predicate: predicate.to_owned(),
        manner: None,
        ..like.clone()
    };
    [("chase", 0, 10), ("touch", 15, 30), ("above", 5, 20)].map(relation).to_vec()
}

fn config(sampling: SamplingRule) -> PreprocessConfig {
    PreprocessConfig { sampling, ..PreprocessConfig::viclip(32, 4) }
}

fn write_clip(path: &Path, world: &WorldClip) {
    let frames = world.render(&(0..FRAMES).collect::<Vec<_>>());
    let shape = vec![FRAMES, frames.height, frames.width, 3];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, shape, &frames.data).unwrap();
    fs::write(path, safetensors::serialize([(TENSOR, view)], None).unwrap()).unwrap();
}

fn options(workers: usize, bad_video: BadVideo) -> PrefetchOptions {
    PrefetchOptions { workers, ahead: 2, bad_video }
}

fn start(sampler: BatchSampler, loader: ClipLoader, options: PrefetchOptions) -> Prefetch {
    Prefetch::start(sampler, loader, options, &Abort::default()).unwrap()
}

fn take(prefetch: &mut Prefetch, count: usize) -> Vec<LoadedBatch> {
    prefetch.by_ref().take(count).map(Result::unwrap).collect()
}

#[test]
fn batches_are_those_of_the_seed_whatever_the_number_of_threads() {
    let set = DataSet::write(5, 7, false);
    let mut sampler = set.sampler((1, 2), 6);
    let mut reference = Vec::new();
    for _ in 0..6 {
        let Batch { pairs, graphs } = block_on(sampler.batch(&set.annotations(), &SampleRules::new(4))).unwrap();
        let info = VideoInfo { frame_count: FRAMES, fps: None, width: 128, height: 128 };
        let frames = |seed| frame_indices(SamplingRule::Rand, &info, 4, seed).unwrap();
        let pair_pixels: Vec<f32> =
            pairs.iter().flat_map(|(pair, seed)| set.pixels(&pair.video, &frames(*seed))).collect();
        let graph_frames = |sample: &GraphSample| sample.frames.iter().map(|t| *t as usize).collect::<Vec<_>>();
        let graph_pixels: Vec<f32> =
            graphs.iter().flat_map(|sample| set.pixels(&sample.video_id, &graph_frames(sample))).collect();
        reference.push((pairs, graphs, pair_pixels, graph_pixels, sampler.position()));
    }
    let mut all = Vec::new();
    for workers in [1, 2, 7] {
        // Some videos take long: later clips are done before earlier ones.
        let loader = set.loader(SamplingRule::Rand).with_decoder(|path, _, abort| {
            let name = path.file_stem().unwrap().as_encoded_bytes();
            std::thread::sleep(Duration::from_millis(u64::from(name[name.len() - 1]) * 7 % 13));
            open_one(path, abort)
        });
        let mut prefetch = start(set.sampler((1, 2), 6), loader, options(workers, BadVideo::Stop));
        let batches = take(&mut prefetch, 6);
        for (batch, (pairs, graphs, pair_pixels, graph_pixels, position)) in batches.iter().zip(&reference) {
            assert_eq!((batch.pair_frames.clips(), batch.graph_frames.clips(), batch.clips()), (2, 4, 6));
            assert!(batch.pairs.iter().eq(pairs.iter().map(|(pair, _)| pair)));
            assert_eq!(&batch.graphs, graphs);
            assert_eq!(&batch.pair_frames.pixels(&config(SamplingRule::Rand)), pair_pixels);
            assert_eq!(&batch.graph_frames.pixels(&config(SamplingRule::Rand)), graph_pixels);
            assert_eq!((batch.entities.clone(), batch.predicates.clone()), unique_labels(graphs));
            assert_eq!((batch.position, batch.skipped.len()), (*position, 0));
        }
        let report = prefetch.report();
        assert_eq!((report.batches, report.clips, report.skipped_clips, report.cache), (6, 36, 0, None));
        all.push(batches);
    }
    assert!(all[0] == all[1] && all[0] == all[2]);
    assert_ne!(all[0][0].pair_frames, all[0][1].pair_frames);
}

#[test]
fn a_position_goes_on_where_it_was_saved() {
    let set = DataSet::write(4, 3, false);
    let fresh = || start(set.sampler((1, 1), 4), set.loader(SamplingRule::Rand), options(3, BadVideo::Stop));
    let batches = take(&mut fresh(), 7);
    for taken in 0..6 {
        let mut stopped = fresh();
        take(&mut stopped, taken);
        // Batches that were read ahead do not count.
        let saved = serde_json::to_string(&stopped.position()).unwrap();
        drop(stopped);
        let mut sampler = set.sampler((1, 1), 4);
        sampler.resume(serde_json::from_str(&saved).unwrap()).unwrap();
        let mut resumed = start(sampler, set.loader(SamplingRule::Rand), options(2, BadVideo::Stop));
        assert_eq!(resumed.position(), serde_json::from_str(&saved).unwrap());
        assert!(take(&mut resumed, 7 - taken) == batches[taken..], "after {taken}");
    }
}

#[test]
fn videos_that_cannot_be_read_end_the_reading_or_are_left_out() {
    let set = DataSet::write(6, 0, false);
    let whole = fs::read(set.video(1)).unwrap();
    fs::remove_file(set.video(0)).unwrap();
    fs::write(set.video(1), &whole[..whole.len() / 2]).unwrap();
    let bad: Vec<&String> = set.files[..2].iter().collect();
    let mut plans = set.sampler((0, 1), 2);
    let first_bad = (0..).find(|_| plans.plan().graphs.iter().any(|(file, _)| bad.contains(&file))).unwrap();
    let mut outcomes = Vec::new();
    for workers in [1, 4] {
        let loader = || set.loader(SamplingRule::Rand);
        let mut failing = start(set.sampler((0, 1), 2), loader(), options(workers, BadVideo::Stop));
        assert_eq!(take(&mut failing, first_bad).len(), first_bad);
        let error = failing.next().unwrap().unwrap_err();
        assert!(["missing-file", "corrupt-file"].contains(&error.code()), "{error}");
        assert!(failing.next().is_none());
        // Two epochs: six batches, in which each of the two is due twice.
        let mut skipping = start(set.sampler((0, 1), 2), loader(), options(workers, BadVideo::Skip));
        let mut clips = 0;
        let mut batches = Vec::new();
        while clips < 8 {
            let batch = skipping.next().unwrap().unwrap();
            assert_eq!((batch.graph_frames.clips(), batch.graphs.len()), (batch.clips(), batch.clips()));
            clips += batch.clips();
            batches.push(batch);
        }
        outcomes.push((error.to_string(), batches, skipping.report()));
    }
    assert!(outcomes[0] == outcomes[1]);
    let (_, batches, report) = &outcomes[0];
    assert_eq!((report.batches, report.clips), (batches.len() as u64, 8));
    assert!(report.skipped.keys().eq(bad.iter().copied().collect::<std::collections::BTreeSet<_>>()));
    assert!(report.skipped[bad[0]].reason.contains("no video of that name"), "{report:?}");
    assert!(report.skipped[bad[1]].reason.contains("damaged"), "{report:?}");
    assert_eq!(report.skipped.values().map(|video| video.times).sum::<u64>(), report.skipped_clips);
    assert!(batches.iter().flat_map(|batch| &batch.skipped).all(|clip| bad.contains(&&clip.file)));
}

#[test]
fn a_decoder_that_panics_costs_its_clip() {
    let set = DataSet::write(3, 0, false);
    let broken = set.video(2);
    let loader = set.loader(SamplingRule::Rand).with_decoder(move |path, _, abort| {
        assert!(path != broken, "index out of bounds");
        open_one(path, abort)
    });
    let mut prefetch = start(set.sampler((0, 1), 3), loader, options(2, BadVideo::Skip));
    let batch = prefetch.next().unwrap().unwrap();
    assert_eq!((batch.clips(), batch.skipped.len()), (2, 1));
    assert_eq!((batch.skipped[0].file.as_str(), batch.skipped[0].code), (set.files[2].as_str(), "decode"));
    assert!(batch.skipped[0].reason.contains("index out of bounds"), "{:?}", batch.skipped);
}

#[test]
fn what_is_wrong_with_every_video_ends_the_reading() {
    let set = DataSet::write(3, 2, false);
    // A program that is missing is no video's fault.
    let loader = set.loader(SamplingRule::Rand);
    let loader = loader.with_decoder(|_, _, _| Err(Error::MissingProgram { program: "ffmpeg", advice: "install it" }));
    let mut prefetch = start(set.sampler((1, 1), 2), loader, options(2, BadVideo::Skip));
    assert_eq!(prefetch.next().unwrap().unwrap_err().code(), "missing-program");
    assert!(prefetch.next().is_none());
    (0..3).for_each(|at| fs::remove_file(set.video(at)).unwrap());
    let loader = set.loader(SamplingRule::Rand);
    let mut prefetch = start(set.sampler((0, 1), 1), loader, options(2, BadVideo::Skip));
    let error = prefetch.next().unwrap().unwrap_err();
    assert!(error.code() == "no-frames" && error.to_string().contains("in a row"), "{error}");
    assert!(prefetch.next().is_none());
    assert_eq!(prefetch.report().skipped.len(), 3);
}

/// Waits until `count` stands still at `expected`.
fn settles_at(count: &AtomicUsize, expected: usize) {
    let begun = Instant::now();
    while count.load(Relaxed) < expected && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(count.load(Relaxed), expected);
}

#[test]
fn no_more_is_read_ahead_than_the_queue_holds() {
    let set = DataSet::write(4, 3, false);
    let opened = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&opened);
    let loader = set.loader(SamplingRule::Rand).with_decoder(move |path, _, abort| {
        counter.fetch_add(1, Relaxed);
        open_one(path, abort)
    });
    let options = PrefetchOptions { workers: 5, ahead: 3, bad_video: BadVideo::Stop };
    let mut prefetch = start(set.sampler((1, 1), 4), loader, options);
    settles_at(&opened, 12);
    take(&mut prefetch, 2);
    settles_at(&opened, 20);
}

#[test]
fn dropping_and_aborting_leave_no_thread_behind() {
    let set = DataSet::write(4, 0, false);
    let (held, opened) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    // A decoding without end, as of a video on a disk that does not answer; it heeds the flag that it is given.
    let stuck = || {
        let (held, opened) = (Arc::clone(&held), Arc::clone(&opened));
        set.loader(SamplingRule::Rand).with_decoder(move |_, _, abort| {
            let _held = &held;
            opened.fetch_add(1, Relaxed);
            loop {
                abort.check()?;
                std::thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let prefetch = start(set.sampler((0, 1), 2), stuck(), options(3, BadVideo::Skip));
    settles_at(&opened, 3);
    drop(prefetch);
    assert_eq!(Arc::strong_count(&held), 1, "a thread still holds the loader");

    let abort = Abort::default();
    let mut prefetch = Prefetch::start(set.sampler((0, 1), 2), stuck(), options(3, BadVideo::Skip), &abort).unwrap();
    let request = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        abort.request();
    });
    assert_eq!(prefetch.next().unwrap().unwrap_err().code(), "aborted");
    assert!(prefetch.next().is_none());
    request.join().unwrap();
    drop(prefetch);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn what_cannot_be_read_as_asked_is_refused_before_a_thread_starts() {
    let set = DataSet::write(1, 1, false);
    let refused = |loader: ClipLoader, options| {
        Prefetch::start(set.sampler((1, 1), 2), loader, options, &Abort::default()).unwrap_err().code()
    };
    let plain = || ClipLoader::new(config(SamplingRule::Rand)).unwrap();
    assert_eq!(refused(plain(), PrefetchOptions::default()), "invalid-input");
    assert_eq!(refused(plain().with_pairs("."), PrefetchOptions::default()), "invalid-input");
    for (workers, ahead) in [(0, 2), (2, 0), (5000, 2)] {
        let options = PrefetchOptions { workers, ahead, bad_video: BadVideo::Stop };
        assert_eq!(refused(set.loader(SamplingRule::Rand), options), "invalid-config");
    }
    assert_eq!(ClipLoader::new(config(SamplingRule::Velociti)).unwrap_err().code(), "invalid-config");
    let annotated = AnnotatedVideos { annotations: set.annotations(), videos: None, rules: SampleRules::new(4) };
    let cropped = ClipLoader::new(PreprocessConfig::clip(32, 4)).unwrap();
    assert_eq!(cropped.with_graphs(annotated).unwrap_err().code(), "invalid-config");
    assert_eq!(
        (BadVideo::named("skip").unwrap(), BadVideo::named("x").unwrap_err().code()),
        (BadVideo::Skip, "unknown-name")
    );
}
