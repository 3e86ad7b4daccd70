//! The end of a run, for which processes may wait.
//!
//! Not here: when it comes (`liveness`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// Tells processes that the run is over, and knows which of them wait for nothing else.
#[derive(Debug)]
pub(super) struct Stop {
    given: AtomicBool,
    /// Wakes in the order of waiting. Not a `watch` channel, which wakes its receivers in an order drawn by chance.
    over: Notify,
    /// How often each process waits just now.
    waiting: Mutex<BTreeMap<usize, usize>>,
    /// A process has ended, or begun to wait.
    news: Notify,
}

impl Default for Stop {
    fn default() -> Self {
        Self { given: AtomicBool::new(false), over: Notify::new(), waiting: Mutex::default(), news: Notify::new() }
    }
}

impl Stop {
    pub(super) fn give(&self) {
        self.given.store(true, Ordering::Relaxed);
        self.over.notify_waiters();
    }

    /// Waits for the end in the name of a process.
    pub(super) async fn wait(&self, index: usize) {
        let _waiting = Waiting::new(self, index);
        self.wait_busily().await;
    }

    /// Waits for the end beside something that is to be finished first.
    pub(super) async fn wait_busily(&self) {
        let over = self.over.notified();
        // Whoever is told between these two lines is told: the future counts from when it was made.
        if !self.given.load(Ordering::Relaxed) {
            over.await;
        }
    }

    pub(super) fn is_awaited_by(&self, index: usize) -> bool {
        self.lock().contains_key(&index)
    }

    /// Waits until a process ends, or has nothing to do but wait for the end.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// A guard that wakes whoever waits for news.
    pub(super) fn tell_when_dropped(self: &Arc<Self>) -> impl Drop + use<> {
        struct Guard(Arc<Stop>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.news.notify_one();
            }
        }
        Guard(Arc::clone(self))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a> {
    stop: &'a Stop,
    index: usize,
}

impl<'a> Waiting<'a> {
    fn new(stop: &'a Stop, index: usize) -> Self {
        *stop.lock().entry(index).or_default() += 1;
        stop.news.notify_one();
        Self { stop, index }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.stop.lock();
        if let Some(count) = waiting.get_mut(&self.index) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.index);
            }
        }
    }
}
