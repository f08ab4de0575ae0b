//! What the report says, section by section.

use super::About;
use super::cell::{Sweep, Variant};
use super::claim::{Claim, claims, headline, summary};
use super::document::{Block, Document, Entry, Figure, Section, Table, Tile, Tone};
use super::estimate::Estimate;
use super::study::{Kinds, Measure, Study};
use super::{figures, plot::Plot};
use crate::error::Result;
use crate::eval::Tally;
use crate::world::{NearMissKind, Split};
use std::collections::BTreeSet;

const MEAN: Measure = Measure::Accuracy(Split::Test, Kinds::All);

/// The report of a study.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) where a figure cannot be drawn.
pub fn document(study: &Study<'_>, about: &About) -> Result<Document> {
    let claims = claims(study);
    let mut summary_lines: Vec<String> = headline(study).into_iter().collect();
    if !claims.is_empty() {
        summary_lines.push(summary(&claims));
    }
    summary_lines.push("All numbers are of the generated world, never of a benchmark.".to_owned());
    let mut sections = vec![claims_section(claims), measured(study, about), near_misses(study)?];
    sections.extend(compositional(study)?);
    sections.extend(retrieval(study));
    sections.extend(grounding(study));
    sections.extend(attention(study)?);
    sections.extend(sweeps(study)?);
    sections.extend(losses(study)?);
    sections.push(cells(study));
    Ok(Document {
        title: about.title.clone(),
        summary: summary_lines,
        tiles: tiles(study),
        warnings: study.warnings(),
        sections: sections.into_iter().filter(|section| !section.blocks.is_empty()).collect(),
    })
}

fn tiles(study: &Study<'_>) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let mut add = |name: &str, value: String, note: String| {
        tiles.push(Tile { name: name.to_owned(), value, note });
    };
    if let Some(mean) = study.mean(Variant::Both, MEAN) {
        let base = study.mean(Variant::Baseline, MEAN);
        let note = base.map_or(String::new(), |base| format!("baseline {} %", base.told()));
        add("SGCR-Vid, mean of the kinds", format!("{} %", mean.told()), note);
    }
    for (variant, name) in [(Variant::Tsg, "text branch alone"), (Variant::Vsg, "visual branch alone")] {
        if let Some(gain) = study.difference(variant, Variant::Baseline, MEAN) {
            add(name, gain.told_signed(), "points over the baseline".to_owned());
        }
    }
    let hours: f64 = study.cells().iter().map(|cell| cell.hours).sum();
    add("cells", study.cells().len().to_string(), format!("{} in all", told_hours(hours)));
    tiles
}

fn claims_section(claims: Vec<Claim>) -> Section {
    let rule = "A claim holds if the whole 95 % interval of the paired difference is on its side, does not hold if the whole \
                interval is on the other, and is not decided otherwise. Of twenty differences that are zero in truth, one is \
                expected to be decided by chance; Holm's correction accounts for that over the claims of this list.";
    let blocks = if claims.is_empty() {
        vec![Block::Paragraph("Nothing can be said before a baseline and a variant of the same seed are there.".into())]
    } else {
        vec![Block::Claims(claims), Block::Paragraph(rule.to_owned())]
    };
    Section { title: "What holds, and what does not".to_owned(), blocks }
}

fn measured(study: &Study<'_>, about: &About) -> Section {
    let seeds: Vec<String> = study.seeds().iter().map(ToString::to_string).collect();
    let steps: BTreeSet<usize> = study.cells().iter().map(|cell| cell.steps).collect();
    let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
    let mut lines = vec![format!(
        "Models: {}; {} steps of training each; {} {}.",
        study.variants().into_iter().map(Variant::title).collect::<Vec<_>>().join(", "),
        steps.join(" or "),
        if seeds.len() == 1 { "one seed," } else { "seeds" },
        seeds.join(", ")
    )];
    if let Some((least, half)) = pairs_of(study, Split::Test) {
        lines.push(format!(
            "Tests: every cell on the same clips of the test split, at least {least} pairs of captions of each kind. A \
             pair is right if the true caption scores strictly higher; chance is 50 %. Intervals are over seeds \
             alone: other clips could move the accuracy of one model on one kind by ± {half:.1} points (Wilson)."
        ));
    }
    lines.push(
        "Means are over seeds with 95 % t intervals. Differences are taken seed by seed between two cells that share \
         everything but the branches, and have the smaller interval where a seed is good or bad for both."
            .to_owned(),
    );
    lines.extend(about.facts.iter().map(|(name, value)| format!("{name}: {value}")));
    Section { title: "What is measured".to_owned(), blocks: vec![Block::List(lines)] }
}

