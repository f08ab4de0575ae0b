//! What long work tells its caller: progress, notices, and whether to stop. The command line draws bars from these
//! events, the page posts them across the worker; neither is known here.

use crate::error::{Error, Result};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One report of long work.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// `done` of `total` units (bytes, frames, steps) of a stage are finished.
    Progress {
        /// What is being done: "weights", "decode", "encode", "graphs", "train" …
        stage: &'static str,
        /// Units finished.
        done: u64,
        /// Units in all; 0 when unknown.
        total: u64,
    },
    /// Something the user should know that is no error: storage refused, fewer frames than asked, …
    Notice {
        /// Stable name of the kind of notice.
        code: &'static str,
        /// A sentence for people.
        message: String,
    },
}

/// Receives events. Any `FnMut(Event)` is one; `()` ignores them.
pub trait Events {
    /// Takes one event; must return at once.
    fn emit(&mut self, event: Event);
}

impl<F: FnMut(Event)> Events for F {
    fn emit(&mut self, event: Event) {
        self(event);
    }
}

/// Ignores every event.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Events for Silent {
    fn emit(&mut self, _event: Event) {}
}

/// A flag that asks long work to stop: Ctrl-C natively, an `AbortSignal` in the page. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Abort(Arc<AtomicBool>);

impl Abort {
    /// Asks the work to stop at its next check.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// For use between steps of long work.
    ///
    /// # Errors
    /// [`Error::Aborted`] once a stop was asked for.
    pub fn check(&self) -> Result<()> {
        if self.is_requested() { Err(Error::Aborted) } else { Ok(()) }
    }
}
