#[tokio::main]
async fn main() {
    let c = rehearsal::Cluster::builder().brokers(3).topic("orders", 6).start().await.unwrap();
    println!("{}", c.bootstrap_servers());
    tokio::time::sleep(std::time::Duration::from_secs(
        std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(60),
    ))
    .await;
    println!("{}", c.snapshot());
    println!("{}", c.journal());
}
