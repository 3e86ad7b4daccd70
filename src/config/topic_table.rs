//! Topic configs, by name.
//!
//! Not here: what a row means; `definition` says that. Source: the definitions of Apache Kafka 4.2.1.

use crate::config::definition::ConfigType;
use crate::config::definition::Definition;
use crate::config::definition::Valid;

pub(super) const TOPIC: &[Definition] = &[
    Definition::new("cleanup.policy", ConfigType::List, Some("delete"), Valid::ListOf(&["compact", "delete"])).synonyms(&["log.cleanup.policy"]).applied().doc("Says what becomes of old records: `delete` drops whole segments, `compact` keeps the last record of each key, and nothing at all keeps everything."),
    Definition::new("compression.gzip.level", ConfigType::Int, Some("-1"), Valid::GzipLevel).synonyms(&["compression.gzip.level"]).doc("Sets how hard gzip works where the broker compresses."),
    Definition::new("compression.lz4.level", ConfigType::Int, Some("9"), Valid::Between(1, 17)).synonyms(&["compression.lz4.level"]).doc("Sets how hard lz4 works where the broker compresses."),
    Definition::new("compression.type", ConfigType::String, Some("producer"), Valid::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])).synonyms(&["compression.type"]).applied().doc("Names the codec of batches in the log; `producer` leaves them as they came."),
    Definition::new("compression.zstd.level", ConfigType::Int, Some("3"), Valid::Between(-131_072, 22)).synonyms(&["compression.zstd.level"]).doc("Sets how hard zstd works where the broker compresses."),
    Definition::new("delete.retention.ms", ConfigType::Long, Some("86400000"), Valid::AtLeast(0)).synonyms(&["log.cleaner.delete.retention.ms"]).applied().doc("Keeps a tombstone this long after compaction has reached it."),
    Definition::new("file.delete.delay.ms", ConfigType::Long, Some("60000"), Valid::AtLeast(0)).synonyms(&["log.segment.delete.delay.ms"]).doc("Leaves a deleted segment's files on disk this long."),
    Definition::new("flush.messages", ConfigType::Long, Some("9223372036854775807"), Valid::AtLeast(1)).synonyms(&["log.flush.interval.messages"]).applied().doc("Forces the log to disk after this many records."),
    Definition::new("flush.ms", ConfigType::Long, Some("9223372036854775807"), Valid::AtLeast(0)).synonyms(&["log.flush.interval.ms", "log.flush.scheduler.interval.ms"]).doc("Forces the log to disk after this long."),
    Definition::new("follower.replication.throttled.replicas", ConfigType::List, Some(""), Valid::ThrottledReplicas).doc("Lists the followers whose replication is held to the throttled rate."),
    Definition::new("index.interval.bytes", ConfigType::Int, Some("4096"), Valid::AtLeast(0)).synonyms(&["log.index.interval.bytes"]).doc("Adds an index entry after this many bytes of log."),
    Definition::new("internal.segment.bytes", ConfigType::Int, None, Valid::Any).applied().internal().doc("Begins a new segment at this size, below the lower bound of `segment.bytes`; for tests."),
    Definition::new("leader.replication.throttled.replicas", ConfigType::List, Some(""), Valid::ThrottledReplicas).doc("Lists the leaders whose replication is held to the throttled rate."),
    Definition::new("local.retention.bytes", ConfigType::Long, Some("-2"), Valid::AtLeast(-2)).synonyms(&["log.local.retention.bytes"]).doc("Bounds the local part of a tiered log; -2 takes `retention.bytes`."),
    Definition::new("local.retention.ms", ConfigType::Long, Some("-2"), Valid::AtLeast(-2)).synonyms(&["log.local.retention.ms"]).doc("Bounds the age of the local part of a tiered log; -2 takes `retention.ms`."),
    Definition::new("max.compaction.lag.ms", ConfigType::Long, Some("9223372036854775807"), Valid::AtLeast(1)).synonyms(&["log.cleaner.max.compaction.lag.ms"]).applied().doc("Makes a log due for compaction once a record has waited this long."),
    Definition::new("max.message.bytes", ConfigType::Int, Some("1048588"), Valid::AtLeast(0)).synonyms(&["message.max.bytes"]).applied().doc("Refuses a batch larger than this, header included, after compression."),
    Definition::new("message.timestamp.after.max.ms", ConfigType::Long, Some("3600000"), Valid::AtLeast(0)).synonyms(&["log.message.timestamp.after.max.ms"]).applied().doc("Refuses a record whose timestamp is further than this ahead of the broker's clock."),
    Definition::new("message.timestamp.before.max.ms", ConfigType::Long, Some("9223372036854775807"), Valid::AtLeast(0)).synonyms(&["log.message.timestamp.before.max.ms"]).applied().doc("Refuses a record whose timestamp is further than this behind the broker's clock."),
    Definition::new("message.timestamp.type", ConfigType::String, Some("CreateTime"), Valid::OneOf(&["CreateTime", "LogAppendTime"])).synonyms(&["log.message.timestamp.type"]).applied().doc("Says whose clock stamps records: the producer's or the broker's at the append."),
    Definition::new("min.cleanable.dirty.ratio", ConfigType::Double, Some("0.5"), Valid::Between(0, 1)).synonyms(&["log.cleaner.min.cleanable.ratio"]).applied().doc("Compacts a log only once this share of it is uncompacted."),
    Definition::new("min.compaction.lag.ms", ConfigType::Long, Some("0"), Valid::AtLeast(0)).synonyms(&["log.cleaner.min.compaction.lag.ms"]).applied().doc("Leaves a record younger than this out of compaction."),
    Definition::new("min.insync.replicas", ConfigType::Int, Some("1"), Valid::AtLeast(1)).synonyms(&["min.insync.replicas"]).applied().doc("Refuses writes with `acks=all` while fewer replicas than this are in sync."),
    Definition::new("preallocate", ConfigType::Boolean, Some("false"), Valid::Any).synonyms(&["log.preallocate"]).doc("Reserves a segment's file on disk when it is begun."),
    Definition::new("remote.log.copy.disable", ConfigType::Boolean, Some("false"), Valid::Any).doc("Stops copying a tiered log to remote storage and makes the remote part read-only."),
    Definition::new("remote.log.delete.on.disable", ConfigType::Boolean, Some("false"), Valid::Any).doc("Deletes the remote part when tiering is switched off."),
    Definition::new("remote.storage.enable", ConfigType::Boolean, Some("false"), Valid::Any).doc("Tiers the topic's log to remote storage."),
    Definition::new("retention.bytes", ConfigType::Long, Some("-1"), Valid::Any).synonyms(&["log.retention.bytes"]).applied().doc("Drops the oldest segments of a partition while it is larger than this; -1 is no limit."),
    Definition::new("retention.ms", ConfigType::Long, Some("604800000"), Valid::AtLeast(-1)).synonyms(&["log.retention.ms", "log.retention.minutes", "log.retention.hours"]).applied().doc("Drops segments whose newest record is older than this; -1 is no limit."),
    Definition::new("segment.bytes", ConfigType::Int, Some("1073741824"), Valid::AtLeast(1_048_576)).synonyms(&["log.segment.bytes"]).applied().doc("Begins a new segment at this size."),
    Definition::new("segment.index.bytes", ConfigType::Int, Some("10485760"), Valid::AtLeast(4)).synonyms(&["log.index.size.max.bytes"]).doc("Bounds a segment's offset index."),
    Definition::new("segment.jitter.ms", ConfigType::Long, Some("0"), Valid::AtLeast(0)).synonyms(&["log.roll.jitter.ms", "log.roll.jitter.hours"]).doc("Takes a random part of this off `segment.ms`, so that segments do not all roll at once."),
    Definition::new("segment.ms", ConfigType::Long, Some("604800000"), Valid::AtLeast(1)).synonyms(&["log.roll.ms", "log.roll.hours"]).applied().doc("Begins a new segment at this age, even if it is not full."),
    Definition::new("unclean.leader.election.enable", ConfigType::Boolean, Some("false"), Valid::Any).synonyms(&["unclean.leader.election.enable"]).applied().doc("Lets a replica that is not in sync lead when no other can, which loses records."),
];
