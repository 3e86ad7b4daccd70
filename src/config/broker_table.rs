//! Broker configs, by name, as a broker of 4.2 describes itself.
//!
//! Not here: what a row means; `definition` says that. Source: the definitions of Apache Kafka 4.2.1.

use crate::config::definition::ConfigType;
use crate::config::definition::Definition;
use crate::config::definition::Importance;
use crate::config::definition::UpdateMode;
use crate::config::definition::Valid;

pub(super) const BROKER: &[Definition] = &[
    Definition::new("add.partitions.to.txn.retry.backoff.max.ms", ConfigType::Int, Some("100"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("add.partitions.to.txn.retry.backoff.ms", ConfigType::Int, Some("20"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("advertised.listeners", ConfigType::List, None, Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists the addresses that clients are told to connect to."),
    Definition::new("alter.config.policy.class.name", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("alter.log.dirs.replication.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new(
        "alter.log.dirs.replication.quota.window.size.seconds",
        ConfigType::Int,
        Some("1"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("authorizer.class.name", ConfigType::String, Some(""), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("auto.create.topics.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Creates a topic when a client asks for one that does not exist."),
    Definition::new("auto.leader.rebalance.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Gives leadership back to preferred replicas from time to time."),
    Definition::new("background.threads", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("broker.heartbeat.interval.ms", ConfigType::Int, Some("2000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("broker.id", ConfigType::Int, Some("-1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("broker.rack", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Names the rack the broker stands in."),
    Definition::new("broker.session.timeout.ms", ConfigType::Int, Some("9000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("client.quota.callback.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("compression.gzip.level", ConfigType::Int, Some("-1"), Valid::GzipLevel)
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Sets how hard gzip works where the broker compresses."),
    Definition::new("compression.lz4.level", ConfigType::Int, Some("9"), Valid::Between(1, 17))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Sets how hard lz4 works where the broker compresses."),
    Definition::new(
        "compression.type",
        ConfigType::String,
        Some("producer"),
        Valid::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
    )
    .graded(UpdateMode::ClusterWide, Importance::High)
    .applied()
    .doc("Names the codec of batches in the log; `producer` leaves them as they came."),
    Definition::new("compression.zstd.level", ConfigType::Int, Some("3"), Valid::Between(-131_072, 22))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Sets how hard zstd works where the broker compresses."),
    Definition::new("config.providers", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::ClusterWide, Importance::Low),
    Definition::new("connection.failed.authentication.delay.ms", ConfigType::Int, Some("100"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("connections.max.idle.ms", ConfigType::Long, Some("600000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Closes a connection that has been idle for this long."),
    Definition::new("connections.max.reauth.ms", ConfigType::Long, Some("0"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("controlled.shutdown.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("controller.listener.names", ConfigType::List, None, Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("controller.quorum.append.linger.ms", ConfigType::Int, Some("25"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("controller.quorum.auto.join.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("controller.quorum.bootstrap.servers", ConfigType::List, Some(""), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("controller.quorum.election.backoff.max.ms", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("controller.quorum.election.timeout.ms", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("controller.quorum.fetch.timeout.ms", ConfigType::Int, Some("2000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("controller.quorum.request.timeout.ms", ConfigType::Int, Some("2000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("controller.quorum.retry.backoff.ms", ConfigType::Int, Some("20"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("controller.quorum.voters", ConfigType::List, Some(""), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("controller.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("controller.quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("controller.socket.timeout.ms", ConfigType::Int, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("create.topic.policy.class.name", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("default.replication.factor", ConfigType::Int, Some("1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the replication factor of topics that are created without one."),
    Definition::new("delegation.token.expiry.check.interval.ms", ConfigType::Long, Some("3600000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("delegation.token.expiry.time.ms", ConfigType::Long, Some("86400000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("delegation.token.max.lifetime.ms", ConfigType::Long, Some("604800000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("delegation.token.secret.key", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("delete.records.purgatory.purge.interval.requests", ConfigType::Int, Some("1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("delete.topic.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Allows topics to be deleted."),
    Definition::new("early.start.listeners", ConfigType::List, None, Valid::List { empty: true })
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("fetch.max.bytes", ConfigType::Int, Some("57671680"), Valid::AtLeast(1024))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Caps the size of one fetch answer whatever the client asks."),
    Definition::new("fetch.purgatory.purge.interval.requests", ConfigType::Int, Some("1000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.consumer.assignors", ConfigType::List, Some("uniform,range"), Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.consumer.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Tells consumer group members how often to send heartbeats."),
    Definition::new("group.consumer.max.heartbeat.interval.ms", ConfigType::Int, Some("15000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the greatest heartbeat interval a consumer group may be given."),
    Definition::new("group.consumer.max.session.timeout.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the greatest session time-out a consumer group may be given."),
    Definition::new("group.consumer.max.size", ConfigType::Int, Some("2147483647"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Caps the members of one consumer group."),
    Definition::new(
        "group.consumer.migration.policy",
        ConfigType::String,
        Some("bidirectional"),
        Valid::OneOfIgnoringCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.consumer.min.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the least heartbeat interval a consumer group may be given."),
    Definition::new("group.consumer.min.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the least session time-out a consumer group may be given."),
    Definition::new("group.consumer.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Removes a consumer group member after this long without a heartbeat."),
    Definition::new("group.coordinator.append.linger.ms", ConfigType::Int, Some("-1"), Valid::AtLeast(-1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "group.coordinator.rebalance.protocols",
        ConfigType::List,
        Some("classic,consumer,streams"),
        Valid::NonEmptyListOf(&["consumer", "classic", "share", "streams"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.coordinator.threads", ConfigType::Int, Some("4"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("group.initial.rebalance.delay.ms", ConfigType::Int, Some("3000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Waits this long for more members before an empty classic group's first rebalance."),
    Definition::new("group.max.session.timeout.ms", ConfigType::Int, Some("1800000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Refuses a classic member that asks for a longer session time-out."),
    Definition::new("group.max.size", ConfigType::Int, Some("2147483647"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Caps the members of one classic group."),
    Definition::new("group.min.session.timeout.ms", ConfigType::Int, Some("6000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Refuses a classic member that asks for a shorter session time-out."),
    Definition::new("group.share.assignors", ConfigType::List, Some("simple"), Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.delivery.count.limit", ConfigType::Int, Some("5"), Valid::Between(2, 10))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.max.heartbeat.interval.ms", ConfigType::Int, Some("15000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "group.share.max.record.lock.duration.ms",
        ConfigType::Int,
        Some("60000"),
        Valid::Between(30_000, 3_600_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.max.session.timeout.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.max.share.sessions", ConfigType::Int, Some("2000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.max.size", ConfigType::Int, Some("200"), Valid::Between(1, 1000))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.min.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "group.share.min.record.lock.duration.ms",
        ConfigType::Int,
        Some("15000"),
        Valid::Between(1000, 30_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.min.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "group.share.partition.max.record.locks",
        ConfigType::Int,
        Some("2000"),
        Valid::Between(100, 10_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "group.share.record.lock.duration.ms",
        ConfigType::Int,
        Some("30000"),
        Valid::Between(1000, 3_600_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.share.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.initial.rebalance.delay.ms", ConfigType::Int, Some("3000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.max.heartbeat.interval.ms", ConfigType::Int, Some("15000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.max.session.timeout.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.max.size", ConfigType::Int, Some("2147483647"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.max.standby.replicas", ConfigType::Int, Some("2"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.min.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.min.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.num.standby.replicas", ConfigType::Int, Some("0"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("group.streams.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("initial.broker.registration.timeout.ms", ConfigType::Int, Some("60000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("inter.broker.listener.name", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("kafka.metrics.polling.interval.secs", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("kafka.metrics.reporters", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("leader.imbalance.check.interval.seconds", ConfigType::Long, Some("300"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets how often leadership is compared with the preferred replicas."),
    Definition::new(
        "listener.security.protocol.map",
        ConfigType::String,
        Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Valid::Any,
    )
    .graded(UpdateMode::PerBroker, Importance::Low),
    Definition::new("listeners", ConfigType::List, Some("PLAINTEXT://:9092"), Valid::List { empty: false })
        .graded(UpdateMode::PerBroker, Importance::High)
        .doc("Lists the addresses the broker listens on."),
    Definition::new("log.cleaner.backoff.ms", ConfigType::Long, Some("15000"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Pauses this long between looks for a log to compact."),
    Definition::new("log.cleaner.dedupe.buffer.size", ConfigType::Long, Some("134217728"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.cleaner.delete.retention.ms", ConfigType::Long, Some("86400000"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `delete.retention.ms` where a topic has none."),
    Definition::new("log.cleaner.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Runs compaction at all."),
    Definition::new("log.cleaner.io.buffer.load.factor", ConfigType::Double, Some("0.9"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.cleaner.io.buffer.size", ConfigType::Int, Some("524288"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new(
        "log.cleaner.io.max.bytes.per.second",
        ConfigType::Double,
        Some("1.7976931348623157E308"),
        Valid::Any,
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new(
        "log.cleaner.max.compaction.lag.ms",
        ConfigType::Long,
        Some("9223372036854775807"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium)
    .applied()
    .doc("Stands in for `max.compaction.lag.ms` where a topic has none."),
    Definition::new("log.cleaner.min.cleanable.ratio", ConfigType::Double, Some("0.5"), Valid::Between(0, 1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `min.cleanable.dirty.ratio` where a topic has none."),
    Definition::new("log.cleaner.min.compaction.lag.ms", ConfigType::Long, Some("0"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `min.compaction.lag.ms` where a topic has none."),
    Definition::new("log.cleaner.threads", ConfigType::Int, Some("1"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.cleanup.policy", ConfigType::List, Some("delete"), Valid::ListOf(&["compact", "delete"]))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `cleanup.policy` where a topic has none."),
    Definition::new("log.dir", ConfigType::List, Some("/tmp/kafka-logs"), Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("log.dir.failure.timeout.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("log.dirs", ConfigType::List, None, Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("log.flush.interval.messages", ConfigType::Long, Some("9223372036854775807"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("log.flush.interval.ms", ConfigType::Long, None, Valid::Any)
        .synonyms(&["log.flush.interval.ms", "log.flush.scheduler.interval.ms"])
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("log.flush.offset.checkpoint.interval.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("log.flush.scheduler.interval.ms", ConfigType::Long, Some("9223372036854775807"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("log.flush.start.offset.checkpoint.interval.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("log.index.interval.bytes", ConfigType::Int, Some("4096"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `index.interval.bytes` where a topic has none."),
    Definition::new("log.index.size.max.bytes", ConfigType::Int, Some("10485760"), Valid::AtLeast(4))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.local.retention.bytes", ConfigType::Long, Some("-2"), Valid::AtLeast(-2))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.local.retention.ms", ConfigType::Long, Some("-2"), Valid::AtLeast(-2))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.message.timestamp.after.max.ms", ConfigType::Long, Some("3600000"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `message.timestamp.after.max.ms` where a topic has none."),
    Definition::new(
        "log.message.timestamp.before.max.ms",
        ConfigType::Long,
        Some("9223372036854775807"),
        Valid::AtLeast(0),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium)
    .applied()
    .doc("Stands in for `message.timestamp.before.max.ms` where a topic has none."),
    Definition::new(
        "log.message.timestamp.type",
        ConfigType::String,
        Some("CreateTime"),
        Valid::OneOf(&["CreateTime", "LogAppendTime"]),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium)
    .applied()
    .doc("Stands in for `message.timestamp.type` where a topic has none."),
    Definition::new("log.preallocate", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("log.retention.bytes", ConfigType::Long, Some("-1"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Stands in for `retention.bytes` where a topic has none."),
    Definition::new("log.retention.check.interval.ms", ConfigType::Long, Some("300000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets how often segments are looked at for deletion."),
    Definition::new("log.retention.hours", ConfigType::Int, Some("168"), Valid::Any)
        .synonyms(&["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Stands in for `retention.ms`, in hours, where neither milliseconds nor minutes are set."),
    Definition::new("log.retention.minutes", ConfigType::Int, None, Valid::Any)
        .synonyms(&["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Stands in for `retention.ms`, in minutes, where `log.retention.ms` is not set."),
    Definition::new("log.retention.ms", ConfigType::Long, None, Valid::Any)
        .synonyms(&["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Stands in for `retention.ms` where a topic has none."),
    Definition::new("log.roll.hours", ConfigType::Int, Some("168"), Valid::AtLeast(1))
        .synonyms(&["log.roll.ms", "log.roll.hours"])
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Stands in for `segment.ms`, in hours, where `log.roll.ms` is not set."),
    Definition::new("log.roll.jitter.hours", ConfigType::Int, Some("0"), Valid::AtLeast(0))
        .synonyms(&["log.roll.jitter.ms", "log.roll.jitter.hours"])
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Stands in for `segment.jitter.ms`, in hours, where `log.roll.jitter.ms` is not set."),
    Definition::new("log.roll.jitter.ms", ConfigType::Long, None, Valid::Any)
        .synonyms(&["log.roll.jitter.ms", "log.roll.jitter.hours"])
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Stands in for `segment.jitter.ms` where a topic has none."),
    Definition::new("log.roll.ms", ConfigType::Long, None, Valid::Any)
        .synonyms(&["log.roll.ms", "log.roll.hours"])
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Stands in for `segment.ms` where a topic has none."),
    Definition::new("log.segment.bytes", ConfigType::Int, Some("1073741824"), Valid::AtLeast(1_048_576))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Stands in for `segment.bytes` where a topic has none."),
    Definition::new("log.segment.delete.delay.ms", ConfigType::Long, Some("60000"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("max.connection.creation.rate", ConfigType::Int, Some("2147483647"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("max.connections", ConfigType::Int, Some("2147483647"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Caps the connections of one broker."),
    Definition::new("max.connections.per.ip", ConfigType::Int, Some("2147483647"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("max.connections.per.ip.overrides", ConfigType::String, Some(""), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("max.incremental.fetch.session.cache.slots", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Caps the number of incremental fetch sessions kept."),
    Definition::new("max.request.partition.size.limit", ConfigType::Int, Some("2000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Caps the partitions in one answer of `DescribeTopicPartitions`."),
    Definition::new("message.max.bytes", ConfigType::Int, Some("1048588"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Stands in for `max.message.bytes` where a topic has none."),
    Definition::new("metadata.log.dir", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new(
        "metadata.log.max.record.bytes.between.snapshots",
        ConfigType::Long,
        Some("20971520"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("metadata.log.max.snapshot.interval.ms", ConfigType::Long, Some("3600000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("metadata.log.segment.bytes", ConfigType::Int, Some("1073741824"), Valid::AtLeast(8_388_608))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("metadata.log.segment.ms", ConfigType::Long, Some("604800000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("metadata.max.idle.interval.ms", ConfigType::Int, Some("500"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("metadata.max.retention.bytes", ConfigType::Long, Some("104857600"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("metadata.max.retention.ms", ConfigType::Long, Some("604800000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new(
        "metric.reporters",
        ConfigType::List,
        Some("org.apache.kafka.common.metrics.JmxReporter"),
        Valid::List { empty: true },
    )
    .graded(UpdateMode::ClusterWide, Importance::Low),
    Definition::new("metrics.num.samples", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("metrics.recording.level", ConfigType::String, Some("INFO"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("metrics.sample.window.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("min.insync.replicas", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Refuses writes with `acks=all` while fewer replicas than this are in sync."),
    Definition::new("node.id", ConfigType::Int, None, Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Identifies the broker within its cluster."),
    Definition::new("num.io.threads", ConfigType::Int, Some("8"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("num.network.threads", ConfigType::Int, Some("3"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("num.partitions", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the partition count of topics that are created without one."),
    Definition::new("num.recovery.threads.per.data.dir", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("num.replica.alter.log.dirs.threads", ConfigType::Int, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("num.replica.fetchers", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High),
    Definition::new("offset.metadata.max.bytes", ConfigType::Int, Some("4096"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Refuses an offset commit whose metadata is longer than this."),
    Definition::new("offsets.commit.timeout.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("offsets.load.buffer.size", ConfigType::Int, Some("5242880"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("offsets.retention.check.interval.ms", ConfigType::Long, Some("600000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets how often expired offsets are looked for."),
    Definition::new("offsets.retention.minutes", ConfigType::Int, Some("10080"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Forgets committed offsets this long after their group has become empty."),
    Definition::new("offsets.topic.compression.codec", ConfigType::Int, Some("0"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("offsets.topic.num.partitions", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets the partition count of the topic of committed offsets."),
    Definition::new("offsets.topic.replication.factor", ConfigType::Short, Some("3"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets the replication factor of the topic of committed offsets."),
    Definition::new("offsets.topic.segment.bytes", ConfigType::Int, Some("104857600"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new(
        "principal.builder.class",
        ConfigType::Class,
        Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"),
        Valid::Any,
    )
    .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("process.roles", ConfigType::List, None, Valid::NonEmptyListOf(&["broker", "controller"]))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("producer.id.expiration.ms", ConfigType::Int, Some("86400000"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Low)
        .applied()
        .doc("Forgets a producer's sequence numbers this long after its last batch."),
    Definition::new("producer.purgatory.purge.interval.requests", ConfigType::Int, Some("1000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("queued.max.request.bytes", ConfigType::Long, Some("-1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("queued.max.requests", ConfigType::Int, Some("500"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("remote.fetch.max.wait.ms", ConfigType::Int, Some("500"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("remote.list.offsets.request.timeout.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new(
        "remote.log.index.file.cache.total.size.bytes",
        ConfigType::Long,
        Some("1073741824"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Low),
    Definition::new("remote.log.manager.copier.thread.pool.size", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new(
        "remote.log.manager.copy.max.bytes.per.second",
        ConfigType::Long,
        Some("9223372036854775807"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("remote.log.manager.copy.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.manager.copy.quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.manager.expiration.thread.pool.size", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new(
        "remote.log.manager.fetch.max.bytes.per.second",
        ConfigType::Long,
        Some("9223372036854775807"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("remote.log.manager.fetch.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "remote.log.manager.fetch.quota.window.size.seconds",
        ConfigType::Int,
        Some("1"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.manager.follower.thread.pool.size", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("remote.log.manager.task.interval.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("remote.log.manager.thread.pool.size", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.metadata.custom.metadata.max.bytes", ConfigType::Int, Some("128"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new(
        "remote.log.metadata.manager.class.name",
        ConfigType::String,
        Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"),
        Valid::NonEmptyString,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.metadata.manager.class.path", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "remote.log.metadata.manager.impl.prefix",
        ConfigType::String,
        Some("rlmm.config."),
        Valid::NonEmptyString,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.metadata.manager.listener.name", ConfigType::String, None, Valid::NonEmptyString)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.reader.max.pending.tasks", ConfigType::Int, Some("100"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.reader.threads", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium),
    Definition::new("remote.log.storage.manager.class.name", ConfigType::String, None, Valid::NonEmptyString)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.storage.manager.class.path", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "remote.log.storage.manager.impl.prefix",
        ConfigType::String,
        Some("rsm.config."),
        Valid::NonEmptyString,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("remote.log.storage.system.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("replica.fetch.backoff.ms", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("replica.fetch.max.bytes", ConfigType::Int, Some("1048576"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("replica.fetch.min.bytes", ConfigType::Int, Some("1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("replica.fetch.response.max.bytes", ConfigType::Int, Some("10485760"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("replica.fetch.wait.max.ms", ConfigType::Int, Some("500"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("replica.high.watermark.checkpoint.interval.ms", ConfigType::Long, Some("5000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("replica.lag.time.max.ms", ConfigType::Long, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Takes a follower out of the ISR once it has not caught up for this long."),
    Definition::new("replica.selector.class", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Names the class that picks the replica a consumer reads from."),
    Definition::new("replica.socket.receive.buffer.bytes", ConfigType::Int, Some("65536"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("replica.socket.timeout.ms", ConfigType::Int, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("replication.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("replication.quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("request.timeout.ms", ConfigType::Int, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("sasl.client.callback.handler.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.enabled.mechanisms", ConfigType::List, Some("GSSAPI"), Valid::List { empty: true })
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.jaas.config", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.kerberos.kinit.cmd", ConfigType::String, Some("/usr/bin/kinit"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.kerberos.min.time.before.relogin", ConfigType::Long, Some("60000"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new(
        "sasl.kerberos.principal.to.local.rules",
        ConfigType::List,
        Some("DEFAULT"),
        Valid::List { empty: true },
    )
    .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.kerberos.service.name", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.kerberos.ticket.renew.jitter", ConfigType::Double, Some("0.05"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.kerberos.ticket.renew.window.factor", ConfigType::Double, Some("0.8"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.login.callback.handler.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.login.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.login.connect.timeout.ms", ConfigType::Int, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.login.read.timeout.ms", ConfigType::Int, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.login.refresh.buffer.seconds", ConfigType::Short, Some("300"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.login.refresh.min.period.seconds", ConfigType::Short, Some("60"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.login.refresh.window.factor", ConfigType::Double, Some("0.8"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.login.refresh.window.jitter", ConfigType::Double, Some("0.05"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("sasl.login.retry.backoff.max.ms", ConfigType::Long, Some("10000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.login.retry.backoff.ms", ConfigType::Long, Some("100"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.mechanism.controller.protocol", ConfigType::String, Some("GSSAPI"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("sasl.mechanism.inter.broker.protocol", ConfigType::String, Some("GSSAPI"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new(
        "sasl.oauthbearer.assertion.algorithm",
        ConfigType::String,
        Some("RS256"),
        Valid::OneOfIgnoringCase(&["ES256", "RS256"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.assertion.claim.aud", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "sasl.oauthbearer.assertion.claim.exp.seconds",
        ConfigType::Int,
        Some("300"),
        Valid::Between(0, 86_400),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.assertion.claim.iss", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.assertion.claim.jti.include", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        ConfigType::Int,
        Some("60"),
        Valid::Between(0, 3600),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.assertion.claim.sub", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.assertion.file", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.assertion.private.key.file", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.assertion.private.key.passphrase", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.assertion.template.file", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.client.credentials.client.id", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.client.credentials.client.secret", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.clock.skew.seconds", ConfigType::Int, Some("30"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.expected.audience", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.expected.issuer", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.jwks.endpoint.refresh.ms", ConfigType::Long, Some("3600000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", ConfigType::Long, Some("10000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", ConfigType::Long, Some("100"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.jwks.endpoint.url", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "sasl.oauthbearer.jwt.retriever.class",
        ConfigType::Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Valid::Any,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "sasl.oauthbearer.jwt.validator.class",
        ConfigType::Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Valid::Any,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.scope", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.oauthbearer.scope.claim.name", ConfigType::String, Some("scope"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.sub.claim.name", ConfigType::String, Some("sub"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("sasl.oauthbearer.token.endpoint.url", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.server.callback.handler.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("sasl.server.max.receive.size", ConfigType::Int, Some("524288"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new(
        "security.inter.broker.protocol",
        ConfigType::String,
        Some("PLAINTEXT"),
        Valid::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("security.providers", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("share.coordinator.append.linger.ms", ConfigType::Int, Some("-1"), Valid::AtLeast(-1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("share.coordinator.load.buffer.size", ConfigType::Int, Some("5242880"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new(
        "share.coordinator.snapshot.update.records.per.snapshot",
        ConfigType::Int,
        Some("500"),
        Valid::AtLeast(0),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("share.coordinator.state.topic.compression.codec", ConfigType::Int, Some("0"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("share.coordinator.state.topic.min.isr", ConfigType::Short, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("share.coordinator.state.topic.num.partitions", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new(
        "share.coordinator.state.topic.replication.factor",
        ConfigType::Short,
        Some("3"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new(
        "share.coordinator.state.topic.segment.bytes",
        ConfigType::Int,
        Some("104857600"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("share.coordinator.threads", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("share.coordinator.write.timeout.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("share.fetch.purgatory.purge.interval.requests", ConfigType::Int, Some("1000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("socket.connection.setup.timeout.max.ms", ConfigType::Long, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("socket.connection.setup.timeout.ms", ConfigType::Long, Some("10000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("socket.listen.backlog.size", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium),
    Definition::new("socket.receive.buffer.bytes", ConfigType::Int, Some("102400"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("socket.request.max.bytes", ConfigType::Int, Some("104857600"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Closes a connection whose request is larger than this."),
    Definition::new("socket.send.buffer.bytes", ConfigType::Int, Some("102400"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("ssl.allow.dn.changes", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("ssl.allow.san.changes", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("ssl.cipher.suites", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new(
        "ssl.client.auth",
        ConfigType::String,
        Some("none"),
        Valid::OneOf(&["required", "requested", "none"]),
    )
    .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.enabled.protocols", ConfigType::List, Some("TLSv1.2,TLSv1.3"), Valid::List { empty: true })
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.endpoint.identification.algorithm", ConfigType::String, Some("https"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Low),
    Definition::new("ssl.engine.factory.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Low),
    Definition::new("ssl.key.password", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.keymanager.algorithm", ConfigType::String, Some("SunX509"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.keystore.certificate.chain", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.keystore.key", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.keystore.location", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.keystore.password", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.keystore.type", ConfigType::String, Some("JKS"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.principal.mapping.rules", ConfigType::String, Some("DEFAULT"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("ssl.protocol", ConfigType::String, Some("TLSv1.3"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.provider", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.secure.random.implementation", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Low),
    Definition::new("ssl.trustmanager.algorithm", ConfigType::String, Some("PKIX"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.truststore.certificates", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.truststore.location", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.truststore.password", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("ssl.truststore.type", ConfigType::String, Some("JKS"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium),
    Definition::new("telemetry.max.bytes", ConfigType::Int, Some("1048576"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        ConfigType::Int,
        Some("10000"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low)
    .applied()
    .doc("Sets how often timed-out transactions are looked for and aborted."),
    Definition::new("transaction.max.timeout.ms", ConfigType::Int, Some("900000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Refuses a transactional producer that asks for a longer time-out."),
    Definition::new("transaction.partition.verification.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Low),
    Definition::new(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        ConfigType::Int,
        Some("3600000"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("transaction.state.log.load.buffer.size", ConfigType::Int, Some("5242880"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("transaction.state.log.min.isr", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets `min.insync.replicas` of the topic of transactions."),
    Definition::new("transaction.state.log.num.partitions", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets the partition count of the topic of transactions."),
    Definition::new("transaction.state.log.replication.factor", ConfigType::Short, Some("3"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Sets the replication factor of the topic of transactions."),
    Definition::new("transaction.state.log.segment.bytes", ConfigType::Int, Some("104857600"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High),
    Definition::new("transaction.two.phase.commit.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low),
    Definition::new("transactional.id.expiration.ms", ConfigType::Int, Some("604800000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Forgets a transactional id this long after its last use."),
    Definition::new("unclean.leader.election.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Lets a replica that is not in sync lead when no other can, which loses records."),
];
