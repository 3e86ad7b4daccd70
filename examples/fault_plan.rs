//! How is a bad hour written down in a file?
//!
//! As a plan in TOML: what goes wrong, when, and for how long. Needs the feature `toml`. Prints:
//!
//! ```text
//! fired 1 of 3 times: lost: Produce topic=orders nth=3, once applied: drop
//! fired 1 of 1 times: shutdown: shut down broker leader(orders, 0) 10 ms after lost, for 5000 ms
//! 10 orders sent, 10 stored, in order: true
//! ```

use rehearsal::Client;
use rehearsal::Cluster;
use rehearsal::client::ProducerRecord;
use rehearsal::fault::FaultPlan;

const PLAN: &str = r#"
heal_at_ms = 60000

[[faults]]
name = "lost"
on = { api = "Produce", topic = "orders" }
nth = 3
stage = "answer"
action = "drop"

[[commands]]
name = "shutdown"
after = "lost"
after_ms = 10
for_ms = 5000
do = { broker = { broker = "leader(orders, 0)", action = "shutdown" } }
"#;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::in_memory().brokers(3).topic("orders", 1).start().await?;
    let plan = cluster.inject_plan(&FaultPlan::from_toml(PLAN)?)?;

    let producer = Client::connect(&cluster).await?.producer().build();
    let orders: Vec<String> = (0..10).map(|n| format!("order {n}")).collect();
    for order in &orders {
        producer.send(ProducerRecord::new("orders").value(order.clone())).await?;
    }

    for report in plan.reports() {
        println!("{report}");
    }
    let stored: Vec<String> = cluster.records("orders").iter().map(|record| record.text()).collect();
    println!("{} orders sent, {} stored, in order: {}", orders.len(), stored.len(), stored == orders);
    Ok(())
}
