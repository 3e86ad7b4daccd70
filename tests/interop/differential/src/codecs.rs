//! The other codecs, behind one face.

use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::Encodable;
use kafka_protocol::protocol::Message;
use kafka_wire::KafkaMessage;
use kafka_wire_core::ApiVersion;
use kafka_wire_core::DecodeLimits;
use rehearsal::ApiKey;
use rehearsal::wire::Request;
use rehearsal::wire::Response;
use rehearsal::wire::codec::Decoder;
use rehearsal::wire::codec::Encoder;
use std::panic::catch_unwind;

/// What a codec says of the body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has no such message or version.
    Unsupported,
    /// It cannot be read.
    Refused(String),
    /// It can be read, but not written again.
    Unwritable(String),
    /// Reading or writing panicked.
    Panicked,
    /// It can be read, and these bytes are written again.
    Rewritten(Bytes),
}

pub(crate) fn ours(api: ApiKey, request: bool, version: i16, bytes: &Bytes) -> Verdict {
    let mut decoder = Decoder::new(bytes.clone(), false);
    let mut encoder = Encoder::new(false);
    let written = if request {
        match Request::decode(&mut decoder, api, version) {
            Ok(request) => request.encode(&mut encoder, version),
            Err(error) => return Verdict::Refused(format!("{:?}", error.kind)),
        }
    } else {
        match Response::decode(&mut decoder, api, version) {
            Ok(response) => response.encode(&mut encoder, version),
            Err(error) => return Verdict::Refused(format!("{:?}", error.kind)),
        }
    };
    match written {
        Ok(()) => Verdict::Rewritten(encoder.into_bytes()),
        Err(error) => Verdict::Unwritable(error.to_string()),
    }
}

macro_rules! kafka_wire {
    ($($api:ident, $request:ident, $response:ident;)*) => {
        pub(crate) fn kafka_wire(api: ApiKey, request: bool, version: i16, bytes: &Bytes) -> Verdict {
            match api {
                $(ApiKey::$api if request => by_kafka_wire::<kafka_wire::$request>(version, bytes),
                ApiKey::$api => by_kafka_wire::<kafka_wire::$response>(version, bytes),)*
            }
        }
    };
}

fn by_kafka_wire<M: KafkaMessage>(version: i16, bytes: &Bytes) -> Verdict {
    let version = ApiVersion::new(version);
    if !M::supports(version) {
        return Verdict::Unsupported;
    }
    match M::decode_from_bytes(bytes.clone(), version, DecodeLimits::default()) {
        Err(error) => Verdict::Refused(error.to_string()),
        Ok(message) => match message.encode_to_bytes(version) {
            Ok(bytes) => Verdict::Rewritten(bytes),
            Err(error) => Verdict::Unwritable(error.to_string()),
        },
    }
}

macro_rules! kafka_protocol {
    ($($api:ident, $request:ident, $response:ident;)*) => {
        /// Give it only what another codec has read: it allocates whatever a length says.
        pub(crate) fn kafka_protocol(api: ApiKey, request: bool, version: i16, bytes: &Bytes) -> Verdict {
            let attempt = catch_unwind(|| match api {
                $(ApiKey::$api if request => by_kafka_protocol::<kafka_protocol::messages::$request>(version, bytes),
                ApiKey::$api => by_kafka_protocol::<kafka_protocol::messages::$response>(version, bytes),)*
                _ => Verdict::Unsupported,
            });
            attempt.unwrap_or(Verdict::Panicked)
        }
    };
}

fn by_kafka_protocol<M: Message + Decodable + Encodable>(version: i16, bytes: &Bytes) -> Verdict {
    if version < M::VERSIONS.min || version > M::VERSIONS.max {
        return Verdict::Unsupported;
    }
    let mut rest = bytes.clone();
    match M::decode(&mut rest, version) {
        Err(error) => Verdict::Refused(error.to_string()),
        Ok(_) if !rest.is_empty() => Verdict::Refused("trailing bytes".to_owned()),
        Ok(message) => {
            let mut written = BytesMut::new();
            match message.encode(&mut written, version) {
                Ok(()) => Verdict::Rewritten(written.freeze()),
                Err(error) => Verdict::Unwritable(error.to_string()),
            }
        }
    }
}