/// The fewest pairs of a kind, and half the widest Wilson interval, in points.
fn pairs_of(study: &Study<'_>, split: Split) -> Option<(u64, f64)> {
    let counts = study.cells().iter().flat_map(|cell| &cell.kinds);
    let counts: Vec<_> = counts.filter(|count| count.split == split.name() && count.total > 0).collect();
    let widths = counts.iter().map(|count| {
        let (low, high) = Tally { correct: count.correct, total: count.total }.interval();
        50.0 * (high - low)
    });
    Some((counts.iter().map(|count| count.total).min()?, widths.fold(0.0, f64::max)))
}

fn near_misses(study: &Study<'_>) -> Result<Section> {
    let mut blocks = Vec::new();
    let caption = "Accuracy in percent on near misses of the test split (the paper's Table 2, in the world's numbers), and \
                   below it the difference to the baseline";
    blocks.push(Block::Table(accuracy_table(study, Split::Test, caption)));
    let caption = "Accuracy by kind and branch (the paper's Figure 3). Bars begin at chance; intervals are over seeds.";
    blocks.push(figure("figure-3.svg", caption, &figures::accuracies(study, Split::Test))?);
    if let Some(plot) = figures::gains(study, Split::Test) {
        let caption =
            "Differences to the baseline of the same seed. An interval that leaves out the dashed line is decided.";
        blocks.push(figure("gains.svg", caption, &plot)?);
    }
    Ok(Section { title: "Near misses told apart".to_owned(), blocks })
}

fn compositional(study: &Study<'_>) -> Result<Option<Section>> {
    let split = Split::Compositional;
    if study.kinds(split).is_empty() {
        return Ok(None);
    }
    let told = "Every clip of this split has an (actor, action, object) triple that training never showed, in any caption \
                or graph.";
    let caption = "Accuracy in percent on near misses of the compositional split, and the difference to the baseline";
    let blocks = vec![
        Block::Paragraph(told.to_owned()),
        Block::Table(accuracy_table(study, split, caption)),
        figure("compositional.svg", "Accuracy on the compositional split.", &figures::accuracies(study, split))?,
    ];
    Ok(Some(Section { title: "New combinations".to_owned(), blocks }))
}

/// A row for each variant, a column for each kind and their mean.
fn accuracy_table(study: &Study<'_>, split: Split, caption: &str) -> Table {
    let kinds = study.kinds(split);
    let measures: Vec<Measure> =
        kinds.iter().map(|kind| Kinds::One(*kind)).chain([Kinds::All]).map(|of| Measure::Accuracy(split, of)).collect();
    let mut head = vec![String::new()];
    head.extend(kinds.into_iter().map(NearMissKind::title).chain(["mean"]).map(str::to_owned));
    Table { caption: caption.to_owned(), head, rows: compared(study, &measures) }
}

/// A row for each variant: its mean, and below it the difference to the baseline.
fn compared(study: &Study<'_>, measures: &[Measure]) -> Vec<(String, Vec<Entry>)> {
    let entry = |variant: Variant, measure: Measure| {
        let Some(mean) = study.mean(variant, measure) else { return Entry::plain("–") };
        let text = mean.told();
        let gain = study.difference(variant, Variant::Baseline, measure).filter(|_| variant != Variant::Baseline);
        gain.map_or_else(
            || Entry::plain(text.clone()),
            |gain| Entry { text: text.clone(), below: gain.told_signed(), tone: tone(&gain) },
        )
    };
    let row = |variant: Variant| {
        (variant.title().to_owned(), measures.iter().map(|measure| entry(variant, *measure)).collect())
    };
    study.variants().into_iter().map(row).collect()
}

fn tone(gain: &Estimate) -> Tone {
    match gain.half {
        Some(_) if gain.low() > 0.0 => Tone::Gain,
        Some(_) if gain.high() < 0.0 => Tone::Loss,
        _ => Tone::Plain,
    }
}

fn retrieval(study: &Study<'_>) -> Option<Section> {
    let mut splits: Vec<Split> = Split::ALL.to_vec();
    splits.retain(|split| study.cells().iter().flat_map(|cell| &cell.retrieval).any(|r| r.split == split.name()));
    let mut head = vec![String::new()];
    let mut measures = Vec::new();
    for split in &splits {
        head.extend([format!("{}, text to video", split.name()), format!("{}, video to text", split.name())]);
        measures.extend([Measure::TextToVideo(*split), Measure::VideoToText(*split)]);
    }
    let videos = study.cells().iter().flat_map(|cell| &cell.retrieval).map(|r| r.n).max()?;
    let caption = format!(
        "Recall at rank 1 in percent among {videos} clips (chance {:.1} %), and the difference to the baseline",
        100.0 / videos.max(1) as f64
    );
    let told = "The paper's Table 1 asks whether the branches cost a model what it could do before.".to_owned();
    let table = Table { caption, head, rows: compared(study, &measures) };
    Some(Section { title: "Retrieval".to_owned(), blocks: vec![Block::Paragraph(told), Block::Table(table)] })
}

