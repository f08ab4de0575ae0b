//! The cells of an ablation put in order, and what is measured over them: means over seeds, and differences between two
//! variants seed by seed.

use super::cell::{Cell, Sweep, Variant};
use super::estimate::Estimate;
use crate::error::{Error, Result};
use crate::world::{NearMissKind, Split};
use std::collections::BTreeMap;

/// Kinds of near misses that a number is the mean over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// One kind.
    One(NearMissKind),
    /// The three of agents.
    Agent,
    /// The three of actions.
    Action,
    /// All.
    All,
}

impl Kinds {
    /// The kinds.
    #[must_use]
    pub fn list(self) -> Vec<NearMissKind> {
        match self {
            Self::One(kind) => vec![kind],
            Self::Agent => NearMissKind::ALL[..3].to_vec(),
            Self::Action => NearMissKind::ALL[3..6].to_vec(),
            Self::All => NearMissKind::ALL.to_vec(),
        }
    }
}

/// What can be measured of a cell, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Accuracy on near misses, the mean over kinds.
    Accuracy(Split, Kinds),
    /// Recall at rank 1 of videos for texts.
    TextToVideo(Split),
    /// Recall at rank 1 of texts for videos.
    VideoToText(Split),
    /// Recall of triplets by the scene-graph tokens.
    Grounding,
}

/// Cells that have been checked.
#[derive(Debug, Clone, Copy)]
pub struct Study<'a> {
    cells: &'a [Cell],
}

impl<'a> Study<'a> {
    /// Checks the cells.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for none, for one that [`Cell::validate`] refuses, and for two that are the same.
    pub fn of(cells: &'a [Cell]) -> Result<Self> {
        if cells.is_empty() {
            let reason = "there are none; let the first cell finish".to_owned();
            return Err(Error::InvalidInput { what: "cells of the ablation".to_owned(), reason });
        }
        for (at, cell) in cells.iter().enumerate() {
            cell.validate()?;
            let key = |cell: &Cell| (cell.name, cell.seed, cell.sweep, cell.alpha.to_bits(), cell.scene_tokens);
            if cells[..at].iter().any(|other| key(other) == key(cell)) {
                return Err(Error::InvalidInput { what: cell.told(), reason: "it is there twice".to_owned() });
            }
        }
        Ok(Self { cells })
    }

