//! The crate's errors as JS ones, and results as plain JS values.

use crate::error::Error;
use wasm_bindgen::JsValue;

/// A JS `Error` with our message and a `code`; `pkg/src/errors.ts` makes the typed classes of it.
impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let js = js_sys::Error::new(&error.to_string());
        js.set_name("SgcrError");
        // Setting a property of a fresh object cannot fail.
        let _ = js_sys::Reflect::set(&js, &"code".into(), &error.code().into());
        js.into()
    }
}

/// A value as plain JS objects and arrays (no `Map`, which nobody expects of what could be JSON).
pub(super) fn plain<T: serde::Serialize>(value: &T) -> Result<JsValue, JsValue> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(JsValue::from)
}
