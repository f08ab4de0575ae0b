//! The report of cells that are made up here, so that every number of it is known.

use super::*;
use crate::world::{NearMissKind, Split};

/// A cell with `right` of 200 pairs of each kind of the test split, and fewer of the compositional one.
fn cell(name: Variant, seed: u64, right: [u64; 7]) -> Cell {
    let count = |split: Split, less: u64| {
        NearMissKind::ALL.iter().zip(right).map(move |(kind, right)| KindCount {
            split: split.name().to_owned(),
            kind: kind.name().to_owned(),
            correct: right - less,
            total: 200,
        })
    };
    let share = |step: usize| 1.0 / (1.0 + step as f64);
    let visual = matches!(name, Variant::Vsg | Variant::Both);
    let textual = matches!(name, Variant::Tsg | Variant::Both);
    let layers = |least: f64| (0..4).map(|layer| layer_of(least + 0.1 * f64::from(4 - layer))).collect();
    Cell {
        name,
        seed,
        sweep: None,
        alpha: 0.1,
        scene_tokens: 4,
        steps: 800,
        hours: 0.75,
        config_hash: format!("{seed:040x}"),
        kinds: count(Split::Test, 0).chain(count(Split::Compositional, 5)).collect(),
        retrieval: vec![Retrieval {
            split: "test".to_owned(),
            text_to_video: 0.30 + right[6] as f64 / 4000.0,
            video_to_text: 0.28 + right[6] as f64 / 4000.0,
            n: 500,
        }],
        grounding: visual.then_some(Grounding { found: 120 + seed, triplets: 400, iou: 0.5 }),
        losses: (0..=800)
            .step_by(50)
            .map(|step| LossPoint {
                step,
                con: 3.0 * share(step / 50) + 0.4 + 0.05 * seed as f64,
                tsg: textual.then_some(2.5 * share(step / 100)),
                vsg: visual.then_some(8.0 * share(step / 200) + 1.0),
            })
            .collect(),
        attention: visual.then(|| Attention { all: layers(0.02), right: layers(0.05), wrong: layers(0.0) }),
    }
}

fn layer_of(scene_graph: f64) -> [f64; 3] {
    [0.1, scene_graph, 0.9 - scene_graph]
}

/// What the visual branch alone changes by seed and kind: nothing that can be told.
const VISUAL: [[i64; 7]; 3] = [[2, -3, 1, 0, -2, 3, -1], [-1, 2, 0, 3, -2, 1, -4], [1, 0, -2, 2, 3, -1, 0]];

/// Three seeds of all variants: both branches raise six kinds by about 8 of 200 and lower co-reference.
fn cells() -> Vec<Cell> {
    let base = [180, 120, 104, 130, 112, 108, 101];
    let gain = |name: Variant, kind: usize, seed: u64| match (name, kind) {
        (Variant::Baseline, _) => 0,
        (Variant::Vsg, _) => VISUAL[seed as usize - 1][kind],
        (_, 2) => -(10 + (seed as i64 + kind as i64) % 3),
        (Variant::Tsg, _) => 6 + (seed as i64 + kind as i64) % 3,
        (Variant::Both, _) => 9 + (2 * seed as i64 + kind as i64) % 3,
    };
    let mut cells = Vec::new();
    for seed in 1..=3 {
        for name in Variant::ALL {
            let mut right = base;
            for (kind, right) in right.iter_mut().enumerate() {
                // Seeds differ more than branches do: only pairs can tell.
                *right = (*right as i64 + 6 * (seed as i64 - 2) + gain(name, kind, seed)) as u64;
            }
            cells.push(cell(name, seed, right));
        }
    }
    cells
}

fn about() -> About {
    About {
        title: "SGCR-Vid <on> the generated world".to_owned(),
        facts: vec![("Command".to_owned(), "sgcr ablate --output \"runs & all\"".to_owned())],
    }
}

fn verdict(cells: &[Cell], sentence: &str) -> Verdict {
    let found: Vec<_> =
        claims(&Study::of(cells).unwrap()).into_iter().filter(|claim| claim.text.contains(sentence)).collect();
    assert_eq!(found.len(), 1, "{sentence}");
    found[0].verdict
}