    /// Every cell.
    #[must_use]
    pub const fn cells(&self) -> &'a [Cell] {
        self.cells
    }

    /// The cells of a variant that are no point of a sweep.
    pub fn of_variant(&self, variant: Variant) -> impl Iterator<Item = &'a Cell> {
        self.cells.iter().filter(move |cell| cell.name == variant && cell.sweep.is_none())
    }

    /// The variants that have cells, in order.
    #[must_use]
    pub fn variants(&self) -> Vec<Variant> {
        Variant::ALL.into_iter().filter(|variant| self.of_variant(*variant).next().is_some()).collect()
    }

    /// The seeds of the ablation's own cells, in order.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        let own = self.cells.iter().filter(|cell| cell.sweep.is_none());
        own.map(|cell| cell.seed).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The kinds that some cell was tested on, in the order of the paper's table.
    #[must_use]
    pub fn kinds(&self, split: Split) -> Vec<NearMissKind> {
        let tested = |kind: &NearMissKind| self.cells.iter().any(|cell| count(cell, split, *kind).is_some());
        NearMissKind::ALL.into_iter().filter(tested).collect()
    }

    /// A number of a cell in percent; none where it was not measured. A mean over kinds is over the same kinds in every
    /// cell: where one lacks a kind that others have, it has no mean.
    #[must_use]
    pub fn value(&self, cell: &Cell, measure: Measure) -> Option<f64> {
        let retrieval = |split: Split| cell.retrieval.iter().find(|found| found.split == split.name());
        match measure {
            Measure::Accuracy(split, kinds) => {
                let tested = self.kinds(split);
                let kinds: Vec<_> = kinds.list().into_iter().filter(|kind| tested.contains(kind)).collect();
                let shares = kinds.iter().map(|kind| {
                    let (correct, total) = count(cell, split, *kind)?;
                    Some(correct as f64 / total as f64)
                });
                let shares = shares.collect::<Option<Vec<f64>>>().filter(|shares| !shares.is_empty())?;
                Some(100.0 * shares.iter().sum::<f64>() / shares.len() as f64)
            }
            Measure::TextToVideo(split) => Some(100.0 * retrieval(split)?.text_to_video),
            Measure::VideoToText(split) => Some(100.0 * retrieval(split)?.video_to_text),
            Measure::Grounding => {
                let grounding = cell.grounding.filter(|grounding| grounding.triplets > 0)?;
                Some(100.0 * grounding.found as f64 / grounding.triplets as f64)
            }
        }
    }

    /// The mean over a variant's seeds.
    #[must_use]
    pub fn mean(&self, variant: Variant, measure: Measure) -> Option<Estimate> {
        Estimate::of(&self.by_seed(variant, measure).into_values().collect::<Vec<_>>())
    }

    /// The mean over seeds of `variant` minus `other` of the same seed, over the seeds that both have.
    #[must_use]
    pub fn difference(&self, variant: Variant, other: Variant, measure: Measure) -> Option<Estimate> {
        let other = self.by_seed(other, measure);
        let ours = self.by_seed(variant, measure);
        let pairs = ours.iter().filter_map(|(seed, value)| Some(value - other.get(seed)?));
        Estimate::of(&pairs.collect::<Vec<_>>())
    }

    fn by_seed(&self, variant: Variant, measure: Measure) -> BTreeMap<u64, f64> {
        self.of_variant(variant).filter_map(|cell| Some((cell.seed, self.value(cell, measure)?))).collect()
    }

    /// The points of a sweep over SGCR-Vid's cells, in order: the value that is swept and the cells with it, those of the
    /// ablation itself included. Empty without cells of the sweep.
    #[must_use]
    pub fn sweep(&self, sweep: Sweep) -> Vec<(f64, Vec<&'a Cell>)> {
        if self.cells.iter().all(|cell| cell.sweep != Some(sweep)) {
            return Vec::new();
        }
        let at = |cell: &Cell| match sweep {
            Sweep::Alpha => cell.alpha,
            Sweep::SceneTokens => cell.scene_tokens as f64,
        };
        let taken = |cell: &&Cell| cell.name == Variant::Both && cell.sweep.is_none_or(|of| of == sweep);
        let mut points: Vec<(f64, Vec<&Cell>)> = Vec::new();
        for cell in self.cells.iter().filter(taken) {
            match points.iter_mut().find(|(value, _)| value.total_cmp(&at(cell)).is_eq()) {
                Some((_, cells)) => cells.push(cell),
                None => points.push((at(cell), vec![cell])),
            }
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    /// What a reader must know before comparing: cells that are missing, or that were not trained or tested alike.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let seeds = self.seeds();
        for variant in Variant::ALL {
            let missing: Vec<String> = seeds
                .iter()
                .filter(|seed| self.of_variant(variant).all(|cell| cell.seed != **seed))
                .map(ToString::to_string)
                .collect();
            if !missing.is_empty() {
                warnings.push(format!("No cell yet of {} with seed {}.", variant.title(), missing.join(", ")));
            }
        }
        if seeds.len() < 3 {
            let told = if seeds.len() == 1 { "one seed".to_owned() } else { format!("{} seeds", seeds.len()) };
            warnings.push(format!("Only {told}: three are the least that intervals mean something with."));
        }
        let own = || self.cells.iter().filter(|cell| cell.sweep.is_none());
        let steps: std::collections::BTreeSet<usize> = own().map(|cell| cell.steps).collect();
        if steps.len() > 1 {
            warnings
                .push(format!("Cells were trained for different numbers of steps ({steps:?}): they do not compare."));
        }
        for split in Split::ALL {
            let tests =
                |cell: &Cell| NearMissKind::ALL.map(|kind| count(cell, split, kind).map_or(0, |(_, total)| total));
            let mut tests = own().map(tests);
            if let Some(first) = tests.next()
                && tests.any(|other| other != first)
            {
                warnings.push(format!("Cells were tested on different pairs of the {} split.", split.name()));
            }
        }
        warnings
    }
}

/// Right answers and pairs of a kind that was tested.
fn count(cell: &Cell, split: Split, kind: NearMissKind) -> Option<(u64, u64)> {
    let found = cell.kinds.iter().find(|count| count.split == split.name() && count.kind == kind.name())?;
    Some((found.correct, found.total)).filter(|(_, total)| *total > 0)
}
