//! In the page: one thread, and an event loop that must get its turn.

use super::MemoryLimits;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::*;

/// What the CPU device has room for: the module's own address space.
pub(super) const fn memory_limits() -> MemoryLimits {
    MemoryLimits { total: Some(1 << 32), tensor: Some((1 << 31) - 1) }
}

/// Gives the event loop a turn: resolves in a new task, so that messages (an abort, say) arrive before it goes on.
/// A `MessageChannel` has no minimum delay; `setTimeout` would wait 4 ms each time.
pub async fn yield_now() {
    let promise = js_sys::Promise::new(&mut |resolve, _reject| {
        let Ok(channel) = web_sys::MessageChannel::new() else {
            let _ = resolve.call0(&JsValue::UNDEFINED);
            return;
        };
        let port = channel.port1();
        let done = port.clone();
        let on_message = Closure::once_into_js(move || {
            done.close();
            let _ = resolve.call0(&JsValue::UNDEFINED);
        });
        port.set_onmessage(Some(on_message.unchecked_ref()));
        let _ = channel.port2().post_message(&JsValue::NULL);
    });
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}

/// `f` of every item, in order; on all cores where there are threads (there are none here).
pub fn parallel_map<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    items.into_iter().map(f).collect()
}

/// Runs the work. What the browser has is settled when the module is built (`simd128`).
pub fn vectorized(work: impl super::VectorWork) {
    work.run();
}
