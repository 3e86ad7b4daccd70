//! What can be done to a cluster from outside, as data: to brokers, to partitions, to the links between nodes, to groups,
//! to transactions.
//!
//! Not here: doing it, and when; an engine obeys commands, a plan of faults says when they are given.

use crate::base::BrokerId;
use crate::base::Offset;
use crate::base::PartitionIndex;
use std::fmt;
use std::time::Duration;

/// Something that is done to a cluster from outside.
///
/// `B` is how brokers are named: by id when the command is carried out, by a role in a plan of faults, which
/// [`Command::try_map`] turns into ids at the moment the command is given.
/// ```
/// use rehearsal::base::{BrokerAction, BrokerId, Command};
/// let planned: Command<&str> = Command::Broker { broker: "leader(orders, 0)", action: BrokerAction::Crash };
/// let given = planned.try_map(&mut |name| (*name == "leader(orders, 0)").then_some(BrokerId(2))).unwrap();
/// assert_eq!(given.to_string(), "crash broker 2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command<B = BrokerId> {
    /// Something happens to a broker.
    Broker {
        /// The broker.
        broker: B,
        /// What happens to it.
        action: BrokerAction,
    },
    /// Another broker is shown to clients as the controller.
    MoveController {
        /// The broker.
        broker: B,
    },
    /// Something happens to a partition.
    Partition {
        /// The topic.
        topic: String,
        /// The partition's number.
        partition: PartitionIndex,
        /// What happens to it.
        action: PartitionAction<B>,
    },
    /// Something happens to what is sent from one node to another; the other direction is a link of its own.
    Link {
        /// Who sends.
        from: Node<B>,
        /// Who receives.
        to: Node<B>,
        /// What happens to it.
        action: LinkAction,
    },
    /// All links are as they were at the start.
    HealLinks,
    /// Something happens to a consumer group or its coordinator.
    Group {
        /// The group's id.
        group: String,
        /// What happens to it.
        action: GroupAction<B>,
    },
    /// From now on, a broker that becomes a coordinator reads its log for so long before it answers.
    CoordinatorLoadTime {
        /// How long, in milliseconds.
        ms: u32,
    },
    /// Something happens to a transactional id or its coordinator.
    Transaction {
        /// The transactional id.
        transactional_id: String,
        /// What happens to it.
        action: TransactionAction<B>,
    },
    /// The markers of all transactions stop arriving.
    HoldMarkers,
    /// Ends [`Command::HoldMarkers`]: unless a test holds them too, markers arrive.
    ReleaseMarkers,
    /// From now on, a marker that is sent travels for so long.
    MarkerDelay {
        /// How long, in milliseconds.
        ms: u32,
    },
    /// Something happens to a process of the application. Only a simulation has processes.
    Process {
        /// Its number, from 0; a number that no process has is nobody's.
        process: u32,
        /// What happens to it.
        action: ProcessAction,
    },
}

/// What can happen to a process of a simulated application. What makes no difference is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProcessAction {
    /// It ends at once, with all that it had under way.
    Crash,
    /// One that has crashed, or was asked to end and has, starts again.
    Restart,
    /// It stands still, and nothing that is sent reaches it or leaves it.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// It is slow: after each record that it is handed it does nothing for so long; 0 for none.
    Slow {
        /// How long, in milliseconds.
        ms: u32,
    },
    /// What it does is dropped at the point where it waits, and begun again by the same process with the same client.
    Cancel,
    /// It is asked to end, whatever it has under way; one that does not listen goes on.
    Stop,
}

/// What can happen to a broker. What makes no difference (a dead broker crashes) is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BrokerAction {
    /// Its process dies: connections are cut and new ones refused; what it wrote, the operating system still has.
    Crash,
    /// Its machine loses power: as [`BrokerAction::Crash`], and records that were not flushed to disk are gone.
    PowerLoss,
    /// It shuts down in order: its leaders move first.
    Shutdown,
    /// A broker that is down starts again.
    Restart,
    /// Its process stands still: connections stay open, nothing is answered and nothing is replicated.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// The controller takes it for dead: it leads nothing, is in no ISR, and clients are not told of it.
    Fence,
    /// The controller takes it for alive again.
    Unfence,
    /// It is taken out of the cluster for good, with all its replicas.
    Decommission,
    /// Everything it has written is flushed to disk.
    Flush,
    /// Clients that ask it for metadata get what was true at this moment.
    FreezeMetadata,
    /// Clients that ask it for metadata get the truth again.
    RefreshMetadata,
}

