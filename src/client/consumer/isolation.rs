//! Which records a consumer sees: those of aborted transactions are passed over where it asks for that.
//!
//! Not here: how far a partition is read; the broker ends its answer where the first open transaction begins.

use super::super::mutant::ClientMutant;
use super::super::mutant::Mutants;
use crate::base::Offset;
use crate::base::ProducerId;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchError;
use crate::wire::batch::ControlRecord;
use crate::wire::batch::ControlType;
use crate::wire::messages::fetch::AbortedTransaction;
use std::collections::BTreeSet;

/// Which records a consumer sees: `isolation.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// All, whatever becomes of their transactions.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions, and those of none.
    ReadCommitted,
}

impl IsolationLevel {
    pub(in crate::client) const fn on_wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// Marks the batches of aborted transactions as nothing for users, which is what control batches are; so the position
/// moves past them as well.
///
/// `aborted` is what the broker says of this range of the log. One producer id may stand in it several times: each
/// entry counts from its first offset to the producer's next abort marker, and no further.
///
/// Source: `CompletedFetch.nextFetchedRecord`.
pub(super) fn hide_aborted(
    mut batches: Vec<Batch>,
    aborted: &[AbortedTransaction],
    mutants: Mutants,
) -> Result<Vec<Batch>, BatchError> {
    let mut to_come: Vec<(Offset, ProducerId)> =
        aborted.iter().map(|row| (row.first_offset.into(), row.producer_id.into())).collect();
    to_come.sort_unstable();
    let mut to_come = to_come.into_iter().peekable();
    let mut aborting: BTreeSet<ProducerId> = BTreeSet::new();
    let mut over: BTreeSet<ProducerId> = BTreeSet::new();
    for batch in &mut batches {
        let (last, producer) = (batch.header.last_offset(), batch.header.producer_id);
        while let Some((_, other)) = to_come.next_if(|(first, _)| *first <= last) {
            aborting.insert(other);
        }
        if batch.header.is_control() {
            if mutants.has(ClientMutant::FilterEndsAtFirstMarker) {
                over.insert(producer);
            }
            // Compaction may have left the batch without its record; then its transaction's records are gone as well.
            if batch.header.records_count > 0 && ControlRecord::read(batch)?.control_type == ControlType::Abort {
                aborting.remove(&producer);
            }
        } else if batch.header.is_transactional() && aborting.contains(&producer) && !over.contains(&producer) {
            batch.header.attributes = batch.header.attributes.with_control(true);
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LeaderEpoch;
    use crate::base::ProducerEpoch;
    use crate::base::Timestamp;
    use crate::wire::batch::BatchBuilder;

    /// A log written as `7:a` (producer 7 in a transaction), `-:a` (nobody), `7!abort` and `7!commit`; what is seen.
    fn check(log: &[&str], aborted: &[(i64, i64)], expected: &[&str]) {
        let epoch = ProducerEpoch(0);
        let mut batches = Vec::new();
        for (offset, entry) in (0..).map(Offset).zip(log) {
            batches.push(match entry.split_once(['!', ':']).unwrap() {
                (producer, kind @ ("abort" | "commit")) => {
                    let control_type = if kind == "abort" { ControlType::Abort } else { ControlType::Commit };
                    let marker = ControlRecord { control_type, coordinator_epoch: 0 };
                    let producer = ProducerId(producer.parse().unwrap());
                    marker.to_batch(offset, Timestamp(0), LeaderEpoch(0), producer, epoch).unwrap()
                }
                (producer, _) => {
                    let mut builder = BatchBuilder::new().base_offset(offset);
                    if producer != "-" {
                        builder = builder.transactional(true);
                        builder.set_producer(ProducerId(producer.parse().unwrap()), epoch, 0);
                    }
                    builder.append(Timestamp(0), None, Some(entry.as_bytes()), &[]);
                    builder.build().unwrap()
                }
            });
        }
        let row = |(producer_id, first_offset): &(i64, i64)| AbortedTransaction {
            producer_id: *producer_id,
            first_offset: *first_offset,
            ..Default::default()
        };
        let aborted: Vec<AbortedTransaction> = aborted.iter().map(row).collect();
        let batches = hide_aborted(batches, &aborted, Mutants::default()).unwrap();
        assert_eq!(batches.len(), log.len());
        let seen = batches.iter().filter(|batch| !batch.header.is_control());
        let seen: Vec<String> = seen
            .map(|batch| {
                let record = batch.records().unwrap().next().unwrap().unwrap();
                String::from_utf8(record.value.unwrap().to_vec()).unwrap()
            })
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_aborted_transaction_is_hidden_from_its_first_record_to_its_marker() {
        check(&["7:a", "7!abort", "7:b", "7!commit"], &[(7, 0)], &["7:b"]);
        check(&["7:a", "7!commit", "7:b", "7!abort", "7:c", "7!commit"], &[(7, 2)], &["7:a", "7:c"]);
        // The answer begins in the middle of the transaction.
        check(&["7:a", "7!abort", "7:b", "7!commit"], &[(7, -50)], &["7:b"]);
    }

    #[test]
    fn each_aborted_transaction_of_a_producer_counts_once() {
        let log = ["7:a", "7!abort", "7:b", "7!commit", "7:c", "7!abort", "7:d", "7!commit"];
        check(&log, &[(7, 0), (7, 4)], &["7:b", "7:d"]);
        check(&log, &[(7, 4), (7, 0)], &["7:b", "7:d"]);
    }

    #[test]
    fn other_producers_and_plain_records_are_not_touched() {
        check(&["7:a", "8:b", "-:c", "8!commit", "7:d", "7!abort"], &[(7, 0)], &["8:b", "-:c"]);
        // A marker of somebody else ends nothing.
        check(&["7:a", "8:b", "8!abort", "7:c", "7!abort"], &[(7, 0), (8, 1)], &[]);
    }

    #[test]
    fn a_commit_marker_ends_no_aborted_transaction() {
        check(&["7!commit", "7:a", "7!abort"], &[(7, 0)], &[]);
    }
}
