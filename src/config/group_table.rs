//! Group configs, by name: what a consumer, share or streams group may have otherwise than its broker.
//!
//! Not here: what a row means; `definition` says that. Source: the definitions of Apache Kafka 4.2.1.

use crate::config::definition::ConfigType;
use crate::config::definition::Definition;
use crate::config::definition::Valid;

pub(super) const GROUP: &[Definition] = &[
    Definition::new("consumer.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .doc("Tells this consumer group's members how often to send heartbeats."),
    Definition::new("consumer.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .doc("Removes a member of this consumer group after this long without a heartbeat."),
    Definition::new("share.auto.offset.reset", ConfigType::String, Some("latest"), Valid::OffsetReset)
        .doc("Says where this share group begins on a partition it has never read."),
    Definition::new("share.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .doc("Tells this share group's members how often to send heartbeats."),
    Definition::new(
        "share.isolation.level",
        ConfigType::String,
        Some("read_uncommitted"),
        Valid::OneOf(&["read_committed", "read_uncommitted"]),
    )
    .doc("Says whether this share group sees records of open and aborted transactions."),
    Definition::new("share.record.lock.duration.ms", ConfigType::Int, Some("30000"), Valid::AtLeast(1000))
        .doc("Locks a record this long for the member that acquired it."),
    Definition::new("share.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .doc("Removes a member of this share group after this long without a heartbeat."),
    Definition::new("streams.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .doc("Tells this streams group's members how often to send heartbeats."),
    Definition::new("streams.initial.rebalance.delay.ms", ConfigType::Int, Some("3000"), Valid::AtLeast(0))
        .doc("Waits this long for more members before this streams group's first assignment."),
    Definition::new("streams.num.standby.replicas", ConfigType::Int, Some("0"), Valid::AtLeast(0))
        .doc("Gives each stateful task of this streams group this many standbys."),
    Definition::new("streams.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .doc("Removes a member of this streams group after this long without a heartbeat."),
];