/// What can happen to a partition.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartitionAction<B = BrokerId> {
    /// A replica of the ISR becomes the leader.
    Elect {
        /// The new leader.
        broker: B,
    },
    /// The first replica of the assignment becomes the leader, if it is in sync.
    ElectPreferred,
    /// If it has no leader, the first replica that may lead becomes it.
    ElectAny,
    /// A replica becomes the leader and alone in sync, whatever the others hold.
    ElectUnclean {
        /// The new leader.
        broker: B,
    },
    /// It has no leader until there is an election.
    Leaderless,
    /// A follower falls out of the ISR, and stays out until [`PartitionAction::ExpandIsr`].
    ShrinkIsr {
        /// The follower.
        broker: B,
    },
    /// A follower comes back into the ISR, level with the leader or not.
    ExpandIsr {
        /// The follower.
        broker: B,
    },
    /// The high watermark does not move, whatever is replicated.
    FreezeHighWatermark,
    /// The high watermark moves again.
    ThawHighWatermark,
    /// A follower stops fetching.
    HoldReplication {
        /// The follower.
        broker: B,
    },
    /// A follower fetches again.
    ReleaseReplication {
        /// The follower.
        broker: B,
    },
    /// A replica loses what it holds from an offset on.
    Truncate {
        /// The broker that holds it.
        broker: B,
        /// The first offset that is lost.
        offset: Offset,
    },
}

/// What can happen to a group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupAction<B = BrokerId> {
    /// Its members join anew.
    Rebalance,
    /// A member is out, as if its session had timed out.
    ExpireMember {
        /// Its id, its `group.instance.id`, or the `client.id` of exactly one member.
        member: String,
    },
    /// Some member is out, whoever it is, as if its session had timed out.
    ExpireAny {
        /// The one of this number in a snapshot of the group, counted round.
        n: u32,
    },
    /// Every committed offset expires that may: all while nobody is in the group, otherwise those of topics that
    /// nobody in it reads.
    ExpireOffsets,
    /// Another broker becomes its coordinator, and of all groups that share its partition of `__consumer_offsets`.
    MoveCoordinator {
        /// The new coordinator.
        broker: B,
    },
    /// Its coordinator forgets all that it has in memory and reads its log again.
    UnloadCoordinator,
}

/// What can happen to a transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransactionAction<B = BrokerId> {
    /// The open transaction is aborted as if its time were over, and its producer fenced.
    TimeOut,
    /// Another producer takes the transactional id: an open transaction is aborted, and whoever had the id is fenced.
    Fence,
    /// The next producer to begin gets the last epoch of its producer id.
    ExhaustEpoch,
    /// Another broker becomes its coordinator, and of all ids that share its partition of `__transaction_state`.
    MoveCoordinator {
        /// The new coordinator.
        broker: B,
    },
    /// Its coordinator forgets all that it has in memory and reads its log again.
    UnloadCoordinator,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node<B = BrokerId> {
    /// A broker.
    Broker(B),
    /// All connections of clients that give themselves this name (`client.id`).
    Client(String),
    /// Every broker.
    AnyBroker,
    /// Every client.
    AnyClient,
}

/// What can happen to what is sent over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LinkAction {
    /// Nothing arrives any more; what is sent is lost. Between a client and a broker, where TCP repeats what is lost,
    /// the same as [`LinkAction::Clog`].
    Cut,
    /// Everything takes a while, evenly distributed between two bounds.
    Latency {
        /// The shortest, in milliseconds.
        min_ms: u32,
        /// The longest, in milliseconds.
        max_ms: u32,
    },
    /// No more than so many bytes arrive in a second.
    Bandwidth {
        /// The bytes.
        bytes_per_second: u64,
    },
    /// Everything is kept on the way until [`LinkAction::Release`].
    Clog,
    /// What was kept goes on.
    Release,
    /// Connections over it are closed. Between brokers nothing lasts that could be closed, so nothing happens.
    Reset,
    /// It is as it was at the start.
    Heal,
}

