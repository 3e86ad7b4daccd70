//! What is tried on a run to make it smaller, and in which order.
//!
//! Not here: trying it, and what counts as the same failure.

use super::trace::Seen;
use crate::base::reduce::Number;
use crate::base::reduce::Parts;
use crate::base::reduce::Proposal;
use crate::base::reduce::Reduction;
use crate::base::reduce::Rewrites;
use crate::fault::FaultPlan;
use crate::fault::PlanTrace;
use crate::sim::ClusterFile;
use crate::sim::RunFile;
use crate::sim::Workload;
use crate::sim::WorkloadConfig;
use crate::sim::WorkloadKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::Range;

/// All passes: first what makes runs much smaller and so faster, last what only makes them nicer to read.
///
/// Faults by chance are tied to the requests that they hit, one by one, unless that was found to lead to more faults.
pub(super) fn all(is_tying: bool) -> Reduction<RunFile, Seen> {
    let mut passes = Reduction::new()
        .pass(Rewrites::new(cut))
        .pass(Rewrites::new(without_idle))
        .pass(plan_of(|plan, _| plan.healed_sooner()))
        .pass(faults())
        .pass(plan_of(|plan, _| plan.alone()))
        .pass(Rewrites::new(fewer));
    if is_tying {
        passes = passes.pass(plan_of(FaultPlan::tied)).pass(faults());
    }
    passes
        .pass(plan_of(FaultPlan::aimed))
        .pass(faults())
        .pass(Number::new("consumers", 0, of_workload(|workload| workload.consumers), |file, n| {
            change(file, |workload| workload.consumers = small(n))
        }))
        .pass(plan_of(|plan, _| plan.earlier()))
        .pass(records().in_pieces(8))
        .pass(Rewrites::new(without_a_producer))
        .pass(Rewrites::new(shorter))
        .pass(brokers())
        .pass(partitions())
        .pass(plan_of(|plan, _| plan.weaker()))
        .pass(plan_of(|plan, _| plan.plainer()))
        .pass(records())
        .pass(Rewrites::new(usual))
        .pass(Rewrites::new(faster))
}

fn plan_of(list: impl Fn(&FaultPlan, &PlanTrace) -> Vec<Proposal<FaultPlan>> + 'static) -> Rewrites<RunFile, Seen> {
    Rewrites::new(move |file: &RunFile, seen: &Seen| {
        let of_run = |plan: Proposal<FaultPlan>| Proposal { what: plan.what, value: with_plan(file, plan.value) };
        list(&file.faults, &seen.trace).into_iter().map(of_run).collect()
    })
}

fn records() -> Parts<RunFile> {
    Parts::new("records", |file: &RunFile| ops(file).len(), without_ops)
}

fn brokers() -> Number<RunFile> {
    let brokers = |file: &RunFile| cluster(file).map(|cluster| cluster.brokers.into());
    Number::new("brokers", 1, brokers, |file, n| {
        change_cluster(file, |cluster| cluster.brokers = u16::try_from(n).unwrap_or(u16::MAX))
    })
}

fn partitions() -> Number<RunFile> {
    let partitions = |file: &RunFile| is_data(file).then(|| u64::try_from(file.workload.partitions).unwrap_or(1));
    Number::new("partitions", 1, partitions, |file, n| {
        change(file, |workload| workload.partitions = i32::try_from(n).unwrap_or(i32::MAX))
    })
}

fn faults() -> Parts<RunFile> {
    let without = |file: &RunFile, range: Range<usize>| with_plan(file, file.faults.without_parts(range));
    Parts::new("faults", |file: &RunFile| file.faults.len(), without)
}

fn with_plan(file: &RunFile, faults: FaultPlan) -> RunFile {
    RunFile { faults, ..file.clone() }
}

/// Whether the workload is one that comes with this crate: of others nothing is known but the name.
fn is_data(file: &RunFile) -> bool {
    file.workload.kind != WorkloadKind::App
}

