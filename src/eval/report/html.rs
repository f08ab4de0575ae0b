//! The report as one HTML file: no script, no reference to anything outside it.

use super::bars::chart;
use super::{Baseline, Report, baselines};
use crate::data::benchmark::VideoIndex;
use crate::data::escaped;
use crate::error::{Error, Result};
use crate::eval::run::{Task, picture_frame};
use crate::event::Abort;
use crate::video::picture::jpeg_address;
use std::fmt::Write as _;
use std::path::Path;

/// Width of a picture in pixels.
const PICTURE: u32 = 240;

const STYLE: &str = "body{font:15px/1.5 sans-serif;color:#333b47;max-width:60em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .7em;border-bottom:1px solid #d8dde3;text-align:right}\
td:first-child,th:first-child{text-align:left}figure{display:inline-block;vertical-align:top;width:250px;margin:0 1em 1em 0}\
figure img{max-width:240px}figcaption{font-size:13px}svg{max-width:100%}code{overflow-wrap:anywhere}";

/// The page.
///
/// # Errors
/// Those of [`Report::to_html`].
pub fn page(report: &Report, videos: Option<&Path>, abort: &Abort) -> Result<String> {
    let title = escaped(&format!("{}: {}", report.config.task, report.config.model.name));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1>\n"
    );
    html.push_str(&chart(report)?);
    html.push_str(&table(report));
    // Writing to a string cannot fail.
    for (name, value) in report.numbers() {
        let _ = write!(html, "<p>{}: {}</p>", escaped(&name), escaped(&value));
    }
    html.push_str(&published(report));
    html.push_str(&hardest(report, videos, abort)?);
    html.push_str(&unusual(report));
    html.push_str("<h2>What decides these numbers</h2><ul>");
    for (name, value) in report.settings() {
        let _ = write!(html, "<li>{name}: <code>{}</code></li>", escaped(&value));
    }
    html.push_str("</ul></html>\n");
    Ok(html)
}

fn table(report: &Report) -> String {
    let mut html = String::from(
        "<table><tr><th>group<th>accuracy %<th>95 % (Wilson)<th>95 % (by video)<th>ties<th>samples<th>videos</tr>",
    );
    for row in &report.table {
        let accuracy = row.accuracy.map_or_else(|| "–".to_owned(), |accuracy| format!("{:.1}", 100.0 * accuracy));
        let interval = |share: [f64; 2]| format!("{:.1} – {:.1}", 100.0 * share[0], 100.0 * share[1]);
        let (wilson, by_video) = (interval(row.wilson), interval(row.by_video));
        let title = escaped(&row.title);
        let _ = write!(
            html,
            "<tr><td>{title}<td>{accuracy}<td>{wilson}<td>{by_video}<td>{}<td>{}<td>{}</tr>",
            row.ties, row.total, row.videos
        );
    }
    html + "</table>"
}

fn published(report: &Report) -> String {
    let published = baselines(report.config.task);
    if published.is_empty() {
        return String::new();
    }
    let mut html = String::from("<h2>Published</h2><table><tr><th>group<th>model<th>accuracy %<th>source</tr>");
    for Baseline { group, model, percent, source } in published {
        let _ = write!(html, "<tr><td>{group}<td>{model}<td>{percent:.1}<td>{source}</tr>");
    }
    html + "</table>"
}

/// The samples most wrong, with a picture each where its video is at hand.
fn hardest(report: &Report, videos: Option<&Path>, abort: &Abort) -> Result<String> {
    if report.hardest.is_empty() {
        return Ok(String::new());
    }
    let index = videos.map(VideoIndex::of).transpose()?;
    let mut html = String::from("<h2>Most wrong</h2>");
    for sample in &report.hardest {
        html.push_str("<figure>");
        if index.is_some() || report.config.task == Task::World {
            let picture = picture_frame(index.as_ref(), &sample.video, sample.frame, abort)
                .and_then(|frames| jpeg_address(&frames, 0, PICTURE));
            match picture {
                Ok(address) => {
                    let _ = write!(html, "<img alt=\"\" src=\"{address}\">");
                }
                Err(Error::Aborted) => return Err(Error::Aborted),
                Err(error) => {
                    let _ = write!(html, "<p>no picture: {}</p>", escaped(&error.to_string()));
                }
            }
        }
        let told: Vec<String> = sample.told.iter().map(|line| escaped(line)).collect();
        let (video, kind) = (escaped(&sample.video), escaped(&sample.kind));
        let _ = write!(html, "<figcaption><b>{kind}</b>, {video}<br>{}</figcaption></figure>", told.join("<br>"));
    }
    Ok(html)
}

fn unusual(report: &Report) -> String {
    let mut html = String::new();
    for line in report.unusual().lines().filter(|line| !line.is_empty()) {
        let _ = match (line.strip_prefix("## "), line.strip_prefix("- ")) {
            (Some(title), _) => write!(html, "<h2>{}</h2>", escaped(title)),
            (None, item) => write!(html, "<p>{}</p>", escaped(item.unwrap_or(line))),
        };
    }
    html
}
