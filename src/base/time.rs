//! Two kinds of time that must not be mixed: since the cluster's start, and since 1970.

use std::fmt;
use std::time::Duration;

/// A moment since the cluster's start, in nanoseconds. Virtual: whoever drives the engine says what time it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

/// Milliseconds since 1970-01-01T00:00:00Z, as in records; -1 means "none".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Instant {
    /// The cluster's start.
    pub const START: Self = Self(0);
    /// A moment that never comes.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The moment `elapsed` after the start; what does not fit in 584 years is [`Instant::FAR_FUTURE`].
    pub fn after_start(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time since the start.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The time from `earlier` to this moment; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `delay` later.
    #[must_use]
    pub fn plus(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(Self::after_start(delay).0))
    }

    /// The moment `ms` milliseconds later; a negative count is zero, as Kafka takes its time-outs.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        self.plus(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?}", self.since_start())
    }
}

impl Timestamp {
    /// No timestamp.
    pub const NONE: Self = Self(-1);

    /// The timestamp `delay` later, in whole milliseconds.
    #[must_use]
    pub fn plus(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
