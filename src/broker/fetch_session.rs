//! Fetch sessions (KIP-227): what a client fetches is remembered, so that requests and answers carry changes only.
//!
//! Not here: reading logs. A session knows which partitions are wanted and what the client was last told.

use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Rng;
use crate::base::Uuid;
use crate::wire::messages::fetch::FetchPartition;
use crate::wire::messages::fetch::FetchRequest;
use crate::wire::messages::fetch::PartitionData;
use bytestring::ByteString;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

/// A session that was not used for this long may make room for another (`FetchSessionCache`, two minutes).
const EVICTABLE_AFTER: Duration = Duration::from_secs(120);

/// A partition as the client names it: by name up to version 12, by id from 13 on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) name: ByteString,
    pub(super) id: Uuid,
    pub(super) partition: i32,
}

/// What one fetch has to read.
pub(super) struct Plan {
    /// The session that goes on, if any.
    pub(super) session: Option<i32>,
    /// Whether only changes are answered.
    pub(super) incremental: bool,
    /// The partitions with where to read them, in the order in which they are answered.
    pub(super) partitions: Vec<(Wanted, FetchPartition)>,
}

/// What the client was last told of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    high_watermark: i64,
    log_start_offset: i64,
}

#[derive(Debug)]
struct Member {
    fetch: FetchPartition,
    told: Option<Told>,
}

#[derive(Debug)]
struct Session {
    /// The epoch that the next request must have.
    epoch: i32,
    by_id: bool,
    members: IndexMap<Wanted, Member>,
    used: Instant,
}

/// The sessions of one broker.
#[derive(Debug, Default)]
pub(super) struct FetchSessions {
    sessions: BTreeMap<i32, Session>,
}

