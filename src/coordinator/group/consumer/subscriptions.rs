//! How many members of a consumer group read what, by name and by regular expression.

use super::member::ConsumerMember;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The topics that a regular expression stood for when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) topics: Arc<BTreeSet<Arc<str>>>,
    /// The version of the topics that were looked at.
    pub(crate) version: i64,
    /// When that was, in milliseconds of Unix time.
    pub(crate) timestamp: i64,
}

/// What a group reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscriptions {
    /// By topic: how many members name it, and how many resolved regular expressions stand for it.
    topics: BTreeMap<Arc<str>, (usize, usize)>,
    /// By regular expression: how many members have it.
    regexes: BTreeMap<Arc<str>, usize>,
}

impl Subscriptions {
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(|name| &**name)
    }

    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// How many members have a regular expression.
    pub(crate) fn members_of(&self, regex: &str) -> usize {
        self.regexes.get(regex).copied().unwrap_or(0)
    }

    pub(crate) fn regexes(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.regexes.keys()
    }

    /// Counts a member in, or out.
    pub(crate) fn count(&mut self, member: &ConsumerMember, more: bool) {
        for topic in member.topics.iter() {
            let count = self.topics.entry(Arc::clone(topic)).or_default();
            count.0 = if more { count.0 + 1 } else { count.0.saturating_sub(1) };
            self.drop_unread(topic);
        }
        if !member.regex.is_empty() {
            let count = self.regexes.entry(Arc::clone(&member.regex)).or_default();
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.regexes.remove(&member.regex);
            }
        }
    }

    /// Counts the topics of a regular expression in, or out.
    pub(crate) fn count_resolved(&mut self, resolved: &Resolved, more: bool) {
        for topic in resolved.topics.iter() {
            let count = self.topics.entry(Arc::clone(topic)).or_default();
            count.1 = if more { count.1 + 1 } else { count.1.saturating_sub(1) };
            self.drop_unread(topic);
        }
    }

    fn drop_unread(&mut self, topic: &str) {
        if self.topics.get(topic) == Some(&(0, 0)) {
            self.topics.remove(topic);
        }
    }
}
