//! Copying exactly once while everything around it goes wrong: answers are lost, connections break, coordinators move
//! and forget, transactions time out, members are put out of their group, processes die and come back.

use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::ErrorCode;
use rehearsal::Fault;
use rehearsal::Record;
use rehearsal::base::Rng;
use rehearsal::base::Seed;
use rehearsal::client::Client;
use rehearsal::client::ConsumerRecord;
use rehearsal::client::GroupProtocol;
use rehearsal::client::IsolationLevel;
use rehearsal::client::OffsetReset;
use rehearsal::client::Pipeline;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use rehearsal::client::TransactionError;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio::time::timeout;

const PARTITIONS: usize = 4;
const RECORDS: usize = 240;
const WORKERS: usize = 3;

/// How one run goes.
#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    transaction_version: i16,
    protocol: GroupProtocol,
}

fn copy(record: &ConsumerRecord) -> [ProducerRecord; 1] {
    [ProducerRecord::new("out").partition(record.partition).value(record.value.clone().unwrap())]
}

/// A process: it copies until it is killed, and begins anew whenever its producer is of no more use.
async fn work(cluster: Arc<Cluster>, number: usize, run: Run) {
    loop {
        let copying = async {
            let settings = Client::builder().endpoint(&*cluster).request_timeout(Duration::from_secs(2));
            let client = settings.api_timeout(Duration::from_secs(10)).connect().await?;
            let settings = client.producer().delivery_timeout(Duration::from_secs(6));
            let producer = settings.transactional(format!("worker-{number}")).init().await?;
            let settings = client.consumer().group_id("g").auto_offset_reset(OffsetReset::Earliest);
            let settings = settings.isolation_level(IsolationLevel::ReadCommitted).enable_auto_commit(false);
            let mut consumer = settings.group_protocol(run.protocol).session_timeout(Duration::from_secs(6)).build();
            consumer.subscribe(["in"])?;
            let mut pipeline = Pipeline::new(consumer, producer)?.max_poll_records(7);
            loop {
                match pipeline.step(copy).await {
                    Ok(_) | Err(TransactionError::Retriable(_)) => {}
                    Err(error) => return Err::<(), _>(error),
                }
                // The work itself takes some time.
                sleep(Duration::from_millis(150)).await;
            }
        };
        let _: Result<(), TransactionError> = copying.await;
        sleep(Duration::from_secs(1)).await;
    }
}

/// What goes wrong with single requests.
fn bad_network(cluster: &Cluster) -> Vec<impl Drop + use<>> {
    let apis = [
        ApiKey::Produce,
        ApiKey::Fetch,
        ApiKey::InitProducerId,
        ApiKey::AddPartitionsToTxn,
        ApiKey::AddOffsetsToTxn,
        ApiKey::TxnOffsetCommit,
        ApiKey::EndTxn,
        ApiKey::OffsetFetch,
        ApiKey::FindCoordinator,
    ];
    let mut faults = Vec::new();
    for api in apis {
        for fault in [
            Fault::on(api).probability(0.03).lose_answer(),
            Fault::on(api).probability(0.02).close(),
            Fault::on(api).probability(0.03).delay(Duration::from_millis(10)..=Duration::from_secs(3)),
        ] {
            faults.push(cluster.inject(fault).unwrap());
        }
    }
    let refused = Fault::on(ApiKey::Produce).topic("out").probability(0.03).error(ErrorCode::INVALID_RECORD);
    faults.push(cluster.inject(refused).unwrap());
    faults
}

