//! What is decoded, and what comes out of the cache of frames.

use super::*;
use crate::video::decode::{Clip, open_again};
use crate::video::{FrameSource, Frames};

/// The real decoder, with counts of the clips it opened and the frames it read.
#[derive(Clone, Default)]
struct Counts(Arc<[AtomicUsize; 2]>);

struct CountingClip(Clip, Counts);

impl FrameSource for CountingClip {
    fn info(&self) -> VideoInfo {
        self.0.info()
    }

    fn read(&mut self, indices: &[usize]) -> Result<Frames> {
        self.1.0[1].fetch_add(indices.len(), Relaxed);
        self.0.read(indices)
    }
}

impl Counts {
    fn on(&self, loader: ClipLoader) -> ClipLoader {
        let counts = self.clone();
        loader.with_decoder(move |path, known, abort| {
            counts.0[0].fetch_add(1, Relaxed);
            let clip = match known {
                Some(info) => open_again(path, info, abort)?,
                None => open_one(path, abort)?,
            };
            Ok(Box::new(CountingClip(clip, counts.clone())))
        })
    }

    /// Clips opened and frames read since the last call.
    fn since(&self) -> (usize, usize) {
        (self.0[0].swap(0, Relaxed), self.0[1].swap(0, Relaxed))
    }
}

