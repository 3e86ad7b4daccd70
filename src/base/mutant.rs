//! Bugs that can be planted in the brokers, to show that the checker finds them.
//!
//! Not here: where each one lies; the code says so in one line, and in a build without the feature `mutants` it is gone.

use std::fmt;

macro_rules! mutants {
    ($($name:ident: $what:literal,)*) => {
        /// A bug of a broker, which real brokers have had or nearly had.
        ///
        /// For proving the checker, never for users.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum BrokerMutant {
            $(#[doc = concat!("The broker ", $what, ".")] $name,)*
        }

        impl BrokerMutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What a broker with this bug does, in words.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)*
                }
            }
        }
    };
}

mutants! {
    RefusesDuplicates: "takes a batch that it has for one out of order",
    KeepsSequencesOnAbort: "takes the records after an aborted transaction for those of that transaction",
    AnswersOffsetZero: "answers a retried batch with offset 0",
    AcksBeforeCommit: "takes what the leader has for committed",
    TruncatesToHighWatermark: "truncates a follower to its own high watermark, as before KIP-101",
    ChecksNoGeneration: "takes commits of members whose generation is over",
    AwaitsSyncForever: "waits for a dead member's assignment for ever",
    ReadsBehindStable: "serves one record behind the last stable offset",
    ReadsHighWatermarkTwice: "bounds a read of committed records by a later high watermark (KAFKA-9807)",
    ForgetsPrepared: "forgets a prepared end when the coordinator moves",
    SkipsGroupMarkers: "writes no markers for offsets that a transaction commits",
    ServesNoOversized: "serves nothing where the first batch is larger than the limit, as before KIP-74",
    CompactsLastValue: "compacts a key's last value away",
    KeepsProducerEpoch: "gives a producer that begins the epoch of the one before",
    KeepsIsr: "takes nobody out of the ISR who lags or is dead",
    CommitsInMemory: "keeps committed offsets in the coordinator's memory only",
    SkipsEndOfSegment: "serves nothing of a segment to who wants its last batch",
    FollowerRunsAhead: "takes all that a follower has for committed",
    WritesMarkersTwice: "writes each marker again after a while",
    ForgetsProducers: "has a new leader forget what producers have sent",
    MistakesTopicId: "takes an unknown topic id for that of another topic",
}

impl fmt::Display for BrokerMutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The planted bugs: none at all, in a build without the feature `mutants`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerMutants {
    #[cfg(feature = "mutants")]
    planted: Option<BrokerMutant>,
}

impl BrokerMutants {
    /// Plants a bug.
    #[cfg(feature = "mutants")]
    pub const fn of(mutant: BrokerMutant) -> Self {
        Self { planted: Some(mutant) }
    }

    /// Whether this bug was planted.
    #[cfg(feature = "mutants")]
    pub fn has(self, mutant: BrokerMutant) -> bool {
        self.planted == Some(mutant)
    }

    /// Whether this bug was planted: no.
    #[cfg(not(feature = "mutants"))]
    #[inline(always)]
    pub const fn has(self, _: BrokerMutant) -> bool {
        false
    }
}
