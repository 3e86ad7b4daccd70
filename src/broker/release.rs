//! Older releases of Kafka, as far as a client can tell them apart: by the versions that their brokers answer.
//!
//! Not here: what we serve ourselves; a release only ever takes away from that.

use crate::base::ErrorCode;
use crate::wire::ApiKey;
use crate::wire::schema::Versions;
use std::fmt;
use std::str::FromStr;

/// A release of Kafka whose brokers are emulated.
/// ```
/// use rehearsal::ApiKey;
/// use rehearsal::broker::Release;
/// let old: Release = "1.1".parse().unwrap();
/// assert_eq!(old.versions(ApiKey::Produce).unwrap().max, 5);
/// assert_eq!(old.versions(ApiKey::DescribeCluster), None);
/// assert!("0.7".parse::<Release>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release(Option<usize>);

/// A text that names no release that is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRelease(String);

/// The releases of the table's columns.
const NAMES: [&str; 6] = ["0.11", "1.1", "2.8", "3.9", "4.1", "4.2"];

/// What the brokers of a release answer, in the order of [`NAMES`].
type Row = (ApiKey, [Versions; NAMES.len()]);

macro_rules! releases {
    ($($api:ident: $($cell:tt)|+;)*) => {
        const TABLE: &[Row] = &[$((ApiKey::$api, [$(releases!(@$cell)),+])),*];
    };
    (@-) => { Versions::NONE };
    (@($min:literal $max:literal)) => { Versions::new($min, $max) };
}

