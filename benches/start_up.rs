//! What does a cluster cost the test that starts and stops one: alone, and with a record written and read?

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::ClusterBuilder;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;

async fn one_record(builder: ClusterBuilder) {
    let cluster = builder.brokers(3).topic("orders", 1).start().await.expect("a cluster");
    let client = Client::connect(cluster.endpoint()).await.expect("a running cluster");
    let producer = client.producer().build();
    producer.send(ProducerRecord::new("orders").value("two apples")).await.expect("an acknowledgement");
    let mut consumer = client.consumer().build();
    consumer.assign_topic("orders", StartFrom::Earliest).await.expect("a topic");
    consumer.recv().await.expect("a record");
    cluster.shutdown().await;
}

fn starting(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let in_memory: fn() -> ClusterBuilder = Cluster::in_memory;
    for (name, builder) in [("in memory", in_memory), ("TCP", Cluster::builder)] {
        c.bench_function(&format!("start 3 brokers/{name}"), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    let cluster = builder().brokers(3).topic("orders", 1).start().await.expect("a cluster");
                    // Its ports are free before the next one starts.
                    cluster.shutdown().await;
                });
            });
        });
        c.bench_function(&format!("start 3 brokers, produce and fetch a record/{name}"), |b| {
            b.iter(|| runtime.block_on(one_record(builder())));
        });
    }
}

criterion_group!(start_up, starting);
criterion_main!(start_up);