#[test]
fn a_second_epoch_decodes_nothing() {
    let set = DataSet::write(6, 6, true);
    let uncached =
        take(&mut start(set.sampler((1, 1), 4), set.loader(SamplingRule::Middle), options(2, BadVideo::Stop)), 6);
    let counts = Counts::default();
    let cache = || Arc::new(FrameCache::open(&set.path("cache"), 1 << 24).unwrap());
    let epoch = |from: BatchPosition| {
        let mut sampler = set.sampler((1, 1), 4);
        sampler.resume(from).unwrap();
        let loader = counts.on(set.loader(SamplingRule::Middle)).with_cache(cache());
        // None ahead of the epoch's end.
        let options = PrefetchOptions { workers: 3, ahead: 1, bad_video: BadVideo::Stop };
        let mut prefetch = start(sampler, loader, options);
        let batches = take(&mut prefetch, 3);
        let (position, report) = (prefetch.position(), prefetch.report().cache.unwrap());
        drop(prefetch);
        (batches, position, report, counts.since())
    };
    let (first, after, report, (opened, read)) = epoch(BatchPosition::default());
    assert_eq!((after.graphs.epoch, after.pairs.epoch, after.graphs.seen), (1, 1, 0));
    assert!(first == uncached[..3] && opened >= 12 && read >= 12 * 4, "{opened} clips, {read} frames");
    assert_eq!((report.damaged, report.unwritten), (0, 0));
    let (second, _, report, decoded) = epoch(after);
    assert!(second == uncached[3..]);
    assert_eq!(decoded, (0, 0), "clips and frames decoded in the second epoch");
    assert!(report.found >= 12 * 4 && report.missing == 0, "{report:?}");

    // Damage to one frame: it alone is decoded again, and the batch is the same.
    let sample = &second[0].graphs[0];
    let annotated = set.path("videos").join(format!("{}.safetensors", sample.video_id));
    let damaged = cached_file(&set.path("cache"), &format!("/{}.safetensors", sample.video_id), sample.frames[0]);
    assert!(annotated.exists());
    let mut bytes = fs::read(&damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x55;
    fs::write(&damaged, bytes).unwrap();
    let (third, _, report, decoded) = epoch(after);
    assert!(third == second);
    assert_eq!((decoded, report.damaged), ((1, 1), 1));
    // A video that was written anew is another video.
    write_clip(&annotated, &WorldClip::generate(Split::Test, 5));
    let (fourth, _, _, (opened, read)) = epoch(after);
    assert!(fourth != second);
    assert_eq!((opened, read), (1, 4));
}

/// The cache's file of a frame, by what it says that it is of.
fn cached_file(cache: &Path, video: &str, frame: u32) -> PathBuf {
    let shelves = fs::read_dir(cache).unwrap().map(|shelf| shelf.unwrap().path());
    let mut files = shelves.flat_map(|shelf| fs::read_dir(shelf).unwrap().map(|file| file.unwrap().path()));
    let wanted = format!("frame {frame}, ");
    files
        .find(|file| {
            let bytes = fs::read(file).unwrap();
            let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
            let of = &header.metadata().as_ref().unwrap()["of"];
            of.contains(video) && of.contains(&wanted)
        })
        .unwrap()
}

#[test]
fn a_cache_that_is_too_small_for_all_changes_nothing_but_its_counts() {
    let set = DataSet::write(4, 4, true);
    let plain = take(&mut start(set.sampler((1, 1), 4), set.loader(SamplingRule::Rand), options(2, BadVideo::Stop)), 5);
    let limit = 40_000; // a dozen frames of 32 x 32
    let cache = Arc::new(FrameCache::open(&set.path("cache"), limit).unwrap());
    let loader = set.loader(SamplingRule::Rand).with_cache(Arc::clone(&cache));
    let mut prefetch = start(set.sampler((1, 1), 4), loader, options(4, BadVideo::Stop));
    assert!(take(&mut prefetch, 5) == plain);
    drop(prefetch);
    let report = cache.report();
    assert!(report.evicted > 0 && report.bytes <= limit && report.bytes > limit / 2, "{report:?}");
    assert_eq!((report.damaged, report.unwritten), (0, 0));
}

#[test]
fn real_videos_go_through_ffmpeg() {
    let videos = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/videos");
    let pairs: Vec<VideoText> = ["rabbit320.webm", "rabbit320.mp4"]
        .map(|name| VideoText { video: name.to_owned(), caption: "a rabbit eats".to_owned() })
        .to_vec();
    let shares = BatchShares { pairs: 1, graphs: 0 };
    let sampler = BatchSampler::new(pairs, Vec::new(), shares, 2, 0).unwrap();
    let config = config(SamplingRule::Middle);
    let cached = tempfile::tempdir().unwrap();
    let cache = Arc::new(FrameCache::open(cached.path(), 1 << 24).unwrap());
    let counts = Counts::default();
    let loader = ClipLoader::new(config.clone()).unwrap().with_pairs(&videos).with_cache(cache);
    let mut prefetch = start(sampler, counts.on(loader), PrefetchOptions { ahead: 1, ..options(2, BadVideo::Stop) });
    let batch = prefetch.next().unwrap().unwrap();
    assert_eq!(counts.since(), (2, 8));
    let pixels = batch.pair_frames.pixels(&config);
    let direct: Vec<f32> = batch
        .pairs
        .iter()
        .flat_map(|pair| {
            let mut clip = open_one(&videos.join(&pair.video), &Abort::default()).unwrap();
            let indices = frame_indices(SamplingRule::Middle, &clip.info(), 4, 0).unwrap();
            preprocess::pixels(&clip.read(&indices).unwrap(), &config)
        })
        .collect();
    assert_eq!(pixels.len(), 2 * 4 * 3 * 32 * 32);
    assert!(pixels == direct);
    let again = prefetch.next().unwrap().unwrap();
    assert_eq!((again.clips(), counts.since()), (2, (0, 0)));
}

#[test]
fn a_video_is_looked_at_once() {
    let set = DataSet::write(3, 3, false);
    // What was known of each video at each opening.
    let openings = Arc::new(std::sync::Mutex::new(BTreeMap::<PathBuf, Vec<Option<VideoInfo>>>::new()));
    let list = Arc::clone(&openings);
    let loader = set.loader(SamplingRule::Rand).with_decoder(move |path, known, abort| {
        list.lock().unwrap().entry(path.to_owned()).or_default().push(known);
        open_one(path, abort)
    });
    let options = PrefetchOptions { workers: 2, ahead: 1, bad_video: BadVideo::Stop };
    take(&mut start(set.sampler((1, 1), 6), loader, options), 3);
    let info = VideoInfo { frame_count: FRAMES, fps: None, width: 128, height: 128 };
    let openings = openings.lock().unwrap();
    assert_eq!(openings.len(), 6);
    for known in openings.values() {
        assert!(known.len() >= 3 && known[0].is_none() && known[1..].iter().all(|known| *known == Some(info)));
    }
}
