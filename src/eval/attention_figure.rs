//! The figure of CLS's attention (SGCR-Vid, Figure 4) as an SVG: share of SG tokens and of patches in each layer.

use super::LayerShares;
use super::ablation::attention_plot;
use crate::error::{Error, Result};

/// One chart of the figure.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionPanel {
    /// What it shows: a model, or answers that were right; may be empty.
    pub title: String,
    /// The shares, the first layer first.
    pub layers: Vec<LayerShares>,
}

/// Draws panels side by side: an SVG document.
///
/// # Errors
/// [`Error::InvalidInput`] for no panel and for one without layers.
pub fn attention_figure(panels: &[AttentionPanel]) -> Result<String> {
    if panels.is_empty() || panels.iter().any(|panel| panel.layers.is_empty()) {
        let reason = "every panel needs the shares of one layer at least".to_owned();
        return Err(Error::InvalidInput { what: "attention figure".to_owned(), reason });
    }
    let shares: Vec<Vec<[f64; 3]>> =
        panels.iter().map(|panel| panel.layers.iter().copied().map(Into::into).collect()).collect();
    let panels = panels.iter().zip(&shares).map(|(panel, shares)| (panel.title.as_str(), vec![shares.as_slice()]));
    attention_plot(&panels.collect::<Vec<_>>()).svg("Share of the CLS token's attention by layer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(title: &str, scene: &[f64]) -> AttentionPanel {
        let layer = |scene: &f64| LayerShares { cls: 0.0, scene: *scene, patch: 1.0 - scene };
        AttentionPanel { title: title.to_owned(), layers: scene.iter().map(layer).collect() }
    }

    /// Heights of the dots, `[panels, 2, layers]` in one list: SG tokens, then patches.
    fn dots(svg: &str) -> Vec<f64> {
        let circles = svg.lines().filter(|line| line.starts_with("<circle"));
        let height = |line: &str| line.split("cy=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        circles.map(height).collect()
    }

    #[test]
    fn the_figure_has_a_dot_for_every_share_where_it_belongs() {
        let svg =
            attention_figure(&[panel("right", &[0.0, 0.5, 1.0]), panel("wrong <1>", &[0.25, 0.25, 0.25])]).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("right") && svg.contains("wrong &lt;1&gt;"), "{svg}");
        let dots = dots(&svg);
        assert_eq!(dots.len(), 12, "{svg}");
        let (scene, patch) = (&dots[..3], &dots[3..6]);
        // y grows downwards: 0 lies lowest, 1 highest, one half in the middle; the patches mirror it.
        let (zero, one) = (scene[0], scene[2]);
        assert!(zero > one + 100.0);
        assert!((scene[1] - f64::midpoint(zero, one)).abs() <= 1.0 && (patch[1] - scene[1]).abs() <= 1.0);
        assert!((patch[0] - one).abs() <= 1.0 && (patch[2] - zero).abs() <= 1.0);
        assert!((dots[6] - (0.75 * zero + 0.25 * one)).abs() <= 1.0);
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        assert_eq!(attention_figure(&[]).unwrap_err().code(), "invalid-input");
        assert_eq!(attention_figure(&[panel("empty", &[])]).unwrap_err().code(), "invalid-input");
    }
}
