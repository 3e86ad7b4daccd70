//! How is a group sent back to a point in time?
//!
//! A group has read a morning's orders when somebody finds out that it has done the wrong thing since noon. It is
//! stopped, sent back, and reads on from there. Prints:
//!
//! ```text
//! committed 360 of 360 orders, lag 0
//! sent back to 12:00: committed 180, lag 180
//! the first order that is read again: order 180 of 12:00
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Record;
use rehearsal::base::Offset;
use rehearsal::base::Timestamp;
use rehearsal::client::ResetTo;
use rehearsal::client::StartFrom;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// 2026-01-01T09:00:00Z, in milliseconds.
const MORNING: i64 = 1_767_258_000_000;
const MINUTE: i64 = 60_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cluster = Cluster::in_memory().start_time(MORNING + 6 * 60 * MINUTE).topic("orders", 1).start().await?;
    let orders = (0..360).map(|n| {
        let record = Record::new(format!("order {n} of {:02}:{:02}", 9 + n / 60, n % 60));
        record.timestamp(MORNING + n * MINUTE)
    });
    cluster.seed("orders", orders)?;
    // As if a consumer had read everything.
    let group = cluster.group("shipping");
    group.commit("orders", 0, 360)?;
    print("committed 360 of 360 orders", &group);

    let client = Client::connect(&cluster).await?;
    let noon = Timestamp(MORNING + 3 * 60 * MINUTE);
    let reset = client.admin().reset_group("shipping", "orders", ResetTo::Timestamp(noon)).await?;
    assert_eq!(reset.all()?, [Offset(180)]);
    print(&format!("sent back to 12:00: committed {}", group.committed("orders", 0).unwrap_or(-1)), &group);

    let mut consumer = client.consumer().build();
    let (partition, committed) = client.admin().list_group_offsets("shipping").await?.remove(0);
    consumer.assign([(partition, StartFrom::Offset(committed.offset))]);
    let order = consumer.recv().await?.value.unwrap_or_default();
    println!("the first order that is read again: {}", String::from_utf8_lossy(&order));
    Ok(())
}

fn print(what: &str, group: &rehearsal::server::Group<'_>) {
    println!("{what}, lag {}", group.lag("orders"));
}
