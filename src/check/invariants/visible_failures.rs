//! `FAIL-VISIBLE`: what is said to have failed is not in the log. The twin of `G1A` for sends without a transaction.

use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::facts::flag;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::Status;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    for (send, row) in (0..).zip(&history.sends) {
        let failed = history.statuses[send as usize] == Status::Fail && facts.status(send) == Status::Fail;
        if failed && history.send_txn(send).is_none() && facts.has(send, flag::IN_LOG | flag::DELIVERED) {
            findings.add(Code::FailVisible, || {
                let id = facts.name(row.id);
                let why = history.send_errors.get(&send).map_or_else(String::new, |error| format!(" with {error}"));
                let seen = if facts.has(send, flag::IN_LOG) { "is in the log" } else { "was delivered" };
                Anomaly::of(id.clone())
                    .at(row.event, format!("the send of {id} is said to have failed{why}"))
                    .so(format!("{id} {seen} all the same"))
            });
        }
    }
}
