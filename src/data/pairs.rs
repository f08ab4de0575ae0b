//! Video-text pairs from a manifest, one JSON object a line: `{"video": "a.mp4", "caption": "a dog barks"}`; and how many
//! of them share a batch with annotated videos.

use crate::data::licence::{is_velociti, velociti_refused};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A video and a text that describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoText {
    /// The video's path, relative to the manifest.
    pub video: String,
    /// The caption.
    pub caption: String,
}

impl VideoText {
    /// The key whose text says nothing.
    fn blank(&self) -> Option<&'static str> {
        let texts = [("video", &self.video), ("caption", &self.caption)];
        texts.into_iter().find(|(_, text)| text.trim().is_empty()).map(|(key, _)| key)
    }
}

/// Reads a manifest; blank lines are passed over, other keys of a line ignored. `file` names it in errors.
///
/// # Errors
/// [`Error::InvalidJson`] with the line, also for a video or caption that is blank; [`Error::NotForTraining`] for rows of
/// VELOCITI, whose licence forbids it.
pub fn video_texts(manifest: &str, file: &str) -> Result<Vec<VideoText>> {
    let lines = manifest.strip_prefix('\u{feff}').unwrap_or(manifest).lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let pairs = lines.map(|(at, text)| {
        let wrong = |column, reason| Error::InvalidJson { file: file.to_owned(), line: at + 1, column, reason };
        let fields: Map<String, Value> = serde_json::from_str(text).map_err(|e| wrong(e.column(), e.to_string()))?;
        if is_velociti(&fields) {
            return Err(velociti_refused(file));
        }
        let pair: VideoText = serde_json::from_str(text).map_err(|e| wrong(e.column(), e.to_string()))?;
        if let Some(key) = pair.blank() {
            return Err(wrong(0, format!("\"{key}\" is blank")));
        }
        Ok(pair)
    });
    pairs.collect()
}

/// How a batch is shared between pairs and annotated videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchShares {
    /// Parts of pairs (8 of 8:2, 6 of 6:4).
    pub pairs: usize,
    /// Parts of annotated videos.
    pub graphs: usize,
}

impl BatchShares {
    /// `ViCLIP`'s ratio in section B.3.
    pub const VICLIP: Self = Self { pairs: 8, graphs: 2 };
    /// `InternVideo2`'s.
    pub const INTERNVIDEO2: Self = Self { pairs: 6, graphs: 4 };

    /// Pairs and annotated videos of a batch: the nearest to the ratio, ties to the pairs, and one at least of each that
    /// has a share.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for shares of nothing and for a batch too small for both.
    pub fn split(self, batch: usize) -> Result<(usize, usize)> {
        let parts = self.pairs + self.graphs;
        let least = usize::from(self.pairs > 0) + usize::from(self.graphs > 0);
        if parts == 0 || batch < least {
            let reason = format!("{}:{} of a batch of {batch} leaves nothing for one of them", self.pairs, self.graphs);
            return Err(Error::InvalidInput { what: "batch shares".to_owned(), reason });
        }
        let graphs = (2 * batch * self.graphs).saturating_sub(parts).div_ceil(2 * parts);
        let lowest = usize::from(self.graphs > 0);
        let graphs = graphs.clamp(lowest, batch - usize::from(self.pairs > 0));
        Ok((batch - graphs, graphs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn manifests_are_read_line_by_line() {
        let text = "\u{feff}{\"video\": \"a.mp4\", \"caption\": \"a\\nb\", \"id\": 3}\r\n\r\n{\"video\":\"b\",\"caption\":\"c\"}\n";
        let pairs = video_texts(text, "m.jsonl").unwrap();
        assert_eq!(pairs.iter().map(|p| p.caption.as_str()).collect::<Vec<_>>(), ["a\nb", "c"]);
        for bad in
            ["{\"video\": \"a\"}", "{\"video\": 3, \"caption\": \"c\"}", "{", "{\"video\": \" \", \"caption\": \"c\"}"]
        {
            let error = video_texts(&format!("\n{bad}"), "m.jsonl").unwrap_err();
            assert!(matches!(error, Error::InvalidJson { line: 2, .. }), "{error}");
        }
    }

    #[test]
    fn velociti_is_no_training_data() {
        let row = "{\"video\": \"a\", \"caption\": \"b\", \"video_id\": \"a\", \"test_name\": \"coref\", \"pos\": \"b\", \"neg\": \"c\"}";
        assert_eq!(video_texts(row, "m.jsonl").unwrap_err().code(), "not-for-training");
    }

    #[test]
    fn the_papers_batches() {
        // 128 * 0.2 = 25.6; 18 * 0.4 = 7.2.
        assert_eq!(BatchShares::VICLIP.split(128).unwrap(), (102, 26));
        assert_eq!(BatchShares::INTERNVIDEO2.split(18).unwrap(), (11, 7));
        assert_eq!(BatchShares { pairs: 0, graphs: 1 }.split(4).unwrap(), (0, 4));
        assert_eq!(BatchShares { pairs: 1, graphs: 1 }.split(3).unwrap(), (2, 1));
        assert!(BatchShares::VICLIP.split(1).is_err() && BatchShares { pairs: 0, graphs: 0 }.split(9).is_err());
    }

    proptest! {
        #[test]
        fn a_split_is_the_nearest_to_its_ratio(batch in 2_usize..300, pairs in 0_usize..10, graphs in 1_usize..10) {
            let (p, g) = BatchShares { pairs, graphs }.split(batch).unwrap();
            prop_assert_eq!(p + g, batch);
            prop_assert!(g >= 1 && (pairs == 0) == (p == 0));
            let exact = (batch * graphs) as f64 / (pairs + graphs) as f64;
            prop_assert!((g as f64 - exact).abs() <= 0.5 || g == 1 || p == 1);
        }
    }
}