impl FetchSessions {
    /// Reads a request's session fields and topics.
    ///
    /// `slots` is how many sessions there may be; without a free one the fetch is answered in full, without session.
    ///
    /// # Errors
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`, `FETCH_SESSION_TOPIC_ID_ERROR`.
    pub(super) fn begin(
        &mut self,
        request: &FetchRequest,
        by_id: bool,
        now: Instant,
        slots: usize,
        ids: &mut Rng,
    ) -> Result<Plan, ErrorCode> {
        let named = || {
            request.topics.iter().flat_map(|topic| {
                // Names are copied: a slice would keep the whole frame alive as long as the session.
                let name = ByteString::from(&*topic.topic);
                topic.partitions.iter().map(move |fetch| {
                    let wanted = Wanted { name: name.clone(), id: topic.topic_id, partition: fetch.partition };
                    (wanted, fetch.clone())
                })
            })
        };
        if request.session_epoch <= 0 {
            // A full fetch. With an id it also ends the session of before; with epoch 0 it asks for a new one.
            self.sessions.remove(&request.session_id);
            let partitions: Vec<_> = named().collect();
            let mut session = None;
            if request.session_epoch == 0 && !partitions.is_empty() && self.make_room(now, slots) {
                let members = partitions
                    .iter()
                    .map(|(wanted, fetch)| (wanted.clone(), Member { fetch: fetch.clone(), told: None }));
                let members = members.collect();
                session = Some(self.insert(Session { epoch: 1, by_id, members, used: now }, ids));
            }
            return Ok(Plan { session, incremental: false, partitions });
        }
        let session = self.sessions.get_mut(&request.session_id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.epoch = if session.epoch == i32::MAX { 1 } else { session.epoch + 1 };
        session.used = now;
        for (wanted, fetch) in named() {
            match session.members.get_mut(&wanted) {
                Some(member) => member.fetch = fetch,
                None => {
                    session.members.insert(wanted, Member { fetch, told: None });
                }
            }
        }
        for topic in &request.forgotten_topics_data {
            for &partition in &topic.partitions {
                let forgotten = Wanted { name: topic.topic.clone(), id: topic.topic_id, partition };
                session.members.shift_remove(&forgotten);
            }
        }
        let partitions = session.members.iter().map(|(wanted, member)| (wanted.clone(), member.fetch.clone()));
        Ok(Plan { session: Some(request.session_id), incremental: true, partitions: partitions.collect() })
    }

    /// The partitions of a session.
    pub(super) fn members(&self, session: i32) -> impl Iterator<Item = &Wanted> {
        self.sessions.get(&session).into_iter().flat_map(|session| session.members.keys())
    }

    /// Keeps what is new to the client and remembers that it has been told.
    ///
    /// Partitions with records go to the end of the session, so that others come first next time.
    pub(super) fn finish(&mut self, plan: &Plan, rows: Vec<(Wanted, PartitionData)>) -> Vec<(Wanted, PartitionData)> {
        let Some(session) = plan.session.and_then(|id| self.sessions.get_mut(&id)) else { return rows };
        let mut kept = Vec::with_capacity(rows.len());
        for (wanted, row) in rows {
            let has_records = row.records.as_ref().is_some_and(|records| !records.is_empty());
            let told = Told { high_watermark: row.high_watermark, log_start_offset: row.log_start_offset };
            let mut news = has_records || row.error_code != 0 || row.preferred_read_replica != -1;
            news |= row.diverging_epoch.epoch != -1 || row.diverging_epoch.end_offset != -1;
            if let Some(member) = session.members.get_mut(&wanted) {
                news |= member.told != Some(told);
                // After an error everything is news again.
                member.told = (row.error_code == 0).then_some(told);
            }
            if has_records && plan.incremental {
                if let Some(member) = session.members.shift_remove(&wanted) {
                    session.members.insert(wanted.clone(), member);
                }
            }
            if news || !plan.incremental {
                kept.push((wanted, row));
            }
        }
        kept
    }

    /// Whether one more session fits, if need be in the place of one that was not used for long.
    fn make_room(&mut self, now: Instant, slots: usize) -> bool {
        if self.sessions.len() < slots {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
        match oldest.map(|(id, session)| (*id, session.used)) {
            Some((id, used)) if now.since(used) > EVICTABLE_AFTER => self.sessions.remove(&id).is_some(),
            _ => false,
        }
    }

    fn insert(&mut self, session: Session, ids: &mut Rng) -> i32 {
        loop {
            let id = i32::try_from(1 + ids.below(i32::MAX.unsigned_abs().into())).expect("at most 2^31 - 1");
            if let Entry::Vacant(free) = self.sessions.entry(id) {
                free.insert(session);
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::wire::messages::fetch::FetchTopic;
    use crate::wire::messages::fetch::ForgottenTopic;

    fn request(session_id: i32, session_epoch: i32, partitions: &[i32]) -> FetchRequest {
        let row = |&partition| FetchPartition { partition, ..FetchPartition::default() };
        let partitions: Vec<_> = partitions.iter().map(row).collect();
        let topic = FetchTopic { topic: "t".into(), partitions, ..FetchTopic::default() };
        let topics = if topic.partitions.is_empty() { vec![] } else { vec![topic] };
        FetchRequest { session_id, session_epoch, topics, ..FetchRequest::default() }
    }

    fn begin(sessions: &mut FetchSessions, now_s: u64, request: &FetchRequest) -> Result<Plan, ErrorCode> {
        let now = Instant::after_start(Duration::from_secs(now_s));
        sessions.begin(request, false, now, 2, &mut Seed(1).stream("ids"))
    }

    fn rows(plan: &Plan, high_watermark: i64) -> Vec<(Wanted, PartitionData)> {
        let row = |wanted: &Wanted| {
            let partition_index = wanted.partition;
            (wanted.clone(), PartitionData { partition_index, high_watermark, ..PartitionData::default() })
        };
        plan.partitions.iter().map(|(wanted, _)| row(wanted)).collect()
    }

    fn numbers(rows: &[(Wanted, PartitionData)]) -> Vec<i32> {
        rows.iter().map(|(wanted, _)| wanted.partition).collect()
    }

    #[test]
    fn only_what_changed_is_told_again() {
        let mut sessions = FetchSessions::default();
        let plan = begin(&mut sessions, 0, &request(0, 0, &[0, 1])).unwrap();
        let id = plan.session.unwrap();
        let told = sessions.finish(&plan, rows(&plan, 5));
        assert_eq!(numbers(&told), [0, 1]);

        let plan = begin(&mut sessions, 0, &request(id, 1, &[])).unwrap();
        assert_eq!(plan.partitions.len(), 2);
        let mut changed = rows(&plan, 5);
        changed[1].1.high_watermark = 6;
        assert_eq!(numbers(&sessions.finish(&plan, changed)), [1]);

        let plan = begin(&mut sessions, 0, &request(id, 2, &[])).unwrap();
        let mut failed = rows(&plan, 5);
        failed[1].1.high_watermark = 6;
        failed[0].1.error_code = 3;
        assert_eq!(numbers(&sessions.finish(&plan, failed)), [0]);
    }

    #[test]
    fn partitions_with_records_wait_for_their_next_turn() {
        let mut sessions = FetchSessions::default();
        let plan = begin(&mut sessions, 0, &request(0, 0, &[0, 1, 2])).unwrap();
        let id = plan.session.unwrap();
        let full = sessions.finish(&plan, rows(&plan, 5));
        assert_eq!(full.len(), 3);
        let plan = begin(&mut sessions, 0, &request(id, 1, &[])).unwrap();
        let mut with_records = rows(&plan, 5);
        with_records[0].1.records = Some(bytes::Bytes::from_static(b"batch").into());
        assert_eq!(numbers(&sessions.finish(&plan, with_records)), [0]);
        let plan = begin(&mut sessions, 0, &request(id, 2, &[])).unwrap();
        assert_eq!(numbers(&rows(&plan, 5)), [1, 2, 0]);
    }

    #[test]
    fn forgotten_partitions_are_not_read_any_more() {
        let mut sessions = FetchSessions::default();
        let id = begin(&mut sessions, 0, &request(0, 0, &[0, 1])).unwrap().session.unwrap();
        let mut next = request(id, 1, &[2]);
        next.forgotten_topics_data =
            vec![ForgottenTopic { topic: "t".into(), partitions: vec![0], ..ForgottenTopic::default() }];
        assert_eq!(numbers(&rows(&begin(&mut sessions, 0, &next).unwrap(), 0)), [1, 2]);
    }

    #[test]
    fn a_wrong_id_epoch_or_way_of_naming_is_refused() {
        let mut sessions = FetchSessions::default();
        let id = begin(&mut sessions, 0, &request(0, 0, &[0])).unwrap().session.unwrap();
        let check = |sessions: &mut FetchSessions, request: &FetchRequest, expected: ErrorCode| {
            assert_eq!(begin(sessions, 0, request).err(), Some(expected));
        };
        check(&mut sessions, &request(id ^ 1, 1, &[]), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        check(&mut sessions, &request(id, 2, &[]), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let by_id = sessions.begin(&request(id, 1, &[]), true, Instant::START, 2, &mut Seed(1).stream("ids"));
        assert_eq!(by_id.err(), Some(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR));
        // Epoch -1 ends the session.
        assert_eq!(begin(&mut sessions, 0, &request(id, -1, &[0])).unwrap().session, None);
        check(&mut sessions, &request(id, 1, &[]), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn a_full_cache_gives_no_session_until_one_is_old() {
        let mut sessions = FetchSessions::default();
        let mut rng = Seed(1).stream("ids");
        let mut open = |now_s| {
            let now = Instant::after_start(Duration::from_secs(now_s));
            sessions.begin(&request(0, 0, &[0]), false, now, 2, &mut rng).unwrap().session.is_some()
        };
        assert!(open(0) && open(1));
        assert!(!open(100));
        assert!(open(121));
    }
}
