//! Fine-tuning runs as JS classes; `pkg/src/fine_tune_run.ts` drives them.

use super::clip::ClipFrames;
use super::engine::{Engine, StopFlag};
use super::error::plain;
use crate::error::Error;
use crate::session::{
    FineTune, FineTuneOptions, FineTuneSample, GraphPlan, Lesson, MemoryPlan, Validation, read_samples, write_samples,
};
use serde::Serialize;
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;

/// Samples of a run, taken in one by one.
#[wasm_bindgen]
#[derive(Default)]
pub struct FineTuneSamples(Vec<FineTuneSample>);

#[wasm_bindgen]
impl FineTuneSamples {
    /// None yet.
    #[must_use]
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of a file that [`FineTuneSamples::to_file`] made.
    ///
    /// # Errors
    /// A damaged file.
    #[wasm_bindgen(js_name = fromFile)]
    pub fn from_file(bytes: &[u8]) -> Result<Self, JsValue> {
        Ok(Self(read_samples(bytes)?))
    }

    /// A file to go on from.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = toFile)]
    pub fn to_file(&self) -> Result<Vec<u8>, JsValue> {
        Ok(write_samples(&self.0)?)
    }

    /// Takes a clip with a caption and near misses.
    ///
    /// # Errors
    /// A clip without frames.
    #[wasm_bindgen(js_name = addCaption)]
    pub fn add_caption(
        &mut self,
        clip: &ClipFrames,
        caption: String,
        near_misses: Vec<String>,
        held_out: Option<bool>,
    ) -> Result<(), JsValue> {
        let lesson = Lesson::Caption { caption, near_misses };
        self.0.push(FineTuneSample { frames: clip.frames()?, lesson, held_out });
        Ok(())
    }

    /// Takes an annotated clip with the frames that its plan asked for.
    ///
    /// # Errors
    /// Another number of frames.
    #[wasm_bindgen(js_name = addGraph)]
    pub fn add_graph(&mut self, plan: PageGraphPlan, clip: &ClipFrames, held_out: Option<bool>) -> Result<(), JsValue> {
        self.0.push(plan.0.with_frames(clip.frames()?, held_out)?);
        Ok(())
    }

    /// How many.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// What a clip's graph needs of its frames.
#[wasm_bindgen(js_name = GraphPlan)]
pub struct PageGraphPlan(GraphPlan);

#[wasm_bindgen(js_class = GraphPlan)]
impl PageGraphPlan {
    /// For a document in VidOR's or VidVRD's layout, or (`drawn`) for what was drawn by hand.
    ///
    /// # Errors
    /// A graph that does not parse, has no relation, or does not fit the clip.
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str, drawn: bool, model_frames: usize, clip_frames: usize, seed: u32) -> Result<Self, JsValue> {
        let plan = if drawn { GraphPlan::of_drawn } else { GraphPlan::of_document };
        Ok(Self(plan(json, model_frames, clip_frames, seed.into())?))
    }

    /// Frames of the clip to decode, ascending, each once.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn frames(&self) -> Vec<u32> {
        self.0.frames.clone()
    }
}

/// A run.
#[wasm_bindgen(js_name = FineTune)]
pub struct PageFineTune(FineTune);

/// A step as JS sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    step: usize,
    loss: f64,
    contrastive: Option<f64>,
    triplets: Option<f64>,
    order: Option<f64>,
    scene: Option<f64>,
    learning_rate: f64,
    gradient_norm: f64,
    skipped: bool,
}

/// A test on the held-out samples as JS sees it.
#[derive(Serialize)]
struct Tested {
    #[serde(flatten)]
    validation: Validation,
    best: bool,
}

/// What a run came to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finished {
    step: usize,
    before: Validation,
    after: Validation,
    base_sha256: Option<String>,
}

#[wasm_bindgen(js_class = FineTune)]
impl PageFineTune {
    /// One update: `StepEvent` in `pkg/src/types_fine_tune.ts`, but for what the driver knows.
    ///
    /// # Errors
    /// A stop on request (nothing is changed then); device errors; numbers that are not finite again and again.
    pub async fn step(&mut self, stop: &StopFlag) -> Result<JsValue, JsValue> {
        let report = self.0.step(stop.flag()).await?;
        let parts = report.parts;
        plain(&Step {
            step: report.step + 1,
            loss: report.loss,
            contrastive: parts.contrastive,
            triplets: parts.triplets,
            order: parts.order,
            scene: parts.scene,
            learning_rate: report.learning_rate,
            gradient_norm: report.gradient_norm,
            skipped: report.skipped,
        })
    }

    /// Tests the held-out samples: `{accuracy, margin, comparisons, best}`.
    ///
    /// # Errors
    /// A stop on request; device errors.
    pub async fn validate(&mut self, stop: &StopFlag) -> Result<JsValue, JsValue> {
        let (validation, best) = self.0.validate(stop.flag()).await?;
        plain(&Tested { validation, best })
    }

    /// A file that the run goes on from, with its samples.
    ///
    /// # Errors
    /// Device errors; numbers that are not finite.
    pub async fn state(&self) -> Result<Vec<u8>, JsValue> {
        Ok(self.0.state().await?)
    }

