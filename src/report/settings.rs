//! The configuration beside the safe one: what differs, and which promise it costs.

use crate::check::CommitPolicy;
use crate::check::Contract;
use crate::check::Setup;
use crate::check::event::Isolation;
use serde_json::Value;

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// By Kafka's name where it has one.
    pub(super) name: String,
    pub(super) here: String,
    pub(super) safe: String,
    pub(super) differs: bool,
}

/// What each of our fields is called in Kafka.
const NAMES: &[(&str, &str)] = &[
    ("acks", "acks"),
    ("min_insync_replicas", "min.insync.replicas"),
    ("unclean_leader_election", "unclean.leader.election.enable"),
    ("eligible_leader_replicas", "eligible leader replicas (KIP-966)"),
    ("flush_each", "flush.messages=1"),
    ("idempotence", "enable.idempotence"),
    ("max_in_flight", "max.in.flight.requests.per.connection"),
    ("transactional", "transactional.id"),
    ("transaction_version", "transaction.version"),
    ("isolation", "isolation.level"),
    ("commit", "offsets are committed"),
    ("group_metadata", "group metadata with offsets (KIP-447)"),
    ("require_stable", "require_stable"),
    ("rewind_on_abort", "rewind after an abort"),
    ("auto_offset_reset", "auto.offset.reset"),
    ("session_timeout_ms", "session.timeout.ms"),
    ("transaction_max_timeout_ms", "transaction.max.timeout.ms"),
    ("offsets_retention_ms", "offsets.retention.ms"),
    ("converge_ms", "time to converge, ms"),
    ("outputs_per_input", "outputs per input"),
];

/// What is a matter of taste, or of the test: no value is safer than another.
const BOUNDS: &[&str] =
    &["session_timeout_ms", "transaction_max_timeout_ms", "offsets_retention_ms", "converge_ms", "outputs_per_input"];

/// The safe configuration for what is intended: transactional for exactly-once, else without transactions.
fn safe(setup: &Setup) -> Setup {
    if setup.transactional || setup.intent.contains(&Contract::Eos) {
        return Setup::exactly_once();
    }
    let commit = match setup.commit {
        CommitPolicy::BeforeProcessed if setup.intent.contains(&Contract::Amo) => CommitPolicy::BeforeProcessed,
        _ => CommitPolicy::AfterProcessed,
    };
    Setup {
        transactional: false,
        group_metadata: false,
        require_stable: false,
        rewind_on_abort: false,
        isolation: if setup.intent.contains(&Contract::Iso) { Isolation::ReadCommitted } else { setup.isolation },
        commit,
        ..Setup::exactly_once()
    }
}

/// Every setting beside the safe one, those that differ first.
pub(super) fn settings(setup: &Setup) -> Vec<Setting> {
    let values = |setup: &Setup| serde_json::to_value(setup).unwrap_or_default();
    let (here, safe) = (values(setup), values(&safe(setup)));
    let mut rows: Vec<Setting> = Vec::new();
    for (field, name) in NAMES {
        let (here, safe) = (text(here.get(field)), text(safe.get(field)));
        let differs = here != safe && !BOUNDS.contains(field);
        rows.push(Setting { name: (*name).to_owned(), here, safe, differs });
    }
    for (topic, of) in &setup.topics {
        let policy = if of.compacted { "compact" } else { "delete" };
        let here = format!("cleanup.policy={policy}, retention.ms={}", of.retention_ms);
        rows.push(Setting { name: format!("topic {topic}"), here: here.clone(), safe: here, differs: false });
    }
    rows.sort_by_key(|row| !row.differs);
    rows
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.replace('_', " "),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_less_safe_stands_first() {
        let setup = Setup { idempotence: false, ..Setup::exactly_once() };
        let rows = settings(&setup);
        assert_eq!((rows[0].name.as_str(), rows[0].differs), ("enable.idempotence", true));
        assert_eq!((rows[0].here.as_str(), rows[0].safe.as_str()), ("false", "true"));
        assert!(!rows[1].differs);
    }

    #[test]
    fn every_setting_has_a_name() {
        let Value::Object(fields) = serde_json::to_value(Setup::default()).unwrap() else { panic!() };
        let named = |field: &String| NAMES.iter().any(|(name, _)| name == field) || field == "intent";
        assert!(fields.keys().all(named), "{fields:?}");
    }
}
