//! An explanation as an HTML page: frames with what is said of them, and the figure of attention. One document beside its
//! pictures, without scripts.

use super::explain::{ExplainedEntity, ExplainedFrame, ExplainedTriplet, Explanation};
use crate::data::escaped;
use std::fmt::Write as _;

/// Colours of boxes and words: subject, object (Okabe and Ito: told apart with any kind of colour vision).
pub const COLORS: [[u8; 3]; 2] = [[230, 159, 0], [86, 180, 233]];

/// Width of a frame on the page in pixels.
const FRAME: usize = 320;

/// The page. `pictures` names the file of each frame; `shown` the triplets of each that are told; `figure` is an SVG.
pub fn page(
    title: &str,
    explanation: &Explanation,
    pictures: &[String],
    shown: &[&[ExplainedTriplet]],
    threshold: f32,
    figure: &str,
) -> String {
    let [subject, object] = COLORS.map(css);
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:14px sans-serif;margin:2em}}figure{{display:inline-block;vertical-align:top;width:{FRAME}px;\
         margin:0 1em 1em 0}}ol{{padding-left:2em}}.s,.o{{padding:0 .3em;color:#000}}.s{{background:{subject}}}\
         .o{{background:{object}}}</style>\n<h1>{title}</h1>\n<p>What the scene-graph tokens stand for in the {} frames \
         that the model saw: <b class=\"s\">subject</b> predicate <b class=\"o\">object</b>, with a score of {threshold} or \
         more. All {} triplets are in explanation.json.</p>\n",
        explanation.frames.len(),
        explanation.frames.iter().map(|frame| frame.triplets.len()).sum::<usize>(),
        title = escaped(title),
    );
    for ((frame, picture), triplets) in explanation.frames.iter().zip(pictures).zip(shown) {
        let _ = write!(html, "<figure>{}", overlay(explanation, picture, triplets));
        let _ = write!(html, "<figcaption>{}<ol>", when(frame));
        for triplet in *triplets {
            let _ = write!(
                html,
                "<li><span class=\"s\">{}</span> {} <span class=\"o\">{}</span> {:.3}</li>",
                escaped(&triplet.subject.label.label),
                escaped(&triplet.predicate.label),
                escaped(&triplet.object.label.label),
                triplet.score
            );
        }
        html.push_str("</ol></figcaption></figure>\n");
    }
    let _ = write!(html, "<h2>Where CLS looks</h2>\n{figure}\n</html>\n");
    html
}

fn when(frame: &ExplainedFrame) -> String {
    let seconds = frame.seconds.map_or_else(String::new, |seconds| format!(", {seconds:.2} s"));
    format!("frame {}{seconds}", frame.frame)
}

/// The picture, on which the boxes are drawn, with the labels at their corners.
fn overlay(explanation: &Explanation, picture: &str, triplets: &[ExplainedTriplet]) -> String {
    let (width, height) = (explanation.width, explanation.height);
    let mut svg = format!(
        "<svg width=\"{FRAME}\" viewBox=\"0 0 {width} {height}\"><image href=\"{}\" width=\"{width}\" height=\"{height}\"/>",
        escaped(picture)
    );
    // About 13 pixels on the page.
    let font = width as f32 * 13.0 / FRAME as f32;
    for triplet in triplets {
        for (entity, color, line) in [(&triplet.subject, COLORS[0], 1.0), (&triplet.object, COLORS[1], 2.0)] {
            let (x, y) = corner(entity, (width as f32, height as f32));
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{font:.1}\" fill=\"{}\" stroke=\"#000\" stroke-width=\"{:.2}\" \
                 paint-order=\"stroke\">{}<title>{} {} {}: {:.3}</title></text>",
                y + line * font,
                css(color),
                font / 5.0,
                escaped(&entity.label.label),
                escaped(&triplet.subject.label.label),
                escaped(&triplet.predicate.label),
                escaped(&triplet.object.label.label),
                triplet.score,
            );
        }
    }
    svg + "</svg>"
}

/// Upper left corner of an entity's box in pixels, inside of the frame.
fn corner(entity: &ExplainedEntity, (width, height): (f32, f32)) -> (f32, f32) {
    let [x, y, w, h] = entity.bounds;
    (((x - w / 2.0) * width).clamp(0.0, width), ((y - h / 2.0) * height).clamp(0.0, height))
}

fn css([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
