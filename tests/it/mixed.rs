//! Groups in which our consumer and librdkafka sit side by side, on our cluster over TCP.
//!
//! `.ci/run interop` runs it; librdkafka comes with the Python that `REHEARSAL_PYTHON` names.

use rehearsal::client::{
    Assignor, Client, Consumer, ConsumerBuilder, CooperativeStickyAssignor, GroupProtocol, OffsetReset, RangeAssignor,
    RoundRobinAssignor,
};
use rehearsal::{Cluster, Record};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const PARTITIONS: i32 = 6;

#[derive(Default)]
struct Told {
    owned: Vec<i64>,
    read: Vec<i64>,
    errors: Vec<String>,
}

/// librdkafka in a process of its own.
struct Theirs {
    process: Child,
    told: Arc<Mutex<Told>>,
}

impl Theirs {
    fn start(python: &str, servers: &str, group: &str, settings: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/python/member.py");
        let mut command = Command::new(python);
        command.args([script, servers, "t", group]).args(settings);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let told: Arc<Mutex<Told>> = Arc::default();
        let (lines, writes) = (BufReader::new(process.stdout.take().unwrap()), Arc::clone(&told));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let document: Value = serde_json::from_str(&line).expect("JSON");
                let mut told = writes.lock().unwrap();
                if let Some(owned) = document["owned"].as_array() {
                    told.owned = owned.iter().filter_map(Value::as_i64).collect();
                }
                told.read.extend(document["read"].as_i64());
                told.errors.extend(document["error"].as_str().map(str::to_owned));
            }
        });
        Self { process, told }
    }

    fn owned(&self) -> Vec<i64> {
        self.told.lock().unwrap().owned.clone()
    }

    /// Closes it as its users do.
    fn close(&mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
        assert_eq!(self.told.lock().unwrap().errors, Vec::<String>::new());
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // It has ended by itself if all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn owned(consumer: &Consumer) -> Vec<i64> {
    consumer.assignment().iter().map(|partition| partition.partition.0.into()).collect()
}

fn fill(cluster: &Cluster, values: std::ops::Range<i32>) {
    for value in values {
        cluster.seed("t", [Record::new(value.to_string()).partition(value % PARTITIONS)]).unwrap();
    }
}

/// Reads until something holds; a test that waits for more than half a minute has failed.
async fn read_until(
    ours: &mut Consumer,
    read: &mut Vec<i64>,
    what: &str,
    mut holds: impl FnMut(&Consumer, &[i64]) -> bool,
) {
    let started = Instant::now();
    while !holds(ours, read) {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain: {what}; ours has {:?}", owned(ours));
        if let Ok(record) = timeout(Duration::from_millis(50), ours.recv()).await {
            read.push(std::str::from_utf8(&record.unwrap().value.unwrap()).unwrap().parse().unwrap());
        }
    }
}

async fn share(python: &str, way: &str, ours: impl Fn(ConsumerBuilder) -> ConsumerBuilder, theirs: &[&str]) {
    let cluster = Cluster::builder()
        .topic("t", 6)
        .broker_config("group.consumer.heartbeat.interval.ms", "100")
        .broker_config("group.consumer.min.heartbeat.interval.ms", "100")
        .start()
        .await
        .unwrap();
    let join = async || {
        let builder = Client::connect(&cluster).await.unwrap().consumer().group_id("g");
        let builder = ours(builder.auto_offset_reset(OffsetReset::Earliest));
        let mut consumer = builder.heartbeat_interval(Duration::from_millis(100)).build();
        consumer.subscribe(["t"]).unwrap();
        consumer
    };
    // Ours leads.
    let (mut one, mut mine) = (join().await, Vec::new());
    read_until(&mut one, &mut mine, way, |one, _| owned(one).len() == 6).await;
    let mut other = Theirs::start(python, &cluster.bootstrap_servers(), "g", theirs);
    read_until(&mut one, &mut mine, way, |one, _| owned(one).len() == 3 && other.owned().len() == 3).await;
    let both: Vec<i64> = owned(&one).into_iter().chain(other.owned()).collect();
    assert!((0..6).all(|partition| both.contains(&partition)), "{way} {both:?}");
    fill(&cluster, 0..60);
    let enough = |other: &Theirs, mine: &[i64], count| mine.len() + other.told.lock().unwrap().read.len() >= count;
    read_until(&mut one, &mut mine, way, |_, mine| enough(&other, mine, 60)).await;
    let mut all = mine.clone();
    all.extend(&other.told.lock().unwrap().read);
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>(), "{way}: each record once");
    assert_eq!((mine.len(), way), (30, way));
    // Ours leaves, theirs leads, and another one of ours joins.
    one.close().await.unwrap();
    let started = Instant::now();
    while other.owned().len() != 6 {
        assert!(started.elapsed() < Duration::from_secs(30), "{way}: theirs takes all, and has {:?}", other.owned());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut two, mut mine) = (join().await, Vec::new());
    read_until(&mut two, &mut mine, way, |two, _| owned(two).len() == 3 && other.owned().len() == 3).await;
    let before = other.told.lock().unwrap().read.len();
    fill(&cluster, 60..120);
    read_until(&mut two, &mut mine, way, |_, mine| enough(&other, mine, before + 60)).await;
    assert_eq!(mine.len(), 30, "{way}: what was committed is not read again");
    other.close();
    read_until(&mut two, &mut mine, way, |two, _| owned(two).len() == 6).await;
    two.close().await.unwrap();
    assert_eq!(cluster.group("g").lag("t"), 0, "{way}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs librdkafka in Python: `.ci/run interop` has it and runs this"]
async fn mixed_groups_with_librdkafka_share_and_lose_nothing() {
    let python = std::env::var("REHEARSAL_PYTHON").expect("REHEARSAL_PYTHON names a Python with confluent-kafka");
    fn classic(assignor: impl Assignor + 'static) -> impl Fn(ConsumerBuilder) -> ConsumerBuilder {
        let assignor: Arc<dyn Assignor> = Arc::new(assignor);
        move |builder| builder.partition_assignment_strategy([Arc::clone(&assignor)])
    }
    let with = |strategy: &'static str| [strategy, "heartbeat.interval.ms=100", "session.timeout.ms=6000"];
    share(&python, "range", classic(RangeAssignor), &with("partition.assignment.strategy=range")).await;
    share(&python, "roundrobin", classic(RoundRobinAssignor), &with("partition.assignment.strategy=roundrobin")).await;
    let cooperative = with("partition.assignment.strategy=cooperative-sticky");
    share(&python, "cooperative-sticky", classic(CooperativeStickyAssignor), &cooperative).await;
    let new = |builder: ConsumerBuilder| builder.group_protocol(GroupProtocol::Consumer);
    share(&python, "KIP-848", new, &["group.protocol=consumer"]).await;
}
