//! Fine-tuning on the shipped model, whatever its numbers are.

use super::*;
use crate::event::Silent;
use crate::platform::{DeviceName, block_on};
use crate::session::convert_checkpoint;
use crate::source::{DiskFolder, MemoryFolder};
use crate::video::FrameSource as _;
use crate::video::preprocess::resized;
use crate::video::sampling::frame_indices;
use crate::weights::{ConvertOptions, find_config};
use crate::world::{WorldClip, vidor_json};

fn session() -> Session {
    let folder = DiskFolder::open(concat!(env!("CARGO_MANIFEST_DIR"), "/www/model")).unwrap();
    let device = block_on(ComputeDevice::open(DeviceName::Cpu)).unwrap();
    block_on(Session::open(folder, device, Dtype::F32, &mut Silent, &Abort::default())).unwrap()
}

/// Clips of the world with their near misses.
fn captions(session: &Session, seeds: std::ops::Range<u64>) -> Vec<FineTuneSample> {
    let preprocess = session.preprocess();
    let sample = |seed: u64| {
        let clip = WorldClip::from_seed(seed);
        let indices = frame_indices(preprocess.sampling, &clip.info(), preprocess.frames, 0).unwrap();
        let frames = resized(&clip.render(&indices), preprocess);
        let misses = clip.near_misses();
        let caption = misses.last().map_or_else(|| clip.caption(), |pair| pair.positive.clone());
        let near_misses = misses.last().map(|pair| pair.negative.clone()).into_iter().collect();
        FineTuneSample { frames, lesson: Lesson::Caption { caption, near_misses }, held_out: None }
    };
    seeds.map(sample).collect()
}

/// The same with their graphs.
fn graphs(session: &Session, seeds: std::ops::Range<u64>) -> Vec<FineTuneSample> {
    let preprocess = session.preprocess();
    let sample = |seed: u64| {
        let clip = WorldClip::from_seed(seed);
        let json = vidor_json(&clip.graph).to_string();
        let plan = GraphPlan::of_document(&json, preprocess.frames, clip.info().frame_count, seed).unwrap();
        let indices: Vec<usize> = plan.frames.iter().map(|frame| *frame as usize).collect();
        plan.with_frames(resized(&clip.render(&indices), preprocess), None).unwrap()
    };
    seeds.map(sample).collect()
}

/// A model whose linear maps have other names than the shipped one's: as a user has it, converted.
fn internvideo2(folder: &std::path::Path) -> Session {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/internvideo2_tiny");
    let checkpoint = std::path::Path::new(fixture).join("checkpoint_module.pt");
    let mut options = ConvertOptions::new(&checkpoint, folder.join("model"));
    options.config = find_config(&checkpoint);
    convert_checkpoint(options, None, true, &mut Silent, &Abort::default()).unwrap();
    let device = block_on(ComputeDevice::open(DeviceName::Cpu)).unwrap();
    let folder = DiskFolder::open(folder.join("model")).unwrap();
    block_on(Session::open(folder, device, Dtype::F32, &mut Silent, &Abort::default())).unwrap()
}

fn options() -> FineTuneOptions {
    FineTuneOptions { steps: 6, batch: 4, rank: 4, validate_every: 3, ..FineTuneOptions::default() }
}

fn begin(session: &mut Session, samples: &[FineTuneSample], options: &FineTuneOptions) -> FineTune {
    let plan = session.plan_fine_tune(samples.len(), options).unwrap();
    block_on(session.fine_tune(samples.to_vec(), options.clone(), plan)).unwrap()
}

fn losses(run: &mut FineTune, steps: usize) -> Vec<f64> {
    (0..steps).map(|_| block_on(run.step(&Abort::default())).unwrap().loss).collect()
}

fn near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < tolerance), "{a:?} and {b:?}");
}

