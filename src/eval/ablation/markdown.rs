//! The report as Markdown (GitHub's); pictures are files beside it.

use super::claim::Claim;
use super::document::{Block, Document, Entry, Table, Tone};
use std::fmt::Write as _;

/// The whole document; `figures` is the folder of the pictures, relative to it.
#[must_use]
pub fn markdown(document: &Document, figures: &str) -> String {
    // Writing to a string cannot fail.
    let mut text = format!("# {}\n\n{}\n", document.title, document.summary.join(" "));
    for tile in &document.tiles {
        let note = if tile.note.is_empty() { String::new() } else { format!(" ({})", tile.note) };
        let _ = write!(text, "\n- {}: **{}**{note}", tile.name, tile.value);
    }
    text.push('\n');
    for warning in &document.warnings {
        let _ = write!(text, "\n> **Note:** {warning}\n");
    }
    for section in &document.sections {
        let _ = write!(text, "\n## {}\n", section.title);
        for block in &section.blocks {
            text.push('\n');
            match block {
                Block::Paragraph(sentences) => {
                    let _ = writeln!(text, "{sentences}");
                }
                Block::List(lines) => lines.iter().for_each(|line| {
                    let _ = writeln!(text, "- {line}");
                }),
                Block::Table(table) => text.push_str(&table_text(table)),
                Block::Figure(figure) => {
                    let _ = writeln!(text, "![{0}]({figures}/{1})\n\n*{0}*", figure.caption, figure.file);
                }
                Block::Claims(claims) => text.push_str(&claims_text(claims)),
            }
        }
    }
    text
}

fn table_text(table: &Table) -> String {
    let mut text = format!("{}.\n\n| {} |\n|---", table.caption, table.head.join(" | "));
    text.push_str(&"|---:".repeat(table.head.len().saturating_sub(1)));
    text.push_str("|\n");
    for (name, entries) in &table.rows {
        let _ = write!(text, "| {}", escaped(name));
        for entry in entries {
            let _ = write!(text, " | {}", entry_text(entry));
        }
        text.push_str(" |\n");
    }
    text
}

fn entry_text(entry: &Entry) -> String {
    let text = escaped(&entry.text);
    match (entry.below.as_str(), entry.tone) {
        ("", _) => text,
        (below, Tone::Plain) => format!("{text}<br>{below}"),
        (below, Tone::Gain | Tone::Loss) => format!("{text}<br>**{below}**"),
    }
}

fn claims_text(claims: &[Claim]) -> String {
    let mut text = "| claim | where | verdict | numbers |\n|---|---|---|---|\n".to_owned();
    for claim in claims {
        let (verdict, evidence) = (claim.verdict.title(), escaped(&claim.evidence));
        let _ = writeln!(text, "| {} | {} | **{verdict}** | {evidence} |", escaped(&claim.text), claim.source);
    }
    text
}

/// A bar would end a table's entry.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
