//! The table as bars with their intervals, published numbers as ticks: one SVG.

use super::Report;
use super::baselines::baselines;
use crate::error::{Error, Result};
use crate::eval::run::TableRow;
use plotters::prelude::*;

/// Where bars begin and how long one of 100 % is, in pixels.
const LEFT: i32 = 200;
const LENGTH: i32 = 520;
/// Height of a row, and of the axis below the rows.
const ROW: i32 = 28;
const AXIS: i32 = 30;
const WIDTH: u32 = 800;

const INK: RGBColor = RGBColor(0x33, 0x3b, 0x47);
const FAINT: RGBColor = RGBColor(0xd8, 0xdd, 0xe3);
const BAR: RGBColor = RGBColor(0x6b, 0x9a, 0xd0);
const PUBLISHED: RGBColor = RGBColor(0xc0, 0x5a, 0x2b);

/// The chart.
///
/// # Errors
/// [`Error::Compute`] where it cannot be drawn.
pub fn chart(report: &Report) -> Result<String> {
    let height = report.table.len() as u32 * ROW as u32 + AXIS as u32;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let failed = |error: DrawingAreaErrorKind<std::io::Error>| Error::Compute { reason: format!("chart: {error}") };
        let bottom = report.table.len() as i32 * ROW;
        let small = ("sans-serif", 12).into_font().color(&INK);
        for percent in (0..=100).step_by(25) {
            let x = at(f64::from(percent));
            area.draw(&PathElement::new(vec![(x, 0), (x, bottom)], FAINT)).map_err(failed)?;
            area.draw(&Text::new(format!("{percent} %"), (x - 12, bottom + 8), small.clone())).map_err(failed)?;
        }
        for (place, row) in report.table.iter().enumerate() {
            let top = place as i32 * ROW;
            area.draw(&Text::new(row.title.clone(), (4, top + 8), small.clone())).map_err(failed)?;
            for baseline in baselines(report.config.task).into_iter().filter(|baseline| is_of(baseline.group, row)) {
                let x = at(baseline.percent);
                let tick = PathElement::new(vec![(x, top + 2), (x, top + ROW - 2)], PUBLISHED);
                area.draw(&tick).map_err(failed)?;
            }
            let Some(accuracy) = row.accuracy else { continue };
            let bar = [(at(0.0), top + 6), (at(100.0 * accuracy), top + ROW - 6)];
            area.draw(&Rectangle::new(bar, BAR.mix(0.8).filled())).map_err(failed)?;
            let middle = top + ROW / 2;
            let [low, high] = row.by_video.map(|share| at(100.0 * share));
            area.draw(&PathElement::new(vec![(low, middle), (high, middle)], INK.stroke_width(2))).map_err(failed)?;
            let label = Text::new(format!("{:.1}", 100.0 * accuracy), (at(100.0) + 12, top + 8), small.clone());
            area.draw(&label).map_err(failed)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

/// Chance stands in every row of pairs: each of them has it.
fn is_of(group: &str, row: &TableRow) -> bool {
    group == row.name || group == "all" && row.name != "top5"
}

/// The pixel of a percentage.
fn at(percent: f64) -> i32 {
    LEFT + (percent.clamp(0.0, 100.0) / 100.0 * f64::from(LENGTH)).round() as i32
}
