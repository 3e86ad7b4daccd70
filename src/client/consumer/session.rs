//! Fetch sessions: telling the broker only what has changed since the last fetch.
//!
//! Not here: fetching.

use super::super::TopicPartition;
use crate::base::ErrorCode;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::Uuid;
use std::collections::BTreeMap;

/// What a fetch says about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) topic_id: Uuid,
    pub(super) offset: Offset,
    pub(super) leader_epoch: LeaderEpoch,
    /// The epoch in which the record before `offset` was written, where that is known.
    pub(super) last_fetched_epoch: LeaderEpoch,
}

/// What the broker at the other end remembers of this client's fetches.
///
/// Source: KIP-227, `FetchSessionHandler`.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    /// Whether topics go by their ids in it (KIP-516).
    by_id: bool,
    known: BTreeMap<TopicPartition, Want>,
    /// Whether `known` is what the request under way says.
    asked: bool,
}

/// What to put into a fetch request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) fetch: Vec<(TopicPartition, Want)>,
    pub(super) forget: Vec<(TopicPartition, Uuid)>,
}

impl Session {
    /// What the next request says, so that the broker will know `wanted`.
    pub(super) fn plan(&mut self, wanted: &BTreeMap<TopicPartition, Want>, by_id: bool) -> Plan {
        if by_id != self.by_id {
            self.restart();
            self.by_id = by_id;
        }
        let full = self.epoch == 0;
        let mut plan = Plan { session_id: self.id, session_epoch: self.epoch, fetch: Vec::new(), forget: Vec::new() };
        if !full {
            for (partition, known) in &self.known {
                // A topic that was created anew under its name is another topic, to a broker that goes by ids; by its name
                // it would be forgotten together with the new one.
                let same = wanted.get(partition).is_some_and(|want| !by_id || want.topic_id == known.topic_id);
                if !same {
                    plan.forget.push((partition.clone(), known.topic_id));
                }
            }
        }
        let news = |(partition, want): &(&TopicPartition, &Want)| full || self.known.get(partition) != Some(want);
        plan.fetch = wanted.iter().filter(news).map(|(partition, want)| (partition.clone(), *want)).collect();
        self.known.clone_from(wanted);
        self.asked = true;
        plan
    }

    /// Takes in the head of an answer. Says whether its body counts.
    pub(super) fn on_answer(&mut self, code: ErrorCode, session_id: i32) -> bool {
        if code.is_error() {
            self.restart();
            return false;
        }
        if !std::mem::take(&mut self.asked) {
            // It was given up while the answer was on its way: the next request ends it.
            self.id = session_id;
        } else if session_id == 0 {
            // The broker keeps no session for this client just now.
            (self.id, self.epoch) = (0, 0);
        } else {
            self.id = session_id;
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
        true
    }

    /// Starts anew with the next request, which also ends the old session; after an error or a broken connection.
    pub(super) fn restart(&mut self) {
        self.epoch = 0;
        self.known.clear();
        self.asked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that was given up while its first answer was on its way went on without what it had begun with: the
    /// broker was never told to forget that, and answered for it over and over, at once.
    #[test]
    fn an_answer_for_a_session_that_was_given_up_does_not_revive_it() {
        let mut session = Session::default();
        session.plan(&wants(&[(1, 1, 0)]), true);
        session.restart();
        assert!(session.on_answer(ErrorCode::NONE, 9));
        let plan = session.plan(&wants(&[(0, 1, 0)]), true);
        assert_eq!((plan.session_id, plan.session_epoch, plan.fetch.len()), (9, 0, 1));
    }

    fn wants(rows: &[(i32, u8, i64)]) -> BTreeMap<TopicPartition, Want> {
        let row = |&(index, id, offset): &(i32, u8, i64)| {
            let (topic_id, leader_epoch) = (Uuid([id; 16]), LeaderEpoch(0));
            let last_fetched_epoch = LeaderEpoch::NONE;
            let want = Want { topic_id, offset: Offset(offset), leader_epoch, last_fetched_epoch };
            (TopicPartition::new("t", index).unwrap(), want)
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn only_changes_are_sent_until_the_session_is_lost() {
        let mut session = Session::default();
        let mut check =
            |rows: &[(i32, u8, i64)], head: (i32, i32), fetch: &[i32], forget: &[i32], answer: (ErrorCode, i32)| {
                let plan = session.plan(&wants(rows), true);
                assert_eq!((plan.session_id, plan.session_epoch), head);
                let fetched: Vec<i32> = plan.fetch.iter().map(|(partition, _)| partition.partition.0).collect();
                let forgotten: Vec<i32> = plan.forget.iter().map(|(partition, _)| partition.partition.0).collect();
                assert_eq!((&fetched[..], &forgotten[..]), (fetch, forget));
                session.on_answer(answer.0, answer.1);
            };
        let ok = |id| (ErrorCode::NONE, id);
        check(&[(0, 1, 0), (1, 1, 0)], (0, 0), &[0, 1], &[], ok(9));
        check(&[(0, 1, 5), (1, 1, 0)], (9, 1), &[0], &[], ok(9));
        check(&[(0, 1, 5)], (9, 2), &[], &[1], ok(9));
        check(&[(0, 1, 5), (1, 1, 7)], (9, 3), &[1], &[], ok(9));
        check(&[(0, 2, 5), (1, 1, 7)], (9, 4), &[0], &[0], (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0));
        check(&[(0, 2, 5)], (9, 0), &[0], &[], ok(10));
        check(&[(0, 2, 5)], (10, 1), &[], &[], ok(0));
        check(&[(0, 2, 5)], (0, 0), &[0], &[], ok(11));
    }

    /// A topic was deleted and created again, and a broker that knows it by its name was told to fetch it and to forget
    /// it: nothing was left in the session, whose empty answers came at once and without end.
    #[test]
    fn a_topic_created_anew_is_not_forgotten_by_its_name() {
        for (by_id, forgotten) in [(false, 0), (true, 1)] {
            let mut session = Session::default();
            session.plan(&wants(&[(0, 1, 20)]), by_id);
            session.on_answer(ErrorCode::NONE, 9);
            let plan = session.plan(&wants(&[(0, 2, 20)]), by_id);
            assert_eq!((plan.fetch.len(), plan.forget.len()), (1, forgotten), "by id: {by_id}");
        }
    }
}
