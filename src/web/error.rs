//! The crate's errors as JS ones.

use crate::error::Error;
use wasm_bindgen::JsValue;

/// A JS `Error` with our message and a `code`; `pkg/src/errors.ts` makes the typed classes of it.
pub(super) fn to_js(error: &Error) -> JsValue {
    let js = js_sys::Error::new(&error.to_string());
    js.set_name("SgcrError");
    // Setting a property of a fresh object cannot fail.
    let _ = js_sys::Reflect::set(&js, &"code".into(), &error.code().into());
    js.into()
}

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        to_js(&error)
    }
}

/// A value as plain JS objects and arrays (no `Map`, which structured JSON readers do not expect).
pub(super) fn plain<T: serde::Serialize>(value: &T) -> Result<JsValue, JsValue> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(JsValue::from)
}
