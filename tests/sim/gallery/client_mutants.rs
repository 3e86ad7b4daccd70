//! Rows about bugs of clients, each planted in ours; the right side is the same without it.
//!
//! Not here: bugs of applications that use a client which is right (`app_mutants`).

use super::support::{
    GROUP, Sending, TOPIC, cluster, member, ms, planted, record, safe_topic, secs, send_in_pairs, topic,
};
use super::{Scenario, Side, judge};
use rehearsal::check::event::Isolation;
use rehearsal::check::{Code, Contract, OffsetReset, Setup, Verdict};
use rehearsal::client::{
    Assignor, ClientMutant, CooperativeStickyAssignor, IsolationLevel, StartFrom, TransactionError,
};
use rehearsal::sim::{Run, Simulation};
use rehearsal::{ApiKey, ErrorCode, Fault};
use std::sync::Arc;
use tokio::time::{sleep, timeout};

pub(super) const SCENARIOS: &[&Scenario] = &[
    &BUMP_UNRESOLVED,
    &NOT_LEADER_IS_NOT_FAIL,
    &LOST_AS_REVOKED,
    &COOP_DOUBLE_OWN,
    &OFFSETFETCH_STALL,
    &ABORTED_FILTER,
    &ABORT_AFTER_COMMIT_TIMEOUT,
    &STALE_LEADER_RESET,
    &STALE_FOLLOWER,
    &CORRUPT_FETCH,
    &CHECKSUMS_TRUSTED,
    &REUSED_CORRELATION,
    &DISK_FULL,
    &NO_REFRESH,
];

/// What all of them want, with what the row is about.
fn setup(of: &[Contract]) -> Setup {
    let intent = [&[Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base], of].concat();
    Setup { intent, min_insync_replicas: 2, auto_offset_reset: OffsetReset::Earliest, ..Setup::default() }
}

