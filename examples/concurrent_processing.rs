//! How do I process many records at once and lose none when I crash?
//!
//! `for_each_concurrent` commits up to the first record that is not done. Here the seventh takes a minute, and the
//! process dies before. Prints:
//!
//! ```text
//! 30 records of 100 ms took 1 s, 4 at once
//! 29 were done, and 6 are committed: all before the one that was not
//! after the restart nothing is missing
//! ```

use rehearsal::client::{Consumer, Error, OffsetReset};
use rehearsal::{Client, Cluster, Record};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().topic("orders", 1).start().await?;
    cluster.seed("orders", (0..30).map(|n| Record::new(n.to_string())))?;
    let done = Arc::new(Mutex::new(BTreeSet::new()));

    let started = tokio::time::Instant::now();
    let process = |slow: bool| {
        let done = Arc::clone(&done);
        move |order: rehearsal::client::ConsumerRecord| {
            let done = Arc::clone(&done);
            async move {
                let takes = if slow && order.offset.0 == 6 { 60_000 } else { 100 };
                sleep(Duration::from_millis(takes)).await;
                done.lock().expect("nobody panics").insert(order.offset);
                if done.lock().expect("nobody panics").len() == 29 {
                    let elapsed = started.elapsed().as_secs();
                    println!("30 records of 100 ms took {elapsed} s, 4 at once");
                }
                Ok::<(), Error>(())
            }
        }
    };
    let mut consumer = consumer(&cluster).await?;
    let crash = timeout(Duration::from_secs(30), consumer.for_each_concurrent(4, process(true))).await;
    assert!(crash.is_err());
    drop(consumer);
    let committed = cluster.group("shipping").committed("orders", 0).unwrap_or(0);
    let count = done.lock().expect("nobody panics").len();
    println!("{count} were done, and {committed} are committed: all before the one that was not");

    let mut again = self::consumer(&cluster).await?;
    let _ = timeout(Duration::from_secs(60), again.for_each_concurrent(4, process(false))).await;
    assert_eq!(done.lock().expect("nobody panics").len(), 30);
    println!("after the restart nothing is missing");
    Ok(())
}

async fn consumer(cluster: &Cluster) -> Result<Consumer, Box<dyn std::error::Error>> {
    let builder = Client::connect(cluster).await?.consumer().group_id("shipping");
    let mut consumer = builder.auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe(["orders"])?;
    Ok(consumer)
}