    /// Ends the run.
    ///
    /// # Errors
    /// Device errors; numbers that are not finite.
    pub async fn finish(self) -> Result<FineTuned, JsValue> {
        let done = self.0.finish().await?;
        let files = done.adapter.to_files()?;
        let base_sha256 = done.adapter.base.sha256;
        let about = Finished { step: done.step, before: done.before, after: done.after, base_sha256 };
        Ok(FineTuned { files, about })
    }

    /// How it uses memory: `MemoryPlan` in `pkg/src/types_fine_tune.ts`.
    ///
    /// # Errors
    /// None in practice.
    pub fn plan(&self) -> Result<JsValue, JsValue> {
        plain(self.0.plan())
    }

    /// Samples that are trained on.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn trained(&self) -> usize {
        self.0.samples().0
    }

    /// Samples that are held out.
    #[must_use]
    #[wasm_bindgen(getter, js_name = heldOut)]
    pub fn held_out(&self) -> usize {
        self.0.samples().1
    }

    /// Steps done.
    #[must_use]
    #[wasm_bindgen(getter, js_name = stepsDone)]
    pub fn steps_done(&self) -> usize {
        self.0.steps_done()
    }

    /// Whether all steps are done.
    #[must_use]
    #[wasm_bindgen(getter, js_name = isFinished)]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Whether a test is due: before the first step, after the last and every so many.
    #[must_use]
    #[wasm_bindgen(getter, js_name = validationIsDue)]
    pub fn validation_is_due(&self) -> bool {
        self.0.validation_is_due()
    }

    /// Whether so many tests were no better that it is to end.
    #[must_use]
    #[wasm_bindgen(getter, js_name = hasStalled)]
    pub fn has_stalled(&self) -> bool {
        self.0.has_stalled()
    }

    /// Its options as JSON, those that were left out with their defaults.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = options)]
    pub fn options(&self) -> Result<JsValue, JsValue> {
        plain(self.0.options())
    }
}

/// A finished run's adapter.
#[wasm_bindgen]
pub struct FineTuned {
    files: BTreeMap<String, Vec<u8>>,
    about: Finished,
}

#[wasm_bindgen]
impl FineTuned {
    /// Names of its files.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// One of its files; empty for a name that it has not.
    #[must_use]
    pub fn file(&self, name: &str) -> Vec<u8> {
        self.files.get(name).cloned().unwrap_or_default()
    }

    /// `{step, before, after, baseSha256}`.
    ///
    /// # Errors
    /// None in practice.
    pub fn about(&self) -> Result<JsValue, JsValue> {
        plain(&self.about)
    }
}

fn parsed_plan(json: &str) -> Result<MemoryPlan, Error> {
    serde_json::from_str(json).map_err(Error::json("the plan"))
}

#[wasm_bindgen]
impl Engine {
    /// How a run on `clips` clips with these options (JSON) would use memory.
    ///
    /// # Errors
    /// Options out of range.
    #[wasm_bindgen(js_name = planFineTune)]
    pub fn plan_fine_tune(&self, clips: usize, options: &str) -> Result<JsValue, JsValue> {
        plain(&self.session.plan_fine_tune(clips, &FineTuneOptions::from_json(options)?)?)
    }

    /// The next smaller plan (JSON) of the same run, `undefined` after the smallest.
    ///
    /// # Errors
    /// Options out of range.
    #[wasm_bindgen(js_name = smallerPlan)]
    pub fn smaller_plan(&self, clips: usize, options: &str, plan: &str) -> Result<JsValue, JsValue> {
        let options = FineTuneOptions::from_json(options)?;
        match self.session.smaller_plan(&parsed_plan(plan)?, clips, &options) {
            Some(plan) => plain(&plan),
            None => Ok(JsValue::UNDEFINED),
        }
    }

    /// Begins a run with options and a plan (JSON both).
    ///
    /// # Errors
    /// A plan that does not fit, samples that teach nothing or do not fit the model, options out of range.
    #[wasm_bindgen(js_name = fineTune)]
    pub async fn fine_tune(
        &mut self,
        samples: FineTuneSamples,
        options: String,
        plan: String,
    ) -> Result<PageFineTune, JsValue> {
        let options = FineTuneOptions::from_json(&options)?;
        Ok(PageFineTune(self.session.fine_tune(samples.0, options, parsed_plan(&plan)?).await?))
    }

    /// Goes on with a run from its state, by its own plan or a smaller one (JSON).
    ///
    /// # Errors
    /// A run on another model; a damaged state; those of [`Engine::fine_tune`].
    #[wasm_bindgen(js_name = resumeFineTune)]
    pub async fn resume_fine_tune(
        &mut self,
        samples: FineTuneSamples,
        state: Vec<u8>,
        plan: Option<String>,
    ) -> Result<PageFineTune, JsValue> {
        let plan = plan.map(|plan| parsed_plan(&plan)).transpose()?;
        Ok(PageFineTune(self.session.resume_fine_tune(samples.0, &state, plan).await?))
    }
}
