//! The arguments, read into types that cannot be wrong.

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use rehearsal::NewTopic;
use rehearsal::broker::Release;
use rehearsal::check::Contract;
use rehearsal::sim::WorkloadKind;
use std::path::PathBuf;
use std::str::FromStr;

/// A Kafka cluster that lives inside a test.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,

    /// Log more: -v what happens, -vv every connection, -vvv everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a cluster and serve it until interrupted
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Show which APIs are served, in which versions
    Apis(Apis),
    /// Hold a recorded history against the delivery promises
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Run a cluster and an application in virtual time, from seeds, and look for broken promises
    #[command(after_help = SIM_HELP)]
    Sim(Box<Sim>),
    /// Run a recorded run again, and compare what it comes to
    #[command(after_help = REPLAY_HELP)]
    Replay(Replay),
}

const CHECK_HELP: &str = "\
Exit codes:
  0  nothing is wrong that is required, and all of it could be judged
  1  something required does not hold
  2  the file is no history (with the line that is not), or the arguments are wrong
  3  nothing wrong was found, but the history does not say enough: never take it for a pass

Examples:
  rehearsal check fixtures/histories/lost.jsonl
  rehearsal check --json history.jsonl | jq .outcome
  rehearsal check history.jsonl --report report.html
  zcat history.jsonl.gz | rehearsal check -";

const SIM_HELP: &str = "\
Settings (--set NAME=VALUE) are those of a run file: partitions, producers, consumers, records, pause_ms, and of the
clients acks, idempotence, linger_ms, batch_bytes, delivery_timeout_ms, isolation, auto_offset_reset, commit,
group_protocol, session_timeout_ms, max_poll_ms, transaction_timeout_ms, process_ms, ...

Exit codes:
  0  every run kept every promise
  1  a run did not
  2  the arguments or the plan are wrong
  3  none was broken, but the histories do not say enough to judge all of them

Examples:
  rehearsal sim --workload copy --swarm --seeds 1000
  rehearsal sim --workload plain --set acks=1 --swarm --seeds 500 --shrink --report target/lost
  rehearsal sim --faults plan.json --seed 0x5eed --report target/report
  rehearsal sim --workload grouped --set commit=auto --swarm --seeds 200 --keep-going";

const REPLAY_HELP: &str = "\
A run file is written by `rehearsal sim --report`, by a shrunk test, or by `Run::write_report`.

Exit codes:
  0  the run is what the file expects; without an expectation: every promise was kept
  1  it is not
  2  the file is no run (with the line that is not), or the arguments are wrong

Examples:
  rehearsal replay fixtures/regressions/dup-1b2c3d4e.json
  rehearsal replay run.json --report target/report";

const SERVE_EXAMPLES: &str = "\
Examples:
  rehearsal serve --topic orders:6
  rehearsal serve --brokers 3 --topic orders:6:3 --topic-config orders:cleanup.policy=compact
  rehearsal serve --seed-file orders.jsonl --seed-file today.jsonl=shipments
  rehearsal serve --port 0 --json        # any free port; addresses as one line of JSON, for scripts

