//! What is promised by a configuration, what a test requires, and what an anomaly then means.

use super::code::Code;
use super::code::Row;
use super::event::Isolation;
use super::setup::Acks;
use super::setup::CommitPolicy;
use super::setup::Setup;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;

/// A promise about delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Contract {
    /// What was acknowledged stays.
    #[serde(rename = "DUR")]
    Dur,
    /// A send is in the log once.
    #[serde(rename = "NODUP")]
    NoDup,
    /// A producer's records keep their order.
    #[serde(rename = "ORD")]
    Ord,
    /// Readers see committed transactions only, and all of them.
    #[serde(rename = "ISO")]
    Iso,
    /// A group processes every record at least once.
    #[serde(rename = "ALO")]
    Alo,
    /// A group processes every record at most once.
    #[serde(rename = "AMO")]
    Amo,
    /// Every input has its outputs exactly once.
    #[serde(rename = "EOS")]
    Eos,
    /// When nothing is broken any more, all goes on.
    #[serde(rename = "LIVE")]
    Live,
    /// What Kafka owes under any configuration.
    #[serde(rename = "BASE")]
    Base,
}

impl Contract {
    /// What most tests require of a pipeline: nothing lost, doubled or reordered, nothing uncommitted seen.
    pub fn strict() -> Vec<Self> {
        vec![Self::Dur, Self::NoDup, Self::Ord, Self::Iso, Self::Alo, Self::Live, Self::Base]
    }

    /// What a transactional pipeline is for.
    pub fn exactly_once() -> Vec<Self> {
        vec![Self::Dur, Self::NoDup, Self::Ord, Self::Iso, Self::Eos, Self::Live, Self::Base]
    }

    /// Its name, as in `DUR`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dur => "DUR",
            Self::NoDup => "NODUP",
            Self::Ord => "ORD",
            Self::Iso => "ISO",
            Self::Alo => "ALO",
            Self::Amo => "AMO",
            Self::Eos => "EOS",
            Self::Live => "LIVE",
            Self::Base => "BASE",
        }
    }

    /// Whether `setup` promises it; if not, the settings that stand in the way.
    ///
    /// # Errors
    /// The settings, each as it would have to be.
    pub fn promised(self, setup: &Setup) -> Result<(), String> {
        let wanted: &[(bool, &str)] = match self {
            Self::Dur => &[
                (setup.acks == Acks::All, "acks=all"),
                (setup.min_insync_replicas >= 2, "min.insync.replicas=2"),
                (!setup.unclean_leader_election, "unclean.leader.election.enable=false"),
                (setup.eligible_leader_replicas || setup.flush_each, "eligible leader replicas, or flush.messages=1"),
            ],
            Self::NoDup => &[(
                setup.idempotence || setup.transactional && setup.isolation == Isolation::ReadCommitted,
                "enable.idempotence=true",
            )],
            Self::Ord => &[(
                setup.idempotence && setup.max_in_flight <= 5 || setup.max_in_flight == 1,
                "enable.idempotence=true with max.in.flight.requests.per.connection at most 5",
            )],
            Self::Iso => &[(setup.isolation == Isolation::ReadCommitted, "isolation.level=read_committed")],
            Self::Alo => &[(
                matches!(setup.commit, CommitPolicy::AfterProcessed | CommitPolicy::InTransaction),
                "offsets committed only after processing",
            )],
            Self::Amo => &[(
                matches!(setup.commit, CommitPolicy::BeforeProcessed | CommitPolicy::InTransaction),
                "offsets committed before processing",
            )],
            Self::Eos => &[
                (setup.transactional, "transactional.id"),
                (setup.commit == CommitPolicy::InTransaction, "sendOffsetsToTransaction"),
                (setup.group_metadata, "group metadata with the offsets (KIP-447)"),
                (setup.isolation == Isolation::ReadCommitted, "isolation.level=read_committed"),
                (setup.rewind_on_abort, "going back to the committed offsets after an abort"),
                (setup.require_stable, "require_stable in OffsetFetch"),
            ],
            Self::Live | Self::Base => &[],
        };
        let missing: Vec<&str> = wanted.iter().filter(|(holds, _)| !holds).map(|(_, setting)| *setting).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an anomaly means for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// It was promised: a broker, a client or an application is wrong.
    Bug,
    /// It was required and not promised: the configuration is wrong.
    Gap,
    /// It was neither.
    Expected,
    /// The history does not say enough. Never a pass.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bug => "BUG",
            Self::Gap => "GAP",
            Self::Expected => "EXPECTED",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// What a configuration does not give although the test requires it; known before anything runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lint {
    /// What is required.
    pub contract: Contract,
    /// The settings that would give it.
    pub needs: String,
}

/// Holds what `setup` intends against what it promises.
///
/// ```
/// use rehearsal::check::{Acks, Setup, lint};
/// let setup = Setup { acks: Acks::Leader, ..Setup::exactly_once() };
/// assert_eq!(lint(&setup)[0].needs, "acks=all");
/// assert!(lint(&Setup::exactly_once()).is_empty());
/// ```
pub fn lint(setup: &Setup) -> Vec<Lint> {
    let gap = |contract: &Contract| contract.promised(setup).err().map(|needs| Lint { contract: *contract, needs });
    setup.intent.iter().filter_map(gap).collect()
}

/// What the circumstances of one anomaly add to the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// The reader's isolation level, where the anomaly has a reader.
    pub(crate) isolation: Option<Isolation>,
    /// Why no configuration could have kept the promise.
    pub(crate) over_budget: Option<&'static str>,
    /// The setting that this very anomaly needs, whatever the contract says.
    pub(crate) needs: Option<&'static str>,
    /// The setting without which Kafka does as it is documented to, and promises nothing else.
    pub(crate) allowed_without: Option<&'static str>,
}

/// The verdict, with the reason.
pub(crate) fn judge(setup: &Setup, code: Code, circumstances: &Circumstances) -> (Verdict, String) {
    let Row { contract, remedy, .. } = code.row();
    let Some(contract) = *contract else {
        return (Verdict::Expected, format!("Kafka allows it; it would take {remedy}"));
    };
    if let Some(setting) = circumstances.allowed_without {
        return (Verdict::Expected, format!("Kafka allows it; it would take {setting}"));
    }
    if let Some(reason) = circumstances.over_budget {
        use Code::*;
        if matches!(code, Lost | Unseen | CommittedTrunc | InconsOff | SeqHole | CommitRegress) {
            // What the schedule took, no promise covers; what was intended is a gap in the plan, not in the code.
            return (Verdict::Expected, format!("{contract} does not cover it: {reason}"));
        }
    }
    let promised = match (contract, circumstances) {
        (_, Circumstances { needs: Some(setting), .. }) => Err((*setting).to_owned()),
        (Contract::Iso, Circumstances { isolation: Some(Isolation::ReadCommitted), .. }) => Ok(()),
        (Contract::Iso, Circumstances { isolation: Some(Isolation::ReadUncommitted), .. }) => {
            Err("isolation.level=read_committed".to_owned())
        }
        // A torn transaction is the brokers' doing, whoever reads.
        (Contract::Iso, _) if code == Code::Torn => Ok(()),
        _ => contract.promised(setup),
    };
    let intended = setup.intent.contains(&contract);
    match promised {
        Ok(()) => (Verdict::Bug, format!("{contract} is promised by the configuration; what helps: {remedy}")),
        Err(needs) if intended => (Verdict::Gap, format!("{contract} is required, and needs {needs}")),
        Err(needs) => (Verdict::Expected, format!("{contract} is neither required nor promised; it needs {needs}")),
    }
}
