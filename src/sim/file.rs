//! A run as data: what is simulated, from which seed, what breaks, and what came of it; in JSON, to be kept and replayed.
//!
//! Not here: running it (`simulation`), and making it smaller.

use super::error::Error;
use super::run::Run;
use super::simulation::Simulation;
use super::workload::Workload;
use crate::check::Code;
use crate::check::Contract;
use crate::check::Setup;
use crate::check::Verdict;
use crate::config::NewTopic;
use crate::fault::FaultPlan;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The form of the files that this version writes.
const FORM: u32 = 1;

/// Everything from which a run follows, and what is expected of it.
///
/// It is total: any part of its plan may be taken away, any number made smaller, and it is a run still.
/// ```
/// use rehearsal::sim::RunFile;
///
/// let file = RunFile::from_json(r#"{
///   "v": 1,
///   "crate": "0.1.0",
///   "seed": "0x5eed",
///   "cluster": {"brokers": 3, "replication": 3, "min_isr": 2},
///   "workload": {"kind": "plain", "producers": 1, "consumers": 1, "records": 20,
///                "config": {"idempotence": false}},
///   "faults": {
///     "heal_at_ms": 5000,
///     "faults": [{"name": "lost", "on": {"api": "Produce"}, "nth": 10, "stage": "answer", "action": "close"}]
///   },
///   "intent": ["NODUP", "BASE"],
///   "expect": {"codes": ["DUP"], "verdict": "GAP"}
/// }"#).unwrap();
/// let run = file.run().unwrap();
/// assert_eq!(file.mismatches(&run), Vec::<String>::new());
/// assert_eq!(run.file().expect, file.expect);
///
/// let typo = RunFile::from_json("{\n \"v\": 1,\n \"sede\": 7\n}").unwrap_err();
/// assert!(typo.to_string().starts_with("line 3: unknown field `sede`"), "{typo}");
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// The form of the file: 1.
    pub v: u32,
    /// The version of this crate that wrote it: another one may run differently.
    #[serde(rename = "crate")]
    pub version: String,
    /// The seed, in JSON as text in hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub seed: u64,
    /// The cluster; none where the application brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterFile>,
    /// What the processes do.
    pub workload: Workload,
    /// What is broken, and when all of it is healed.
    #[serde(default)]
    pub faults: FaultPlan,
    /// How long after that all must be well again; what the configuration needs unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_ms: Option<u64>,
    /// What must hold.
    pub intent: Vec<Contract>,
    /// What is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// The number that all runs of this file share, in hexadecimal digits: [`Run::trace_hash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_hash: Option<String>,
    /// The worst that was found, step by step, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<String>,
}

/// The cluster of a run, and how its topics are set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterFile {
    /// How many brokers there are.
    pub brokers: u16,
    /// How many replicas each partition has; of fewer brokers, one on each.
    pub replication: u16,
    /// `min.insync.replicas` of the topics.
    pub min_isr: u16,
    /// The level of `transaction.version`: 0, 1 or 2.
    pub txn_version: i16,
    /// `unclean.leader.election.enable` of the topics.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unclean: bool,
    /// Anything else about the brokers, by Kafka's names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

impl Default for ClusterFile {
    fn default() -> Self {
        Self { brokers: 3, replication: 3, min_isr: 2, txn_version: 2, unclean: false, config: BTreeMap::new() }
    }
}

impl ClusterFile {
    /// A topic of this cluster.
    pub(super) fn topic(&self, name: &str, partitions: i32) -> NewTopic {
        let replicas = self.replication.min(self.brokers).max(1);
        let topic = NewTopic::new(name).partitions(partitions.max(1));
        topic
            .replication_factor(i16::try_from(replicas).unwrap_or(i16::MAX))
            .config("min.insync.replicas", self.min_isr.clamp(1, replicas).to_string())
            .config("unclean.leader.election.enable", self.unclean.to_string())
    }
}

/// What a run is expected to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What is found with this verdict, the worst first.
    pub codes: Vec<Code>,
    /// What it means.
    pub verdict: Verdict,
}

