//! What recorded clients say of themselves, and what the cluster saw of them, brought together by the ids of records.
//!
//! Not here: what either of them knows alone (`check::Recorder`, `wire`).

use super::Incarnations;
use super::changes;
use super::final_logs;
use super::in_order;
use super::names::Names;
use super::tell_topics_apart;
use super::wire;
use crate::check::Event;
use crate::check::History;
use crate::check::HistoryError;
use crate::check::RecordName;
use crate::check::Recorder;
use crate::check::Setup;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::End;
use crate::check::event::Poll;
use crate::check::event::Send;
use crate::server::Cluster;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Starts to record beside a cluster: by its clock, and with the journal's order where the clock cannot tell what came
/// first. [`recorded`] makes a history of it.
pub fn recorder(cluster: &Cluster, setup: Setup) -> Recorder {
    let (clock, journal) = (cluster.onlooker(), cluster.onlooker());
    Recorder::beside(setup, move || clock.now(), move || journal.events())
}

/// What recorded clients did, with all that the cluster knows of it, and with what others did whom nobody recorded.
///
/// * What the application was told is what its recorder says. A send that it was told nothing of is `fail` when each of
///   its attempts was certainly refused, and otherwise has the offset that it was given. Earlier attempts stand beside it,
///   each with its end.
/// * Logs, elections and the rest are the cluster's, as in [`history`](super::history).
/// * A client is a recorded one when its id is the name of a [process](Recorder::process) or of a
///   [watched client](crate::recording), or when it sends records that have ids of such a one. Of its requests, only
///   those kinds are taken from the journal that the recorder has none of.
///
/// The cluster needs [`JournalDetail::Full`](crate::journal::JournalDetail), and the recorder its clock: [`recorder`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rehearsal::check::{Contract, Setup};
/// use rehearsal::client::ProducerRecord;
/// use rehearsal::journal::JournalDetail;
/// use rehearsal::{Client, Cluster, tap};
///
/// let cluster = Cluster::in_memory().topic("orders", 1).journal_detail(JournalDetail::Full).start().await?;
/// let recorder = tap::recorder(&cluster, Setup { intent: vec![Contract::Dur], ..Setup::default() });
/// let watch = recorder.client("orders-app");
/// let client = Client::builder().endpoint(&cluster).client_id("orders-app").interceptor(watch).connect().await?;
/// client.producer().build().send(ProducerRecord::new("orders").value("two apples")).await?;
///
/// let report = tap::recorded(&cluster, &recorder)?.check();
/// report.assert_ok();
/// assert_eq!(report.counters["acknowledged"], 1);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`HistoryError`] when the recorder or the journal tells of what cannot be.
pub fn recorded(cluster: &Cluster, recorder: &Recorder) -> Result<History, HistoryError> {
    let (setup, mut events) = recorder.taped()?;
    let (journal, version) = cluster.look(|engine, _| (engine.journal().clone(), engine.transaction_version()));
    tell_topics_apart(&journal, &mut events);
    let (seen, names) = wire::operations(&journal);
    let topics = Incarnations::last(&journal);
    let find = |place: &str, batch: &_, record: &_| names.find(place, batch, record);
    let logs = cluster.look(|engine, _| final_logs(engine, &topics, &find));
    let mut attempts: BTreeMap<RecordName, Vec<(u64, Send)>> = BTreeMap::new();
    let mut others = Vec::new();
    for (place, event) in seen {
        match event {
            Event::Send(send) => attempts.entry(send.id.clone()).or_default().push((place, send)),
            other => others.push((place, other)),
        }
    }
    let mut known = Known::of(recorder, &events);
    let mut more = Vec::new();
    for (place, event) in &mut events {
        if let Event::Poll(Poll { end: Some(end), .. }) = event {
            name_strangers(end, &names);
        }
        let Event::Send(send) = event else { continue };
        let Some(attempts) = attempts.remove(&send.id) else { continue };
        known.sends_as(send, &attempts);
        settle(*place, send, attempts, &mut more);
    }
    events.append(&mut more);
    let unrecorded = attempts.into_values().flatten().map(|(place, send)| (place, Event::Send(send)));
    events.extend(unrecorded);
    events.extend(others.into_iter().filter(|(_, event)| !known.tells(event)));
    let changes = changes(&journal, version, events.iter().map(|(_, event)| event), &logs);
    in_order(setup, events, changes, logs)
}

/// Records of clients that nobody recorded have no ids where they are read, but names by what the journal knows of them.
fn name_strangers(end: &mut End, names: &Names) {
    for (partition, records) in &mut end.records {
        for record in records.iter_mut().filter(|record| record.id().is_none()) {
            let (offset, content) = (record.offset(), record.hash());
            let Some(name) = names.given(partition, offset, content).cloned() else { continue };
            *record = match content {
                Some(content) => Delivered::Hashed(offset, Some(name), content),
                None => Delivered::Record(offset, Some(name)),
            };
        }
    }
}

