//! Charts as SVG: a row of panels under one legend. What is drawn is data ([`Plot`]); this file turns it into a picture.

use crate::data::escaped;
use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

/// Width of a picture in pixels.
const WIDTH: u32 = 960;
/// Height of a picture in pixels.
const HEIGHT: u32 = 360;
/// Height of the legend in pixels.
const LEGEND: i32 = 34;
/// What plotters divides a font's size by when it writes SVG.
const FONT_SCALE: f64 = 1.24;
/// Width of a letter for its size, about; legends are laid out by it.
const LETTER: f64 = 0.56;
const INK: RGBColor = RGBColor(0x33, 0x3b, 0x47);
const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);

/// A row of panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What the colours stand for.
    pub legend: Vec<(String, RGBColor)>,
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// One pair of axes and what is drawn on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Above the panel; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// What the vertical axis counts.
    pub y_title: String,
    /// Values of the vertical axis.
    pub y: Range<f64>,
    /// A dashed line across, where something is compared with it.
    pub reference: Option<f64>,
    /// From back to front.
    pub marks: Vec<Mark>,
}

/// A horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Names side by side, each up to two lines; name `i` stands at `i + 0.5`. The text is the axis' own title.
    Names(Vec<[String; 2]>, String),
    /// Numbers, with a title.
    Numbers(Range<f64>, String),
}

/// Something drawn, in the panel's units.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A bar from `base` to `top` about `x`.
    Bar {
        /// Its middle.
        x: f64,
        /// Its width.
        width: f64,
        /// Where it begins.
        base: f64,
        /// Where it ends.
        top: f64,
        /// Its colour.
        color: RGBColor,
    },
    /// An interval at `x`.
    Whisker {
        /// Where.
        x: f64,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
        /// Its colour.
        color: RGBColor,
    },
    /// A dot.
    Dot {
        /// Where.
        x: f64,
        /// Its height.
        y: f64,
        /// Its colour.
        color: RGBColor,
    },
    /// A line through points.
    Line {
        /// The points.
        points: Vec<(f64, f64)>,
        /// Its width in pixels.
        width: u32,
        /// Its colour.
        color: RGBColor,
    },
}

/// The range that holds all values and `always`, with some room.
#[must_use]
pub fn range(values: impl IntoIterator<Item = f64>, always: f64) -> Range<f64> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((always, always), |(low, high), value| (low.min(value), high.max(value)));
    let room = (0.06 * (high - low)).max(1e-3);
    low - room..high + room
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

impl Plot {
    /// The picture, `label` for those who cannot see it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for ranges that cannot be drawn.
    pub fn svg(&self, label: &str) -> Result<String> {
        let empty = |range: &Range<f64>| !(range.start < range.end && range.start.is_finite() && range.end.is_finite());
        if let Some(panel) = self.panels.iter().find(|panel| empty(&panel.y)) {
            let reason = format!("its axis cannot go from {} to {}", panel.y.start, panel.y.end);
            return Err(Error::InvalidInput { what: format!("figure \"{label}\""), reason });
        }
        let mut svg = String::new();
        self.draw(&mut svg)
            .map_err(|error| Error::InvalidInput { what: format!("figure \"{label}\""), reason: error.to_string() })?;
        let named = format!("<svg role=\"img\" aria-label=\"{}\" ", escaped(label));
        Ok(svg.replacen("<svg ", &named, 1))
    }

    fn draw(&self, svg: &mut String) -> Drawn<()> {
        let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        self.draw_legend(&root)?;
        let (_, body) = root.split_vertically(LEGEND);
        for (panel, area) in self.panels.iter().zip(body.split_evenly((1, self.panels.len().max(1)))) {
            panel.draw(&root, &area)?;
        }
        root.present()
    }

    fn draw_legend(&self, root: &Area<'_>) -> Drawn<()> {
        let mut x = 16;
        for (name, color) in &self.legend {
            root.draw(&Rectangle::new([(x, 12), (x + 14, 24)], color.filled()))?;
            write(root, name, (x + 20, 18), 13.0, Pos::new(HPos::Left, VPos::Center))?;
            x += 44 + (LETTER * 13.0 * name.chars().count() as f64) as i32;
        }
        Ok(())
    }
}

