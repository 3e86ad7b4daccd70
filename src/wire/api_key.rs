//! The numbers and names of Kafka's APIs, and how their headers look.

use crate::wire::messages::facts;
use crate::wire::schema::MessageFacts;
use crate::wire::schema::Versions;
use std::fmt;

macro_rules! api_keys {
    ($($(#[$doc:meta])* $name:ident = $key:literal,)*) => {
        /// An API of Kafka's protocol that clients use.
        /// ```
        /// use rehearsal::ApiKey;
        /// assert_eq!(ApiKey::new(1), Some(ApiKey::Fetch));
        /// assert_eq!(ApiKey::from_name("ListOffsets"), Some(ApiKey::ListOffsets));
        /// assert_eq!(ApiKey::Fetch.to_string(), "Fetch");
        /// ```
        /// Source: <https://kafka.apache.org/protocol#protocol_api_keys>.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ApiKey {
            $($(#[$doc])* $name = $key,)*
        }

        impl ApiKey {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The API with this number, if it is one that clients use.
            pub const fn new(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

api_keys! {
    /// Appends record batches to partitions.
    Produce = 0,
    /// Reads record batches from partitions, waiting for them if asked.
    Fetch = 1,
    /// Finds offsets: the first, the last, or the first at or after a timestamp.
    ListOffsets = 2,
    /// Tells which brokers, topics, partitions and leaders there are.
    Metadata = 3,
    /// Stores a group's positions.
    OffsetCommit = 8,
    /// Reads a group's stored positions.
    OffsetFetch = 9,
    /// Tells which broker looks after a group, a transactional id or a share partition.
    FindCoordinator = 10,
    /// Makes a client a member of a classic group.
    JoinGroup = 11,
    /// Keeps a member of a classic group alive.
    Heartbeat = 12,
    /// Removes members from a classic group.
    LeaveGroup = 13,
    /// Hands out the assignment of a classic group.
    SyncGroup = 14,
    /// Shows the state and the members of classic groups.
    DescribeGroups = 15,
    /// Lists groups with their states and types.
    ListGroups = 16,
    /// Chooses a SASL mechanism.
    SaslHandshake = 17,
    /// Tells which versions of which APIs a broker speaks.
    ApiVersions = 18,
    /// Creates topics.
    CreateTopics = 19,
    /// Deletes topics.
    DeleteTopics = 20,
    /// Moves the log start offset of partitions forward.
    DeleteRecords = 21,
    /// Hands out a producer id and its epoch.
    InitProducerId = 22,
    /// Tells where the records of a leader epoch end.
    OffsetForLeaderEpoch = 23,
    /// Adds partitions to a transaction.
    AddPartitionsToTxn = 24,
    /// Adds a group's offsets to a transaction.
    AddOffsetsToTxn = 25,
    /// Commits or aborts a transaction.
    EndTxn = 26,
    /// Writes the markers that end a transaction.
    WriteTxnMarkers = 27,
    /// Stores a group's positions within a transaction.
    TxnOffsetCommit = 28,
    /// Lists access rules.
    DescribeAcls = 29,
    /// Creates access rules.
    CreateAcls = 30,
    /// Deletes access rules.
    DeleteAcls = 31,
    /// Shows configuration values and where they come from.
    DescribeConfigs = 32,
    /// Replaces the whole configuration of a resource.
    AlterConfigs = 33,
    /// Moves replicas between log directories.
    AlterReplicaLogDirs = 34,
    /// Shows log directories and the replicas in them.
    DescribeLogDirs = 35,
    /// Carries one step of a SASL exchange.
    SaslAuthenticate = 36,
    /// Adds partitions to topics.
    CreatePartitions = 37,
    /// Creates a delegation token.
    CreateDelegationToken = 38,
    /// Prolongs a delegation token.
    RenewDelegationToken = 39,
    /// Ends a delegation token.
    ExpireDelegationToken = 40,
    /// Lists delegation tokens.
    DescribeDelegationToken = 41,
    /// Deletes empty groups.
    DeleteGroups = 42,
    /// Elects leaders of partitions.
    ElectLeaders = 43,
    /// Changes single configuration values.
    IncrementalAlterConfigs = 44,
    /// Moves partitions to other brokers.
    AlterPartitionReassignments = 45,
    /// Lists moves of partitions that are under way.
    ListPartitionReassignments = 46,
    /// Deletes positions of a group.
    OffsetDelete = 47,
    /// Lists quotas.
    DescribeClientQuotas = 48,
    /// Changes quotas.
    AlterClientQuotas = 49,
    /// Lists users' SCRAM credentials.
    DescribeUserScramCredentials = 50,
    /// Changes users' SCRAM credentials.
    AlterUserScramCredentials = 51,
    /// Shows the metadata quorum.
    DescribeQuorum = 55,
    /// Changes the finalized feature levels.
    UpdateFeatures = 57,
    /// Tells which brokers there are.
    DescribeCluster = 60,
    /// Shows the producers that are active on partitions.
    DescribeProducers = 61,
    /// Removes a broker's registration.
    UnregisterBroker = 64,
    /// Shows transactions.
    DescribeTransactions = 65,
    /// Lists transactions.
    ListTransactions = 66,
    /// Joins, keeps alive and leaves a consumer group of KIP-848.
    ConsumerGroupHeartbeat = 68,
    /// Shows consumer groups of KIP-848.
    ConsumerGroupDescribe = 69,
    /// Tells a client which metrics to push.
    GetTelemetrySubscriptions = 71,
    /// Receives a client's metrics.
    PushTelemetry = 72,
    /// Lists what can be configured.
    ListConfigResources = 74,
    /// Shows topics and their partitions, page by page.
    DescribeTopicPartitions = 75,
    /// Joins, keeps alive and leaves a share group.
    ShareGroupHeartbeat = 76,
    /// Shows share groups.
    ShareGroupDescribe = 77,
    /// Acquires records for a member of a share group.
    ShareFetch = 78,
    /// Acknowledges acquired records.
    ShareAcknowledge = 79,
    /// Adds a voter to the metadata quorum.
    AddRaftVoter = 80,
    /// Removes a voter from the metadata quorum.
    RemoveRaftVoter = 81,
    /// Joins, keeps alive and leaves a streams group.
    StreamsGroupHeartbeat = 88,
    /// Shows streams groups.
    StreamsGroupDescribe = 89,
    /// Shows the start offsets of share groups.
    DescribeShareGroupOffsets = 90,
    /// Changes the start offsets of a share group.
    AlterShareGroupOffsets = 91,
    /// Deletes the start offsets of a share group.
    DeleteShareGroupOffsets = 92,
}

impl ApiKey {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Finds an API by name, in any case of letters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|api| api.name().eq_ignore_ascii_case(name))
    }

    /// The table of its request.
    pub const fn request_facts(self) -> &'static MessageFacts {
        facts(self).0
    }

    /// The table of its response.
    pub const fn response_facts(self) -> &'static MessageFacts {
        facts(self).1
    }

    /// The versions that this crate can read and write.
    pub const fn versions(self) -> Versions {
        self.request_facts().versions
    }

    /// The version of the header before a request: 2 for flexible versions, else 1.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.request_facts().flexible.contains(version) { 2 } else { 1 }
    }

    /// The version of the header before a response: 1 for flexible versions, else 0.
    ///
    /// `ApiVersions` always has 0, so that a client can read the answer before it knows the broker (KIP-511).
    pub const fn response_header_version(self, version: i16) -> i16 {
        if self.response_facts().flexible.contains(version) && !matches!(self, Self::ApiVersions) { 1 } else { 0 }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for ApiKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for ApiKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("no API is called `{name}`")))
    }
}
