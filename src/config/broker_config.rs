//! What a broker is told to do, as plain typed values; what its topics fall back to is in `TopicConfig`.
//!
//! Not here: names, ranges and where a value came from; those are rows of the table of definitions.

use crate::config::definition::Value;
use crate::config::layers::BrokerLayers;
use crate::config::values::Values;

/// The configuration of one broker as its engine reads it; `default()` is Kafka's.
///
/// Each field is the config of the same name, in the unit that its name ends with.
/// ```
/// use rehearsal::config::BrokerConfig;
/// assert_eq!(BrokerConfig::default().num_partitions, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "each field is the config of the same name; its row documents it")]
pub struct BrokerConfig {
    pub add_partitions_to_txn_retry_backoff_max_ms: i32,
    pub add_partitions_to_txn_retry_backoff_ms: i32,
    pub auto_create_topics_enable: bool,
    pub auto_leader_rebalance_enable: bool,
    pub broker_rack: Option<String>,
    pub broker_session_timeout_ms: i32,
    pub connections_max_idle_ms: i64,
    pub default_replication_factor: i32,
    pub delete_topic_enable: bool,
    pub fetch_max_bytes: usize,
    pub group_consumer_assignors: Vec<String>,
    pub group_consumer_heartbeat_interval_ms: i32,
    pub group_consumer_max_size: usize,
    pub group_consumer_migration_policy: String,
    pub group_consumer_session_timeout_ms: i32,
    pub group_initial_rebalance_delay_ms: i32,
    pub group_max_session_timeout_ms: i32,
    pub group_max_size: usize,
    pub group_min_session_timeout_ms: i32,
    pub leader_imbalance_check_interval_seconds: i64,
    pub log_cleaner_backoff_ms: i64,
    pub log_cleaner_enable: bool,
    pub log_retention_check_interval_ms: i64,
    pub max_incremental_fetch_session_cache_slots: usize,
    pub max_request_partition_size_limit: usize,
    pub num_partitions: i32,
    pub offset_metadata_max_bytes: usize,
    pub offsets_commit_timeout_ms: i32,
    pub offsets_retention_check_interval_ms: i64,
    pub offsets_retention_minutes: i32,
    pub offsets_topic_num_partitions: i32,
    pub offsets_topic_replication_factor: i32,
    pub offsets_topic_segment_bytes: i32,
    pub producer_id_expiration_ms: i64,
    pub replica_fetch_max_bytes: usize,
    pub replica_lag_time_max_ms: i64,
    pub replica_selector_class: Option<String>,
    pub request_timeout_ms: i32,
    pub socket_request_max_bytes: usize,
    pub transaction_abort_timed_out_transaction_cleanup_interval_ms: i32,
    pub transaction_max_timeout_ms: i32,
    pub transaction_partition_verification_enable: bool,
    pub transaction_remove_expired_transaction_cleanup_interval_ms: i32,
    pub transaction_state_log_min_isr: i32,
    pub transaction_state_log_num_partitions: i32,
    pub transaction_state_log_replication_factor: i32,
    pub transaction_state_log_segment_bytes: i32,
    pub transactional_id_expiration_ms: i32,
}

impl BrokerConfig {
    /// The configuration in force on a broker with `broker` set on it.
    pub fn new(broker: &BrokerLayers) -> Self {
        Self::read(&mut |name| broker.value(name))
    }

    pub(super) fn read(source: &mut dyn FnMut(&'static str) -> Option<Value>) -> Self {
        let mut from = Values(source);
        Self {
            add_partitions_to_txn_retry_backoff_max_ms: from.int("add.partitions.to.txn.retry.backoff.max.ms"),
            add_partitions_to_txn_retry_backoff_ms: from.int("add.partitions.to.txn.retry.backoff.ms"),
            auto_create_topics_enable: from.flag("auto.create.topics.enable"),
            auto_leader_rebalance_enable: from.flag("auto.leader.rebalance.enable"),
            broker_rack: from.optional_text("broker.rack"),
            broker_session_timeout_ms: from.int("broker.session.timeout.ms"),
            connections_max_idle_ms: from.long("connections.max.idle.ms"),
            default_replication_factor: from.int("default.replication.factor"),
            delete_topic_enable: from.flag("delete.topic.enable"),
            fetch_max_bytes: from.size("fetch.max.bytes"),
            group_consumer_assignors: from.list("group.consumer.assignors"),
            group_consumer_heartbeat_interval_ms: from.int("group.consumer.heartbeat.interval.ms"),
            group_consumer_max_size: from.size("group.consumer.max.size"),
            group_consumer_migration_policy: from.text("group.consumer.migration.policy"),
            group_consumer_session_timeout_ms: from.int("group.consumer.session.timeout.ms"),
            group_initial_rebalance_delay_ms: from.int("group.initial.rebalance.delay.ms"),
            group_max_session_timeout_ms: from.int("group.max.session.timeout.ms"),
            group_max_size: from.size("group.max.size"),
            group_min_session_timeout_ms: from.int("group.min.session.timeout.ms"),
            leader_imbalance_check_interval_seconds: from.long("leader.imbalance.check.interval.seconds"),
            log_cleaner_backoff_ms: from.long("log.cleaner.backoff.ms"),
            log_cleaner_enable: from.flag("log.cleaner.enable"),
            log_retention_check_interval_ms: from.long("log.retention.check.interval.ms"),
            max_incremental_fetch_session_cache_slots: from.size("max.incremental.fetch.session.cache.slots"),
            max_request_partition_size_limit: from.size("max.request.partition.size.limit"),
            num_partitions: from.int("num.partitions"),
            offset_metadata_max_bytes: from.size("offset.metadata.max.bytes"),
            offsets_commit_timeout_ms: from.int("offsets.commit.timeout.ms"),
            offsets_retention_check_interval_ms: from.long("offsets.retention.check.interval.ms"),
            offsets_retention_minutes: from.int("offsets.retention.minutes"),
            offsets_topic_num_partitions: from.int("offsets.topic.num.partitions"),
            offsets_topic_replication_factor: from.int("offsets.topic.replication.factor"),
            offsets_topic_segment_bytes: from.int("offsets.topic.segment.bytes"),
            producer_id_expiration_ms: from.long("producer.id.expiration.ms"),
            replica_fetch_max_bytes: from.size("replica.fetch.max.bytes"),
            replica_lag_time_max_ms: from.long("replica.lag.time.max.ms"),
            replica_selector_class: from.optional_text("replica.selector.class"),
            request_timeout_ms: from.int("request.timeout.ms"),
            socket_request_max_bytes: from.size("socket.request.max.bytes"),
            transaction_abort_timed_out_transaction_cleanup_interval_ms: from
                .int("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
            transaction_max_timeout_ms: from.int("transaction.max.timeout.ms"),
            transaction_partition_verification_enable: from.flag("transaction.partition.verification.enable"),
            transaction_remove_expired_transaction_cleanup_interval_ms: from
                .int("transaction.remove.expired.transaction.cleanup.interval.ms"),
            transaction_state_log_min_isr: from.int("transaction.state.log.min.isr"),
            transaction_state_log_num_partitions: from.int("transaction.state.log.num.partitions"),
            transaction_state_log_replication_factor: from.int("transaction.state.log.replication.factor"),
            transaction_state_log_segment_bytes: from.int("transaction.state.log.segment.bytes"),
            transactional_id_expiration_ms: from.int("transactional.id.expiration.ms"),
        }
    }
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self::new(&BrokerLayers::default())
    }
}