/// What the application was told of a send, and what became of its attempts: what it was told is told of the last one.
fn settle(place: u64, send: &mut Send, mut attempts: Vec<(u64, Send)>, more: &mut Vec<(u64, Event)>) {
    let is_refused = |(_, attempt): &(u64, Send)| matches!(&attempt.end, Some(end) if end.result == Answer::Fail);
    let all_refused = attempts.iter().all(is_refused);
    let last = attempts.pop();
    match &mut send.end {
        // Whoever says that it failed must be right.
        Some(end) if end.result == Answer::Fail => return,
        Some(end) if end.result == Answer::Info => {
            if all_refused {
                end.result = Answer::Fail;
                return;
            }
            end.offset = last.and_then(|(_, last)| last.end?.offset);
        }
        _ => {}
    }
    for (sent, mut attempt) in attempts {
        (attempt.key, attempt.hash) = (send.key.clone(), send.hash);
        (attempt.source, attempt.txn) = (send.source.clone(), send.txn.clone());
        attempt.t = attempt.t.max(send.t);
        more.push((sent.max(place), Event::Send(attempt)));
    }
}

/// What a recorder knows of which clients.
struct Known {
    /// The names of recorded processes, by the ids of their clients.
    names: BTreeMap<String, String>,
    /// The kinds of events that a recorder has of a process.
    kinds: BTreeSet<(String, Kind)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Reading,
    Committing,
    Ending,
    Owning,
}

impl Known {
    fn of(recorder: &Recorder, events: &[(u64, Event)]) -> Self {
        let names: BTreeMap<String, String> =
            recorder.process_names().into_iter().map(|name| (name.clone(), name)).collect();
        let mut known = Self { names, kinds: BTreeSet::new() };
        for (_, event) in events {
            let Some((kind, process)) = kind_of(event) else { continue };
            if let Some(name) = known.name_of(process) {
                known.kinds.insert((name, kind));
            }
        }
        known
    }

    /// The name of a process, without its incarnation.
    fn name_of(&self, process: &str) -> Option<String> {
        let names = self.names.values();
        let of = names.filter(|name| process.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.')));
        of.max_by_key(|name| name.len()).cloned()
    }

    /// A recorded record was sent by a client: its id may be another one than its process's name.
    fn sends_as(&mut self, send: &Send, attempts: &[(u64, Send)]) {
        let Some(name) = self.name_of(&send.id.producer) else { return };
        for (_, attempt) in attempts {
            if let Some(client) = attempt.process.as_deref().and_then(client_of) {
                self.names.entry(client.to_owned()).or_insert_with(|| name.clone());
            }
        }
    }

    /// Whether a recorder tells of it what the cluster saw.
    fn tells(&self, event: &Event) -> bool {
        let Some((kind, process)) = kind_of(event) else { return false };
        let name = client_of(process).and_then(|client| self.names.get(client));
        name.is_some_and(|name| self.kinds.contains(&(name.clone(), kind)))
    }
}

/// The id of the client at the other end of a connection: `orders-app/17`, or `orders-app/17?3`.
fn client_of(process: &str) -> Option<&str> {
    process.rsplit_once('/').map(|(client, _)| client)
}

fn kind_of(event: &Event) -> Option<(Kind, &str)> {
    Some(match event {
        Event::Poll(line) => (Kind::Reading, &line.process),
        Event::Seek(line) => (Kind::Reading, &line.process),
        Event::Commit(line) => (Kind::Committing, &line.process),
        Event::EndTxn(line) => (Kind::Ending, &line.process),
        Event::Assigned(line) => (Kind::Owning, &line.process),
        Event::Released(line) => (Kind::Owning, &line.process),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Instant;

    fn send(result: Answer, offset: Option<i64>) -> Send {
        let send = Send::new(Instant::START, RecordName::new("app.0", 0), "t-0");
        Send { end: Some(End { result, offset, ..End::default() }), ..send }
    }

    #[test]
    fn what_nobody_was_told_follows_from_the_attempts() {
        use Answer::Fail;
        use Answer::Info;
        use Answer::Ok;
        let check = |told: Answer, attempts: &[(Answer, Option<i64>)], expected: (Answer, Option<i64>, usize)| {
            let (mut told, mut more) = (send(told, None), Vec::new());
            let attempts = attempts.iter().map(|(result, offset)| (1, send(*result, *offset))).collect();
            settle(0, &mut told, attempts, &mut more);
            let end = told.end.unwrap();
            assert_eq!((end.result, end.offset, more.len()), expected);
        };
        check(Info, &[(Fail, None)], (Fail, None, 0));
        check(Info, &[(Fail, None), (Fail, None)], (Fail, None, 0));
        check(Info, &[(Info, Some(7))], (Info, Some(7), 0));
        check(Info, &[(Info, Some(7)), (Fail, None)], (Info, None, 1));
        check(Info, &[(Info, None), (Ok, Some(8))], (Info, Some(8), 1));
        // What its application was told stands.
        check(Fail, &[(Ok, Some(7))], (Fail, None, 0));
        check(Ok, &[(Ok, Some(7))], (Ok, None, 0));
    }
}
