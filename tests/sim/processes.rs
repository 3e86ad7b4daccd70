//! What can happen to the processes of an application, by plan.

use rehearsal::base::{Command, ProcessAction};
use rehearsal::client::{OffsetReset, ProducerRecord, StartFrom};
use rehearsal::fault::{FaultPlan, PlannedCommand, Target};
use rehearsal::sim::{Ending, Run, Simulation};
use rehearsal::{ApiKey, Cluster, Fault};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn plan(action: ProcessAction, at_ms: u64, for_ms: u64) -> FaultPlan {
    let command: Command<Target> = Command::Process { process: 0, action };
    FaultPlan::new().command(PlannedCommand::new(command).named("it").at_ms(at_ms).for_ms(for_ms)).heal_at_ms(20_000)
}

/// What process 0 does, with when: it begins, then takes note of the time each second, five times.
fn ticks(faults: FaultPlan) -> (Vec<String>, Run) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let of_app = Rc::clone(&told);
    let simulation = Simulation::new(1).topic("orders", 1).app(move |node| {
        let told = Rc::clone(&of_app);
        async move {
            let started = tokio::time::Instant::now();
            told.borrow_mut().push(format!("{} begins", node.name()));
            for n in 1..=5 {
                tokio::select! {
                    biased;
                    () = node.asked_to_stop() => {
                        told.borrow_mut().push(format!("{} is asked to end", node.name()));
                        return Ok(());
                    }
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
                told.borrow_mut().push(format!("{n} after {} ms", started.elapsed().as_millis()));
            }
            Ok(())
        }
    });
    let run = simulation.faults(faults).run().unwrap();
    let told = told.borrow().clone();
    (told, run)
}

#[test]
fn a_plan_reaches_processes() {
    let check = |action, expected: &[&str]| {
        let (told, run) = ticks(plan(action, 2_500, 3_000));
        assert_eq!(told, expected, "{action}");
        assert_eq!(run.endings(), [Ending::Finished], "{action}: {run}");
    };
    let five = ["1 after 1000 ms", "2 after 2000 ms", "3 after 3000 ms", "4 after 4000 ms", "5 after 5000 ms"];
    let begun_again = |first: &str, then: &[&str]| -> Vec<String> {
        let told = ["app-0 begins", five[0], five[1]].into_iter().chain(then.iter().copied());
        told.chain([first]).chain(five).map(str::to_owned).collect()
    };
    let check_again = |action, first: &str, then: &[&str]| {
        let expected = begun_again(first, then);
        check(action, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check_again(ProcessAction::Crash, "app-0.1 begins", &[]);
    check_again(ProcessAction::Cancel, "app-0 begins", &[]);
    check_again(ProcessAction::Stop, "app-0.1 begins", &["app-0 is asked to end"]);
    check(
        ProcessAction::Pause,
        &["app-0 begins", five[0], five[1], "3 after 5500 ms", "4 after 6500 ms", "5 after 7500 ms"],
    );
    let (told, _) = ticks(plan(ProcessAction::Slow { ms: 100 }, 0, 1));
    assert_eq!(told.len(), 6, "who is handed nothing is not slow: {told:?}");
}

#[test]
fn a_process_that_stands_still_gets_and_sends_nothing_until_it_goes_on() {
    let received = Rc::new(RefCell::new(Vec::new()));
    let of_app = Rc::clone(&received);
    let simulation = Simulation::new(2).topic("orders", 1).processes(2).app(move |node| {
        let received = Rc::clone(&of_app);
        async move {
            if node.index() == 1 {
                let producer = node.client().producer().build();
                for n in 0..10_u32 {
                    producer.send(ProducerRecord::new("orders").value(n.to_string())).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                return Ok(());
            }
            let mut consumer = node.client().consumer().auto_offset_reset(OffsetReset::Earliest).build();
            consumer.assign_topic("orders", StartFrom::Earliest).await?;
            let started = tokio::time::Instant::now();
            loop {
                tokio::select! {
                    biased;
                    () = node.stopped() => return Ok(()),
                    record = consumer.recv() => {
                        record?;
                        received.borrow_mut().push(started.elapsed().as_secs());
                    }
                }
            }
        }
    });
    simulation.faults(plan(ProcessAction::Pause, 2_500, 4_000)).run().unwrap().assert_ok();
    assert_eq!(*received.borrow(), [0, 1, 2, 6, 6, 6, 6, 7, 8, 9]);
}

#[test]
fn a_slow_process_takes_its_time_for_each_record() {
    let received = Rc::new(RefCell::new(Vec::new()));
    let of_app = Rc::clone(&received);
    let simulation = Simulation::new(2).topic("orders", 1).app(move |node| {
        let received = Rc::clone(&of_app);
        async move {
            let producer = node.client().producer().build();
            for n in 0..4_u32 {
                producer.send(ProducerRecord::new("orders").value(n.to_string())).await?;
            }
            let mut consumer = node.client().consumer().build();
            consumer.assign_topic("orders", StartFrom::Earliest).await?;
            let started = tokio::time::Instant::now();
            for _ in 0..4 {
                consumer.recv().await?;
                received.borrow_mut().push(started.elapsed().as_millis());
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    simulation.faults(plan(ProcessAction::Slow { ms: 300 }, 0, 10_000)).run().unwrap().assert_ok();
    assert_eq!(*received.borrow(), [0, 300, 600, 900]);
}

#[test]
fn a_close_with_requests_in_flight_tells_the_truth_about_each_record() {
    let simulation = |action| {
        let slow = Fault::on(ApiKey::Produce).after_applied().always().delay(rehearsal::fault::Delay::FixedMs(700));
        let faults = plan(action, 1_000, 500).fault(slow);
        let simulation = Simulation::new(3).topic("orders", 1).app(|node| async move {
            if node.incarnation() > 0 {
                return Ok(());
            }
            let producer = node.client().producer().build();
            for n in 0..50_u32 {
                drop(producer.enqueue(ProducerRecord::new("orders").value(n.to_string())).await?);
                tokio::select! {
                    biased;
                    () = node.asked_to_stop() => break,
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                }
            }
            producer.close().await;
            Ok(())
        });
        simulation.faults(faults).run().unwrap()
    };
    let stopped = simulation(ProcessAction::Stop);
    stopped.assert_ok();
    assert!((20..=22).contains(&stopped.counters()["acknowledged"]), "{stopped}");
    let crashed = simulation(ProcessAction::Crash);
    crashed.assert_ok();
    assert!(crashed.counters()["acknowledged"] < 20, "{crashed}");
}

#[test]
fn a_cluster_without_a_simulation_refuses_what_is_for_processes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::in_memory().start().await.unwrap();
        let refused = cluster.inject_plan(&plan(ProcessAction::Crash, 1, 1)).unwrap_err();
        let expected = "only a simulation has processes to which something can happen; this cluster has clients";
        assert!(refused.to_string().contains(expected), "{refused}");
        let crash = Command::Process { process: 0, action: ProcessAction::Crash };
        assert!(cluster.apply(&crash).unwrap_err().to_string().contains(expected));
    });
}