/// Something that happens to the cluster or to a process, whether or not it can happen now.
fn misfortune(cluster: &Arc<Cluster>, workers: &mut [JoinHandle<()>], rng: &mut Rng, run: Run) {
    let number = usize::try_from(rng.below(3)).unwrap();
    let broker = i32::try_from(rng.below(3)).unwrap() + 1;
    let transaction = cluster.transaction(&format!("worker-{number}"));
    let group = cluster.group("g");
    match rng.below(10) {
        0 => drop(transaction.move_coordinator(broker)),
        1 => drop(transaction.unload_coordinator()),
        2 => drop(transaction.time_out()),
        3 => drop(transaction.fence()),
        4 => drop(group.move_coordinator(broker)),
        5 => {
            if let Some(member) = group.members().first() {
                drop(group.expire_member(&member.member_id));
            }
        }
        7 => drop(cluster.partition("out", i32::try_from(rng.below(4)).unwrap()).elect(broker)),
        8 => {
            if cluster.broker(broker).crash().is_ok() {
                let (cluster, pause) = (Arc::clone(cluster), Duration::from_millis(rng.below(4000)));
                tokio::spawn(async move {
                    sleep(pause).await;
                    cluster.broker(broker).restart().unwrap();
                });
            }
        }
        6 => cluster.set_marker_delay(Duration::from_millis(rng.below(1500))),
        _ => {
            workers[number].abort();
            workers[number] = tokio::spawn(work(Arc::clone(cluster), number, run));
        }
    }
}

async fn read(cluster: &Cluster, isolation: IsolationLevel) -> Vec<(i32, String)> {
    let client = Client::connect(cluster).await.unwrap();
    let mut consumer = client.consumer().isolation_level(isolation).build();
    consumer.assign_topic("out", StartFrom::Earliest).await.unwrap();
    let mut values = Vec::new();
    while let Ok(record) = timeout(Duration::from_secs(2), consumer.recv()).await {
        let record = record.unwrap();
        values.push((record.partition.0, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
    }
    values.sort_by_key(|(partition, _)| *partition);
    values
}

/// Gives how many copies are void.
async fn storm(run: Run) -> usize {
    let builder = Cluster::in_memory().brokers(3).topic("in", PARTITIONS).topic("out", PARTITIONS).seed(run.seed);
    let cluster = Arc::new(builder.transaction_version(run.transaction_version).start().await.unwrap());
    let mut input = Vec::new();
    for n in 0..RECORDS {
        let partition = i32::try_from(n % PARTITIONS).unwrap();
        cluster.seed("in", [Record::new(format!("{n:03}")).partition(partition)]).unwrap();
        input.push((partition, format!("{n:03}")));
    }
    input.sort_by_key(|(partition, _)| *partition);

    let mut rng = Seed(run.seed).stream("misfortune");
    let faults = bad_network(&cluster);
    let mut workers: Vec<JoinHandle<()>> =
        (0..WORKERS).map(|number| tokio::spawn(work(Arc::clone(&cluster), number, run))).collect();
    for _ in 0..40 {
        sleep(Duration::from_millis(200 + rng.below(1800))).await;
        misfortune(&cluster, &mut workers, &mut rng, run);
    }
    drop(faults);
    cluster.set_marker_delay(Duration::ZERO);
    // Sessions, transactions and back-offs end within this time.
    sleep(Duration::from_secs(180)).await;
    workers.iter().for_each(JoinHandle::abort);
    let seen = read(&cluster, IsolationLevel::ReadCommitted).await;
    assert_eq!(seen, input, "{run:?}");
    for partition in 0..PARTITIONS {
        let committed = cluster.group("g").committed("in", i32::try_from(partition).unwrap());
        assert_eq!(committed, Some(i64::try_from(RECORDS / PARTITIONS).unwrap()), "{run:?}");
    }
    read(&cluster, IsolationLevel::ReadUncommitted).await.len() - seen.len()
}

async fn storms(protocol: GroupProtocol, transaction_version: i16) {
    let mut void = 0;
    let seeds = std::env::var("EXACTLY_ONCE_SEEDS").map_or(1, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        void += storm(Run { seed, transaction_version, protocol }).await;
    }
    assert!(void > 0, "the storm is too weak to show what transactions are for");
}

#[tokio::test(start_paused = true)]
async fn each_record_is_copied_once_in_a_classic_group_with_the_first_transaction_version() {
    storms(GroupProtocol::Classic, 1).await;
}

#[tokio::test(start_paused = true)]
async fn each_record_is_copied_once_in_a_classic_group_with_the_second_transaction_version() {
    storms(GroupProtocol::Classic, 2).await;
}

#[tokio::test(start_paused = true)]
async fn each_record_is_copied_once_in_a_consumer_group() {
    storms(GroupProtocol::Consumer, 2).await;
}
