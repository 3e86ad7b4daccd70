//! The rows of the fault table as librdkafka notices them, over TCP and in real time.
//!
//! Each row starts a cluster, injects one fault, lets librdkafka produce or consume one record, and compares what came
//! of it with what must. Prints one line per row; fails when one is not as expected.

use interop_faults::settings;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::producer::FutureProducer;
use rdkafka::producer::FutureRecord;
use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::ErrorCode;
use rehearsal::Fault;
use rehearsal::Record;
use rehearsal::base::BrokerAction;
use rehearsal::base::Command;
use rehearsal::fault::Target;
use std::time::Duration;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);
const NONE: Duration = Duration::ZERO;
const PATIENCE: Duration = Duration::from_secs(30);

/// What must come of a record that is produced under a fault: how often it is stored with and without idempotence.
struct Produced {
    name: &'static str,
    fault: fn() -> Fault,
    /// Whether it is delivered, as librdkafka sees it.
    is_delivered: bool,
    /// How often it is then stored by a producer that is idempotent and by one that is not.
    stored: (usize, usize),
    /// At least so long it must take.
    at_least: Duration,
}

fn on(api: ApiKey) -> Fault {
    Fault::on(api)
}

fn producing() -> Vec<Produced> {
    let row = |name, fault, stored, at_least| Produced { name, fault, is_delivered: true, stored, at_least };
    vec![
        row("error", || on(ApiKey::Produce).times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER), (1, 1), NONE),
        row(
            "error although applied",
            || on(ApiKey::Produce).after_applied().error(ErrorCode::REQUEST_TIMED_OUT),
            (1, 2),
            NONE,
        ),
        row("delay", || on(ApiKey::Produce).delay(500 * MS), (1, 1), 500 * MS),
        row("delay beyond the time-out", || on(ApiKey::Produce).after_applied().delay(10_000 * MS), (1, 2), 1500 * MS),
        row("lost request", || on(ApiKey::Produce).drop_it(), (1, 1), 1500 * MS),
        row("lost answer", || on(ApiKey::Produce).lose_answer(), (1, 2), 1500 * MS),
        row("close", || on(ApiKey::Produce).close(), (1, 1), NONE),
        row("close although applied", || on(ApiKey::Produce).after_applied().close(), (1, 2), NONE),
        row("silence", || on(ApiKey::Produce).silence(), (1, 1), 1500 * MS),
        // librdkafka gives the request up and connects anew to send it again; what it gave up arrives all the same.
        row("hold until another", || on(ApiKey::Produce).hold_until(on(ApiKey::ApiVersions)), (1, 2), 1500 * MS),
        row("duplicate request", || on(ApiKey::Produce).duplicate(), (1, 2), NONE),
        row("duplicate answer", || on(ApiKey::Produce).after_applied().duplicate(), (1, 1), NONE),
        row("wrong correlation id", || on(ApiKey::Produce).wrong_correlation_id(), (1, 2), 1500 * MS),
        row("truncate", || on(ApiKey::Produce).truncate(9), (1, 2), NONE),
        // librdkafka gives a batch up when the answer's length makes no sense.
        Produced { is_delivered: false, ..row("oversize", || on(ApiKey::Produce).oversize(i32::MAX), (1, 1), NONE) },
        row("chunks", || on(ApiKey::Produce).chunks(1), (1, 1), NONE),
        row("slow", || on(ApiKey::Produce).slow(200), (1, 1), 150 * MS),
        row("corrupt records", || on(ApiKey::Produce).corrupt_records(), (1, 1), NONE),
        row("throttle", || on(ApiKey::Produce).throttle(300 * MS), (1, 1), NONE),
        row("metadata error", || on(ApiKey::Metadata).topic("t").error(ErrorCode::LEADER_NOT_AVAILABLE), (1, 1), NONE),
        row("leader dies before the answer", leader_dies, (1, 2), NONE),
    ]
}

fn leader_dies() -> Fault {
    let shutdown = Command::Broker { broker: Target::Leader("t".into(), 0), action: BrokerAction::Shutdown };
    on(ApiKey::Produce).after_applied().command(shutdown)
}