#[test]
fn a_run_that_goes_on_from_its_state_takes_the_same_steps() {
    let mut session = session();
    let samples = captions(&session, 0..12);
    let mut whole = begin(&mut session, &samples, &options());
    assert_eq!(whole.samples(), (9, 3));
    block_on(whole.validate(&Abort::default())).unwrap();
    let expected = losses(&mut whole, 6);
    let mut first = begin(&mut session, &samples, &options());
    block_on(first.validate(&Abort::default())).unwrap();
    let mut got = losses(&mut first, 3);
    let state = block_on(first.state()).unwrap();
    drop(first);
    let kept = read_samples(&write_samples(&samples).unwrap()).unwrap();
    assert_eq!(kept, samples);
    let mut second = block_on(session.resume_fine_tune(kept, &state, None)).unwrap();
    assert_eq!((second.steps_done(), second.standing()), (3, whole.standing()));
    got.extend(losses(&mut second, 3));
    near(&got, &expected, 1e-6);
    assert!(second.is_finished());
    // A damaged state is told, and one of another model.
    let damaged = block_on(session.resume_fine_tune(samples.clone(), &state[..state.len() / 2], None)).err().unwrap();
    assert_eq!(damaged.code(), "corrupt-file");
    let told = String::from_utf8_lossy(&state).into_owned();
    let sha256 = session_sha256(&mut session);
    assert!(told.contains(&sha256));
    let at = state.windows(64).position(|window| window == sha256.as_bytes()).unwrap();
    let mut other = state;
    other[at..at + 64].fill(b'0');
    let wrong = block_on(session.resume_fine_tune(samples, &other, None)).err().unwrap();
    assert_eq!(wrong.code(), "wrong-base");
}

fn session_sha256(session: &mut Session) -> String {
    block_on(session.fingerprint()).unwrap().to_owned()
}

#[test]
fn how_a_step_is_cut_changes_no_loss() {
    let mut session = session();
    let samples = [captions(&session, 0..4), graphs(&session, 20..22)].concat();
    let options = FineTuneOptions { scene_tokens: true, validation_share: 0.0, ..options() };
    let plan = session.plan_fine_tune(samples.len(), &options).unwrap();
    let mut results = Vec::new();
    for (recompute, micro_batch) in [(false, 4), (true, 4), (true, 1)] {
        let plan = MemoryPlan { recompute, micro_batch, ..plan.clone() };
        let mut run = block_on(session.fine_tune(samples.clone(), options.clone(), plan)).unwrap();
        results.push(losses(&mut run, 3));
    }
    near(&results[0], &results[1], 1e-4);
    near(&results[0], &results[2], 1e-4);
}

#[test]
fn a_stopped_step_is_done_again_and_the_result_is_the_same() {
    let mut session = session();
    let samples = captions(&session, 0..8);
    let expected = losses(&mut begin(&mut session, &samples, &options()), 3);
    let mut run = begin(&mut session, &samples, &options());
    let mut got = losses(&mut run, 1);
    let abort = Abort::default();
    abort.request();
    assert_eq!(block_on(run.step(&abort)).unwrap_err().code(), "aborted");
    got.extend(losses(&mut run, 2));
    near(&got, &expected, 1e-9);
}

#[test]
fn what_was_learnt_fits_its_samples_and_is_an_adapter_of_this_model() {
    let mut session = session();
    let samples = captions(&session, 0..8);
    let options = FineTuneOptions { steps: 16, batch: 8, learning_rate: 4e-3, validate_every: 16, ..options() };
    // Held out are clips that are trained on: whether it learns at all is asked, not whether that carries over.
    let held = samples.iter().cloned().map(|sample| FineTuneSample { held_out: Some(true), ..sample });
    let trained = samples.iter().cloned().map(|sample| FineTuneSample { held_out: Some(false), ..sample });
    let samples: Vec<FineTuneSample> = trained.chain(held).collect();
    let mut run = begin(&mut session, &samples, &options);
    assert!(run.validation_is_due());
    block_on(run.validate(&Abort::default())).unwrap();
    let losses = losses(&mut run, 16);
    assert!(losses[15] < 0.8 * losses[0], "{losses:?}");
    let (after, best) = block_on(run.validate(&Abort::default())).unwrap();
    assert!(best && run.is_finished() && run.validation_is_due());
    let done = block_on(run.finish()).unwrap();
    assert_eq!((done.step, done.after), (16, after));
    assert!(done.after.margin > done.before.margin, "{:?} {:?}", done.before, done.after);
    assert!(done.after.accuracy >= done.before.accuracy, "{:?} {:?}", done.before, done.after);
    // Through PEFT's files and onto the session: the same margins as in training.
    let files = MemoryFolder::new("trained", done.adapter.to_files().unwrap());
    block_on(session.load_adapter("trained", &files, crate::session::Pairing::Checked, &mut Silent)).unwrap();
    let margin = |session: &Session| {
        let tested = Tested {
            model: session.model(),
            tokenizer: session.tokenizer().unwrap(),
            preprocess: session.preprocess(),
            device: session.device().device(),
        };
        let held: Vec<FineTuneSample> = samples.iter().filter(|s| s.held_out == Some(true)).cloned().collect();
        block_on(tested.validate(&held, &Abort::default())).unwrap()
    };
    assert_eq!(margin(&session), done.before);
    session.set_adapter_weights(&[("trained", 1.0)]).unwrap();
    let on = margin(&session);
    assert_eq!(on.accuracy, done.after.accuracy);
    assert!((on.margin.unwrap() - done.after.margin.unwrap()).abs() < 1e-5);
    session.set_adapter_weights(&[]).unwrap();
    assert_eq!(margin(&session), done.before);
}

