//! One annotated video as an HTML page: a timeline of every triplet, the frames that a training step would see with their
//! boxes, and its texts and negatives. One document without scripts or references, for reading and for finding faults.

use super::graph_sample::{GraphSample, SampleTarget};
use super::label_text::LabelTexts;
use crate::graph::{BoundingBox, Interval, Track, VideoGraph};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Width of the timeline's labels, and of its bars, in its own units (pixels, where the window is as wide).
const LABELS: f64 = 300.0;
const BARS: f64 = 840.0;
/// Height of a row, and of the numbers above the first.
const ROW: usize = 20;
const AXIS: usize = 24;
/// Most frame numbers above the timeline.
const TICKS: u32 = 12;
/// Characters of a row's label.
const LABEL: usize = 44;

/// The page; without a sample, the timeline alone. `pictures`, a `data:` address for each frame of the sample, or none, are
/// what the boxes are drawn on.
#[must_use]
pub fn page(graph: &VideoGraph, sample: Option<&GraphSample>, pictures: &[String], texts: &LabelTexts) -> String {
    let mut html = String::new();
    let title = escaped(&graph.video_id);
    // Writing to a string cannot fail.
    let _ = writeln!(
        html,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<style>\n{}</style>\n\
         <h1>{title}</h1><p>{} frames of {} x {} pixels at {:.2} a second, {} objects, {} relations</p>",
        include_str!("page.css"),
        graph.frame_count,
        graph.width,
        graph.height,
        graph.fps,
        graph.tracks.len(),
        graph.relations.len()
    );
    html.push_str(&timeline(graph, sample, texts));
    if let Some(sample) = sample {
        html.push_str("<h2>Frames of a sample</h2>\n");
        if pictures.is_empty() {
            html.push_str("<p>No video was given or found: boxes without their picture.</p>\n");
        }
        html.push_str("<div class=\"frames\">\n");
        for (at, (frame, targets)) in sample.frames.iter().zip(&sample.targets).enumerate() {
            let picture = pictures.get(at).map(String::as_str);
            let _ =
                writeln!(html, "<figure>{}{}</figure>", boxes(graph, *frame, picture, texts), found(*frame, targets));
        }
        html.push_str("</div>\n");
        html.push_str(&told(sample));
    }
    html.push_str("</html>\n");
    html
}

/// A colour of its own for each of the first tracks: steps of the golden angle.
fn color(graph: &VideoGraph, tid: u32) -> String {
    let at = graph.tracks.iter().position(|track| track.tid == tid).unwrap_or(0);
    format!("hsl({:.0} 65% 40%)", (at as f64 * 137.508) % 360.0)
}

/// The rows of the timeline: a triplet's name, its subject, its intervals.
fn rows(graph: &VideoGraph, texts: &LabelTexts) -> Vec<(String, u32, Vec<Interval>)> {
    let mut rows: BTreeMap<(u32, &str, u32), Vec<Interval>> = BTreeMap::new();
    for relation in &graph.relations {
        let triplet = (relation.subject, relation.predicate.as_str(), relation.object);
        rows.entry(triplet).or_default().push(relation.interval());
    }
    let name = |tid| match graph.track(tid) {
        Some(track) => called(track, texts),
        None => format!("? {tid}"),
    };
    let named = rows.into_iter().map(|((subject, predicate, object), intervals)| {
        (format!("{} {} {}", name(subject), texts.text(predicate), name(object)), subject, intervals)
    });
    let mut rows: Vec<_> = named.collect();
    // What begins first stands first: the order in which a viewer sees it.
    rows.sort_by_key(|(_, _, intervals)| intervals.iter().map(|i| (i.begin, i.end)).min());
    rows
}

fn timeline(graph: &VideoGraph, sample: Option<&GraphSample>, texts: &LabelTexts) -> String {
    let rows = rows(graph, texts);
    let scale = BARS / f64::from(graph.frame_count.max(1));
    let height = AXIS + rows.len() * ROW + 4;
    let width = LABELS + BARS + 12.0;
    let mut svg = "<h2>Timeline</h2>\n".to_owned();
    if sample.is_some() {
        svg.push_str("<p>A colour is a subject; the dashed lines are the frames of the sample below.</p>\n");
    }
    let _ = writeln!(svg, "<svg class=\"timeline\" viewBox=\"0 0 {width} {height}\">");
    for y in (0..rows.len()).step_by(2).map(|at| AXIS + at * ROW) {
        let _ = write!(svg, "<rect class=\"band\" x=\"0\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\"/>");
    }
    svg.push_str(&axis(graph, scale, height));
    for (at, (name, subject, intervals)) in rows.iter().enumerate() {
        let y = AXIS + at * ROW;
        let _ = write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">", LABELS - 10.0, y + ROW - 6);
        let _ = write!(svg, "{}</text>", escaped(&shortened(name)));
        for interval in intervals {
            let (x, width) = (LABELS + f64::from(interval.begin) * scale, f64::from(interval.len()) * scale);
            let _ = write!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" rx=\"2\" fill=\"{}\"><title>{}, frames {} to {}</title></rect>",
                y + 4,
                width.max(1.0),
                ROW - 8,
                color(graph, *subject),
                escaped(name),
                interval.begin,
                interval.end
            );
        }
        svg.push('\n');
    }
    for frame in sample.into_iter().flat_map(|sample| &sample.frames) {
        let x = LABELS + (f64::from(*frame) + 0.5) * scale;
        let _ = write!(svg, "<line class=\"drawn\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{AXIS}\" y2=\"{height}\"/>");
    }
    svg + "</svg>\n"
}

