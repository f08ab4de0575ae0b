//! What differs between a native program and a web page, behind one interface: waiting, yielding, threads. With
//! `source`, the only place that asks for the target.

mod device;

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
#[path = "platform/wasm.rs"]
mod native;

pub use device::{ComputeDevice, DeviceName, MemoryLimits};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{block_on, write_beside};
pub use native::{parallel_map, vectorized, yield_now};

/// Loops over numbers that gain from wide registers, for [`vectorized`].
pub trait VectorWork {
    /// The loops. Must be `#[inline(always)]`, as everything that they call.
    fn run(self);
}
