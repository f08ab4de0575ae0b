//! A run pulled from outside, as the page does it, against the program's own over a folder: the same document, line by line.

use super::*;
use sgcr::config::Dtype;
use sgcr::data::benchmark::{DataFile, PairTask, RetrievalTask, VideoNames};
use sgcr::eval::run::{Finished, PieceHash, PulledRun, Question, ScoreRule, Task};
use sgcr::event::{Abort, Silent};
use sgcr::platform::{ComputeDevice, DeviceName, block_on};
use sgcr::session::Session;
use sgcr::source::DiskFolder;
use sgcr::video::decode;

fn shipped() -> Session {
    let device = block_on(ComputeDevice::open(DeviceName::Cpu)).unwrap();
    let folder = DiskFolder::open("www/model").unwrap();
    block_on(Session::open(folder, device, Dtype::F32, &mut Silent, &Abort::default())).unwrap()
}

/// What is kept between runs: captions in order, videos by key.
#[derive(Default)]
struct Kept {
    captions: Vec<Vec<u8>>,
    videos: BTreeMap<String, Vec<u8>>,
    /// Embeddings that were not there.
    computed: usize,
}

/// Pulls a run over the files of a folder; `None` for the generated world.
fn pull(session: &Session, mut run: PulledRun, videos: Option<&Path>, kept: &mut Kept) -> Finished {
    for batch in 0.. {
        let known = kept.captions.get(batch).is_some_and(|file| run.take_kept_captions(file).unwrap());
        if !known {
            let Some(file) = block_on(session.embed_next_captions(&mut run)).unwrap() else { break };
            kept.captions.push(file);
            kept.computed += 1;
        }
    }
    assert_eq!(run.waiting_captions(), 0);
    let files: Vec<String> = videos.map_or_else(Vec::new, |folder| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.to_string_lossy().into_owned()).collect()
    });
    let names = VideoNames::of_files("videos", files.iter().map(String::as_str));
    for video in 0..run.videos().len() {
        if let Err(error) = take(session, &mut run, video, videos.map(|folder| (folder, &names)), kept) {
            let samples = run.miss(video, error.code(), &error.to_string()).unwrap();
            assert_eq!(samples, run.samples_of(video));
        }
    }
    block_on(run.finish()).unwrap()
}

fn take(
    session: &Session,
    run: &mut PulledRun,
    video: usize,
    files: Option<(&Path, &VideoNames)>,
    kept: &mut Kept,
) -> sgcr::Result<()> {
    let path = match files {
        Some((folder, names)) => Some(folder.join(names.find(&run.videos()[video])?)),
        None => None,
    };
    let sha256 = match &path {
        Some(path) => {
            let mut hash = PieceHash::default();
            std::fs::read(path).unwrap().chunks(1000).for_each(|piece| hash.update(piece));
            hash.finish()
        }
        None => run.world_sha256(video)?,
    };
    let key = run.key(&sha256);
    if let Some(file) = kept.videos.get(&key) {
        assert!(run.take_kept_video(video, file)?);
        return Ok(());
    }
    let file = match &path {
        Some(path) => {
            let mut clip = decode::open_one(path, &Abort::default())?;
            let facts = run.choose(&clip.info(), sha256)?;
            let frames = clip.read(&facts.frames)?;
            let embed = block_on(session.encode_frames(&frames, &run.settings().preprocess))?;
            run.take_video(video, &embed, facts, [0.5, 0.25])?
        }
        None => block_on(session.embed_drawn(run, video))?,
    };
    kept.videos.insert(key, file);
    kept.computed += 1;
    Ok(())
}

fn question(session: &Session, task: Task, limit: Option<usize>) -> Question {
    let model_type = session.config().model_type;
    Question {
        task,
        split: "test".to_owned(),
        limit,
        shard: None,
        preprocess: task.preprocess(session.preprocess(), model_type),
        sampling_seed: 0,
        pre_text: task.cleans_captions(model_type),
        score: ScoreRule::Cosine,
        candidates: 0,
        model: session.identity(Path::new("www/model"), None, &[]).unwrap(),
    }
}

fn begin(session: &Session, question: &Question, files: &[DataFile]) -> PulledRun {
    PulledRun::new(question, files, |captions| session.tokenizer()?.encode(captions)).unwrap()
}

/// `results.json` and the samples, without what tells the time.
fn told(mut results: Value, samples: &str) -> (String, Vec<Value>) {
    for key in ["date", "total_evaluation_time_seconds", "times"] {
        results.as_object_mut().unwrap().remove(key).unwrap();
    }
    let samples = samples.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("ms");
        line
    });
    (serde_json::to_string_pretty(&results).unwrap(), samples.collect())
}

