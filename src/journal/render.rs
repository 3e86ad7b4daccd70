//! A journal as text.

use super::Event;
use super::Journal;
use std::fmt::Write as _;

impl Journal {
    /// One line per entry: number, time since the start, what happened.
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
                Event::NoResponse { request } => writeln!(text, "no answer to {request}"),
                Event::Fault { request: Some(request), fault, action } => {
                    writeln!(text, "fault on {request}: {action} ({fault})")
                }
                Event::Fault { request: None, fault, action } => writeln!(text, "fault: {action} ({fault})"),
                Event::Command(command) => writeln!(text, "command: {command}"),
            }
            .expect(INFALLIBLE);
        }
        text
    }
}

const INFALLIBLE: &str = "writing to a String cannot fail";