impl Panel {
    fn draw(&self, root: &Area<'_>, area: &Area<'_>) -> Drawn<()> {
        let x = match &self.x {
            Axis::Names(names, _) => 0.0..(names.len().max(1) as f64),
            Axis::Numbers(range, _) => range.clone(),
        };
        let (x_title, x_labels) = match &self.x {
            Axis::Names(_, title) => (title, 0),
            Axis::Numbers(_, title) => (title, 6),
        };
        let title_space = if self.title.is_empty() { 6 } else { 24 };
        let mut chart = ChartBuilder::on(area)
            .margin_left(6)
            .margin_right(10)
            .margin_top(title_space)
            .margin_bottom(4)
            .x_label_area_size(if x_title.is_empty() { 38 } else { 52 })
            .y_label_area_size(52)
            .build_cartesian_2d(x.clone(), self.y.clone())?;
        let digits = if self.y.end - self.y.start < 4.0 { 1 } else { 0 };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(x_labels)
            .y_labels(7)
            .max_light_lines(0)
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{value:.digits$}").replace('-', "\u{2212}"))
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(font(12.0))
            .axis_desc_style(font(12.0))
            .y_desc(self.y_title.as_str())
            .draw()?;
        if let Some(y) = self.reference {
            let dashes = DashedLineSeries::new([(x.start, y), (x.end, y)], 5, 4, INK.mix(0.55).stroke_width(1));
            chart.draw_series(dashes)?;
        }
        let cap = 0.006 * (x.end - x.start) * WIDTH as f64 / f64::from(area.dim_in_pixel().0);
        let plotting = chart.plotting_area();
        for mark in &self.marks {
            mark.draw(plotting, cap)?;
        }
        let (left, bottom) = plotting.map_coordinate(&(x.start, self.y.start));
        let (right, top) = plotting.map_coordinate(&(x.end, self.y.end));
        if let Axis::Names(names, _) = &self.x {
            for (at, lines) in names.iter().enumerate() {
                let (middle, _) = plotting.map_coordinate(&(at as f64 + 0.5, self.y.start));
                for (line, text) in lines.iter().filter(|text| !text.is_empty()).enumerate() {
                    let below = bottom + 8 + 15 * line as i32;
                    write(root, text, (middle, below), 12.0, Pos::new(HPos::Center, VPos::Top))?;
                }
            }
        }
        let centre = (left + right) / 2;
        write(root, x_title, (centre, bottom + 32), 12.0, Pos::new(HPos::Center, VPos::Top))?;
        write(root, &self.title, (centre, top - 12), 13.0, Pos::new(HPos::Center, VPos::Center))
    }
}

type PlottingArea<'a> = DrawingArea<
    SVGBackend<'a>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

impl Mark {
    fn draw(&self, area: &PlottingArea<'_>, cap: f64) -> Drawn<()> {
        match self {
            Self::Bar { x, width, base, top, color } => {
                let corners = [(x - 0.5 * width, *base), (x + 0.5 * width, *top)];
                area.draw(&Rectangle::new(corners, color.filled()))
            }
            Self::Whisker { x, low, high, color } => {
                for points in [
                    [(*x, *low), (*x, *high)],
                    [(x - cap, *low), (x + cap, *low)],
                    [(x - cap, *high), (x + cap, *high)],
                ] {
                    area.draw(&PathElement::new(points.to_vec(), color.stroke_width(2)))?;
                }
                Ok(())
            }
            Self::Dot { x, y, color } => area.draw(&Circle::new((*x, *y), 4, color.filled())),
            Self::Line { points, width, color } => {
                area.draw(&PathElement::new(points.clone(), color.stroke_width(*width)))
            }
        }
    }
}

fn font(size: f64) -> TextStyle<'static> {
    ("sans-serif", size * FONT_SCALE).into_font().color(&INK)
}

/// Writes a text at a place of the whole picture; an empty one leaves nothing.
fn write(root: &Area<'_>, text: &str, at: (i32, i32), size: f64, anchor: Pos) -> Drawn<()> {
    if text.is_empty() {
        return Ok(());
    }
    root.draw(&Text::new(text, at, font(size).pos(anchor)))
}