fn grounding(study: &Study<'_>) -> Option<Section> {
    let iou = study.cells().iter().find_map(|cell| cell.grounding)?.iou;
    let caption = format!(
        "Triplets of the truth that a scene-graph token predicts, both boxes at IoU {iou} or better, in percent"
    );
    let row = |variant: Variant| {
        let mean = study.mean(variant, Measure::Grounding)?;
        Some((variant.title().to_owned(), vec![Entry::plain(mean.told())]))
    };
    let rows = study.variants().into_iter().filter_map(row).collect();
    let head = vec![String::new(), "recall".to_owned()];
    let table = Table { caption, head, rows };
    Some(Section { title: "What the scene-graph tokens point at".to_owned(), blocks: vec![Block::Table(table)] })
}

fn attention(study: &Study<'_>) -> Result<Option<Section>> {
    let Some((variant, plot)) = figures::attention(study) else { return Ok(None) };
    let caption = format!(
        "Attention of the CLS token by layer, summed over scene-graph tokens and over patches (the paper's Figure 4), cells \
         {}; the rest is attention to itself. Intervals are over seeds.",
        variant.title()
    );
    let blocks = vec![figure("figure-4.svg", &caption, &plot)?];
    Ok(Some(Section { title: "Attention".to_owned(), blocks }))
}

fn sweeps(study: &Study<'_>) -> Result<Option<Section>> {
    let sweeps = [
        (Sweep::Alpha, "figure-6.svg", "Accuracy over alpha (the paper's Figure 6)"),
        (Sweep::SceneTokens, "figure-7.svg", "Accuracy over the scene-graph tokens of a frame (the paper's Figure 7)"),
    ];
    let mut blocks = Vec::new();
    let mut missing = Vec::new();
    for (sweep, file, caption) in sweeps {
        match figures::sweep(study, sweep) {
            Some(plot) => blocks.push(figure(
                file,
                &format!(
                    "{caption}. The dashed line is the baseline's mean; points may have different numbers of seeds."
                ),
                &plot,
            )?),
            None => missing.push(caption),
        }
    }
    if !missing.is_empty() {
        blocks.push(Block::Paragraph(format!("Not run: {}.", missing.join("; "))));
    }
    Ok(Some(Section { title: "Settings".to_owned(), blocks }))
}

fn losses(study: &Study<'_>) -> Result<Option<Section>> {
    let Some(plot) = figures::losses(study) else { return Ok(None) };
    let caption = "Losses while training, means over seeds; the visual branch's before alpha.";
    Ok(Some(Section { title: "Training".to_owned(), blocks: vec![figure("losses.svg", caption, &plot)?] }))
}

fn cells(study: &Study<'_>) -> Section {
    let head = ["cell", "seed", "alpha", "tokens", "steps", "hours", "mean, %", "settings"].map(str::to_owned).to_vec();
    let rows = study.cells().iter().map(|cell| {
        let name = match cell.sweep {
            None => cell.name.title().to_owned(),
            Some(Sweep::Alpha) => format!("{}, alpha", cell.name.title()),
            Some(Sweep::SceneTokens) => format!("{}, tokens", cell.name.title()),
        };
        let mean = study.value(cell, MEAN).map_or("–".to_owned(), |mean| format!("{mean:.1}"));
        let entries = [
            cell.seed.to_string(),
            cell.alpha.to_string(),
            cell.scene_tokens.to_string(),
            cell.steps.to_string(),
            format!("{:.2}", cell.hours),
            mean,
            cell.config_hash.chars().take(12).collect(),
        ];
        (name, entries.map(Entry::plain).to_vec())
    });
    let hours: f64 = study.cells().iter().map(|cell| cell.hours).sum();
    let caption = format!("Every cell and how long it took; {} in all", told_hours(hours));
    let table = Table { caption, head, rows: rows.collect() };
    Section { title: "Cells".to_owned(), blocks: vec![Block::Table(table)] }
}

fn told_hours(hours: f64) -> String {
    if hours < 1.0 { format!("{:.0} minutes", 60.0 * hours) } else { format!("{hours:.1} hours") }
}

fn figure(file: &'static str, caption: &str, plot: &Plot) -> Result<Block> {
    Ok(Block::Figure(Figure { file, caption: caption.to_owned(), svg: plot.svg(caption)? }))
}
