//! Whole systems in virtual time: what a run shows, and that it is the same run every time.

use rehearsal::client::{ProducerRecord, StartFrom};
use rehearsal::sim::{Run, Simulation};
use rehearsal::{ApiKey, Fault};

/// One producer sends and one consumer reads along; nothing is broken.
fn plain(seed: u64) -> Simulation {
    Simulation::new(seed).brokers(3).topic("orders", 3).app(|node| async move {
        let producer = node.client().producer().build();
        let mut consumer = node.client().consumer().build();
        consumer.assign_topic("orders", StartFrom::Earliest).await?;
        for n in 0..50_u32 {
            producer.send(ProducerRecord::new("orders").key(format!("k{}", n % 7)).value(n.to_string())).await?;
            consumer.recv().await?;
        }
        Ok(())
    })
}

fn run(simulation: Simulation) -> Run {
    simulation.run().unwrap()
}

#[test]
fn a_run_without_faults_has_no_findings() {
    let run = run(plain(1));
    run.assert_ok();
    assert_eq!(run.report().counters["acknowledged"], 50, "{:?}", run.report().counters);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (first, second) = (run(plain(7)), run(plain(7)));
    assert_eq!(first.trace_hash(), second.trace_hash());
    assert_eq!(first.to_string(), second.to_string());
    assert_ne!(first.trace_hash(), run(plain(8)).trace_hash());
}

/// The oldest way of doubling a record: the answer is lost, the client tries again, and nobody can tell.
#[test]
fn a_lost_answer_doubles_a_record_without_idempotence() {
    let copies = |idempotent: bool| {
        let simulation = Simulation::new(3).brokers(3).topic("orders", 1).app(move |node| async move {
            let producer = node.client().producer().enable_idempotence(idempotent).build();
            for n in 0..20_u32 {
                producer.send(ProducerRecord::new("orders").value(n.to_string())).await?;
            }
            Ok(())
        });
        let simulation = simulation.nemesis(|system| async move {
            system.cluster().inject(Fault::on(ApiKey::Produce).nth(10).after_applied().close())?.keep();
            Ok(())
        });
        let mut setup = rehearsal::check::Setup { min_insync_replicas: 2, ..Default::default() };
        setup.idempotence = idempotent;
        setup.intent = vec![rehearsal::check::Contract::NoDup, rehearsal::check::Contract::Base];
        run(simulation.setup(setup))
    };
    let doubled = copies(false);
    assert_eq!(doubled.report().codes(), [rehearsal::check::Code::Dup], "{doubled}");
    assert!(!doubled.is_ok());
    copies(true).assert_ok();
}
