//! A journal as text.

use super::Event;
use super::Journal;
use std::fmt::Write as _;

impl Journal {
    /// One line per entry, in columns: its number, the time since the cluster's start, and what happened in words
    /// that begin with what it happened to:
    ///
    /// | | |
    /// |---|---|
    /// | `connection 1 from … to broker 2` | it begins |
    /// | `connection 1 ended: …` | it ends |
    /// | `connection 1 broker 2 Fetch v17 #5 from "app" {…}` | a request: API, version, correlation id, client id, body |
    /// | `answer to 12 {…}` | the answer to the request with this number |
    /// | `decided on 12 {…}` | what that answer was, if it was kept or changed on its way ([in full](super::JournalDetail)) |
    /// | `no answer to 12` | that request is done and has no answer (`acks=0`) |
    /// | `orders-0 leader 2 epoch 3 ISR [2, 3]` | an election; `, unclean` behind it when records may be lost |
    /// | `orders-0 ISR [2]` | another ISR |
    /// | `orders-0 broker 1 truncated from 9 to 7` | a replica has lost records |
    /// | `orders-0 high watermark 7` | if [that was asked for](crate::ClusterBuilder::note_high_watermarks) |
    /// | `broker 1 down` | something has become of a broker |
    /// | `group g Stable generation 3 members 2` | a group has another state or generation |
    /// | `fault on 12: … (name)` | a fault has hit the request with this number, and what it does |
    /// | `command: …` | a test's own hand |
    /// | `orders-0 logs …`, `orders-0 broker 1 appended …`, `transaction t …` and others | a [`Detail`](super::Detail) ([in full](super::JournalDetail)) |
    ///
    /// Requests and answers are shown as JSON by field name; records in them are counted, not shown.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for entry in self.entries() {
            let at = entry.at.since_start();
            write!(text, "{:>6} {:>12.6}s ", entry.sequence, at.as_secs_f64()).expect(INFALLIBLE);
            match &entry.event {
                Event::Connected { connection, broker, peer } => {
                    writeln!(text, "connection {connection} from {peer} to broker {broker}")
                }
                Event::Disconnected { connection, reason } => writeln!(text, "connection {connection} ended: {reason}"),
                Event::Request(request) => writeln!(
                    text,
                    "connection {} broker {} {} v{} #{} from {:?} {}",
                    request.connection,
                    request.broker,
                    request.api,
                    request.header.api_version,
                    request.header.correlation_id,
                    request.header.client_id.as_deref().unwrap_or_default(),
                    request.body_json()
                ),
                Event::Response { request, response } => {
                    let answer = self.request(*request).map(|asked| asked.answer_json(response));
                    writeln!(text, "answer to {request} {}", answer.unwrap_or_default())
                }
                Event::Decided { request, response } => {
                    let answer = self.request(*request).map(|asked| asked.answer_json(response));
                    writeln!(text, "decided on {request} {}", answer.unwrap_or_default())
                }
                Event::NoResponse { request } => writeln!(text, "no answer to {request}"),
                Event::Leader { topic, partition, leader, leader_epoch, isr, is_clean } => {
                    let unclean = if *is_clean { "" } else { ", unclean" };
                    writeln!(text, "{topic}-{partition} leader {leader} epoch {leader_epoch} ISR {isr:?}{unclean}")
                }
                Event::Isr { topic, partition, isr } => writeln!(text, "{topic}-{partition} ISR {isr:?}"),
                Event::Truncated { topic, partition, broker, from, to } => {
                    writeln!(text, "{topic}-{partition} broker {broker} truncated from {from} to {to}")
                }
                Event::Broker { broker, state } => writeln!(text, "broker {broker} {state}"),
                Event::HighWatermark { topic, partition, high_watermark } => {
                    writeln!(text, "{topic}-{partition} high watermark {high_watermark}")
                }
                Event::Group { group, state, generation, members } => {
                    writeln!(text, "group {group} {state} generation {generation} members {members}")
                }
                Event::Fault { request: Some(request), fault, action } => {
                    writeln!(text, "fault on {request}: {action} ({fault})")
                }
                Event::Fault { request: None, fault, action } => writeln!(text, "fault: {action} ({fault})"),
                Event::Command(command) => writeln!(text, "command: {command}"),
                Event::Detail(detail) => writeln!(text, "{detail}"),
            }
            .expect(INFALLIBLE);
        }
        text
    }
}

const INFALLIBLE: &str = "writing to a String cannot fail";
