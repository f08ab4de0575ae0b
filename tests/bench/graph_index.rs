//! How fast a folder of annotations is indexed, beside serde_json's own parse of the same bytes: `tests/bench/run graph`.
//!
//!     graph_index [VIDEOS [MEGABYTES [ROUNDS]]]    default: 10000 videos, 400 MB, 3 rounds
//!
//! Makes a folder in VidOR's shape (a file a video, one line each, sizes spread over three decades) in a temporary place and
//! deletes it afterwards. Ours is all of `GraphIndex::build`: listing, reading, parsing, checking, tracks, clip-level graphs,
//! the count of (F, B, O), co-occurrence. serde_json's is the parse alone, of bytes that are in memory already. Both take
//! turns, folder by folder. Memory is measured in a process of its own, which does nothing but index.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A test or bench that fails may panic.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Deserialize;
use sgcr::data::{AnnotationFolder, GraphIndex, ReadOptions};
use sgcr::event::{Abort, Silent};
use sgcr::graph::Spans;
use sgcr::platform::block_on;
use sgcr::source::DiskFolder;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Folders that the videos are spread over, as VidOR's are.
const GROUPS: usize = 100;
/// Least share of serde_json's speed.
const GOAL: f64 = 0.7;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, folder] = &args[..]
        && mode == "index"
    {
        let before = peak_resident_bytes();
        let videos = index(Path::new(folder));
        println!("{videos} {before} {}", peak_resident_bytes());
        return;
    }
    let number = |at: usize, default: usize| args.get(at).map_or(default, |n| n.parse().expect("a number"));
    let (videos, megabytes, rounds) = (number(0, 10_000), number(1, 400), number(2, 3));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (bytes, largest) = write_folder(folder.path(), videos, megabytes as f64 * 1e6 / videos as f64);
    println!("{videos} videos, {:.0} MB in {GROUPS} folders, the largest file {:.1} MB", mb(bytes), mb(largest));
    memory(folder.path(), videos);
    let mut ratios = Vec::new();
    println!(
        "{:>8} {:>12} {:>20} {:>20} {:>8} {:>8}",
        "round", "index MB/s", "serde Value MB/s", "serde struct MB/s", "ratio", "ratio"
    );
    for round in 0..rounds {
        let [ours, value, typed] = times(folder.path(), round).map(|time| bytes as f64 / 1e6 / time.as_secs_f64());
        println!("{round:>8} {ours:>12.0} {value:>20.0} {typed:>20.0} {:>8.2} {:>8.2}", ours / value, ours / typed);
        ratios.push(ours / value);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!(
        "ratio: our speed / serde_json's, into a Value and into a struct of the same fields; median {median:.2}, goal {GOAL}"
    );
    assert!(median >= GOAL, "the index is slower than {GOAL} of serde_json's own parse");
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Indexes a folder; the number of videos.
fn index(folder: &Path) -> u64 {
    let folder = DiskFolder::open(folder).expect("the folder is there");
    let folder = block_on(AnnotationFolder::open(folder, ReadOptions { strict: true, ..ReadOptions::default() }));
    let (folder, abort) = (folder.expect("annotations"), Abort::default());
    let index = block_on(GraphIndex::build(&folder, Spans::Overlaps, &mut Silent, &abort)).expect("good files");
    black_box(&index.files);
    index.report.videos()
}

/// What this program does when it is asked to index alone, and what it takes.
fn memory(folder: &Path, videos: usize) {
    let mut child = std::process::Command::new(std::env::current_exe().expect("a program has a path"));
    let output = child.arg("index").arg(folder).output().expect("this program starts");
    let text = String::from_utf8(output.stdout).expect("numbers");
    let numbers: Vec<u64> = text.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    let [indexed, before, peak] = numbers[..] else { panic!("the index failed: {text}") };
    assert_eq!(indexed, videos as u64, "every file is read");
    println!("peak resident memory of indexing: {:.1} MB ({:.1} MB before its first file)", mb(peak), mb(before));
}

/// Seconds of our index, of parsing into a `Value`, of parsing into a struct; who begins changes from folder to folder.
fn times(root: &Path, round: usize) -> [Duration; 3] {
    let mut times = [Duration::ZERO; 3];
    for group in 0..GROUPS {
        let folder = root.join(group_name(group));
        let files: Vec<Vec<u8>> = files_of(&folder).iter().map(|file| std::fs::read(file).expect("our file")).collect();
        for turn in 0..3 {
            let who = (turn + group + round) % 3;
            let begun = Instant::now();
            match who {
                0 => assert_eq!(index(&folder), files.len() as u64),
                1 => files.iter().for_each(|file| parse::<serde_json::Value>(file)),
                _ => files.iter().for_each(|file| parse::<Document>(file)),
            }
            times[who] += begun.elapsed();
        }
    }
    times
}

fn parse<'a, T: Deserialize<'a>>(file: &'a [u8]) {
    black_box(serde_json::from_slice::<T>(file).expect("our file is JSON"));
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("our folder").map(|file| file.expect("our file").path()).collect()
}

fn group_name(group: usize) -> String {
    format!("{group:04}")
}

/// What a program would write to read these files as they are, every field of theirs.
#[derive(Deserialize)]
#[allow(dead_code)] // Parsed, not used.
struct Document {
    version: String,
    video_id: String,
    video_hash: String,
    video_path: String,
    frame_count: u32,
    fps: f64,
    width: u32,
    height: u32,
    #[serde(rename = "subject/objects")]
    objects: Vec<Object>,
    trajectories: Vec<Vec<FrameBox>>,
    relation_instances: Vec<Instance>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Object {
    tid: u32,
    category: String,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct FrameBox {
    tid: u32,
    bbox: Edges,
    generated: u8,
    tracker: String,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Edges {
    xmin: i32,
    ymin: i32,
    xmax: i32,
    ymax: i32,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Instance {
    subject_tid: u32,
    object_tid: u32,
    predicate: String,
    begin_fid: u32,
    end_fid: u32,
}

/// Writes the folder; its bytes, and those of its largest file.
fn write_folder(root: &Path, videos: usize, mean: f64) -> (u64, u64) {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    (0..GROUPS).for_each(|group| std::fs::create_dir(root.join(group_name(group))).expect("a folder"));
    let (mut bytes, mut largest) = (0, 0);
    for video in 0..videos {
        // Log-normal with this mean: half of the files are below a third of it, one in ten thousand is eighty times it.
        let (a, b): (f64, f64) = (rng.random::<f64>(), rng.random::<f64>());
        let normal = (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        let size = mean * (1.5 * normal - 1.125).exp();
        let text = document(video, size, &mut rng);
        bytes += text.len() as u64;
        largest = largest.max(text.len() as u64);
        let path = root.join(group_name(video % GROUPS)).join(format!("{}.json", video_id(video)));
        std::fs::write(path, text).expect("room for the folder");
    }
    (bytes, largest)
}

fn video_id(video: usize) -> u64 {
    2_400_000_000 + video as u64 * 7919
}

/// A document of about `size` bytes, as Python's `json.dump` writes it.
fn document(video: usize, size: f64, rng: &mut Pcg64Mcg) -> String {
    let tracks = 2 + rng.random_range(0..6_u32);
    // A box takes 108 bytes; an object is there two thirds of the time.
    let frames = ((size / (108.0 * f64::from(tracks) * 0.67)) as u32).max(8);
    let seen: Vec<(u32, u32)> = (0..tracks)
        .map(|_| {
            let begin = rng.random_range(0..frames / 3 + 1);
            (begin, frames - rng.random_range(0..frames / 3 + 1))
        })
        .collect();
    let mut text = format!(
        "{{\"version\": \"VERSION 1.0\", \"video_id\": \"{0}\", \"video_hash\": \"{video:032x}\", \"video_path\": \"{1}/{0}.mp4\", \
         \"frame_count\": {frames}, \"fps\": 29.97002997002997, \"width\": 640, \"height\": 360, \"subject/objects\": [",
        video_id(video),
        group_name(video % GROUPS)
    );
    let classes = ["adult", "child", "dog", "ball/sports_ball", "toy", "chair", "car", "bicycle"];
    for tid in 0..tracks {
        let category = classes[rng.random_range(0..classes.len() as u32) as usize];
        let _ = write!(text, "{}{{\"tid\": {tid}, \"category\": \"{category}\"}}", comma(tid));
    }
    text.push_str("], \"trajectories\": [");
    for frame in 0..frames {
        let _ = write!(text, "{}[", comma(frame));
        let there = (0..tracks).filter(|tid| (seen[*tid as usize].0..seen[*tid as usize].1).contains(&frame));
        for (at, tid) in (0..).zip(there) {
            let (x, y) = ((frame * 3 + tid * 71) % 400, (frame + tid * 37) % 200);
            let _ = write!(
                text,
                "{}{{\"bbox\": {{\"xmin\": {x}, \"ymin\": {y}, \"xmax\": {}, \"ymax\": {}}}, \"tid\": {tid}, \"generated\": 1, \"tracker\": \"kcf\"}}",
                comma(at),
                x + 40 + tid * 20,
                y + 60 + tid * 9
            );
        }
        text.push(']');
    }
    text.push_str("], \"relation_instances\": [");
    relations(&mut text, &seen, frames, rng);
    text.push_str("]}");
    text
}

/// About one relation a second and a half, each while both of its objects are there.
fn relations(text: &mut String, seen: &[(u32, u32)], frames: u32, rng: &mut Pcg64Mcg) {
    let predicates = ["watch", "next_to", "in_front_of", "hold", "play(instrument)", "away", "towards", "touch"];
    for at in 0..frames / 45 + 3 {
        let subject = rng.random_range(0..seen.len() as u32);
        let object = (subject + 1 + rng.random_range(0..seen.len() as u32 - 1)) % seen.len() as u32;
        let (one, other) = (seen[subject as usize], seen[object as usize]);
        let (first, last) = (one.0.max(other.0), one.1.min(other.1));
        let begin = rng.random_range(first..last - 1);
        let end = begin + 1 + rng.random_range(0..(last - begin).min(300));
        let predicate = predicates[rng.random_range(0..predicates.len() as u32) as usize];
        let _ = write!(
            text,
            "{}{{\"subject_tid\": {subject}, \"object_tid\": {object}, \"predicate\": \"{predicate}\", \"begin_fid\": {begin}, \"end_fid\": {end}}}",
            comma(at),
        );
    }
}

const fn comma(at: u32) -> &'static str {
    if at == 0 { "" } else { ", " }
}

/// From the kernel's own count (Linux); 0 elsewhere.
fn peak_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