/// Numbers and lines of round frames.
fn axis(graph: &VideoGraph, scale: f64, height: usize) -> String {
    let mut svg = String::new();
    let steps = (0..10).flat_map(|power| [1, 2, 5].map(|first| first * 10_u32.saturating_pow(power)));
    let step = steps.into_iter().find(|step| graph.frame_count / step <= TICKS).unwrap_or(u32::MAX);
    for frame in (0..=graph.frame_count).step_by(step as usize) {
        let x = LABELS + f64::from(frame) * scale;
        let _ = write!(svg, "<path class=\"grid\" d=\"M{x:.1} {AXIS}V{height}\"/><text class=\"tick\" x=\"{x:.1}\" ");
        let _ = write!(svg, "y=\"{}\" text-anchor=\"middle\">{frame}</text>", AXIS - 8);
    }
    svg
}

/// A frame: its picture, if there is one, and a box with a name for each object seen in it.
fn boxes(graph: &VideoGraph, frame: u32, picture: Option<&str>, texts: &LabelTexts) -> String {
    let (width, height) = (graph.width, graph.height);
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\">");
    if let Some(picture) = picture {
        // Stretched: boxes are in the annotation's pixels, whatever size the video has by now.
        let _ = write!(
            svg,
            "<image href=\"{picture}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\"/>"
        );
    }
    let seen = graph.tracks.iter().filter_map(|track| Some((track, track.boxes.get(&frame)?)));
    // Large boxes first: small ones stay on top.
    let mut seen: Vec<(&Track, &BoundingBox)> = seen.collect();
    seen.sort_by(|a, b| area(b.1).total_cmp(&area(a.1)));
    let stroke = f64::from(width) / 160.0;
    for (track, b) in &seen {
        let _ = write!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{stroke:.2}\"/>",
            b.x0,
            b.y0,
            b.x1 - b.x0,
            b.y1 - b.y0,
            color(graph, track.tid)
        );
    }
    let mut tags: Vec<BoundingBox> = Vec::new();
    for (track, b) in seen {
        svg.push_str(&name_tag(graph, track, b, &mut tags, texts));
    }
    svg + "</svg>"
}

/// An object's name on its colour, within the frame: above its box, else in it or below it, further down where it would
/// cover one of the `tags` so far.
fn name_tag(
    graph: &VideoGraph,
    track: &Track,
    b: &BoundingBox,
    tags: &mut Vec<BoundingBox>,
    texts: &LabelTexts,
) -> String {
    let name = called(track, texts);
    let font = graph.width as f32 / 22.0;
    // Sans-serif letters are a little more than half as wide as high.
    let (width, height) = ((name.chars().count() as f32 * 0.58 + 0.5) * font, font * 1.25);
    let x0 = b.x0.min(graph.width as f32 - width).max(0.0);
    let at = |y: f32| {
        let y0 = y.min(graph.height as f32 - height).max(0.0);
        BoundingBox { x0, y0, x1: x0 + width, y1: y0 + height }
    };
    let lower = (1..10_u8).map(|row| b.y1 + f32::from(row) * height);
    let mut places = [b.y0 - height, b.y0, b.y1, b.y1 - height].into_iter().chain(lower).map(at);
    let tag = places.find(|place| !tags.iter().any(|tag| overlap(tag, place))).unwrap_or_else(|| at(b.y0 - height));
    tags.push(tag);
    format!(
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{font:.1}\" font-family=\"sans-serif\" fill=\"#fff\">{}</text>",
        tag.x0,
        tag.y0,
        color(graph, track.tid),
        tag.x0 + font * 0.25,
        tag.y0 + font * 0.95,
        escaped(&name)
    )
}

fn overlap(a: &BoundingBox, b: &BoundingBox) -> bool {
    a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1
}

