//! Files of a run that cannot be written (native only).
//!
//! Constraint: a disk fills up after hours, and neither those hours nor the files of them may be lost. Solution: checkpoints
//! are written beside their place and renamed, a log takes whole lines or nothing of them; what to do next the settings say.

use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::train::WriteErrors;
use std::collections::BTreeMap;

/// What could not be written so far.
#[derive(Debug)]
pub(super) struct Keeping {
    policy: WriteErrors,
    failed: BTreeMap<String, u64>,
}

impl Keeping {
    pub const fn new(policy: WriteErrors) -> Self {
        Self { policy, failed: BTreeMap::new() }
    }

    /// Passes on an error of writing, or counts it; each file is told of once.
    pub fn attempt(&mut self, written: Result<()>, events: &mut impl Events) -> Result<()> {
        match written {
            Err(Error::Io { action, path, source }) if self.policy == WriteErrors::GoOn => {
                let times = self.failed.entry(path.display().to_string()).or_default();
                *times += 1;
                if *times == 1 {
                    let message = format!("{}; training goes on without", Error::Io { action, path, source });
                    events.emit(Event::Notice { code: "not-written", message });
                }
                Ok(())
            }
            written => written,
        }
    }

    /// How often each file could not be written.
    pub const fn failed(&self) -> &BTreeMap<String, u64> {
        &self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Result<()> {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(Error::io("write", "out/training.safetensors")(source))
    }

    #[test]
    fn what_cannot_be_written_ends_the_run_or_is_told_once_and_counted() {
        let mut notices = Vec::new();
        let mut events = |event: Event| notices.push(event);
        let mut stop = Keeping::new(WriteErrors::Stop);
        assert_eq!(stop.attempt(full(), &mut events).unwrap_err().code(), "io");
        let mut go_on = Keeping::new(WriteErrors::GoOn);
        for _ in 0..3 {
            go_on.attempt(full(), &mut events).unwrap();
        }
        assert_eq!(go_on.attempt(Err(Error::Aborted), &mut events).unwrap_err().code(), "aborted");
        assert_eq!(go_on.failed().iter().next(), Some((&"out/training.safetensors".to_owned(), &3)));
        let [Event::Notice { code: "not-written", message }] = &notices[..] else { panic!("{notices:?}") };
        assert!(message.contains("training.safetensors") && message.contains("goes on"), "{message}");
    }
}