/// Why a text is not a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

impl std::error::Error for FileError {}

impl RunFile {
    /// A run of a workload without faults, on three brokers.
    pub fn new(seed: u64, workload: Workload) -> Self {
        let intent = workload.intent();
        Self {
            v: FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            cluster: Some(ClusterFile::default()),
            workload,
            faults: FaultPlan::new(),
            live_ms: None,
            intent,
            expect: None,
            trace_hash: None,
            witness: Vec::new(),
        }
    }

    /// Reads a run.
    ///
    /// # Errors
    /// [`FileError`], with the line.
    pub fn from_json(text: &str) -> Result<Self, FileError> {
        let file: Self = serde_json::from_str(text).map_err(|error| {
            let (line, message) = (error.line(), error.to_string());
            // The position is said in front.
            let end = message.rfind(" at line ").unwrap_or(message.len());
            FileError { line, message: message[..end].to_owned() }
        })?;
        if file.v != FORM {
            let at = text.find("\"v\"").unwrap_or(0);
            let message = format!("form {} of a run is not known here, only {FORM}", file.v);
            return Err(FileError { line: text[..at].matches('\n').count() + 1, message });
        }
        file.faults.check_names(text).map_err(|error| match error {
            crate::fault::FaultError::Plan { line, message } => FileError { line, message },
            other => FileError { line: 0, message: other.to_string() },
        })?;
        Ok(file)
    }

    /// Reads a run from a file.
    ///
    /// # Errors
    /// [`FileError`], with the line; without one when there is no such file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| FileError { line: 0, message: format!("{}: {error}", path.display()) })?;
        Self::from_json(&text)
    }

    /// Writes the run, for [`RunFile::from_json`].
    ///
    /// # Errors
    /// [`FileError`] without a line, when a closure is in its plan: what matches by code cannot be written.
    pub fn to_json(&self) -> Result<String, FileError> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| FileError { line: 0, message: error.to_string() })
    }

    /// How clients and topics are configured, for the checker.
    pub fn setup(&self) -> Setup {
        let mut setup = self.workload.setup(&self.cluster.clone().unwrap_or_default());
        setup.intent.clone_from(&self.intent);
        if let Some(ms) = self.live_ms {
            setup.converge_ms = ms;
        }
        setup
    }

    /// The simulation that it describes, ready to run. Of an application it describes everything but the application
    /// itself: see [`RunFile::apply`].
    pub fn simulation(&self) -> Simulation {
        let cluster = self.cluster.clone().unwrap_or_default();
        let simulation = Simulation::new(self.seed)
            .cluster(|builder| {
                let builder = builder.brokers(cluster.brokers.max(1)).transaction_version(cluster.txn_version);
                let broker_config = self.workload.broker_config().into_iter().chain(cluster.config.clone());
                broker_config.fold(builder, |builder, (name, value)| builder.broker_config(name, value))
            })
            .setup(self.setup());
        let topics = self.workload.topics(&cluster);
        let simulation = topics.into_iter().fold(simulation, Simulation::new_topic);
        self.apply(simulation.workload(self.clone()))
    }

    /// Gives a simulation the seed of this run, its plan, what must hold, and when all must be well.
    ///
    /// This is how a run of an application of one's own is replayed:
    /// ```
    /// use rehearsal::sim::{RunFile, Simulation, Workload};
    ///
    /// let file = RunFile { cluster: None, ..RunFile::new(7, Workload::app("billing")) };
    /// let simulation = Simulation::new(0).brokers(3).topic("orders", 1).app(|node| async move {
    ///     node.client().producer().build();
    ///     Ok(())
    /// });
    /// let run = file.apply(simulation).run().unwrap();
    /// assert_eq!(run.file().seed, 7);
    /// ```
    pub fn apply(&self, simulation: Simulation) -> Simulation {
        let simulation = simulation.seed(self.seed).promise(self.intent.clone()).faults(self.faults.clone());
        let simulation = match &self.workload.name {
            Some(name) => simulation.name(name.clone()),
            None => simulation,
        };
        match self.live_ms {
            Some(ms) => simulation.converge_within(Duration::from_millis(ms)),
            None => simulation,
        }
    }

    /// Runs it. As [`Simulation::run`].
    ///
    /// # Errors
    /// As [`Simulation::run`]; an application's own code is not in a file.
    pub fn run(&self) -> Result<Run, Error> {
        self.simulation().run()
    }

    /// In what a run differs from what this file expects of it, in words; empty when in nothing.
    ///
    /// The trace is compared only with one of the same version of this crate.
    pub fn mismatches(&self, run: &Run) -> Vec<String> {
        let mut wrong = Vec::new();
        let seen = run.expectation();
        if self.expect.is_some() && self.expect != seen {
            wrong.push(format!("expected {}, and there was {}", told(self.expect.as_ref()), told(seen.as_ref())));
        }
        let hash = run.trace_hash_text();
        if self.version == env!("CARGO_PKG_VERSION") {
            if let Some(expected) = self.trace_hash.as_ref().filter(|expected| **expected != hash) {
                wrong.push(format!("the trace is another one: expected hash {expected}, and it is {hash}"));
            }
        }
        wrong
    }
}

