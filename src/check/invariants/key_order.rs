//! `KEY-ORDER`: an application sees the records of one key, from one producer, in the order of their sends, whichever
//! partitions they went to.
//!
//! Within one partition a wrong order is `REORDER`; here the partitions differ.

use crate::check::code::Code;
use crate::check::facts::Facts;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::history::known;
use crate::check::setup::topic_of;
use std::collections::BTreeMap;

/// When a send was first delivered: the poll's end, the poll's number, and the place in it.
type Seen = (u64, u32, u32);

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    if history.send_keys.is_empty() {
        return;
    }
    // By reader (a group, or a process without one): when each send was delivered first.
    let mut first: BTreeMap<(Option<u32>, u32), BTreeMap<u32, Seen>> = BTreeMap::new();
    for chunk in &history.chunks {
        let poll = facts.poll_of(chunk);
        let group = known(poll.group);
        let reader = (group, if group.is_some() { 0 } else { poll.process });
        let seen = first.entry(reader).or_default();
        for (place, entry) in (chunk.first..).zip(facts.delivered(chunk)) {
            let Some(send) = history.find_send(entry.id) else { continue };
            if history.send_key(send).is_some() {
                let at = (poll.completed, chunk.poll, place);
                seen.entry(send).and_modify(|first| *first = at.min(*first)).or_insert(at);
            }
        }
    }
    for seen in first.values() {
        let mut chains: BTreeMap<(usize, &str, u32), Vec<u32>> = BTreeMap::new();
        for send in seen.keys() {
            let row = &history.sends[*send as usize];
            let Some(key) = history.send_key(*send) else { continue };
            let topic = topic_of(history.partition_name(row.partition));
            chains.entry((row.id.producer(), topic, key)).or_default().push(*send);
        }
        for chain in chains.values() {
            one_key(facts, findings, chain, seen);
        }
    }
}

/// Rows are in the order of a producer's sends.
fn one_key(facts: &Facts<'_>, findings: &mut Findings, chain: &[u32], seen: &BTreeMap<u32, Seen>) {
    let history = facts.history;
    let mut latest: BTreeMap<u32, (Seen, u32)> = BTreeMap::new();
    for send in chain {
        let row = &history.sends[*send as usize];
        let Some(at) = seen.get(send) else { continue };
        let overtaken = latest.iter().find(|(partition, (other, _))| **partition != row.partition && other > at);
        if let Some((_, ((_, poll, _), earlier))) = overtaken {
            findings.add(Code::KeyOrder, || {
                let before = &history.sends[*earlier as usize];
                let (first, second) = (facts.name(before.id), facts.name(row.id));
                Anomaly::of(second.clone())
                    .at(before.event, format!("{first} was sent to {}", history.partition_name(before.partition)))
                    .at(
                        row.event,
                        format!("{second}, with the same key, went to {}", history.partition_name(row.partition)),
                    )
                    .at(history.polls[at.1 as usize].event, format!("{second} was delivered"))
                    .at(history.polls[*poll as usize].event, format!("{first} was delivered after it"))
                    .needs("a fixed number of partitions")
            });
        }
        let last = latest.entry(row.partition).or_insert((*at, *send));
        if last.0 < *at {
            *last = (*at, *send);
        }
    }
}
