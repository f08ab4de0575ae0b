//! One annotated video as an HTML page: a timeline of every triplet, the frames that a training step would see with their
//! boxes, and its texts and negatives. One document without scripts or references, for reading and for finding faults.

use super::graph_sample::GraphSample;
use super::label_text::LabelTexts;
use crate::graph::{Interval, VideoGraph};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Width of the timeline in pixels.
const TIMELINE: f64 = 900.0;
/// Height of a row in pixels.
const ROW: usize = 18;

/// The page; without a sample, the timeline alone.
#[must_use]
pub fn page(graph: &VideoGraph, sample: Option<&GraphSample>, texts: &LabelTexts) -> String {
    let mut html = String::new();
    let title = escaped(&graph.video_id);
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:14px sans-serif;margin:2em}}svg{{background:#f6f6f6;margin:4px}}dt{{font-weight:bold}}\
         .no{{color:#a00}}</style><h1>{title}</h1><p>{} frames of {} x {} pixels at {:.2} a second, {} objects, {} relations</p>",
        graph.frame_count,
        graph.width,
        graph.height,
        graph.fps,
        graph.tracks.len(),
        graph.relations.len()
    );
    html.push_str(&timeline(graph, sample, texts));
    if let Some(sample) = sample {
        html.push_str("<h2>Frames of a sample</h2>");
        for (frame, targets) in sample.frames.iter().zip(&sample.targets) {
            let _ = write!(html, "<figure style=\"display:inline-block\">{}", boxes(graph, *frame, texts));
            let _ = write!(html, "<figcaption>frame {frame}, {} triplets</figcaption></figure>", targets.len());
        }
        html.push_str(&told(sample));
    }
    html.push_str("</html>\n");
    html
}

fn timeline(graph: &VideoGraph, sample: Option<&GraphSample>, texts: &LabelTexts) -> String {
    let mut rows: BTreeMap<String, Vec<Interval>> = BTreeMap::new();
    for relation in &graph.relations {
        let name = |tid| {
            let track = graph.track(tid);
            format!("{} {tid}", track.map_or_else(|| "?".into(), |track| texts.text(&track.category)))
        };
        let row = format!("{} {} {}", name(relation.subject), texts.text(&relation.predicate), name(relation.object));
        rows.entry(row).or_default().push(relation.interval());
    }
    let scale = TIMELINE / f64::from(graph.frame_count.max(1));
    let height = rows.len() * ROW;
    let mut svg = format!("<h2>Timeline</h2><svg width=\"{}\" height=\"{height}\">", TIMELINE + 320.0);
    for (at, (row, intervals)) in rows.iter().enumerate() {
        let y = at * ROW;
        for interval in intervals {
            let (x, width) = (f64::from(interval.begin) * scale, f64::from(interval.len()) * scale);
            let _ = write!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" fill=\"#69c\"><title>{} to {}</title></rect>",
                y + 2,
                ROW - 4,
                interval.begin,
                interval.end
            );
        }
        let _ = write!(svg, "<text x=\"{}\" y=\"{}\">{}</text>", TIMELINE + 8.0, y + ROW - 5, escaped(row));
    }
    for frame in sample.into_iter().flat_map(|sample| &sample.frames) {
        let x = (f64::from(*frame) + 0.5) * scale;
        let _ = write!(svg, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\" stroke=\"#a00\"/>");
    }
    svg + "</svg>"
}

fn boxes(graph: &VideoGraph, frame: u32, texts: &LabelTexts) -> String {
    let mut svg = format!("<svg width=\"280\" viewBox=\"0 0 {} {}\">", graph.width, graph.height);
    let font = (graph.height / 16).max(4);
    for track in &graph.tracks {
        let Some(b) = track.boxes.get(&frame) else { continue };
        let _ = write!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#069\"/>\
             <text x=\"{}\" y=\"{}\" font-size=\"{font}\">{} {}</text>",
            b.x0,
            b.y0,
            b.x1 - b.x0,
            b.y1 - b.y0,
            b.x0,
            b.y0 + font as f32,
            escaped(&texts.text(&track.category)),
            track.tid
        );
    }
    svg + "</svg>"
}

fn told(sample: &GraphSample) -> String {
    let texts = &sample.texts;
    let none = "none can be made".to_owned();
    let mut html = "<h2>Texts</h2><dl>".to_owned();
    for (what, text, class) in [
        ("G_O", Some(&texts.positive), "yes"),
        ("other attributes", texts.attribute.as_ref(), "no"),
        ("other predicates", texts.predicate.as_ref(), "no"),
        ("who does it to whom exchanged", texts.active_passive.as_ref(), "no"),
        ("G_F before G_B", Some(&texts.temporal), "yes"),
        ("order exchanged", texts.temporal_negative.as_ref(), "no"),
    ] {
        let _ = write!(html, "<dt>{what}</dt><dd class=\"{class}\">{}</dd>", escaped(text.unwrap_or(&none)));
    }
    html + "</dl>"
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
        let html = page(&graph, Some(&sample), &rules.texts);
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;&quot;"));
        assert_eq!(html.matches("<title>").count(), graph.relations.len() + 1);
        assert_eq!(html.matches("<figure").count(), 8);
        assert_eq!(html.matches("<line").count(), 8);
        assert!(html.contains(&format!("<dd class=\"yes\">{}</dd>", sample.texts.positive)));
        for text in sample.texts.predicate.iter().chain(&sample.texts.temporal_negative) {
            assert!(html.contains(&format!("<dd class=\"no\">{text}</dd>")));
        }
        assert!(!page(&graph, None, &rules.texts).contains("<h2>Texts"));
    }
}
