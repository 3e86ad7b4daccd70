//! What time it is for records that do not say it themselves.
//!
//! Not here: deadlines and delays; those are Tokio's, so that a paused runtime governs them.

use crate::base::Timestamp;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;
use tokio::time::Instant;

/// Where a record's timestamp comes from when it was given none.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// Tokio's clock, which a test may pause: `base` at the moment `since`, and advancing with it.
    Tokio {
        /// The time at `since`.
        base: Timestamp,
        /// When that was.
        since: Instant,
    },
}

impl Clock {
    /// Tokio's clock, which shows `now` at this moment.
    pub fn tokio(now: Timestamp) -> Self {
        Self::Tokio { base: now, since: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(0).plus(elapsed)
            }
            Self::Tokio { base, since } => base.plus(since.elapsed()),
        }
    }
}
