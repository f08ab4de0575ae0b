//! The ablation: which cells there are, that it goes on where it stopped, and its report.

use super::*;
use crate::event::Silent;
use crate::train::tests::{tiny, tiny_scenes};

fn small() -> AblateConfig {
    AblateConfig {
        train: TrainConfig { steps: 2, eval_clips: 4, log_every: 1, checkpoint_every: 1, ..tiny_scenes() },
        seed: 5,
        seeds: 2,
        alphas: vec![0.5],
        scene_tokens: vec![2],
        retrieval_clips: 5,
        grounding_clips: 3,
    }
}

#[test]
fn cells_differ_in_their_branches_alone() {
    let cells = small().cells();
    let names: Vec<String> = cells.iter().map(CellPlan::name).collect();
    assert_eq!(
        names,
        [
            "baseline-5", "tsg-5", "vsg-5", "both-5", "baseline-6", "tsg-6", "vsg-6", "both-6", "both-5-alpha-0.5",
            "both-5-tokens-2"
        ]
    );
    let [baseline, tsg, vsg, both] = [0, 1, 2, 3].map(|at| &cells[at].config);
    let whole = TrainConfig { seed: 5, ..small().train };
    assert_eq!(*both, whole);
    let switched = |config: &TrainConfig| {
        let has_tokens = config.scene_tokens.variant != SceneTokensVariant::None;
        (config.scenes, config.objective.text_branch, config.objective.visual_branch, has_tokens)
    };
    assert_eq!(switched(baseline), (0, false, false, false));
    assert_eq!(switched(tsg), (3, true, false, false));
    assert_eq!(switched(vsg), (3, false, true, true));
    assert_eq!(switched(both), (3, true, true, true));
    for config in [baseline, tsg, vsg] {
        let same = TrainConfig {
            scenes: whole.scenes,
            objective: whole.objective.clone(),
            scene_tokens: whole.scene_tokens.clone(),
            ..config.clone()
        };
        assert_eq!(same, whole);
    }
}

#[test]
fn a_stopped_ablation_goes_on_and_ends_as_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let device = Device::flex();
    let base = TrainConfig { steps: 1, eval_clips: 2, ..tiny() };
    let base_folder = at("base");
    let options = RunOptions { config: &base, base: None, output: &base_folder, resume: false };
    run(&options, &device, &mut Silent, &Abort::default()).unwrap();
    let config = AblateConfig { alphas: Vec::new(), scene_tokens: Vec::new(), ..small() };

    let (whole, parts) = (at("whole"), at("parts"));
    let of = |output| AblateOptions { config: &config, base: &base_folder, output };
    let report = ablate(&of(&whole), &device, &mut Silent, &Abort::default()).unwrap();
    assert!(report.markdown.contains("baseline") && report.html.contains("<svg"), "{}", report.markdown);
    assert!(whole.join("report.html").exists() && whole.join("report.md").exists());

    // Stopped in the second cell's training, after a checkpoint.
    let abort = Abort::default();
    let mut trained = 0;
    let mut stop = |event: Event| {
        if matches!(event, Event::Progress { stage: "train", .. }) {
            trained += 1;
            if trained == 3 {
                abort.request();
            }
        }
    };
    assert_eq!(ablate(&of(&parts), &device, &mut stop, &abort).unwrap_err().code(), "aborted");
    assert!(parts.join("cells/baseline-5/cell.json").exists() && !parts.join("cells/tsg-5/cell.json").exists());
    ablate(&of(&parts), &device, &mut Silent, &Abort::default()).unwrap();
    let cells = |output: &Path| -> Vec<Cell> {
        let read = |plan: &CellPlan| {
            let text = std::fs::read_to_string(output.join("cells").join(plan.name()).join("cell.json")).unwrap();
            Cell { hours: 0.0, ..serde_json::from_str(&text).unwrap() }
        };
        config.cells().iter().map(read).collect()
    };
    let (expected, found) = (cells(&whole), cells(&parts));
    assert_eq!(expected, found);
    for cell in &expected {
        let visual = matches!(cell.name, Variant::Vsg | Variant::Both);
        assert_eq!((cell.grounding.is_some(), cell.attention.is_some()), (visual, visual));
        assert_eq!((cell.losses.len(), cell.retrieval.len(), cell.kinds.len()), (2, 2, 14));
        assert!(cell.losses.iter().all(|point| point.vsg.is_some() == visual));
    }
    let other = AblateConfig { train: TrainConfig { batch: 5, ..config.train.clone() }, ..config.clone() };
    let other = AblateOptions { config: &other, ..of(&parts) };
    assert_eq!(ablate(&other, &device, &mut Silent, &Abort::default()).unwrap_err().code(), "invalid-input");
}
