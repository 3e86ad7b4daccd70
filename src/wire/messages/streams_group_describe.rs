//! `StreamsGroupDescribe` (key 89): shows streams groups.

use bytestring::ByteString;

message! {
    /// Shows streams groups.
    request StreamsGroupDescribeRequest(key 89, versions 0..=0, flexible 0..) {
        group_ids: Vec<ByteString> [0..],
        include_authorized_operations: bool [0..],
    }

    /// Answers [`StreamsGroupDescribeRequest`].
    response StreamsGroupDescribeResponse(key 89, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        groups: Vec<DescribedGroup> [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    struct DescribedGroup {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        group_id: ByteString [0..],
        group_state: ByteString [0..],
        group_epoch: i32 [0..],
        assignment_epoch: i32 [0..],
        topology: Option<Topology> [0..] nullable [0..],
        members: Vec<Member> [0..],
        authorized_operations: i32 [0..] = i32::MIN,
    }

    /// Part of [`DescribedGroup`].
    nullable_struct Topology {
        epoch: i32 [0..],
        subtopologies: Option<Vec<Subtopology>> [0..] nullable [0..],
    }

    /// Part of [`Topology`].
    struct Subtopology {
        subtopology_id: ByteString [0..],
        source_topics: Vec<ByteString> [0..],
        repartition_sink_topics: Vec<ByteString> [0..],
        state_changelog_topics: Vec<TopicInfo> [0..],
        repartition_source_topics: Vec<TopicInfo> [0..],
    }

    /// Part of [`DescribedGroup`].
    struct Member {
        member_id: ByteString [0..],
        member_epoch: i32 [0..],
        instance_id: Option<ByteString> [0..] nullable [0..],
        rack_id: Option<ByteString> [0..] nullable [0..],
        client_id: ByteString [0..],
        client_host: ByteString [0..],
        topology_epoch: i32 [0..],
        process_id: ByteString [0..],
        user_endpoint: Option<Endpoint> [0..] nullable [0..],
        client_tags: Vec<KeyValue> [0..],
        task_offsets: Vec<TaskOffset> [0..],
        task_end_offsets: Vec<TaskOffset> [0..],
        assignment: Assignment [0..],
        target_assignment: Assignment [0..],
        is_classic: bool [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    nullable_struct Endpoint {
        host: ByteString [0..],
        port: u16 [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    struct TaskOffset {
        subtopology_id: ByteString [0..],
        partition: i32 [0..],
        offset: i64 [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    struct Assignment {
        active_tasks: Vec<TaskIds> [0..],
        standby_tasks: Vec<TaskIds> [0..],
        warmup_tasks: Vec<TaskIds> [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    struct TaskIds {
        subtopology_id: ByteString [0..],
        partitions: Vec<i32> [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    struct KeyValue {
        key: ByteString [0..],
        value: ByteString [0..],
    }

    /// Part of [`StreamsGroupDescribeResponse`].
    struct TopicInfo {
        name: ByteString [0..],
        partitions: i32 [0..],
        replication_factor: i16 [0..],
        topic_configs: Vec<KeyValue> [0..],
    }
}
