//! `rehearsal sim`: run a workload from seed after seed, and say under which a promise was broken.
//!
//! Runs do not know of each other, so several may run at the same time; what is said does not depend on how many.

use super::arguments::Sim;
use super::progress::Progress;
use rehearsal::check::Outcome;
use rehearsal::fault::FaultPlan;
use rehearsal::sim::Run;
use rehearsal::sim::RunFile;
use rehearsal::sim::Shrink;
use rehearsal::sim::ShrinkError;
use rehearsal::sim::Shrunk;
use rehearsal::sim::Workload;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::time::Instant;

/// A promise was broken.
const FAILED: u8 = 1;
/// The arguments or the plan are wrong, as clap has it.
const WRONG: u8 = 2;
/// The histories do not say enough.
const UNDECIDED: u8 = 3;

/// How many failing seeds are named at the end.
const NAMED_MAX: usize = 10;

/// What came of one seed.
#[derive(Debug)]
struct Told {
    seed: u64,
    is_ok: bool,
    is_decided: bool,
    /// The codes that fail the run; nothing where it fails for another reason.
    codes: Vec<&'static str>,
    counters: BTreeMap<&'static str, u64>,
    /// That it could not run at all.
    error: Option<String>,
}

/// Runs all seeds, and ends with the code that says how that went.
pub(super) fn run(sim: &Sim) -> Result<ExitCode, Box<dyn Error>> {
    let file = match prepare(sim) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(WRONG));
        }
    };
    let started = Instant::now();
    let told = search(sim, &file);
    if let Some(error) = told.iter().find_map(|told| told.error.as_ref()) {
        eprintln!("error: {error}");
        return Ok(ExitCode::from(WRONG));
    }
    let failed: Vec<&Told> = told.iter().filter(|told| !told.is_ok).collect();
    let shown = failed.first().map(|told| told.seed).or_else(|| (told.len() == 1).then_some(file.seed));
    let mut out = io::stdout().lock();
    if sim.json {
        for one in &failed {
            writeln!(out, "{}", json!({ "seed": hex(one.seed), "codes": one.codes }))?;
        }
    }
    if let Some(seed) = shown {
        // The same seed is the same run: this is the one that was seen.
        let run = once(sim, &file, seed)?;
        if !sim.json {
            writeln!(out, "{run}\n")?;
        }
        let small = if sim.shrink && !run.is_ok() { Some(shrink(&run)?) } else { None };
        if let Some(small) = small.as_ref().filter(|_| !sim.json) {
            writeln!(out, "{small}")?;
        }
        if let Some(folder) = &sim.report {
            let page = match &small {
                Some(small) => small.write_report(folder)?,
                None => run.write_report(folder)?,
            };
            eprintln!("report: {}", page.display());
        }
    }
    let undecided = told.iter().filter(|told| told.is_ok && !told.is_decided).count();
    if sim.json {
        let counters = counters(&told);
        let end = json!({ "runs": told.len(), "failed": failed.len(), "undecided": undecided, "seen": counters });
        writeln!(out, "{end}")?;
    } else {
        summary(&mut out, &told, &failed, undecided, started.elapsed())?;
    }
    Ok(match (failed.is_empty(), undecided) {
        (false, _) => ExitCode::from(FAILED),
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(UNDECIDED),
    })
}

/// The run that the arguments describe, for its first seed.
fn prepare(sim: &Sim) -> Result<RunFile, Box<dyn Error>> {
    let mut file = match &sim.file {
        Some(path) => RunFile::read(path).map_err(|error| match error.line {
            0 => error.to_string(),
            _ => format!("{}: {error}", path.display()),
        })?,
        None => RunFile::new(sim.seed, Workload::new(sim.workload)),
    };
    // What this run comes to is not known yet.
    (file.expect, file.trace_hash) = (None, None);
    file.witness.clear();
    for setting in &sim.settings {
        set(&mut file, &setting.name, &setting.value)?;
    }
    if let Some(cluster) = &mut file.cluster {
        cluster.brokers = sim.brokers.unwrap_or(cluster.brokers);
        cluster.replication = sim.replication.unwrap_or(cluster.replication);
        cluster.min_isr = sim.min_isr.unwrap_or(cluster.min_isr);
        cluster.unclean |= sim.unclean;
    }
    if !sim.promise.is_empty() {
        file.intent.clone_from(&sim.promise);
    }
    if let Some(path) = &sim.faults {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        file.faults = FaultPlan::from_json(&text).map_err(|error| named(&error))?;
    }
    Ok(file)
}

/// Changes a field of the workload, or of its clients' configuration, by the name it has in a run file.
fn set(file: &mut RunFile, name: &str, value: &str) -> Result<(), String> {
    let value = match serde_json::from_str::<Value>(value) {
        // `acks` is text, also where it looks like a number.
        Ok(value) if name != "acks" && !value.is_object() => value,
        _ => Value::from(value),
    };
    let refuse = |error: serde_json::Error| format!("--set {name}: {error}");
    let mut workload = serde_json::to_value(&file.workload).map_err(refuse)?;
    let is_own = ["partitions", "producers", "consumers", "records", "pause_ms"].contains(&name);
    let into = if is_own { &mut workload } else { &mut workload["config"] };
    into[name] = value;
    file.workload = serde_json::from_value(workload).map_err(refuse)?;
    Ok(())
}

