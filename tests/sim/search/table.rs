//! The hunt for all planted bugs, its table, and the copy of it in the guide.
//!
//! What was found is recorded in `fixtures/search.json` by the command that stands there, and the guide is written from
//! that file: `UPDATE_GUIDE=1 cargo test --test sim the_guide`. Not here: what a run is, and what kills (`search`).

use super::{Kill, Mutant, all, hunt, number};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Instant;

/// Where a hunt begins that is not the first one for its bug.
const APART: u64 = 100_000;
/// What records a hunt.
const COMMAND: &str = "RECORD=1 cargo test --release --test sim all_planted_bugs -- --ignored --nocapture";

/// A whole hunt.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// What it was made by.
    command: String,
    /// How many hunts there were for each bug.
    hunts: u64,
    /// After how many seeds a hunt was given up.
    seeds_max: u64,
    rows: Vec<Row>,
}

/// What became of one bug.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    mutant: String,
    /// How many seeds each hunt took that found it, in order.
    seeds: Vec<u64>,
    /// What convicted it, and in how many hunts.
    codes: BTreeMap<String, u64>,
}

impl Row {
    fn new(mutant: Mutant, kills: &[Option<Kill>]) -> Self {
        let mut row = Self { mutant: mutant.name(), seeds: Vec::new(), codes: BTreeMap::new() };
        for kill in kills.iter().flatten() {
            row.seeds.push(kill.seeds);
            kill.codes.iter().for_each(|code| *row.codes.entry(code.clone()).or_default() += 1);
        }
        row.seeds.sort_unstable();
        row
    }

    /// The median of all hunts, of which those that found nothing took longer than any.
    fn median(&self, hunts: u64) -> Option<u64> {
        self.seeds.get(usize::try_from(hunts).unwrap() / 2).copied()
    }
}

impl Record {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/search.json")
    }

    fn table(&self) -> String {
        let mut table =
            "\n| Planted bug | Hunts that found it | Median of seeds | Found as |\n|---|--:|--:|---|\n".to_owned();
        let (hunts, seeds_max) = (self.hunts, self.seeds_max);
        for row in &self.rows {
            let mut codes: Vec<_> = row.codes.iter().collect();
            codes.sort_by_key(|(code, count)| (u64::MAX - **count, (*code).clone()));
            let codes: Vec<String> = codes.into_iter().map(|(code, _)| format!("`{code}`")).collect();
            let codes = if codes.is_empty() { "nothing".to_owned() } else { codes.join(", ") };
            let median = row.median(hunts).map_or_else(|| format!("> {seeds_max}"), |median| median.to_string());
            writeln!(table, "| {} | {} of {hunts} | {median} | {codes} |", row.mutant, row.seeds.len()).unwrap();
        }
        writeln!(table, "\nMade by `{}`, which gives up after {seeds_max} seeds.\n", self.command).unwrap();
        table
    }
}

/// Hunts in parallel, in whatever order; what comes of each is the same in any.
fn hunt_all(mutants: &[Mutant], hunts: u64, seeds_max: u64) -> Vec<Row> {
    let count = u64::try_from(mutants.len()).unwrap() * hunts;
    let (next, started) = (Mutex::new(0..count), Instant::now());
    let done = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (tell, next, done) = (tell.clone(), &next, &done);
            scope.spawn(move || {
                loop {
                    let Some(job) = next.lock().unwrap().next() else { return };
                    let at = usize::try_from(job / hunts).unwrap();
                    let (mutant, from) = (mutants[at], job % hunts * APART);
                    let kill = hunt(mutant, from, seeds_max);
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    let what = kill.as_ref().map_or_else(
                        || format!("survives {seeds_max} seeds from {from}"),
                        |kill| format!("seed {}: {}", from + kill.seeds - 1, kill.codes.join(", ")),
                    );
                    let secs = started.elapsed().as_secs();
                    eprintln!("{done} of {count}, {secs} s: {}, {what}", mutant.name());
                    tell.send((at, kill)).unwrap();
                }
            });
        }
    });
    drop(tell);
    let mut kills: BTreeMap<usize, Vec<Option<Kill>>> = BTreeMap::new();
    told.into_iter().for_each(|(at, kill)| kills.entry(at).or_default().push(kill));
    kills.into_iter().map(|(at, kills)| Row::new(mutants[at], &kills)).collect()
}

#[test]
#[ignore = "the long form: KILLS, SEEDS and ONLY say how much of it; RECORD=1 records it"]
fn all_planted_bugs_are_found_by_chance() {
    let (hunts, seeds_max) = (number("KILLS", 5), number("SEEDS", 400));
    let only = std::env::var("ONLY").unwrap_or_default();
    let mutants: Vec<Mutant> = all().into_iter().filter(|mutant| mutant.name().contains(&only)).collect();
    let rows = hunt_all(&mutants, hunts, seeds_max);
    let record = Record { command: COMMAND.to_owned(), hunts, seeds_max, rows };
    println!("{}", record.table());
    if std::env::var_os("RECORD").is_some() {
        assert_eq!(mutants, all(), "a part of the hunt is no record");
        std::fs::write(Record::path(), serde_json::to_string_pretty(&record).unwrap() + "\n").unwrap();
    }
    let survivors: Vec<&str> = record.rows.iter().filter(|row| row.seeds.is_empty()).map(|row| &*row.mutant).collect();
    assert!(survivors.is_empty(), "after {seeds_max} seeds, {hunts} times, these survive: {survivors:?}");
}

#[test]
fn the_guide_shows_the_search() {
    let record: Record = serde_json::from_str(&std::fs::read_to_string(Record::path()).unwrap()).unwrap();
    if record.rows.is_empty() {
        // Before the first hunt is recorded there is nothing to show.
        return crate::gallery::show_in_guide("search", "");
    }
    let recorded: BTreeSet<String> = record.rows.iter().map(|row| row.mutant.clone()).collect();
    let planted: BTreeSet<String> = all().into_iter().map(Mutant::name).collect();
    assert_eq!(recorded, planted, "the record is stale; run {COMMAND}");
    crate::gallery::show_in_guide("search", &record.table());
}