A line of a seed file is a value as JSON, or describes a record:
  {\"key\":\"order-1\",\"value\":{\"paid\":true},\"headers\":{\"channel\":\"web\"},\"partition\":3,\"timestamp\":1772438375314}";

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// How many brokers
    #[arg(short, long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) brokers: u16,

    /// The address that brokers listen on and advertise
    #[arg(long, default_value = "127.0.0.1")]
    pub(super) host: String,

    /// The first broker's port, the others take the ports after it; 0 for any free ports
    #[arg(short, long, default_value_t = 9092)]
    pub(super) port: u16,

    /// A rack; give several, and brokers take them in turn
    #[arg(long = "rack", value_name = "RACK")]
    pub(super) racks: Vec<String>,

    /// A topic, with its partitions (1) and replicas per partition (at most 3)
    #[arg(short, long = "topic", value_name = "NAME[:PARTITIONS[:REPLICAS]]")]
    pub(super) topics: Vec<TopicSpec>,

    /// A configuration of a topic, by Kafka's name
    #[arg(long = "topic-config", value_name = "TOPIC:NAME=VALUE")]
    pub(super) topic_configs: Vec<TopicConfig>,

    /// A configuration of all brokers, by Kafka's name
    #[arg(long = "broker-config", value_name = "NAME=VALUE")]
    pub(super) broker_configs: Vec<BrokerConfig>,

    /// Records to start with, one per line, for the topic of the file's name or the one given
    #[arg(short, long = "seed-file", value_name = "FILE[=TOPIC]")]
    pub(super) seed_files: Vec<SeedFile>,

    /// Be an older Kafka: offer and accept what that release did
    #[arg(long, value_name = "VERSION", value_parser = release)]
    pub(super) kafka_version: Option<String>,

    /// The number from which ids and all other chance follow
    #[arg(long = "random-seed", value_name = "NUMBER", default_value_t = 0)]
    pub(super) seed: u64,

    /// Start with the cluster that `--save-on-exit` left in this file, and as many brokers
    #[arg(long, value_name = "FILE", conflicts_with_all = ["brokers", "racks"])]
    pub(super) restore: Option<PathBuf>,

    /// Write the whole cluster to this file when it stops
    #[arg(long, value_name = "FILE")]
    pub(super) save_on_exit: Option<PathBuf>,

    /// Print the addresses as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The history, as JSON lines; `-` for the standard input
    pub(super) history: PathBuf,

    /// Stop after the first rule that finds silent loss or corruption
    #[arg(long)]
    pub(super) first: bool,

    /// Take a file whose end is missing, as its writer left it when it died, up to its last whole line
    #[arg(long)]
    pub(super) accept_cut: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,

    /// Also write a report; the name's ending decides: .html, .txt or .mmd (Mermaid)
    #[arg(long, value_name = "FILE", value_parser = report_file)]
    pub(super) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Sim {
    /// The seed, or the first of several; decimal or hexadecimal (0x5eed)
    #[arg(short, long, default_value = "0", value_parser = seed)]
    pub(super) seed: u64,

    /// How many seeds, one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: u64,

    /// What the application does: plain, keyed, grouped, copy, compacted or retention
    #[arg(short, long, value_name = "KIND", default_value = "plain", value_parser = workload)]
    pub(super) workload: WorkloadKind,

    /// Start from a run file instead; its seed is the first seed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workload", "seed"])]
    pub(super) file: Option<PathBuf>,

    /// A setting of the workload or its clients that is not as it should be, such as acks=1
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(super) settings: Vec<BrokerConfig>,

    /// How many brokers
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) brokers: Option<u16>,

    /// How many replicas each partition has
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) replication: Option<u16>,

    /// min.insync.replicas of the topics
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) min_isr: Option<u16>,

    /// unclean.leader.election.enable of the topics
    #[arg(long)]
    pub(super) unclean: bool,

    /// What breaks: a plan of faults in JSON
    #[arg(long, value_name = "FILE", conflicts_with = "swarm")]
    pub(super) faults: Option<PathBuf>,

    /// What breaks is drawn from each seed
    #[arg(long)]
    pub(super) swarm: bool,

    /// When all that the swarm has broken is mended, in seconds of virtual time
    #[arg(long, value_name = "SECONDS", default_value_t = 20, requires = "swarm")]
    pub(super) heal_after: u64,

    /// What must hold, such as DUR,NODUP,ORD; what the workload is for unless said
    #[arg(long, value_name = "CONTRACTS", value_delimiter = ',', value_parser = contract)]
    pub(super) promise: Vec<Contract>,

    /// How many runs at the same time; as many as there are processors unless said
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) jobs: Option<u16>,

    /// Go on after the first run that fails
    #[arg(short, long)]
    pub(super) keep_going: bool,

    /// Make the first run that fails smaller, until nothing can be left out
    #[arg(long)]
    pub(super) shrink: bool,

    /// Write a report of the first run that fails, or of the only run, into this folder
    #[arg(short, long, value_name = "FOLDER")]
    pub(super) report: Option<PathBuf>,

    /// Print JSON, one line per failing run and one at the end
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The run
    pub(super) run: PathBuf,

    /// Write a report into this folder
    #[arg(short, long, value_name = "FOLDER")]
    pub(super) report: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Apis {
    /// What is left of it when an older Kafka is emulated
    #[arg(long, value_name = "VERSION", value_parser = release)]
    pub(super) kafka_version: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `24301`, or `0x5eed`.
fn seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "write a number, for example 24301 or 0x5eed".to_owned())
}

/// A workload that comes with the library, by its name in run files.
fn workload(text: &str) -> Result<WorkloadKind, String> {
    let kind = serde_json::from_value(text.into()).ok().filter(|kind| WorkloadKind::ALL.contains(kind));
    kind.ok_or_else(|| {
        let names =
            WorkloadKind::ALL.iter().filter_map(|kind| Some(serde_json::to_value(kind).ok()?.as_str()?.to_owned()));
        format!("there are {}", names.collect::<Vec<_>>().join(", "))
    })
}

fn contract(text: &str) -> Result<Contract, String> {
    serde_json::from_value(text.to_uppercase().into())
        .map_err(|_| "there are DUR, NODUP, ORD, ISO, ALO, AMO, EOS, LIVE and BASE".to_owned())
}

/// A file whose name says what is to be in it.
fn report_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html" | "txt" | "mmd") => Ok(path),
        _ => Err("its name must end in .html, .txt or .mmd".to_owned()),
    }
}

/// Accepts the text of a release; the text is what the library takes.
fn release(text: &str) -> Result<String, String> {
    text.parse::<Release>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// `orders`, `orders:6` or `orders:6:3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicSpec {
    name: String,
    partitions: u16,
    replicas: Option<u16>,
}

impl FromStr for TopicSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let mut number = |what: &str| match parts.next().map(|part| (part, part.parse::<u16>())) {
            None => Ok(None),
            Some((_, Ok(number))) if number > 0 => Ok(Some(number)),
            Some((part, _)) => Err(format!("`{part}` is no number of {what}; write {TOPIC_FORM}")),
        };
        let partitions = number("partitions")?.unwrap_or(1);
        let replicas = number("replicas")?;
        if name.is_empty() || parts.next().is_some() {
            return Err(format!("write {TOPIC_FORM}"));
        }
        Ok(Self { name: name.to_owned(), partitions, replicas })
    }
}

