//! Values from JS promises, and their errors as ours.

use crate::error::{Error, Result};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The sentence in a JS error, whatever was thrown.
pub(super) fn reason(error: &JsValue) -> String {
    let error = error.dyn_ref::<js_sys::Error>();
    error.map_or_else(|| "the browser gave no reason".to_owned(), |error| String::from(error.message()))
}

/// Whether JS threw because a signal asked it to stop.
pub(super) fn is_abort(error: &JsValue) -> bool {
    error.dyn_ref::<js_sys::Error>().is_some_and(|error| error.name() == "AbortError")
}

/// Waits for a promise that the browser may refuse for what lies at `url`.
pub(super) async fn settle(promise: js_sys::Promise, url: &str) -> Result<JsValue> {
    JsFuture::from(promise).await.map_err(|error| failed(&error, url))
}

/// [`Error::Aborted`] or [`Error::Fetch`].
pub(super) fn failed(error: &JsValue, url: &str) -> Error {
    if is_abort(error) { Error::Aborted } else { Error::Fetch { url: url.to_owned(), reason: reason(error) } }
}

/// The bytes `[begin, end)` of a Blob.
pub(super) async fn blob_range(blob: &web_sys::Blob, begin: u64, end: u64, file: &str) -> Result<Vec<u8>> {
    let size = blob_size(blob);
    if end > size || begin > end {
        return Err(super::too_short(file, begin, end, size));
    }
    // Blob offsets are JS numbers; files stay far below 2^53.
    let part = blob.slice_with_f64_and_f64(begin as f64, end as f64).map_err(|error| failed(&error, file))?;
    let buffer = settle(part.array_buffer(), file).await?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Bytes of a Blob.
pub(super) fn blob_size(blob: &web_sys::Blob) -> u64 {
    blob.size() as u64
}
