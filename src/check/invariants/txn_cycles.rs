//! `G0`, `G1C`, `G1C-WR`: cycles in the graph of transactions that write after each other and read from each other.
//!
//! Only cycles of reads are wrong. Kafka does not isolate writes, so the others are legal and worth knowing.

use crate::check::code::Code;
use crate::check::event::Isolation;
use crate::check::facts::ClientOutcome;
use crate::check::facts::Facts;
use crate::check::facts::State;
use crate::check::findings::Anomaly;
use crate::check::findings::Findings;
use crate::check::graph::Graph;
use crate::check::history::known;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// An edge, and why it is there.
type Edges = BTreeMap<(u32, u32), (u32, String)>;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    if history.send_txns.is_empty() {
        return;
    }
    let takes_part: Vec<bool> = facts.txns.iter().map(|txn| txn.client_outcome() != ClientOutcome::Aborted).collect();
    let writes = writes(facts, &takes_part);
    let (reads, isolation) = reads(facts, &takes_part);
    let nodes = history.txns.len();
    let graph = |edges: &[&Edges]| Graph::new(nodes, edges.iter().flat_map(|edges| edges.keys().copied()));

    for component in graph(&[&writes]).cycles() {
        let cycle = graph(&[&writes]).shortest_cycle(&component, None);
        report(facts, findings, Code::G0, &component, &cycle, &[&writes], isolation);
    }
    for component in graph(&[&reads]).cycles() {
        let cycle = graph(&[&reads]).shortest_cycle(&component, None);
        report(facts, findings, Code::G1cWr, &component, &cycle, &[&reads], isolation);
    }
    let both = graph(&[&writes, &reads]);
    for component in both.cycles() {
        let members: BTreeSet<u32> = component.iter().copied().collect();
        let read = reads.keys().find(|(from, to)| members.contains(from) && members.contains(to));
        if let Some(read) = read {
            let cycle = both.shortest_cycle(&component, Some(*read));
            report(facts, findings, Code::G1c, &component, &cycle, &[&reads, &writes], isolation);
        }
    }
}

/// One transaction wrote right after another.
fn writes(facts: &Facts<'_>, takes_part: &[bool]) -> Edges {
    let history = facts.history;
    let mut edges = Edges::new();
    for (partition, order) in (0..).zip(&facts.orders) {
        let mut last: Option<(u32, i64)> = None;
        for (place, entry) in order.entries.iter().enumerate() {
            if matches!(order.state(place), State::Marker | State::Aborted) {
                continue;
            }
            let Some(send) = history.find_send(entry.id) else { continue };
            let Some(txn) = history.send_txn(send).filter(|txn| takes_part[*txn as usize]) else { continue };
            if let Some((before, offset)) = last.replace((txn, entry.offset)).filter(|(before, _)| *before != txn) {
                edges.entry((before, txn)).or_insert_with(|| {
                    let (one, other) = (history.txn_name(before), history.txn_name(txn));
                    let name = history.partition_name(partition);
                    let text = format!("{one} wrote offset {offset} of {name}, {other} wrote after it");
                    (history.sends[send as usize].event, text)
                });
            }
        }
    }
    edges
}

/// One transaction read what another wrote.
fn reads(facts: &Facts<'_>, takes_part: &[bool]) -> (Edges, Isolation) {
    let history = facts.history;
    let mut edges = Edges::new();
    let mut isolation = Isolation::ReadCommitted;
    for chunk in &history.chunks {
        let poll = facts.poll_of(chunk);
        let Some(reader) = known(poll.txn) else { continue };
        if !facts.reads_committed(poll) {
            isolation = Isolation::ReadUncommitted;
        }
        for entry in facts.delivered(chunk) {
            let writer = history.find_send(entry.id).and_then(|send| history.send_txn(send));
            let Some(writer) = writer.filter(|writer| *writer != reader) else { continue };
            if takes_part[writer as usize] && takes_part[reader as usize] {
                edges.entry((writer, reader)).or_insert_with(|| {
                    let (one, other) = (history.txn_name(writer), history.txn_name(reader));
                    (poll.event, format!("{other} read {}, which {one} wrote", facts.name(entry.id)))
                });
            }
        }
    }
    (edges, isolation)
}

fn report(
    facts: &Facts<'_>,
    findings: &mut Findings,
    code: Code,
    component: &[u32],
    cycle: &[u32],
    edges: &[&Edges],
    isolation: Isolation,
) {
    findings.add(code, || {
        let mut names: Vec<&str> = component.iter().map(|txn| facts.history.txn_name(*txn)).collect();
        names.sort_unstable();
        let mut anomaly = Anomaly::of(names.join("+")).read_with(isolation);
        for (place, from) in cycle.iter().enumerate() {
            let to = cycle[(place + 1) % cycle.len()];
            if let Some((event, text)) = edges.iter().find_map(|edges| edges.get(&(*from, to))) {
                anomaly = anomaly.at(*event, text.clone());
            }
        }
        anomaly
    });
}
