//! What a consumer does when a topic is deleted and another one gets its name: offsets of the one mean nothing in the
//! other.
//!
//! The other one has another id (KIP-516). Reading it begins as where an offset is out of range: `auto.offset.reset` says
//! where. Differs: Java's consumer takes the leader of the new topic (KAFKA-12257) and keeps its position, from which on
//! it skips what the new topic already has, or is told `OFFSET_OUT_OF_RANGE`. Brokers before 2.8 tell no ids, and there
//! nothing is noticed.
//!
//! Not here: learning of the new id, by `UNKNOWN_TOPIC_ID` of a fetch or because metadata are old.

use super::super::TopicPartition;
use super::super::admin::OffsetSpec;
use super::super::error::Error;
use super::super::metadata::Metadata;
use super::position::State;
use crate::base::LeaderEpoch;
use crate::base::Uuid;
use std::task::Waker;

impl State {
    /// Takes the topics by the ids that are known now, and begins anew where that is another one, from where `reset`
    /// says. What was fetched before is still handed out, and counts for nothing. Gives whom to wake.
    pub(super) fn begin_anew_where_recreated(
        &mut self,
        metadata: &Metadata,
        reset: impl Fn() -> Option<OffsetSpec>,
    ) -> Option<Waker> {
        let mut recreated = Vec::new();
        for (partition, position) in &mut self.partitions {
            let known = metadata.topic(partition.topic.as_str()).map_or(Uuid::ZERO, |topic| topic.id);
            if known.is_zero() || known == position.topic_id {
                continue;
            }
            if position.topic_id.is_zero() {
                position.topic_id = known;
            } else {
                recreated.push((partition.clone(), known));
            }
        }
        let mut waker = None;
        for (partition, topic_id) in recreated {
            let woken = self.begin_anew(&partition, topic_id, reset());
            waker = waker.or(woken);
        }
        waker
    }

    fn begin_anew(&mut self, partition: &TopicPartition, topic_id: Uuid, reset: Option<OffsetSpec>) -> Option<Waker> {
        self.next_generation += 1;
        let generation = self.next_generation;
        let feeds_claims = self.feeds_claims;
        let position = self.partitions.get_mut(partition)?;
        tracing::warn!(%partition, before = %position.topic_id, %topic_id, "the topic was deleted and created anew");
        position.topic_id = topic_id;
        position.generation = generation;
        // A claim lasts as long as the partition is this consumer's, whatever topic it is of.
        if !feeds_claims {
            position.placed = generation;
        }
        (position.looking, position.halted) = (false, false);
        (position.not_before, position.failures, position.nearest) = (None, 0, None);
        position.high_watermark = None;
        let Ok(from) = position.fetch else {
            // Where it begins is being looked up, which was in vain if it was in the old one.
            return None;
        };
        if position.awaits_commit {
            return None;
        }
        position.unfinished.clear();
        position.committed = None;
        position.moved = position.moved.or(Some(from));
        position.next = None;
        (position.fetched_epoch, position.epoch) = (LeaderEpoch::NONE, LeaderEpoch::NONE);
        let Some(spec) = reset else {
            let reason = format!("{partition} is of another topic than before, and auto.offset.reset is none");
            return self.on_failure(partition, generation, Error::Invalid(reason));
        };
        position.fetch = Err(spec);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::StartFrom;
    use super::*;
    use crate::base::Offset;
    use crate::wire::messages::metadata::MetadataResponse;
    use crate::wire::messages::metadata::MetadataResponsePartition;
    use crate::wire::messages::metadata::MetadataResponseTopic;

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 0).unwrap()
    }

    fn metadata(id: u8) -> Metadata {
        let partitions = vec![MetadataResponsePartition::default()];
        let topic = MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: Uuid([id; 16]),
            partitions,
            ..Default::default()
        };
        let mut metadata = Metadata::default();
        metadata.apply(MetadataResponse { topics: vec![topic], ..Default::default() });
        metadata
    }

    /// Where it goes on after the topic had these ids, one after the other; and what was told.
    fn check(ids: &[u8], reset: Option<OffsetSpec>, expected: Result<i64, OffsetSpec>, failures: &[&str]) {
        let mut state = State::default();
        state.place(partition(), StartFrom::Offset(Offset(20)));
        let generation = state.partitions[&partition()].generation;
        for id in ids {
            assert!(state.begin_anew_where_recreated(&metadata(*id), || reset).is_none(), "nobody waits");
        }
        let position = &state.partitions[&partition()];
        assert_eq!(position.fetch, expected.map(Offset), "{ids:?}");
        assert_eq!(position.generation == generation, expected.is_ok() && failures.is_empty(), "{ids:?}");
        let mut told = Vec::new();
        while let Some(Err(error)) = state.take(Waker::noop()) {
            told.push(error.to_string());
        }
        assert_eq!(told, failures);
    }

    #[test]
    fn another_topic_of_the_name_is_begun_as_configured() {
        let earliest = Some(OffsetSpec::Earliest);
        check(&[1, 1], earliest, Ok(20), &[]);
        check(&[1, 2], earliest, Err(OffsetSpec::Earliest), &[]);
        check(&[1, 2, 2], Some(OffsetSpec::Latest), Err(OffsetSpec::Latest), &[]);
        // Brokers that know of no ids, and those that have forgotten them.
        check(&[0, 0], earliest, Ok(20), &[]);
        check(&[1, 0, 1], earliest, Ok(20), &[]);
        check(&[1, 0, 2], earliest, Err(OffsetSpec::Earliest), &[]);
        let error = "t-0 is of another topic than before, and auto.offset.reset is none";
        check(&[1, 2], None, Ok(20), &[error]);
    }

    #[test]
    fn what_is_handed_out_of_the_old_topic_is_not_committed_for_the_new_one() {
        let mut state = State::default();
        state.place(partition(), StartFrom::Offset(Offset(20)));
        state.begin_anew_where_recreated(&metadata(1), || None);
        let old = state.partitions[&partition()].topic_id;
        state.begin(&partition(), old, Offset(20));
        assert!(!state.partitions[&partition()].unfinished.is_empty());
        state.begin_anew_where_recreated(&metadata(2), || Some(OffsetSpec::Earliest));
        state.begin(&partition(), old, Offset(21));
        let position = &state.partitions[&partition()];
        assert_eq!((position.next, position.unfinished.len()), (None, 0));
    }
}
