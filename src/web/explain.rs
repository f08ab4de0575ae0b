//! What a clip's scene-graph tokens stand for.

use super::clip::ClipFrames;
use super::engine::Engine;
use super::error::plain;
use crate::error::Error;
use crate::eval::SceneLabels;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Engine {
    /// Explains a clip by labels for entities and for predicates, or (`undefined`) its attention alone; `Explanation` in
    /// `pkg/src/types_explain.ts`. The clip's frames must have been chosen by [`ClipFrames::indices`].
    ///
    /// # Errors
    /// A model without scene-graph tokens, labels that are blank or there twice; device errors.
    pub async fn explain(
        &self,
        clip: &ClipFrames,
        entities: Option<Vec<String>>,
        predicates: Option<Vec<String>>,
    ) -> Result<JsValue, JsValue> {
        let labels = match (entities, predicates) {
            (Some(entities), Some(predicates)) => Some(SceneLabels::new(entities, predicates)?),
            _ => None,
        };
        let (info, indices) = clip.chosen().ok_or_else(|| Error::InvalidInput {
            what: "clip".to_owned(),
            reason: "its frames were not chosen by its rule".to_owned(),
        })?;
        let explained =
            self.session.explain_frames(&clip.frames()?, clip.config(), info, indices, labels.as_ref()).await?;
        plain(&explained)
    }
}
