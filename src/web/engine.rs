//! A session as a JS class.

use super::clip::ClipFrames;
use super::error::plain;
use super::files::{KeptFolder, ModelFiles, PageFolder};
use super::identity::Hashes;
use crate::config::Dtype;
use crate::event::{Abort, Event};
use crate::platform::{ComputeDevice, DeviceName};
use crate::session::{ClipOptions, Scores, Session, self_test};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// Asks running work to stop; what an `AbortSignal` becomes here.
#[wasm_bindgen]
#[derive(Default)]
pub struct StopFlag(Abort);

impl StopFlag {
    pub(super) const fn flag(&self) -> &Abort {
        &self.0
    }
}

#[wasm_bindgen]
impl StopFlag {
    /// A flag that is not set.
    #[must_use]
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop at its next check.
    pub fn request(&self) {
        self.0.request();
    }
}

/// What an engine is made of; `EngineInfo` in `pkg/src/types.ts`, but for what JS adds to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    device: String,
    device_description: String,
    self_test_difference: f64,
    model_type: &'static str,
    embed_dim: usize,
    frames: usize,
    image_size: usize,
    resize: &'static str,
    sampling: &'static str,
    scene_tokens: &'static str,
    context_length: usize,
}

/// A loaded model on a device.
#[wasm_bindgen]
pub struct Engine {
    pub(super) session: Session,
    /// Of the files that the model and its adapters were read from.
    pub(super) hashes: Hashes,
    self_test_difference: f64,
}

/// Hands events to JS; a throwing listener must not end the work.
pub(super) fn listener(on_event: js_sys::Function) -> impl FnMut(Event) {
    move |event| {
        if let Ok(event) = plain(&event) {
            let _ = on_event.call1(&JsValue::UNDEFINED, &event);
        }
    }
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device ("webgpu" or "cpu"), checks that it computes right, and loads the model onto it.
    ///
    /// # Errors
    /// Everything that can be wrong with the device or the folder, by `code`.
    pub async fn open(
        files: ModelFiles,
        device: String,
        on_event: js_sys::Function,
        stop: &StopFlag,
    ) -> Result<Self, JsValue> {
        let name: DeviceName = device.parse()?;
        let device = ComputeDevice::open(name).await?;
        stop.0.check()?;
        let self_test_difference = self_test(&device).await?;
        stop.0.check()?;
        let mut events = listener(on_event);
        let hashes = Hashes::new(KeptFolder::of(&files.folder));
        let session = match files.folder {
            PageFolder::Blobs(folder) => Session::open(folder, device, Dtype::F32, &mut events, &stop.0).await?,
            PageFolder::Http(folder) => Session::open(folder, device, Dtype::F32, &mut events, &stop.0).await?,
        };
        Ok(Self { session, hashes, self_test_difference })
    }

    /// Device and model, as a plain object.
    ///
    /// # Errors
    /// None in practice: the object has only strings and numbers.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let config = self.session.config();
        let preprocess = self.session.preprocess();
        let device = self.session.device();
        plain(&Info {
            device: device.name().to_string(),
            device_description: device.description().to_owned(),
            self_test_difference: self.self_test_difference,
            model_type: config.model_type.name(),
            embed_dim: config.embed_dim,
            frames: preprocess.frames,
            image_size: preprocess.image_size,
            resize: preprocess.resize.name(),
            sampling: preprocess.sampling.name(),
            scene_tokens: config.scene_tokens.variant.name(),
            context_length: config.text.context_length,
        })
    }

    /// Begins a clip: the model's own preprocessing, changed where an argument is given.
    ///
    /// # Errors
    /// An unknown rule, or a number of frames out of range.
    #[wasm_bindgen(js_name = newClip)]
    pub fn new_clip(
        &self,
        frames: Option<usize>,
        sampling: Option<String>,
        resize: Option<String>,
        seed: Option<u32>,
    ) -> Result<ClipFrames, JsValue> {
        let options = ClipOptions {
            frames,
            sampling: sampling.map(|name| name.parse()).transpose()?,
            resize: resize.map(|name| name.parse()).transpose()?,
            seed: seed.unwrap_or(0).into(),
        };
        Ok(ClipFrames::new(options.apply(self.session.preprocess())?, options.seed))
    }

    /// Encodes a clip's frames: the embedding `[embed_dim]`, not normalised.
    ///
    /// # Errors
    /// A number of frames that the model does not take; device errors.
    #[wasm_bindgen(js_name = encodeVideo)]
    pub async fn encode_video(&self, clip: &ClipFrames) -> Result<Vec<f32>, JsValue> {
        Ok(self.session.encode_frames(&clip.frames()?, clip.config()).await?)
    }

    /// Encodes captions: `[captions, embed_dim]` row-major, not normalised.
    ///
    /// # Errors
    /// An empty caption, a stop on request, device errors.
    #[wasm_bindgen(js_name = encodeText)]
    pub async fn encode_text(
        &self,
        captions: Vec<String>,
        on_event: js_sys::Function,
        stop: &StopFlag,
    ) -> Result<Vec<f32>, JsValue> {
        self.session.check_captions(&captions)?;
        let embeds = self.session.encode_text(&captions, &mut listener(on_event), &stop.0).await?;
        Ok(embeds.concat())
    }

    /// Compares a clip's embedding with captions' embeddings (`[captions, embed_dim]` row-major); `Scores` in
    /// `pkg/src/types.ts`.
    ///
    /// # Errors
    /// No captions, or embeddings that cannot be compared.
    pub async fn score(&self, video: Vec<f32>, texts: Vec<f32>, captions: Vec<String>) -> Result<JsValue, JsValue> {
        let dim = self.session.config().embed_dim;
        let rows: Vec<Vec<f32>> = texts.chunks(dim).map(<[f32]>::to_vec).collect();
        let scores = Scores::new(&video, &rows, &captions, self.session.logit_scale().await?)?;
        plain(&serde_json::json!({
            "logitScale": scores.logit_scale,
            "best": scores.best(),
            "captions": scores.captions,
        }))
    }

    /// Bytes that tensors hold on the device; `undefined` where it does not count them (the CPU).
    #[must_use]
    #[wasm_bindgen(js_name = deviceBytes)]
    pub fn device_bytes(&self) -> Option<f64> {
        self.session.device().bytes_in_use().map(|bytes| bytes as f64)
    }
}
