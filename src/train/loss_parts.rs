//! The parts of a step's loss, as a log line has them.

use crate::loss::Objective;
use burn::tensor::Tensor;
use serde::Serialize;

/// The parts of a step's loss; absent where a part is switched off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LossParts {
    /// L_con.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrastive: Option<f64>,
    /// L_TSG^R.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triplets: Option<f64>,
    /// L_TSG^T.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<f64>,
    /// L_VSG, before alpha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene: Option<f64>,
    /// L_s, before its weight in L_VSG, as all that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_subject: Option<f64>,
    /// L_o.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_object: Option<f64>,
    /// L_r.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_predicate: Option<f64>,
    /// L_l1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_l1: Option<f64>,
    /// L_giou.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_giou: Option<f64>,
    /// Contrast of regions with phrases, before its weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<f64>,
}

/// How many parts [`LossParts`] has.
const PARTS: usize = 10;

impl LossParts {
    /// Each part by its place in the struct.
    pub(super) fn of(mut part: impl FnMut(usize) -> Option<f64>) -> Self {
        Self {
            contrastive: part(0),
            triplets: part(1),
            order: part(2),
            scene: part(3),
            scene_subject: part(4),
            scene_object: part(5),
            scene_predicate: part(6),
            scene_l1: part(7),
            scene_giou: part(8),
            regions: part(9),
        }
    }

    fn places(&self) -> [Option<f64>; PARTS] {
        [
            self.contrastive,
            self.triplets,
            self.order,
            self.scene,
            self.scene_subject,
            self.scene_object,
            self.scene_predicate,
            self.scene_l1,
            self.scene_giou,
            self.regions,
        ]
    }

    /// Part by part, the mean over those of `all` that have it.
    #[must_use]
    pub fn mean(all: &[Self]) -> Self {
        let places: Vec<[Option<f64>; PARTS]> = all.iter().map(Self::places).collect();
        Self::of(|part| {
            let values: Vec<f64> = places.iter().filter_map(|places| places[part]).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        })
    }
}

/// The parts of an objective on the device, in the order of [`LossParts`].
pub(super) fn parts_of(objective: &Objective) -> [Option<&Tensor<1>>; PARTS] {
    let scene = objective.scene.as_ref();
    [
        objective.contrastive.as_ref(),
        objective.triplets.as_ref(),
        objective.order.as_ref(),
        scene.map(|scene| &scene.total),
        scene.map(|scene| &scene.subject),
        scene.map(|scene| &scene.object),
        scene.map(|scene| &scene.predicate),
        scene.map(|scene| &scene.l1),
        scene.map(|scene| &scene.giou),
        objective.regions.as_ref(),
    ]
}
