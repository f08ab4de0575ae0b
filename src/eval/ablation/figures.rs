//! The figures of the report: the paper's Figures 3, 4, 6 and 7 with the numbers of our world, and two of our own.

use super::cell::{Attention, Cell, LossPoint, Sweep, Variant};
use super::estimate::Estimate;
use super::plot::{Axis, Mark, Panel, Plot, range};
use super::study::{Kinds, Measure, Study};
use crate::world::{NearMissKind, Split};
use plotters::style::RGBColor;
use std::collections::BTreeMap;

/// Chance on a pair of captions, in percent.
const CHANCE: f64 = 50.0;
/// Share of a name's place that its bars take.
const BARS: f64 = 0.8;

/// Which of a cell's attention is shown.
type Layers = fn(&Attention) -> &[[f64; 3]];
/// Which of a step's losses is shown.
type LossPart = fn(&LossPoint) -> Option<f64>;

/// Colours that stay apart for colour-blind readers (Okabe and Ito's, darkened for white paper).
const fn color(variant: Variant) -> RGBColor {
    match variant {
        Variant::Baseline => RGBColor(0x9a, 0xa1, 0xab),
        Variant::Tsg => RGBColor(0xe0, 0x93, 0x1c),
        Variant::Vsg => RGBColor(0x3b, 0x9b, 0xd1),
        Variant::Both => RGBColor(0x0b, 0x7a, 0x5b),
    }
}

const DARK: RGBColor = RGBColor(0x33, 0x3b, 0x47);
const PURPLE: RGBColor = RGBColor(0xb0, 0x5c, 0x97);

/// The columns of the paper's Table 2: the kinds and their mean.
fn columns(study: &Study<'_>, split: Split) -> Vec<([String; 2], Measure)> {
    let kinds = study.kinds(split).into_iter().map(|kind| {
        let (first, second) = kind.title().split_once(' ').unwrap_or((kind.title(), ""));
        ([first.to_owned(), second.to_owned()], Measure::Accuracy(split, Kinds::One(kind)))
    });
    let mean = (["mean".to_owned(), String::new()], Measure::Accuracy(split, Kinds::All));
    kinds.chain([mean]).collect()
}

fn legend(variants: &[Variant]) -> Vec<(String, RGBColor)> {
    variants.iter().map(|variant| (variant.title().to_owned(), color(*variant))).collect()
}

fn whisker(x: f64, estimate: &Estimate, color: RGBColor) -> Option<Mark> {
    estimate.half.map(|_| Mark::Whisker { x, low: estimate.low(), high: estimate.high(), color })
}

/// Accuracy by kind and variant (Figure 3); bars begin at chance.
#[must_use]
pub fn accuracies(study: &Study<'_>, split: Split) -> Plot {
    let (columns, variants) = (columns(study, split), study.variants());
    let width = BARS / variants.len().max(1) as f64;
    let mut marks = Vec::new();
    let mut ends = Vec::new();
    for (place, (_, measure)) in columns.iter().enumerate() {
        for (at, variant) in variants.iter().enumerate() {
            let Some(estimate) = study.mean(*variant, *measure) else { continue };
            let x = place as f64 + 0.5 + (at as f64 + 0.5) * width - 0.5 * BARS;
            let color = color(*variant);
            marks.push(Mark::Bar { x, width: 0.9 * width, base: CHANCE, top: estimate.mean, color });
            marks.extend(whisker(x, &estimate, DARK));
            ends.extend([estimate.low(), estimate.high()]);
        }
    }
    let panel = Panel {
        title: String::new(),
        x: Axis::Names(columns.into_iter().map(|(name, _)| name).collect(), String::new()),
        y_title: "accuracy, %".to_owned(),
        y: range(ends, CHANCE),
        reference: Some(CHANCE),
        marks,
    };
    Plot { legend: legend(&variants), panels: vec![panel] }
}

