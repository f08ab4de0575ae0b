//! Benchmarks as JS classes; `pkg/src/evaluate_run.ts` drives them.

use super::clip::{ClipFrames, video_info};
use super::engine::{Engine, StopFlag};
use super::error::plain;
use crate::data::benchmark::{DataFile, VideoNames};
use crate::error::Error;
use crate::eval::run::{
    ClipFacts, HardSample, MissingVideo, PieceHash, PulledRun, Question, Results, ScoreRule, ShortVideo, TableRow, Task,
};
use crate::session::ClipOptions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;

/// Settings of `EvaluateParams` in `pkg/src/evaluate_run.ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    task: Task,
    split: Option<String>,
    limit: Option<usize>,
    clip: ClipOptions,
    pre_text: Option<bool>,
}

/// Results so far; `EvaluationTable` in `pkg/src/types_evaluate.ts`.
#[derive(Serialize)]
struct Table {
    rows: Vec<TableRow>,
    /// A number that is not defined is null, as in `results.json`.
    metrics: BTreeMap<String, Option<f64>>,
}

impl Table {
    fn of(results: &Results) -> Self {
        let metric = |(name, value): (&String, &f64)| (name.clone(), Some(*value).filter(|value| value.is_finite()));
        Self { rows: results.rows(), metrics: results.metrics.iter().map(metric).collect() }
    }
}

/// What a run came to; `EvaluationResults` in `pkg/src/types_evaluate.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finished {
    #[serde(flatten)]
    table: Table,
    document: String,
    samples: String,
    samples_file: String,
    markdown: String,
    missing: Vec<MissingVideo>,
    short: Vec<ShortVideo>,
    hardest: Vec<HardSample>,
}

/// A sha256 of bytes that come in pieces.
#[wasm_bindgen]
#[derive(Default)]
pub struct FileHash(PieceHash);

#[wasm_bindgen]
impl FileHash {
    /// Of nothing yet.
    #[must_use]
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash, lower-case hex.
    #[must_use]
    pub fn finish(self) -> String {
        self.0.finish()
    }
}

/// A run under way.
#[wasm_bindgen]
pub struct Evaluation {
    run: PulledRun,
    names: VideoNames,
}

