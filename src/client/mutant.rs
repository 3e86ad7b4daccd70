//! Bugs that are planted in the client on purpose, one at a time, so that it can be shown that the checker sees them.
//!
//! Each is one line where the mistake would be, and stands for one that some client really had. Not here: bugs of
//! applications, which a test writes itself; and anything in a build without the feature `mutants`, where all of this
//! is a constant `false`.

/// A planted bug.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ClientMutant {
    /// A topic is known by its name alone, whatever its id: one that is created anew is taken for the old one.
    BlindToTopicIds,
    /// A fetch does not say in which epoch the last record was written (before KIP-320).
    BlindToEpochs,
    /// The producer takes the next epoch although batches of the last one are unresolved (KAFKA-14034).
    BumpUnresolved,
    /// `NOT_LEADER_OR_FOLLOWER` is told as a failure, as if nothing could have been written (KAFKA-13574).
    NotLeaderIsFailure,
    /// `KAFKA_STORAGE_ERROR` is told as a failure, as if nothing could have been written.
    StorageErrorIsFailure,
    /// What a member lost is treated as if it were revoked, so that it commits for it (librdkafka#5604).
    LostAsRevoked,
    /// A member that was expelled goes on with what it owned, and the leader believes whoever says so (KAFKA-12984).
    TrustStaleOwners,
    /// A question for committed offsets that is refused is never asked again, while heartbeats go on.
    OffsetFetchGivesUp,
    /// Offsets are committed without their leader epoch.
    CommitWithoutEpoch,
    /// A producer's records are not looked at any more behind its first marker (brod#659, librdkafka#3369).
    FilterEndsAtFirstMarker,
    /// A commit that is not answered in time is taken for an abort.
    AbortAfterCommitTimeout,
    /// A broker that leads no more is taken for one that has no such offset.
    NotLeaderIsOutOfRange,
    /// A follower that has no such offset is believed that nobody has.
    FollowerIsBelieved,
    /// Batches whose checksum is wrong are passed over.
    SkipCorruptBatches,
    /// Checksums of fetched batches are not looked at.
    TrustChecksums,
    /// A connection lives on after a request has timed out, and takes the late answer for that of the next one.
    ReuseCorrelation,
    /// The producer does not ask for metadata when it is told that a broker leads no more.
    NoRefresh,
}

impl ClientMutant {
    /// All of them.
    #[doc(hidden)]
    pub const ALL: &[Self] = &[
        Self::BlindToTopicIds,
        Self::BlindToEpochs,
        Self::BumpUnresolved,
        Self::NotLeaderIsFailure,
        Self::StorageErrorIsFailure,
        Self::LostAsRevoked,
        Self::TrustStaleOwners,
        Self::OffsetFetchGivesUp,
        Self::CommitWithoutEpoch,
        Self::FilterEndsAtFirstMarker,
        Self::AbortAfterCommitTimeout,
        Self::NotLeaderIsOutOfRange,
        Self::FollowerIsBelieved,
        Self::SkipCorruptBatches,
        Self::TrustChecksums,
        Self::ReuseCorrelation,
        Self::NoRefresh,
    ];
}

/// The bugs that are planted in one client.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::client) struct Mutants {
    #[cfg(feature = "mutants")]
    planted: u64,
}

#[cfg(feature = "mutants")]
impl Mutants {
    pub(super) const fn plant(&mut self, mutant: ClientMutant) {
        self.planted |= 1 << mutant as u32;
    }

    /// Whether this one is planted.
    pub(in crate::client) const fn has(self, mutant: ClientMutant) -> bool {
        self.planted & (1 << mutant as u32) != 0
    }
}

#[cfg(not(feature = "mutants"))]
impl Mutants {
    /// Nothing is.
    pub(in crate::client) const fn has(self, _: ClientMutant) -> bool {
        false
    }
}
