//! One video as windows, pulled from outside: whoever decodes shows all frames first where cuts are looked for, then those
//! that windows want.

use super::gathering::Gathering;
use super::{VideoWindows, WindowSettings};
use crate::error::{Error, Result};
use crate::video::cuts::CutDetector;
use crate::video::{Frames, VideoInfo};
use std::collections::VecDeque;
use std::ops::Range;

/// A video on its way into a library.
#[derive(Debug)]
pub struct PulledVideo {
    info: VideoInfo,
    /// While cuts are looked for.
    detector: Option<CutDetector>,
    scenes: usize,
    windows: Vec<Range<usize>>,
    /// Frames that windows want and that did not come yet, ascending.
    coming: VecDeque<usize>,
    gathering: Option<Gathering>,
    ready: VecDeque<(usize, Frames)>,
    /// Embeddings, as `windows`.
    rows: Vec<Option<Vec<f32>>>,
}

impl PulledVideo {
    /// Begins a video.
    #[must_use]
    pub fn new(settings: &WindowSettings, info: VideoInfo) -> Self {
        let detector = settings.clips.cuts.map(|rule| CutDetector::new(info.width.max(1), info.height.max(1), rule));
        Self {
            info,
            detector,
            scenes: 0,
            windows: Vec::new(),
            coming: VecDeque::new(),
            gathering: None,
            ready: VecDeque::new(),
            rows: Vec::new(),
        }
    }

    /// Whether every frame is to be shown to [`PulledVideo::see`] first.
    #[must_use]
    pub const fn wants_all(&self) -> bool {
        self.detector.is_some()
    }

    /// Takes the next frame, `[height, width, 3]`, to find cuts.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for a frame of another size.
    pub fn see(&mut self, frame: &[u8]) -> Result<()> {
        if let Some(detector) = &mut self.detector {
            detector.see(frame)?;
        }
        Ok(())
    }

    /// Lays windows over the scenes; gives the frames that they want, ascending.
    ///
    /// # Errors
    /// [`Error::NoFrames`]; those of [`WindowSettings::frames`].
    pub fn plan(&mut self, settings: &WindowSettings) -> Result<Vec<usize>> {
        let scenes = match self.detector.take() {
            Some(detector) => detector.scenes(),
            None => std::iter::once(0..self.info.frame_count).collect(),
        };
        self.scenes = scenes.len();
        self.windows = settings.clips.windows.windows(&scenes, self.info.fps);
        let gathering = Gathering::new(&settings.frames(&self.windows, &self.info)?, &self.info, &settings.preprocess);
        let wanted = gathering.wanted();
        self.coming = wanted.iter().copied().collect();
        self.rows = vec![None; self.windows.len()];
        self.gathering = Some(gathering);
        Ok(wanted)
    }

    /// Takes the next wanted frame, `[height, width, 3]`; gives the number of windows that it makes ready to be embedded.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a frame of another size, or one that nobody wanted.
    pub fn take(&mut self, frame: &[u8]) -> Result<usize> {
        let wrong = |reason: String| Error::InvalidInput { what: "frame".to_owned(), reason };
        let expected = self.info.width * self.info.height * 3;
        if frame.len() != expected {
            return Err(wrong(format!("it has {} bytes, the video's have {expected}", frame.len())));
        }
        let (Some(number), Some(gathering)) = (self.coming.pop_front(), &mut self.gathering) else {
            return Err(wrong("no window wants it".to_owned()));
        };
        let before = self.ready.len();
        self.ready.extend(gathering.take(number, frame));
        Ok(self.ready.len() - before)
    }

    /// The next window that is ready, with its number: `[frames, side, side, 3]`.
    pub fn next_window(&mut self) -> Option<(usize, Frames)> {
        self.ready.pop_front()
    }

    /// Takes a window's embedding.
    pub fn embedded(&mut self, window: usize, embed: Vec<f32>) {
        if let Some(row) = self.rows.get_mut(window) {
            *row = Some(embed);
        }
    }

