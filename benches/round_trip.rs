//! How long does one record take to its acknowledgement, with our client, in memory and over TCP?

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::client::ProducerRecord;

fn sending(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (name, builder) in [("in memory", Cluster::in_memory()), ("TCP", Cluster::builder())] {
        let (_cluster, producer) = runtime.block_on(async {
            let cluster = builder.brokers(3).topic("orders", 1).start().await.expect("a cluster");
            let client = Client::connect(cluster.endpoint()).await.expect("a running cluster");
            let producer = client.producer().build();
            (cluster, producer)
        });
        c.bench_function(&format!("send a record and wait/{name}"), |b| {
            b.iter(|| {
                let record = ProducerRecord::new("orders").value("two apples");
                runtime.block_on(producer.send(record)).expect("an acknowledgement")
            });
        });
    }
}

criterion_group!(round_trip, sending);
criterion_main!(round_trip);
