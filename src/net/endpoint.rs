//! Where a cluster is and how to get there.

use super::transport::Transport;
use crate::base::Timestamp;
use tokio::time::Instant;

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
    time: Option<(Timestamp, Instant)>,
}

impl Endpoint {
    /// Brokers at `addresses`, each written `host:port`, behind `transport`.
    pub fn new(transport: Transport, addresses: Vec<String>) -> Self {
        Self { transport, addresses, time: None }
    }

    /// Says what time it was there at a moment of Tokio's clock, for a cluster whose time is not that of the world.
    #[must_use]
    pub fn with_time(mut self, time: Timestamp, at: Instant) -> Self {
        self.time = Some((time, at));
        self
    }

    /// What time it was there at a moment of Tokio's clock, if that is not the time of the world.
    pub fn time(&self) -> Option<(Timestamp, Instant)> {
        self.time
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

impl From<&String> for Endpoint {
    fn from(bootstrap_servers: &String) -> Self {
        Self::from(bootstrap_servers.as_str())
    }
}

impl From<&Self> for Endpoint {
    fn from(endpoint: &Self) -> Self {
        endpoint.clone()
    }
}
