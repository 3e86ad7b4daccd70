//! Named deadlines: setting one again moves it, and those that fall together come in the order in which they were set.

use crate::base::Instant;
use std::collections::BTreeMap;

/// Deadlines by name.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_name: BTreeMap<K, (Instant, u64)>,
    by_deadline: BTreeMap<(Instant, u64), K>,
    sequence: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), by_deadline: BTreeMap::new(), sequence: 0 }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets a deadline, in place of the one of this name.
    pub(crate) fn schedule(&mut self, name: K, deadline: Instant) {
        self.cancel(&name);
        self.sequence += 1;
        self.by_deadline.insert((deadline, self.sequence), name.clone());
        self.by_name.insert(name, (deadline, self.sequence));
    }

    /// Sets a deadline, unless there is one of this name.
    pub(crate) fn schedule_if_absent(&mut self, name: K, deadline: Instant) {
        if !self.by_name.contains_key(&name) {
            self.schedule(name, deadline);
        }
    }

    /// Takes a deadline away, if there is one.
    pub(crate) fn cancel(&mut self, name: &K) {
        if let Some(at) = self.by_name.remove(name) {
            self.by_deadline.remove(&at);
        }
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_deadline.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Takes out a deadline that has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, name) = self.by_deadline.pop_first()?;
        self.by_name.remove(&name);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_moving_one_keeps_one() {
        let mut timers = Timers::default();
        let at = |ms| Instant::START.plus_ms(ms);
        timers.schedule("a", at(5));
        timers.schedule("b", at(3));
        timers.schedule("c", at(3));
        timers.schedule("b", at(3));
        timers.schedule("d", at(1));
        timers.cancel(&"d");
        assert_eq!(timers.next(), Some(at(3)));
        let mut due = |ms| std::iter::from_fn(|| timers.pop_due(at(ms))).collect::<Vec<_>>();
        assert_eq!(due(2), [""; 0]);
        assert_eq!(due(4), ["c", "b"]);
        assert_eq!(due(5), ["a"]);
        assert_eq!(timers.next(), None);
    }
}