fn consuming() -> Vec<(&'static str, fn() -> Fault)> {
    vec![
        ("fetch: error", || on(ApiKey::Fetch).topic("t").error(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
        ("fetch: session error", || on(ApiKey::Fetch).error(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)),
        ("fetch: close", || on(ApiKey::Fetch).close()),
        ("fetch: lost answer", || on(ApiKey::Fetch).lose_answer()),
        ("fetch: truncate", || on(ApiKey::Fetch).truncate(20)),
        ("fetch: chunks", || on(ApiKey::Fetch).chunks(1)),
        ("fetch: corrupt records", || on(ApiKey::Fetch).after_applied().corrupt_records()),
        ("fetch: throttle", || on(ApiKey::Fetch).throttle(200 * MS)),
    ]
}

async fn produce(row: &Produced, is_idempotent: bool) -> Result<String, String> {
    let cluster = Cluster::builder().brokers(2).topic("t", 1).start().await.map_err(|error| error.to_string())?;
    let fault = cluster.inject((row.fault)()).map_err(|error| error.to_string())?;
    let mut settings = settings(&cluster);
    settings.set("enable.idempotence", if is_idempotent { "true" } else { "false" });
    let producer: FutureProducer = settings.create().map_err(|error| error.to_string())?;
    let start = Instant::now();
    let record = FutureRecord::<(), str>::to("t").partition(0).payload("x");
    let delivered = producer.send(record, PATIENCE).await.map_err(|(error, _)| error.to_string());
    let elapsed = start.elapsed();
    let stored = cluster.records("t").len();
    let expected = if is_idempotent { row.stored.0 } else { row.stored.1 };
    let seen = format!("delivered {}, stored {stored}, fired {}, {elapsed:.0?}", delivered.is_ok(), fault.fired());
    let is_right =
        delivered.is_ok() == row.is_delivered && stored == expected && fault.fired() > 0 && elapsed >= row.at_least;
    if is_right {
        Ok(seen)
    } else {
        Err(format!("{seen}; expected {expected} stored after {:?}; {delivered:?}", row.at_least))
    }
}

async fn consume(fault: fn() -> Fault) -> Result<String, String> {
    let cluster = Cluster::builder().topic("t", 1).start().await.map_err(|error| error.to_string())?;
    cluster.seed("t", [Record::new("x")]).map_err(|error| error.to_string())?;
    let fault = cluster.inject(fault()).map_err(|error| error.to_string())?;
    let mut settings = settings(&cluster);
    settings.set("group.id", "none").set("enable.auto.commit", "false").set("fetch.wait.max.ms", "100");
    settings.set("fetch.error.backoff.ms", "20");
    let consumer: BaseConsumer = settings.create().map_err(|error| error.to_string())?;
    let read = tokio::task::spawn_blocking(move || {
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset("t", 0, Offset::Beginning).map_err(|error| error.to_string())?;
        consumer.assign(&partitions).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + PATIENCE;
        let mut errors = 0;
        while Instant::now() < deadline {
            match consumer.poll(100 * MS) {
                Some(Ok(message)) => return Ok((message.payload().map(<[u8]>::to_vec), errors)),
                Some(Err(_)) => errors += 1,
                None => {}
            }
        }
        Err("nothing was read".to_owned())
    });
    let (payload, errors) = read.await.map_err(|error| error.to_string())??;
    let seen = format!(
        "read {:?} after {errors} errors, fired {}",
        payload.as_deref().map(String::from_utf8_lossy),
        fault.fired()
    );
    if payload.as_deref() == Some(b"x") && fault.fired() > 0 { Ok(seen) } else { Err(seen) }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut failed = Vec::new();
    let mut tell = |name: &str, result: Result<String, String>| match result {
        Ok(seen) => println!("ok      {name}: {seen}"),
        Err(seen) => {
            println!("FAILED  {name}: {seen}");
            failed.push(format!("{name}: {seen}"));
        }
    };
    let rows = producing();
    let runs = rows.iter().flat_map(|row| [(row, true), (row, false)]);
    for (row, is_idempotent) in runs {
        let name = format!("{} ({})", row.name, if is_idempotent { "idempotent" } else { "not idempotent" });
        tell(&name, produce(row, is_idempotent).await);
    }
    for (name, fault) in consuming() {
        tell(name, consume(fault).await);
    }
    assert!(failed.is_empty(), "not as expected:\n{}", failed.join("\n"));
}