kafka_wire! {
    Produce, ProduceRequest, ProduceResponse;
    Fetch, FetchRequest, FetchResponse;
    ListOffsets, ListOffsetsRequest, ListOffsetsResponse;
    Metadata, MetadataRequest, MetadataResponse;
    OffsetCommit, OffsetCommitRequest, OffsetCommitResponse;
    OffsetFetch, OffsetFetchRequest, OffsetFetchResponse;
    FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse;
    JoinGroup, JoinGroupRequest, JoinGroupResponse;
    Heartbeat, HeartbeatRequest, HeartbeatResponse;
    LeaveGroup, LeaveGroupRequest, LeaveGroupResponse;
    SyncGroup, SyncGroupRequest, SyncGroupResponse;
    DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse;
    ListGroups, ListGroupsRequest, ListGroupsResponse;
    SaslHandshake, SaslHandshakeRequest, SaslHandshakeResponse;
    ApiVersions, ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics, CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse;
    DeleteRecords, DeleteRecordsRequest, DeleteRecordsResponse;
    InitProducerId, InitProducerIdRequest, InitProducerIdResponse;
    OffsetForLeaderEpoch, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    AddPartitionsToTxn, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    AddOffsetsToTxn, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    EndTxn, EndTxnRequest, EndTxnResponse;
    WriteTxnMarkers, WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    TxnOffsetCommit, TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    DescribeAcls, DescribeAclsRequest, DescribeAclsResponse;
    CreateAcls, CreateAclsRequest, CreateAclsResponse;
    DeleteAcls, DeleteAclsRequest, DeleteAclsResponse;
    DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse;
    AlterConfigs, AlterConfigsRequest, AlterConfigsResponse;
    AlterReplicaLogDirs, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
    DescribeLogDirs, DescribeLogDirsRequest, DescribeLogDirsResponse;
    SaslAuthenticate, SaslAuthenticateRequest, SaslAuthenticateResponse;
    CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse;
    CreateDelegationToken, CreateDelegationTokenRequest, CreateDelegationTokenResponse;
    RenewDelegationToken, RenewDelegationTokenRequest, RenewDelegationTokenResponse;
    ExpireDelegationToken, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse;
    DescribeDelegationToken, DescribeDelegationTokenRequest, DescribeDelegationTokenResponse;
    DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse;
    ElectLeaders, ElectLeadersRequest, ElectLeadersResponse;
    IncrementalAlterConfigs, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    AlterPartitionReassignments, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    ListPartitionReassignments, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeClientQuotas, DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    AlterClientQuotas, AlterClientQuotasRequest, AlterClientQuotasResponse;
    DescribeUserScramCredentials, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    AlterUserScramCredentials, AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
    DescribeQuorum, DescribeQuorumRequest, DescribeQuorumResponse;
    UpdateFeatures, UpdateFeaturesRequest, UpdateFeaturesResponse;
    DescribeCluster, DescribeClusterRequest, DescribeClusterResponse;
    DescribeProducers, DescribeProducersRequest, DescribeProducersResponse;
    UnregisterBroker, UnregisterBrokerRequest, UnregisterBrokerResponse;
    DescribeTransactions, DescribeTransactionsRequest, DescribeTransactionsResponse;
    ListTransactions, ListTransactionsRequest, ListTransactionsResponse;
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    GetTelemetrySubscriptions, GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse;
    PushTelemetry, PushTelemetryRequest, PushTelemetryResponse;
    ListConfigResources, ListConfigResourcesRequest, ListConfigResourcesResponse;
    DescribeTopicPartitions, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    ShareGroupHeartbeat, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
    ShareGroupDescribe, ShareGroupDescribeRequest, ShareGroupDescribeResponse;
    ShareFetch, ShareFetchRequest, ShareFetchResponse;
    ShareAcknowledge, ShareAcknowledgeRequest, ShareAcknowledgeResponse;
    AddRaftVoter, AddRaftVoterRequest, AddRaftVoterResponse;
    RemoveRaftVoter, RemoveRaftVoterRequest, RemoveRaftVoterResponse;
    StreamsGroupHeartbeat, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse;
    StreamsGroupDescribe, StreamsGroupDescribeRequest, StreamsGroupDescribeResponse;
    DescribeShareGroupOffsets, DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
    AlterShareGroupOffsets, AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
    DeleteShareGroupOffsets, DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
}

