//! A journal as lines of JSON, and back.
//!
//! Not here: limits; what was read keeps everything.
//!
//! Each line is an object with `sequence`, `at_ns` (since the cluster's start), `event`, and what the event says:
//!
//! | `event` | also |
//! |---|---|
//! | `connected` | `connection`, `broker`, `peer` |
//! | `disconnected` | `connection`, `reason` |
//! | `request` | `connection`, `broker`, `api`, `version`, `correlation_id`, `client_id`, `body` by field name |
//! | `response` | `request` (its `sequence`), `api`, `version`, `body` by field name |
//! | `decided` | `request`, `api`, `version`, `body` by field name |
//! | `no_response` | `request` |
//! | `fault` | `request`, `fault` (its name), `action` in words |
//! | `command` | `text` |
//! | `leader` | `topic`, `partition`, `leader`, `leader_epoch`, `isr`, `is_clean` |
//! | `isr` | `topic`, `partition`, `isr` |
//! | `truncated` | `topic`, `partition`, `broker`, `from`, `to` |
//! | `broker` | `broker`, `state` |
//! | `high_watermark` | `topic`, `partition`, `high_watermark` |
//! | `group` | `group`, `state`, `generation`, `members` |
//! | `detail` | `what` (a [`Detail`]), and its fields |
//!
//! A request's body that cannot be read, of a version that does not exist for example, is base64 under `bytes`.

