//! Videos as clips that text can find, as JS classes; `pkg/src/library_run.ts` drives them.

use super::clip::{ClipFrames, video_info, without_alpha};
use super::engine::{Engine, StopFlag};
use super::error::plain;
use crate::error::Error;
use crate::eval::library::{ClipRule, Library, PulledVideo, SkippedVideo, WindowSettings, window_key};
use crate::event::Silent;
use crate::session::ClipOptions;
use crate::text::pre_text;
use crate::video::WindowRule;
use crate::video::cuts::CutRule;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use wasm_bindgen::prelude::*;

/// Settings of `IndexParams` in `pkg/src/library_run.ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    window: Option<f64>,
    step: Option<f64>,
    cuts: Option<bool>,
    clip: ClipOptions,
    pre_text: Option<bool>,
}

/// What a library holds; `LibraryInfo` in `pkg/src/types_search.ts`.
#[derive(Serialize)]
struct About<'a> {
    videos: usize,
    embedded: usize,
    clips: usize,
    skipped: &'a [SkippedVideo],
}

/// Videos embedded so far.
#[wasm_bindgen(js_name = Library)]
pub struct PageLibrary {
    library: Library,
    settings: WindowSettings,
    key_base: String,
    /// Whether texts are cleaned first.
    pre_text: bool,
}

#[wasm_bindgen(js_class = Library)]
impl PageLibrary {
    /// What a video's embeddings are kept under, by its file's sha256.
    #[must_use]
    pub fn key(&self, sha256: &str) -> String {
        window_key(&self.key_base, sha256)
    }

    /// Adds a video from the file that was kept; answers whether it could be used.
    ///
    /// # Errors
    /// Embeddings of another length.
    #[wasm_bindgen(js_name = addKept)]
    pub fn add_kept(&mut self, name: &str, file: &[u8]) -> Result<bool, JsValue> {
        Ok(self.library.add_kept(name, file)?)
    }

    /// Begins a video; `fps` may be NaN.
    #[must_use]
    pub fn begin(&self, frame_count: usize, fps: f64, width: usize, height: usize) -> LibraryVideo {
        let info = video_info(frame_count, fps, width, height);
        let video = PulledVideo::new(&self.settings, info);
        LibraryVideo { video, settings: self.settings.clone(), handed_out: VecDeque::new() }
    }

    /// Adds a video all of whose windows are embedded; gives a file to keep.
    ///
    /// # Errors
    /// A window that lacks; embeddings of another length.
    #[wasm_bindgen(js_name = addNew)]
    pub fn add_new(&mut self, name: &str, video: LibraryVideo, sha256: String) -> Result<Vec<u8>, JsValue> {
        let (facts, rows) = video.video.finish(sha256)?;
        Ok(self.library.add_new(name, &facts, &rows)?)
    }

    /// Notes that a video cannot be used.
    pub fn skip(&mut self, name: String, code: String, reason: String) {
        self.library.skipped.push(SkippedVideo { video: name, code, reason });
    }

    /// What it holds.
    ///
    /// # Errors
    /// None in practice.
    pub fn about(&self) -> Result<JsValue, JsValue> {
        let Library { index, videos, embedded, skipped } = &self.library;
        plain(&About { videos: *videos, embedded: *embedded, clips: index.len(), skipped })
    }

    /// The `top` clips nearest to each text, best first; a clip that overlaps a better one only where `overlapping`.
    ///
    /// # Errors
    /// An empty text; a stop on request; device errors.
    pub async fn search(
        &self,
        engine: &Engine,
        texts: Vec<String>,
        top: usize,
        overlapping: bool,
        stop: &StopFlag,
    ) -> Result<JsValue, JsValue> {
        engine.session.check_captions(&texts)?;
        let seen = |text: &String| if self.pre_text { pre_text(text, None) } else { text.clone() };
        let seen: Vec<String> = texts.iter().map(seen).collect();
        let embeds = engine.session.encode_text(&seen, &mut Silent, stop.flag()).await?;
        let mut found = Vec::with_capacity(embeds.len());
        for embed in &embeds {
            found.push(self.library.index.search(embed, top, overlapping)?);
        }
        plain(&found)
    }
}

/// A video on its way into a library.
#[wasm_bindgen]
pub struct LibraryVideo {
    video: PulledVideo,
    settings: WindowSettings,
    /// Windows that are being embedded, in the order they were handed out.
    handed_out: VecDeque<usize>,
}

#[wasm_bindgen]
impl LibraryVideo {
    /// Whether every frame is to be shown to `see` first.
    #[must_use]
    #[wasm_bindgen(getter, js_name = wantsAll)]
    pub fn wants_all(&self) -> bool {
        self.video.wants_all()
    }

    /// Takes the next frame of all, RGBA, to find cuts.
    ///
    /// # Errors
    /// A frame of another size.
    pub fn see(&mut self, width: usize, height: usize, rgba: &[u8]) -> Result<(), JsValue> {
        Ok(self.video.see(&without_alpha(width, height, rgba)?)?)
    }

    /// Lays windows over the scenes; gives the frames to decode, ascending.
    ///
    /// # Errors
    /// A video without frames, or a rule that needs a clock where there is none.
    pub fn plan(&mut self) -> Result<Vec<u32>, JsValue> {
        let wanted = self.video.plan(&self.settings)?;
        // Where this runs, usize has 32 bits.
        Ok(wanted.into_iter().map(|index| index as u32).collect())
    }

    /// Takes the next of these frames, RGBA; gives the number of windows that it makes ready.
    ///
    /// # Errors
    /// A frame of another size.
    pub fn take(&mut self, width: usize, height: usize, rgba: &[u8]) -> Result<usize, JsValue> {
        Ok(self.video.take(&without_alpha(width, height, rgba)?)?)
    }

    /// Hands out the frames of the next window that is ready. The engine embeds them ([`Engine::encode_video`]) while more
    /// frames are taken.
    #[wasm_bindgen(js_name = nextWindow)]
    pub fn next_window(&mut self) -> Option<ClipFrames> {
        let (window, frames) = self.video.next_window()?;
        self.handed_out.push_back(window);
        Some(ClipFrames::of(frames, self.settings.preprocess.clone()))
    }

    /// Takes the embedding of the first of the windows that were handed out.
    pub fn embedded(&mut self, embedding: Vec<f32>) {
        if let Some(window) = self.handed_out.pop_front() {
            self.video.embedded(window, embedding);
        }
    }
}

#[wasm_bindgen]
impl Engine {
    /// Begins a library: options as JSON.
    ///
    /// # Errors
    /// Windows that make no sense; a stop on request.
    pub async fn library(&mut self, options: String, stop: &StopFlag) -> Result<PageLibrary, JsValue> {
        let options: Options = serde_json::from_str(&options).map_err(Error::json("the options"))?;
        let seconds = options.window.unwrap_or(WindowRule::default().seconds);
        let windows = WindowRule { seconds, step: options.step.unwrap_or(seconds / 2.0) };
        let clips = ClipRule { cuts: options.cuts.unwrap_or(true).then(CutRule::default), windows };
        clips.validate()?;
        let settings = WindowSettings {
            clips,
            preprocess: options.clip.apply(self.session.preprocess())?,
            sampling_seed: options.clip.seed,
            model: self.identity(stop.flag()).await?,
        };
        let cleans = self.session.config().model_type.cleans_captions();
        let pre_text = options.pre_text.unwrap_or(cleans);
        let key_base = settings.key_base()?;
        Ok(PageLibrary { library: Library::default(), settings, key_base, pre_text })
    }
}
