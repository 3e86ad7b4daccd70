//! What does a consumer do when its coordinator moves in the middle of a commit?
//!
//! The commit is on its way when another broker becomes the coordinator. The old one says so, and the consumer looks
//! for the new one, which has read the group from its log. Prints:
//!
//! ```text
//! broker 3: NOT_COORDINATOR
//! broker 1: NONE
//! committed 3, without a rebalance: true
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::Record;
use rehearsal::base::Command;
use rehearsal::base::GroupAction;
use rehearsal::client::OffsetReset;
use rehearsal::fault::Target;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
    cluster.seed("orders", ["a", "b", "c", "d"].map(Record::new))?;
    let group = "shipping".to_owned();
    let leave = GroupAction::MoveCoordinator { broker: Target::from(1) };
    let fault = Fault::on(ApiKey::OffsetCommit).group("shipping");
    let fault = cluster.inject(fault.command(Command::Group { group, action: leave }))?;

    let client = Client::connect(&cluster).await?;
    let consumer = client.consumer().group_id("shipping").enable_auto_commit(false);
    let mut consumer = consumer.auto_offset_reset(OffsetReset::Earliest).build();
    consumer.subscribe(["orders"])?;
    for _ in 0..3 {
        consumer.recv().await?;
    }
    let generation = cluster.group("shipping").generation();
    consumer.commit().await?;

    fault.assert_fired();
    for commit in cluster.requests().iter().filter(|request| request.api() == ApiKey::OffsetCommit) {
        println!("broker {}: {}", commit.broker(), commit.error_code());
    }
    let group = cluster.group("shipping");
    let committed = group.committed("orders", 0).unwrap_or(-1);
    println!("committed {committed}, without a rebalance: {}", group.generation() == generation);
    Ok(())
}