fn told(expect: Option<&Expect>) -> String {
    expect.map_or_else(|| "nothing wrong".to_owned(), ToString::to_string)
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<&str> = self.codes.iter().map(|code| code.name()).collect();
        write!(f, "{} {}", self.verdict, codes.join(" "))
    }
}

/// In one line, as a search prints it before the run.
impl fmt::Display for RunFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {:#x}: {}", self.seed, self.workload)?;
        if let Some(cluster) = &self.cluster {
            let ClusterFile { brokers, replication, min_isr, txn_version, .. } = cluster;
            write!(f, "; {brokers} brokers, {replication} replicas, min.insync.replicas {min_isr}")?;
            write!(f, ", transaction.version {txn_version}")?;
        }
        match (self.faults.len(), self.faults.heal_at_ms) {
            (0, _) => f.write_str("; nothing breaks"),
            (count, Some(ms)) => write!(f, "; {count} faults, healed at {ms} ms"),
            (count, None) => write!(f, "; {count} faults, never healed"),
        }
    }
}

/// A seed as people write it.
mod hexadecimal {
    use super::*;

    pub(super) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{seed:#x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a seed, for example \"0x5eed\" or 7")
            }

            fn visit_u64<E: de::Error>(self, seed: u64) -> Result<u64, E> {
                Ok(seed)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
                let seed = match text.strip_prefix("0x") {
                    Some(digits) => u64::from_str_radix(digits, 16),
                    None => text.parse(),
                };
                seed.map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Kind;
    use super::*;

    #[test]
    fn a_run_is_written_and_read() {
        for kind in Kind::ALL {
            let mut file = RunFile::new(7, Workload::new(*kind));
            file.expect = Some(Expect { codes: vec![Code::Lost], verdict: Verdict::Gap });
            let text = file.to_json().unwrap();
            let again = RunFile::from_json(&text).unwrap();
            assert_eq!(again.to_json().unwrap(), text);
            assert_eq!(again.setup(), file.setup());
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let text = RunFile::new(7, Workload::new(Kind::Plain)).to_json().unwrap();
        let check = |from: &str, to: &str, expected: &str| {
            assert!(text.contains(from), "{text}");
            let error = RunFile::from_json(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        };
        check("\"v\": 1", "\"v\": 2", "line 2: form 2 of a run is not known here, only 1");
        check("\"0x7\"", "\"0xy\"", "line 4: invalid value: string \"0xy\", expected a seed");
        check("\"plain\"", "\"plane\"", "line 12: unknown variant `plane`, expected");
        check("\"intent\"", "\"intents\"", "line ");
        check("\"BASE\"", "\"BAES\"", "line ");
        check("}", "", "line ");
        assert_eq!(RunFile::read("/nowhere/at/all").unwrap_err().line, 0);
    }
}
