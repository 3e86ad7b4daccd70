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
use crate::check::names::Id;

/// Why there is an edge.
#[derive(Clone, Copy)]
enum Why {
    /// One wrote this offset of a partition, and the other wrote after it.
    Wrote(u32, i64),
    /// The other read this record, which one wrote.
    Read(Id),
}

/// An edge from one transaction to another, with the event that shows it, and why.
type Edge = (u32, u32, u32, Why);

/// Edges in order, one between any two transactions in each direction.
struct Edges(Vec<Edge>);

impl Edges {
    /// Of several between the same two the first counts.
    fn new(mut edges: Vec<Edge>) -> Self {
        edges.sort_by_key(|(from, to, ..)| (*from, *to));
        edges.dedup_by_key(|(from, to, ..)| (*from, *to));
        Self(edges)
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + Clone + '_ {
        self.0.iter().map(|(from, to, ..)| (*from, *to))
    }

    fn get(&self, from: u32, to: u32) -> Option<&Edge> {
        let at = self.0.binary_search_by_key(&(from, to), |(from, to, ..)| (*from, *to)).ok()?;
        Some(&self.0[at])
    }

    /// The first edge within a component.
    fn first_within(&self, component: &[u32]) -> Option<(u32, u32)> {
        component.iter().find_map(|node| {
            let first = self.0.partition_point(|(from, ..)| from < node);
            let own = self.0[first..].iter().take_while(|(from, ..)| from == node);
            own.map(|(from, to, ..)| (*from, *to)).find(|(_, to)| component.binary_search(to).is_ok())
        })
    }
}

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let history = facts.history;
    if history.send_txns.is_empty() {
        return;
    }
    let takes_part: Vec<bool> = facts.txns.iter().map(|txn| txn.client_outcome() != ClientOutcome::Aborted).collect();
    let writes = writes(facts, &takes_part);
    let (reads, isolation) = reads(facts, &takes_part);
    let nodes = history.txns.len();
    for (code, edges) in [(Code::G0, &writes), (Code::G1cWr, &reads)] {
        let graph = Graph::new(nodes, edges.pairs());
        for component in graph.cycles() {
            let cycle = graph.shortest_cycle(&component, None);
            report(facts, findings, code, &component, &cycle, &[edges], isolation);
        }
    }
    let both = Graph::new(nodes, writes.pairs().chain(reads.pairs()));
    for component in both.cycles() {
        if let Some(read) = reads.first_within(&component) {
            let cycle = both.shortest_cycle(&component, Some(read));
            report(facts, findings, Code::G1c, &component, &cycle, &[&reads, &writes], isolation);
        }
    }
}

/// One transaction wrote right after another.
fn writes(facts: &Facts<'_>, takes_part: &[bool]) -> Edges {
    let history = facts.history;
    let mut edges = Vec::new();
    for (partition, order) in (0..).zip(&facts.orders) {
        let mut last: Option<(u32, i64)> = None;
        for (place, entry) in order.entries.iter().enumerate() {
            if matches!(order.state(place), State::Marker | State::Aborted) {
                continue;
            }
            let Some(send) = history.find_send(entry.id) else { continue };
            let Some(txn) = history.send_txn(send).filter(|txn| takes_part[*txn as usize]) else { continue };
            if let Some((before, offset)) = last.replace((txn, entry.offset)).filter(|(before, _)| *before != txn) {
                edges.push((before, txn, history.sends[send as usize].event, Why::Wrote(partition, offset)));
            }
        }
    }
    Edges::new(edges)
}

/// One transaction read what another wrote.
fn reads(facts: &Facts<'_>, takes_part: &[bool]) -> (Edges, Isolation) {
    let history = facts.history;
    let mut edges: Vec<Edge> = Vec::new();
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
            let is_new = edges.last().is_none_or(|(from, to, ..)| (*from, *to) != (writer, reader));
            if is_new && takes_part[writer as usize] && takes_part[reader as usize] {
                edges.push((writer, reader, poll.event, Why::Read(entry.id)));
            }
        }
    }
    (Edges::new(edges), isolation)
}

/// An edge in words.
fn in_words(facts: &Facts<'_>, (from, to, _, why): &Edge) -> String {
    let (one, other) = (facts.history.txn_name(*from), facts.history.txn_name(*to));
    match why {
        Why::Wrote(partition, offset) => {
            let name = facts.history.partition_name(*partition);
            format!("{one} wrote offset {offset} of {name}, {other} wrote after it")
        }
        Why::Read(id) => format!("{other} read {}, which {one} wrote", facts.name(*id)),
    }
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
            if let Some(edge) = edges.iter().find_map(|edges| edges.get(*from, to)) {
                anomaly = anomaly.at(edge.2, in_words(facts, edge));
            }
        }
        anomaly
    });
}
