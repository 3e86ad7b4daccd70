//! `POLL-SKIP`, `NONMONO-POLL`: a session's deliveries follow each other, without a gap in what it may see.
//!
//! Inside of one poll they are called `INT-POLL-SKIP` and `INT-NONMONO-POLL`. Gaps of markers, aborted records (for
//! readers of committed data), compaction and retention are none.

use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    for session in &facts.sessions {
        let order = facts.order(session.partition);
        let mut last: Option<(i64, u32)> = None;
        for chunk in &session.chunks {
            let chunk = &history.chunks[*chunk as usize];
            let committed = facts.reads_committed(facts.poll_of(chunk));
            for entry in facts.delivered(chunk) {
                let before = last.replace((entry.offset, chunk.poll));
                let Some((before, poll)) = before else { continue };
                if entry.offset == before + 1 {
                    continue;
                }
                let event = |poll: u32| history.polls[poll as usize].event;
                let witness = || {
                    let (process, partition) =
                        (history.process_name(session.process), history.partition_name(session.partition));
                    Anomaly::of(format!("{process}:{partition}@{}", entry.offset))
                        .at(event(poll), format!("{process} was given offset {before} of {partition}"))
                        .at(event(chunk.poll), format!("the next one it was given is offset {}", entry.offset))
                };
                if entry.offset <= before {
                    findings.add(Code::NonmonoPoll, || {
                        if poll == chunk.poll { witness().variant("INT-NONMONO-POLL") } else { witness() }
                    });
                } else if let Some(skipped) = order.first_owed(before + 1, entry.offset, committed) {
                    findings.add(Code::PollSkip, || {
                        let text = format!("{} at offset {} lies between them", facts.name(skipped.id), skipped.offset);
                        let anomaly = witness().so(text);
                        if poll == chunk.poll { anomaly.variant("INT-POLL-SKIP") } else { anomaly }
                    });
                }
            }
        }
    }
    findings.count("delivered", history.deliveries.len());
}
