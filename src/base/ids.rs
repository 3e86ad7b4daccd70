//! Numbers that must not be mixed up: brokers, partitions, offsets, epochs, producers, connections.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($raw:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $raw);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<$raw> for $name {
            fn from(raw: $raw) -> Self {
                Self(raw)
            }
        }
    )*};
}

ids! {
    /// A broker's node id; -1 means "no broker" on the wire.
    BrokerId(i32);
    /// A partition's number within its topic, from 0.
    PartitionIndex(i32);
    /// A record's position in its partition, from 0; negative values are Kafka's sentinels.
    Offset(i64);
    /// How many leaders a partition has had; -1 means "not known" on the wire.
    LeaderEpoch(i32);
    /// An idempotent or transactional producer; -1 means "neither".
    ProducerId(i64);
    /// The generation of a producer id; -1 means "neither idempotent nor transactional".
    ProducerEpoch(i16);
    /// A connection to a cluster, numbered from 1 in order of acceptance.
    ConnectionId(u64);
}

impl BrokerId {
    /// No broker: a partition without leader, a consumer that is not a replica.
    pub const NONE: Self = Self(-1);
}

impl Offset {
    /// No offset, in answers that have nothing to say.
    pub const INVALID: Self = Self(-1);
    /// In `DeleteRecords`: everything up to the high watermark.
    pub const HIGH_WATERMARK: Self = Self(-1);

    /// The offset `count` records further on.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl LeaderEpoch {
    /// Not known, or not checked.
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// A producer that is neither idempotent nor transactional.
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// The epoch of a producer that is neither idempotent nor transactional.
    pub const NONE: Self = Self(-1);
}