/// Differences to the baseline by kind, seed by seed; none without a baseline or a variant.
#[must_use]
pub fn gains(study: &Study<'_>, split: Split) -> Option<Plot> {
    let columns = columns(study, split);
    let variants: Vec<_> = study.variants().into_iter().filter(|variant| *variant != Variant::Baseline).collect();
    let width = BARS / variants.len().max(1) as f64;
    let mut marks = Vec::new();
    let mut ends = Vec::new();
    for (place, (_, measure)) in columns.iter().enumerate() {
        for (at, variant) in variants.iter().enumerate() {
            let Some(estimate) = study.difference(*variant, Variant::Baseline, *measure) else { continue };
            let x = place as f64 + 0.5 + (at as f64 + 0.5) * width - 0.5 * BARS;
            marks.extend(whisker(x, &estimate, color(*variant)));
            marks.push(Mark::Dot { x, y: estimate.mean, color: color(*variant) });
            ends.extend([estimate.low(), estimate.high()]);
        }
    }
    let panel = Panel {
        title: String::new(),
        x: Axis::Names(columns.into_iter().map(|(name, _)| name).collect(), String::new()),
        y_title: "points over the baseline".to_owned(),
        y: range(ends, 0.0),
        reference: Some(0.0),
        marks,
    };
    (!panel.marks.is_empty()).then(|| Plot { legend: legend(&variants), panels: vec![panel] })
}

/// Whom the CLS token attends to, layer by layer (Figure 4): SGCR-Vid's cells, or those of the visual branch alone where
/// there are none. Right and wrong answers side by side where they were told apart.
#[must_use]
pub fn attention(study: &Study<'_>) -> Option<(Variant, Plot)> {
    let measured = |variant: &Variant| study.of_variant(*variant).any(|cell| cell.attention.is_some());
    let variant = [Variant::Both, Variant::Vsg].into_iter().find(measured)?;
    let all: Vec<&Attention> = study.of_variant(variant).filter_map(|cell| cell.attention.as_ref()).collect();
    let split = all.iter().any(|attention| !attention.right.is_empty() && !attention.wrong.is_empty());
    let panels: Vec<(&str, Layers)> = if split {
        vec![("(a) told apart", |attention| &attention.right), ("(b) not told apart", |attention| &attention.wrong)]
    } else {
        vec![("", |attention| &attention.all)]
    };
    let panels = panels.into_iter().map(|(title, layers)| {
        let shares: Vec<&[[f64; 3]]> = all.iter().map(|attention| layers(attention)).collect();
        (title, shares)
    });
    Some((variant, attention_plot(&panels.collect::<Vec<_>>())))
}

/// Shares of CLS's attention: each panel with its title and, of one model or several, `[CLS, scene-graph tokens, patches]`
/// of every layer.
#[must_use]
pub fn attention_plot(panels: &[(&str, Vec<&[[f64; 3]]>)]) -> Plot {
    let legend = [("scene-graph tokens", color(Variant::Both)), ("patches", DARK)];
    let legend = legend.map(|(name, color)| (name.to_owned(), color)).to_vec();
    Plot { legend, panels: panels.iter().map(|(title, models)| attention_panel(title, models)).collect() }
}

fn attention_panel(title: &str, cells: &[&[[f64; 3]]]) -> Panel {
    let layers = cells.iter().map(|layers| layers.len()).max().unwrap_or(0);
    let mut marks = Vec::new();
    for (part, color) in [(1, color(Variant::Both)), (2, DARK)] {
        let mut points = Vec::new();
        for layer in 0..layers {
            let shares = cells.iter().filter_map(|cell| Some(100.0 * cell.get(layer)?[part]));
            let Some(estimate) = Estimate::of(&shares.collect::<Vec<_>>()) else { continue };
            let x = layer as f64 + 0.5;
            points.push((x, estimate.mean));
            marks.extend(whisker(x, &estimate, color));
            marks.push(Mark::Dot { x, y: estimate.mean, color });
        }
        marks.push(Mark::Line { points, width: 2, color });
    }
    Panel {
        title: title.to_owned(),
        x: Axis::Names((1..=layers).map(|layer| [layer.to_string(), String::new()]).collect(), "layer".to_owned()),
        y_title: "share of CLS attention, %".to_owned(),
        y: 0.0..105.0,
        reference: None,
        marks,
    }
}