const BUMP_UNRESOLVED: Scenario = Scenario {
    number: 11,
    name: "bump-unresolved",
    wrong: "the producer takes its next epoch although a batch of the last one is unresolved",
    schedule: "of two batches in flight the first is appended and answered `REQUEST_TIMED_OUT`, the second is refused \
               with `UNKNOWN_SERVER_ERROR`",
    expect: &[(Code::Dup, Verdict::Bug)],
    right: Some("what is unresolved is found out under the old epoch first"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(|node| async move { send_in_pairs(&node).await });
        let simulation = simulation.nemesis(|system| async move {
            let late = Fault::on(ApiKey::Produce).nth(11).after_applied().error(ErrorCode::REQUEST_TIMED_OUT);
            let refused = Fault::on(ApiKey::Produce).nth(12).error(ErrorCode::UNKNOWN_SERVER_ERROR);
            system.cluster().inject(late)?.keep();
            system.cluster().inject(refused)?.keep();
            Ok(())
        });
        planted(simulation, side, ClientMutant::BumpUnresolved).setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_11_bump_unresolved() {
    judge(&BUMP_UNRESOLVED);
}

const NOT_LEADER_IS_NOT_FAIL: Scenario = Scenario {
    number: 14,
    name: "not-leader-is-not-fail",
    wrong: "the producer takes `NOT_LEADER_OR_FOLLOWER` for a refusal before anything was written",
    schedule: "the leader moves while an append that one follower has already waits for the other",
    expect: &[(Code::FailVisible, Verdict::Bug)],
    right: Some("nobody knows; it is sent again, and recognised"),
    must_reach: &["acknowledged", "elections"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(|node| async move {
            Sending::default().run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let partition = system.cluster().partition(TOPIC, 0);
            sleep(ms(500)).await;
            partition.hold_replication(3)?;
            sleep(ms(100)).await;
            partition.elect(2)?;
            partition.release_replication(3)?;
            Ok(())
        });
        planted(simulation, side, ClientMutant::NotLeaderIsFailure).setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_14_not_leader_is_not_fail() {
    judge(&NOT_LEADER_IS_NOT_FAIL);
}

const LOST_AS_REVOKED: Scenario = Scenario {
    number: 26,
    name: "lost-as-revoked",
    wrong: "a member commits for what it has lost, as if it were revoked",
    schedule: "the only member asks for no record within `max.poll.interval.ms`, and is out of the group",
    expect: &[(Code::CommitUnowned, Verdict::Bug)],
    right: Some("what is lost is not committed"),
    must_reach: &["delivered", "commits", "rebalances"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(2).app(|node| async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            let mut consumer = member(&node).enable_auto_commit(true).max_poll_interval(secs(6)).build();
            consumer.subscribe([TOPIC])?;
            for n in 0.. {
                if n == 40 {
                    sleep(secs(10)).await;
                }
                if timeout(secs(15), consumer.recv()).await.is_err() {
                    break;
                }
            }
            consumer.close().await?;
            Ok(())
        });
        planted(simulation, side, ClientMutant::LostAsRevoked).setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_26_lost_as_revoked() {
    judge(&LOST_AS_REVOKED);
}

const COOP_DOUBLE_OWN: Scenario = Scenario {
    number: 27,
    name: "coop-double-own",
    wrong: "a member that was expelled keeps what it owned, and the leader believes whoever says that it owns",
    schedule: "one of two cooperative members is cut off for longer than its session, and comes back",
    expect: &[(Code::Overlap, Verdict::Bug)],
    right: Some("who is expelled has lost everything"),
    must_reach: &["delivered", "rebalances"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(3).app(|node| async move {
            if node.index() == 0 {
                Sending { count: 400, ..Sending::default() }.run(&node).await;
                return Ok(());
            }
            // The second one comes when the first one has everything.
            sleep(secs(node.index() as u64)).await;
            let strategy: Arc<dyn Assignor> = Arc::new(CooperativeStickyAssignor);
            let mut consumer = member(&node).partition_assignment_strategy([strategy]).build();
            consumer.subscribe([TOPIC])?;
            while timeout(secs(60), consumer.recv()).await.is_ok() {}
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let member = system.cluster().links().of("app-1");
            sleep(secs(8)).await;
            member.cut()?;
            sleep(secs(25)).await;
            member.heal()?;
            Ok(())
        });
        planted(simulation, side, ClientMutant::TrustStaleOwners).setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_27_coop_double_own() {
    judge(&COOP_DOUBLE_OWN);
}

const OFFSETFETCH_STALL: Scenario = Scenario {
    number: 29,
    name: "offsetfetch-stall",
    wrong: "a question for committed offsets that is refused is not asked again, while heartbeats go on",
    schedule: "the coordinator answers `OffsetFetch` with `NOT_COORDINATOR` for 20 s",
    expect: &[(Code::Unseen, Verdict::Bug), (Code::StuckConsumer, Verdict::Bug)],
    right: Some("it is asked again, of whoever coordinates then"),
    must_reach: &["acknowledged", "rebalances", "faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).processes(2).app(|node| async move {
            if node.index() == 0 {
                Sending::default().run(&node).await;
                return Ok(());
            }
            let mut consumer = member(&node).build();
            consumer.subscribe([TOPIC])?;
            let reading = async { while consumer.recv().await.is_ok() {} };
            let _: Result<(), _> = timeout(secs(90), reading).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let refused = Fault::on(ApiKey::OffsetFetch).between(secs(0)..secs(20)).always();
            system.cluster().inject(refused.error(ErrorCode::NOT_COORDINATOR))?.keep();
            Ok(())
        });
        let setup = Setup { converge_ms: 60_000, ..setup(&[Contract::Live]) };
        planted(simulation, side, ClientMutant::OffsetFetchGivesUp).heal_after(secs(20)).setup(setup).run().unwrap()
    },
};

#[test]
fn scenario_29_offsetfetch_stall() {
    judge(&OFFSETFETCH_STALL);
}

const ABORTED_FILTER: Scenario = Scenario {
    number: 35,
    name: "aborted-filter",
    wrong: "a consumer stops hiding a producer's aborted records at its first marker",
    schedule: "one fetch brings three transactions of a producer: committed, aborted, committed",
    expect: &[(Code::G1a, Verdict::Bug)],
    right: Some("each aborted transaction is hidden up to its own marker"),
    must_reach: &["delivered", "transactions committed", "transactions aborted"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(|node| async move {
            let mut producer = node.client().producer().transactional("writer").init().await?;
            for n in 0..3 {
                let transaction = producer.begin().await?;
                transaction.send(record(n)).await?;
                if n == 1 {
                    // A record that has not been sent would not be.
                    sleep(ms(100)).await;
                    transaction.abort().await?;
                } else {
                    transaction.commit().await?;
                }
            }
            let mut consumer = node.client().consumer().isolation_level(IsolationLevel::ReadCommitted).build();
            consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
            while timeout(secs(5), consumer.recv()).await.is_ok() {}
            Ok(())
        });
        let setup = Setup { transactional: true, isolation: Isolation::ReadCommitted, ..setup(&[Contract::Iso]) };
        planted(simulation, side, ClientMutant::FilterEndsAtFirstMarker).setup(setup).run().unwrap()
    },
};

#[test]
fn scenario_35_aborted_filter() {
    judge(&ABORTED_FILTER);
}

const ABORT_AFTER_COMMIT_TIMEOUT: Scenario = Scenario {
    number: 41,
    name: "abort-after-commit-timeout",
    wrong: "a commit that is not answered in time is taken for an abort",
    schedule: "the coordinator commits, and its answers are lost for 8 s",
    expect: &[(Code::CommitLie, Verdict::Bug)],
    right: Some("the commit is asked for until it is answered"),
    must_reach: &["acknowledged", "transactions committed", "faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(|node| async move {
            let mut producer = node.client().producer().transactional("writer").init().await?;
            for n in 0..10 {
                let transaction = producer.begin().await?;
                transaction.send(record(n)).await?;
                match transaction.commit().await {
                    Ok(()) | Err(TransactionError::Abortable(_)) => {}
                    Err(TransactionError::Retriable(_)) => while producer.resolve().await.is_err() {},
                    Err(error) => return Err(error.into()),
                }
                sleep(ms(500)).await;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let lost = Fault::on(ApiKey::EndTxn).between(secs(2)..secs(10)).always().lose_answer();
            system.cluster().inject(lost)?.keep();
            Ok(())
        });
        let bug = ClientMutant::AbortAfterCommitTimeout;
        let simulation = simulation.client(move |builder, _| {
            let builder = builder.request_timeout(secs(2)).api_timeout(secs(5));
            if side.is_wrong() { builder.mutant(bug) } else { builder }
        });
        simulation.setup(Setup { transactional: true, ..setup(&[]) }).run().unwrap()
    },
};

#[test]
fn scenario_41_abort_after_commit_timeout() {
    judge(&ABORT_AFTER_COMMIT_TIMEOUT);
}

/// A member of a group reads and processes what is sent, while the nemesis is at work.
fn processed(side: Side, bug: ClientMutant, simulation: Simulation) -> Run {
    let simulation = simulation.processes(2).app(|node| async move {
        if node.index() == 0 {
            Sending::default().run(&node).await;
            return Ok(());
        }
        // Where brokers stand in racks, it stands in the last one's.
        let mut consumer = member(&node).client_rack("r3").build();
        consumer.subscribe([TOPIC])?;
        while let Ok(record) = timeout(secs(15), consumer.recv()).await {
            node.processed(GROUP, &record?);
        }
        Ok(())
    });
    planted(simulation, side, bug).setup(setup(&[])).run().unwrap()
}

const STALE_LEADER_RESET: Scenario = Scenario {
    number: 49,
    name: "stale-leader-reset",
    wrong: "a consumer takes `NOT_LEADER_OR_FOLLOWER` for an offset that is out of range, and resets it",
    schedule: "the leader moves",
    expect: &[(Code::SpuriousReset, Verdict::Bug)],
    right: Some("it asks the new leader"),
    must_reach: &["delivered", "elections", "processed"],
    run: |side| {
        let simulation = cluster(safe_topic()).nemesis(|system| async move {
            sleep(secs(1)).await;
            system.cluster().partition(TOPIC, 0).elect(2)?;
            Ok(())
        });
        processed(side, ClientMutant::NotLeaderIsOutOfRange, simulation)
    },
};

#[test]
fn scenario_49_stale_leader_reset() {
    judge(&STALE_LEADER_RESET);
}

const STALE_FOLLOWER: Scenario = Scenario {
    number: 49,
    name: "stale-follower",
    wrong: "a consumer believes a follower that has no such offset, and resets it (KIP-392)",
    schedule: "a consumer reads from the follower in its rack, which stands still, and refuses an offset that the \
               leader has",
    expect: &[(Code::SpuriousReset, Verdict::Bug), (Code::GroupDup, Verdict::Expected)],
    right: Some("it asks the leader"),
    must_reach: &["delivered", "faults", "processed"],
    run: |side| {
        let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
        let simulation = cluster(safe_topic()).cluster(move |cluster| {
            cluster.racks(["r1", "r2", "r3"]).broker_config("replica.selector.class", selector)
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(1)).await;
            let partition = system.cluster().partition(TOPIC, 0);
            partition.hold_replication(3)?;
            let refused = Fault::on(ApiKey::Fetch).client_id("app-1").broker(3);
            let refused = system.cluster().inject(refused.error(ErrorCode::OFFSET_OUT_OF_RANGE))?;
            sleep(secs(10)).await;
            refused.assert_fired();
            partition.release_replication(3)?;
            Ok(())
        });
        processed(side, ClientMutant::FollowerIsBelieved, simulation)
    },
};

#[test]
fn scenario_49_stale_follower() {
    judge(&STALE_FOLLOWER);
}

/// A reader that begins again where it was after each error, and one answer with a bit that is flipped.
fn one_corrupt_answer(side: Side, bug: ClientMutant) -> Run {
    let simulation = cluster(topic()).processes(2).app(|node| async move {
        if node.index() == 0 {
            Sending::default().run(&node).await;
            return Ok(());
        }
        let mut consumer = node.client().consumer().build();
        consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
        while let Ok(record) = timeout(secs(15), consumer.recv()).await {
            if record.is_err() {
                let partition = consumer.assignment().remove(0);
                let position = consumer.position(&partition).ok_or("nothing was read yet")?;
                consumer.seek(&partition, StartFrom::Offset(position))?;
            }
        }
        Ok(())
    });
    let simulation = simulation.nemesis(|system| async move {
        let flipped = Fault::on(ApiKey::Fetch).client_id("app-1").nth(5).after_applied().corrupt_records();
        system.cluster().inject(flipped)?.keep();
        Ok(())
    });
    planted(simulation, side, bug).setup(setup(&[])).run().unwrap()
}

const CORRUPT_FETCH: Scenario = Scenario {
    number: 50,
    name: "corrupt-fetch",
    wrong: "a consumer passes over a batch whose checksum is wrong",
    schedule: "a bit of one answer to a fetch is flipped",
    expect: &[(Code::PollSkip, Verdict::Bug)],
    right: Some("it says so, and reads the batch again"),
    must_reach: &["delivered", "faults"],
    run: |side| one_corrupt_answer(side, ClientMutant::SkipCorruptBatches),
};

#[test]
fn scenario_50_corrupt_fetch() {
    judge(&CORRUPT_FETCH);
}

const CHECKSUMS_TRUSTED: Scenario = Scenario {
    number: 51,
    name: "checksums-trusted",
    wrong: "a consumer does not look at the checksum of a batch",
    schedule: "a bit of one answer to a fetch is flipped",
    // The bit is in the digits of the record's own name.
    expect: &[(Code::InconsOff, Verdict::Bug), (Code::Phantom, Verdict::Bug)],
    right: Some("it does"),
    must_reach: &["delivered", "faults"],
    run: |side| one_corrupt_answer(side, ClientMutant::TrustChecksums),
};

#[test]
fn scenario_51_checksums_trusted() {
    judge(&CHECKSUMS_TRUSTED);
}

const REUSED_CORRELATION: Scenario = Scenario {
    number: 51,
    name: "reused-correlation",
    wrong: "a connection outlives a request that has timed out, and takes its late answer for the next one's",
    schedule: "the answer to one batch comes after the request's time is up",
    expect: &[(Code::AckOff, Verdict::Bug)],
    right: Some("after a time-out the connection is given up"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let simulation = cluster(topic()).app(|node| async move { send_in_pairs(&node).await });
        let simulation = simulation.nemesis(|system| async move {
            let late = Fault::on(ApiKey::Produce).nth(11).after_applied().delay(secs(5));
            system.cluster().inject(late)?.keep();
            Ok(())
        });
        let simulation = simulation.client(move |builder, _| {
            let builder = builder.request_timeout(secs(2));
            if side.is_wrong() { builder.mutant(ClientMutant::ReuseCorrelation) } else { builder }
        });
        simulation.setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_51_reused_correlation() {
    judge(&REUSED_CORRELATION);
}

const DISK_FULL: Scenario = Scenario {
    number: 53,
    name: "disk-full",
    wrong: "the producer takes `KAFKA_STORAGE_ERROR` for a refusal before anything was written",
    schedule: "the leader answers `KAFKA_STORAGE_ERROR` after an append, and another broker takes over",
    expect: &[(Code::FailVisible, Verdict::Bug)],
    right: Some("nobody knows; it is sent again, and recognised"),
    must_reach: &["acknowledged", "elections", "faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(|node| async move {
            Sending::default().run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let full = Fault::on(ApiKey::Produce).nth(10).after_applied().error(ErrorCode::KAFKA_STORAGE_ERROR);
            let full = system.cluster().inject(full)?;
            while full.fired() == 0 {
                sleep(ms(10)).await;
            }
            system.cluster().partition(TOPIC, 0).elect(2)?;
            Ok(())
        });
        planted(simulation, side, ClientMutant::StorageErrorIsFailure).setup(setup(&[])).run().unwrap()
    },
};

#[test]
fn scenario_53_disk_full() {
    judge(&DISK_FULL);
}

const NO_REFRESH: Scenario = Scenario {
    number: 59,
    name: "no-refresh",
    wrong: "the producer does not ask for metadata when it is told that a broker leads no more",
    schedule: "the leader moves twice",
    expect: &[(Code::StuckProducer, Verdict::Bug)],
    right: Some("it does"),
    must_reach: &["acknowledged", "elections"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(|node| async move {
            Sending { delivery_timeout: secs(3600), ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let partition = system.cluster().partition(TOPIC, 0);
            for leader in [2, 3] {
                sleep(ms(700)).await;
                partition.elect(leader)?;
            }
            Ok(())
        });
        let setup = Setup { converge_ms: 60_000, ..setup(&[Contract::Live]) };
        let simulation = planted(simulation, side, ClientMutant::NoRefresh).heal_after(secs(5));
        simulation.setup(setup).time_max(secs(200)).run().unwrap()
    },
};

#[test]
fn scenario_59_no_refresh() {
    judge(&NO_REFRESH);
}
