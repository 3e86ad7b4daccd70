//! The client's settings.
//!
//! Not here: those of producers and consumers.

use super::Client;
use super::clock::Clock;
use super::error::Error;
use super::error::Result;
use super::interceptor::Interceptor;
#[cfg(feature = "mutants")]
use super::mutant::ClientMutant;
use super::mutant::Mutants;
use super::routing::Router;
use crate::base::Seed;
use crate::net::Endpoint;
use crate::net::Transport;
use bytestring::ByteString;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// Settings of a [`Client`]. Each is called as Kafka calls it, and its default is Kafka's unless it says otherwise.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `connect` is called"]
pub struct ClientBuilder {
    settings: Settings,
    seed: Option<Seed>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) bootstrap_servers: Vec<String>,
    pub(super) client_id: ByteString,
    pub(super) transport: Transport,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) api_timeout: Duration,
    pub(super) retry_backoff: (Duration, Duration),
    pub(super) reconnect_backoff: (Duration, Duration),
    pub(super) metadata_age_max: Duration,
    pub(super) allow_auto_create_topics: bool,
    pub(super) response_bytes_max: usize,
    pub(super) seed: Seed,
    /// What makes this client's ids different from those of others with the same seed.
    pub(super) number: u64,
    pub(super) clock: Clock,
    pub(super) interceptor: Option<Arc<dyn Interceptor>>,
    pub(super) mutants: Mutants,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        let ms = Duration::from_millis;
        let settings = Settings {
            bootstrap_servers: Vec::new(),
            client_id: ByteString::from_static("rehearsal"),
            transport: Transport::Tcp,
            connect_timeout: ms(10_000),
            request_timeout: ms(30_000),
            api_timeout: ms(60_000),
            retry_backoff: (ms(100), ms(1_000)),
            reconnect_backoff: (ms(50), ms(1_000)),
            metadata_age_max: ms(300_000),
            allow_auto_create_topics: true,
            response_bytes_max: 256 * 1024 * 1024,
            seed: Seed(0),
            number: 0,
            clock: Clock::System,
            interceptor: None,
            mutants: Mutants::default(),
        };
        Self { settings, seed: None }
    }
}

impl ClientBuilder {
    /// Some brokers of the cluster, as `host:port`, separated by commas; the others are found through them.
    pub fn bootstrap_servers(mut self, servers: &str) -> Self {
        let addresses = servers.split(',').map(str::trim).filter(|address| !address.is_empty());
        self.settings.bootstrap_servers = addresses.map(str::to_owned).collect();
        self
    }

    /// Where the cluster is, what carries bytes to it, and what time it is there.
    pub fn endpoint(mut self, to: impl Into<Endpoint>) -> Self {
        let endpoint = to.into();
        self.settings.bootstrap_servers = endpoint.addresses().to_vec();
        self.settings.transport = endpoint.transport().clone();
        if let Some((base, since)) = endpoint.time() {
            self.settings.clock = Clock::Tokio { base, since };
        }
        self
    }

    /// The name that brokers see in each request (`rehearsal`).
    pub fn client_id(mut self, client_id: impl Into<ByteString>) -> Self {
        self.settings.client_id = client_id.into();
        self
    }

    /// What carries the bytes (TCP).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.settings.transport = transport;
        self
    }

    /// How long opening a connection may take, the first exchange included (10 s).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long one request may go unanswered before its connection is given up (30 s).
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = timeout;
        self
    }

    /// How long an operation may take, all its attempts together (60 s): `default.api.timeout.ms`.
    pub fn api_timeout(mut self, timeout: Duration) -> Self {
        self.settings.api_timeout = timeout;
        self
    }

    /// The shortest and the longest delay before a request is tried again (100 ms, 1 s).
    pub fn retry_backoff(mut self, min: Duration, max: Duration) -> Self {
        self.settings.retry_backoff = (min, max);
        self
    }

    /// The shortest and the longest delay before a broker is connected to again (50 ms, 1 s).
    pub fn reconnect_backoff(mut self, min: Duration, max: Duration) -> Self {
        self.settings.reconnect_backoff = (min, max);
        self
    }

    /// After what time metadata is asked for anew although nothing seems to have changed (5 min).
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.settings.metadata_age_max = age;
        self
    }

    /// Whether using a topic may create it, where the broker does that (yes).
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.settings.allow_auto_create_topics = allow;
        self
    }

    /// The largest answer that is accepted, in bytes (256 MiB).
    pub fn response_bytes_max(mut self, limit: usize) -> Self {
        self.settings.response_bytes_max = limit;
        self
    }

    /// Who watches what producers and consumers do (nobody).
    pub fn interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.settings.interceptor = Some(interceptor);
        self
    }

    /// Plants a bug.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub const fn mutant(mut self, mutant: ClientMutant) -> Self {
        self.settings.mutants.plant(mutant);
        self
    }

    /// What all chance of this client follows from: jitter, and the choice of partitions.
    ///
    /// By default it is a new one for each client over TCP, and the same for all in memory, where tests run.
    pub const fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Where the timestamps of records come from that are given none (the system's clock).
    pub const fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Connects to a bootstrap server and learns which brokers there are.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a bootstrap server, and [`Error::Timeout`] with the cause when none can be talked to.
    pub async fn connect(mut self) -> Result<Client> {
        if self.settings.bootstrap_servers.is_empty() {
            return Err(Error::Invalid("no bootstrap server is given".to_owned()));
        }
        self.settings.seed = self.seed.unwrap_or_else(|| match self.settings.transport {
            Transport::Tcp => {
                let now = u64::try_from(Clock::System.now().0).unwrap_or(0);
                Seed(now.rotate_left(32) ^ u64::from(std::process::id()))
            }
            Transport::Memory(_) => Seed(0),
        });
        self.settings.number = match &self.settings.transport {
            Transport::Tcp => {
                static CLIENTS: AtomicU64 = AtomicU64::new(0);
                let now = u64::try_from(Clock::System.now().0).unwrap_or(0);
                now << 20 ^ u64::from(std::process::id()) << 44 ^ CLIENTS.fetch_add(1, Ordering::Relaxed)
            }
            Transport::Memory(network) => network.next_client(),
        };
        let deadline = Instant::now() + self.settings.api_timeout;
        let router = Router::new(self.settings);
        let refresh = |known: Arc<super::metadata::Metadata>| {
            let router = &router;
            async move { router.refresh(&known).await }
        };
        router.until(deadline, "connecting", refresh).await?;
        Ok(Client { router: Arc::new(router) })
    }
}
