//! Rows about producers: what acknowledgements promise, and what sending again does.

use super::support::{Sending, cluster, leader_dies_ahead_of_its_followers, ms, record, safe_topic, secs, topic};
use super::{Scenario, judge};
use rehearsal::check::event::Isolation;
use rehearsal::check::{self, Code, Contract, Setup, Verdict};
use rehearsal::client::Acks;
use rehearsal::{ApiKey, ErrorCode, Fault};
use tokio::time::sleep;

pub(super) const SCENARIOS: &[&Scenario] =
    &[&ACKS1_LEADER_KILL, &ACKS0_RESET, &RACK_POWER, &RETRY_DUP, &RETRY_REORDER, &RESEND_AFTER_INFO];

/// What all of them want of a producer.
fn setup() -> Setup {
    let intent = vec![Contract::Dur, Contract::NoDup, Contract::Ord, Contract::Base];
    Setup { intent, min_insync_replicas: 2, ..Setup::default() }
}

const ACKS1_LEADER_KILL: Scenario = Scenario {
    number: 1,
    name: "acks1-leader-kill",
    wrong: "`acks=1`",
    schedule: "the followers stand still; 400 ms later the leader dies, a follower takes over, the dead one comes back",
    expect: &[(Code::Lost, Verdict::Gap)],
    right: Some("`acks=all`, `min.insync.replicas=2`"),
    must_reach: &["acknowledged", "elections", "faults"],
    run: |side| {
        let (acks, told) = if side.is_wrong() { (Acks::Leader, check::Acks::Leader) } else { Default::default() };
        let sending = Sending { acks, ..Sending::default() };
        let simulation = cluster(safe_topic()).app(move |node| async move {
            sending.run(&node).await;
            Ok(())
        });
        let simulation =
            simulation.nemesis(|system| async move { leader_dies_ahead_of_its_followers(&system, ms(1000)).await });
        simulation.setup(Setup { acks: told, idempotence: !side.is_wrong(), ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_01_acks1_leader_kill() {
    judge(&ACKS1_LEADER_KILL);
}

const ACKS0_RESET: Scenario = Scenario {
    number: 2,
    name: "acks0-reset",
    wrong: "`acks=0`",
    schedule: "the connection is reset when the 20th batch arrives",
    expect: &[(Code::LostUnacked, Verdict::Expected)],
    right: Some("`acks=all`"),
    must_reach: &["faults"],
    run: |side| {
        let (acks, told) = if side.is_wrong() { (Acks::None, check::Acks::None) } else { Default::default() };
        let sending = Sending { acks, ..Sending::default() };
        let simulation = cluster(safe_topic()).app(move |node| async move {
            sending.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).nth(20).close())?.keep();
            Ok(())
        });
        simulation.setup(Setup { acks: told, idempotence: !side.is_wrong(), ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_02_acks0_reset() {
    judge(&ACKS0_RESET);
}

const RACK_POWER: Scenario = Scenario {
    number: 7,
    name: "rack-power",
    wrong: "nothing is flushed before it is acknowledged",
    schedule: "all brokers lose their power at once, and come back",
    expect: &[
        (Code::Lost, Verdict::Expected),
        (Code::SeqHole, Verdict::Expected),
        (Code::CommittedTrunc, Verdict::Expected),
    ],
    right: Some("`flush.messages=1`"),
    must_reach: &["acknowledged", "elections", "faults"],
    run: |side| {
        let flush_each = !side.is_wrong();
        let topic = if flush_each { safe_topic().config("flush.messages", "1") } else { safe_topic() };
        let simulation = cluster(topic).app(|node| async move {
            Sending::default().run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            sleep(secs(1)).await;
            for broker in 1..=3 {
                system.cluster().broker(broker).power_loss()?;
            }
            sleep(secs(5)).await;
            for broker in 1..=3 {
                system.cluster().broker(broker).restart()?;
            }
            Ok(())
        });
        simulation.setup(Setup { flush_each, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_07_rack_power() {
    judge(&RACK_POWER);
}

const RETRY_DUP: Scenario = Scenario {
    number: 8,
    name: "retry-dup",
    wrong: "`enable.idempotence=false`, with retries",
    schedule: "the answer to the tenth batch is lost, and its connection",
    expect: &[(Code::Dup, Verdict::Gap)],
    right: Some("`enable.idempotence=true`"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let idempotent = !side.is_wrong();
        let simulation = cluster(topic()).app(move |node| async move {
            Sending { idempotent, ..Sending::default() }.run(&node).await;
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).nth(10).after_applied().close())?.keep();
            Ok(())
        });
        simulation.setup(Setup { idempotence: idempotent, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_08_retry_dup() {
    judge(&RETRY_DUP);
}

const RETRY_REORDER: Scenario = Scenario {
    number: 9,
    name: "retry-reorder",
    wrong: "`enable.idempotence=false`, five batches on their way, and the application sends again what was refused",
    schedule: "the eighth batch is refused with `NOT_LEADER_OR_FOLLOWER`, the next ones are not",
    expect: &[(Code::Reorder, Verdict::Gap)],
    right: Some("`enable.idempotence=true`"),
    must_reach: &["acknowledged", "faults"],
    run: |side| {
        let idempotent = !side.is_wrong();
        let simulation = cluster(safe_topic()).app(move |node| async move {
            let producer = node.client().producer().enable_idempotence(idempotent).batch_size(1);
            let producer = if idempotent { producer } else { producer.retries(0) }.build();
            for window in 0..20 {
                let sent = (0..5).map(|n| node.named(record(window * 5 + n), format!("{window}/{n}")));
                let sent: Vec<_> = sent.collect();
                let mut deliveries = Vec::new();
                for record in &sent {
                    deliveries.push(producer.enqueue(record.clone()).await?);
                }
                for (delivery, record) in deliveries.into_iter().zip(sent) {
                    if delivery.await.is_err() {
                        producer.send(record).await?;
                    }
                }
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let refused = Fault::on(ApiKey::Produce).nth(8).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
            system.cluster().inject(refused)?.keep();
            Ok(())
        });
        simulation.setup(Setup { idempotence: idempotent, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_09_retry_reorder() {
    judge(&RETRY_REORDER);
}

const RESEND_AFTER_INFO: Scenario = Scenario {
    number: 12,
    name: "resend-after-info",
    wrong: "what is in doubt is sent again, by a new producer",
    schedule: "the first request is on its way for longer than `delivery.timeout.ms`, and arrives then",
    expect: &[(Code::Dup, Verdict::Gap)],
    right: Some("both have one `transactional.id`, and readers want what is committed"),
    must_reach: &["retried sends", "faults"],
    run: |side| {
        let simulation = cluster(safe_topic()).app(move |node| async move {
            let settings = || node.client().producer().delivery_timeout(secs(20));
            let order = || node.named(record(1), "order-1");
            sleep(secs(1)).await;
            if side.is_wrong() {
                if settings().build().send(order()).await.is_err() {
                    settings().build().send(order()).await?;
                }
                return Ok(());
            }
            let mut first = settings().transactional("orders").init().await?;
            let transaction = first.begin().await?;
            if transaction.enqueue(order()).await?.await.is_err() {
                let mut second = settings().transactional("orders").init().await?;
                let again = second.begin().await?;
                again.enqueue(order()).await?.await?;
                again.commit().await?;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            let late = system.cluster().inject(Fault::on(ApiKey::Produce).hold())?;
            sleep(secs(60)).await;
            late.assert_fired();
            late.release();
            sleep(secs(5)).await;
            Ok(())
        });
        let isolation = if side.is_wrong() { Isolation::ReadUncommitted } else { Isolation::ReadCommitted };
        simulation.setup(Setup { transactional: !side.is_wrong(), isolation, ..setup() }).run().unwrap()
    },
};

#[test]
fn scenario_12_resend_after_info() {
    judge(&RESEND_AFTER_INFO);
}
