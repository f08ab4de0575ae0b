//! Boxes, matching and L_VSG against torchvision, scipy, the original matcher, brute force and finite differences.

use super::scene::{HostPredictions, weighted_cross_entropy};
use super::*;
use crate::model::scene_tokens::SceneHeads;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

struct Fixture(Vec<u8>);

impl Fixture {
    fn open(name: &str) -> Self {
        Self(std::fs::read(fixture(name).join("tensors.safetensors")).unwrap())
    }

    fn numbers(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let numbers = match view.dtype() {
            Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::I64 => {
                view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect()
            }
            other => panic!("no fixture holds {other:?}"),
        };
        (numbers, view.shape().to_vec())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.numbers(name).0
    }

    /// A leaf that keeps its gradient.
    fn leaf<const D: usize>(&self, name: &str) -> Tensor<D> {
        let (numbers, shape) = self.numbers(name);
        Tensor::from_data(TensorData::new(numbers, shape), &Device::flex().autodiff()).require_grad()
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture(path)).unwrap()).unwrap()
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn near(got: &[f32], expected: &[f32], allowed: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= allowed * (1.0 + b.abs()), "{what}[{at}]: {a} instead of {b}");
    }
}

fn boxes(numbers: &[f32]) -> Vec<[f32; 4]> {
    numbers.chunks(4).map(|c| [c[0], c[1], c[2], c[3]]).collect()
}

#[test]
fn overlap_is_torchvisions() {
    let fixture = Fixture::open("giou");
    let (a, b) = (boxes(&fixture.floats("a_cxcywh")), boxes(&fixture.floats("b_cxcywh")));
    let pairs = a.iter().flat_map(|a| b.iter().map(|b| generalized_iou_of(*a, *b) as f32));
    near(&pairs.collect::<Vec<_>>(), &fixture.floats("giou_pairwise"), 1e-5, "pairwise, on the host");
    let a: Tensor<2> = fixture.leaf("a_cxcywh");
    let b: Tensor<2> = fixture.leaf("b_cxcywh");
    let first = a.clone().narrow(0, 0, 7);
    let overlap = generalized_iou(first.clone(), b.clone());
    near(&floats(overlap.clone()), &fixture.floats("giou_diag7"), 1e-5, "row by row");
    let loss = (-overlap + 1.0).sum() + (first - b).abs().sum() * 5.0;
    near(&floats(loss.clone()), &fixture.floats("loss"), 1e-5, "loss");
    let gradient = floats(a.grad(&loss.backward()).unwrap());
    let expected = fixture.floats("grad_a7");
    // Rows 0 and 3 touch or are equal: their subgradient is a matter of convention.
    for row in [1, 2, 4, 5, 6] {
        let of = 4 * row..4 * row + 4;
        near(&gradient[of.clone()], &expected[of], 1e-5, &format!("gradient of row {row}"));
    }
}

#[test]
fn assignments_are_scipys() {
    for case in json("hungarian/cases.json").as_array().unwrap() {
        let rows = case["cost"].as_array().unwrap();
        let costs: Vec<f64> = rows.iter().flat_map(|r| r.as_array().unwrap()).map(|c| c.as_f64().unwrap()).collect();
        let columns = case["n_cols"].as_u64().unwrap() as usize;
        let pairs = assign(&costs, columns);
        let total: f64 = pairs.iter().map(|&(i, j)| costs[i * columns + j]).sum();
        assert!((total - case["total"].as_f64().unwrap()).abs() < 1e-6, "{case}");
        assert_eq!(pairs.len(), rows.len().min(columns));
        if case["kind"] != "int_ties" {
            let index = |name: &str| -> Vec<usize> {
                case[name].as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect()
            };
            let expected: Vec<_> = index("row_ind").into_iter().zip(index("col_ind")).collect();
            assert_eq!(pairs, expected);
        }
    }
}