// First and last version, as real brokers of 0.11.0.3, 1.1.1, 2.8.2, 3.9.2, 4.1.2 and 4.2.1 answered `ApiVersions`.
#[rustfmt::skip]
releases! {
    Produce:                      (0 3)  | (0 5)  | (0 9)  | (0 11) | (0 13) | (0 13);
    Fetch:                        (0 5)  | (0 7)  | (0 12) | (0 17) | (4 18) | (4 18);
    ListOffsets:                  (0 2)  | (0 2)  | (0 6)  | (0 9)  | (1 10) | (1 11);
    Metadata:                     (0 4)  | (0 5)  | (0 11) | (0 12) | (0 13) | (0 13);
    OffsetCommit:                 (0 3)  | (0 3)  | (0 8)  | (0 9)  | (2 9)  | (2 10);
    OffsetFetch:                  (0 3)  | (0 3)  | (0 7)  | (0 9)  | (1 9)  | (1 10);
    FindCoordinator:              (0 1)  | (0 1)  | (0 3)  | (0 6)  | (0 6)  | (0 6);
    JoinGroup:                    (0 2)  | (0 2)  | (0 7)  | (0 9)  | (0 9)  | (0 9);
    Heartbeat:                    (0 1)  | (0 1)  | (0 4)  | (0 4)  | (0 4)  | (0 4);
    LeaveGroup:                   (0 1)  | (0 1)  | (0 4)  | (0 5)  | (0 5)  | (0 5);
    SyncGroup:                    (0 1)  | (0 1)  | (0 5)  | (0 5)  | (0 5)  | (0 5);
    DescribeGroups:               (0 1)  | (0 1)  | (0 5)  | (0 5)  | (0 6)  | (0 6);
    ListGroups:                   (0 1)  | (0 1)  | (0 4)  | (0 5)  | (0 5)  | (0 5);
    SaslHandshake:                (0 0)  | (0 1)  | (0 1)  | (0 1)  | (0 1)  | (0 1);
    ApiVersions:                  (0 1)  | (0 1)  | (0 3)  | (0 4)  | (0 4)  | (0 4);
    CreateTopics:                 (0 2)  | (0 2)  | (0 7)  | (0 7)  | (2 7)  | (2 7);
    DeleteTopics:                 (0 1)  | (0 1)  | (0 6)  | (0 6)  | (1 6)  | (1 6);
    DeleteRecords:                (0 0)  | (0 0)  | (0 2)  | (0 2)  | (0 2)  | (0 2);
    InitProducerId:               (0 0)  | (0 0)  | (0 4)  | (0 5)  | (0 5)  | (0 5);
    OffsetForLeaderEpoch:         (0 0)  | (0 0)  | (0 4)  | (0 4)  | (2 4)  | (2 4);
    AddPartitionsToTxn:           (0 0)  | (0 0)  | (0 3)  | (0 5)  | (0 5)  | (0 5);
    AddOffsetsToTxn:              (0 0)  | (0 0)  | (0 3)  | (0 4)  | (0 4)  | (0 4);
    EndTxn:                       (0 0)  | (0 0)  | (0 3)  | (0 4)  | (0 5)  | (0 5);
    WriteTxnMarkers:              (0 0)  | (0 0)  | (0 1)  | (0 1)  | (1 1)  | (1 2);
    TxnOffsetCommit:              (0 0)  | (0 0)  | (0 3)  | (0 4)  | (0 5)  | (0 5);
    DescribeAcls:                 (0 0)  | (0 0)  | (0 2)  | (0 3)  | (1 3)  | (1 3);
    CreateAcls:                   (0 0)  | (0 0)  | (0 2)  | (0 3)  | (1 3)  | (1 3);
    DeleteAcls:                   (0 0)  | (0 0)  | (0 2)  | (0 3)  | (1 3)  | (1 3);
    DescribeConfigs:              (0 0)  | (0 1)  | (0 4)  | (0 4)  | (1 4)  | (1 4);
    AlterConfigs:                 (0 0)  | (0 0)  | (0 2)  | (0 2)  | (0 2)  | (0 2);
    AlterReplicaLogDirs:          -      | (0 0)  | (0 2)  | (0 2)  | (1 2)  | (1 2);
    DescribeLogDirs:              -      | (0 0)  | (0 2)  | (0 4)  | (1 4)  | (1 4);
    SaslAuthenticate:             -      | (0 0)  | (0 2)  | (0 2)  | (0 2)  | (0 2);
    CreatePartitions:             -      | (0 0)  | (0 3)  | (0 3)  | (0 3)  | (0 3);
    CreateDelegationToken:        -      | (0 0)  | (0 2)  | (0 3)  | (1 3)  | (1 3);
    RenewDelegationToken:         -      | (0 0)  | (0 2)  | (0 2)  | (1 2)  | (1 2);
    ExpireDelegationToken:        -      | (0 0)  | (0 2)  | (0 2)  | (1 2)  | (1 2);
    DescribeDelegationToken:      -      | (0 0)  | (0 2)  | (0 3)  | (1 3)  | (1 3);
    DeleteGroups:                 -      | (0 0)  | (0 2)  | (0 2)  | (0 2)  | (0 2);
    ElectLeaders:                 -      | -      | (0 2)  | (0 2)  | (0 2)  | (0 2);
    IncrementalAlterConfigs:      -      | -      | (0 1)  | (0 1)  | (0 1)  | (0 1);
    AlterPartitionReassignments:  -      | -      | (0 0)  | (0 0)  | (0 1)  | (0 1);
    ListPartitionReassignments:   -      | -      | (0 0)  | (0 0)  | (0 0)  | (0 0);
    OffsetDelete:                 -      | -      | (0 0)  | (0 0)  | (0 0)  | (0 0);
    DescribeClientQuotas:         -      | -      | (0 1)  | (0 1)  | (0 1)  | (0 1);
    AlterClientQuotas:            -      | -      | (0 1)  | (0 1)  | (0 1)  | (0 1);
    DescribeUserScramCredentials: -      | -      | (0 0)  | (0 0)  | (0 0)  | (0 0);
    AlterUserScramCredentials:    -      | -      | (0 0)  | (0 0)  | (0 0)  | (0 0);
    DescribeQuorum:               -      | -      | -      | (0 2)  | (0 2)  | (0 2);
    UpdateFeatures:               -      | -      | (0 0)  | (0 1)  | (0 2)  | (0 2);
    DescribeCluster:              -      | -      | (0 0)  | (0 1)  | (0 2)  | (0 2);
    DescribeProducers:            -      | -      | (0 0)  | (0 0)  | (0 0)  | (0 0);
    UnregisterBroker:             -      | -      | -      | (0 0)  | (0 0)  | (0 0);
    DescribeTransactions:         -      | -      | -      | (0 0)  | (0 0)  | (0 0);
    ListTransactions:             -      | -      | -      | (0 1)  | (0 2)  | (0 2);
    ConsumerGroupHeartbeat:       -      | -      | -      | (0 0)  | (0 1)  | (0 1);
    ConsumerGroupDescribe:        -      | -      | -      | (0 0)  | (0 1)  | (0 1);
    GetTelemetrySubscriptions:    -      | -      | -      | -      | -      | -;
    PushTelemetry:                -      | -      | -      | -      | -      | -;
    ListConfigResources:          -      | -      | -      | (0 0)  | (0 1)  | (0 1);
    DescribeTopicPartitions:      -      | -      | -      | (0 0)  | (0 0)  | (0 0);
    ShareGroupHeartbeat:          -      | -      | -      | -      | (1 1)  | (1 1);
    ShareGroupDescribe:           -      | -      | -      | -      | (1 1)  | (1 1);
    ShareFetch:                   -      | -      | -      | -      | (1 1)  | (1 2);
    ShareAcknowledge:             -      | -      | -      | -      | (1 1)  | (1 2);
    AddRaftVoter:                 -      | -      | -      | (0 0)  | (0 0)  | (0 1);
    RemoveRaftVoter:              -      | -      | -      | (0 0)  | (0 0)  | (0 0);
    StreamsGroupHeartbeat:        -      | -      | -      | -      | -      | (0 0);
    StreamsGroupDescribe:         -      | -      | -      | -      | -      | (0 0);
    DescribeShareGroupOffsets:    -      | -      | -      | -      | (0 0)  | (0 1);
    AlterShareGroupOffsets:       -      | -      | -      | -      | (0 0)  | (0 0);
    DeleteShareGroupOffsets:      -      | -      | -      | -      | (0 0)  | (0 0);
}