use super::Detail;
use super::Event;
use super::Journal;
use super::JournalLimits;
use super::RequestEntry;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::wire::ApiKey;
use crate::wire::RequestHeader;
use crate::wire::Response;
use crate::wire::json;
use crate::wire::json::base64;
use bytes::Bytes;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A line that is no entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLine {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Line {
    sequence: u64,
    at_ns: u64,
    #[serde(flatten)]
    event: LineEvent,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum LineEvent {
    Connected {
        connection: ConnectionId,
        broker: BrokerId,
        peer: String,
    },
    Disconnected {
        connection: ConnectionId,
        reason: String,
    },
    Request {
        connection: ConnectionId,
        broker: BrokerId,
        api: ApiKey,
        version: i16,
        correlation_id: i32,
        client_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<String>,
    },
    Response {
        request: u64,
        api: ApiKey,
        version: i16,
        body: Value,
    },
    Decided {
        request: u64,
        api: ApiKey,
        version: i16,
        body: Value,
    },
    NoResponse {
        request: u64,
    },
    Fault {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<u64>,
        fault: String,
        action: String,
    },
    Command {
        text: String,
    },
    Leader {
        topic: TopicName,
        partition: PartitionIndex,
        leader: BrokerId,
        leader_epoch: LeaderEpoch,
        isr: Vec<BrokerId>,
        is_clean: bool,
    },
    Isr {
        topic: TopicName,
        partition: PartitionIndex,
        isr: Vec<BrokerId>,
    },
    Truncated {
        topic: TopicName,
        partition: PartitionIndex,
        broker: BrokerId,
        from: Offset,
        to: Offset,
    },
    Broker {
        broker: BrokerId,
        state: String,
    },
    HighWatermark {
        topic: TopicName,
        partition: PartitionIndex,
        high_watermark: Offset,
    },
    Group {
        group: String,
        state: String,
        generation: i32,
        members: usize,
    },
    Detail(Detail),
}

impl Journal {
    /// One line of JSON per entry, with bodies by field name and records in base64.
    pub fn to_json_lines(&self) -> String {
        let lines = self.entries().map(|entry| {
            let at_ns = u64::try_from(entry.at.since_start().as_nanos()).unwrap_or(u64::MAX);
            let line = Line { sequence: entry.sequence, at_ns, event: self.line_of(&entry.event) };
            let mut text = serde_json::to_string(&line).expect("a line has no maps but objects");
            text.push('\n');
            text
        });
        lines.collect()
    }

    fn body_of(&self, request: u64, response: &Response) -> (ApiKey, i16, Value) {
        let api = response.api_key();
        let version = self.request(request).map_or_else(|| api.versions().max, RequestEntry::answer_version);
        (api, version, response.to_json(version).unwrap_or_default())
    }

    fn line_of(&self, event: &Event) -> LineEvent {
        match event {
            Event::Connected { connection, broker, peer } => {
                LineEvent::Connected { connection: *connection, broker: *broker, peer: peer.to_string() }
            }
            Event::Disconnected { connection, reason } => {
                LineEvent::Disconnected { connection: *connection, reason: reason.to_string() }
            }
            Event::Request(request) => {
                let version = request.header.api_version;
                let body = json::to_json(request.api.request_facts(), request.body.clone(), version).ok();
                LineEvent::Request {
                    connection: request.connection,
                    broker: request.broker,
                    api: request.api,
                    version,
                    correlation_id: request.header.correlation_id,
                    client_id: request.header.client_id.as_ref().map(ToString::to_string),
                    bytes: body.is_none().then(|| base64::encode(&request.body)),
                    body,
                }
            }
            Event::Response { request, response } => {
                let (api, version, body) = self.body_of(*request, response);
                LineEvent::Response { request: *request, api, version, body }
            }
            Event::Decided { request, response } => {
                let (api, version, body) = self.body_of(*request, response);
                LineEvent::Decided { request: *request, api, version, body }
            }
            Event::NoResponse { request } => LineEvent::NoResponse { request: *request },
            Event::Fault { request, fault, action } => {
                LineEvent::Fault { request: *request, fault: fault.to_string(), action: action.to_string() }
            }
            Event::Command(text) => LineEvent::Command { text: text.to_string() },
            Event::Detail(detail) => LineEvent::Detail(detail.clone()),
            Event::Leader { topic, partition, leader, leader_epoch, isr, is_clean } => LineEvent::Leader {
                topic: topic.clone(),
                partition: *partition,
                leader: *leader,
                leader_epoch: *leader_epoch,
                isr: isr.clone(),
                is_clean: *is_clean,
            },
            Event::Isr { topic, partition, isr } => {
                LineEvent::Isr { topic: topic.clone(), partition: *partition, isr: isr.clone() }
            }
            Event::Truncated { topic, partition, broker, from, to } => LineEvent::Truncated {
                topic: topic.clone(),
                partition: *partition,
                broker: *broker,
                from: *from,
                to: *to,
            },
            Event::Broker { broker, state } => LineEvent::Broker { broker: *broker, state: state.to_string() },
            Event::HighWatermark { topic, partition, high_watermark } => LineEvent::HighWatermark {
                topic: topic.clone(),
                partition: *partition,
                high_watermark: *high_watermark,
            },
            Event::Group { group, state, generation, members } => LineEvent::Group {
                group: group.to_string(),
                state: state.to_string(),
                generation: *generation,
                members: *members,
            },
        }
    }

    /// Reads what [`Journal::to_json_lines`] wrote; empty lines are passed over.
    ///
    /// # Errors
    /// [`InvalidLine`] for the first line that is no entry, or whose number does not rise.
    pub fn from_json_lines(text: &str) -> Result<Self, InvalidLine> {
        let mut journal = Self::new(JournalLimits { entries_max: usize::MAX, bytes_max: usize::MAX });
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let invalid = |reason: String| InvalidLine { line: at + 1, reason };
            let line: Line = serde_json::from_str(line).map_err(|error| invalid(error.to_string()))?;
            if line.sequence < journal.next {
                return Err(invalid(format!("number {} comes after number {}", line.sequence, journal.next - 1)));
            }
            journal.next = line.sequence;
            let event = event_of(line.event).map_err(invalid)?;
            journal.record(Instant::after_start(Duration::from_nanos(line.at_ns)), event);
        }
        Ok(journal)
    }
}

fn event_of(line: LineEvent) -> Result<Event, String> {
    Ok(match line {
        LineEvent::Connected { connection, broker, peer } => Event::Connected { connection, broker, peer: peer.into() },
        LineEvent::Disconnected { connection, reason } => Event::Disconnected { connection, reason: reason.into() },
        LineEvent::Request { connection, broker, api, version, correlation_id, client_id, body, bytes } => {
            let body = match (body, bytes) {
                (Some(body), None) => {
                    json::from_json(api.request_facts(), &body, version).map_err(|error| error.to_string())?
                }
                (None, Some(bytes)) => base64::decode(&bytes).map(Bytes::from).ok_or("`bytes` is not base64")?,
                _ => return Err("a request has either `body` or `bytes`".to_owned()),
            };
            let header = RequestHeader {
                api_key: api.code(),
                api_version: version,
                correlation_id,
                client_id: client_id.map(Into::into),
            };
            Event::Request(RequestEntry { connection, broker, api, header, body })
        }
        LineEvent::Response { request, api, version, body } => {
            let response = Response::from_json(api, &body, version).map_err(|error| error.to_string())?;
            Event::Response { request, response: Arc::new(response) }
        }
        LineEvent::Decided { request, api, version, body } => {
            let response = Response::from_json(api, &body, version).map_err(|error| error.to_string())?;
            Event::Decided { request, response: Arc::new(response) }
        }
        LineEvent::NoResponse { request } => Event::NoResponse { request },
        LineEvent::Detail(detail) => Event::Detail(detail),
        LineEvent::Fault { request, fault, action } => {
            Event::Fault { request, fault: fault.into(), action: action.into() }
        }
        LineEvent::Command { text } => Event::Command(text.into()),
        LineEvent::Leader { topic, partition, leader, leader_epoch, isr, is_clean } => {
            Event::Leader { topic, partition, leader, leader_epoch, isr, is_clean }
        }
        LineEvent::Isr { topic, partition, isr } => Event::Isr { topic, partition, isr },
        LineEvent::Truncated { topic, partition, broker, from, to } => {
            Event::Truncated { topic, partition, broker, from, to }
        }
        LineEvent::Broker { broker, state } => Event::Broker { broker, state: state.into() },
        LineEvent::HighWatermark { topic, partition, high_watermark } => {
            Event::HighWatermark { topic, partition, high_watermark }
        }
        LineEvent::Group { group, state, generation, members } => {
            Event::Group { group: group.into(), state: state.into(), generation, members }
        }
    })
}

impl fmt::Display for InvalidLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the journal: {}", self.line, self.reason)
    }
}

