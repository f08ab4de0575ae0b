//! The report of an ablation (native only): SGCR-Vid's branches one by one and together against the plain contrastive
//! model, over several seeds. [`Cell`]s go in, Markdown, one self-contained HTML file and pictures come out; what the
//! report claims follows from intervals by fixed rules, also where it speaks against the method.

mod cell;
mod claim;
mod contents;
mod document;
mod estimate;
mod figures;
mod html;
mod markdown;
mod plot;
mod student;
mod study;
#[cfg(test)]
mod tests;

pub use cell::{Attention, Cell, Grounding, KindCount, LossPoint, Retrieval, Sweep, Variant};
pub use claim::{Claim, Verdict, claims};
pub use estimate::Estimate;
pub(super) use figures::attention_plot;
pub use study::{Kinds, Measure, Study};

use crate::error::{Error, Result};
use crate::platform::write_beside;
use std::path::Path;

/// The report's files in its folder.
const MARKDOWN_FILE: &str = "report.md";
const HTML_FILE: &str = "report.html";
const FIGURES: &str = "figures";

/// What the cells do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The report's title.
    pub title: String,
    /// More lines for "What is measured", each with a name: the command, the machine, the model's size.
    pub facts: Vec<(String, String)>,
}

/// A report that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AblationReport {
    /// As Markdown; it shows the pictures by links to `figures/`.
    pub markdown: String,
    /// As one HTML file that holds everything.
    pub html: String,
    /// The pictures (SVG) by their files' names.
    pub figures: Vec<(&'static str, String)>,
}

impl AblationReport {
    /// Of the cells that are finished; those that are missing are named in it.
    ///
    /// # Errors
    /// Those of [`Study::of`].
    pub fn of(cells: &[Cell], about: &About) -> Result<Self> {
        let document = contents::document(&Study::of(cells)?, about)?;
        Ok(Self {
            markdown: markdown::markdown(&document, FIGURES),
            html: html::html(&document),
            figures: document.figures().map(|figure| (figure.file, figure.svg.clone())).collect(),
        })
    }

    /// Writes `report.md`, `report.html` and `figures/` into a folder, each beside its place first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        let figures = folder.join(FIGURES);
        std::fs::create_dir_all(&figures).map_err(Error::io("create", &figures))?;
        for (file, svg) in &self.figures {
            write_beside(&figures.join(file), svg.as_bytes())?;
        }
        write_beside(&folder.join(MARKDOWN_FILE), self.markdown.as_bytes())?;
        write_beside(&folder.join(HTML_FILE), self.html.as_bytes())
    }
}