impl Release {
    /// Everything that is served here, old versions included: what a cluster does unless told otherwise.
    pub const NEWEST: Self = Self(None);

    /// The names that can be parsed, oldest first.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The highest level of the feature `transaction.version` that brokers of this release know.
    pub(super) fn transaction_version_max(self) -> i16 {
        match self.0 {
            Some(column) if NAMES[column] < "4" => 0,
            _ => 2,
        }
    }

    /// How brokers of this release refuse a producer that they know nothing of and that does not begin with sequence
    /// number 0; since KIP-360 they do not.
    pub(super) fn refuses_unknown_producers(self) -> Option<ErrorCode> {
        match NAMES[self.0?] {
            "0.11" => Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            "1.1" => Some(ErrorCode::UNKNOWN_PRODUCER_ID),
            _ => None,
        }
    }

    /// What brokers of this release answer of an API, if anything.
    pub fn versions(self, api: ApiKey) -> Option<Versions> {
        let Some(column) = self.0 else { return Some(api.versions()) };
        let row = TABLE.iter().find(|row| row.0 == api)?;
        Some(row.1[column]).filter(|versions| !versions.is_empty())
    }
}

impl FromStr for Release {
    type Err = InvalidRelease;

    /// Reads `2.8` or `2.8.1`: major and minor number choose the release. Kafka 4.2 is also `latest`.
    fn from_str(text: &str) -> Result<Self, InvalidRelease> {
        if text == "latest" {
            return Ok(Self::NEWEST);
        }
        let chosen =
            |name: &&str| text.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match NAMES.iter().position(chosen) {
            Some(column) => Ok(Self(Some(column))),
            None => Err(InvalidRelease(text.to_owned())),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(column) => write!(f, "Kafka {}", NAMES[column]),
            None => f.write_str("rehearsal"),
        }
    }
}

impl fmt::Display for InvalidRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no release that can be emulated; there are {} and latest", self.0, NAMES.join(", "))
    }
}

impl std::error::Error for InvalidRelease {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_and_minor_number_choose_the_release() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(text.parse::<Release>().ok().map(|release| release.to_string()).as_deref(), expected, "{text}");
        };
        check("2.8", Some("Kafka 2.8"));
        check("0.11.0.3", Some("Kafka 0.11"));
        check("4.1.2", Some("Kafka 4.1"));
        check("latest", Some("rehearsal"));
        check("4.10", None);
        check("", None);
    }

    #[test]
    fn the_table_has_every_api_once_and_in_order() {
        assert!(TABLE.iter().map(|row| row.0).eq(ApiKey::ALL.iter().copied()));
    }
}