/// The smallest total over every way to pair rows with different columns.
fn cheapest(costs: &[f64], columns: usize, row: usize, taken: u32) -> f64 {
    let rows = costs.len() / columns;
    if row == rows {
        return if taken.count_ones() as usize == rows.min(columns) { 0.0 } else { f64::INFINITY };
    }
    let with = (0..columns)
        .filter(|column| taken & (1 << column) == 0)
        .map(|column| costs[row * columns + column] + cheapest(costs, columns, row + 1, taken | 1 << column));
    let without = if rows > columns { cheapest(costs, columns, row + 1, taken) } else { f64::INFINITY };
    with.fold(without, f64::min)
}

proptest! {
    #[test]
    fn no_assignment_is_cheaper(rows in 1usize..6, columns in 1usize..6, numbers in prop::collection::vec(-5.0f64..5.0, 25)) {
        let costs = &numbers[..rows * columns];
        let pairs = assign(costs, columns);
        prop_assert_eq!(pairs.len(), rows.min(columns));
        prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0));
        let mut used: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), pairs.len());
        let total: f64 = pairs.iter().map(|&(i, j)| costs[i * columns + j]).sum();
        prop_assert!((total - cheapest(costs, columns, 0, 0)).abs() < 1e-9);
    }
}

#[test]
fn costs_that_are_no_numbers_are_avoided() {
    let nan = f64::NAN;
    assert_eq!(assign(&[nan, 1.0, 1.0, nan], 2), [(0, 1), (1, 0)]);
    assert_eq!(assign(&[nan], 1), [(0, 0)]);
    assert!(assign(&[], 0).is_empty());
}

/// The original matcher has one class and one box a query; ours has three and two. Its parts are ours.
#[test]
fn the_original_matchers_cases_come_out_the_same() {
    let fixture = Fixture::open("detr_matcher");
    for (number, case) in json("detr_matcher/cases.json").as_array().unwrap().iter().enumerate() {
        let key = |name: &str| format!("c{number}_{name}");
        let count = |name: &str| case[name].as_u64().unwrap() as usize;
        let (batch, queries, classes) = (count("B"), count("Q"), count("C") + 1);
        let logits: Tensor<3> = fixture.leaf(&key("pred_logits"));
        let raw: Tensor<3> = fixture.leaf(&key("pred_boxes_raw"));
        let predicted = sigmoid(raw.clone());
        let probabilities = floats(burn::tensor::activation::softmax(logits.clone(), 2));
        let host = boxes(&floats(predicted.clone()));
        let mut labels = vec![classes - 1; batch * queries];
        let (mut rows, mut expected, mut targets) = (Vec::new(), Vec::new(), 0);
        for item in 0..batch {
            let classes_of: Vec<usize> =
                fixture.floats(&key(&format!("tgt_labels{item}"))).iter().map(|l| *l as usize).collect();
            let boxes_of = boxes(&fixture.floats(&key(&format!("tgt_boxes{item}"))));
            let cost = |query: usize, target: usize| {
                let row = item * queries + query;
                let l1: f64 = (0..4).map(|i| f64::from((host[row][i] - boxes_of[target][i]).abs())).sum();
                5.0 * l1
                    - f64::from(probabilities[row * classes + classes_of[target]])
                    - 2.0 * generalized_iou_of(host[row], boxes_of[target])
            };
            let costs: Vec<f64> =
                (0..queries).flat_map(|q| (0..boxes_of.len()).map(move |t| (q, t))).map(|(q, t)| cost(q, t)).collect();
            let pairs = assign(&costs, boxes_of.len());
            let index = |at: usize| -> Vec<usize> {
                let list = case[format!("match{item}")][at].as_array().unwrap();
                list.iter().map(|i| i.as_u64().unwrap() as usize).collect()
            };
            assert_eq!(pairs, index(0).into_iter().zip(index(1)).collect::<Vec<_>>(), "case {number}, item {item}");
            for (query, target) in pairs {
                labels[item * queries + query] = classes_of[target];
                rows.push((item * queries + query) as i32);
                expected.extend(boxes_of[target]);
            }
            targets += boxes_of.len();
        }
        let flat = logits.clone().reshape([batch * queries, classes]);
        let ce = weighted_cross_entropy(flat, &labels, case["eos_coef"].as_f64().unwrap());
        let index = Tensor::<1, burn::tensor::Int>::from_data(
            TensorData::new(rows.clone(), [rows.len()]),
            &Device::flex().autodiff(),
        );
        let chosen = predicted.reshape([batch * queries, 4]).select(0, index);
        let expected = Tensor::<2>::from_data(TensorData::new(expected, [rows.len(), 4]), &Device::flex().autodiff());
        let l1 = (chosen.clone() - expected.clone()).abs().sum() / targets as f64;
        let giou = (-generalized_iou(chosen, expected) + 1.0).sum() / targets as f64;
        let total = ce.clone() + l1.clone() * 5.0 + giou.clone() * 2.0;
        for (name, got) in [("loss_ce", &ce), ("loss_bbox", &l1), ("loss_giou", &giou), ("total", &total)] {
            near(&floats(got.clone()), &[case[name].as_f64().unwrap() as f32], 1e-5, name);
        }
        let gradients = total.backward();
        near(&floats(logits.grad(&gradients).unwrap()), &fixture.floats(&key("grad_pred_logits")), 1e-5, "logits");
        near(&floats(raw.grad(&gradients).unwrap()), &fixture.floats(&key("grad_pred_boxes_raw")), 1e-5, "boxes");
    }
}