impl<B> Command<B> {
    /// Names the brokers in another way; `None` when one of them has no name there.
    pub fn try_map<C>(&self, name: &mut impl FnMut(&B) -> Option<C>) -> Option<Command<C>> {
        Some(match self {
            Self::Broker { broker, action } => Command::Broker { broker: name(broker)?, action: *action },
            Self::MoveController { broker } => Command::MoveController { broker: name(broker)? },
            Self::Partition { topic, partition, action } => {
                Command::Partition { topic: topic.clone(), partition: *partition, action: action.try_map(name)? }
            }
            Self::Link { from, to, action } => {
                Command::Link { from: from.try_map(name)?, to: to.try_map(name)?, action: *action }
            }
            Self::HealLinks => Command::HealLinks,
            Self::Group { group, action } => Command::Group { group: group.clone(), action: action.try_map(name)? },
            Self::CoordinatorLoadTime { ms } => Command::CoordinatorLoadTime { ms: *ms },
            Self::Transaction { transactional_id, action } => {
                Command::Transaction { transactional_id: transactional_id.clone(), action: action.try_map(name)? }
            }
            Self::HoldMarkers => Command::HoldMarkers,
            Self::ReleaseMarkers => Command::ReleaseMarkers,
            Self::MarkerDelay { ms } => Command::MarkerDelay { ms: *ms },
            Self::Process { process, action } => Command::Process { process: *process, action: *action },
        })
    }
}

impl<B> PartitionAction<B> {
    /// As [`Command::try_map`].
    pub fn try_map<C>(&self, name: &mut impl FnMut(&B) -> Option<C>) -> Option<PartitionAction<C>> {
        Some(match self {
            Self::Elect { broker } => PartitionAction::Elect { broker: name(broker)? },
            Self::ElectPreferred => PartitionAction::ElectPreferred,
            Self::ElectAny => PartitionAction::ElectAny,
            Self::ElectUnclean { broker } => PartitionAction::ElectUnclean { broker: name(broker)? },
            Self::Leaderless => PartitionAction::Leaderless,
            Self::ShrinkIsr { broker } => PartitionAction::ShrinkIsr { broker: name(broker)? },
            Self::ExpandIsr { broker } => PartitionAction::ExpandIsr { broker: name(broker)? },
            Self::FreezeHighWatermark => PartitionAction::FreezeHighWatermark,
            Self::ThawHighWatermark => PartitionAction::ThawHighWatermark,
            Self::HoldReplication { broker } => PartitionAction::HoldReplication { broker: name(broker)? },
            Self::ReleaseReplication { broker } => PartitionAction::ReleaseReplication { broker: name(broker)? },
            Self::Truncate { broker, offset } => PartitionAction::Truncate { broker: name(broker)?, offset: *offset },
        })
    }
}

impl<B> GroupAction<B> {
    /// As [`Command::try_map`].
    pub fn try_map<C>(&self, name: &mut impl FnMut(&B) -> Option<C>) -> Option<GroupAction<C>> {
        Some(match self {
            Self::Rebalance => GroupAction::Rebalance,
            Self::ExpireMember { member } => GroupAction::ExpireMember { member: member.clone() },
            Self::ExpireAny { n } => GroupAction::ExpireAny { n: *n },
            Self::ExpireOffsets => GroupAction::ExpireOffsets,
            Self::MoveCoordinator { broker } => GroupAction::MoveCoordinator { broker: name(broker)? },
            Self::UnloadCoordinator => GroupAction::UnloadCoordinator,
        })
    }
}

impl<B> TransactionAction<B> {
    /// As [`Command::try_map`].
    pub fn try_map<C>(&self, name: &mut impl FnMut(&B) -> Option<C>) -> Option<TransactionAction<C>> {
        Some(match self {
            Self::TimeOut => TransactionAction::TimeOut,
            Self::Fence => TransactionAction::Fence,
            Self::ExhaustEpoch => TransactionAction::ExhaustEpoch,
            Self::MoveCoordinator { broker } => TransactionAction::MoveCoordinator { broker: name(broker)? },
            Self::UnloadCoordinator => TransactionAction::UnloadCoordinator,
        })
    }
}

impl<B> Node<B> {
    /// As [`Command::try_map`].
    pub fn try_map<C>(&self, name: &mut impl FnMut(&B) -> Option<C>) -> Option<Node<C>> {
        Some(match self {
            Self::Broker(broker) => Node::Broker(name(broker)?),
            Self::Client(client_id) => Node::Client(client_id.clone()),
            Self::AnyBroker => Node::AnyBroker,
            Self::AnyClient => Node::AnyClient,
        })
    }
}

impl From<i32> for Node {
    fn from(broker: i32) -> Self {
        Self::Broker(BrokerId(broker))
    }
}

impl From<BrokerId> for Node {
    fn from(broker: BrokerId) -> Self {
        Self::Broker(broker)
    }
}

impl From<&str> for Node {
    fn from(client_id: &str) -> Self {
        Self::Client(client_id.to_owned())
    }
}

