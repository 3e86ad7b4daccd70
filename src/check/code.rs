//! The catalogue: every rule by its code, with what it means and what would have prevented it.
//!
//! A row is data; what detects the violation is in `invariants`, what it means for a test is in `contract`.

use super::contract::Contract;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Severity {
    /// Data was lost or corrupted, and nobody was told.
    S0,
    /// Duplicated, reordered, or visible before it was committed.
    S1,
    /// Stuck or unavailable.
    S2,
    /// Legal in Kafka; worth knowing.
    S3,
}

/// What a rule must be able to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The operations of clients are enough.
    Both,
    /// It needs logs or events of the cluster.
    White,
}

/// What one row of the catalogue says.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The code.
    pub code: Code,
    /// Its name.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The contract that forbids it; none where it is legal.
    pub contract: Option<Contract>,
    /// What must be visible for it to be judged.
    pub view: View,
    /// What is wrong, in one sentence.
    pub violation: &'static str,
    /// What prevents it.
    pub remedy: &'static str,
}

macro_rules! catalogue {
    ($($code:ident = $name:literal, $severity:ident, $contract:expr, $view:ident, $violation:literal, $remedy:literal;)*) => {
        /// A rule, by what it is called when it is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`: ", $violation, ".")] $code,)*
        }

        /// All rules, in the order of the catalogue.
        pub const CATALOGUE: &[Row] = &[$(Row {
            code: Code::$code,
            name: $name,
            severity: Severity::$severity,
            contract: $contract,
            view: View::$view,
            violation: $violation,
            remedy: $remedy,
        },)*];
    };
}

use Contract::*;