/// Heads of two clips, one frame each, three tokens, two entities and one predicate, of `numbers` that are leaves.
fn heads(numbers: &[f32], device: &Device) -> (SceneHeads, Vec<Tensor<4>>) {
    let mut rest = numbers;
    let mut leaf = |last: usize| {
        let (own, others) = rest.split_at(6 * last);
        rest = others;
        Tensor::<4>::from_data(TensorData::new(own.to_vec(), [2, 1, 3, last]), device).require_grad()
    };
    let leaves = vec![leaf(3), leaf(3), leaf(2), leaf(4), leaf(4)];
    let heads = SceneHeads {
        logit_s: leaves[0].clone(),
        logit_o: leaves[1].clone(),
        logit_p: leaves[2].clone(),
        box_s: sigmoid(leaves[3].clone()),
        box_o: sigmoid(leaves[4].clone()),
    };
    (heads, leaves)
}

fn targets() -> FrameTargets {
    let target = |subject, object, x: f32| TripletTarget {
        subject,
        predicate: 0,
        object,
        subject_box: [x, 0.4, 0.3, 0.2],
        object_box: [0.5, x, 0.15, 0.4],
    };
    vec![vec![target(0, 1, 0.3), target(1, 1, 0.62)], vec![]]
}

#[test]
fn the_visual_branchs_gradient_is_that_of_finite_differences() {
    let device = Device::flex().autodiff();
    let numbers: Vec<f32> = (0..6 * 16).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 1.3).collect();
    let config = SceneLossConfig::default();
    let (predicted, leaves) = heads(&numbers, &device);
    let host = crate::platform::block_on(HostPredictions::read(&predicted)).unwrap();
    let matches = host.matches(&targets(), &config);
    assert_eq!(matches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0]);
    let loss = |numbers: &[f32]| scene::scene_loss(&heads(numbers, &device).0, &targets(), &matches, &config).unwrap();
    let whole = scene::scene_loss(&predicted, &targets(), &matches, &config).unwrap();
    let parts = floats(whole.subject.clone() + whole.object.clone() + whole.predicate.clone())[0] / 3.0
        + 5.0 * floats(whole.l1.clone())[0]
        + 2.0 * floats(whole.giou.clone())[0];
    assert!((parts - floats(whole.total.clone())[0]).abs() < 1e-5);
    let gradients = whole.total.backward();
    let got: Vec<f32> = leaves.iter().flat_map(|leaf| floats(leaf.grad(&gradients).unwrap())).collect();
    for at in 0..numbers.len() {
        let shifted = |by: f32| {
            let mut numbers = numbers.clone();
            numbers[at] += by;
            f64::from(floats(loss(&numbers).total)[0])
        };
        let slope = (shifted(4e-3) - shifted(-4e-3)) / 8e-3;
        assert!((f64::from(got[at]) - slope).abs() < 2e-3, "number {at}: {} instead of {slope}", got[at]);
    }
}