#[wasm_bindgen]
impl Evaluation {
    /// The videos as the data names them; methods take positions in this list.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn videos(&self) -> Vec<String> {
        self.run.videos().to_vec()
    }

    /// Samples that hang on a video.
    #[must_use]
    #[wasm_bindgen(js_name = samplesOf)]
    pub fn samples_of(&self, video: usize) -> usize {
        self.run.samples_of(video)
    }

    /// The path of the file that a video means.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn find(&self, video: usize) -> Result<String, JsValue> {
        let name = self.run.videos().get(video).map_or("", String::as_str);
        Ok(self.names.find(name)?.to_owned())
    }

    /// Whether clips are drawn rather than decoded.
    #[must_use]
    #[wasm_bindgen(getter, js_name = isWorld)]
    pub fn is_world(&self) -> bool {
        self.run.is_world()
    }

    /// Captions that are still to be embedded.
    #[must_use]
    #[wasm_bindgen(getter, js_name = waitingCaptions)]
    pub fn waiting_captions(&self) -> usize {
        self.run.waiting_captions()
    }

    /// What the next captions' embeddings are kept under; `undefined` once all are embedded.
    #[must_use]
    #[wasm_bindgen(getter, js_name = captionKey)]
    pub fn caption_key(&self) -> Option<String> {
        self.run.next_captions().map(|(_, key)| key)
    }

    /// Takes the next captions' embeddings from a file; answers whether it could be used.
    ///
    /// # Errors
    /// Embeddings of length zero.
    #[wasm_bindgen(js_name = takeKeptCaptions)]
    pub fn take_kept_captions(&mut self, file: &[u8]) -> Result<bool, JsValue> {
        Ok(self.run.take_kept_captions(file)?)
    }

    /// Embeds the next captions; gives a file to keep, `undefined` where there are none.
    ///
    /// # Errors
    /// Device errors.
    #[wasm_bindgen(js_name = embedCaptions)]
    pub async fn embed_captions(&mut self, engine: &Engine) -> Result<Option<Vec<u8>>, JsValue> {
        Ok(engine.session.embed_next_captions(&mut self.run).await?)
    }

    /// What a video's embedding is kept under, by its file's sha256.
    #[must_use]
    pub fn key(&self, sha256: &str) -> String {
        self.run.key(sha256)
    }

    /// What stands for the sha256 of a generated clip's file.
    ///
    /// # Errors
    /// A position without a video.
    #[wasm_bindgen(js_name = worldHash)]
    pub fn world_hash(&self, video: usize) -> Result<String, JsValue> {
        Ok(self.run.world_sha256(video)?)
    }

    /// Takes a video's embedding from a file; answers whether it could be used.
    ///
    /// # Errors
    /// Embeddings of length zero.
    #[wasm_bindgen(js_name = takeKept)]
    pub fn take_kept(&mut self, video: usize, file: &[u8]) -> Result<bool, JsValue> {
        Ok(self.run.take_kept_video(video, file)?)
    }

    /// Draws and embeds a clip of the generated world; gives a file to keep.
    ///
    /// # Errors
    /// Device errors.
    #[wasm_bindgen(js_name = embedDrawn)]
    pub async fn embed_drawn(&mut self, engine: &Engine, video: usize) -> Result<Vec<u8>, JsValue> {
        Ok(engine.session.embed_drawn(&mut self.run, video).await?)
    }

    /// Begins a clip under the run's own settings.
    #[must_use]
    #[wasm_bindgen(js_name = newClip)]
    pub fn new_clip(&self) -> ClipFrames {
        let settings = self.run.settings();
        ClipFrames::new(settings.preprocess.clone(), settings.sampling_seed)
    }

    /// Which frames to decode, in this order (repeats allowed); `fps` may be NaN.
    ///
    /// # Errors
    /// An empty clip, or a rule that needs a clock where there is none.
    pub fn choose(
        &self,
        clip: &mut ClipFrames,
        frame_count: usize,
        fps: f64,
        width: usize,
        height: usize,
    ) -> Result<Vec<u32>, JsValue> {
        let info = video_info(frame_count, fps, width, height);
        let facts = self.run.choose(&info, String::new())?;
        Ok(clip.choose(info, facts.frames))
    }

    /// Takes the embedding of a video whose frames were chosen and taken; gives a file to keep. Milliseconds are what decoding
    /// and embedding took. The engine embeds elsewhere ([`Engine::encode_video`]), so that videos after this one can be
    /// chosen and decoded meanwhile.
    ///
    /// # Errors
    /// Embeddings of length zero.
    #[wasm_bindgen(js_name = takeVideo)]
    pub fn take_video(
        &mut self,
        video: usize,
        clip: &ClipFrames,
        embedding: &[f32],
        sha256: String,
        decoding_milliseconds: f64,
        embedding_milliseconds: f64,
    ) -> Result<Vec<u8>, JsValue> {
        let (info, indices) = clip.chosen().ok_or_else(|| Error::InvalidInput {
            what: "clip".to_owned(),
            reason: "its frames were not chosen".to_owned(),
        })?;
        let facts = ClipFacts { sha256, frame_count: info.frame_count, frames: indices.to_vec() };
        let seconds = [decoding_milliseconds / 1000.0, embedding_milliseconds / 1000.0];
        Ok(self.run.take_video(video, embedding, facts, seconds)?)
    }

    /// Notes that a video cannot be used; gives the number of samples that it takes with it.
    ///
    /// # Errors
    /// A position without a video.
    pub fn miss(&mut self, video: usize, code: &str, reason: &str) -> Result<usize, JsValue> {
        Ok(self.run.miss(video, code, reason)?)
    }

    /// The results so far; `undefined` for retrieval, which ranks all at the end.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = soFar)]
    pub fn so_far(&self) -> Result<JsValue, JsValue> {
        match self.run.so_far() {
            Some(results) => plain(&Table::of(&results)),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    /// The results, once every video was taken or missed.
    ///
    /// # Errors
    /// Device errors.
    pub async fn finish(&self) -> Result<JsValue, JsValue> {
        let finished = self.run.finish().await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (document, markdown) = (text(finished.results.to_document()?), finished.results.to_markdown());
        plain(&Finished {
            table: Table::of(&finished.results),
            document,
            markdown,
            samples: text(finished.samples),
            samples_file: finished.samples_file,
            missing: finished.results.missing,
            short: finished.results.short,
            hardest: finished.hardest,
        })
    }
}

#[wasm_bindgen]
impl Engine {
    /// Begins a run: options as JSON, annotation files by name, the paths of the videos.
    ///
    /// # Errors
    /// Data that does not parse, unknown names; a stop on request.
    pub async fn evaluation(
        &mut self,
        options: String,
        names: Vec<String>,
        contents: Vec<js_sys::Uint8Array>,
        videos: Vec<String>,
        stop: &StopFlag,
    ) -> Result<Evaluation, JsValue> {
        let options: Options = serde_json::from_str(&options).map_err(Error::json("the options"))?;
        let (task, model_type) = (options.task, self.session.config().model_type);
        let question = Question {
            task,
            split: options.split.unwrap_or_else(|| "test".to_owned()),
            limit: options.limit,
            shard: None,
            preprocess: options.clip.apply(&task.preprocess(self.session.preprocess(), model_type))?,
            sampling_seed: options.clip.seed,
            pre_text: options.pre_text.unwrap_or_else(|| task.cleans_captions(model_type)),
            score: ScoreRule::Cosine,
            candidates: 0,
            model: self.identity(stop.flag()).await?,
        };
        let file = |(name, bytes): (String, js_sys::Uint8Array)| DataFile { path: name.into(), bytes: bytes.to_vec() };
        let files: Vec<DataFile> = names.into_iter().zip(contents).map(file).collect();
        let tokenizer = self.session.tokenizer()?;
        let run = PulledRun::new(&question, &files, |captions| tokenizer.encode(captions))?;
        let names = VideoNames::of_files("the chosen videos", videos.iter().map(String::as_str));
        Ok(Evaluation { run, names })
    }
}
