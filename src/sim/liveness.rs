//! Seeing a run through to its end: faults, then healing, then all must be well within a bound.
//!
//! Not here: the rules by which a history is judged (`check`); here it is made sure that they have something to judge.

use super::probe;
use super::system::System;
use crate::base;
use crate::base::BrokerId;
use crate::broker::Engine;
use crate::check::Event;
use crate::check::event::Stopping;
use std::time::Duration;
use tokio::time::Instant;

/// When a run is to be what.
#[derive(Debug)]
pub(super) struct Course {
    /// When everything is healed, if it is.
    pub(super) healed: Option<Instant>,
    /// Within what time all must be well after that.
    pub(super) converge: Duration,
    /// Whether elections may take records: nobody can be given those, and which they are the checker says.
    pub(super) may_lose: bool,
    /// Whether it is tried at the end that everything can be done.
    pub(super) probes: bool,
    /// When the run is over in any case.
    pub(super) deadline: Instant,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Converged {
    /// How long it took after healing until all was well.
    pub(super) within: Option<Duration>,
    /// What was not well when the time was up.
    pub(super) unmet: Vec<String>,
}

/// How long a run that is not healed at any moment may take to come to rest.
const REST: Duration = Duration::from_secs(30);

/// For how long a run has to have been well when it ends.
const MARGIN: Duration = Duration::from_millis(5);

/// How often it is looked whether all is well, at first and at last.
const LOOK_AFTER_MIN: Duration = Duration::from_millis(20);
const LOOK_AFTER_MAX: Duration = Duration::from_secs(2);

/// Waits for the end of the run, and tells the processes when it comes.
pub(super) async fn see_through(system: &System, course: &Course) -> Converged {
    let mut result = Converged::default();
    let mut healed_at = None;
    if let Some(healed) = course.healed {
        tokio::time::sleep_until(healed.min(course.deadline)).await;
        system.heal();
        healed_at = Some(system.ledger().recorder().now());
    }
    let mut bound = course.healed.map_or(course.deadline, |healed| (healed + course.converge).min(course.deadline));
    let mut pause = LOOK_AFTER_MIN;
    loop {
        let is_busy = system.is_busy().await;
        if !is_busy {
            if course.healed.is_none() {
                bound = bound.min(Instant::now() + REST);
            }
            if unmet(system, true, healed_at).is_empty() {
                tokio::time::sleep(MARGIN).await;
                if unmet(system, true, healed_at).is_empty() {
                    // What ends from now on does so because the run does.
                    result.within = course.healed.map(|healed| Instant::now() - healed);
                    break;
                }
            }
        }
        if Instant::now() >= bound {
            break;
        }
        if is_busy {
            tokio::select! {
                biased;
                () = system.stop().news() => {}
                () = tokio::time::sleep_until(bound) => {}
            }
        } else {
            tokio::time::sleep_until(bound.min(Instant::now() + pause)).await;
            pause = (pause * 3 / 2).min(LOOK_AFTER_MAX);
        }
    }
    let is_busy = system.is_busy().await;
    if !is_busy {
        // Whoever is busy goes on with it all the same.
        system.ledger().recorder().mark(|t| Event::Stopping(Stopping { t }));
    }
    if course.healed.is_some() {
        if result.within.is_none() && !is_busy {
            result.unmet = unmet(system, !course.may_lose, healed_at);
        }
        if course.probes && Instant::now() < course.deadline {
            result.unmet.extend(probe::run(system).await.err().map(|why| format!("a probe failed: {why}")));
        }
    }
    system.stop().give();
    while !system.is_over().await && Instant::now() < course.deadline {
        tokio::select! {
            biased;
            () = system.stop().news() => {}
            () = tokio::time::sleep_until(course.deadline) => {}
        }
    }
    result
}

/// What is not well, in words: with the records that somebody is to be given still or without; and of what was begun after
/// all was healed, not all has to be done.
fn unmet(system: &System, records: bool, healed: Option<base::Instant>) -> Vec<String> {
    let mut unmet = system.cluster().look(|engine, _| unmet_in(engine));
    let pending = system.ledger().pending();
    if pending > 0 {
        unmet.push(format!("{pending} sends have no answer"));
    }
    if records {
        unmet.extend(system.ledger().waiting());
    }
    unmet.extend(healed.into_iter().flat_map(|healed| system.ledger().overdue(healed)));
    unmet
}

fn unmet_in(engine: &Engine) -> Vec<String> {
    let groups = engine.unsettled_groups().into_iter();
    let mut unmet: Vec<String> = groups.map(|(group, state)| format!("group {group} is {state}")).collect();
    for (topic, partition, log) in engine.partition_logs() {
        let name = format_args!("{topic}-{partition}");
        if log.leader() == BrokerId::NONE {
            unmet.push(format!("{name} has no leader"));
            continue;
        }
        let missing = log.replicas().iter().map(|replica| replica.broker());
        let missing: Vec<String> = missing
            .filter(|broker| engine.is_running(*broker) && !log.isr().contains(broker))
            .map(|id| id.to_string())
            .collect();
        if !missing.is_empty() {
            unmet.push(format!("broker {} is not in sync with {name}", missing.join(" and ")));
        }
        if log.last_stable_offset() < log.high_watermark() {
            unmet.push(format!("{name} is stable up to offset {} only", log.last_stable_offset()));
        }
        if log.high_watermark() < log.log_end_offset() {
            unmet.push(format!("{name} is replicated up to offset {} only", log.high_watermark()));
        }
    }
    unmet
}
