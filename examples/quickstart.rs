//! What does it look like, from start to finish?
//!
//! Starts a cluster, fills a topic from a file, lets a small service turn orders into shipments with a Kafka client, and
//! looks at what came of it without one. Prints, with times, ports and counts in the place of `…`:
//!
//! ```text
//! Three brokers were ready after …: …
//! 60 orders went in and 50 shipments came out, all in ….
//!
//!   Partition           0    1    2    3    4    5
//!   Orders           14    8   13    6   10    9
//!   Shipments        13    7   12    5    6    7
//!
//!   Where they go
//!     Prague               9  ▪▪▪▪▪▪▪▪▪
//!     Tehran               7  ▪▪▪▪▪▪▪
//!     Göttingen            4  ▪▪▪▪
//!     Basel                3  ▪▪▪
//!     Chennai              3  ▪▪▪
//!     and 13 more
//!
//!   How they travel
//!     parcel              26  ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪
//!     night train         11  ▪▪▪▪▪▪▪▪▪▪▪
//!     letter              10  ▪▪▪▪▪▪▪▪▪▪
//!     two strong people    3  ▪▪▪
//!
//!   Who has not paid
//!     Milena J.            2  ▪▪
//!     Murasaki Shikibu     2  ▪▪
//!     Ada Lovelace         1  ▪
//!     Edsger Dijkstra      1  ▪
//!     Emmy Noether         1  ▪
//!     and 3 more
//!
//!   The brokers got … requests: …
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::client::ProducerRecord;
use rehearsal::client::StartFrom;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let start = Instant::now();
    let cluster = Cluster::builder().brokers(3).topic("orders", 6).topic("shipments", 6).start().await?;
    println!("Three brokers were ready after {:.1?}: {}", start.elapsed(), cluster.bootstrap_servers());

    cluster.seed_file("orders", concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/orders.jsonl"))?;
    let orders = values(&cluster, "orders")?;
    let (paid, unpaid): (Vec<_>, Vec<_>) = orders.iter().partition(|order| order["paid"] == true);

    let service = tokio::spawn(ship_orders(cluster.bootstrap_servers()));
    cluster.wait_until(|c| c.records("shipments").len() >= paid.len()).await?;
    service.abort();

    let shipments = values(&cluster, "shipments")?;
    let (from, to) = (orders.len(), shipments.len());
    println!("{from} orders went in and {to} shipments came out, all in {:.0?}.\n", start.elapsed());
    println!("  Partition           0    1    2    3    4    5");
    print_ends("Orders", &cluster, "orders");
    print_ends("Shipments", &cluster, "shipments");
    print_bars("Where they go", shipments.iter().map(|shipment| &shipment["to"]));
    print_bars("How they travel", shipments.iter().map(|shipment| &shipment["carrier"]));
    print_bars("Who has not paid", unpaid.iter().map(|order| &order["customer"]));
    print_requests(&cluster);
    Ok(())
}

/// The service: any program with any Kafka client. It is told an address, and knows nothing of tests.
async fn ship_orders(bootstrap_servers: String) -> Result<()> {
    let client = Client::connect(bootstrap_servers).await?;
    let producer = client.producer().build();
    let mut consumer = client.consumer().build();
    consumer.assign_topic("orders", StartFrom::Earliest).await?;
    loop {
        let record = consumer.recv().await?;
        let order: Value = serde_json::from_slice(&record.value.unwrap_or_default())?;
        if order["paid"] == true {
            let shipment = json!({ "to": order["city"], "carrier": carrier(&order) });
            let shipment = ProducerRecord::new("shipments").value(shipment.to_string());
            producer.send(shipment.key(record.key.unwrap_or_default())).await?;
        }
    }
}

fn carrier(order: &Value) -> &'static str {
    let items = order["items"].as_array().into_iter().flatten();
    let grams: i64 = items.filter_map(|item| Some(item["grams"].as_i64()? * item["quantity"].as_i64()?)).sum();
    match grams {
        _ if order["express"] == true => "night train",
        0..=1000 => "letter",
        1001..=10_000 => "parcel",
        _ => "two strong people",
    }
}

/// What is in a topic, read without a client.
fn values(cluster: &Cluster, topic: &str) -> Result<Vec<Value>> {
    Ok(cluster.records(topic).iter().map(|record| record.json()).collect::<rehearsal::Result<_>>()?)
}

/// Where the partitions of a topic end.
fn print_ends(title: &str, cluster: &Cluster, topic: &str) {
    let partitions = cluster.topic(topic).partitions();
    let ends: String = partitions.iter().map(|partition| format!("{:>5}", partition.high_watermark.0)).collect();
    println!("  {title:<14}{ends}");
}

/// How often each text occurs, the most frequent first.
fn print_bars<'a>(title: &str, texts: impl Iterator<Item = &'a Value>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    texts.filter_map(Value::as_str).for_each(|text| *counts.entry(text).or_default() += 1);
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("\n  {title}");
    for (text, count) in rows.iter().take(5) {
        println!("    {text:<18}{count:>4}  {}", "▪".repeat(*count));
    }
    if rows.len() > 5 {
        println!("    and {} more", rows.len() - 5);
    }
}

/// What the client asked of the brokers, from the journal.
fn print_requests(cluster: &Cluster) {
    let requests = cluster.requests();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    requests.iter().for_each(|request| *counts.entry(request.api().name()).or_default() += 1);
    let counts: Vec<String> = counts.iter().map(|(api, count)| format!("{count} {api}")).collect();
    println!("\n  The brokers got {} requests: {}", requests.len(), counts.join(", "));
}
