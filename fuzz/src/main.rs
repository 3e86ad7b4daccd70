//! Fuzzing on stable Rust: seeds from the fixtures, mutations, and inputs kept when something new becomes of them.
//!
//! ```text
//! fuzz <target>|all [--seconds N] [--seed N]
//! fuzz <target> --replay FILE
//! ```
//! Ends with 1 at the first input that panics, takes a second, or needs more memory than its target allows; the input
//! is then in `artifacts`, and the command that runs it again is printed.

mod memory;
mod mutate;
mod targets;

use mutate::below;
use mutate::mutate;
use rehearsal::base::Seed;
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;
use targets::Outcome;
use targets::TARGETS;
use targets::Target;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Kept inputs; beyond this a new one takes the place of an old one.
const CORPUS_MAX: usize = 20_000;
/// No input of 64 KiB should take longer.
const SLOW: Duration = Duration::from_secs(1);

struct Options {
    target: String,
    time: Duration,
    seed: u64,
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        let names = TARGETS.map(|target| target.name).join("|");
        eprintln!("usage: fuzz {names}|all [--seconds N] [--seed N] [--replay FILE]");
        return ExitCode::from(2);
    };
    let wanted: Vec<&Target> =
        TARGETS.iter().filter(|target| options.target == "all" || options.target == target.name).collect();
    let passed = wanted.iter().all(|target| match &options.replay {
        Some(file) => attempt(target, &fs::read(file).expect("a readable file")).is_some(),
        None => fuzz(target, &options),
    });
    ExitCode::from(u8::from(!passed || wanted.is_empty()))
}

fn options() -> Option<Options> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { target: arguments.next()?, time: Duration::from_secs(30), seed: 1, replay: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.as_str() {
            "--seconds" => options.time = Duration::from_secs(value.parse().ok()?),
            "--seed" => options.seed = value.parse().ok()?,
            "--replay" => options.replay = Some(value.into()),
            _ => return None,
        }
    }
    Some(options)
}

fn fuzz(target: &Target, options: &Options) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut rng = Seed(options.seed).stream(target.name);
    let mut corpus = (target.seeds)(&root, &mut rng);
    let seeds = corpus.len();
    let mut seen = BTreeSet::new();
    let start = Instant::now();
    let (mut runs, mut accepted) = (0u64, 0u64);
    let mut input = Vec::new();
    while start.elapsed() < options.time {
        // The seeds as they are come first.
        let unchanged = usize::try_from(runs).ok().and_then(|at| corpus.get(at)).filter(|_| runs < seeds as u64);
        match unchanged {
            Some(seed) => input.clone_from(seed),
            None => {
                // Young inputs half of the time.
                let young = corpus.len().min(500);
                let at = if rng.below(2) == 0 {
                    corpus.len() - 1 - below(&mut rng, young)
                } else {
                    below(&mut rng, corpus.len())
                };
                let other = below(&mut rng, corpus.len());
                input.clone_from(&corpus[at]);
                mutate(&mut input, &corpus[other], &mut rng);
            }
        }
        let began = Instant::now();
        let Some(outcome) = attempt(target, &input) else {
            keep(target, &input);
            return false;
        };
        if began.elapsed() > SLOW {
            println!("{}: one input took {:?}", target.name, began.elapsed());
            keep(target, &input);
            return false;
        }
        runs += 1;
        accepted += u64::from(outcome.accepted);
        let is_new = seen.insert(outcome.signature) && runs > seeds as u64;
        // What is refused once is mostly refused for the same reason when it is changed further.
        if is_new && (outcome.accepted || rng.below(50) == 0) {
            if corpus.len() < CORPUS_MAX {
                corpus.push(input.clone());
            } else {
                let at = below(&mut rng, corpus.len());
                corpus[at].clone_from(&input);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:16} seed {}: {runs} inputs in {seconds:.0} s ({:.0}/s, {:.0} % well-formed), {seeds} seeds, {} kept, {} outcomes",
        target.name,
        options.seed,
        runs as f64 / seconds,
        accepted as f64 * 100.0 / runs as f64,
        corpus.len() - seeds,
        seen.len(),
    );
    true
}

/// Runs one input; `None` when it panicked, which the panic's own message has reported.
fn attempt(target: &Target, input: &[u8]) -> Option<Outcome> {
    catch_unwind(|| (target.run)(input)).ok()
}

fn keep(target: &Target, input: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    fs::create_dir_all(&folder).expect("a folder for what was found");
    let hash =
        input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    let file = folder.join(format!("{}-{hash:016x}", target.name));
    fs::write(&file, input).expect("a writable folder");
    println!("found by {}: cargo run --release -- {} --replay {}", target.name, target.name, file.display());
}
