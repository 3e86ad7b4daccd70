//! What holds up a process: a pause, or slowness.
//!
//! Not here: what holds up what it sends; those are links.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::Sleep;

/// What a process has to pass to go on.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    paused: bool,
    /// How long it is busy with each record.
    slowness: Duration,
    busy_until: Option<Instant>,
    waker: Option<Waker>,
}

impl Gate {
    /// Lets nothing through, or lets things through again.
    pub(super) fn pause(&self, paused: bool) {
        let waker = {
            let mut state = self.lock();
            state.paused = paused;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// Sets how long the process is busy with each record.
    pub(super) fn slow_down(&self, slowness: Duration) {
        self.lock().slowness = slowness;
    }

    /// The process has got a record.
    pub(super) fn on_record(&self) {
        let mut state = self.lock();
        if !state.slowness.is_zero() {
            let from = state.busy_until.unwrap_or_else(Instant::now).max(Instant::now());
            state.busy_until = Some(from + state.slowness);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process behind its gate.
pub(super) struct Gated<T> {
    process: Pin<Box<dyn Future<Output = T>>>,
    gate: Arc<Gate>,
    busy: Option<Pin<Box<Sleep>>>,
}

impl<T> Gated<T> {
    pub(super) fn new(process: impl Future<Output = T> + 'static, gate: Arc<Gate>) -> Self {
        Self { process: Box::pin(process), gate, busy: None }
    }
}

impl<T> Future for Gated<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        loop {
            if let Some(busy) = &mut self.busy {
                if busy.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.busy = None;
            }
            let busy_until = {
                let mut state = self.gate.lock();
                if state.paused {
                    state.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                state.busy_until.take()
            };
            match busy_until {
                Some(until) => self.busy = Some(Box::pin(tokio::time::sleep_until(until))),
                None => break,
            }
        }
        self.process.as_mut().poll(cx)
    }
}
