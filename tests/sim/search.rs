//! Random search: every planted bug is found without a script, by drawing workloads, settings and faults from a seed.
//!
//! One seed is one run. A run kills a bug when the checker finds something in it, or when it does not become well again,
//! and nothing of the kind happens in the same run without the bug. How many seeds that takes says how sharp the checker
//! and the workloads are. The short form looks for a few bugs; the long form (`table`) for all, several times over.
//!
//! Not here: the scenarios that are made for one bug (`gallery`).

mod members;
mod mill;
mod table;

use rehearsal::base::{BrokerMutant, Rng, Seed};
use rehearsal::check::Verdict;
use rehearsal::client::ClientMutant;
use rehearsal::sim::{Run, RunFile, Simulation, Swarm, WorkloadKind};
use std::time::Duration;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mutant {
    Broker(BrokerMutant),
    Client(ClientMutant),
    /// The broker's, with clients that take the next epoch as Java's does.
    Both(BrokerMutant, ClientMutant),
}

impl Mutant {
    fn name(self) -> String {
        match self {
            Self::Broker(mutant) => format!("broker: {mutant:?}"),
            Self::Client(mutant) => format!("client: {mutant:?}"),
            Self::Both(mutant, client) => format!("broker: {mutant:?}, client: {client:?}"),
        }
    }

    /// The same without what is to be found.
    fn without(self) -> Option<Self> {
        match self {
            Self::Both(_, client) => Some(Self::Client(client)),
            _ => None,
        }
    }

    fn plant(self, simulation: Simulation) -> Simulation {
        match self {
            Self::Broker(mutant) => simulation.cluster(|cluster| cluster.mutant(mutant)),
            Self::Client(mutant) => simulation.client(move |client, _| client.mutant(mutant)),
            Self::Both(broker, client) => Self::Client(client).plant(Self::Broker(broker).plant(simulation)),
        }
    }
}

/// The system that a seed stands for.
fn system(seed: u64) -> Simulation {
    let mut rng = Seed(seed).stream("search");
    if rng.below(2) == 0 { mill::system(seed, &mut rng) } else { workload(seed, &mut rng).simulation() }
}

/// One of the workloads that come with the crate, with random faults and settings.
fn workload(seed: u64, rng: &mut Rng) -> RunFile {
    let kinds = WorkloadKind::ALL;
    let kind = kinds[usize::try_from(rng.below(kinds.len() as u64)).unwrap()];
    Swarm::default().heal_after(Duration::from_secs(10)).file_of(seed, kind)
}

/// What is wrong in a run: the codes, or that it was not well in the end.
fn wrong(run: &Run) -> Vec<String> {
    let findings = run.report().findings.iter().filter(|found| found.verdict != Verdict::Expected);
    let mut wrong: Vec<String> = findings.map(|found| found.code.to_string()).collect();
    if wrong.is_empty() && !run.is_ok() {
        wrong.push("not well".to_owned());
    }
    wrong
}

fn run(seed: u64, mutant: Option<Mutant>) -> Run {
    let simulation = system(seed);
    let simulation = match mutant {
        Some(mutant) => mutant.plant(simulation),
        None => simulation,
    };
    simulation.run().unwrap_or_else(|error| panic!("seed {seed}, {mutant:?}: {error}"))
}

/// How a bug was found.
struct Kill {
    seeds: u64,
    codes: Vec<String>,
}

/// Tries seeds from `from` on until one finds the bug.
fn hunt(mutant: Mutant, from: u64, seeds_max: u64) -> Option<Kill> {
    for seed in from..from + seeds_max {
        let codes = wrong(&run(seed, Some(mutant)));
        // What is wrong anyway proves nothing.
        if !codes.is_empty() && wrong(&run(seed, mutant.without())).is_empty() {
            return Some(Kill { seeds: seed - from + 1, codes });
        }
    }
    None
}

/// Bugs that no client of ours can show, or that need what clients here do not do.
const SPARED: &[(Mutant, &str)] = &[];

fn all() -> Vec<Mutant> {
    let brokers = BrokerMutant::ALL.iter().map(|mutant| match mutant {
        BrokerMutant::RefusesDuplicates => Mutant::Both(*mutant, ClientMutant::BumpUnresolved),
        _ => Mutant::Broker(*mutant),
    });
    let clients = ClientMutant::ALL.iter().map(|mutant| Mutant::Client(*mutant));
    brokers.chain(clients).filter(|mutant| SPARED.iter().all(|(spared, _)| spared != mutant)).collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_few_planted_bugs_are_found_by_chance() {
    for mutant in [BrokerMutant::AnswersOffsetZero, BrokerMutant::ReadsHighWatermarkTwice] {
        let kill = hunt(Mutant::Broker(mutant), 0, 20);
        assert!(kill.is_some(), "{mutant:?} survives 20 seeds");
    }
}

#[test]
#[ignore = "the long form: SEEDS=1000 cargo test --release --test sim nothing_is_found -- --ignored"]
fn nothing_is_found_where_nothing_is_planted() {
    let mut found = Vec::new();
    let first = number("FIRST_SEED", 0);
    for seed in first..first + number("SEEDS", 20) {
        let run = run(seed, None);
        if std::env::var_os("DUMP").is_some() {
            run.history().write_json_lines(std::io::stdout()).unwrap();
        }
        if !wrong(&run).is_empty() {
            println!("{run}");
            found.push(seed);
        }
    }
    assert!(found.is_empty(), "seeds {found:?}");
}