catalogue! {
    Lost = "LOST", S0, Some(Dur), Both,
        "an acknowledged record is gone",
        "acks=all with min.insync.replicas of 2 or more and no unclean elections";
    LostUnacked = "LOST-UNACKED", S3, None, White,
        "a record sent with acks=0 is not in the log",
        "acks=all";
    Unseen = "UNSEEN", S2, Some(Live), Both,
        "an acknowledged record was not delivered in time to a live reader",
        "a reader that recovers from stale metadata and stuck offsets";
    Dup = "DUP", S1, Some(NoDup), Both,
        "one send is in the log twice",
        "enable.idempotence=true, or transactions read with read_committed";
    Reorder = "REORDER", S1, Some(Ord), Both,
        "two records of one producer stand in the log against the order of their sends",
        "enable.idempotence=true with max.in.flight at most 5, or max.in.flight=1";
    SeqHole = "SEQ-HOLE", S0, Some(Base), White,
        "the sequence numbers of an idempotent producer have a gap or repeat",
        "a broker that checks sequence numbers and keeps producer state over failover";
    SendSkip = "SEND-SKIP", S3, None, Both,
        "two sends of one transaction are not adjacent in the log",
        "nothing: transactions do not isolate writes";
    InconsOff = "INCONS-OFF", S0, Some(Base), Both,
        "two records were seen at one offset",
        "a broker that shows nothing before it is committed, and readers that check leader epochs";
    AckOff = "ACK-OFF", S0, Some(Base), White,
        "a send was acknowledged with an offset that holds something else",
        "a broker that answers retries with the offset of the first append";
    Phantom = "PHANTOM", S0, Some(Base), Both,
        "something was delivered that nobody sent",
        "checksums that are checked";
    FailVisible = "FAIL-VISIBLE", S1, Some(Base), Both,
        "a send that is said to have failed is in the log",
        "an indecisive error must be reported as unknown, not as a failure";
    NonmonoLog = "NONMONO-LOG", S0, Some(Base), White,
        "offsets in a log do not follow each other",
        "an append path that assigns offsets under one lock";
    KeyOrder = "KEY-ORDER", S1, Some(Ord), Both,
        "a key's records were delivered against the order of their sends",
        "a fixed number of partitions, or a drained topic before it grows";
    PollSkip = "POLL-SKIP", S0, Some(Base), Both,
        "a consumer skipped a visible record",
        "a consumer that moves its position only over what it returned";
    NonmonoPoll = "NONMONO-POLL", S1, Some(Base), Both,
        "a consumer went back without being told to",
        "a consumer that hands out each fetched batch once";
    StartSkip = "START-SKIP", S0, Some(Base), Both,
        "a consumer started behind the offset it should have started from",
        "commits with leader epochs, topic ids, and no unclean elections";
    StartRewind = "START-REWIND", S1, Some(Base), Both,
        "a consumer started before the offset it should have started from",
        "commits with leader epochs, topic ids, and no unclean elections";
    UnownedRead = "UNOWNED-READ", S1, Some(Base), Both,
        "a member was handed records of a partition it did not own",
        "a consumer that drops prefetched records when a partition is revoked";
    SilentTrunc = "SILENT-TRUNC", S0, Some(Base), White,
        "a consumer read on over a truncation without noticing it",
        "a consumer that validates its leader epoch (KIP-320)";
    SpuriousReset = "SPURIOUS-RESET", S1, Some(Base), Both,
        "a position was reset although it was within the log",
        "a consumer that asks the leader before it resets";
    StaleRead = "STALE-READ", S2, Some(Live), Both,
        "a reader lagged further behind than it may",
        "replicas that catch up, fetch sessions that do not stall";
    Overlap = "OVERLAP", S1, Some(Base), Both,
        "two members owned a partition in the same generation",
        "an assignor that looks at the generation of owned partitions";
    ZombieOverlap = "ZOMBIE-OVERLAP", S3, None, Both,
        "two members owned a partition in different generations for too long",
        "session timeouts that are kept, and fencing";
    CommitRegress = "COMMIT-REGRESS", S1, Some(Base), Both,
        "a group's committed offset went back",
        "commits that are not retried out of order, one group per application";
    ZombieEffect = "ZOMBIE-EFFECT", S0, Some(Base), White,
        "something was accepted from an actor whose generation or epoch is over",
        "a coordinator that checks generations and epochs";
    CommitUnowned = "COMMIT-UNOWNED", S1, Some(Base), Both,
        "a member committed what it does not own or has not read",
        "a consumer that does not commit partitions it lost";
    CommitLost = "COMMIT-LOST", S1, Some(Base), Both,
        "an accepted commit was answered as if there were none",
        "a coordinator that keeps its state when it moves";
    CommitStale = "COMMIT-STALE", S1, Some(Base), Both,
        "a committed offset was answered with an older one",
        "require_stable=true, and a coordinator that keeps its state";
    CommitAhead = "COMMIT-AHEAD", S3, None, Both,
        "an offset was committed before what it covers was processed",
        "commits after processing";
    GroupLoss = "GROUP-LOSS", S0, Some(Alo), Both,
        "a group's committed offset passed a record that nobody processed",
        "offsets that are committed only after processing, and auto.offset.reset=earliest";
    GroupDup = "GROUP-DUP", S1, Some(Amo), Both,
        "a group processed a record twice",
        "a transactional pipeline, or commits before processing";
    HoleOwn = "HOLE-OWN", S2, Some(Live), White,
        "a stable group left a subscribed partition without an owner",
        "an assignor that covers all partitions";
    G0 = "G0", S3, None, Both,
        "the writes of transactions interleave in a cycle",
        "nothing: transactions do not isolate writes";
    G1a = "G1A", S0, Some(Iso), Both,
        "a record of an aborted transaction was delivered",
        "isolation.level=read_committed";
    Precommit = "PRECOMMIT", S1, Some(Iso), Both,
        "a record was delivered before its transaction was committed",
        "a last stable offset that waits for the marker";
    Torn = "TORN", S0, Some(Iso), White,
        "one part of a transaction took effect and another did not",
        "a coordinator that finishes what it has prepared";
    G1cWr = "G1C-WR", S1, Some(Iso), Both,
        "transactions read from each other in a cycle",
        "isolation.level=read_committed";
    G1c = "G1C", S3, None, Both,
        "transactions write and read in a cycle",
        "nothing: transactions do not isolate writes";
    CommitLie = "COMMIT-LIE", S0, Some(Base), White,
        "the answer to EndTxn is not what the log says",
        "a commit that is retried until it is answered, never turned into an abort";
    CrossTxn = "CROSS-TXN", S0, Some(Base), White,
        "the end of one transaction ended another",
        "transaction.version=2: every transaction has an epoch of its own (KIP-890)";
    LsoLeak = "LSO-LEAK", S1, Some(Base), White,
        "a reader of committed data was served beyond the last stable offset",
        "a fetch that reads the last stable offset once";
    LsoRegress = "LSO-REGRESS", S1, Some(Base), White,
        "the last stable offset went back within a leader epoch",
        "a last stable offset derived from open transactions alone";
    HangTxn = "HANG-TXN", S2, Some(Base), White,
        "a partition has a transaction open that its coordinator has ended",
        "transaction.version=2: late records are refused (KIP-890)";
    Fence = "FENCE", S0, Some(Base), White,
        "something was accepted from a producer epoch older than one accepted before",
        "epochs that are checked at every partition and coordinator";
    EosDup = "EOS-DUP", S1, Some(Eos), Both,
        "an input has more outputs than it should",
        "offsets sent to the transaction with the group's metadata (KIP-447), require_stable=true";
    EosLoss = "EOS-LOSS", S0, Some(Eos), Both,
        "an input was committed and has fewer outputs than it should",
        "an application that goes back to the committed offset after an abort";
    EosSplit = "EOS-SPLIT", S0, Some(Eos), Both,
        "an input's outputs and its committed offset do not agree",
        "sendOffsetsToTransaction";
    TwoLeaders = "TWO-LEADERS", S0, Some(Base), White,
        "two brokers led a partition in one leader epoch",
        "an election that raises the epoch";
    EpochOrder = "EPOCH-ORDER", S0, Some(Base), White,
        "leader epochs decrease along a log",
        "appends that are fenced by epoch";
    LogMatch = "LOG-MATCH", S0, Some(Base), White,
        "two replicas differ at the same offset and epoch",
        "truncation by leader epoch (KIP-101, KIP-279)";
    CommittedTrunc = "COMMITTED-TRUNC", S0, Some(Dur), White,
        "what was below the high watermark was overwritten",
        "no unclean elections, min.insync.replicas of 2 or more";
    IsrAck = "ISR-ACK", S0, Some(Base), White,
        "an append was acknowledged that the ISR did not have, or that a too small ISR had",
        "a broker that waits for the ISR";
    HwBound = "HW-BOUND", S0, Some(Base), White,
        "the high watermark was beyond what the ISR has, or went back within a leader epoch",
        "a high watermark that is the least log end offset of the ISR";
    ListoffRegress = "LISTOFF-REGRESS", S1, Some(Base), White,
        "ListOffsets(latest) went back",
        "a new leader that answers OFFSET_NOT_AVAILABLE until it has caught up (KIP-207)";
    TruncPoint = "TRUNC-POINT", S0, Some(Base), White,
        "a follower truncated to something else than the end of the largest common epoch",
        "truncation by leader epoch (KIP-101, KIP-279)";
    FollowerRead = "FOLLOWER-READ", S0, Some(Base), White,
        "a follower served what it may not",
        "a follower that serves below its high watermark and checks the epoch of the request";
    EarlyDelete = "EARLY-DELETE", S0, Some(Base), White,
        "retention removed a segment too early",
        "message.timestamp.type=LogAppendTime where clocks cannot be trusted";
    CompactLost = "COMPACT-LOST", S0, Some(Base), White,
        "compaction removed a key's last value or a young tombstone",
        "a cleaner that keeps the last value of each key";
    CompactMove = "COMPACT-MOVE", S0, Some(Base), White,
        "compaction changed an entry that it kept",
        "a cleaner that keeps offsets and order";
    CompactEarly = "COMPACT-EARLY", S0, Some(Base), White,
        "compaction removed an entry that was not due",
        "a cleaner that honours min.compaction.lag.ms and the last stable offset";
    LogstartRegress = "LOGSTART-REGRESS", S0, Some(Base), White,
        "the log start offset went back",
        "a log start offset that only moves forward";
    CommitExpired = "COMMIT-EXPIRED", S1, Some(Base), Both,
        "a committed offset expired too early",
        "an expiry that counts from the last commit";
    StuckGroup = "STUCK-GROUP", S2, Some(Live), White,
        "a group did not become stable in time",
        "members that are removed when they do not answer";
    StuckProducer = "STUCK-PRODUCER", S2, Some(Live), Both,
        "an operation was still pending long after all was healed",
        "clients that refresh their metadata and give up in time";
    StuckConsumer = "STUCK-CONSUMER", S2, Some(Live), Both,
        "a consumer did not advance although there was something to read",
        "clients that refresh their metadata and rejoin";
    StuckLso = "STUCK-LSO", S2, Some(Live), White,
        "the last stable offset stayed behind the high watermark",
        "transactions that time out";
    Leaderless = "LEADERLESS", S2, Some(Live), White,
        "a partition had no leader long after all was healed",
        "brokers that come back";
    Livelock = "LIVELOCK", S2, Some(Live), Both,
        "operations were tried long after all was healed and none succeeded",
        "clients that recover";
}

