//! A timer for a deadline that moves often and is seldom reached: the next time-out of a connection, say.
//!
//! Not here: what is to happen at that time.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio::time::sleep_until;

/// A timer that is kept from one wait to the next, and moved only when it would go off too late.
///
/// One that goes off too early is moved then. So a deadline that is put off with every frame costs a look at the clock
/// and not an entry in Tokio's timers, which is made and taken away again.
#[derive(Default)]
pub(crate) struct Alarm {
    /// Made when it is first waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it is to go off still.
    armed: bool,
}

impl Alarm {
    /// Waits until `deadline`, and not at all when that has passed. Cancel safe.
    pub(crate) async fn wait_until(&mut self, deadline: Instant) {
        poll_fn(|cx| self.poll_at(cx, deadline)).await;
    }

    /// The form of [`Alarm::wait_until`] for those who poll.
    pub(crate) fn poll_at(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) => sleep,
            None if deadline <= Instant::now() => return Poll::Ready(()),
            None => {
                self.armed = true;
                self.sleep.insert(Box::pin(sleep_until(deadline)))
            }
        };
        loop {
            if !self.armed || deadline < sleep.deadline() {
                // A timer of Tokio's takes up to a millisecond even for what has passed.
                if deadline <= Instant::now() {
                    return Poll::Ready(());
                }
                sleep.as_mut().reset(deadline);
                self.armed = true;
            }
            ready!(sleep.as_mut().poll(cx));
            self.armed = false;
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("armed", &self.armed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_at_the_deadline_it_was_last_given() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let mut check = async |deadline: u64, expected: u64| {
            alarm.wait_until(start + Duration::from_secs(deadline)).await;
            assert_eq!(start.elapsed().as_secs(), expected);
        };
        check(0, 0).await;
        check(2, 2).await;
        check(1, 2).await;
        // Waited for in vain, put off, and then wanted earlier after all.
        assert!(timeout(Duration::from_secs(1), check(10, 10)).await.is_err());
        assert!(timeout(Duration::from_secs(9), check(20, 20)).await.is_err());
        check(15, 15).await;
        check(30, 30).await;
    }
}
