//! Which brokers hold the replicas of a new partition.

use crate::base::BrokerId;

/// Places `replication_factor` replicas of partition number `partition`; the first is the preferred leader.
///
/// Leaders go round the brokers, and followers follow in a ring. Kafka starts the ring at a random broker;
/// here it starts at the first, so that a test knows who leads what. A factor beyond the number of brokers
/// gives as many replicas as there are brokers; callers refuse it beforehand.
/// ```
/// use rehearsal::base::BrokerId;
/// use rehearsal::metadata::place;
/// let brokers = [BrokerId(1), BrokerId(2), BrokerId(3)];
/// assert_eq!(place(&brokers, 2, 2), [BrokerId(3), BrokerId(1)]);
/// ```
pub fn place(brokers: &[BrokerId], partition: usize, replication_factor: usize) -> Vec<BrokerId> {
    let ring = brokers.iter().cycle().skip(partition.checked_rem(brokers.len()).unwrap_or(0));
    ring.take(replication_factor.min(brokers.len())).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_go_round_and_no_broker_holds_two_replicas() {
        let brokers: Vec<BrokerId> = (1..=3).map(BrokerId).collect();
        for partition in 0..7 {
            for factor in 1..=3 {
                let mut replicas = place(&brokers, partition, factor);
                assert_eq!(replicas[0], brokers[partition % 3]);
                replicas.sort();
                replicas.dedup();
                assert_eq!(replicas.len(), factor);
            }
        }
    }

    #[test]
    fn no_brokers_hold_nothing() {
        assert_eq!(place(&[], 5, 3), []);
    }
}
