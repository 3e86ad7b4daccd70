//! Subscriptions by regular expression: when they are looked at, and what follows from it.
//!
//! As in Kafka, that happens after the heartbeat that asked for it was answered; the next heartbeats see what came of it.
//! Source: `GroupMetadataManager` of Apache Kafka. Differs: Kafka reads RE2/J's syntax; here there are no Unicode
//! classes (topic names are ASCII).

use super::ConsumerGroup;
use super::member::ConsumerMember;
use super::records::ConsumerRecord;
use super::subscriptions::Resolved;
use crate::base::ErrorCode;
use crate::coordinator::Moment;
use crate::coordinator::Refused;
use crate::wire::messages::group_records::ConsumerGroupRegularExpressionValue;
use regex_lite::Regex;
use regex_lite::RegexBuilder;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Topics are not looked at again for this long.
const MIN_REFRESH_INTERVAL_MS: i64 = 10_000;
/// After this long they are, whatever happened.
const REFRESH_INTERVAL_MS: i64 = 600_000;
/// How large a compiled expression may be.
const SIZE_LIMIT: usize = 1 << 20;

/// What a heartbeat does to its member's regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RegexChange {
    /// It has another one, or none any more.
    pub(super) updated: bool,
    /// Its topics are known already.
    pub(super) resolved: bool,
    /// All of the group's have to be looked at.
    pub(super) refresh: bool,
}

/// An expression that has to fit whole names.
fn compile(regex: &str) -> Result<Regex, Refused> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(SIZE_LIMIT).build();
    // By itself first, so that `a)|(b` is refused.
    let whole = build(regex).and_then(|_| build(&format!(r"\A(?:{regex})\z")));
    whole.map_err(|error| {
        let message = format!("`{regex}` is no regular expression: {error}.");
        Refused::new(ErrorCode::INVALID_REGULAR_EXPRESSION, &message)
    })
}

impl ConsumerGroup {
    /// Sees to the expression of a member that changes from `before` to `after`.
    ///
    /// # Errors
    /// `INVALID_REGULAR_EXPRESSION`.
    pub(super) fn update_regex(
        &self,
        at: &Moment<'_>,
        before: &ConsumerMember,
        after: &ConsumerMember,
        records: &mut Vec<ConsumerRecord>,
    ) -> Result<RegexChange, Refused> {
        let (old, new) = (&before.regex, &after.regex);
        let mut change = RegexChange { updated: old != new, resolved: false, refresh: false };
        if change.updated {
            if !old.is_empty() && self.subscriptions.members_of(old) == 1 {
                records.push(ConsumerRecord::Regex(old.to_string(), None));
            }
            if new.is_empty() {
                change.resolved = true;
            } else if self.subscriptions.members_of(new) == 0 {
                compile(new)?;
                change.refresh = true;
            } else {
                change.resolved = self.resolved.contains_key(new);
            }
        }
        if !change.refresh && self.subscriptions.regexes().len() == 0 {
            return Ok(change);
        }
        let last = self.resolved.values().next();
        let since_ms = last.map_or(i64::MAX, |last| at.timestamp.0.saturating_sub(last.timestamp));
        if since_ms <= MIN_REFRESH_INTERVAL_MS {
            change.refresh = false;
            return Ok(change);
        }
        let mut after_all = self.subscriptions.clone();
        after_all.count(before, false);
        after_all.count(after, true);
        let seen = last.map_or(0, |last| last.version);
        change.refresh |= after_all.regexes().len() != self.resolved.len()
            || seen < i64::try_from(at.topics.added()).unwrap_or(i64::MAX)
            || since_ms > REFRESH_INTERVAL_MS;
        change.refresh &= after_all.regexes().len() > 0;
        Ok(change)
    }

    /// The records that say which topics the group's expressions stand for now.
    pub(crate) fn resolve_regexes(&self, at: &Moment<'_>) -> Vec<ConsumerRecord> {
        let mut records = Vec::new();
        let mut after = self.subscriptions.clone();
        let mut changed = false;
        for regex in self.subscriptions.regexes() {
            // What was accepted by another release may not be readable here: it stands for nothing.
            let compiled = compile(regex).ok();
            let fits = |name: &&Arc<str>| compiled.as_ref().is_some_and(|compiled| compiled.is_match(name));
            let topics: BTreeSet<Arc<str>> = at.topics.names().filter(fits).cloned().collect();
            let before = self.resolved.get(regex);
            let now = Resolved {
                topics: Arc::new(topics),
                version: i64::try_from(at.topics.version()).unwrap_or(i64::MAX),
                timestamp: at.timestamp.0,
            };
            let had = before.is_some_and(|before| before.topics == now.topics);
            if !had && (before.is_some() || !now.topics.is_empty()) {
                changed = true;
            }
            if let Some(before) = before {
                after.count_resolved(before, false);
            }
            after.count_resolved(&now, true);
            let value = ConsumerGroupRegularExpressionValue {
                topics: now.topics.iter().map(|name| (**name).into()).collect(),
                version: now.version,
                timestamp: now.timestamp,
                ..ConsumerGroupRegularExpressionValue::default()
            };
            records.push(ConsumerRecord::Regex(regex.to_string(), Some(value)));
        }
        let hash = at.topics.hash_of(after.topics());
        if changed || hash != self.metadata_hash {
            records.push(ConsumerRecord::epoch(self.epoch + 1, hash));
        }
        records
    }
}