// 0.18 has no messages of streams groups.
kafka_protocol! {
    Produce, ProduceRequest, ProduceResponse;
    Fetch, FetchRequest, FetchResponse;
    ListOffsets, ListOffsetsRequest, ListOffsetsResponse;
    Metadata, MetadataRequest, MetadataResponse;
    OffsetCommit, OffsetCommitRequest, OffsetCommitResponse;
    OffsetFetch, OffsetFetchRequest, OffsetFetchResponse;
    FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse;
    JoinGroup, JoinGroupRequest, JoinGroupResponse;
    Heartbeat, HeartbeatRequest, HeartbeatResponse;
    LeaveGroup, LeaveGroupRequest, LeaveGroupResponse;
    SyncGroup, SyncGroupRequest, SyncGroupResponse;
    DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse;
    ListGroups, ListGroupsRequest, ListGroupsResponse;
    SaslHandshake, SaslHandshakeRequest, SaslHandshakeResponse;
    ApiVersions, ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics, CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse;
    DeleteRecords, DeleteRecordsRequest, DeleteRecordsResponse;
    InitProducerId, InitProducerIdRequest, InitProducerIdResponse;
    OffsetForLeaderEpoch, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    AddPartitionsToTxn, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    AddOffsetsToTxn, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    EndTxn, EndTxnRequest, EndTxnResponse;
    WriteTxnMarkers, WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    TxnOffsetCommit, TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    DescribeAcls, DescribeAclsRequest, DescribeAclsResponse;
    CreateAcls, CreateAclsRequest, CreateAclsResponse;
    DeleteAcls, DeleteAclsRequest, DeleteAclsResponse;
    DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse;
    AlterConfigs, AlterConfigsRequest, AlterConfigsResponse;
    AlterReplicaLogDirs, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
    DescribeLogDirs, DescribeLogDirsRequest, DescribeLogDirsResponse;
    SaslAuthenticate, SaslAuthenticateRequest, SaslAuthenticateResponse;
    CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse;
    CreateDelegationToken, CreateDelegationTokenRequest, CreateDelegationTokenResponse;
    RenewDelegationToken, RenewDelegationTokenRequest, RenewDelegationTokenResponse;
    ExpireDelegationToken, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse;
    DescribeDelegationToken, DescribeDelegationTokenRequest, DescribeDelegationTokenResponse;
    DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse;
    ElectLeaders, ElectLeadersRequest, ElectLeadersResponse;
    IncrementalAlterConfigs, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    AlterPartitionReassignments, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    ListPartitionReassignments, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeClientQuotas, DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    AlterClientQuotas, AlterClientQuotasRequest, AlterClientQuotasResponse;
    DescribeUserScramCredentials, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    AlterUserScramCredentials, AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
    DescribeQuorum, DescribeQuorumRequest, DescribeQuorumResponse;
    UpdateFeatures, UpdateFeaturesRequest, UpdateFeaturesResponse;
    DescribeCluster, DescribeClusterRequest, DescribeClusterResponse;
    DescribeProducers, DescribeProducersRequest, DescribeProducersResponse;
    UnregisterBroker, UnregisterBrokerRequest, UnregisterBrokerResponse;
    DescribeTransactions, DescribeTransactionsRequest, DescribeTransactionsResponse;
    ListTransactions, ListTransactionsRequest, ListTransactionsResponse;
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    GetTelemetrySubscriptions, GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse;
    PushTelemetry, PushTelemetryRequest, PushTelemetryResponse;
    ListConfigResources, ListConfigResourcesRequest, ListConfigResourcesResponse;
    DescribeTopicPartitions, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    ShareGroupHeartbeat, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
    ShareGroupDescribe, ShareGroupDescribeRequest, ShareGroupDescribeResponse;
    ShareFetch, ShareFetchRequest, ShareFetchResponse;
    ShareAcknowledge, ShareAcknowledgeRequest, ShareAcknowledgeResponse;
    AddRaftVoter, AddRaftVoterRequest, AddRaftVoterResponse;
    RemoveRaftVoter, RemoveRaftVoterRequest, RemoveRaftVoterResponse;
    DescribeShareGroupOffsets, DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
    AlterShareGroupOffsets, AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
    DeleteShareGroupOffsets, DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
}