#[test]
fn means_and_differences_are_those_of_the_cells() {
    let cells = cells();
    let study = Study::of(&cells).unwrap();
    let identification = Measure::Accuracy(Split::Test, Kinds::One(NearMissKind::AgentIdentification));
    // 174, 180 and 186 of 200.
    let base = study.mean(Variant::Baseline, identification).unwrap();
    assert!((base.mean - 90.0).abs() < 1e-9 && base.count == 3);
    // t(0.975, 2) = 4.302652729...; the standard deviation is 3 points.
    assert!((base.half.unwrap() - 4.302_652_729_7 * 3.0 / 3.0_f64.sqrt()).abs() < 1e-8);
    // Both: 9 + 2 mod 3, 9 + 4 mod 3, 9 + 6 mod 3 more of 200.
    let gain = study.difference(Variant::Both, Variant::Baseline, identification).unwrap();
    assert!((gain.mean - 100.0 * (11.0 + 10.0 + 9.0) / 3.0 / 200.0).abs() < 1e-9);
    assert!((gain.half.unwrap() - 4.302_652_729_7 * 0.5 / 3.0_f64.sqrt()).abs() < 1e-8);
    let agents = study.value(&cells[0], Measure::Accuracy(Split::Test, Kinds::Agent)).unwrap();
    assert!((agents - 100.0 * (174.0 + 114.0 + 98.0) / 600.0).abs() < 1e-9);
    let recall = study.mean(Variant::Vsg, Measure::Grounding).unwrap();
    assert!((recall.mean - 100.0 * 122.0 / 400.0).abs() < 1e-9);
    assert_eq!(study.mean(Variant::Baseline, Measure::Grounding), None);
}

#[test]
fn claims_follow_the_intervals() {
    let mut cells = cells();
    assert_eq!(verdict(&cells, "The text branch alone"), Verdict::Holds);
    assert_eq!(verdict(&cells, "The visual branch alone raises"), Verdict::NotDecided);
    assert_eq!(verdict(&cells, "Both branches together raise the mean"), Verdict::Holds);
    assert_eq!(verdict(&cells, "raise each kind"), Verdict::DoesNotHold);
    assert_eq!(verdict(&cells, "cost less than 1 point"), Verdict::Holds);
    assert_eq!(verdict(&cells, "lower half of the layers"), Verdict::Holds);
    assert_eq!(verdict(&cells, "where the answer is right"), Verdict::Holds);
    // The same cells with the names of baseline and both exchanged.
    for cell in &mut cells {
        cell.name = match cell.name {
            Variant::Baseline => Variant::Both,
            Variant::Both => Variant::Baseline,
            other => other,
        };
    }
    assert_eq!(verdict(&cells, "Both branches together raise the mean"), Verdict::DoesNotHold);
    assert_eq!(verdict(&cells, "raise each kind"), Verdict::DoesNotHold);
    let headline = claim::headline(&Study::of(&cells).unwrap()).unwrap();
    assert!(headline.starts_with("SGCR-Vid is worse"), "{headline}");
}

#[test]
fn one_seed_decides_nothing() {
    let cells: Vec<Cell> = cells().into_iter().filter(|cell| cell.seed == 2).collect();
    let study = Study::of(&cells).unwrap();
    assert!(claims(&study).iter().all(|claim| claim.verdict == Verdict::NotDecided));
    assert!(study.warnings().iter().any(|warning| warning.starts_with("Only one seed")));
    assert!(claim::headline(&study).unwrap().starts_with("These cells do not decide"));
}

#[test]
fn what_is_missing_or_unlike_is_told() {
    let mut cells = cells();
    assert!(Study::of(&cells).unwrap().warnings().is_empty());
    cells.retain(|cell| (cell.name, cell.seed) != (Variant::Both, 3));
    cells[0].steps = 700;
    cells[1].kinds[0].total = 201;
    let warnings = Study::of(&cells).unwrap().warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert_eq!(warnings[0], "No cell yet of + both with seed 3.");
    // The pairs are those of the two seeds that both have.
    let study = Study::of(&cells).unwrap();
    let gain = study.difference(Variant::Both, Variant::Baseline, Measure::Accuracy(Split::Test, Kinds::All)).unwrap();
    assert_eq!(gain.count, 2);
    // A mean over kinds is over the same kinds for all.
    cells[2].kinds.remove(0);
    let study = Study::of(&cells).unwrap();
    assert_eq!(study.value(&cells[2], Measure::Accuracy(Split::Test, Kinds::All)), None);
    assert!(AblationReport::of(&cells, &about()).is_ok());
}

#[test]
fn cells_that_cannot_be_are_refused() {
    let refused = |change: fn(&mut Vec<Cell>)| {
        let mut cells = cells();
        change(&mut cells);
        Study::of(&cells).unwrap_err().to_string()
    };
    assert!(refused(Vec::clear).contains("there are none"));
    assert!(refused(|cells| cells.push(cells[3].clone())).contains("twice"));
    assert!(refused(|cells| cells[1].kinds[0].kind = "agent".to_owned()).contains("no kind of near miss \"agent\""));
    assert!(refused(|cells| cells[1].kinds[0].split = "dev".to_owned()).contains("no split \"dev\""));
    assert!(refused(|cells| cells[1].kinds[0].correct = 300).contains("300 of 200"));
    let twice = |cells: &mut Vec<Cell>| cells[1].kinds.extend_from_within(..1);
    assert!(refused(twice).contains("counted twice"));
    assert!(refused(|cells| cells[0].retrieval[0].text_to_video = 45.0).contains("no share"));
    assert!(refused(|cells| cells[0].hours = f64::NAN).contains("finite"));
}