fn cluster(file: &RunFile) -> Option<&ClusterFile> {
    file.cluster.as_ref().filter(|_| is_data(file))
}

fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn of_workload(number: impl Fn(&Workload) -> u32 + 'static) -> impl Fn(&RunFile) -> Option<u64> + 'static {
    move |file| is_data(file).then(|| number(&file.workload).into())
}

fn change(file: &RunFile, change: impl FnOnce(&mut Workload)) -> RunFile {
    let mut file = file.clone();
    change(&mut file.workload);
    file
}

fn change_cluster(file: &RunFile, change: impl FnOnce(&mut ClusterFile)) -> RunFile {
    let mut file = file.clone();
    if let Some(cluster) = &mut file.cluster {
        change(cluster);
    }
    file
}

/// The numbers of the records that are sent.
pub(super) fn ops(file: &RunFile) -> Vec<u32> {
    let Workload { producers, records, .. } = file.workload;
    let all = if is_data(file) { producers.saturating_mul(records) } else { 0 };
    match &file.workload.only {
        Some(only) => only.iter().copied().filter(|op| *op < all).collect(),
        None => (0..all).collect(),
    }
}

fn without_ops(file: &RunFile, range: Range<usize>) -> RunFile {
    let mut ops = ops(file);
    drop(ops.drain(range));
    change(file, |workload| workload.only = Some(ops))
}

/// Nothing begins after the first violation.
fn cut(file: &RunFile, seen: &Seen) -> Vec<Proposal<RunFile>> {
    let Some(violated) = seen.violated else { return Vec::new() };
    let mut list = Vec::new();
    let until = file.faults.until(violated);
    let what = format!("nothing breaks after {violated:?}");
    if until.len() < file.faults.len() {
        list.push(Proposal { what, value: with_plan(file, until) });
    }
    let pause = u128::from(file.workload.pause_ms);
    if is_data(file) && pause > 0 {
        let last =
            small(u64::try_from(violated.since_start().as_millis() / pause).unwrap_or(u64::MAX)).saturating_add(1);
        if last < file.workload.records {
            list.push(Proposal {
                what: format!("nothing is sent after {violated:?}"),
                value: with_records(file, last),
            });
        }
    }
    list
}

/// Each producer sends half as much.
fn fewer(file: &RunFile, _: &Seen) -> Vec<Proposal<RunFile>> {
    let records = file.workload.records / 2;
    let what = format!("{records} records of each producer");
    if is_data(file) && records > 0 { vec![Proposal { what, value: with_records(file, records) }] } else { Vec::new() }
}

fn without_idle(file: &RunFile, seen: &Seen) -> Vec<Proposal<RunFile>> {
    let plan = file.faults.without_idle(&seen.trace.reports);
    let idle = file.faults.len() - plan.len();
    let what = format!("without the {idle} faults that never fired");
    if idle == 0 { Vec::new() } else { vec![Proposal { what, value: with_plan(file, plan) }] }
}

/// Each producer sends no more than so many: a record's number depends on it.
fn with_records(file: &RunFile, records: u32) -> RunFile {
    let before = file.workload.records.max(1);
    let ops = ops(file).into_iter().filter(|op| op % before < records);
    let ops: Vec<u32> = ops.map(|op| op / before * records + op % before).collect();
    let is_all = u64::try_from(ops.len()).ok() == Some(u64::from(file.workload.producers) * u64::from(records));
    change(file, |workload| (workload.records, workload.only) = (records, (!is_all).then_some(ops)))
}

/// A producer that sends nothing is not there; those behind it move up.
fn without_a_producer(file: &RunFile, _: &Seen) -> Vec<Proposal<RunFile>> {
    let (ops, producers, records) = (ops(file), file.workload.producers, file.workload.records.max(1));
    if !is_data(file) {
        return Vec::new();
    }
    let without = |gone: u32| {
        let moved = |op: &u32| if op / records > gone { op - records } else { *op };
        let moved = ops.iter().map(moved).collect();
        let value = change(file, |workload| (workload.producers, workload.only) = (producers - 1, Some(moved)));
        let moved_client = |client: &str| {
            let number = client.strip_prefix("app-").and_then(|number| number.parse::<u32>().ok());
            number
                .filter(|number| *number > gone)
                .map_or_else(|| client.to_owned(), |number| format!("app-{}", number - 1))
        };
        let moved_process = |process: u32| (process != gone).then(|| process - u32::from(process > gone));
        let faults = value.faults.with_clients(moved_client).with_processes(moved_process);
        let value = RunFile { faults, ..value };
        Proposal { what: format!("without producer {gone}"), value }
    };
    let idle = (0..producers).filter(|producer| ops.iter().all(|op| op / records != *producer));
    idle.map(without).collect()
}

/// The records that are sent follow each other without gaps, and nothing comes after them.
fn shorter(file: &RunFile, _: &Seen) -> Vec<Proposal<RunFile>> {
    let (ops, producers, records) = (ops(file), file.workload.producers, file.workload.records);
    if !is_data(file) || records == 0 {
        return Vec::new();
    }
    let mut list = Vec::new();
    let last = ops.iter().map(|op| op % records + 1).max().unwrap_or(0);
    let by_producer = |producer: u32| ops.iter().filter(|op| **op / records == producer).count();
    let most = (0..producers).map(by_producer).max().and_then(|most| u32::try_from(most).ok()).unwrap_or(0);
    if file.workload.only.is_some() {
        let value = change(file, |workload| (workload.records, workload.only) = (most, None));
        list.push(Proposal { what: format!("{most} records, one after the other"), value });
    }
    if last < records {
        list.push(Proposal { what: format!("{last} records at most"), value: with_records(file, last) });
    }
    list
}

/// One setting is as it should be, or as it is if nobody says anything.
fn usual(file: &RunFile, _: &Seen) -> Vec<Proposal<RunFile>> {
    let mut list = Vec::new();
    if !is_data(file) {
        return list;
    }
    for (name, config) in with_usual(&file.workload.config, &WorkloadConfig::default()) {
        let value = change(file, |workload| workload.config = config);
        list.push(Proposal { what: format!("{name} as it should be"), value });
    }
    let size = |cluster: &ClusterFile| ClusterFile { brokers: cluster.brokers, ..ClusterFile::default() };
    for (name, usual) in cluster(file).into_iter().flat_map(|cluster| with_usual(cluster, &size(cluster))) {
        let value = change_cluster(file, |cluster| *cluster = usual);
        list.push(Proposal { what: format!("{name} as it should be"), value });
    }
    list
}

/// The settings with one field at a time that is not as usual made so.
fn with_usual<T: Serialize + DeserializeOwned>(settings: &T, usual: &T) -> Vec<(String, T)> {
    let (Ok(Value::Object(now)), Ok(Value::Object(usual))) =
        (serde_json::to_value(settings), serde_json::to_value(usual))
    else {
        return Vec::new();
    };
    let unusual = now.iter().filter(|(name, value)| usual.get(*name) != Some(value));
    let one = |name: &String| {
        let mut fields = now.clone();
        match usual.get(name) {
            Some(value) => fields.insert(name.clone(), value.clone()),
            None => fields.remove(name),
        };
        Some((name.clone(), serde_json::from_value(Value::Object(fields)).ok()?))
    };
    unusual.filter_map(|(name, _)| one(name)).collect()
}

/// Records follow each other faster, or at rounder intervals.
fn faster(file: &RunFile, _: &Seen) -> Vec<Proposal<RunFile>> {
    let pause = file.workload.pause_ms;
    let rounder = [0, pause - pause % 1000, pause - pause % 100, pause - pause % 10].into_iter();
    let rounder = rounder.filter(|rounder| is_data(file) && *rounder < pause);
    let faster = |rounder| Proposal {
        what: format!("{rounder} ms between records, not {pause}"),
        value: change(file, |workload| workload.pause_ms = rounder),
    };
    rounder.map(faster).collect()
}
