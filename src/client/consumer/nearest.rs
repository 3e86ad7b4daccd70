//! Which replica a partition is read from: its leader, or a follower that the leader has named because it stands in the
//! consumer's rack (KIP-392).
//!
//! A follower is read from until its time is up, it refuses, or it goes away; then the leader is asked again, which may
//! name the same one. Not here: fetching, and choosing followers, which brokers do.

use super::super::TopicPartition;
use super::super::metadata::Leader;
use super::super::metadata::Metadata;
use super::position::Position;
use super::position::State;
use crate::base::BrokerId;
use tokio::time::Instant;

/// A follower that a leader has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nearest {
    broker: BrokerId,
    /// When the leader is to be asked again.
    until: Instant,
}

impl Position {
    /// Who is asked for records now; a follower that is not there is forgotten, and then that is worth new metadata.
    ///
    /// Source: `AbstractFetch.selectReadReplica`.
    pub(super) fn reads_from(
        &mut self,
        leader: Leader,
        partition: &TopicPartition,
        metadata: &Metadata,
        now: Instant,
    ) -> (BrokerId, bool) {
        let Some(nearest) = self.nearest.filter(|nearest| nearest.until > now) else {
            self.nearest = None;
            return (leader.broker, false);
        };
        if metadata.is_online(partition, nearest.broker) {
            return (nearest.broker, false);
        }
        self.nearest = None;
        (leader.broker, true)
    }
}

impl State {
    /// The leader has named a follower.
    pub(super) fn read_from(&mut self, partition: &TopicPartition, generation: u64, broker: BrokerId, until: Instant) {
        let position = self.partitions.get_mut(partition).filter(|position| position.generation == generation);
        if let Some(position) = position {
            tracing::debug!(%partition, %broker, "a follower is read from");
            position.nearest = Some(Nearest { broker, until });
        }
    }

    /// Goes back to the leader. Says whether it was a follower that was read from.
    pub(super) fn read_from_leader(&mut self, partition: &TopicPartition) -> bool {
        let position = self.partitions.get_mut(partition);
        position.is_some_and(|position| position.nearest.take().is_some())
    }

    /// A broker is out of reach: whoever read from it as a follower asks the leader, but not before `until`, since that may
    /// name the same one at once, and again and again.
    pub(super) fn read_from_leaders(&mut self, gone: BrokerId, until: Instant) {
        for position in self.partitions.values_mut() {
            if position.nearest.take_if(|nearest| nearest.broker == gone).is_some() {
                position.not_before = Some(until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::StartFrom;
    use super::*;
    use crate::base::LeaderEpoch;
    use crate::base::Offset;
    use crate::wire::messages::metadata::MetadataResponse;
    use crate::wire::messages::metadata::MetadataResponseBroker;
    use crate::wire::messages::metadata::MetadataResponsePartition;
    use crate::wire::messages::metadata::MetadataResponseTopic;
    use std::time::Duration;

    const LEADER: Leader = Leader { broker: BrokerId(1), epoch: LeaderEpoch(0) };

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 0).unwrap()
    }

    /// One partition on brokers 1 and 2.
    fn metadata(offline_replicas: Vec<i32>) -> Metadata {
        let row = MetadataResponsePartition {
            leader_id: 1,
            replica_nodes: vec![1, 2],
            offline_replicas,
            ..Default::default()
        };
        let topic = MetadataResponseTopic { name: Some("t".into()), partitions: vec![row], ..Default::default() };
        let broker = |node_id| MetadataResponseBroker { node_id, host: "h".into(), port: 1, ..Default::default() };
        let brokers = vec![broker(1), broker(2), broker(3)];
        let mut metadata = Metadata::default();
        metadata.apply(MetadataResponse { brokers, topics: vec![topic], ..Default::default() });
        metadata
    }

    fn state() -> (State, u64) {
        let mut state = State::default();
        state.place(partition(), StartFrom::Offset(Offset(7)));
        let generation = state.partitions[&partition()].generation;
        (state, generation)
    }

    #[test]
    fn a_follower_is_read_from_until_its_time_is_up() {
        let (mut state, generation) = state();
        let start = Instant::now();
        let minute = Duration::from_secs(60);
        let ask = |state: &mut State, after: Duration, metadata: &Metadata| {
            let position = state.partitions.get_mut(&partition()).unwrap();
            let (broker, is_gone) = position.reads_from(LEADER, &partition(), metadata, start + after);
            (broker.0, is_gone)
        };
        let well = metadata(vec![]);
        assert_eq!(ask(&mut state, Duration::ZERO, &well), (1, false));
        state.read_from(&partition(), generation + 1, BrokerId(2), start + minute);
        assert_eq!(ask(&mut state, Duration::ZERO, &well), (1, false), "that was said of another position");
        state.read_from(&partition(), generation, BrokerId(2), start + minute);
        assert_eq!(ask(&mut state, Duration::ZERO, &well), (2, false));
        // A seek does not move the consumer to another rack.
        state.place(partition(), StartFrom::Offset(Offset(3)));
        assert_eq!(ask(&mut state, minute / 2, &well), (2, false));
        assert_eq!(ask(&mut state, minute, &well), (1, false));
        assert_eq!(ask(&mut state, Duration::ZERO, &well), (1, false), "it is forgotten");
    }

    #[test]
    fn a_follower_that_refuses_or_is_not_there_is_forgotten() {
        let start = Instant::now();
        let until = start + Duration::from_secs(60);
        let check = |named: i32, offline: Vec<i32>, forget: fn(&mut State), expected: (i32, bool)| {
            let (mut state, generation) = state();
            state.read_from(&partition(), generation, BrokerId(named), until);
            forget(&mut state);
            let position = state.partitions.get_mut(&partition()).unwrap();
            let (broker, is_gone) = position.reads_from(LEADER, &partition(), &metadata(offline), start);
            assert_eq!((broker.0, is_gone), expected);
        };
        check(2, vec![], |_| {}, (2, false));
        check(2, vec![2], |_| {}, (1, true));
        check(3, vec![], |_| {}, (1, true));
        check(2, vec![], |state| assert!(state.read_from_leader(&partition())), (1, false));
        check(2, vec![], |state| state.read_from_leaders(BrokerId(2), Instant::now()), (1, false));
        check(2, vec![], |state| state.read_from_leaders(BrokerId(1), Instant::now()), (2, false));
        let (mut state, _) = state();
        assert!(!state.read_from_leader(&partition()), "the leader it was already");
    }
}