fn pulled(finished: &Finished) -> (String, Vec<Value>) {
    let document = serde_json::from_slice(&finished.results.to_document().unwrap()).unwrap();
    told(document, std::str::from_utf8(&finished.samples).unwrap())
}

fn in_folder(folder: &Path, task: &str) -> (String, Vec<Value>) {
    let lines = std::fs::read_to_string(folder.join(format!("samples_{task}.jsonl"))).unwrap();
    told(results(folder), &lines)
}

#[test]
fn the_world_comes_out_as_in_a_folder_and_goes_on_from_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    succeed(&["--quiet", "eval", "world", "--limit", "10", "--output", text(&output)]);
    let session = shipped();
    let question = question(&session, Task::World, Some(10));
    let mut kept = Kept::default();
    let finished = pull(&session, begin(&session, &question, &[]), None, &mut kept);
    assert_eq!(pulled(&finished), in_folder(&output, "world"));
    assert_eq!((finished.samples_file.as_str(), finished.results.times.videos), ("samples_world.jsonl", 10));
    let wrong = finished.results.groups[0].tally.tally.total - finished.results.groups[0].tally.tally.correct;
    assert_eq!(finished.hardest.len() as u64, wrong.min(12));

    // Some are lost, some are damaged: those are embedded again, and nothing else.
    let all = kept.computed;
    let damaged = kept.videos.keys().next().unwrap().clone();
    kept.videos.pop_last();
    kept.videos.insert(damaged.clone(), b"damaged".to_vec());
    kept.computed = 0;
    let run = begin(&session, &question, &[]);
    let video = (0..10).find(|video| run.key(&run.world_sha256(*video).unwrap()) == damaged).unwrap();
    let mut again = begin(&session, &question, &[]);
    assert!(!again.take_kept_video(video, b"damaged").unwrap());
    assert!(!again.take_kept_captions(b"damaged").unwrap());
    kept.videos.remove(&damaged);
    let finished = pull(&session, run, None, &mut kept);
    assert_eq!((kept.computed, pulled(&finished)), (2, in_folder(&output, "world")));
    assert!(all > 10);
}

#[test]
fn every_benchmark_comes_out_as_in_a_folder() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let clips = world.clips();
    let session = shipped();
    let compare = |name: &str, task: Task, data: &Path, limit: Option<usize>| {
        let output = folder.path().join(name);
        let limited = limit.map(|limit| limit.to_string());
        let mut args = vec!["--quiet", "eval", name, "--data", text(data), "--videos", text(&clips)];
        args.extend(["--allow-missing", "--output", text(&output)]);
        args.extend(limited.iter().flat_map(|limit| ["--limit", limit.as_str()]));
        succeed(&args);
        let run = begin(&session, &question(&session, task, limit), &DataFile::read(data).unwrap());
        let finished = pull(&session, run, Some(&clips), &mut Kept::default());
        let (mut own, mut expected) = (pulled(&finished), in_folder(&output, name));
        // What messages call the folder differs.
        for document in [&mut own.0, &mut expected.0] {
            *document = document.replace(text(&clips), "videos");
        }
        assert_eq!(own, expected, "{name}");
        finished
    };
    let finished = compare("pairs", Task::Pairs(PairTask::Pairs), &world.pairs(), Some(20));
    assert!(finished.results.is_complete());

    let name = |at: u64| format!("world_{}.mkv", 12_000_000_000 + at);
    let captions = |at: u64| -> Value {
        let path = clips.join(name(at).replace(".mkv", ".captions.json"));
        serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()["captions"][0].clone()
    };
    // The last one is missing.
    let row = |at: u64| match at {
        6 => json!({"video": "none.mp4", "caption": "a cat"}),
        at => json!({"video": name(at), "caption": captions(at)}),
    };
    let data = folder.path().join("ret.json");
    std::fs::write(&data, serde_json::to_string(&(0..7).map(row).collect::<Vec<_>>()).unwrap()).unwrap();
    let finished = compare("msrvtt", Task::Retrieval(RetrievalTask::Msrvtt), &data, None);
    assert_eq!((finished.results.missing_samples(), finished.results.effective), (1, 6));

    let row = |at: u64| format!("{},{}\n", name(at), ["cat", "dog", "robot"][at as usize % 3]);
    let data = folder.path().join("classes.csv");
    std::fs::write(&data, format!("video,caption\n{}", (0..6).map(row).collect::<String>())).unwrap();
    let finished = compare("k400", Task::Kinetics, &data, None);
    assert_eq!(finished.results.effective, 6);
}
