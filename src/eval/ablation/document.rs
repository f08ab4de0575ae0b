//! The report before it is Markdown or HTML: sections of paragraphs, tables, figures and claims. All text is plain.

use super::claim::Claim;

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it comes to, in one or two sentences.
    pub summary: Vec<String>,
    /// A few numbers to be seen first.
    pub tiles: Vec<Tile>,
    /// What a reader must know before the rest.
    pub warnings: Vec<String>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// A number with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// What it is.
    pub name: String,
    /// The number.
    pub value: String,
    /// Where it comes from.
    pub note: String,
}

/// A part under a heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Sentences.
    Paragraph(String),
    /// Sentences that stand beside each other.
    List(Vec<String>),
    /// Numbers.
    Table(Table),
    /// A picture.
    Figure(Figure),
    /// Claims with their verdicts.
    Claims(Vec<Claim>),
}

/// A table whose first column names the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The columns' names, that of the first included.
    pub head: Vec<String>,
    /// Each with a name and an entry for each other column.
    pub rows: Vec<(String, Vec<Entry>)>,
}

/// One entry of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The number.
    pub text: String,
    /// A second number below it.
    pub below: String,
    /// What the second number says.
    pub tone: Tone,
}

/// What a difference says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing that is decided.
    #[default]
    Plain,
    /// A gain, decided.
    Gain,
    /// A loss, decided.
    Loss,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its file's name beside the Markdown.
    pub file: &'static str,
    /// What it shows.
    pub caption: String,
    /// The picture.
    pub svg: String,
}

impl Entry {
    /// A number alone.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Document {
    /// Its pictures, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
            Block::Figure(figure) => Some(figure),
            _ => None,
        })
    }
}
