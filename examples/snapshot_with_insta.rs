//! How does a reviewer see what my service did to the cluster?
//!
//! In a snapshot, which is ordered, the same every time, and part of the diff. Prints:
//!
//! ```text
//! the snapshot still holds: 1 topic, 4 records
//! ```

use rehearsal::Cluster;
use rehearsal::NewTopic;
use rehearsal::Record;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prices = NewTopic::new("prices").partitions(2).config("cleanup.policy", "compact");
    let cluster = Cluster::in_memory().brokers(3).new_topic(prices).start().await?;

    // In the place of a service.
    let changes = [("tea", "11.50"), ("book", "39.00"), ("tea", "12.00")];
    cluster.seed("prices", changes.map(|(item, price)| Record::new(price).key(item).timestamp(0)))?;
    cluster.seed("prices", [Record::tombstone("book").timestamp(0)])?;

    insta::assert_snapshot!(cluster.snapshot(), @r"
    3 brokers, 1 topics
    prices
      partition 0: offsets 0..2, high watermark 2, leader 1 (epoch 0), in sync [1, 2, 3] of [1, 2, 3]
      partition 1: offsets 0..2, high watermark 2, leader 2 (epoch 0), in sync [2, 3, 1] of [2, 3, 1]
    ");
    let records: Vec<String> = cluster.records("prices").iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    insta::assert_snapshot!(records.join("\n"), @r#"
    {"partition":0,"offset":0,"timestamp":0,"key":"tea","value":"11.50"}
    {"partition":0,"offset":1,"timestamp":0,"key":"tea","value":"12.00"}
    {"partition":1,"offset":0,"timestamp":0,"key":"book","value":"39.00"}
    {"partition":1,"offset":1,"timestamp":0,"key":"book","value":null}
    "#);

    println!("the snapshot still holds: {} topic, {} records", cluster.snapshot().topics.len(), records.len());
    Ok(())
}