/// A frame's number and what is to be found in it.
fn found(frame: u32, targets: &[SampleTarget]) -> String {
    let plural = if targets.len() == 1 { "" } else { "s" };
    let mut html = format!("<figcaption>frame {frame}, {} triplet{plural}<ul>", targets.len());
    for target in targets {
        let told = format!("{} {} {}", target.subject, target.predicate, target.object);
        let _ = write!(html, "<li>{}</li>", escaped(&told));
    }
    html + "</ul></figcaption>"
}

fn told(sample: &GraphSample) -> String {
    let texts = &sample.texts;
    let mut html = "<h2>Texts</h2>\n<table>\n".to_owned();
    for (what, text, class) in [
        ("What holds (G_O)", Some(&texts.positive), "yes"),
        ("Other attributes", texts.attribute.as_ref(), "no"),
        ("Other predicates", texts.predicate.as_ref(), "no"),
        ("Who does it to whom exchanged", texts.active_passive.as_ref(), "no"),
        ("First G_F, then G_B", Some(&texts.temporal), "yes"),
        ("Order exchanged", texts.temporal_negative.as_ref(), "no"),
    ] {
        let (class, text) = text.map_or(("none", "none can be made"), |text| (class, text.as_str()));
        let _ = writeln!(html, "<tr class=\"{class}\"><th>{what}</th><td>{}</td></tr>", escaped(text));
    }
    html + "</table>\n"
}

fn called(track: &Track, texts: &LabelTexts) -> String {
    format!("{} {}", texts.text(&track.category), track.tid)
}

fn area(b: &BoundingBox) -> f32 {
    (b.x1 - b.x0) * (b.y1 - b.y0)
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Text for HTML and SVG, within elements and attributes.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SampleRules;
    use crate::world::{Split, WorldClip};

    #[test]
    fn a_page_has_every_triplet_frame_and_text() {
        let rules = SampleRules::new(8);
        let clips = (0..40).map(|index| WorldClip::generate(Split::Train, index).graph);
        let (mut graph, sample) = clips
            .filter_map(|graph| GraphSample::draw(&graph, &rules, 1).map(|sample| (graph, sample)))
            .next()
            .unwrap();
        graph.video_id = "<script>\"".to_owned();
        let html = page(&graph, Some(&sample), &[], &rules.texts);
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;&quot;"));
        assert_eq!(html.matches("<title>").count(), graph.relations.len() + 1);
        assert_eq!(html.matches("<figure>").count(), 8);
        assert_eq!(html.matches("class=\"drawn\"").count(), 8);
        assert_eq!(html.matches("<li>").count(), sample.targets.iter().flatten().count());
        let row = |class: &str, text: &str| {
            html.lines().any(|l| l.starts_with(&format!("<tr class=\"{class}\">")) && l.contains(text))
        };
        assert!(row("yes", &sample.texts.positive) && row("yes", &sample.texts.temporal));
        for text in sample.texts.predicate.iter().chain(&sample.texts.temporal_negative) {
            assert!(row("no", text), "{text}");
        }
        assert!(html.contains("without their picture") && !html.contains("<image"));
        let pictures: Vec<String> = (0..8).map(|at| format!("data:image/jpeg;base64,{at}")).collect();
        let html = page(&graph, Some(&sample), &pictures, &rules.texts);
        assert!(pictures.iter().all(|picture| html.contains(&format!("<image href=\"{picture}\""))));
        assert!(!html.contains("without their picture"));
        assert!(!page(&graph, None, &[], &rules.texts).contains("<h2>Texts"));
    }

    #[test]
    fn names_keep_clear_of_each_other_and_in_the_frame() {
        let mut graph = WorldClip::generate(Split::Train, 0).graph;
        (graph.width, graph.height) = (320, 240);
        let b = BoundingBox { x0: 300.0, y0: 4.0, x1: 320.0, y1: 90.0 };
        let mut tags = Vec::new();
        // More than there are places at the box itself.
        for track in graph.tracks.iter().cycle().take(8) {
            name_tag(&graph, track, &b, &mut tags, &LabelTexts::default());
        }
        for (at, tag) in tags.iter().enumerate() {
            assert!(tag.x0 >= 0.0 && tag.y0 >= 0.0 && tag.x1 <= 320.0 && tag.y1 <= 240.0, "{tag:?}");
            assert!(tags[..at].iter().all(|other| !overlap(tag, other)), "{tags:?}");
        }
    }

    #[test]
    fn labels_are_cut_between_characters() {
        assert_eq!(shortened(&"ä".repeat(LABEL)), "ä".repeat(LABEL));
        assert_eq!(shortened(&"ä".repeat(LABEL + 1)), format!("{}…", "ä".repeat(LABEL)));
    }
}