const TOPIC_FORM: &str = "NAME[:PARTITIONS[:REPLICAS]], for example `orders:6` or `orders:6:3`";

/// `orders:cleanup.policy=compact`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicConfig {
    topic: String,
    name: String,
    value: String,
}

impl FromStr for TopicConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(left, value)| Some((left.split_once(':')?, value)));
        match parts {
            Some(((topic, name), value)) if !topic.is_empty() && !name.is_empty() => {
                Ok(Self { topic: topic.to_owned(), name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("write TOPIC:NAME=VALUE, for example `orders:cleanup.policy=compact`".to_owned()),
        }
    }
}

/// `num.partitions=6`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrokerConfig {
    pub(super) name: String,
    pub(super) value: String,
}

impl FromStr for BrokerConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write NAME=VALUE, for example `num.partitions=6`".to_owned()),
        }
    }
}

/// `orders.jsonl`, or `today.jsonl=orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeedFile {
    pub(super) path: PathBuf,
    pub(super) topic: String,
}

impl FromStr for SeedFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, topic) = match text.rsplit_once('=') {
            Some((path, topic)) => (PathBuf::from(path), topic.to_owned()),
            None => {
                let path = PathBuf::from(text);
                let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                (path, stem)
            }
        };
        if path.as_os_str().is_empty() || topic.is_empty() {
            return Err("write FILE or FILE=TOPIC, for example `orders.jsonl=orders`".to_owned());
        }
        Ok(Self { path, topic })
    }
}

/// The topics to be created: those named, with what is configured for them.
///
/// # Errors
/// A sentence when something is configured for a topic that is not named.
pub(super) fn new_topics(topics: &[TopicSpec], configs: &[TopicConfig]) -> Result<Vec<NewTopic>, String> {
    let mut new: Vec<NewTopic> = topics
        .iter()
        .map(|spec| {
            let topic = NewTopic::new(&spec.name).partitions(spec.partitions.into());
            match spec.replicas {
                Some(replicas) => topic.replication_factor(i16::try_from(replicas).unwrap_or(i16::MAX)),
                None => topic,
            }
        })
        .collect();
    for config in configs {
        let Some(topic) = new.iter_mut().find(|topic| topic.name == config.topic) else {
            let (topic, name) = (&config.topic, &config.name);
            return Err(format!(
                "`{name}` is for topic `{topic}`, which is not there; add --topic {topic}:<partitions>"
            ));
        };
        topic.configs.insert(config.name.clone(), config.value.clone());
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn clap_finds_no_fault_with_the_arguments() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_topic_is_a_name_with_numbers() {
        let check = |text: &str, expected: Result<(&str, u16, Option<u16>), &str>| match (text.parse(), expected) {
            (Ok(TopicSpec { name, partitions, replicas }), Ok(expected)) => {
                assert_eq!((name.as_str(), partitions, replicas), expected, "{text}");
            }
            (Err(error), Err(words)) => assert!(error.contains(words), "{text}: {error}"),
            (parsed, _) => panic!("{text}: {parsed:?}"),
        };
        check("orders", Ok(("orders", 1, None)));
        check("orders:6", Ok(("orders", 6, None)));
        check("orders:6:3", Ok(("orders", 6, Some(3))));
        check("orders:six", Err("`six` is no number of partitions; write NAME[:PARTITIONS[:REPLICAS]]"));
        check("orders:6:0", Err("`0` is no number of replicas"));
        check("orders:6:3:1", Err("for example `orders:6`"));
        check(":6", Err("write NAME"));
    }

    #[test]
    fn a_seed_file_is_for_the_topic_of_its_name_or_the_one_given() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let parsed = text.parse::<SeedFile>().ok().map(|file| (file.path, file.topic));
            assert_eq!(parsed, expected.map(|(path, topic)| (PathBuf::from(path), topic.to_owned())), "{text}");
        };
        check("fixtures/orders.jsonl", Some(("fixtures/orders.jsonl", "orders")));
        check("a=b/today.jsonl=orders", Some(("a=b/today.jsonl", "orders")));
        check("today.jsonl=", None);
        check("", None);
    }

    #[test]
    fn a_configuration_belongs_to_a_named_topic() {
        let specs = ["orders:6:2".parse().unwrap()];
        let config = |text: &str| [text.parse().unwrap()];
        let topics = new_topics(&specs, &config("orders:cleanup.policy=compact,delete")).unwrap();
        let expected =
            NewTopic::new("orders").partitions(6).replication_factor(2).config("cleanup.policy", "compact,delete");
        assert_eq!(topics, [expected]);
        assert!(new_topics(&specs, &config("ordres:retention.ms=1")).unwrap_err().contains("--topic ordres:"));
        assert!("orders.retention.ms=1".parse::<TopicConfig>().is_err());
        assert!("num.partitions".parse::<BrokerConfig>().is_err());
    }
}