    /// What is known of the video, and one embedding a window, once all were embedded.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] before.
    pub fn finish(self, sha256: String) -> Result<(VideoWindows, Vec<Vec<f32>>)> {
        let VideoInfo { frame_count, fps, .. } = self.info;
        let (scenes, windows) = (self.scenes, self.windows);
        let rows: Option<Vec<Vec<f32>>> = self.rows.into_iter().collect();
        let rows = rows.ok_or_else(|| Error::InvalidInput {
            what: "video".to_owned(),
            reason: "some of its windows are not embedded yet; this is a fault of sgcr".to_owned(),
        })?;
        Ok((VideoWindows { sha256, frame_count, fps, scenes, windows }, rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PreprocessConfig;
    use crate::eval::library::ClipRule;
    use crate::eval::run::ModelIdentity;
    use crate::event::Abort;
    use crate::video::cuts::{self, CutRule};
    use crate::video::{FrameSource as _, MemorySource, WindowRule, preprocess};
    use std::collections::BTreeMap;

    fn settings(cuts: Option<CutRule>) -> WindowSettings {
        let text = String::new;
        let model = ModelIdentity {
            name: text(),
            model_type: text(),
            scene_tokens: text(),
            weights_sha256: text(),
            files: BTreeMap::new(),
            device: text(),
            device_description: text(),
            dtype: text(),
            mixture: None,
            adapters: Vec::new(),
        };
        let clips = ClipRule { cuts, windows: WindowRule { seconds: 2.0, step: 1.0 } };
        WindowSettings { clips, preprocess: PreprocessConfig::viclip(4, 3), sampling_seed: 0, model }
    }

    #[test]
    fn windows_are_those_that_a_source_gives_when_it_is_read() {
        // Two scenes of 30 and 20 frames, dark and bright, each with a little movement.
        let frame = |at: usize| vec![if at < 30 { 20 + at % 3 } else { 220 + at % 3 } as u8; 6 * 5 * 3];
        let data: Vec<u8> = (0..50).flat_map(frame).collect();
        let mut clip = MemorySource::new(Frames::new(6, 5, data).unwrap(), Some(10.0));
        for rule in [None, Some(CutRule::default())] {
            let settings = settings(rule);
            let mut video = PulledVideo::new(&settings, clip.info());
            assert_eq!(video.wants_all(), rule.is_some());
            (0..50).for_each(|at| video.see(&frame(at)).unwrap());
            let scenes = match rule {
                Some(rule) => cuts::scenes(&mut clip, rule, &Abort::default()).unwrap().0,
                None => std::iter::once(0..50).collect(),
            };
            assert_eq!(scenes.len(), if rule.is_some() { 2 } else { 1 });
            let windows = settings.clips.windows.windows(&scenes, Some(10.0));
            let wanted = video.plan(&settings).unwrap();
            let chosen = settings.frames(&windows, &clip.info()).unwrap();
            for at in wanted {
                video.take(&frame(at)).unwrap();
                while let Some((number, frames)) = video.next_window() {
                    let alone = preprocess::resized(&clip.read(&chosen[number]).unwrap(), &settings.preprocess);
                    assert_eq!(frames, alone);
                    video.embedded(number, vec![number as f32]);
                }
            }
            assert_eq!(video.take(&frame(0)).unwrap_err().code(), "invalid-input");
            let (facts, rows) = video.finish("00".to_owned()).unwrap();
            assert_eq!((facts.windows.clone(), facts.scenes), (windows, scenes.len()));
            assert_eq!(rows, (0..facts.windows.len()).map(|at| vec![at as f32]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_video_with_a_window_that_lacks_is_not_finished() {
        let settings = settings(None);
        let info = VideoInfo { frame_count: 5, fps: Some(1.0), width: 2, height: 2 };
        let mut video = PulledVideo::new(&settings, info);
        video.plan(&settings).unwrap();
        assert_eq!(video.take(&[0; 3]).unwrap_err().code(), "invalid-input");
        assert_eq!(video.finish(String::new()).unwrap_err().code(), "invalid-input");
    }
}