/// Nothing names a linear map here, as in the page, where a user need not know a model's.
#[test]
fn an_internvideo2_is_fine_tuned_without_naming_its_maps() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = internvideo2(folder.path());
    let samples = captions(&session, 0..6);
    let options = FineTuneOptions::from_json(
        r#"{"steps": 8, "batch": 6, "rank": 4, "learningRate": 0.01, "validationShare": 0, "validateEvery": 8}"#,
    )
    .unwrap();
    let mut run = begin(&mut session, &samples, &options);
    let losses = losses(&mut run, 8);
    assert!(losses[7] < losses[0], "{losses:?}");
    let adapter = block_on(run.finish()).unwrap().adapter;
    // Four maps a block of the video encoder, six a block that embeds captions; none where captions are matched.
    assert_eq!(adapter.pairs.len(), 3 * 4 + 3 * 6);
    for path in ["vision_encoder.blocks.2.attn.qkv", "text_encoder.bert.encoder.layer.2.intermediate.dense"] {
        assert!(adapter.pairs[path].b.values.iter().any(|value| *value != 0.0), "{path}");
    }
    let files = MemoryFolder::new("trained", adapter.to_files().unwrap());
    block_on(session.load_adapter("trained", &files, crate::session::Pairing::Checked, &mut Silent)).unwrap();
    session.set_adapter_weights(&[("trained", 1.0)]).unwrap();
    assert_eq!(session.model().adapters().len(), 30);
}

#[test]
fn graphs_teach_both_branches() {
    let mut session = session();
    let samples = graphs(&session, 0..4);
    let options = FineTuneOptions { scene_tokens: true, validation_share: 0.0, batch: 2, ..options() };
    let mut run = begin(&mut session, &samples, &options);
    let report = block_on(run.step(&Abort::default())).unwrap();
    assert!(report.parts.contrastive.is_none());
    assert!([report.parts.triplets, report.parts.order, report.parts.scene].iter().all(Option::is_some), "{report:?}");
    losses(&mut run, 5);
    let done = block_on(run.finish()).unwrap();
    assert!(done.adapter.has_scene_tokens());
    // Without SG tokens to train, the same samples teach the encoders alone.
    let options = FineTuneOptions { scene_tokens: false, ..options };
    let mut run = begin(&mut session, &samples, &options);
    losses(&mut run, 1);
    assert!(!block_on(run.finish()).unwrap().adapter.has_scene_tokens());
}

#[test]
fn what_cannot_be_trained_is_told() {
    let mut session = session();
    let samples = captions(&session, 0..4);
    let plan = session.plan_fine_tune(4, &options()).unwrap();
    let mut refused = |samples: &[FineTuneSample], options: FineTuneOptions, plan: MemoryPlan| {
        block_on(session.fine_tune(samples.to_vec(), options, plan)).err().unwrap().code()
    };
    assert_eq!(refused(&[], options(), plan.clone()), "invalid-input");
    let mut blank = samples.clone();
    blank[1].lesson = Lesson::Caption { caption: " ".to_owned(), near_misses: Vec::new() };
    assert_eq!(refused(&blank, options(), plan.clone()), "empty-caption");
    let mut short = samples.clone();
    let size = short[0].frames.frame_size();
    short[0].frames.data.truncate(size);
    assert_eq!(refused(&short, options(), plan.clone()), "invalid-input");
    let target = FineTuneOptions { targets: vec!["q_proj".to_owned()], ..options() };
    assert_eq!(refused(&samples, target, plan.clone()), "invalid-config");
    assert_eq!(refused(&samples, options(), MemoryPlan { fits: false, ..plan }), "out-of-memory");
    let small = FineTuneOptions { memory_limit: Some(1 << 20), ..options() };
    let plan = session.plan_fine_tune(4, &small).unwrap();
    assert!(!plan.fits && plan.limit == Some(1 << 20), "{plan:?}");
    let json = vidor_json(&WorldClip::from_seed(1).graph).to_string();
    assert_eq!(GraphPlan::of_document(&json, 8, 3, 0).unwrap_err().code(), "invalid-input");
    assert_eq!(GraphPlan::of_document("{}", 8, 3, 0).unwrap_err().code(), "invalid-json");
}
