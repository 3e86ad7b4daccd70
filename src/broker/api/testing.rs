//! What the handlers' tests share: an engine, connections to its brokers, and typed requests that pass through the
//! codec at their version on the way in and out, so that a field which a version cannot hold is noticed.
//!
//! Not here: what any API answers; that is in the tests beside its handler.

use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::Command;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::PartitionAction;
use crate::base::PartitionIndex;
use crate::base::Seed;
use crate::base::Timestamp;
use crate::broker::Engine;
use crate::broker::EngineConfig;
use crate::broker::Input;
use crate::broker::Output;
use crate::broker::Release;
use crate::config::NewTopic;
use crate::journal::JournalLimits;
use crate::metadata::Broker;
use crate::wire::Message;
use crate::wire::Request;
use crate::wire::RequestHeader;
use crate::wire::RequestMessage;
use crate::wire::Response;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::messages::find_coordinator::FindCoordinatorRequest;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// The time in the world when a cluster of the tests starts.
pub(super) const START_TIME: Timestamp = Timestamp(1_700_000_000_000);

/// A cluster of brokers 1 to n that is driven by one test.
pub(super) struct TestCluster {
    pub(super) engine: Engine,
    pub(super) now: Instant,
    connections: u64,
    /// The connection that [`TestCluster::ask`] uses, by broker.
    own: BTreeMap<BrokerId, ConnectionId>,
    /// What was put out for connections that nobody has looked at yet.
    outputs: Vec<Output>,
}

/// What has become of a request.
#[derive(Debug, PartialEq)]
pub(super) enum Answer<R> {
    /// It was answered.
    Response(R),
    /// It is still waiting.
    Waiting,
    /// It is done and has no answer (`acks=0`).
    Silent,
    /// The connection was closed for this reason.
    Closed(String),
}

impl<R: Debug> Answer<R> {
    /// The response, which there must be.
    #[track_caller]
    pub(super) fn response(self) -> R {
        match self {
            Self::Response(response) => response,
            other => panic!("not answered but {other:?}"),
        }
    }
}

impl TestCluster {
    /// A cluster of brokers 1 to `brokers` of the newest release.
    pub(super) fn new(brokers: u16) -> Self {
        Self::with_config(brokers, &[])
    }

    /// The same, with static broker configuration.
    pub(super) fn with_config(brokers: u16, broker_config: &[(&str, &str)]) -> Self {
        Self::of_release("latest", brokers, broker_config)
    }

    /// The same, emulating a release.
    pub(super) fn of_release(release: &str, brokers: u16, broker_config: &[(&str, &str)]) -> Self {
        Self::made_of(release, (1..=brokers).map(plain_broker).collect(), broker_config)
    }

    /// A cluster of these brokers.
    pub(super) fn of_brokers(brokers: Vec<Broker>, broker_config: &[(&str, &str)]) -> Self {
        Self::made_of("latest", brokers, broker_config)
    }

    fn made_of(release: &str, brokers: Vec<Broker>, broker_config: &[(&str, &str)]) -> Self {
        let engine = Engine::new(EngineConfig {
            seed: Seed(1),
            start_time: START_TIME,
            brokers,
            broker_config: broker_config.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            release: release.parse::<Release>().unwrap(),
            journal: JournalLimits::default(),
        });
        let (own, outputs) = (BTreeMap::new(), Vec::new());
        Self { engine: engine.unwrap(), now: Instant::START, connections: 0, own, outputs }
    }

    /// Adds a topic of so many partitions, with so many replicas each.
    pub(super) fn topic(mut self, name: &str, partitions: i32, replication_factor: i16) -> Self {
        let topic = NewTopic::new(name).partitions(partitions).replication_factor(replication_factor);
        self.engine.create_topic(self.now, topic).unwrap();
        self
    }

    /// Appends one batch of these values to a partition at its leader, without a client.
    pub(super) fn append(&mut self, topic: &str, partition: i32, values: &[&str]) {
        self.engine.append(self.now, topic, vec![(PartitionIndex(partition), batch(values))]).unwrap();
        self.drain();
    }

    /// Does something to the cluster, which must be possible.
    #[track_caller]
    pub(super) fn apply(&mut self, command: Command) {
        self.engine.apply(self.now, &command).unwrap_or_else(|why| panic!("{command}: {why}"));
        self.drain();
    }

    /// Does something to a broker.
    #[track_caller]
    pub(super) fn broker(&mut self, broker: i32, action: BrokerAction) {
        self.apply(Command::Broker { broker: BrokerId(broker), action });
    }

