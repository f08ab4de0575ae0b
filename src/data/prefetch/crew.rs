//! Threads that take work from one queue and put what they made into another. They are told to stop and waited for when
//! the crew is dropped.

use crate::error::{Error, Result};
use crate::event::Abort;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How often a wait looks at the abort flag.
const PATIENCE: Duration = Duration::from_millis(20);

/// What is made of a piece of work that carries a tag; what a panic said, where it made nothing.
type Made<T, R> = (T, Result<R, String>);

/// The threads.
#[derive(Debug)]
pub struct Crew<T, J, R> {
    /// `None` once no more work comes.
    work: Option<SyncSender<(T, J)>>,
    made: Receiver<Made<T, R>>,
    threads: Vec<JoinHandle<()>>,
    stop: Abort,
}

impl<T: Send + 'static, J: Send + 'static, R: Send + 'static> Crew<T, J, R> {
    /// Starts `threads` threads that do `task`; the flag that it gets says that its result is wanted no more. No more than
    /// `queue` pieces may be under way at once, given and not yet taken back: then nobody ever waits to give one away.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no thread.
    pub fn start(threads: usize, queue: usize, task: impl Fn(J, &Abort) -> R + Send + Sync + 'static) -> Result<Self> {
        let (give, work) = sync_channel(queue);
        let (hand_in, made) = sync_channel(queue);
        let mut crew = Self { work: Some(give), made, threads: Vec::with_capacity(threads), stop: Abort::default() };
        let (work, task) = (Arc::new(Mutex::new(work)), Arc::new(task));
        for at in 0..threads {
            let (work, hand_in, task, stop) =
                (Arc::clone(&work), hand_in.clone(), Arc::clone(&task), crew.stop.clone());
            let thread = Builder::new().name(format!("clips {at}"));
            let thread = thread.spawn(move || labour(&work, &hand_in, &*task, &stop));
            crew.threads.push(thread.map_err(Error::io("start", "a thread that decodes"))?);
        }
        Ok(crew)
    }

    /// Gives a piece of work.
    ///
    /// # Errors
    /// [`Error::Compute`] where all threads have ended.
    pub fn give(&self, tag: T, job: J) -> Result<()> {
        let given = self.work.as_ref().map(|work| work.send((tag, job)));
        if matches!(given, Some(Ok(()))) { Ok(()) } else { Err(ended()) }
    }

    /// Takes back the next piece that is done, in any order; waits for it.
    ///
    /// # Errors
    /// [`Error::Aborted`] where `abort` asks for it, [`Error::Compute`] where all threads have ended.
    pub fn take(&self, abort: &Abort) -> Result<Made<T, R>> {
        loop {
            abort.check()?;
            match self.made.recv_timeout(PATIENCE) {
                Ok(made) => return Ok(made),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
        }
    }
}

impl<T, J, R> Crew<T, J, R> {
    /// Tells the threads to leave their work, and waits until they have.
    pub fn dismiss(&mut self) {
        self.stop.request();
        self.work = None;
        for thread in self.threads.drain(..) {
            // A thread catches what its task panics with: it ends whole.
            let _ = thread.join();
        }
    }
}

impl<T, J, R> Drop for Crew<T, J, R> {
    fn drop(&mut self) {
        self.dismiss();
    }
}

fn ended() -> Error {
    Error::Compute { reason: "the threads that decode have ended".to_owned() }
}

/// A thread's life.
fn labour<T, J, R>(
    work: &Mutex<Receiver<(T, J)>>,
    hand_in: &SyncSender<Made<T, R>>,
    task: &(impl Fn(J, &Abort) -> R + ?Sized),
    stop: &Abort,
) {
    loop {
        // The lock is held while waiting: the others wait for the lock in place of the queue.
        let given = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((tag, job)) = given else { return };
        if stop.is_requested() {
            return;
        }
        // Decoders are others' code, and files anybody's: a panic must not leave a batch waiting for ever.
        let made = catch_unwind(AssertUnwindSafe(|| task(job, stop))).map_err(|panic| said(&*panic));
        if hand_in.send((tag, made)).is_err() {
            return;
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it gave no reason".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Instant;

    #[test]
    fn every_piece_is_done_once_and_a_panic_is_told() {
        for threads in [1, 3] {
            let crew = Crew::start(threads, 50, |number: u32, _: &Abort| {
                assert!(number != 7, "no sevens");
                number * 2
            });
            let crew = crew.unwrap();
            (0..50_u32).for_each(|number| crew.give(number, number).unwrap());
            let made: BTreeMap<u32, Result<u32, String>> =
                (0..50).map(|_| crew.take(&Abort::default()).unwrap()).collect();
            assert_eq!(made.len(), 50);
            assert!(
                made.iter().all(|(tag, made)| *made == if *tag == 7 { Err("no sevens".into()) } else { Ok(tag * 2) })
            );
            let abort = Abort::default();
            abort.request();
            assert_eq!(crew.take(&abort).unwrap_err().code(), "aborted");
        }
    }

    #[test]
    fn a_crew_that_is_dropped_leaves_no_thread() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let crew = Crew::start(3, 20, move |(), stop: &Abort| {
            let _held = &held;
            while !stop.is_requested() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let crew = crew.unwrap();
        (0..20).for_each(|tag| crew.give(tag, ()).unwrap());
        let begun = Instant::now();
        drop(crew);
        assert_eq!(Arc::strong_count(&alive), 1, "a thread still holds its task");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
