//! How long to wait before trying again.
//!
//! Not here: what to try again; nor a clock.

use crate::base::Rng;
use std::time::Duration;

/// Delays that double from `min` to `max`, each up to a fifth shorter or longer, so that clients spread out.
///
/// Source: `org.apache.kafka.common.utils.ExponentialBackoff`.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    attempts: u32,
    rng: Rng,
}

impl Backoff {
    pub(super) fn new((min, max): (Duration, Duration), rng: Rng) -> Self {
        Self { min, max: max.max(min), attempts: 0, rng }
    }

    /// The delay after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let delay = delay_after(self.attempts, self.min, self.max, &mut self.rng);
        self.attempts = self.attempts.saturating_add(1);
        delay
    }

    /// Starts again from the shortest delay.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// The delay after `failures` earlier failures.
pub(super) fn delay_after(failures: u32, min: Duration, max: Duration, rng: &mut Rng) -> Duration {
    let doubled = min.saturating_mul(1 << failures.min(20));
    // 80 to 120 percent; the longest delay is a bound all the same.
    let percent = u32::try_from(80 + rng.below(41)).expect("at most 120");
    (doubled.min(max) * percent / 100).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn delays_double_up_to_the_longest_and_start_again() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new((ms(100), ms(1000)), Seed(1).stream("backoff"));
        for exact in [100, 200, 400, 800, 1000, 1000] {
            let delay = backoff.next();
            assert!(delay >= ms(exact * 8 / 10) && delay <= ms((exact * 12 / 10).min(1000)), "{delay:?} for {exact}");
        }
        backoff.reset();
        assert!(backoff.next() <= ms(120));
    }
}
