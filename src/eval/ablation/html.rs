//! The report as one HTML file without scripts or references; it is well-formed XML as well.

use super::claim::{Claim, Verdict};
use super::document::{Block, Document, Section, Table, Tone};
use crate::data::escaped;
use std::fmt::Write as _;

const STYLE: &str = include_str!("report.css");

/// The whole document.
#[must_use]
pub fn html(document: &Document) -> String {
    let title = escaped(&document.title);
    // Writing to a string cannot fail.
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n"
    );
    for sentence in &document.summary {
        let _ = writeln!(html, "<p>{}</p>", escaped(sentence));
    }
    html.push_str("<dl class=\"tiles\">\n");
    for tile in &document.tiles {
        let (name, value, note) = (escaped(&tile.name), escaped(&tile.value), escaped(&tile.note));
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"note\">{note}</dd></div>");
    }
    html.push_str("</dl>\n");
    for warning in &document.warnings {
        let _ = writeln!(html, "<p class=\"warning\">{}</p>", escaped(warning));
    }
    html.push_str("</header>\n<main>\n");
    document.sections.iter().for_each(|section| html.push_str(&section_html(section)));
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn section_html(section: &Section) -> String {
    let mut html = format!("<section>\n<h2>{}</h2>\n", escaped(&section.title));
    for block in &section.blocks {
        match block {
            Block::Paragraph(sentences) => {
                let _ = writeln!(html, "<p>{}</p>", escaped(sentences));
            }
            Block::List(lines) => {
                let lines: String = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
                let _ = writeln!(html, "<ul>\n{lines}</ul>");
            }
            Block::Table(table) => html.push_str(&table_html(table)),
            Block::Figure(figure) => {
                let caption = escaped(&figure.caption);
                let _ = writeln!(html, "<figure>\n{}<figcaption>{caption}</figcaption>\n</figure>", figure.svg);
            }
            Block::Claims(claims) => html.push_str(&claims_html(claims)),
        }
    }
    html + "</section>\n"
}

fn table_html(table: &Table) -> String {
    let head: String = table.head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let class = match table.head.len() {
        ..=3 => "narrow",
        _ if table.head.last().is_some_and(|name| name == "mean") => "means",
        _ => "wide",
    };
    let mut html = format!(
        "<div class=\"scroll\">\n<table class=\"{class}\">\n<caption>{}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n",
        escaped(&table.caption)
    );
    for (name, entries) in &table.rows {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escaped(name));
        for entry in entries {
            let class = match entry.tone {
                Tone::Plain => "plain",
                Tone::Gain => "gain",
                Tone::Loss => "loss",
            };
            let below = match entry.below.as_str() {
                "" => String::new(),
                below => format!("<span class=\"{class}\">{}</span>", escaped(below)),
            };
            let _ = write!(html, "<td>{}{below}</td>", escaped(&entry.text));
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody>\n</table>\n</div>\n"
}

fn claims_html(claims: &[Claim]) -> String {
    let mut html = "<ul class=\"claims\">\n".to_owned();
    for claim in claims {
        let class = match claim.verdict {
            Verdict::Holds => "gain",
            Verdict::DoesNotHold => "loss",
            Verdict::NotDecided => "plain",
        };
        let (text, evidence) = (escaped(&claim.text), escaped(&claim.evidence));
        let _ = writeln!(
            html,
            "<li><span class=\"verdict {class}\">{}</span><div><p>{text} <cite>{}</cite></p><p class=\"note\">{evidence}</p>\
             </div></li>",
            claim.verdict.title(),
            escaped(claim.source)
        );
    }
    html + "</ul>\n"
}