impl Code {
    /// Its row in the catalogue.
    pub fn row(self) -> &'static Row {
        // The catalogue has one row per code, in the same order.
        &CATALOGUE[self as usize]
    }

    /// Its name, as in `LOST`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The code of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        CATALOGUE.iter().find(|row| row.name == name).map(|row| row.code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("no rule is called `{name}`")))
    }
}

/// Which codes a code explains: where the cause is found, its consequences are hidden.
pub const IMPLIES: &[(Code, &[Code])] = &[
    (Code::CrossTxn, &[Code::Torn, Code::G1a, Code::CommitLie, Code::Lost]),
    (Code::Lost, &[Code::Unseen]),
    (Code::HwBound, &[Code::IsrAck, Code::CommittedTrunc, Code::InconsOff]),
    (Code::LsoLeak, &[Code::Precommit, Code::G1a, Code::G1cWr]),
    (Code::HangTxn, &[Code::StuckLso, Code::Unseen]),
    (Code::ZombieEffect, &[Code::CommitRegress, Code::GroupDup, Code::EosDup]),
    (Code::Overlap, &[Code::GroupDup, Code::UnownedRead]),
    (Code::SpuriousReset, &[Code::StartSkip, Code::StartRewind, Code::GroupDup]),
    (Code::CommitLost, &[Code::StartRewind, Code::CommitRegress, Code::GroupDup]),
    (Code::CommitAhead, &[Code::GroupLoss]),
    (Code::TruncPoint, &[Code::LogMatch, Code::Lost]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_finds_its_own_row_and_its_name_finds_it() {
        for row in CATALOGUE {
            assert_eq!(row.code.row().name, row.name);
            assert_eq!(Code::from_name(row.name), Some(row.code));
        }
        assert_eq!(Code::from_name("LIES"), None);
    }
}
