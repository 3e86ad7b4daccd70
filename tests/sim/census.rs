//! Every rule of the checker convicts some simulated run: one that is set up wrongly, or one of which something is said
//! that did not happen.
//!
//! Not here: the runs; those of the gallery and the falsified ones are tests of their own. That each rule convicts a
//! history of its own, and only that, is a test of the checker.

use super::gallery;
use super::white_box;
use rehearsal::check::{CATALOGUE, Code};
use std::collections::BTreeSet;

/// The rules that no simulated run breaks, and why not.
const NEVER: &[(Code, &str)] = &[
    (Code::SendSkip, "Kafka promises nothing else, and every run in which transactions meet may have it"),
    (Code::G0, "as SEND-SKIP"),
    (Code::G1c, "as SEND-SKIP; it takes transactions that read what they write to"),
    (
        Code::G1cWr,
        "it takes two transactions that read from each other; an application here reads one topic and writes another",
    ),
];

#[test]
fn every_rule_convicts_a_simulated_run() {
    let convicted: BTreeSet<Code> = gallery::convicted().chain(white_box::convicted()).collect();
    let excused: BTreeSet<Code> = NEVER.iter().map(|(code, _)| *code).collect();
    let all: BTreeSet<Code> = CATALOGUE.iter().map(|row| row.code).collect();
    let missing: Vec<&Code> = all.difference(&convicted).filter(|code| !excused.contains(code)).collect();
    assert!(missing.is_empty(), "no run is convicted by {missing:?}");
    let stale: Vec<&Code> = excused.intersection(&convicted).collect();
    assert!(stale.is_empty(), "excused, and convicted all the same: {stale:?}");
}
