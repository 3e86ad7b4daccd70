//! `PHANTOM`: nothing is delivered that nobody sent, or that is not what was sent.

use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::names::Id;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    for chunk in &history.chunks {
        for (place, entry) in (chunk.first..).zip(facts.delivered(chunk)) {
            if entry.id == Id::FOREIGN {
                continue;
            }
            let send = history.find_send(entry.id);
            let known = send.and_then(|send| history.send_hashes.get(send));
            let altered = match (known, history.delivery_hashes.get(place)) {
                (Some(sent), Some(delivered)) => sent != delivered,
                _ => false,
            };
            if send.is_none() || altered {
                findings.add(Code::Phantom, || {
                    let (id, event) = (facts.name(entry.id), facts.poll_of(chunk).event);
                    let partition = history.partition_name(chunk.partition);
                    let anomaly = Anomaly::of(id.clone());
                    match send {
                        Some(send) => anomaly
                            .at(history.sends[send as usize].event, format!("{id} was sent"))
                            .at(event, format!("{id} was delivered from {partition} with other bytes than were sent")),
                        None => anomaly.at(event, format!("{id} was delivered from {partition}; nobody sent it")),
                    }
                });
            }
        }
    }
}
