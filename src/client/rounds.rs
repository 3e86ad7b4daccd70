//! An operation on many things that is asked again, round by round, until each has an answer that counts.
//!
//! Not here: whom to ask, and how to find them anew.

use super::error::Error;
use super::error::Result;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// The things that are asked about, by what answers name them by.
pub(super) struct Rounds<K, T, R> {
    operation: &'static str,
    started: Instant,
    /// Those without an answer that counts.
    open: Vec<(K, T)>,
    done: Vec<(K, Result<R>)>,
}

impl<K: Clone + Ord, T, R> Rounds<K, T, R> {
    pub(super) fn of(operation: &'static str, items: Vec<(K, T)>) -> Self {
        Self { operation, started: Instant::now(), open: items, done: Vec::new() }
    }

    /// When it was begun.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Those that are to be asked about.
    pub(super) fn open(&self) -> &[(K, T)] {
        &self.open
    }

    /// Takes the answers of a round, and gives back those that do not count since they may be others next time.
    pub(super) fn take(&mut self, answers: impl IntoIterator<Item = (K, Result<R>)>) -> BTreeMap<K, Error> {
        let mut passing = BTreeMap::new();
        for (key, result) in answers {
            match result {
                Err(error) if error.is_retriable() => {
                    passing.insert(key, error);
                }
                result => {
                    self.open.retain(|(other, _)| *other != key);
                    self.done.push((key, result));
                }
            }
        }
        passing
    }

    /// What came of it, where nobody is asked any more: a time-out for what is still open, with what was wrong last.
    pub(super) fn finish(self, mut last: BTreeMap<K, Error>) -> Vec<(K, Result<R>)> {
        let (operation, after) = (self.operation, self.started.elapsed());
        let late = self.open.into_iter().map(|(key, _)| {
            let cause = last.remove(&key).map(Box::new);
            (key, Err(Error::Timeout { operation, after, cause }))
        });
        let mut done = self.done;
        done.extend(late);
        done
    }
}
