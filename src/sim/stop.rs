//! The end of a run, for which processes may wait.
//!
//! Not here: when it comes (`liveness`).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::Notify;

/// Tells processes that the run is over, and knows which of them wait for nothing else.
///
/// Whoever waits is woken in the order in which they began to: Tokio's `watch` wakes in an order of its own chance.
#[derive(Debug, Default)]
pub(super) struct Stop {
    asked: Mutex<Asked>,
    given: Notify,
    /// How often each process waits just now.
    waiting: Mutex<BTreeMap<usize, usize>>,
    /// A process has ended, or begun to wait.
    news: Notify,
}

/// Who is to end.
#[derive(Debug, Default)]
struct Asked {
    all: bool,
    /// By number and incarnation.
    each: BTreeSet<(usize, u32)>,
}

impl Asked {
    fn is_of(&self, index: usize, incarnation: u32) -> bool {
        self.all || self.each.contains(&(index, incarnation))
    }
}

impl Stop {
    /// Ends the run.
    pub(super) fn give(&self) {
        lock(&self.asked).all = true;
        self.given.notify_waiters();
    }

    /// Asks a process to end, in one of its lives.
    pub(super) fn ask(&self, index: usize, incarnation: u32) {
        lock(&self.asked).each.insert((index, incarnation));
        self.given.notify_waiters();
    }

    pub(super) fn is_given(&self) -> bool {
        lock(&self.asked).all
    }

    /// Waits for the end in the name of a process that has nothing else to do.
    pub(super) async fn wait(&self, index: usize, incarnation: u32) {
        let _waiting = Waiting::new(self, index);
        self.wait_busily(index, incarnation).await;
    }

    /// Waits for the end beside something that is to be finished first.
    pub(super) async fn wait_busily(&self, index: usize, incarnation: u32) {
        let mut given = std::pin::pin!(self.given.notified());
        loop {
            // Whoever gives it from here on wakes us.
            given.as_mut().enable();
            if lock(&self.asked).is_of(index, incarnation) {
                return;
            }
            given.as_mut().await;
            given.set(self.given.notified());
        }
    }

    pub(super) fn is_awaited_by(&self, index: usize) -> bool {
        lock(&self.waiting).contains_key(&index)
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
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Waiting<'a> {
    stop: &'a Stop,
    index: usize,
}

impl<'a> Waiting<'a> {
    fn new(stop: &'a Stop, index: usize) -> Self {
        *lock(&stop.waiting).entry(index).or_default() += 1;
        stop.news.notify_one();
        Self { stop, index }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.stop.waiting);
        if let Some(count) = waiting.get_mut(&self.index) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.index);
            }
        }
    }
}