impl std::error::Error for InvalidLine {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;
    use crate::wire::RequestMessage;
    use crate::wire::messages::metadata::MetadataRequest;
    use crate::wire::messages::metadata::MetadataResponse;

    fn full() -> Journal {
        let mut journal = Journal::new(JournalLimits::default());
        let at = |ms| Instant::START.plus_ms(ms);
        let (connection, broker) = (ConnectionId(1), BrokerId(2));
        journal.record(at(0), Event::Connected { connection, broker, peer: "memory:1".into() });
        let header = |api_version| RequestHeader {
            api_key: MetadataRequest::KEY.code(),
            api_version,
            correlation_id: 5,
            client_id: Some("app".into()),
        };
        let body = MetadataRequest::default().to_bytes(9).unwrap();
        let api = ApiKey::Metadata;
        let request =
            journal.record(at(1), Event::Request(RequestEntry { connection, broker, api, header: header(9), body }));
        let response = Arc::new(MetadataResponse { cluster_id: Some("c".into()), ..Default::default() }.into());
        journal.record(at(2), Event::Response { request, response });
        let body = Bytes::from_static(b"\xff");
        let request = RequestEntry { connection, broker, api, header: header(99), body };
        let request = journal.record(at(3), Event::Request(request));
        journal.record(at(4), Event::NoResponse { request });
        journal.record(at(5), Event::Command("clean logs".into()));
        let isr = vec![BrokerId(1), BrokerId(2)];
        let topic = TopicName::new("orders").unwrap();
        journal.record(at(6), Event::Isr { topic, partition: PartitionIndex(3), isr });
        journal.record(at(7), Event::Disconnected { connection, reason: "the client closed it".into() });
        journal
    }

    #[test]
    fn what_was_written_is_read() {
        let mut journal = full();
        let fault = Event::Fault { request: Some(4), fault: "lost".into(), action: "drop".into() };
        journal.record(Instant::START.plus_ms(8), fault);
        let text = journal.to_json_lines();
        let read = Journal::from_json_lines(&text).unwrap();
        assert_eq!(read.to_json_lines(), text);
        assert_eq!(read.render(), journal.render());
        let second = text.lines().nth(1).unwrap();
        assert!(
            second.starts_with(r#"{"sequence":1,"at_ns":1000000,"event":"request","connection":1,"broker":2,"#),
            "{second}"
        );
        assert!(
            second.contains(r#""api":"Metadata","version":9,"correlation_id":5,"client_id":"app","body":{"#),
            "{second}"
        );
        assert!(text.lines().nth(3).unwrap().ends_with(r#""bytes":"/w=="}"#));
    }

    #[test]
    fn a_selection_keeps_its_numbers() {
        let journal = full().select(&super::super::Filter::new().kind(super::super::EventKind::State));
        let read = Journal::from_json_lines(&journal.to_json_lines()).unwrap();
        assert_eq!(read.entries().map(|entry| entry.sequence).collect::<Vec<_>>(), [6]);
        assert_eq!(read.render(), "     6     0.006000s orders-3 ISR [1, 2]\n");
    }

    #[test]
    fn a_bad_line_is_named() {
        let check = |line: &str, reason: &str| {
            let text = format!("{}\n{line}\n", full().to_json_lines().trim_end());
            let error = Journal::from_json_lines(&text).unwrap_err();
            assert_eq!(error.line, 9, "{error}");
            assert!(error.reason.contains(reason), "{error}");
        };
        check("{", "EOF while parsing");
        check(r#"{"sequence":9,"at_ns":0,"event":"magic"}"#, "unknown variant `magic`");
        check(r#"{"sequence":3,"at_ns":0,"event":"command","text":""}"#, "number 3 comes after number 7");
        let request = |body: &str| {
            format!(
                r#"{{"sequence":9,"at_ns":0,"event":"request","connection":1,"broker":1,"api":"Metadata","version":9,"correlation_id":1,"client_id":null{body}}}"#
            )
        };
        check(&request(""), "either `body` or `bytes`");
        check(&request(r#","bytes":"?""#), "not base64");
        check(&request(r#","body":{"tropics":[]}"#), "tropics");
    }
}
