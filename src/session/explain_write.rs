//! An explanation as files: the numbers, the frames with boxes drawn, a page for people.

use super::explain::{ExplainedTriplet, Explanation};
use super::explain_page::{COLORS, page};
use crate::error::{Error, Result};
use crate::eval::{AttentionPanel, attention_figure};
use crate::platform::write_beside;
use crate::video::{Frames, paint};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use std::path::{Path, PathBuf};

/// Frames are this many times as wide as a box's line.
const WIDTHS_OF_A_LINE: usize = 200;

/// Writes `explanation.json`, each frame with the boxes of its triplets (`frame_00.png` …; subjects orange, objects blue),
/// `attention.svg` and `index.html`, which shows it all, into `folder`, which is made if it is missing. Drawn and told are
/// triplets whose score is `threshold` or more; the JSON document holds all of them. `frames` are those of the explanation,
/// in its order. Returns the page's path.
///
/// # Errors
/// [`Error::Io`]; [`Error::InvalidInput`] for other frames than the explanation's.
pub fn write_explanation(
    explanation: &Explanation,
    title: &str,
    frames: &Frames,
    threshold: f32,
    folder: &Path,
) -> Result<PathBuf> {
    let (explained, given) = (
        (explanation.frames.len(), explanation.width, explanation.height),
        (frames.count(), frames.width, frames.height),
    );
    if explained != given {
        let reason = format!("{given:?} (count, width, height) were given, {explained:?} were explained");
        return Err(Error::InvalidInput { what: "frames to draw on".to_owned(), reason });
    }
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let shown: Vec<&[ExplainedTriplet]> =
        explanation.frames.iter().map(|frame| above(&frame.triplets, threshold)).collect();
    let pictures: Vec<String> = (0..frames.count()).map(|at| format!("frame_{at:02}.png")).collect();
    for (at, (name, triplets)) in pictures.iter().zip(&shown).enumerate() {
        let path = folder.join(name);
        write_beside(&path, &png(frames, at, triplets, &path)?)?;
    }
    let json = serde_json::to_vec_pretty(explanation).map_err(Error::json("explanation.json"))?;
    write_beside(&folder.join("explanation.json"), &json)?;
    let panel = AttentionPanel { title: String::new(), layers: explanation.attention.clone() };
    let figure = attention_figure(&[panel])?;
    write_beside(&folder.join("attention.svg"), figure.as_bytes())?;
    let index = folder.join("index.html");
    write_beside(&index, page(title, explanation, &pictures, &shown, threshold, &figure).as_bytes())?;
    Ok(index)
}

/// The triplets of this score or a higher one; they are sorted by it.
fn above(triplets: &[ExplainedTriplet], threshold: f32) -> &[ExplainedTriplet] {
    &triplets[..triplets.partition_point(|triplet| triplet.score >= threshold)]
}

/// A frame as PNG with the boxes of its triplets, the best one's on top.
fn png(frames: &Frames, at: usize, triplets: &[ExplainedTriplet], path: &Path) -> Result<Vec<u8>> {
    let mut pixels = frames.frame(at).to_vec();
    let line = (frames.width / WIDTHS_OF_A_LINE).max(1);
    for triplet in triplets.iter().rev() {
        for (entity, color) in [(&triplet.object, COLORS[1]), (&triplet.subject, COLORS[0])] {
            paint::outline(&mut pixels, frames.width, entity.bounds, color, line);
        }
    }
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&pixels, side(frames.width), side(frames.height), ExtendedColorType::Rgb8)
        .map_err(|error| Error::io("encode", path)(std::io::Error::other(error)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::LayerShares;
    use crate::session::{ExplainedEntity, ExplainedFrame, ExplainedLabel};

    fn explanation() -> Explanation {
        let label = |label: &str| ExplainedLabel { label: label.to_owned(), probability: 0.5, none: 0.5 };
        let entity = |word: &str, bounds| ExplainedEntity { label: label(word), bounds };
        let triplet = |token, score, object| ExplainedTriplet {
            token,
            score,
            subject: entity("<fox>", [0.25, 0.5, 0.5, 1.0]),
            predicate: label("push"),
            object: entity(object, [0.75, 0.5, 0.5, 1.0]),
        };
        let frame = |frame, triplets| ExplainedFrame { frame, seconds: Some(frame as f64 / 4.0), triplets };
        Explanation {
            width: 8,
            height: 4,
            frames: vec![frame(1, vec![triplet(2, 0.5, "ball"), triplet(0, 0.25, "cup")]), frame(3, Vec::new())],
            attention: vec![LayerShares { cls: 0.5, scene: 0.25, patch: 0.25 }],
        }
    }

    #[test]
    fn files_show_what_reaches_the_threshold_and_hold_everything() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("new/here");
        let frames = Frames::new(8, 4, vec![50; 2 * 8 * 4 * 3]).unwrap();
        let index = write_explanation(&explanation(), "a & b", &frames, 0.3, &place).unwrap();
        let html = std::fs::read_to_string(index).unwrap();
        assert!(html.contains("<h1>a &amp; b</h1>") && html.contains("&lt;fox&gt;") && !html.contains("<fox>"));
        assert!(html.contains("ball") && !html.contains("cup") && html.contains("frame 1, 0.25 s"));
        assert_eq!((html.matches("<figure>").count(), html.matches("<li>").count()), (2, 1));
        assert!(
            html.contains("scene-graph tokens</text>") || html.contains("share of CLS attention"),
            "the figure of attention"
        );
        let json = std::fs::read(place.join("explanation.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Explanation>(&json).unwrap(), explanation());

        let drawn = image::open(place.join("frame_00.png")).unwrap().into_rgb8();
        let pixel = |x, y| drawn.get_pixel(x, y).0;
        // Subject on the left half, object on the right, the inside untouched.
        assert_eq!([pixel(0, 0), pixel(3, 2), pixel(4, 0), pixel(7, 3)], [COLORS[0], COLORS[0], COLORS[1], COLORS[1]]);
        assert_eq!([pixel(1, 1), pixel(6, 2)], [[50; 3]; 2]);
        let plain = image::open(place.join("frame_01.png")).unwrap().into_rgb8();
        assert!(plain.pixels().all(|pixel| pixel.0 == [50; 3]));
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 5);
    }

    #[test]
    fn other_frames_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let frames = Frames::new(8, 4, vec![50; 8 * 4 * 3]).unwrap();
        let error = write_explanation(&explanation(), "a", &frames, 0.3, folder.path()).unwrap_err();
        assert_eq!(error.code(), "invalid-input");
    }
}
