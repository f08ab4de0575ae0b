//! Work done ahead by threads, and handed out in order.

use crate::error::{Error, Result};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Results that may wait behind each thread.
const AHEAD: usize = 2;

/// Threads that each take every n-th item; asking for items in turn gives their results in order.
pub struct Feed<T> {
    queues: Vec<Receiver<T>>,
}

impl<T: Send> Feed<T> {
    /// Starts the threads. `work` makes the results of one item, one or several, and hands each to its second argument, which
    /// answers whether anybody waits for more. The threads end when all items are done or the feed is dropped.
    pub fn start<'scope, I: Sync>(
        scope: &'scope Scope<'scope, '_>,
        items: &'scope [I],
        threads: usize,
        work: &'scope (impl Fn(&'scope I, &mut dyn FnMut(T) -> bool) + Sync),
    ) -> Self
    where
        T: 'scope,
    {
        let threads = threads.clamp(1, items.len().max(1));
        let queues = (0..threads).map(|first| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || {
                for item in items.iter().skip(first).step_by(threads) {
                    let mut is_wanted = true;
                    work(item, &mut |result| {
                        is_wanted = is_wanted && sender.send(result).is_ok();
                        is_wanted
                    });
                    if !is_wanted {
                        return;
                    }
                }
            });
            receiver
        });
        Self { queues: queues.collect() }
    }

    /// The next result of the item at this position; items are asked for in turn, each until its last result.
    ///
    /// # Errors
    /// [`Error::Compute`] where there is none because a thread failed.
    pub fn next_of(&self, item: usize) -> Result<T> {
        let ended = |_| Error::Compute { reason: "a thread that decodes ended early; this is a fault of sgcr".to_owned() };
        self.queues[item % self.queues.len()].recv().map_err(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        let items: Vec<usize> = (0..10).collect();
        let work = |item: &usize, send: &mut dyn FnMut((usize, usize)) -> bool| {
            for part in 0..=*item {
                send((*item, part));
            }
        };
        for threads in [0, 1, 3, 20] {
            std::thread::scope(|scope| {
                let feed = Feed::start(scope, &items, threads, &work);
                for item in 0..items.len() {
                    for part in 0..=item {
                        assert_eq!(feed.next_of(item).unwrap(), (item, part));
                    }
                }
                assert_eq!(feed.next_of(0).unwrap_err().code(), "compute");
            });
        }
    }

    #[test]
    fn threads_end_when_nobody_waits_any_more() {
        let items = [0_usize; 100];
        let work = |item: &usize, send: &mut dyn FnMut(usize) -> bool| while send(*item) {};
        std::thread::scope(|scope| {
            let feed = Feed::start(scope, &items, 2, &work);
            assert_eq!(feed.next_of(0).unwrap(), 0);
        });
    }
}
