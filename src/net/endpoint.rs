//! Where a cluster is and how to get there.

use super::transport::Transport;

/// The addresses of a cluster's brokers, and what carries bytes to them.
/// ```
/// use rehearsal::net::Endpoint;
/// let endpoint = Endpoint::from("kafka-1:9092, kafka-2:9092");
/// assert_eq!(endpoint.addresses(), ["kafka-1:9092", "kafka-2:9092"]);
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    transport: Transport,
    addresses: Vec<String>,
}

impl Endpoint {
    /// Brokers at `addresses`, each written `host:port`, behind `transport`.
    pub fn new(transport: Transport, addresses: Vec<String>) -> Self {
        Self { transport, addresses }
    }

    /// What carries the bytes.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The addresses, each written `host:port`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

/// Reads `bootstrap.servers`: addresses separated by commas, over TCP.
impl From<&str> for Endpoint {
    fn from(bootstrap_servers: &str) -> Self {
        let addresses = bootstrap_servers.split(',').map(str::trim).filter(|address| !address.is_empty());
        Self::new(Transport::Tcp, addresses.map(str::to_owned).collect())
    }
}

impl From<String> for Endpoint {
    fn from(bootstrap_servers: String) -> Self {
        Self::from(bootstrap_servers.as_str())
    }
}
