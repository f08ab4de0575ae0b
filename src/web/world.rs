//! Clips of the generated world for the page: drawn here from a seed, bit for bit as natively.

use super::error::plain;
use crate::error::Error;
use crate::world::{FPS, FRAMES, HEIGHT, WIDTH, WorldClip, vidor_json};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// A near miss as JS sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NearMiss {
    kind: &'static str,
    title: &'static str,
    fits: String,
    misses: String,
}

/// A generated clip; `WorldClip` in `pkg/src/types.ts` is made of it.
#[wasm_bindgen(js_name = WorldClip)]
pub struct PageWorldClip(WorldClip);

#[wasm_bindgen(js_class = WorldClip)]
impl PageWorldClip {
    /// The clip of a seed, a whole number below 2^53.
    ///
    /// # Errors
    /// A seed that is none.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: f64) -> Result<Self, JsValue> {
        let whole = seed.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&seed);
        if !whole {
            let reason = format!("{seed}; a seed is a whole number from 0 to 9007199254740991");
            return Err(Error::InvalidInput { what: "seed".to_owned(), reason }.into());
        }
        Ok(Self(WorldClip::from_seed(seed as u64)))
    }

    /// Frames a second.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn fps(&self) -> usize {
        FPS
    }

    /// Number of frames.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn frames(&self) -> usize {
        FRAMES
    }

    /// Width in pixels.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> usize {
        WIDTH
    }

    /// Height in pixels.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> usize {
        HEIGHT
    }

    /// Every frame, RGB: `[frames, height, width, 3]`.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        self.0.render(&(0..FRAMES).collect::<Vec<_>>()).data
    }

    /// The main caption, then one a scene or relation.
    #[must_use]
    pub fn captions(&self) -> Vec<String> {
        self.0.captions()
    }

    /// Its exact scene graph, JSON in VidOR's layout.
    #[must_use]
    pub fn graph(&self) -> String {
        vidor_json(&self.0.graph).to_string()
    }

    /// Captions that fit, each with one that nearly does: `{kind, title, fits, misses}[]`.
    ///
    /// # Errors
    /// None in practice: the objects hold only strings.
    #[wasm_bindgen(js_name = nearMisses)]
    pub fn near_misses(&self) -> Result<JsValue, JsValue> {
        let pairs: Vec<NearMiss> = self
            .0
            .near_misses()
            .into_iter()
            .map(|pair| NearMiss {
                kind: pair.kind.name(),
                title: pair.kind.title(),
                fits: pair.positive,
                misses: pair.negative,
            })
            .collect();
        plain(&pairs)
    }
}