#[test]
fn cells_are_written_and_read() {
    for cell in cells() {
        let value = serde_json::to_value(&cell).unwrap();
        assert_eq!(serde_json::from_value::<Cell>(value).unwrap(), cell);
    }
    let least = r#"{"name": "tsg", "seed": 1, "alpha": 0.1, "scene_tokens": 4, "steps": 9, "hours": 0.1,
        "config_hash": "ab", "kinds": [{"split": "test", "kind": "chrono", "correct": 1, "total": 2}]}"#;
    let cell: Cell = serde_json::from_str(least).unwrap();
    assert_eq!((cell.name, cell.sweep, cell.kinds.len()), (Variant::Tsg, None, 1));
    assert!(AblationReport::of(&[cell], &about()).is_ok());
}

/// The names of elements, checked to be closed in order, with attributes and text that are well-formed XML.
fn elements(html: &str) -> Vec<String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    let body = html.strip_prefix("<!DOCTYPE html>\n").unwrap_or(html);
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let reference =
            |after: &str| ["amp;", "lt;", "gt;", "quot;", "apos;"].iter().any(|name| after.starts_with(name));
        assert!(tag.split('&').skip(1).chain(text.split('&').skip(1)).all(reference), "{piece}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()), "in {piece}");
            continue;
        }
        let name = tag.trim_end_matches('/').split_whitespace().next().unwrap().to_owned();
        let quotes = tag.matches('"').count();
        assert_eq!((quotes % 2, quotes / 2), (0, tag.matches("=\"").count()), "{tag}");
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        all.push(name);
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    all
}

#[test]
fn the_report_holds_every_number_and_is_well_formed() {
    let mut cells = cells();
    for (seed, alpha) in [(1, 0.5), (1, 1.0)] {
        let right = [185, 125, 100, 135, 118, 112, 106 + (10.0 * alpha) as u64];
        cells.push(Cell { sweep: Some(Sweep::Alpha), alpha, ..cell(Variant::Both, seed, right) });
    }
    let report = AblationReport::of(&cells, &about()).unwrap();
    let study = Study::of(&cells).unwrap();
    let names = elements(&report.html);
    let count = |name: &str| names.iter().filter(|other| other.as_str() == name).count();
    // Bars, gains, compositional, attention, alpha, losses.
    let files: Vec<_> = report.figures.iter().map(|(file, _)| *file).collect();
    let expected = ["figure-3.svg", "gains.svg", "compositional.svg", "figure-4.svg", "figure-6.svg", "losses.svg"];
    assert_eq!(files, expected);
    assert_eq!((count("svg"), count("figure"), count("script"), count("link")), (6, 6, 0, 0));
    for (file, svg) in &report.figures {
        elements(svg);
        assert!(report.html.contains(svg) && report.markdown.contains(&format!("](figures/{file})")));
    }
    for text in [&report.html, &report.markdown] {
        for variant in Variant::ALL {
            for kind in NearMissKind::ALL {
                for split in [Split::Test, Split::Compositional] {
                    let measure = Measure::Accuracy(split, Kinds::One(kind));
                    assert!(text.contains(&study.mean(variant, measure).unwrap().told()));
                    let gain = study.difference(variant, Variant::Baseline, measure).unwrap().told_signed();
                    assert!(variant == Variant::Baseline || text.contains(&gain), "{gain}");
                }
            }
        }
        for claim in claims(&study) {
            assert!(text.contains(&claim.evidence) && text.contains(claim.verdict.title()));
        }
        assert!(text.contains("10.5 hours in all") && text.contains("Not run: Accuracy over the scene-graph tokens"));
    }
    assert!(report.html.contains("SGCR-Vid &lt;on&gt; the generated world") && report.html.contains("runs &amp; all"));
    assert!(
        !report.html.contains("http")
            || report.html.matches("http").count() == report.html.matches("http://www.w3.org/").count()
    );
}

#[test]
fn a_report_is_written_whole() {
    let temporary = tempfile::tempdir().unwrap();
    // To look at it in a browser, name a folder.
    let folder = std::env::var_os("SGCR_REPORT_FOLDER").map_or(temporary.path().to_owned(), std::path::PathBuf::from);
    let mut cells = cells();
    for (seed, tokens) in [(1, 2), (1, 8), (2, 2), (2, 8)] {
        let right = [184 + seed, 124, 100, 133, 118, 112, 100 + tokens as u64];
        let sweep = Some(Sweep::SceneTokens);
        cells.push(Cell { sweep, scene_tokens: tokens, ..cell(Variant::Both, seed, right) });
    }
    let report = AblationReport::of(&cells, &about()).unwrap();
    report.write(&folder).unwrap();
    assert_eq!(std::fs::read_to_string(folder.join(MARKDOWN_FILE)).unwrap(), report.markdown);
    assert_eq!(std::fs::read_to_string(folder.join(HTML_FILE)).unwrap(), report.html);
    for (file, svg) in &report.figures {
        assert_eq!(&std::fs::read_to_string(folder.join(FIGURES).join(file)).unwrap(), svg);
    }
}
