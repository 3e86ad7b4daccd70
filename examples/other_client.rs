//! How does a client in another language connect?
//!
//! With one property. To show that there is no trick to it, a request is then written byte by byte, as any client would.
//! Prints, with the address in the place of `…`:
//!
//! ```text
//! The cluster listens on …
//!
//!   Java     properties.put("bootstrap.servers", "…");
//!   Python   confluent_kafka.Producer({"bootstrap.servers": "…"})
//!   Go       kgo.NewClient(kgo.SeedBrokers("…"))
//!   Node     new Kafka({ brokers: ["…"] })
//!   C        rd_kafka_conf_set(conf, "bootstrap.servers", "…", …);
//!
//! ApiVersions, by hand:     00 00 00 0d 00 12 00 00 00 00 00 07 00 03 61 6e 79
//! The broker's answer to 7: error 0, … APIs, Produce up to version 13
//! ```

use rehearsal::Cluster;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::builder().topic("orders", 6).start().await?;
    let address = cluster.bootstrap_servers();
    println!("The cluster listens on {address}\n");
    println!("  Java     properties.put(\"bootstrap.servers\", \"{address}\");");
    println!("  Python   confluent_kafka.Producer({{\"bootstrap.servers\": \"{address}\"}})");
    println!("  Go       kgo.NewClient(kgo.SeedBrokers(\"{address}\"))");
    println!("  Node     new Kafka({{ brokers: [\"{address}\"] }})");
    println!("  C        rd_kafka_conf_set(conf, \"bootstrap.servers\", \"{address}\", …);\n");

    let request = [
        &13_u32.to_be_bytes()[..], // the length of what follows
        &18_u16.to_be_bytes(),     // ApiVersions
        &0_u16.to_be_bytes(),      // version 0
        &7_u32.to_be_bytes(),      // the correlation id, which the answer repeats
        &3_u16.to_be_bytes(),      // the length of the client id
        b"any",
    ]
    .concat();
    let hexadecimal: Vec<String> = request.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("ApiVersions, by hand:     {}", hexadecimal.join(" "));

    let mut stream = TcpStream::connect(&address).await?;
    stream.write_all(&request).await?;
    let _length = stream.read_u32().await?;
    let correlation_id = stream.read_u32().await?;
    let error = stream.read_u16().await?;
    let apis = stream.read_u32().await?;
    let (_produce, _from, to) = (stream.read_u16().await?, stream.read_u16().await?, stream.read_u16().await?);
    println!("The broker's answer to {correlation_id}: error {error}, {apis} APIs, Produce up to version {to}");
    Ok(())
}