impl LinkAction {
    /// The same delay for everything.
    pub fn latency(delay: Duration) -> Self {
        let ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
        Self::Latency { min_ms: ms, max_ms: ms }
    }
}

/// As the journal notes it.
impl<B: fmt::Display> fmt::Display for Command<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker { broker, action } => write!(f, "{action} broker {broker}"),
            Self::MoveController { broker } => write!(f, "move the controller to broker {broker}"),
            Self::Partition { topic, partition, action } => write!(f, "{topic}-{partition}: {action}"),
            Self::Link { from, to, action } => write!(f, "link from {from} to {to}: {action}"),
            Self::HealLinks => f.write_str("heal all links"),
            Self::Group { group, action } => write!(f, "group {group}: {action}"),
            Self::CoordinatorLoadTime { ms } => write!(f, "coordinators take {ms} ms to load"),
            Self::Transaction { transactional_id, action } => write!(f, "transaction {transactional_id}: {action}"),
            Self::HoldMarkers => f.write_str("hold markers"),
            Self::ReleaseMarkers => f.write_str("release markers"),
            Self::MarkerDelay { ms } => write!(f, "markers take {ms} ms"),
            Self::Process { process, action } => write!(f, "{action} process {process}"),
        }
    }
}

impl fmt::Display for ProcessAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crash => "crash",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Slow { ms } => return write!(f, "wait {ms} ms after each record in"),
            Self::Cancel => "cancel what is under way in",
            Self::Stop => "ask to end",
        })
    }
}

impl fmt::Display for BrokerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crash => "crash",
            Self::PowerLoss => "cut the power of",
            Self::Shutdown => "shut down",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::Decommission => "decommission",
            Self::Flush => "flush",
            Self::FreezeMetadata => "freeze the metadata of",
            Self::RefreshMetadata => "refresh the metadata of",
        })
    }
}

impl<B: fmt::Display> fmt::Display for PartitionAction<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elect { broker } => write!(f, "elect {broker}"),
            Self::ElectPreferred => f.write_str("elect the preferred leader"),
            Self::ElectAny => f.write_str("elect a leader if there is none"),
            Self::ElectUnclean { broker } => write!(f, "elect {broker}, unclean"),
            Self::Leaderless => f.write_str("take the leader away"),
            Self::ShrinkIsr { broker } => write!(f, "shrink the ISR by {broker}"),
            Self::ExpandIsr { broker } => write!(f, "expand the ISR by {broker}"),
            Self::FreezeHighWatermark => f.write_str("freeze the high watermark"),
            Self::ThawHighWatermark => f.write_str("thaw the high watermark"),
            Self::HoldReplication { broker } => write!(f, "hold replication to {broker}"),
            Self::ReleaseReplication { broker } => write!(f, "release replication to {broker}"),
            Self::Truncate { broker, offset } => write!(f, "truncate the replica on {broker} to {offset}"),
        }
    }
}

impl<B: fmt::Display> fmt::Display for GroupAction<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebalance => f.write_str("rebalance"),
            Self::ExpireMember { member } => write!(f, "expire member {member}"),
            Self::ExpireAny { n } => write!(f, "expire some member ({n})"),
            Self::ExpireOffsets => f.write_str("expire offsets"),
            Self::MoveCoordinator { broker } => write!(f, "move the coordinator to broker {broker}"),
            Self::UnloadCoordinator => f.write_str("unload the coordinator"),
        }
    }
}

impl<B: fmt::Display> fmt::Display for TransactionAction<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeOut => f.write_str("time out"),
            Self::Fence => f.write_str("fence its producer"),
            Self::ExhaustEpoch => f.write_str("exhaust its epochs"),
            Self::MoveCoordinator { broker } => write!(f, "move its coordinator to broker {broker}"),
            Self::UnloadCoordinator => f.write_str("unload its coordinator"),
        }
    }
}

impl<B: fmt::Display> fmt::Display for Node<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(broker) => write!(f, "broker {broker}"),
            Self::Client(client_id) => write!(f, "client {client_id:?}"),
            Self::AnyBroker => f.write_str("any broker"),
            Self::AnyClient => f.write_str("any client"),
        }
    }
}

impl fmt::Display for LinkAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::Latency { min_ms, max_ms } => write!(f, "latency {min_ms}..={max_ms} ms"),
            Self::Bandwidth { bytes_per_second } => write!(f, "{bytes_per_second} bytes per second"),
            Self::Clog => f.write_str("clog"),
            Self::Release => f.write_str("release"),
            Self::Reset => f.write_str("reset"),
            Self::Heal => f.write_str("heal"),
        }
    }
}
