//! What the replicas of one partition were and had, over time: roles, log ends, watermarks.

use super::axis::Moment;
use super::describe::numbered;
use super::time::nanos;
use crate::check::History;
use crate::check::event::Event;
use crate::check::event::FaultKind;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What a broker is to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Leader(i32),
    InSync,
    OutOfSync,
    Dead,
    Paused,
}

/// When, and which offset.
type Steps = Vec<(Moment, i64)>;

/// One partition, as a white box shows it.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    replicas: BTreeSet<i32>,
    roles: BTreeMap<i32, Vec<(Moment, Role)>>,
    leo: BTreeMap<i32, Steps>,
    hw: BTreeMap<i32, Steps>,
    lso: BTreeMap<i32, Steps>,
    begin: Moment,
}

/// What is true while events go by.
#[derive(Default)]
struct Now {
    leader: Option<i32>,
    epoch: i32,
    isr: Vec<i32>,
    dead: BTreeSet<i32>,
    paused: BTreeSet<i32>,
}

impl Now {
    fn role(&self, broker: i32) -> Role {
        if self.dead.contains(&broker) {
            Role::Dead
        } else if self.paused.contains(&broker) {
            Role::Paused
        } else if self.leader == Some(broker) {
            Role::Leader(self.epoch)
        } else if self.isr.contains(&broker) {
            Role::InSync
        } else {
            Role::OutOfSync
        }
    }
}

impl Cluster {
    pub(super) fn of(history: &History, partition: &str, (begin, end): (Moment, Moment)) -> Self {
        let mut cluster = Self { begin, ..Self::default() };
        let mut now = Now::default();
        for (number, event) in numbered(history) {
            let Some(t) = event.t().map(|t| (nanos(t), number)) else {
                if let Event::FinalLog(log) = &event {
                    cluster.replicas.extend(log.broker.filter(|_| log.partition == partition));
                }
                continue;
            };
            if t > end {
                continue;
            }
            cluster.note(&mut now, t, &event, partition);
            let replicas: Vec<i32> = cluster.replicas.iter().copied().collect();
            for broker in replicas {
                let role = now.role(broker);
                let known = cluster.roles.entry(broker).or_default();
                if known.last().is_none_or(|(_, last)| *last != role) {
                    known.push((t, role));
                }
            }
        }
        if now.leader.is_none() && now.isr.is_empty() {
            // Without elections nobody has a role.
            cluster.roles.clear();
        }
        cluster.leo.values_mut().for_each(|steps| cut(steps, begin, end));
        for lines in [&mut cluster.hw, &mut cluster.lso] {
            for (broker, steps) in lines {
                // Only a leader says what is replicated: its lines end with its leadership.
                let roles = cluster.roles.get(broker).map_or(&[][..], Vec::as_slice);
                let led = roles.iter().rev().find(|(_, role)| matches!(role, Role::Leader(_)));
                let until = led.and_then(|(since, _)| roles.iter().map(|(t, _)| *t).find(|t| t > since));
                cut(steps, begin, until.unwrap_or(end).min(end));
            }
        }
        cluster
    }

    fn note(&mut self, now: &mut Now, t: Moment, event: &Event, partition: &str) {
        match event {
            Event::Leader(line) if line.partition == partition => {
                now.leader = line.broker;
                now.epoch = line.epoch;
                self.replicas.extend(line.broker);
                line.broker.into_iter().for_each(|broker| now.revive(broker));
            }
            Event::Isr(line) if line.partition == partition => {
                now.isr.clone_from(&line.brokers);
                self.replicas.extend(&line.brokers);
            }
            Event::Leo(line) if line.partition == partition => {
                self.replicas.insert(line.broker);
                now.revive(line.broker);
                self.leo.entry(line.broker).or_default().push((t, line.offset));
            }
            Event::Append(line) if line.partition == partition => {
                self.replicas.insert(line.broker);
                now.revive(line.broker);
            }
            Event::Truncated(line) if line.partition == partition => {
                self.replicas.insert(line.broker);
                self.leo.entry(line.broker).or_default().push((t, line.to));
            }
            Event::Hw(line) if line.partition == partition => {
                if let Some(leader) = now.leader {
                    self.hw.entry(leader).or_default().push((t, line.offset));
                }
            }
            Event::Lso(line) if line.partition == partition => {
                if let Some(leader) = now.leader {
                    self.lso.entry(leader).or_default().push((t, line.offset));
                }
            }
            Event::Fault(line) => {
                let note = line.note.as_deref().unwrap_or_default();
                match line.kind {
                    FaultKind::Kill | FaultKind::PowerLoss => now.dead.extend(&line.brokers),
                    FaultKind::Other if note.contains("paused") => now.paused.extend(&line.brokers),
                    FaultKind::Other if note.contains("running") || note.contains("restart") => {
                        line.brokers.iter().for_each(|broker| now.revive(*broker));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    pub(super) fn brokers(&self) -> impl Iterator<Item = i32> + '_ {
        self.replicas.iter().copied().filter(|_| !self.roles.is_empty() || !self.leo.is_empty())
    }

    /// Whether the replicas differ from each other at any time by more than a moment's delay: then all are worth a lane.
    pub(super) fn is_eventful(&self) -> bool {
        let shrinks = |steps: &Steps| steps.windows(2).any(|pair| pair[1].1 < pair[0].1);
        let ends: BTreeSet<i64> = self.leo.values().filter_map(|steps| Some(steps.last()?.1)).collect();
        self.roles.values().any(|roles| roles.iter().filter(|(t, _)| *t >= self.begin).count() > 1)
            || self.leo.values().any(shrinks)
            || ends.len() > 1
    }

    pub(super) fn roles(&self, broker: i32) -> &[(Moment, Role)] {
        self.roles.get(&broker).map_or(&[], Vec::as_slice)
    }

    pub(super) fn leo(&self, broker: i32) -> Steps {
        self.leo.get(&broker).cloned().unwrap_or_default()
    }

    pub(super) fn hw(&self, broker: i32) -> Steps {
        self.hw.get(&broker).cloned().unwrap_or_default()
    }

    pub(super) fn lso(&self, broker: i32) -> Steps {
        self.lso.get(&broker).cloned().unwrap_or_default()
    }
}

impl Now {
    fn revive(&mut self, broker: i32) {
        self.dead.remove(&broker);
        self.paused.remove(&broker);
    }
}

/// Keeps what lies in the window, and what was true when it began.
fn cut(steps: &mut Steps, begin: Moment, end: Moment) {
    let first = steps.partition_point(|(t, _)| *t <= begin).saturating_sub(1);
    steps.drain(..first);
    if let Some((t, _)) = steps.first_mut() {
        *t = (*t).max(begin);
    }
    steps.retain(|(t, _)| *t <= end);
    if let Some((_, value)) = steps.last().copied().filter(|(t, _)| *t < end) {
        steps.push((end, value));
    }
}
