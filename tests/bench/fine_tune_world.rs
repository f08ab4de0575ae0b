//! A fine-tuning run on clips of the generated world, natively: `fine_tune_world MODEL OPTIONS SEED…`, OPTIONS being JSON
//! as the page gives them. Each clip has its first near miss. Prints one
//! JSON line: the losses and how the held-out clips fare. `tests/e2e/fine_tune.test.mjs` holds the page against it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A test or bench that fails may panic.

use sgcr::config::Dtype;
use sgcr::event::{Abort, Silent};
use sgcr::platform::{ComputeDevice, DeviceName, block_on};
use sgcr::session::{FineTuneOptions, FineTuneSample, Lesson, Session};
use sgcr::source::DiskFolder;
use sgcr::video::FrameSource as _;
use sgcr::video::preprocess::resized;
use sgcr::video::sampling::frame_indices;
use sgcr::world::WorldClip;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, options, seeds @ ..] = arguments.as_slice() else { panic!("MODEL OPTIONS SEED…") };
    let options = FineTuneOptions::from_json(options).expect("options");
    let device = block_on(ComputeDevice::open(DeviceName::Cpu)).unwrap();
    let folder = DiskFolder::open(model.as_str()).unwrap();
    let mut session =
        block_on(Session::open(folder, device, Dtype::F32, &mut Silent, &Abort::default())).expect("a model");
    let samples: Vec<_> = seeds.iter().map(|seed| sample(&session, seed.parse().expect("a seed"))).collect();
    let plan = session.plan_fine_tune(samples.len(), &options).unwrap();
    let mut run = block_on(session.fine_tune(samples, options, plan)).unwrap();
    let mut losses = Vec::new();
    while !run.is_finished() {
        if run.validation_is_due() {
            block_on(run.validate(&Abort::default())).unwrap();
        }
        losses.push(block_on(run.step(&Abort::default())).unwrap().loss);
    }
    if run.validation_is_due() {
        block_on(run.validate(&Abort::default())).unwrap();
    }
    let done = block_on(run.finish()).unwrap();
    println!("{}", serde_json::json!({"losses": losses, "before": done.before, "after": done.after}));
}

/// As the page makes it of `worldClip(seed)`.
fn sample(session: &Session, seed: u64) -> FineTuneSample {
    let preprocess = session.preprocess();
    let clip = WorldClip::from_seed(seed);
    // The page's frames have no clock.
    let info = sgcr::video::VideoInfo { fps: None, ..clip.info() };
    let indices = frame_indices(preprocess.sampling, &info, preprocess.frames, 0).unwrap();
    let frames = resized(&clip.render(&indices), preprocess);
    let miss = clip.near_misses().into_iter().next().expect("a clip with a near miss");
    let lesson = Lesson::Caption { caption: miss.positive, near_misses: vec![miss.negative] };
    FineTuneSample { frames, lesson, held_out: None }
}
