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
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Bounds the pause before a refused partition is offered to a transaction again."),
    Definition::new("add.partitions.to.txn.retry.backoff.ms", ConfigType::Int, Some("20"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the first pause before a refused partition is offered to a transaction again."),
    Definition::new("advertised.listeners", ConfigType::List, None, Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists the addresses that clients are told to connect to."),
    Definition::new("alter.config.policy.class.name", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names a class that may veto changes of configuration."),
    Definition::new("alter.log.dirs.replication.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets over how many samples the quota for moves between log directories is measured."),
    Definition::new(
        "alter.log.dirs.replication.quota.window.size.seconds",
        ConfigType::Int,
        Some("1"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low)
    .doc("Sets how long each sample of the quota for moves between log directories lasts."),
    Definition::new("authorizer.class.name", ConfigType::String, Some(""), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names the class that decides who may do what; empty lets everybody do everything."),
    Definition::new("auto.create.topics.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Creates a topic when a client asks for one that does not exist."),
    Definition::new("auto.leader.rebalance.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Gives leadership back to preferred replicas from time to time."),
    Definition::new("background.threads", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Sets how many threads do the chores of a broker."),
    Definition::new("broker.heartbeat.interval.ms", ConfigType::Int, Some("2000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how often a broker tells the controller that it lives."),
    Definition::new("broker.id", ConfigType::Int, Some("-1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Is the old name of `node.id`."),
    Definition::new("broker.rack", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Names the rack the broker stands in."),
    Definition::new("broker.session.timeout.ms", ConfigType::Int, Some("9000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Fences a broker that has sent no heartbeat for this long."),
    Definition::new("client.quota.callback.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names a class that decides which quota a client falls under."),
    Definition::new("compression.gzip.level", ConfigType::Int, Some("-1"), Valid::GzipLevel)
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets how hard gzip works where the broker compresses."),
    Definition::new("compression.lz4.level", ConfigType::Int, Some("9"), Valid::Between(1, 17))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
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
        .doc("Sets how hard zstd works where the broker compresses."),
    Definition::new("config.providers", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::ClusterWide, Importance::Low)
        .doc("Lists the providers that replace placeholders in configuration values."),
    Definition::new("connection.failed.authentication.delay.ms", ConfigType::Int, Some("100"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Delays the closing of a connection whose authentication failed, to slow down guessing."),
    Definition::new("connections.max.idle.ms", ConfigType::Long, Some("600000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Closes a connection that has been idle for this long."),
    Definition::new("connections.max.reauth.ms", ConfigType::Long, Some("0"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Asks clients on SASL to authenticate again after this long; 0 never does."),
    Definition::new("controlled.shutdown.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Hands over leadership before a broker stops."),
    Definition::new("controller.listener.names", ConfigType::List, None, Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists the listeners that controllers use."),
    Definition::new("controller.quorum.append.linger.ms", ConfigType::Int, Some("25"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Lets the controller gather records for this long before it writes them to its log."),
    Definition::new("controller.quorum.auto.join.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lets a controller add itself to the voters."),
    Definition::new("controller.quorum.bootstrap.servers", ConfigType::List, Some(""), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists addresses at which the controllers' quorum can be found."),
    Definition::new("controller.quorum.election.backoff.max.ms", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Bounds the pause before a controller stands for election again."),
    Definition::new("controller.quorum.election.timeout.ms", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Starts a new election when a candidate has not won after this long."),
    Definition::new("controller.quorum.fetch.timeout.ms", ConfigType::Int, Some("2000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Makes a voter stand for election after this long without word from the leader."),
    Definition::new("controller.quorum.request.timeout.ms", ConfigType::Int, Some("2000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Gives up a request among controllers after this long."),
    Definition::new("controller.quorum.retry.backoff.ms", ConfigType::Int, Some("20"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Waits this long before a failed request among controllers is sent again."),
    Definition::new("controller.quorum.voters", ConfigType::List, Some(""), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists the ids and addresses of the controllers that vote."),
    Definition::new("controller.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets over how many samples the quota for changes of topics is measured."),
    Definition::new("controller.quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how long each sample of the quota for changes of topics lasts."),
    Definition::new("controller.socket.timeout.ms", ConfigType::Int, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Gives up a request from controller to broker after this long."),
    Definition::new("create.topic.policy.class.name", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names a class that may veto new topics."),
    Definition::new("default.replication.factor", ConfigType::Int, Some("1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the replication factor of topics that are created without one."),
    Definition::new("delegation.token.expiry.check.interval.ms", ConfigType::Long, Some("3600000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how often expired delegation tokens are looked for."),
    Definition::new("delegation.token.expiry.time.ms", ConfigType::Long, Some("86400000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how long a delegation token holds before it must be renewed."),
    Definition::new("delegation.token.max.lifetime.ms", ConfigType::Long, Some("604800000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how long a delegation token can be renewed at all."),
    Definition::new("delegation.token.secret.key", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Signs delegation tokens; the same on every broker."),
    Definition::new("delete.records.purgatory.purge.interval.requests", ConfigType::Int, Some("1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets after how many requests finished deletions of records are cleared away."),
    Definition::new("delete.topic.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Allows topics to be deleted."),
    Definition::new("early.start.listeners", ConfigType::List, None, Valid::List { empty: true })
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists the listeners that open before authorization is ready."),
    Definition::new("fetch.max.bytes", ConfigType::Int, Some("57671680"), Valid::AtLeast(1024))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Caps the size of one fetch answer whatever the client asks."),
    Definition::new("fetch.purgatory.purge.interval.requests", ConfigType::Int, Some("1000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets after how many requests finished fetches are cleared away."),
    Definition::new("group.consumer.assignors", ConfigType::List, Some("uniform,range"), Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Lists the assignors of consumer groups, the default first."),
    Definition::new("group.consumer.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Tells consumer group members how often to send heartbeats."),
    Definition::new("group.consumer.max.heartbeat.interval.ms", ConfigType::Int, Some("15000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the greatest heartbeat interval a consumer group may be given."),
    Definition::new("group.consumer.max.session.timeout.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the greatest session time-out a consumer group may be given."),
    Definition::new("group.consumer.max.size", ConfigType::Int, Some("2147483647"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Caps the members of one consumer group."),
    Definition::new(
        "group.consumer.migration.policy",
        ConfigType::String,
        Some("bidirectional"),
        Valid::OneOfIgnoringCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Says in which direction groups may move between the classic and the consumer protocol."),
    Definition::new("group.consumer.min.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the least heartbeat interval a consumer group may be given."),
    Definition::new("group.consumer.min.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the least session time-out a consumer group may be given."),
    Definition::new("group.consumer.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Removes a consumer group member after this long without a heartbeat."),
    Definition::new("group.coordinator.append.linger.ms", ConfigType::Int, Some("-1"), Valid::AtLeast(-1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Lets the group coordinator gather records for this long; -1 adapts to the load."),
    Definition::new(
        "group.coordinator.rebalance.protocols",
        ConfigType::List,
        Some("classic,consumer,streams"),
        Valid::NonEmptyListOf(&["consumer", "classic", "share", "streams"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Lists the group protocols that brokers speak."),
    Definition::new("group.coordinator.threads", ConfigType::Int, Some("4"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how many threads coordinate groups."),
    Definition::new("group.initial.rebalance.delay.ms", ConfigType::Int, Some("3000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Waits this long for more members before an empty classic group's first rebalance."),
    Definition::new("group.max.session.timeout.ms", ConfigType::Int, Some("1800000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Refuses a classic member that asks for a longer session time-out."),
    Definition::new("group.max.size", ConfigType::Int, Some("2147483647"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Caps the members of one classic group."),
    Definition::new("group.min.session.timeout.ms", ConfigType::Int, Some("6000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Refuses a classic member that asks for a shorter session time-out."),
    Definition::new("group.share.assignors", ConfigType::List, Some("simple"), Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Lists the assignors of share groups, the default first."),
    Definition::new("group.share.delivery.count.limit", ConfigType::Int, Some("5"), Valid::Between(2, 10))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Gives up a record of a share group after this many deliveries."),
    Definition::new("group.share.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Tells members of share groups how often to send heartbeats."),
    Definition::new("group.share.max.heartbeat.interval.ms", ConfigType::Int, Some("15000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the heartbeat interval that can be set on a share group from above."),
    Definition::new(
        "group.share.max.record.lock.duration.ms",
        ConfigType::Int,
        Some("60000"),
        Valid::Between(30_000, 3_600_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Bounds the lock duration that can be set on a share group from above."),
    Definition::new("group.share.max.session.timeout.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the session timeout that can be set on a share group from above."),
    Definition::new("group.share.max.share.sessions", ConfigType::Int, Some("2000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds how many share sessions a broker keeps."),
    Definition::new("group.share.max.size", ConfigType::Int, Some("200"), Valid::Between(1, 1000))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds how many members a share group can have."),
    Definition::new("group.share.min.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the heartbeat interval that can be set on a share group from below."),
    Definition::new(
        "group.share.min.record.lock.duration.ms",
        ConfigType::Int,
        Some("15000"),
        Valid::Between(1000, 30_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Bounds the lock duration that can be set on a share group from below."),
    Definition::new("group.share.min.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the session timeout that can be set on a share group from below."),
    Definition::new(
        "group.share.partition.max.record.locks",
        ConfigType::Int,
        Some("2000"),
        Valid::Between(100, 10_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Bounds how many records of a partition a share group can hold locked at once."),
    Definition::new(
        "group.share.record.lock.duration.ms",
        ConfigType::Int,
        Some("30000"),
        Valid::Between(1000, 3_600_000),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Locks a record this long for the member of a share group that acquired it."),
    Definition::new("group.share.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Removes a member of a share group after this long without a heartbeat."),
    Definition::new("group.streams.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Tells members of streams groups how often to send heartbeats."),
    Definition::new("group.streams.initial.rebalance.delay.ms", ConfigType::Int, Some("3000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Waits this long for more members before a streams group's first assignment."),
    Definition::new("group.streams.max.heartbeat.interval.ms", ConfigType::Int, Some("15000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the heartbeat interval that can be set on a streams group from above."),
    Definition::new("group.streams.max.session.timeout.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the session timeout that can be set on a streams group from above."),
    Definition::new("group.streams.max.size", ConfigType::Int, Some("2147483647"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds how many members a streams group can have."),
    Definition::new("group.streams.max.standby.replicas", ConfigType::Int, Some("2"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the number of standbys that can be set on a streams group."),
    Definition::new("group.streams.min.heartbeat.interval.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the heartbeat interval that can be set on a streams group from below."),
    Definition::new("group.streams.min.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds the session timeout that can be set on a streams group from below."),
    Definition::new("group.streams.num.standby.replicas", ConfigType::Int, Some("0"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Gives each stateful task of a streams group this many standbys."),
    Definition::new("group.streams.session.timeout.ms", ConfigType::Int, Some("45000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Removes a member of a streams group after this long without a heartbeat."),
    Definition::new("initial.broker.registration.timeout.ms", ConfigType::Int, Some("60000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Stops a starting broker that no controller has registered after this long."),
    Definition::new("inter.broker.listener.name", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the listener that brokers use among themselves."),
    Definition::new("kafka.metrics.polling.interval.secs", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how often the reporters of the old metrics library look."),
    Definition::new("kafka.metrics.reporters", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lists reporters of the old metrics library."),
    Definition::new("leader.imbalance.check.interval.seconds", ConfigType::Long, Some("300"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how often leadership is compared with the preferred replicas."),
    Definition::new(
        "listener.security.protocol.map",
        ConfigType::String,
        Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Valid::Any,
    )
    .graded(UpdateMode::PerBroker, Importance::Low)
    .doc("Says for each listener which security protocol it speaks."),
    Definition::new("listeners", ConfigType::List, Some("PLAINTEXT://:9092"), Valid::List { empty: false })
        .graded(UpdateMode::PerBroker, Importance::High)
        .doc("Lists the addresses the broker listens on."),
    Definition::new("log.cleaner.backoff.ms", ConfigType::Long, Some("15000"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Pauses this long between looks for a log to compact."),
    Definition::new("log.cleaner.dedupe.buffer.size", ConfigType::Long, Some("134217728"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets the memory for the keys of a compaction, shared by all cleaner threads."),
    Definition::new("log.cleaner.delete.retention.ms", ConfigType::Long, Some("86400000"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `delete.retention.ms` where a topic has none."),
    Definition::new("log.cleaner.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Runs compaction at all."),
    Definition::new("log.cleaner.io.buffer.load.factor", ConfigType::Double, Some("0.9"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Says how full the cleaner's table of keys may become."),
    Definition::new("log.cleaner.io.buffer.size", ConfigType::Int, Some("524288"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets the memory for reading and writing of a compaction, shared by all cleaner threads."),
    Definition::new(
        "log.cleaner.io.max.bytes.per.second",
        ConfigType::Double,
        Some("1.7976931348623157E308"),
        Valid::Any,
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium)
    .doc("Slows compaction down to this rate of bytes read and written."),
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
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets how many threads compact logs."),
    Definition::new("log.cleanup.policy", ConfigType::List, Some("delete"), Valid::ListOf(&["compact", "delete"]))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .applied()
        .doc("Stands in for `cleanup.policy` where a topic has none."),
    Definition::new("log.dir", ConfigType::List, Some("/tmp/kafka-logs"), Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Names the directory for logs; `log.dirs` goes before it."),
    Definition::new("log.dir.failure.timeout.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Stops a broker that could not report a failed log directory for this long."),
    Definition::new("log.dirs", ConfigType::List, None, Valid::List { empty: false })
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lists the directories for logs."),
    Definition::new("log.flush.interval.messages", ConfigType::Long, Some("9223372036854775807"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Forces a log to disk after this many records."),
    Definition::new("log.flush.interval.ms", ConfigType::Long, None, Valid::Any)
        .synonyms(&["log.flush.interval.ms", "log.flush.scheduler.interval.ms"])
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Forces a log to disk when a record has been in memory this long."),
    Definition::new("log.flush.offset.checkpoint.interval.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how often it is noted up to where logs are on disk."),
    Definition::new("log.flush.scheduler.interval.ms", ConfigType::Long, Some("9223372036854775807"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how often logs are looked through for what to force to disk."),
    Definition::new("log.flush.start.offset.checkpoint.interval.ms", ConfigType::Int, Some("60000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how often log start offsets are noted on disk."),
    Definition::new("log.index.interval.bytes", ConfigType::Int, Some("4096"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Stands in for `index.interval.bytes` where a topic has none."),
    Definition::new("log.index.size.max.bytes", ConfigType::Int, Some("10485760"), Valid::AtLeast(4))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Bounds a segment's offset index."),
    Definition::new("log.local.retention.bytes", ConfigType::Long, Some("-2"), Valid::AtLeast(-2))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Bounds the local part of a tiered log; -2 stands for `log.retention.bytes`."),
    Definition::new("log.local.retention.ms", ConfigType::Long, Some("-2"), Valid::AtLeast(-2))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Keeps segments of a tiered log on local disk this long; -2 stands for `log.retention.ms`."),
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
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Reserves a segment's file on disk when it is begun."),
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
        .doc("Stands in for `segment.jitter.ms`, in hours, where `log.roll.jitter.ms` is not set."),
    Definition::new("log.roll.jitter.ms", ConfigType::Long, None, Valid::Any)
        .synonyms(&["log.roll.jitter.ms", "log.roll.jitter.hours"])
        .graded(UpdateMode::ClusterWide, Importance::High)
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
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Waits this long before the files of a deleted segment go."),
    Definition::new("max.connection.creation.rate", ConfigType::Int, Some("2147483647"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Bounds how many connections a broker takes per second."),
    Definition::new("max.connections", ConfigType::Int, Some("2147483647"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Caps the connections of one broker."),
    Definition::new("max.connections.per.ip", ConfigType::Int, Some("2147483647"), Valid::AtLeast(0))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Bounds how many connections a broker takes from one address."),
    Definition::new("max.connections.per.ip.overrides", ConfigType::String, Some(""), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets other bounds on connections for single addresses."),
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
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Names the directory of the metadata log; absent stands for the first of `log.dirs`."),
    Definition::new(
        "metadata.log.max.record.bytes.between.snapshots",
        ConfigType::Long,
        Some("20971520"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::High)
    .doc("Takes a metadata snapshot once this many bytes are new."),
    Definition::new("metadata.log.max.snapshot.interval.ms", ConfigType::Long, Some("3600000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Takes a metadata snapshot when the last is this old."),
    Definition::new("metadata.log.segment.bytes", ConfigType::Int, Some("1073741824"), Valid::AtLeast(8_388_608))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Begins a new segment of the metadata log at this size."),
    Definition::new("metadata.log.segment.ms", ConfigType::Long, Some("604800000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Begins a new segment of the metadata log at this age."),
    Definition::new("metadata.max.idle.interval.ms", ConfigType::Int, Some("500"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how often an idle controller writes an empty record."),
    Definition::new("metadata.max.retention.bytes", ConfigType::Long, Some("104857600"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Drops the oldest metadata segments and snapshots beyond this size."),
    Definition::new("metadata.max.retention.ms", ConfigType::Long, Some("604800000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Drops metadata segments and snapshots older than this."),
    Definition::new(
        "metric.reporters",
        ConfigType::List,
        Some("org.apache.kafka.common.metrics.JmxReporter"),
        Valid::List { empty: true },
    )
    .graded(UpdateMode::ClusterWide, Importance::Low)
    .doc("Lists the classes that report metrics."),
    Definition::new("metrics.num.samples", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets over how many samples a metric is computed."),
    Definition::new("metrics.recording.level", ConfigType::String, Some("INFO"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Says how detailed the recorded metrics are."),
    Definition::new("metrics.sample.window.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how long each sample of a metric lasts."),
    Definition::new("min.insync.replicas", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .applied()
        .doc("Refuses writes with `acks=all` while fewer replicas than this are in sync."),
    Definition::new("node.id", ConfigType::Int, None, Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Identifies the broker within its cluster."),
    Definition::new("num.io.threads", ConfigType::Int, Some("8"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Sets how many threads handle requests."),
    Definition::new("num.network.threads", ConfigType::Int, Some("3"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Sets how many threads of each listener read and write sockets."),
    Definition::new("num.partitions", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .applied()
        .doc("Sets the partition count of topics that are created without one."),
    Definition::new("num.recovery.threads.per.data.dir", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Sets how many threads load and close the logs of a directory."),
    Definition::new("num.replica.alter.log.dirs.threads", ConfigType::Int, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how many threads move replicas between log directories."),
    Definition::new("num.replica.fetchers", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Sets how many threads fetch from each other broker."),
    Definition::new("offset.metadata.max.bytes", ConfigType::Int, Some("4096"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Refuses an offset commit whose metadata is longer than this."),
    Definition::new("offsets.commit.timeout.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Gives up an offset commit that is not replicated after this long."),
    Definition::new("offsets.load.buffer.size", ConfigType::Int, Some("5242880"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how many bytes are read at a time when a coordinator loads offsets."),
    Definition::new("offsets.retention.check.interval.ms", ConfigType::Long, Some("600000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how often expired offsets are looked for."),
    Definition::new("offsets.retention.minutes", ConfigType::Int, Some("10080"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Forgets committed offsets this long after their group has become empty."),
    Definition::new("offsets.topic.compression.codec", ConfigType::Int, Some("0"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Says by number how batches of the offsets topic are compressed."),
    Definition::new("offsets.topic.num.partitions", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the partition count of the topic of committed offsets."),
    Definition::new("offsets.topic.replication.factor", ConfigType::Short, Some("3"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the replication factor of the topic of committed offsets."),
    Definition::new("offsets.topic.segment.bytes", ConfigType::Int, Some("104857600"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Begins a new segment of the offsets topic at this size."),
    Definition::new(
        "principal.builder.class",
        ConfigType::Class,
        Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"),
        Valid::Any,
    )
    .graded(UpdateMode::PerBroker, Importance::Medium)
    .doc("Names the class that makes a principal of what a connection proved."),
    Definition::new("process.roles", ConfigType::List, None, Valid::NonEmptyListOf(&["broker", "controller"]))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Says whether the process is a broker, a controller or both."),
    Definition::new("producer.id.expiration.ms", ConfigType::Int, Some("86400000"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Low)
        .applied()
        .doc("Forgets a producer's sequence numbers this long after its last batch."),
    Definition::new("producer.purgatory.purge.interval.requests", ConfigType::Int, Some("1000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets after how many requests finished produce requests are cleared away."),
    Definition::new("queued.max.request.bytes", ConfigType::Long, Some("-1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Stops reading sockets while this many bytes of requests wait; -1 is no limit."),
    Definition::new("queued.max.requests", ConfigType::Int, Some("500"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Stops reading sockets while this many requests wait."),
    Definition::new("quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets over how many samples client quotas are measured."),
    Definition::new("quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how long each sample of client quotas lasts."),
    Definition::new("remote.fetch.max.wait.ms", ConfigType::Int, Some("500"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Bounds how long a fetch waits for remote storage."),
    Definition::new("remote.list.offsets.request.timeout.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Bounds how long an offset lookup waits for remote storage."),
    Definition::new(
        "remote.log.index.file.cache.total.size.bytes",
        ConfigType::Long,
        Some("1073741824"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Low)
    .doc("Bounds the local cache of indexes from remote storage."),
    Definition::new("remote.log.manager.copier.thread.pool.size", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets how many threads copy segments to remote storage."),
    Definition::new(
        "remote.log.manager.copy.max.bytes.per.second",
        ConfigType::Long,
        Some("9223372036854775807"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium)
    .doc("Slows copying to remote storage down to this rate."),
    Definition::new("remote.log.manager.copy.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets over how many samples the quota for copying to remote storage is measured."),
    Definition::new("remote.log.manager.copy.quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how long each sample of the quota for copying to remote storage lasts."),
    Definition::new("remote.log.manager.expiration.thread.pool.size", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets how many threads delete expired segments from remote storage."),
    Definition::new(
        "remote.log.manager.fetch.max.bytes.per.second",
        ConfigType::Long,
        Some("9223372036854775807"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ClusterWide, Importance::Medium)
    .doc("Slows reading from remote storage down to this rate."),
    Definition::new("remote.log.manager.fetch.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets over how many samples the quota for reading from remote storage is measured."),
    Definition::new(
        "remote.log.manager.fetch.quota.window.size.seconds",
        ConfigType::Int,
        Some("1"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Sets how long each sample of the quota for reading from remote storage lasts."),
    Definition::new("remote.log.manager.follower.thread.pool.size", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets how many threads keep followers of tiered partitions up to date."),
    Definition::new("remote.log.manager.task.interval.ms", ConfigType::Long, Some("30000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how often tiered partitions are looked through for what to copy or delete."),
    Definition::new("remote.log.manager.thread.pool.size", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Is the old common setting for the threads of remote storage."),
    Definition::new("remote.log.metadata.custom.metadata.max.bytes", ConfigType::Int, Some("128"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Bounds what a remote storage plug-in may note about a segment."),
    Definition::new(
        "remote.log.metadata.manager.class.name",
        ConfigType::String,
        Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"),
        Valid::NonEmptyString,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Names the class that keeps track of remote segments."),
    Definition::new("remote.log.metadata.manager.class.path", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Says where the class that keeps track of remote segments is loaded from."),
    Definition::new(
        "remote.log.metadata.manager.impl.prefix",
        ConfigType::String,
        Some("rlmm.config."),
        Valid::NonEmptyString,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Begins the names of configs that go to the class that keeps track of remote segments."),
    Definition::new("remote.log.metadata.manager.listener.name", ConfigType::String, None, Valid::NonEmptyString)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the listener that the keeper of remote segments connects to."),
    Definition::new("remote.log.reader.max.pending.tasks", ConfigType::Int, Some("100"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds how many reads from remote storage can wait."),
    Definition::new("remote.log.reader.threads", ConfigType::Int, Some("10"), Valid::AtLeast(1))
        .graded(UpdateMode::ClusterWide, Importance::Medium)
        .doc("Sets how many threads read from remote storage."),
    Definition::new("remote.log.storage.manager.class.name", ConfigType::String, None, Valid::NonEmptyString)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the class that stores remote segments."),
    Definition::new("remote.log.storage.manager.class.path", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Says where the class that stores remote segments is loaded from."),
    Definition::new(
        "remote.log.storage.manager.impl.prefix",
        ConfigType::String,
        Some("rsm.config."),
        Valid::NonEmptyString,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Begins the names of configs that go to the class that stores remote segments."),
    Definition::new("remote.log.storage.system.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Lets topics be tiered to remote storage at all."),
    Definition::new("replica.fetch.backoff.ms", ConfigType::Int, Some("1000"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Pauses a follower this long after a failed fetch."),
    Definition::new("replica.fetch.max.bytes", ConfigType::Int, Some("1048576"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how many bytes of each partition a follower asks for."),
    Definition::new("replica.fetch.min.bytes", ConfigType::Int, Some("1"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Lets the leader wait until it has this many bytes for a follower."),
    Definition::new("replica.fetch.response.max.bytes", ConfigType::Int, Some("10485760"), Valid::AtLeast(0))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds a follower's whole fetch response."),
    Definition::new("replica.fetch.wait.max.ms", ConfigType::Int, Some("500"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Bounds how long a leader lets a follower's fetch wait."),
    Definition::new("replica.high.watermark.checkpoint.interval.ms", ConfigType::Long, Some("5000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how often high watermarks are noted on disk."),
    Definition::new("replica.lag.time.max.ms", ConfigType::Long, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Takes a follower out of the ISR once it has not caught up for this long."),
    Definition::new("replica.selector.class", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the class that picks the replica a consumer reads from."),
    Definition::new("replica.socket.receive.buffer.bytes", ConfigType::Int, Some("65536"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the receive buffer of a follower's socket."),
    Definition::new("replica.socket.timeout.ms", ConfigType::Int, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Gives up a follower's request after this long."),
    Definition::new("replication.quota.window.num", ConfigType::Int, Some("11"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets over how many samples replication quotas are measured."),
    Definition::new("replication.quota.window.size.seconds", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how long each sample of replication quotas lasts."),
    Definition::new("request.timeout.ms", ConfigType::Int, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Gives up a request among brokers after this long."),
    Definition::new("sasl.client.callback.handler.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the class that answers a SASL client's questions."),
    Definition::new("sasl.enabled.mechanisms", ConfigType::List, Some("GSSAPI"), Valid::List { empty: true })
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Lists the SASL mechanisms that clients may use."),
    Definition::new("sasl.jaas.config", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Sets up the login modules of SASL."),
    Definition::new("sasl.kerberos.kinit.cmd", ConfigType::String, Some("/usr/bin/kinit"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the program that gets Kerberos tickets."),
    Definition::new("sasl.kerberos.min.time.before.relogin", ConfigType::Long, Some("60000"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Waits at least this long between two Kerberos logins."),
    Definition::new(
        "sasl.kerberos.principal.to.local.rules",
        ConfigType::List,
        Some("DEFAULT"),
        Valid::List { empty: true },
    )
    .graded(UpdateMode::PerBroker, Importance::Medium)
    .doc("Lists rules that make short names of Kerberos principals."),
    Definition::new("sasl.kerberos.service.name", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the Kerberos principal that brokers run as."),
    Definition::new("sasl.kerberos.ticket.renew.jitter", ConfigType::Double, Some("0.05"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Spreads the renewal of Kerberos tickets by this share of time."),
    Definition::new("sasl.kerberos.ticket.renew.window.factor", ConfigType::Double, Some("0.8"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Renews a Kerberos ticket after this share of its life."),
    Definition::new("sasl.login.callback.handler.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the class that answers a SASL login's questions."),
    Definition::new("sasl.login.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the class that logs in for SASL."),
    Definition::new("sasl.login.connect.timeout.ms", ConfigType::Int, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Gives up connecting to an identity provider after this long."),
    Definition::new("sasl.login.read.timeout.ms", ConfigType::Int, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Gives up reading from an identity provider after this long."),
    Definition::new("sasl.login.refresh.buffer.seconds", ConfigType::Short, Some("300"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Refreshes a credential at least this long before it ends."),
    Definition::new("sasl.login.refresh.min.period.seconds", ConfigType::Short, Some("60"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Keeps a credential at least this long before it is refreshed."),
    Definition::new("sasl.login.refresh.window.factor", ConfigType::Double, Some("0.8"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Refreshes a credential after this share of its life."),
    Definition::new("sasl.login.refresh.window.jitter", ConfigType::Double, Some("0.05"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Spreads the refresh of credentials by this share of their life."),
    Definition::new("sasl.login.retry.backoff.max.ms", ConfigType::Long, Some("10000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Bounds the pause between attempts to reach an identity provider."),
    Definition::new("sasl.login.retry.backoff.ms", ConfigType::Long, Some("100"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets the first pause between attempts to reach an identity provider."),
    Definition::new("sasl.mechanism.controller.protocol", ConfigType::String, Some("GSSAPI"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Names the SASL mechanism among controllers."),
    Definition::new("sasl.mechanism.inter.broker.protocol", ConfigType::String, Some("GSSAPI"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the SASL mechanism among brokers."),
    Definition::new(
        "sasl.oauthbearer.assertion.algorithm",
        ConfigType::String,
        Some("RS256"),
        Valid::OneOfIgnoringCase(&["ES256", "RS256"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Says how a client assertion is signed."),
    Definition::new("sasl.oauthbearer.assertion.claim.aud", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the audience claim of a client assertion."),
    Definition::new(
        "sasl.oauthbearer.assertion.claim.exp.seconds",
        ConfigType::Int,
        Some("300"),
        Valid::Between(0, 86_400),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low)
    .doc("Lets a client assertion expire this long after it was made."),
    Definition::new("sasl.oauthbearer.assertion.claim.iss", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the issuer claim of a client assertion."),
    Definition::new("sasl.oauthbearer.assertion.claim.jti.include", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Adds a unique id to each client assertion."),
    Definition::new(
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        ConfigType::Int,
        Some("60"),
        Valid::Between(0, 3600),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low)
    .doc("Makes a client assertion valid this long before it was made."),
    Definition::new("sasl.oauthbearer.assertion.claim.sub", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the subject claim of a client assertion."),
    Definition::new("sasl.oauthbearer.assertion.file", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names a file with a client assertion made elsewhere."),
    Definition::new("sasl.oauthbearer.assertion.private.key.file", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the file of the key that signs client assertions."),
    Definition::new("sasl.oauthbearer.assertion.private.key.passphrase", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Opens the key that signs client assertions."),
    Definition::new("sasl.oauthbearer.assertion.template.file", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names a file with headers and claims for client assertions."),
    Definition::new("sasl.oauthbearer.client.credentials.client.id", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Identifies the client when it asks for a token."),
    Definition::new("sasl.oauthbearer.client.credentials.client.secret", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Proves the client's identity when it asks for a token."),
    Definition::new("sasl.oauthbearer.clock.skew.seconds", ConfigType::Int, Some("30"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lets clocks of broker and identity provider differ by this much."),
    Definition::new("sasl.oauthbearer.expected.audience", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lists the audiences of which a token must name one."),
    Definition::new("sasl.oauthbearer.expected.issuer", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names the issuer that a token must be from."),
    Definition::new("sasl.oauthbearer.jwks.endpoint.refresh.ms", ConfigType::Long, Some("3600000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets how often the keys that tokens are checked with are fetched."),
    Definition::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", ConfigType::Long, Some("10000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Bounds the pause between attempts to fetch the keys for tokens."),
    Definition::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", ConfigType::Long, Some("100"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Sets the first pause between attempts to fetch the keys for tokens."),
    Definition::new("sasl.oauthbearer.jwks.endpoint.url", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Says where the keys that tokens are checked with are found."),
    Definition::new(
        "sasl.oauthbearer.jwt.retriever.class",
        ConfigType::Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Valid::Any,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Names the class that gets tokens."),
    Definition::new(
        "sasl.oauthbearer.jwt.validator.class",
        ConfigType::Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Valid::Any,
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Names the class that checks tokens."),
    Definition::new("sasl.oauthbearer.scope", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets the scope of the tokens asked for."),
    Definition::new("sasl.oauthbearer.scope.claim.name", ConfigType::String, Some("scope"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names the claim that holds a token's scope."),
    Definition::new("sasl.oauthbearer.sub.claim.name", ConfigType::String, Some("sub"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Names the claim that holds a token's subject."),
    Definition::new("sasl.oauthbearer.token.endpoint.url", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Says where tokens are asked for."),
    Definition::new("sasl.server.callback.handler.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Names the class that answers a SASL server's questions."),
    Definition::new("sasl.server.max.receive.size", ConfigType::Int, Some("524288"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds a SASL message before the client is known."),
    Definition::new(
        "security.inter.broker.protocol",
        ConfigType::String,
        Some("PLAINTEXT"),
        Valid::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Names the security protocol among brokers."),
    Definition::new("security.providers", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lists classes that add Java security providers."),
    Definition::new("share.coordinator.append.linger.ms", ConfigType::Int, Some("-1"), Valid::AtLeast(-1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Lets the share coordinator gather records for this long; -1 adapts to the load."),
    Definition::new("share.coordinator.load.buffer.size", ConfigType::Int, Some("5242880"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how many bytes are read at a time when a share coordinator loads its state."),
    Definition::new(
        "share.coordinator.snapshot.update.records.per.snapshot",
        ConfigType::Int,
        Some("500"),
        Valid::AtLeast(0),
    )
    .graded(UpdateMode::ReadOnly, Importance::Medium)
    .doc("Sets how many updates of share state follow a snapshot before the next."),
    Definition::new("share.coordinator.state.topic.compression.codec", ConfigType::Int, Some("0"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Says by number how batches of the share state topic are compressed."),
    Definition::new("share.coordinator.state.topic.min.isr", ConfigType::Short, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Refuses writes to the share state topic while fewer replicas than this are in sync."),
    Definition::new("share.coordinator.state.topic.num.partitions", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how many partitions the share state topic has."),
    Definition::new(
        "share.coordinator.state.topic.replication.factor",
        ConfigType::Short,
        Some("3"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::High)
    .doc("Sets how many replicas each partition of the share state topic has."),
    Definition::new(
        "share.coordinator.state.topic.segment.bytes",
        ConfigType::Int,
        Some("104857600"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::High)
    .doc("Begins a new segment of the share state topic at this size."),
    Definition::new("share.coordinator.threads", ConfigType::Int, Some("1"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how many threads coordinate share state."),
    Definition::new("share.coordinator.write.timeout.ms", ConfigType::Int, Some("5000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Gives up a write of share state that is not replicated after this long."),
    Definition::new("share.fetch.purgatory.purge.interval.requests", ConfigType::Int, Some("1000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets after how many requests finished share fetches are cleared away."),
    Definition::new("socket.connection.setup.timeout.max.ms", ConfigType::Long, Some("30000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Bounds how long a connection may take to open after failures."),
    Definition::new("socket.connection.setup.timeout.ms", ConfigType::Long, Some("10000"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how long a connection may take to open at first."),
    Definition::new("socket.listen.backlog.size", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Medium)
        .doc("Sets how many connections can wait to be accepted."),
    Definition::new("socket.receive.buffer.bytes", ConfigType::Int, Some("102400"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the receive buffer of a broker's sockets."),
    Definition::new("socket.request.max.bytes", ConfigType::Int, Some("104857600"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .applied()
        .doc("Closes a connection whose request is larger than this."),
    Definition::new("socket.send.buffer.bytes", ConfigType::Int, Some("102400"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the send buffer of a broker's sockets."),
    Definition::new("ssl.allow.dn.changes", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lets a new keystore have another distinguished name."),
    Definition::new("ssl.allow.san.changes", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lets a new keystore have other alternative names."),
    Definition::new("ssl.cipher.suites", ConfigType::List, Some(""), Valid::List { empty: true })
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Lists the cipher suites allowed; empty allows all that there are."),
    Definition::new(
        "ssl.client.auth",
        ConfigType::String,
        Some("none"),
        Valid::OneOf(&["required", "requested", "none"]),
    )
    .graded(UpdateMode::PerBroker, Importance::Medium)
    .doc("Says whether clients need a certificate."),
    Definition::new("ssl.enabled.protocols", ConfigType::List, Some("TLSv1.2,TLSv1.3"), Valid::List { empty: true })
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Lists the TLS versions allowed."),
    Definition::new("ssl.endpoint.identification.algorithm", ConfigType::String, Some("https"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Low)
        .doc("Says how a server's name is checked against its certificate."),
    Definition::new("ssl.engine.factory.class", ConfigType::Class, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Low)
        .doc("Names the class that makes TLS engines."),
    Definition::new("ssl.key.password", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Opens the private key in the keystore."),
    Definition::new("ssl.keymanager.algorithm", ConfigType::String, Some("SunX509"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the algorithm that chooses keys."),
    Definition::new("ssl.keystore.certificate.chain", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Holds the broker's certificates as PEM."),
    Definition::new("ssl.keystore.key", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Holds the broker's private key as PEM."),
    Definition::new("ssl.keystore.location", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the file of the keystore."),
    Definition::new("ssl.keystore.password", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Opens the keystore."),
    Definition::new("ssl.keystore.type", ConfigType::String, Some("JKS"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the format of the keystore."),
    Definition::new("ssl.principal.mapping.rules", ConfigType::String, Some("DEFAULT"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lists rules that make short names of certificates' names."),
    Definition::new("ssl.protocol", ConfigType::String, Some("TLSv1.3"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the newest TLS version used."),
    Definition::new("ssl.provider", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the Java security provider for TLS."),
    Definition::new("ssl.secure.random.implementation", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Low)
        .doc("Names the source of random numbers for TLS."),
    Definition::new("ssl.trustmanager.algorithm", ConfigType::String, Some("PKIX"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the algorithm that decides whom to trust."),
    Definition::new("ssl.truststore.certificates", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Holds the trusted certificates as PEM."),
    Definition::new("ssl.truststore.location", ConfigType::String, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the file of the truststore."),
    Definition::new("ssl.truststore.password", ConfigType::Password, None, Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Opens the truststore."),
    Definition::new("ssl.truststore.type", ConfigType::String, Some("JKS"), Valid::Any)
        .graded(UpdateMode::PerBroker, Importance::Medium)
        .doc("Names the format of the truststore."),
    Definition::new("telemetry.max.bytes", ConfigType::Int, Some("1048576"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Bounds what a client may push of its metrics at once, when compressed."),
    Definition::new(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        ConfigType::Int,
        Some("10000"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low)
    .doc("Sets how often timed-out transactions are looked for and aborted."),
    Definition::new("transaction.max.timeout.ms", ConfigType::Int, Some("900000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Refuses a transactional producer that asks for a longer time-out."),
    Definition::new("transaction.partition.verification.enable", ConfigType::Boolean, Some("true"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::Low)
        .doc("Checks that a partition belongs to the transaction before records are appended to it."),
    Definition::new(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        ConfigType::Int,
        Some("3600000"),
        Valid::AtLeast(1),
    )
    .graded(UpdateMode::ReadOnly, Importance::Low)
    .doc("Sets how often unused transactional ids are looked for and forgotten."),
    Definition::new("transaction.state.log.load.buffer.size", ConfigType::Int, Some("5242880"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets how many bytes are read at a time when a coordinator loads transactions."),
    Definition::new("transaction.state.log.min.isr", ConfigType::Int, Some("2"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets `min.insync.replicas` of the topic of transactions."),
    Definition::new("transaction.state.log.num.partitions", ConfigType::Int, Some("50"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the partition count of the topic of transactions."),
    Definition::new("transaction.state.log.replication.factor", ConfigType::Short, Some("3"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Sets the replication factor of the topic of transactions."),
    Definition::new("transaction.state.log.segment.bytes", ConfigType::Int, Some("104857600"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Begins a new segment of the transaction topic at this size."),
    Definition::new("transaction.two.phase.commit.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ReadOnly, Importance::Low)
        .doc("Lets clients prepare transactions that only they may end."),
    Definition::new("transactional.id.expiration.ms", ConfigType::Int, Some("604800000"), Valid::AtLeast(1))
        .graded(UpdateMode::ReadOnly, Importance::High)
        .doc("Forgets a transactional id this long after its last use."),
    Definition::new("unclean.leader.election.enable", ConfigType::Boolean, Some("false"), Valid::Any)
        .graded(UpdateMode::ClusterWide, Importance::High)
        .doc("Lets a replica that is not in sync lead when no other can, which loses records."),
];