/// One run.
fn once(sim: &Sim, file: &RunFile, seed: u64) -> Result<Run, rehearsal::sim::Error> {
    let file = RunFile { seed, ..file.clone() };
    let simulation = file.simulation();
    if sim.swarm {
        return simulation.swarm(Duration::from_secs(sim.heal_after), file.workload.groups()).run();
    }
    simulation.run()
}

fn told(sim: &Sim, file: &RunFile, seed: u64) -> Told {
    let failed = |error: String| Told {
        seed,
        is_ok: false,
        is_decided: true,
        codes: Vec::new(),
        counters: BTreeMap::new(),
        error: Some(error),
    };
    match catch_unwind(AssertUnwindSafe(|| once(sim, file, seed))) {
        Ok(Ok(run)) => Told {
            seed,
            is_ok: run.is_ok(),
            is_decided: run.report().outcome() != Outcome::Undecided,
            codes: run.expectation().map(|expect| expect.codes).into_iter().flatten().map(|code| code.name()).collect(),
            counters: run.report().counters.clone(),
            error: None,
        },
        Ok(Err(error)) => failed(error.to_string()),
        Err(_) => failed(format!("the run with seed {} panicked; its message stands above", hex(seed))),
    }
}

/// Makes a failing run smaller, and shows how far that is.
fn shrink(run: &Run) -> Result<Shrunk, ShrinkError> {
    let mut progress = Progress::new();
    let shrunk = Shrink::new(run.file())
        .progress(|now| {
            progress.bar(now.runs as u64, now.runs_max as u64, &|| {
                format!("making it smaller: {} faults, {} records, {} runs", now.faults, now.records, now.runs)
            });
        })
        .run(RunFile::run);
    progress.clear();
    shrunk
}

/// Runs seed after seed on several threads; gives back what came of each, in their order.
///
/// Without `--keep-going` it ends with the first seed that fails: those before it have all run, those behind it do not
/// count.
fn search(sim: &Sim, file: &RunFile) -> Vec<Told> {
    let jobs =
        sim.jobs.map(u64::from).unwrap_or_else(|| thread::available_parallelism().map_or(1, |jobs| jobs.get() as u64));
    let (next, last) = (AtomicU64::new(0), AtomicU64::new(sim.seeds));
    let (sender, receiver) = mpsc::channel::<(u64, Told)>();
    let mut all: BTreeMap<u64, Told> = BTreeMap::new();
    let started = Instant::now();
    let mut progress = Progress::new();
    thread::scope(|scope| {
        for _ in 0..jobs.min(sim.seeds) {
            let (sender, next, last) = (sender.clone(), &next, &last);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= last.load(Ordering::Relaxed) {
                        return;
                    }
                    let told = told(sim, file, file.seed.wrapping_add(at));
                    if told.error.is_some() || !told.is_ok && !sim.keep_going {
                        last.fetch_min(at + 1, Ordering::Relaxed);
                    }
                    if sender.send((at, told)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut failed = 0_u64;
        for (at, told) in receiver {
            failed += u64::from(!told.is_ok);
            all.insert(at, told);
            let done = all.len() as u64;
            if sim.seeds > 1 {
                progress.bar(done, sim.seeds, &|| {
                    let rate = done * 1000 / u64::try_from(started.elapsed().as_millis()).unwrap_or(1).max(1);
                    format!("{done} of {} runs, {failed} failed, {rate} a second", sim.seeds)
                });
            }
        }
    });
    progress.clear();
    let last = last.into_inner();
    all.into_iter().filter(|(at, _)| *at < last).map(|(_, told)| told).collect()
}

fn counters(told: &[Told]) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    for (name, count) in told.iter().flat_map(|told| &told.counters) {
        *all.entry(*name).or_default() += count;
    }
    all
}

fn summary(
    out: &mut impl io::Write,
    told: &[Told],
    failed: &[&Told],
    undecided: usize,
    took: Duration,
) -> io::Result<()> {
    let runs = if told.len() == 1 { "run" } else { "runs" };
    let rate = u128::from(told.len() as u64) * 1000 / took.as_millis().max(1);
    writeln!(out, "{} {runs}, {} failed, in {:.1} s ({rate} a second)", told.len(), failed.len(), took.as_secs_f64())?;
    if undecided > 0 {
        writeln!(out, "{undecided} could not be judged in full: never take that for a pass")?;
    }
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for told in failed {
        for code in &told.codes {
            *codes.entry(code).or_default() += 1;
        }
        if told.codes.is_empty() {
            *codes.entry("did not end well").or_default() += 1;
        }
    }
    if !codes.is_empty() {
        let codes: Vec<String> = codes.into_iter().map(|(code, count)| format!("{code} {count}")).collect();
        writeln!(out, "found: {}", codes.join(", "))?;
        let seeds: Vec<String> = failed.iter().take(NAMED_MAX).map(|told| hex(told.seed)).collect();
        let more = if failed.len() > NAMED_MAX { ", ..." } else { "" };
        writeln!(out, "seeds: {}{more}", seeds.join(", "))?;
    }
    if told.len() > 1 {
        let seen: Vec<String> = counters(told).into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(out, "seen: {}", seen.join(", "))?;
    }
    Ok(())
}

fn hex(seed: u64) -> String {
    format!("{seed:#x}")
}
