//! The page's door: what `wasm-bindgen` exports to the npm package (`pkg/src`), thin over [`session`](crate::session).
//!
//! Everything here is called from a worker (or, on request, from the page itself) by `pkg/src/local.ts`, which queues
//! calls: an [`Engine`](engine::Engine) works on one thing at a time.

mod adapters;
mod clip;
mod engine;
mod error;
mod evaluate;
mod explain;
mod files;
mod fine_tune;
mod identity;
mod search;
mod world;

pub use clip::ClipFrames;
pub use engine::{Engine, StopFlag};
pub use evaluate::{Evaluation, FileHash};
pub use files::ModelFiles;
pub use fine_tune::{FineTuneSamples, FineTuned, PageFineTune, PageGraphPlan};
pub use search::{LibraryVideo, PageLibrary};
pub use world::PageWorldClip;

use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    static ON_PANIC: RefCell<Option<js_sys::Function>> = const { RefCell::new(None) };
}

#[allow(unsafe_code)] // The crate's one `unsafe`: the linker's own symbol, which Rust cannot declare as safe to call.
unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs once when the module is instantiated.
///
/// Without a call of `__wasm_call_ctors` in it, the linker wraps every export in a shim that runs all static
/// constructors again at each call from JS (cubecl registers its kernels through them): a tiny forward pass takes nine
/// times as long.
#[wasm_bindgen(start)]
#[allow(unsafe_code)]
pub fn start() {
    // SAFETY: the module's constructors, run once before anything that they set up is used.
    unsafe { __wasm_call_ctors() };
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let message = info.to_string();
        // A panic ends the module without settling any promise, so the caller must hear of it here.
        ON_PANIC.with_borrow(|callback| {
            if let Some(callback) = callback {
                let _ = callback.call1(&JsValue::UNDEFINED, &message.into());
            }
        });
    }));
}

/// Calls `callback` with the message of a panic, before the module stops.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: js_sys::Function) {
    ON_PANIC.with_borrow_mut(|slot| *slot = Some(callback));
}

/// The crate's version.
#[must_use]
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
