//! The only place that reads a clock.

use crate::base::Instant;
use crate::base::Timestamp;
use crate::net::Alarm;
use std::time::SystemTime;

/// The time since a cluster's start, as Tokio tells it: real, or virtual under a paused runtime.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    /// Starts now.
    pub(super) fn begin() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    /// When that was, on Tokio's clock.
    pub(super) fn start(self) -> tokio::time::Instant {
        self.start
    }

    /// The time since the start.
    pub(super) fn now(self) -> Instant {
        Instant::after_start(self.start.elapsed())
    }

    /// Waits until `deadline`.
    pub(super) async fn sleep_until(self, deadline: Instant) {
        match self.on_tokios_clock(deadline) {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// As [`Clock::sleep_until`], with a timer that is used again.
    pub(super) async fn wait_until(self, deadline: Instant, alarm: &mut Alarm) {
        match self.on_tokios_clock(deadline) {
            Some(deadline) => alarm.wait_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    fn on_tokios_clock(self, instant: Instant) -> Option<tokio::time::Instant> {
        self.start.checked_add(instant.since_start())
    }
}

/// What time it is in the world.
pub(super) fn wall_time() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(0).plus(since_1970)
}
