//! Sessions: runs of deliveries of one partition to one process, between the moments at which its position may jump.

use super::Facts;
use super::nanos;
use crate::check::event::Event;

/// A run of deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) process: u32,
    pub(crate) partition: u32,
    /// How it began.
    pub(crate) opened: Opened,
    /// The event that opened it.
    pub(crate) event: Option<u32>,
    /// When it began.
    pub(crate) from: u64,
    /// The numbers of its chunks, in order.
    pub(crate) chunks: Vec<u32>,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Nobody said.
    Unknown,
    /// By an assignment, from this offset if it is known, to a member of this group.
    Assigned(Option<i64>, Option<u32>),
    /// By a seek or a reset, to this offset if it is known.
    Moved(Option<i64>),
}

pub(super) fn of(facts: &Facts<'_>) -> Vec<Session> {
    let history = facts.history;
    // Where positions may jump, and what was delivered: (process, partition, time, order, what, number).
    let mut points: Vec<(u32, u32, u64, u32, u8, u32, Opened)> = Vec::new();
    const BOUNDARY: u8 = 0;
    const CHUNK: u8 = 1;
    for (event, line) in &history.others {
        let t = line.t().map_or(0, nanos);
        let mut boundary = |process: &str, partition: &str, opened: Opened| {
            if let (Some(process), Some(partition)) =
                (history.processes.find(process), history.partitions.find(partition))
            {
                points.push((process, partition, t, *event, BOUNDARY, *event, opened));
            }
        };
        match line {
            Event::Assigned(line) => {
                let group = line.group.as_deref().and_then(|group| history.groups.find(group));
                for (partition, from) in &line.partitions {
                    boundary(&line.process, partition, Opened::Assigned(*from, group));
                }
            }
            Event::Released(line) => {
                for partition in &line.partitions {
                    boundary(&line.process, partition, Opened::Unknown);
                }
            }
            Event::Seek(line) => boundary(&line.process, &line.partition, Opened::Moved(Some(line.offset))),
            Event::Reset(line) => boundary(&line.process, &line.partition, Opened::Moved(line.to)),
            _ => {}
        }
    }
    for (number, chunk) in (0..).zip(&history.chunks) {
        let poll = facts.poll_of(chunk);
        if chunk.count > 0 {
            // At one moment the order of events decides, where the poll was no more than one.
            let order = if poll.invoked == poll.completed { poll.event } else { u32::MAX };
            points.push((poll.process, chunk.partition, poll.completed, order, CHUNK, number, Opened::Unknown));
        }
    }
    points.sort_by_key(|(process, partition, t, order, what, number, _)| {
        (*process, *partition, *t, *order, *what, *number)
    });
    let mut sessions: Vec<Session> = Vec::new();
    for (process, partition, t, _, what, number, opened) in points {
        let is_new = sessions.last().is_none_or(|last| (last.process, last.partition) != (process, partition));
        if what == BOUNDARY {
            let event = Some(number);
            sessions.push(Session { process, partition, opened, event, from: t, chunks: Vec::new() });
            continue;
        }
        if is_new {
            let opened = Opened::Unknown;
            sessions.push(Session { process, partition, opened, event: None, from: 0, chunks: Vec::new() });
        }
        if let Some(session) = sessions.last_mut() {
            session.chunks.push(number);
        }
    }
    sessions
}
