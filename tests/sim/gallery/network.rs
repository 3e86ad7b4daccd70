//! Rows about what lies between clients and brokers. Most of them are wrong for nobody: what a network does, the
//! protocol is made for.

use super::support::{Sending, TOPIC, cluster, ms, read, safe_topic, secs};
use super::{Scenario, judge};
use rehearsal::check::{Contract, OffsetReset, Setup};
use rehearsal::client::{ProducerRecord, StartFrom};
use rehearsal::sim::{AppError, Run, System};
use rehearsal::{ApiKey, Fault};
use std::future::Future;
use tokio::time::sleep;

pub(super) const SCENARIOS: &[&Scenario] =
    &[&TRUNCATED_FRAME, &OVERSIZED_RECORD, &THROTTLE_STORM, &STALE_METADATA, &SWIZZLE_CLOG, &ASYM_PARTITION];

fn setup() -> Setup {
    let intent = vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Live, Contract::Base];
    Setup { intent, min_insync_replicas: 2, auto_offset_reset: OffsetReset::Earliest, ..Setup::default() }
}

/// One process sends and another one reads along, while something happens to the network.
fn while_reading<F, R>(nemesis: F) -> Run
where
    F: FnOnce(System) -> R + 'static,
    R: Future<Output = Result<(), AppError>> + 'static,
{
    let simulation = cluster(safe_topic()).processes(2).app(|node| async move {
        if node.index() == 0 {
            Sending { pause: ms(200), ..Sending::default() }.run(&node).await;
        } else {
            read(&node, secs(120)).await?;
        }
        Ok(())
    });
    let run = simulation.nemesis(nemesis).setup(setup()).run().unwrap();
    let seen = |counter| run.report().counters[counter];
    assert_eq!((seen("acknowledged"), seen("delivered")), (100, 100), "{run}");
    run
}

const TRUNCATED_FRAME: Scenario = Scenario {
    number: 51,
    name: "truncated-frame",
    wrong: "nothing",
    schedule: "answers to a producer and to a consumer are cut in the middle, and the connections with them",
    expect: &[],
    right: None,
    must_reach: &["faults"],
    run: |_| {
        while_reading(|system| async move {
            for api in [ApiKey::Produce, ApiKey::Fetch] {
                let cut = system.cluster().inject(Fault::on(api).every(7).truncate(20))?;
                sleep(secs(10)).await;
                cut.assert_fired();
            }
            Ok(())
        })
    },
};

#[test]
fn scenario_51_truncated_frame() {
    judge(&TRUNCATED_FRAME);
}

const OVERSIZED_RECORD: Scenario = Scenario {
    number: 52,
    name: "oversized-record",
    wrong: "nothing: `max.partition.fetch.bytes` is less than a record",
    schedule: "one record of two megabytes among small ones",
    expect: &[],
    right: None,
    must_reach: &["acknowledged", "delivered"],
    run: |_| {
        const LARGE: usize = 2 << 20;
        let topic = safe_topic().config("max.message.bytes", "4000000");
        let simulation = cluster(topic).processes(2).app(|node| async move {
            if node.index() == 0 {
                let producer = node.client().producer().max_request_size(4_000_000).build();
                for n in 0..10 {
                    let value = vec![n; if n == 5 { LARGE } else { 10 }];
                    producer.send(ProducerRecord::new(TOPIC).value(value)).await?;
                }
                return Ok(());
            }
            let mut consumer = node.client().consumer().max_partition_fetch_bytes(1 << 20).build();
            consumer.assign_topic(TOPIC, StartFrom::Earliest).await?;
            for _ in 0..10 {
                tokio::time::timeout(secs(60), consumer.recv()).await??;
            }
            Ok(())
        });
        simulation.setup(setup()).run().unwrap()
    },
};

#[test]
fn scenario_52_oversized_record() {
    judge(&OVERSIZED_RECORD);
}

const THROTTLE_STORM: Scenario = Scenario {
    number: 56,
    name: "throttle-storm",
    wrong: "`delivery.timeout.ms` is less than a quota makes wait: some sends end in doubt, and nothing worse",
    schedule: "each tenth answer says that the producer is throttled for forty seconds",
    expect: &[],
    right: Some("`delivery.timeout.ms` is more"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let delivery_timeout = if side.is_wrong() { secs(20) } else { secs(120) };
        let simulation = cluster(safe_topic()).app(move |node| async move {
            Sending { delivery_timeout, ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).every(10).throttle(secs(40)))?.keep();
            Ok(())
        });
        let run = simulation.setup(setup()).run().unwrap();
        let acknowledged = run.report().counters["acknowledged"];
        assert_eq!(acknowledged < 100, side.is_wrong(), "{acknowledged}");
        run
    },
};

#[test]
fn scenario_56_throttle_storm() {
    judge(&THROTTLE_STORM);
}

const STALE_METADATA: Scenario = Scenario {
    number: 59,
    name: "stale-metadata",
    wrong: "nothing",
    schedule: "for a minute every broker tells who led at its beginning, while the leader moves twice",
    expect: &[],
    right: None,
    must_reach: &["elections", "faults"],
    run: |_| {
        while_reading(|system| async move {
            let cluster = system.cluster();
            sleep(secs(2)).await;
            for broker in 1..=3 {
                cluster.broker(broker).freeze_metadata()?;
            }
            for leader in [2, 3] {
                cluster.partition(TOPIC, 0).elect(leader)?;
                sleep(secs(30)).await;
            }
            for broker in 1..=3 {
                cluster.broker(broker).refresh_metadata()?;
            }
            Ok(())
        })
    },
};

#[test]
fn scenario_59_stale_metadata() {
    judge(&STALE_METADATA);
}

const SWIZZLE_CLOG: Scenario = Scenario {
    number: 62,
    name: "swizzle-clog",
    wrong: "nothing",
    schedule: "one broker after the other is cut off, and they come back in another order, three times",
    expect: &[],
    right: None,
    must_reach: &["elections", "faults"],
    run: |_| {
        while_reading(|system| async move {
            let cluster = system.cluster();
            for order in [[2, 1, 3], [3, 1, 2], [1, 3, 2]] {
                sleep(secs(3)).await;
                for broker in 1..=3 {
                    cluster.links().of(broker).clog()?;
                    sleep(secs(4)).await;
                }
                for broker in order {
                    cluster.links().of(broker).release()?;
                    sleep(secs(4)).await;
                }
            }
            Ok(())
        })
    },
};

#[test]
fn scenario_62_swizzle_clog() {
    judge(&SWIZZLE_CLOG);
}

const ASYM_PARTITION: Scenario = Scenario {
    number: 63,
    name: "asym-partition",
    wrong: "nothing",
    schedule: "the leader can send and hears nothing for half a minute; then the next one",
    expect: &[],
    right: None,
    must_reach: &["elections", "faults"],
    run: |_| {
        while_reading(|system| async move {
            use rehearsal::base::Node::AnyBroker;
            use rehearsal::base::Node::AnyClient;
            let cluster = system.cluster();
            for broker in [1, 2] {
                sleep(secs(3)).await;
                for from in [AnyBroker, AnyClient] {
                    cluster.links().one_way(from, broker).cut()?;
                }
                sleep(secs(30)).await;
                cluster.links().heal()?;
            }
            Ok(())
        })
    },
};

#[test]
fn scenario_63_asym_partition() {
    judge(&ASYM_PARTITION);
}
