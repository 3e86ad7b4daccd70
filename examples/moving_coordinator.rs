//! What does a consumer do when its coordinator moves in the middle of a commit?
//!
//! The coordinator writes the offset, and is gone before it has answered. The consumer finds the new one, which has
//! read the offset from its log. Prints:
//!
//! ```text
//! asked broker 2, which then was broker 1
//! committed 3, and the group reads on from there
//! ```

use rehearsal::ApiKey;
use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::Fault;
use rehearsal::Record;
use rehearsal::base::Command;
use rehearsal::base::GroupAction;
use rehearsal::fault::Target;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
    cluster.seed("orders", ["a", "b", "c", "d"].map(Record::new))?;
    let group = "shipping".to_owned();
    let leave = GroupAction::MoveCoordinator { broker: Target::from(1) };
    let fault = Fault::on(ApiKey::OffsetCommit).group("shipping").after_applied();
    let fault = cluster.inject(fault.command(Command::Group { group, action: leave }))?;

    let client = Client::connect(&cluster).await?;
    let mut consumer = client.consumer().group_id("shipping").enable_auto_commit(false).build();
    consumer.subscribe(["orders"])?;
    for _ in 0..3 {
        consumer.recv().await?;
    }
    consumer.commit().await?;

    let asked = &fault.fired_on()[0];
    println!("asked broker {}, which then was broker 1", asked.broker);
    println!(
        "committed {}, and the group reads on from there",
        cluster.group("shipping").committed("orders", 0).unwrap_or(-1)
    );
    Ok(())
}
