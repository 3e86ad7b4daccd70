//! The clusters that are measured, each in processes of its own.

use crate::process::Server;
use crate::process::cpu_seconds_of_threads;
use rdkafka::mocking::MockCluster;
use rehearsal::NewTopic;
use rehearsal::client::Client;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

pub const TOPIC: &str = "bench";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Kfake,
    Mock,
    Kafka,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "rehearsal",
            Self::Kfake => "kfake (Go)",
            Self::Mock => "librdkafka's mock",
            Self::Kafka => "Apache Kafka",
        }
    }
}

/// A running cluster with the topic [`TOPIC`], replicated on all its brokers, or on one where it cannot be.
pub enum Target {
    Child(Server),
    Kafka(Kafka),
}

impl Target {
    pub fn start(kind: Kind, brokers: u16, partitions: u16) -> Self {
        let numbers = [brokers.to_string(), partitions.to_string()];
        match kind {
            Kind::Ours => Self::Child(Server::start(Command::new(rehearsal()).args([
                "serve",
                "--json",
                "--port",
                "0",
                "--brokers",
                &numbers[0],
                "--topic",
                &format!("{TOPIC}:{partitions}"),
            ]))),
            Kind::Kfake => Self::Child(Server::start(Command::new(kfake().expect("it was found before")).args([
                "-brokers",
                &numbers[0],
                "-partitions",
                &numbers[1],
                "-topic",
                TOPIC,
            ]))),
            Kind::Mock => {
                let own = std::env::current_exe().expect("this program is a file");
                Self::Child(Server::start(Command::new(own).arg("serve-mock").args(numbers)))
            }
            Kind::Kafka => Self::Kafka(Kafka::start(brokers, partitions)),
        }
    }

    pub fn bootstrap_servers(&self) -> &str {
        match self {
            Self::Child(server) => server.bootstrap_servers(),
            Self::Kafka(kafka) => &kafka.bootstrap_servers,
        }
    }

    /// What all its processes have used so far.
    pub fn cpu_seconds(&self) -> f64 {
        match self {
            Self::Child(server) => cpu_seconds_of_threads(server.pid()),
            Self::Kafka(kafka) => kafka.pids.iter().map(|pid| cpu_seconds_of_threads(*pid)).sum(),
        }
    }
}

/// The program `rehearsal`, built in release mode with the feature `cli`.
pub fn rehearsal() -> PathBuf {
    std::env::var_os("REHEARSAL").map_or_else(|| here().join("../../../target/release/rehearsal"), PathBuf::from)
}

/// The program of `kfake/main.go`, if it was built.
pub fn kfake() -> Option<PathBuf> {
    Some(here().join("target/kfake")).filter(|path| path.exists())
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Serves librdkafka's mock cluster until the standard input ends.
pub fn serve_mock(brokers: &str, partitions: &str) {
    let number = |text: &str| text.parse::<i32>().expect("a number");
    let mock = MockCluster::new(number(brokers)).expect("a mock cluster");
    mock.create_topic(TOPIC, number(partitions), number(brokers)).expect("a topic");
    println!("{}", json!({ "bootstrap_servers": mock.bootstrap_servers() }));
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("a readable pipe");
}

/// A real cluster, started by `tests/interop/kafka/broker.py`.
pub struct Kafka {
    bootstrap_servers: String,
    folder: String,
    pids: Vec<u32>,
}

impl Kafka {
    fn start(brokers: u16, partitions: u16) -> Self {
        let output = broker_py(&["start", "--brokers", &brokers.to_string()]);
        let ready: Value = serde_json::from_slice(&output).expect("broker.py prints JSON");
        let text = |name: &str| ready[name].as_str().expect("broker.py says where it is").to_owned();
        let folder = text("dir");
        let pids = std::fs::read_to_string(format!("{folder}/pids")).expect("broker.py notes its processes");
        let pids = pids.split_whitespace().map(|pid| pid.parse().expect("a process")).collect();
        let kafka = Self { bootstrap_servers: text("bootstrap_servers"), folder, pids };
        kafka.create_topic(brokers, partitions);
        kafka
    }

    fn create_topic(&self, brokers: u16, partitions: u16) {
        crate::block_on(async {
            let client = Client::connect(self.bootstrap_servers.as_str()).await.expect("a running Kafka");
            let topic = NewTopic::new(TOPIC)
                .partitions(partitions.into())
                .replication_factor(i16::try_from(brokers).expect("a few brokers"));
            let created = client.admin().create_topics([topic]).await.expect("a topic");
            assert!(created.into_iter().all(|(_, result)| result.is_ok()), "a topic");
        });
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        broker_py(&["stop", &self.folder]);
    }
}

fn broker_py(arguments: &[&str]) -> Vec<u8> {
    let script = here().join("../kafka/broker.py");
    let output = Command::new("python3").arg(script).args(arguments).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