/// Accuracy over alpha (Figure 6) or the number of scene-graph tokens (Figure 7); none without cells of the sweep.
#[must_use]
pub fn sweep(study: &Study<'_>, sweep: Sweep) -> Option<Plot> {
    let points = study.sweep(sweep);
    let groups = [
        ("mean", Kinds::All, color(Variant::Both), 3),
        ("agent", Kinds::Agent, color(Variant::Tsg), 1),
        ("action", Kinds::Action, color(Variant::Vsg), 1),
        ("chronology", Kinds::One(NearMissKind::Chronology), PURPLE, 1),
    ];
    let mut marks = Vec::new();
    let mut ends = Vec::new();
    for (_, kinds, color, width) in groups {
        let measure = Measure::Accuracy(Split::Test, kinds);
        let mut line = Vec::new();
        for (at, (_, cells)) in points.iter().enumerate() {
            let values: Vec<f64> = cells.iter().filter_map(|cell| study.value(cell, measure)).collect();
            let Some(estimate) = Estimate::of(&values) else { continue };
            let x = at as f64 + 0.5;
            line.push((x, estimate.mean));
            ends.push(estimate.mean);
            if kinds == Kinds::All {
                ends.extend([estimate.low(), estimate.high()]);
                marks.extend(whisker(x, &estimate, color));
            }
            marks.push(Mark::Dot { x, y: estimate.mean, color });
        }
        marks.push(Mark::Line { points: line, width, color });
    }
    let baseline = study.mean(Variant::Baseline, Measure::Accuracy(Split::Test, Kinds::All)).map(|mean| mean.mean);
    let always = ends.first().copied()?;
    ends.extend(baseline);
    let names = points.iter().map(|(value, _)| [value.to_string(), String::new()]).collect();
    let title = match sweep {
        Sweep::Alpha => "alpha, weight of the visual branch's loss",
        Sweep::SceneTokens => "scene-graph tokens a frame",
    };
    let panel = Panel {
        title: String::new(),
        x: Axis::Names(names, title.to_owned()),
        y_title: "accuracy, %".to_owned(),
        y: range(ends, always),
        reference: baseline,
        marks,
    };
    let legend = groups.map(|(name, _, color, _)| (name.to_owned(), color)).to_vec();
    Some(Plot { legend, panels: vec![panel] })
}

/// The losses while the cells trained, means over seeds; none where no cell kept them.
#[must_use]
pub fn losses(study: &Study<'_>) -> Option<Plot> {
    let parts: [(&str, LossPart); 3] = [
        ("contrastive", |point| Some(point.con)),
        ("text branch (TSG)", |point| point.tsg),
        ("visual branch (VSG)", |point| point.vsg),
    ];
    let variants = study.variants();
    let mut panels = Vec::new();
    for (title, part) in parts {
        let lines: Vec<(Variant, Vec<(f64, f64)>)> = variants
            .iter()
            .map(|variant| (*variant, mean_curve(&study.of_variant(*variant).collect::<Vec<_>>(), part)))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let points = || lines.iter().flat_map(|(_, line)| line);
        let Some(last) = points().map(|(step, _)| *step).reduce(f64::max) else { continue };
        let y = range(points().map(|(_, loss)| *loss), points().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min));
        let marks =
            lines.iter().map(|(variant, line)| Mark::Line { points: line.clone(), width: 2, color: color(*variant) });
        panels.push(Panel {
            title: title.to_owned(),
            x: Axis::Numbers(0.0..last.max(1.0), "step".to_owned()),
            y_title: "loss".to_owned(),
            marks: marks.collect(),
            y,
            reference: None,
        });
    }
    (!panels.is_empty()).then(|| Plot { legend: legend(&variants), panels })
}

/// The mean over cells of a loss at each step that all of them kept.
fn mean_curve(cells: &[&Cell], part: LossPart) -> Vec<(f64, f64)> {
    let mut sums: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for point in cells.iter().flat_map(|cell| &cell.losses) {
        if let Some(loss) = part(point).filter(|loss| loss.is_finite()) {
            let sum = sums.entry(point.step).or_default();
            *sum = (sum.0 + loss, sum.1 + 1);
        }
    }
    let with_losses = cells.iter().filter(|cell| !cell.losses.is_empty()).count();
    let complete = sums.into_iter().filter(|(_, (_, count))| *count == with_losses);
    complete.map(|(step, (sum, count))| (step as f64, sum / count as f64)).collect()
}