#[test]
fn the_alternatives_weigh_as_they_say() {
    let numbers: Vec<f32> = (0..6 * 16).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 1.3).collect();
    let (predicted, leaves) = heads(&numbers, &Device::flex().autodiff());
    let host = crate::platform::block_on(HostPredictions::read(&predicted)).unwrap();
    let costs = |config: &SceneLossConfig| scene::match_costs(&host.frame(0), &targets()[0], config);
    let usual = SceneLossConfig::default();
    let ones = SceneLossConfig { class_weight: 1.0, l1_weight: 1.0, giou_weight: 1.0, ..usual };
    assert_eq!(costs(&SceneLossConfig { match_weights: MatchWeights::Unit, ..usual }), costs(&ones));
    assert_ne!(costs(&usual), costs(&ones));

    let matches = host.matches(&targets(), &usual);
    let loss = |config: &SceneLossConfig| scene::scene_loss(&predicted, &targets(), &matches, config).unwrap();
    let mean = SceneLossConfig { box_terms: BoxTerms::Mean, ..usual };
    let half = SceneLossConfig { l1_weight: 2.5, giou_weight: 1.0, ..usual };
    assert_eq!(costs(&mean), costs(&half));
    near(&floats(loss(&mean).total), &floats(loss(&half).total), 1e-6, "total");
    near(&floats(loss(&mean).l1 * 2.0), &floats(loss(&usual).l1), 1e-6, "l1");
    near(&floats(loss(&mean).giou * 2.0), &floats(loss(&usual).giou), 1e-6, "giou");

    // Two of the first frame's three tokens have a match, none of the second's.
    let ignoring = loss(&SceneLossConfig { no_object_weight: 0.0, ..usual });
    let gradient = floats(leaves[0].grad(&ignoring.total.backward()).unwrap());
    let taught = gradient.chunks(3).map(|row| row.iter().any(|number| *number != 0.0));
    let matched: Vec<bool> = (0..6).map(|token| matches[0].iter().any(|pair| pair.0 == token)).collect();
    assert_eq!(taught.collect::<Vec<_>>(), matched);
}

#[test]
fn targets_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let (predicted, _) = heads(&[0.1; 96], &device.clone().autodiff());
    let refused = |targets: FrameTargets, matches: Matches| {
        scene::scene_loss(&predicted, &targets, &matches, &SceneLossConfig::default()).unwrap_err().code()
    };
    assert_eq!(refused(vec![vec![]], vec![vec![], vec![]]), "shape-mismatch");
    assert_eq!(refused(targets(), vec![vec![(0, 5)], vec![]]), "shape-mismatch");
    assert_eq!(refused(targets(), vec![vec![(3, 0)], vec![]]), "shape-mismatch");
    let mut unknown = targets();
    unknown[0][0].subject = 2;
    assert_eq!(refused(unknown, vec![vec![(0, 0)], vec![]]), "shape-mismatch");
}

#[test]
fn a_step_without_triplets_still_teaches_that_there_are_none() {
    let (predicted, leaves) = heads(&[0.1; 96], &Device::flex().autodiff());
    let none: FrameTargets = vec![vec![], vec![]];
    let matches = vec![vec![], vec![]];
    let loss = scene::scene_loss(&predicted, &none, &matches, &SceneLossConfig::default()).unwrap();
    assert_eq!(floats(loss.l1.clone() + loss.giou.clone()), [0.0]);
    let gradient = leaves[0].grad(&loss.total.backward()).unwrap();
    // Towards the last class.
    assert!(floats(gradient).chunks(3).all(|row| row[2] < 0.0 && row[0] > 0.0));
}
