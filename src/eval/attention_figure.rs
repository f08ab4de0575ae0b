//! The figure of CLS's attention (SGCR-Vid, Figure 4) as an SVG: share of SG tokens and of patch tokens in each layer.

use super::LayerShares;
use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width of one panel in pixels.
const WIDTH: u32 = 420;
/// Height of the figure in pixels.
const HEIGHT: u32 = 300;

/// Colours that people with any kind of colour vision tell apart (Okabe and Ito).
const SCENE: RGBColor = RGBColor(213, 94, 0);
const PATCH: RGBColor = RGBColor(0, 114, 178);

/// One chart of the figure.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionPanel {
    /// What it shows: a model, or "correctly told" and "wrongly told" as in the paper.
    pub title: String,
    /// The shares, the first layer first.
    pub layers: Vec<LayerShares>,
}

/// Draws panels side by side: an SVG document.
///
/// # Errors
/// [`Error::InvalidInput`] for no panel or one without layers, and where the chart cannot be laid out.
pub fn attention_figure(panels: &[AttentionPanel]) -> Result<String> {
    let refuse = |reason: String| Error::InvalidInput { what: "attention figure".to_owned(), reason };
    if panels.is_empty() || panels.iter().any(|panel| panel.layers.is_empty()) {
        return Err(refuse("every panel needs the shares of one layer at least".to_owned()));
    }
    let mut svg = String::new();
    let columns = u32::try_from(panels.len()).unwrap_or(u32::MAX);
    draw(&mut svg, panels, WIDTH.saturating_mul(columns)).map_err(|error| refuse(error.to_string()))?;
    Ok(svg)
}

/// What drawing into a string can fail with.
type Failure = Box<dyn std::error::Error>;

fn draw(svg: &mut String, panels: &[AttentionPanel], width: u32) -> std::result::Result<(), Failure> {
    let area = SVGBackend::with_string(svg, (width, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    for (area, panel) in area.split_evenly((1, panels.len())).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    area.present()?;
    Ok(())
}

fn draw_panel(area: &DrawingArea<SVGBackend<'_>, Shift>, panel: &AttentionPanel) -> std::result::Result<(), Failure> {
    let last = panel.layers.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.5..last + 0.5, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("layer")
        .y_desc("share of CLS's attention")
        .x_labels(panel.layers.len().min(12))
        // There is no layer two and a half.
        .x_label_formatter(&|layer| if layer.fract() == 0.0 { format!("{layer:.0}") } else { String::new() })
        .light_line_style(TRANSPARENT)
        .draw()?;
    let shares = |share: &dyn Fn(&LayerShares) -> f64| panel.layers.iter().map(share).collect::<Vec<f64>>();
    for (name, color, shares) in
        [("SG tokens", SCENE, shares(&|layer| layer.scene)), ("patch tokens", PATCH, shares(&|layer| layer.patch))]
    {
        let points = shares.iter().enumerate().map(|(at, share)| (at as f64 + 1.0, *share));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(title: &str, scene: &[f64]) -> AttentionPanel {
        let layer = |scene: &f64| LayerShares { cls: 0.0, scene: *scene, patch: 1.0 - scene };
        AttentionPanel { title: title.to_owned(), layers: scene.iter().map(layer).collect() }
    }

    /// Heights of the dots of a colour, as parts of the axis.
    fn dots(svg: &str, color: RGBColor) -> Vec<f64> {
        let fill = format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2);
        let circles = svg.lines().filter(|line| line.starts_with("<circle") && line.contains(&fill));
        let number = |line: &str, name: &str| -> f64 {
            let rest = line.split(&format!("{name}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        circles.map(|line| number(line, "cy")).collect()
    }

    #[test]
    fn the_figure_has_a_dot_for_every_share_where_it_belongs() {
        let svg =
            attention_figure(&[panel("right", &[0.0, 0.5, 1.0]), panel("wrong <1>", &[0.25, 0.25, 0.25])]).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("right") && svg.contains("wrong &lt;1&gt;"), "{svg}");
        assert!(svg.contains("SG tokens") && svg.contains("patch tokens"));
        let (scene, patch) = (dots(&svg, SCENE), dots(&svg, PATCH));
        assert_eq!((scene.len(), patch.len()), (6, 6));
        // y grows downwards: 0 lies lowest, 1 highest, one half in the middle; the patches mirror it.
        let (zero, one) = (scene[0], scene[2]);
        assert!(zero > one + 100.0);
        assert!((scene[1] - f64::midpoint(zero, one)).abs() <= 1.0 && (patch[1] - scene[1]).abs() <= 1.0);
        assert!((patch[0] - one).abs() <= 1.0 && (patch[2] - zero).abs() <= 1.0);
        assert!((scene[3] - (0.75 * zero + 0.25 * one)).abs() <= 1.0);
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        assert_eq!(attention_figure(&[]).unwrap_err().code(), "invalid-input");
        assert_eq!(attention_figure(&[panel("empty", &[])]).unwrap_err().code(), "invalid-input");
    }
}