    /// Does something to the first partition of a topic.
    #[track_caller]
    pub(super) fn partition(&mut self, topic: &str, action: PartitionAction) {
        self.apply(Command::Partition { topic: topic.to_owned(), partition: PartitionIndex(0), action });
    }

    /// Does something to the link from one broker to another.
    #[track_caller]
    pub(super) fn link(&mut self, from: i32, to: i32, action: LinkAction) {
        let (from, to) = (Node::Broker(BrokerId(from)), Node::Broker(BrokerId(to)));
        self.apply(Command::Link { from, to, action });
    }

    /// Opens a connection to a broker.
    pub(super) fn connect(&mut self, broker: i32) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let input = Input::Connected { connection, broker: BrokerId(broker), peer: "test".into() };
        self.engine.handle_input(self.now, input);
        connection
    }

    /// Sends a request to broker 1 and returns its response, which must come at once.
    #[track_caller]
    pub(super) fn ask<R>(&mut self, version: i16, request: R) -> R::Response
    where
        R: RequestMessage + Into<Request>,
        R::Response: TryFrom<Response, Error: Debug> + Debug,
    {
        self.ask_broker(1, version, request)
    }

    /// Sends a request to a broker and returns its response, which must come at once.
    #[track_caller]
    pub(super) fn ask_broker<R>(&mut self, broker: i32, version: i16, request: R) -> R::Response
    where
        R: RequestMessage + Into<Request>,
        R::Response: TryFrom<Response, Error: Debug> + Debug,
    {
        let connection = match self.own.get(&BrokerId(broker)) {
            Some(connection) => *connection,
            None => self.connect(broker),
        };
        self.own.insert(BrokerId(broker), connection);
        self.send(connection, version, request).response()
    }

    /// Sends a request on a connection and returns what has become of it at once.
    #[track_caller]
    pub(super) fn send<R>(&mut self, connection: ConnectionId, version: i16, request: R) -> Answer<R::Response>
    where
        R: RequestMessage + Into<Request>,
        R::Response: TryFrom<Response, Error: Debug> + Debug,
    {
        let header = RequestHeader {
            api_key: R::KEY.code(),
            api_version: version,
            correlation_id: 7,
            client_id: Some("test".into()),
        };
        let body = request.to_bytes(version).unwrap_or_else(|why| panic!("{} {version}: {why}", R::KEY));
        let request = R::from_bytes(body.clone(), version).unwrap().into();
        self.engine.handle_input(self.now, Input::Request { connection, header, request, body });
        self.received(connection)
    }

    /// What has become of the request on a connection until now.
    #[track_caller]
    pub(super) fn received<M>(&mut self, connection: ConnectionId) -> Answer<M>
    where
        M: Message + TryFrom<Response, Error: Debug> + Debug,
    {
        self.drain();
        let mine = |output: &Output| match output {
            Output::Send { connection: to, .. } | Output::Continue { connection: to } => *to == connection,
            Output::Close { connection: to, .. } => *to == connection,
            Output::Listen { .. } | Output::Process { .. } => false,
        };
        let Some(at) = self.outputs.iter().position(mine) else { return Answer::Waiting };
        match self.outputs.remove(at) {
            Output::Continue { .. } => Answer::Silent,
            Output::Close { reason, .. } => Answer::Closed(reason),
            Output::Listen { .. } | Output::Process { .. } => unreachable!("it is for no connection"),
            Output::Send { api_version, response, correlation_id, .. } => {
                assert_eq!(correlation_id, 7);
                let response = M::try_from(Response::clone(&response)).unwrap();
                let bytes = response.to_bytes(api_version).unwrap();
                Answer::Response(M::from_bytes(bytes, api_version).unwrap())
            }
        }
    }

    /// Lets time pass, with everything that falls due on the way.
    pub(super) fn pass_ms(&mut self, ms: i64) {
        let until = self.now.plus_ms(ms);
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// Asks for the coordinator of a group, which makes the offsets topic, and returns its node id.
    pub(super) fn coordinator(&mut self, group: &str) -> i32 {
        let request = FindCoordinatorRequest { key: group.into(), ..FindCoordinatorRequest::default() };
        let response = self.ask(3, request);
        assert_eq!(response.error_code, 0);
        response.node_id
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            self.outputs.push(output);
        }
    }
}

fn plain_broker(id: u16) -> Broker {
    Broker { id: BrokerId(id.into()), host: format!("broker-{id}"), port: 9090 + id, rack: None }
}

/// A batch of records without keys, stamped with the start of the cluster.
pub(super) fn batch(values: &[&str]) -> Batch {
    let mut batch = BatchBuilder::new();
    for value in values {
        batch.append(START_TIME, None, Some(value.as_bytes()), &[]);
    }
    batch.build().unwrap()
}
