//! Clips made ready ahead by threads, and handed out in order.

use super::clips::{ClipReader, Prepared};
use crate::error::{Error, Result};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Clips that may wait behind each thread.
const AHEAD: usize = 2;

/// Threads that each take every n-th video; asking them in turn gives all videos in order.
pub struct Feed {
    queues: Vec<Receiver<Result<Prepared>>>,
    next: usize,
}

impl Feed {
    /// Starts the threads. They end when all videos are ready or the feed is dropped.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        reader: &'scope ClipReader<'_>,
        videos: &'scope [&str],
        threads: usize,
    ) -> Self {
        let threads = threads.clamp(1, videos.len().max(1));
        let queues = (0..threads).map(|first| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || {
                for video in videos.iter().skip(first).step_by(threads) {
                    if sender.send(reader.prepare(video)).is_err() {
                        return;
                    }
                }
            });
            receiver
        });
        Self { queues: queues.collect(), next: 0 }
    }

    /// The next video's clip.
    ///
    /// # Errors
    /// What preparing it came to; [`Error::Compute`] where there is none because a thread failed.
    pub fn next(&mut self) -> Result<Prepared> {
        let queue = self.next % self.queues.len();
        self.next += 1;
        let ended =
            || Error::Compute { reason: "a thread that decodes ended early; this is a fault of sgcr".to_owned() };
        self.queues[queue].recv().unwrap_or_else(|_| Err(ended()))
    }
}
