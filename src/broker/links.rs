//! What is wrong with the links between brokers, and between clients and brokers.
//!
//! Not here: what travels over them; replication and the gate ask how long it takes.

use crate::base::BrokerId;
use crate::base::Instant;
use crate::base::LinkAction;
use crate::base::Node;
use crate::base::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

/// One direction between two nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Condition {
    is_cut: bool,
    is_clogged: bool,
    /// Shortest and longest delay, in milliseconds.
    latency_ms: Option<(u32, u32)>,
    bytes_per_second: Option<u64>,
    /// When the last byte that was sent has passed, as far as the bandwidth is bounded.
    busy_until: Instant,
}

/// All links that are not as they were at the start; without any, nothing is asked of them.
#[derive(Debug)]
pub(super) struct Links {
    conditions: BTreeMap<(Node, Node), Condition>,
    latencies: Rng,
}

/// What becomes of something that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transit {
    /// It arrives then.
    Arrives(Instant),
    /// It stays on the way until the link is released or healed.
    Kept,
}

impl Links {
    pub(super) fn new(latencies: Rng) -> Self {
        Self { conditions: BTreeMap::new(), latencies }
    }

    /// Whether all links are as at the start.
    pub(super) fn are_whole(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Does something to the link from one node to another.
    pub(super) fn apply(&mut self, from: Node, to: Node, action: LinkAction) {
        let link = (from, to);
        let condition = self.conditions.entry(link.clone()).or_default();
        match action {
            LinkAction::Cut => condition.is_cut = true,
            LinkAction::Clog => condition.is_clogged = true,
            LinkAction::Release => condition.is_clogged = false,
            LinkAction::Latency { min_ms, max_ms } => condition.latency_ms = Some((min_ms, max_ms.max(min_ms))),
            LinkAction::Bandwidth { bytes_per_second } => condition.bytes_per_second = Some(bytes_per_second.max(1)),
            LinkAction::Heal => *condition = Condition::default(),
            // Connections are closed by those who have them.
            _ => {}
        }
        if *condition == (Condition { busy_until: condition.busy_until, ..Condition::default() }) {
            self.conditions.remove(&link);
        }
    }

    /// Puts everything back as at the start.
    pub(super) fn heal(&mut self) {
        self.conditions.clear();
    }

    /// Sends something of this size.
    pub(super) fn send(&mut self, now: Instant, from: &Node, to: &Node, bytes: usize) -> Transit {
        if self.conditions.is_empty() {
            return Transit::Arrives(now);
        }
        let mut latencies = self.latencies.clone();
        let mut arrival = now;
        let mut is_kept = false;
        for (_, link) in self.conditions.iter_mut().filter(|(link, _)| is_on_the_way(link, from, to)) {
            is_kept |= link.is_cut || link.is_clogged;
            if let Some(rate) = link.bytes_per_second {
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                let takes = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate);
                link.busy_until = link.busy_until.max(arrival).plus(takes);
                arrival = link.busy_until;
            }
            if let Some((min_ms, max_ms)) = link.latency_ms {
                let spread_us = u64::from(max_ms - min_ms) * 1000;
                let chance = if spread_us == 0 { 0 } else { latencies.below(spread_us + 1) };
                arrival = arrival.plus(Duration::from_micros(u64::from(min_ms) * 1000 + chance));
            }
        }
        self.latencies = latencies;
        if is_kept { Transit::Kept } else { Transit::Arrives(arrival) }
    }

    /// The conditions that hold for what goes from one node to another, by their names and as one of all.
    fn on_the_way(&self, from: &Node, to: &Node) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(move |(link, _)| is_on_the_way(link, from, to)).map(|(_, condition)| condition)
    }

    /// Whether what goes from one node to another arrives at all.
    pub(super) fn is_open(&self, from: &Node, to: &Node) -> bool {
        self.are_whole() || self.on_the_way(from, to).all(|link| !link.is_cut && !link.is_clogged)
    }

    /// Whether two brokers reach each other, in both directions.
    pub(super) fn are_connected(&self, one: BrokerId, other: BrokerId) -> bool {
        let (one, other) = (Node::Broker(one), Node::Broker(other));
        one == other || self.is_open(&one, &other) && self.is_open(&other, &one)
    }

    /// Whether everything arrives at once between two brokers, in both directions.
    pub(super) fn are_instant(&self, one: BrokerId, other: BrokerId) -> bool {
        let (one, other) = (Node::Broker(one), Node::Broker(other));
        let is_free = |from: &Node, to: &Node| self.on_the_way(from, to).next().is_none();
        self.are_whole() || is_free(&one, &other) && is_free(&other, &one)
    }
}

/// Whether a link that has been given a condition is one that leads from one node to another.
fn is_on_the_way((source, target): &(Node, Node), from: &Node, to: &Node) -> bool {
    let is_of = |node: &Node, named: &Node| match (node, named) {
        (Node::Broker(_), Node::AnyBroker) | (Node::Client(_), Node::AnyClient) => true,
        (node, named) => node == named,
    };
    is_of(from, source) && is_of(to, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn links() -> Links {
        Links::new(Seed(1).stream("links"))
    }

    fn broker(id: i32) -> Node {
        Node::Broker(BrokerId(id))
    }

    #[test]
    fn each_direction_has_its_own_condition() {
        let mut links = links();
        links.apply(broker(1), broker(2), LinkAction::Cut);
        assert!(!links.is_open(&broker(1), &broker(2)));
        assert!(links.is_open(&broker(2), &broker(1)));
        assert!(!links.are_connected(BrokerId(2), BrokerId(1)));
        assert!(links.are_instant(BrokerId(2), BrokerId(3)));
        links.apply(broker(1), broker(2), LinkAction::Heal);
        assert!(links.are_whole());
    }

    #[test]
    fn latency_lies_within_its_bounds_and_bytes_take_their_time() {
        let mut links = links();
        let client = Node::Client("app".to_owned());
        links.apply(Node::AnyClient, broker(1), LinkAction::Latency { min_ms: 5, max_ms: 9 });
        for _ in 0..100 {
            let Transit::Arrives(at) = links.send(Instant::START, &client, &broker(1), 1) else { panic!("kept") };
            assert!((Instant::START.plus_ms(5)..=Instant::START.plus_ms(9)).contains(&at), "{at:?}");
        }
        links.heal();
        links.apply(client.clone(), Node::AnyBroker, LinkAction::Bandwidth { bytes_per_second: 1000 });
        let mut send = |bytes| links.send(Instant::START, &client, &broker(1), bytes);
        assert_eq!(send(500), Transit::Arrives(Instant::START.plus_ms(500)));
        assert_eq!(send(500), Transit::Arrives(Instant::START.plus_ms(1000)), "they queue");
    }

    #[test]
    fn what_is_released_or_healed_leaves_nothing_behind() {
        let mut links = links();
        links.apply(broker(1), broker(2), LinkAction::Clog);
        assert_eq!(links.send(Instant::START, &broker(1), &broker(2), 1), Transit::Kept);
        links.apply(broker(1), broker(2), LinkAction::Release);
        assert!(links.are_whole());
    }
}
