//! How much of its parts' speed `sgcr eval` reaches: `eval_throughput MODEL VIDEOS FOLDER ROUNDS [DEVICE]`. For each round:
//! every video of VIDEOS decoded alone (threads as in `eval`), every clip embedded alone, and the whole run, all in turn, so that a
//! noisy neighbour hits all alike. FOLDER is for what runs write. Prints one JSON line, seconds of every round.
//!
//! On the CPU device decoding and embedding share the cores, and no order of work makes them faster than both one after
//! the other; so the run is measured a second time with a model that takes as long as decoding a video, but waits in place
//! of computing, as a program does that has a GPU. Measured by `tests/bench/run eval`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A test or bench that fails may panic.

use sgcr::config::Dtype;
use sgcr::data::benchmark::PairTask;
use sgcr::eval::run::{Embedder, Question, Request, ScoreRule, Task, evaluate};
use sgcr::event::{Abort, Silent};
use sgcr::platform::{ComputeDevice, block_on};
use sgcr::session::Session;
use sgcr::source::DiskFolder;
use sgcr::text::TokenIds;
use sgcr::video::sampling::frame_indices;
use sgcr::video::{decode, preprocess};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Threads that decode: the default of `sgcr eval`.
const DECODERS: usize = 2;

/// A session whose clips take a fixed time, in which nothing is computed here.
struct Elsewhere<'a> {
    session: &'a Session,
    dim: usize,
    time: Duration,
}

impl Embedder for Elsewhere<'_> {
    fn embed_clip(&self, pixels: Vec<f32>, _frames: usize) -> sgcr::Result<Vec<f32>> {
        std::thread::sleep(self.time);
        Ok(pixels[..self.dim].to_vec())
    }

    fn tokens(&self, captions: &[String]) -> sgcr::Result<TokenIds> {
        self.session.tokens(captions)
    }

    fn embed_tokens(&self, tokens: &TokenIds) -> sgcr::Result<Vec<Vec<f32>>> {
        self.session.embed_tokens(tokens)
    }

    fn check_matching(&self) -> sgcr::Result<()> {
        self.session.check_matching()
    }

    fn match_clip(&self, pixels: Vec<f32>, frames: usize, tokens: &TokenIds, abort: &Abort) -> sgcr::Result<Vec<f32>> {
        self.session.match_clip(pixels, frames, tokens, abort)
    }
}

struct Bench {
    session: Session,
    model: PathBuf,
    videos: PathBuf,
    names: Vec<String>,
    folder: PathBuf,
}

impl Bench {
    /// Seconds of decoding all videos, and their pixels.
    fn decode(&self) -> (f64, Vec<Vec<f32>>) {
        let (next, config) = (AtomicUsize::new(0), self.session.preprocess());
        let clips: Vec<_> = self.names.iter().map(|_| std::sync::Mutex::new(Vec::new())).collect();
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..DECODERS {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(name) = self.names.get(at) else { return };
                        let mut clip = decode::open_one(&self.videos.join(name), &Abort::default()).unwrap();
                        let frames = frame_indices(config.sampling, &clip.info(), config.frames, 0).unwrap();
                        *clips[at].lock().unwrap() = preprocess::pixels(&clip.read(&frames).unwrap(), config);
                    }
                });
            }
        });
        (started.elapsed().as_secs_f64(), clips.into_iter().map(|clip| clip.into_inner().unwrap()).collect())
    }

    /// Seconds of embedding clips.
    fn embed(&self, clips: Vec<Vec<f32>>) -> f64 {
        let frames = self.session.preprocess().frames;
        let started = Instant::now();
        for pixels in clips {
            self.session.embed_clip(pixels, frames).unwrap();
        }
        started.elapsed().as_secs_f64()
    }

    /// Seconds of a whole run with an empty cache.
    fn eval(&self, model: &impl Embedder) -> f64 {
        let output = self.folder.join("run");
        let _ = std::fs::remove_dir_all(&output);
        let question = Question {
            task: Task::Pairs(PairTask::Pairs),
            split: "test".to_owned(),
            limit: None,
            shard: None,
            preprocess: self.session.preprocess().clone(),
            sampling_seed: 0,
            pre_text: false,
            score: ScoreRule::Cosine,
            candidates: 0,
            model: self.session.identity(&self.model, None, &[]).unwrap(),
        };
        let request = Request {
            question,
            data: vec![self.folder.join("pairs.jsonl")],
            videos: Some(self.videos.clone()),
            output,
            cache: None,
            decoders: DECODERS,
            overwrite: false,
            velociti_csv: false,
        };
        let started = Instant::now();
        let outcome = evaluate(&request, model, &mut Silent, &Abort::default()).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        assert!(outcome.results.is_complete());
        seconds
    }
}

fn open(arguments: &[String]) -> Bench {
    let [model, videos, folder] = [0, 1, 2].map(|at| PathBuf::from(&arguments[at]));
    let device = arguments.get(4).map_or("cpu", String::as_str).parse().expect("a device");
    let session = block_on(async {
        let device = ComputeDevice::open(device).await?;
        let files = DiskFolder::open(&model)?;
        Session::open(files, device, Dtype::F32, &mut Silent, &Abort::default()).await
    })
    .expect("the model opens");
    let names = names(&videos);
    let pair = |name: &String| format!("{}\n", serde_json::json!({"video": name, "positive": "a", "negative": "b"}));
    std::fs::write(folder.join("pairs.jsonl"), names.iter().map(pair).collect::<String>()).unwrap();
    Bench { session, model, videos, names, folder }
}

fn names(videos: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(videos).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds: usize = arguments.get(3).and_then(|rounds| rounds.parse().ok()).expect("MODEL VIDEOS FOLDER ROUNDS");
    let bench = open(&arguments);
    let dim = bench.session.config().embed_dim;
    bench.embed(bench.decode().1.into_iter().take(1).collect()); // the first call of a device takes longer
    let [mut decode, mut embed, mut eval, mut waiting, mut elsewhere] = [const { Vec::new() }; 5];
    for _ in 0..rounds {
        let (seconds, clips) = bench.decode();
        decode.push(seconds);
        embed.push(bench.embed(clips));
        eval.push(bench.eval(&bench.session));
        let time = Duration::from_secs_f64(seconds / bench.names.len() as f64);
        waiting.push(time.as_secs_f64() * bench.names.len() as f64);
        elsewhere.push(bench.eval(&Elsewhere { session: &bench.session, dim, time }));
    }
    let line = serde_json::json!({
        "videos": bench.names.len(), "decode_s": decode, "embed_s": embed, "eval_s": eval,
        "waiting_s": waiting, "elsewhere_s": elsewhere,
    });
    println!("{line}");
}
