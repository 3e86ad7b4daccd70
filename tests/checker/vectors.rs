//! The cases on which Jepsen tests its own Kafka checker, as data in our terms: same situation, our codes.
//!
//! Source: the facts of `jepsen.tests.kafka-test` (jepsen-io/jepsen). Differs: an operation of several sends or polls
//! is several operations here; a subscription that covers a partition is an assignment that is kept.

use super::generator::event;
use rehearsal::check::Code;
use rehearsal::check::History;
use serde_json::Value;
use serde_json::json;

/// What is known of one history, operation by operation: times follow from places.
fn check(what: &str, operations: &[Value], expected: &[(Code, &str)]) {
    let timed = |(place, operation): (usize, &Value)| {
        let mut operation = operation.clone();
        operation["t"] = json!(10 * place + 1);
        if let Some(end) = operation.get_mut("end") {
            end["t"] = json!(10 * place + 2);
        }
        event(operation)
    };
    let history = History::from_events(operations.iter().enumerate().map(timed)).unwrap();
    let report = history.check();
    let subjects = |finding: &rehearsal::check::Finding| {
        let code = finding.code;
        finding.examples.iter().map(|example| (code, example.subject.clone())).collect::<Vec<_>>()
    };
    let mut found: Vec<(Code, String)> = report.findings.iter().flat_map(subjects).collect();
    found.sort();
    let mut expected: Vec<(Code, String)> = expected.iter().map(|(code, name)| (*code, (*name).to_owned())).collect();
    expected.sort();
    assert_eq!(found, expected, "{what}\n{report}");
}

fn send(id: &str, to: &str, result: &str, offset: Option<i64>) -> Value {
    let mut end = json!({"result": result});
    if let Some(offset) = offset {
        end["offset"] = json!(offset);
    }
    // Each send is a process of its own: an `info` of one is no end of the others.
    json!({"event": "send", "id": id, "process": format!("sender of {id}"), "to": to, "end": end})
}

fn of_txn(mut operation: Value, txn: &str) -> Value {
    operation["txn"] = json!(txn);
    operation
}

fn poll(process: &str, records: Value) -> Value {
    json!({"event": "poll", "process": process, "end": {"result": "ok", "records": records}})
}

fn poll_that(result: &str, process: &str, records: Value) -> Value {
    json!({"event": "poll", "process": process, "end": {"result": result, "records": records}})
}

#[test]
fn version_orders() {
    check(
        "two sends are acknowledged at one offset",
        &[send("a#0", "x-0", "ok", Some(537)), send("b#0", "x-0", "ok", Some(537))],
        &[(Code::InconsOff, "x-0@537")],
    );
    let in_doubt = [
        of_txn(send("a#0", "x-0", "info", Some(0)), "T"),
        of_txn(send("a#1", "y-0", "info", None), "T"),
        send("b#0", "x-0", "ok", Some(0)),
    ];
    check("a conflict with a send in doubt is none", &in_doubt, &[]);
    let mut proven = in_doubt.to_vec();
    let mut read = poll("r", json!({"y-0": [[5, "a#1"]]}));
    read["isolation"] = json!("read_committed");
    proven.push(read);
    check(
        "but a read of one part proves the other",
        &proven,
        // Nobody said that the transaction was to be committed.
        &[(Code::InconsOff, "x-0@0"), (Code::Precommit, "a#1")],
    );
}

#[test]
fn failed_writes() {
    check(
        "a failed write is read",
        &[send("a#0", "x-0", "fail", None), poll("r", json!({"x-0": [[0, "a#0"]]}))],
        &[(Code::FailVisible, "a#0")],
    );
}

#[test]
fn lost_writes() {
    check(
        "what lies before a read was not read",
        &[
            send("a#0", "x-0", "ok", Some(0)),
            send("a#1", "x-0", "ok", Some(1)),
            send("a#2", "x-0", "ok", Some(3)),
            send("c#0", "x-0", "info", None),
            poll("r", json!({"x-0": [[2, "c#0"]]})),
        ],
        &[(Code::Lost, "a#0"), (Code::Lost, "a#1")],
    );
    check(
        "one of two at an offset was overwritten",
        &[
            send("a#0", "x-0", "ok", Some(0)),
            send("b#0", "x-0", "ok", Some(0)),
            send("b#1", "x-0", "ok", Some(2)),
            poll("r", json!({"x-0": [[0, "b#0"], [2, "b#1"]]})),
        ],
        &[(Code::Lost, "a#0"), (Code::InconsOff, "x-0@0")],
    );
    let atomic = |with_proof: bool| {
        let mut operations = vec![
            of_txn(send("a#0", "x-0", "info", None), "T"),
            of_txn(send("a#1", "y-0", "info", Some(0)), "T"),
            send("c#0", "y-0", "info", None),
            json!({"event": "end_txn", "process": "t", "txn": "T", "commit": true, "end": {"result": "info"}}),
        ];
        if with_proof {
            let mut read = poll("r", json!({"x-0": [[0, "a#0"]]}));
            read["isolation"] = json!("read_committed");
            operations.push(read);
        }
        operations.push(poll("s", json!({"y-0": [[1, "c#0"]]})));
        operations
    };
    check("a part of a transaction in doubt is missing", &atomic(false), &[]);
    check("a part of a transaction that was read is missing", &atomic(true), &[(Code::Lost, "a#1")]);
}

#[test]
fn skipped_polls() {
    let sends = |offsets: std::ops::Range<i64>| {
        offsets.map(|offset| send(&format!("a#{offset}"), "x-0", "ok", Some(offset))).collect::<Vec<_>>()
    };
    let skips = |between: Option<Value>| {
        let mut operations: Vec<Value> = sends(1..3);
        operations.push(json!({"event": "assigned", "process": "r", "partitions": {"x-0": null}}));
        operations.push(send("a#4", "x-0", "info", None));
        operations.push(send("b#3", "x-0", "info", None));
        operations.push(poll("r", json!({"x-0": [[1, "a#1"], [2, "a#2"]]})));
        operations.push(poll("s", json!({"x-0": [[3, "b#3"]]})));
        operations.extend(between);
        operations.push(poll("r", json!({"x-0": [[4, "a#4"]]})));
        operations
    };
    check("offset 3 exists and was skipped", &skips(None), &[(Code::PollSkip, "r:x-0@4")]);
    let assigned = json!({"event": "assigned", "process": "r", "partitions": {"x-0": null}});
    check("an assignment may jump", &skips(Some(assigned)), &[]);
    let other = json!({"event": "assigned", "process": "q", "partitions": {"x-0": null}});
    check("another one's assignment may not", &skips(Some(other)), &[(Code::PollSkip, "r:x-0@4")]);

    let mut aborted = sends(0..6);
    aborted.push(poll("r", json!({"x-0": [[0, "a#0"]]})));
    aborted.push(poll_that("fail", "r", json!({"x-0": [[1, "a#1"], [2, "a#2"]]})));
    let mut rewound = aborted.clone();
    let seek = json!({"event": "seek", "process": "r", "partition": "x-0", "offset": 1});
    rewound.push(seek);
    rewound.push(poll("r", json!({"x-0": [[1, "a#1"], [2, "a#2"], [3, "a#3"], [4, "a#4"], [5, "a#5"]]})));
    check("after an abort the application goes back", &rewound, &[]);
    let seek = json!({"event": "seek", "process": "r", "partition": "x-0", "offset": 1});
    aborted.push(seek);
    aborted.push(poll("r", json!({"x-0": [[3, "a#3"], [4, "a#4"]]})));
    check("after an abort the application should have gone back", &aborted, &[(Code::StartSkip, "r:x-0@3")]);
}

#[test]
fn repeated_polls() {
    let twice = |between: Option<Value>| {
        let mut operations: Vec<Value> = (1..5).map(|n| send(&format!("a#{n}"), "x-0", "ok", Some(n))).collect();
        operations.push(json!({"event": "assigned", "process": "r", "partitions": {"x-0": null}}));
        operations.push(poll("r", json!({"x-0": [[1, "a#1"], [2, "a#2"], [3, "a#3"]]})));
        operations.extend(between);
        operations.push(poll("r", json!({"x-0": [[2, "a#2"], [3, "a#3"], [4, "a#4"]]})));
        operations
    };
    check("a reader goes back", &twice(None), &[(Code::NonmonoPoll, "r:x-0@2")]);
    let assigned = json!({"event": "assigned", "process": "r", "partitions": {"x-0": null}});
    check("with an assignment it may", &twice(Some(assigned)), &[]);
}

#[test]
fn within_one_operation() {
    let sends = [send("a#1", "x-0", "info", None), send("a#2", "x-0", "info", None), send("a#4", "x-0", "info", None)];
    let with = |records: Value| {
        let mut operations = sends.to_vec();
        operations.push(poll("s", json!({"x-0": [[2, "a#2"]]})));
        operations.push(poll("r", records));
        operations
    };
    check("a poll skips", &with(json!({"x-0": [[1, "a#1"], [4, "a#4"]]})), &[(Code::PollSkip, "r:x-0@4")]);
    check("a poll goes back", &with(json!({"x-0": [[4, "a#4"], [1, "a#1"]]})), &[(Code::NonmonoPoll, "r:x-0@1")]);
    check("a poll repeats", &with(json!({"x-0": [[4, "a#4"], [4, "a#4"]]})), &[(Code::NonmonoPoll, "r:x-0@4")]);
    check(
        "the sends of a transaction are apart",
        &[
            of_txn(send("a#1", "x-0", "ok", Some(1)), "T"),
            of_txn(send("a#2", "x-0", "ok", None), "T"),
            send("b#0", "x-0", "info", None),
            json!({"event": "end_txn", "process": "t", "txn": "T", "commit": true, "end": {"result": "ok"}}),
            poll("r", json!({"x-0": [[2, "b#0"], [3, "a#2"]]})),
            poll("s", json!({"x-0": [[1, "a#1"]]})),
        ],
        &[(Code::SendSkip, "a#2")],
    );
    check(
        "the sends of a transaction are in the wrong order",
        &[of_txn(send("a#0", "x-0", "ok", Some(3)), "T"), of_txn(send("a#1", "x-0", "ok", Some(1)), "T")],
        &[(Code::Reorder, "a#0")],
    );
    check(
        "the sends of a producer are in the wrong order",
        &[send("a#0", "x-0", "ok", Some(3)), send("a#1", "x-0", "ok", Some(1))],
        &[(Code::Reorder, "a#0")],
    );
}

#[test]
fn duplicates() {
    check(
        "acknowledged at one offset, read at another",
        &[
            send("a#0", "x-0", "ok", Some(1)),
            send("b#0", "x-0", "info", None),
            poll("r", json!({"x-0": [[2, "b#0"], [3, "a#0"]]})),
        ],
        &[(Code::Dup, "a#0")],
    );
    check(
        "a poll of an aborted transaction counts",
        &[send("a#0", "x-0", "ok", Some(1)), poll_that("fail", "r", json!({"x-0": [[11, "a#0"]]}))],
        &[(Code::Dup, "a#0")],
    );
}

#[test]
fn lagging_readers() {
    let with = |records: Value| {
        vec![
            json!({"event": "setup", "staleness_ms": 0}),
            json!({"event": "assigned", "process": "r", "partitions": {"x-0": 0}}),
            poll("r", json!({})),
            send("a#0", "x-0", "ok", Some(0)),
            poll("r", records),
        ]
    };
    let check = |what: &str, operations: Vec<Value>, expected: &[(Code, &str)]| {
        let setup = operations[0].clone();
        let timed = |(place, operation): (usize, &Value)| {
            let mut operation = operation.clone();
            operation["t"] = json!(10 * place + 1);
            if let Some(end) = operation.get_mut("end") {
                end["t"] = json!(10 * place + 2);
            }
            event(operation)
        };
        let events = std::iter::once(event(setup)).chain(operations[1..].iter().enumerate().map(timed));
        let report = History::from_events(events).unwrap().check();
        let codes: Vec<Code> = expected.iter().map(|(code, _)| *code).collect();
        assert_eq!(report.codes(), codes, "{what}\n{report}");
    };
    check("up to date", with(json!({"x-0": [[0, "a#0"]]})), &[]);
    check("behind", with(json!({})), &[(Code::StaleRead, "r:x-0@-1")]);
}

#[test]
fn cycles() {
    let write = |id: &str, to: &str, offset: i64, txn: &str| of_txn(send(id, to, "ok", Some(offset)), txn);
    let read = |txn: &str, records: Value| of_txn(poll(&format!("reader of {txn}"), records), txn);
    check(
        "reads alone make a cycle",
        &[
            write("a#0", "x-0", 0, "T1"),
            write("b#0", "y-0", 0, "T2"),
            read("T1", json!({"y-0": [[0, "b#0"]]})),
            read("T2", json!({"x-0": [[0, "a#0"]]})),
        ],
        &[(Code::G1cWr, "T1+T2"), (Code::G1c, "T1+T2")],
    );
    check(
        "writes interleave",
        &[
            write("a#0", "x-0", 0, "T1"),
            write("b#0", "x-0", 1, "T2"),
            write("b#1", "y-0", 0, "T2"),
            write("a#1", "y-0", 1, "T1"),
        ],
        &[(Code::G0, "T1+T2")],
    );
    let mut own = read("T1", json!({"x-0": [[0, "a#0"]]}));
    own["isolation"] = json!("read_committed");
    check(
        "a transaction reads its own write before its end",
        &[write("a#0", "x-0", 0, "T1"), own],
        &[(Code::Precommit, "a#0")],
    );
}

/// In virtual time much happens at one moment; then the order in which it was noted counts.
#[test]
fn at_one_moment_the_order_of_events_decides() {
    let check = |operations: &[Value], expected: &[Code]| {
        let at_once = |operation: &Value| {
            let mut operation = operation.clone();
            operation["t"] = json!(5);
            if let Some(end) = operation.get_mut("end") {
                end["t"] = json!(5);
            }
            event(operation)
        };
        let report = History::from_events(operations.iter().map(at_once)).unwrap().check();
        assert_eq!(report.codes(), expected, "{report}");
    };
    let sends: Vec<Value> = (0..3).map(|n| send(&format!("p#{n}"), "o-0", "ok", Some(n))).collect();
    let read = |offset: i64| poll("c", json!({"o-0": [[offset, format!("p#{offset}")]]}));
    let seek = json!({"event": "seek", "process": "c", "partition": "o-0", "offset": 0});
    let with = |operations: &[Value]| [&sends[..], operations].concat();
    // Back to where it began: on purpose, and then not.
    check(&with(&[read(0), read(1), seek.clone(), read(0), read(1), read(2)]), &[]);
    check(&with(&[seek, read(0), read(1), read(0), read(1), read(2)]), &[Code::NonmonoPoll]);
    let assigned =
        json!({"event": "assigned", "process": "c", "group": "g", "generation": 1, "partitions": {"o-0": null}});
    let released = json!({"event": "released", "process": "c", "group": "g", "partitions": ["o-0"]});
    let commit =
        json!({"event": "commit", "process": "c", "group": "g", "offsets": {"o-0": 1}, "end": {"result": "ok"}});
    check(&with(&[assigned.clone(), read(0), commit.clone(), released.clone()]), &[]);
    check(&with(&[assigned.clone(), released.clone(), read(0)]), &[Code::UnownedRead]);
    let again =
        json!({"event": "assigned", "process": "c", "group": "g", "generation": 2, "partitions": {"o-0": null}});
    check(&with(&[assigned, read(0), released, commit, again]), &[Code::CommitUnowned]);
}

/// A commit of the very moment of an assignment tells where to begin only if it was asked for before; and who asks for
/// the offset at that moment may be told either.
#[test]
fn a_commit_at_the_moment_of_an_assignment_counts_if_it_began_before() {
    let check = |operations: &[Value], expected: &[Code]| {
        let report = History::from_events(operations.iter().cloned().map(event)).unwrap().check();
        assert_eq!(report.codes(), expected, "{report}");
    };
    let at = |t: u64, mut operation: Value| {
        operation["t"] = json!(t);
        if let Some(end) = operation.get_mut("end") {
            end["t"] = json!(t);
        }
        operation
    };
    let commit = |process: &str, offset: i64| json!({"event": "commit", "process": process, "group": "g", "offsets": {"o-0": offset}, "end": {"result": "ok"}});
    let assigned = |process: &str, from: Value| json!({"event": "assigned", "process": process, "group": "g", "generation": 1, "partitions": {"o-0": from}});
    let released = json!({"event": "released", "process": "a", "group": "g", "partitions": ["o-0"]});
    let answered = json!({"event": "fetch_offsets", "process": "b", "group": "g",
        "end": {"result": "ok", "offsets": {"o-0": 1}}});
    let sends = (0..4).map(|n| at(n + 1, send(&format!("p#{n}"), "o-0", "ok", Some(n as i64))));
    let reads = (0..3).map(|n| at(n + 10, poll("a", json!({"o-0": [[n, format!("p#{n}")]]}))));
    let first = at(11, commit("a", 1));
    let mut before: Vec<Value> = sends.chain([at(9, assigned("a", json!(0)))]).chain(reads).chain([first]).collect();
    before.sort_by_key(|operation| operation["t"].as_u64());
    let with = |operations: &[Value]| [&before[..], operations].concat();
    let (second, next) = (at(20, commit("a", 3)), at(20, assigned("b", Value::Null)));
    let read = at(30, poll("b", json!({"o-0": [[3, "p#3"]]})));
    check(&with(&[second.clone(), at(20, released.clone()), next.clone(), read.clone()]), &[]);
    check(&with(&[at(20, released), next, at(20, commit("b", 1)), read]), &[Code::StartSkip]);
    let back = [at(15, commit("a", 3)), at(20, commit("a", 1)), at(20, answered)];
    check(&with(&back), &[Code::CommitRegress]);
}

/// A group that falls apart because everybody was asked to end is not stuck, however long the last one takes to end. One
/// that never became stable before that is, although nobody is left in it when all have gone; and so is one whose members
/// join again and again. The same goes for partitions and their leaders.
#[test]
fn whether_all_went_on_is_judged_by_what_was_before_everybody_was_asked_to_end() {
    let check = |lines: &[Value], expected: &[Code]| {
        let setup = json!({"event": "setup", "converge_ms": 0});
        let report = History::from_events([setup].iter().chain(lines).cloned().map(event)).unwrap().check();
        assert_eq!(report.codes(), expected, "{report}");
    };
    let group = |t: u64, state: &str| json!({"event": "group_state", "t": t, "group": "g", "state": state});
    let leader = |t: u64, broker: Option<i32>| match broker {
        Some(broker) => json!({"event": "leader", "t": t, "partition": "o-0", "epoch": t, "broker": broker}),
        None => json!({"event": "leader", "t": t, "partition": "o-0", "epoch": t}),
    };
    let mark = |t: u64, what: &str| json!({"event": what, "t": t});
    let (healed, stopping, ended) = (mark(1, "healed"), mark(5, "stopping"), mark(9, "ended"));
    let stuck = &[Code::StuckGroup];
    let leaving = group(5, "rebalancing");
    check(&[group(1, "stable"), healed.clone(), stopping.clone(), leaving, ended.clone()], &[]);
    check(&[healed.clone(), group(2, "rebalancing"), stopping.clone(), group(6, "empty"), ended.clone()], stuck);
    let again = [mark(1, "healed"), group(2, "rebalancing"), group(5, "rebalancing"), stopping.clone()];
    check(&again, stuck);
    check(&[healed.clone(), leader(2, None), stopping.clone(), leader(6, Some(1))], &[Code::Leaderless]);
    check(&[healed, leader(2, None), leader(3, Some(1)), stopping, leader(6, None), ended], &[]);
}

fn at(t: u64, mut operation: Value) -> Value {
    operation["t"] = json!(t);
    if let Some(end) = operation.get_mut("end") {
        end["t"] = json!(t);
    }
    operation
}

/// A member sends offsets to a transaction and is late with its end; another one is given the partition meanwhile.
fn sent_to_a_transaction(rest: &[Value], expected: &[Code]) {
    let commit = |txn: &str, offset: i64| json!({"event": "commit", "process": "a", "group": "g", "txn": txn, "offsets": {"o-0": offset}, "end": {"result": "ok"}});
    let mut operations: Vec<Value> =
        (0..4).map(|n: u64| at(n + 1, send(&format!("p#{n}"), "o-0", "ok", i64::try_from(n).ok()))).collect();
    operations.insert(0, json!({"event": "setup", "require_stable": true}));
    operations.extend((0..3).map(|n: u64| at(n + 5, poll("a", json!({"o-0": [[n, format!("p#{n}")]]})))));
    operations.push(at(10, commit("T1", 1)));
    operations.push(at(11, ended("T1", true)));
    operations.push(at(12, commit("T2", 3)));
    operations.push(at(
        20,
        json!({"event": "assigned", "process": "b", "group": "g", "generation": 2, "partitions": {"o-0": null}}),
    ));
    operations.extend_from_slice(rest);
    let report = History::from_events(operations.into_iter().map(event)).unwrap().check();
    assert_eq!(report.codes(), expected, "{report}");
}

fn ended(txn: &str, commit: bool) -> Value {
    json!({"event": "end_txn", "process": "a", "txn": txn, "commit": commit, "end": {"result": "ok"}})
}

fn stable(offset: i64) -> Value {
    json!({"event": "fetch_offsets", "process": "b", "group": "g", "require_stable": true,
        "end": {"result": "ok", "offsets": {"o-0": offset}}})
}

fn settled(outcome: &str) -> Value {
    json!({"event": "settled", "txn": "T2", "group": "g", "partition": "o-0", "outcome": outcome})
}

/// The next owner waits for stable offsets, and begins with what the transaction has committed since.
#[test]
fn a_transaction_that_ends_after_an_assignment_tells_where_to_begin() {
    let read = |t, offset: i64| at(t, poll("b", json!({"o-0": [[offset, format!("p#{offset}")]]})));
    let check = sent_to_a_transaction;
    check(&[at(25, ended("T2", true)), at(26, stable(3)), read(30, 3)], &[]);
    check(&[at(25, settled("commit")), at(26, stable(3)), read(30, 3)], &[]);
    check(&[read(30, 3), at(35, ended("T2", true))], &[Code::StartSkip]);
    check(&[at(25, settled("abort")), read(30, 3)], &[Code::StartSkip]);
}

/// A member was removed without knowing it; when it asked where to begin, its successor had gone on already.
#[test]
fn who_was_removed_without_knowing_it_begins_where_its_successor_is() {
    let read = |t, offset: i64| at(t, poll("b", json!({"o-0": [[offset, format!("p#{offset}")]]})));
    let commit = |offset: i64| {
        at(
            24,
            json!({"event": "commit", "process": "c", "group": "g", "offsets": {"o-0": offset}, "end": {"result": "ok"}}),
        )
    };
    let check = sent_to_a_transaction;
    check(&[at(22, settled("abort")), commit(3), read(30, 3)], &[]);
    check(&[at(22, settled("abort")), commit(2), read(30, 3)], &[Code::StartSkip]);
}

/// A crashed client ends nothing any more: who comes after it does, or the transaction's time is over.
#[test]
fn offsets_are_stable_when_somebody_else_has_ended_their_transaction() {
    let check = sent_to_a_transaction;
    check(&[at(30, stable(1))], &[Code::CommitStale]);
    check(&[at(25, settled("abort")), at(30, stable(1))], &[]);
    check(&[at(30, stable(1)), at(35, settled("abort"))], &[Code::CommitStale]);
    check(&[at(25, settled("commit")), at(30, stable(1))], &[Code::CommitStale]);
}

/// The answer to the end of a transaction was lost and asked for again until long after; meanwhile others had gone on.
#[test]
fn a_commit_that_was_answered_late_is_not_the_last_one() {
    let check = |settled: Option<u64>, next: i64, split: bool| {
        let input = |n: i64| at(1, send(&format!("p#{n}"), "o-0", "ok", Some(n)));
        let output = |txn: &str, n: i64| {
            let mut output = of_txn(send(&format!("{txn}#0"), "s-0", "ok", Some(n)), txn);
            output["source"] = json!({"partition": "o-0", "offset": n});
            at(2, output)
        };
        let commit = |txn: &str, offset: i64| json!({"event": "commit", "process": txn, "group": "g", "txn": txn, "offsets": {"o-0": offset}, "end": {"result": "ok"}});
        let mut operations = vec![input(0), input(1), output("T1", 0), output("T2", 1)];
        operations.extend([at(10, commit("T1", 1)), at(11, ended("T1", true))]);
        operations[5]["end"]["t"] = json!(100);
        operations.extend(settled.map(|t| {
            at(t, json!({"event": "settled", "txn": "T1", "group": "g", "partition": "o-0", "outcome": "commit"}))
        }));
        operations.extend([at(20, commit("T2", next)), at(21, ended("T2", true))]);
        operations
            .push(at(110, poll("r", json!({"o-0": [[0, "p#0"], [1, "p#1"]], "s-0": [[0, "T1#0"], [1, "T2#0"]]}))));
        let report = History::from_events(operations.into_iter().map(event)).unwrap().check();
        assert_eq!(report.codes().contains(&Code::EosSplit), split, "{report}");
    };
    check(Some(12), 2, false);
    check(Some(12), 1, true);
    // Of two commits at a time, either may have been the last.
    check(None, 2, false);
}

/// Whoever begins where a transaction holds offsets waits for its end, and begins where that says: behind what is in the
/// log already, and without having been given any of it.
#[test]
fn a_member_begins_where_a_transaction_that_is_open_gets_to() {
    let check = |operations: &[Value], expected: &[Code]| {
        let report = History::from_events(operations.iter().cloned().map(event)).unwrap().check();
        assert_eq!(report.codes(), expected, "{report}");
    };
    let at = |t: u64, mut operation: Value| {
        operation["t"] = json!(t);
        if let Some(end) = operation.get_mut("end") {
            end["t"] = json!(t);
        }
        operation
    };
    let setup = json!({"event": "setup", "intent": ["LIVE", "BASE"], "require_stable": true, "transactional": true,
        "auto_offset_reset": "earliest", "commit": "in_transaction", "converge_ms": 0});
    let sends = (0..3).map(|n| at(n + 1, send(&format!("p#{n}"), "o-0", "ok", Some(n as i64))));
    let commit = |txn: &str, offset: i64| {
        let commit = json!({"event": "commit", "process": "a", "group": "g", "offsets": {"o-0": offset},
            "end": {"result": "ok"}});
        of_txn(commit, txn)
    };
    let end =
        |txn: &str| json!({"event": "end_txn", "process": "a", "txn": txn, "commit": true, "end": {"result": "ok"}});
    let assigned = |process: &str, generation: i32| {
        json!({"event": "assigned", "process": process, "group": "g", "generation": generation,
            "partitions": {"o-0": null}})
    };
    let released = json!({"event": "released", "process": "a", "group": "g", "partitions": ["o-0"]});
    let before: Vec<Value> = [setup]
        .into_iter()
        .chain(sends)
        .chain([at(10, assigned("a", 1)), at(11, poll("a", json!({"o-0": [[0, "p#0"]]})))])
        .chain([at(12, commit("T1", 1)), at(13, end("T1"))])
        .collect();
    let with = |operations: &[Value]| [&before[..], operations].concat();
    let read = |n: i64| poll("b", json!({"o-0": [[n, format!("p#{n}")]]}));
    let more = |n: i64| at(19, poll("a", json!({"o-0": [[n, format!("p#{n}")]]})));
    let handed_over =
        [more(1), at(20, commit("T2", 2)), at(21, released.clone()), at(22, assigned("b", 2)), at(23, end("T2"))];
    check(&with(&[&handed_over[..], &[at(30, read(2))]].concat()), &[]);
    // Without such a transaction it has to begin where the last one ended.
    let gone = [more(1), at(21, released), at(22, assigned("b", 2))];
    check(&with(&[&gone[..], &[at(30, read(2))]].concat()), &[Code::StartSkip]);
    // Nothing is left for the second one; it need not read anything, wherever the first one went back to before.
    let all = [more(1), at(19, poll("a", json!({"o-0": [[2, "p#2"]]}))), at(20, commit("T2", 3))];
    let seek = at(18, json!({"event": "seek", "process": "b", "partition": "o-0", "offset": 1}));
    let ends = [at(40, json!({"event": "healed"}))];
    check(&with(&[&[seek][..], &all[..], &handed_over[2..], &ends[..]].concat()), &[]);
    // One that does not know yet that its partition is another one's waits for nothing; the other one does.
    let two = [at(22, assigned("b", 2))];
    check(&with(&[&two[..], &ends[..]].concat()), &[Code::Unseen, Code::StuckConsumer]);
    check(&with(&[&two[..], &[at(23, read(1)), at(31, read(2))], &ends[..]].concat()), &[]);
}

/// Where a log comes back to an offset, the last entry there counts, also behind the end of the other one.
#[test]
fn logs_that_come_back_to_an_offset_are_compared_to_their_ends() {
    let check = |again: &str, differs: bool| {
        let log = |broker: Option<i32>, offset: i64, id: &str| json!({"event": "log", "partition": "o-0", "broker": broker, "offset": offset, "ids": [id]});
        let end = |broker: Option<i32>| json!({"event": "final_log", "partition": "o-0", "broker": broker, "log_start": 0, "high_watermark": 1});
        let sends = [send("p#0", "o-0", "info", None), send("p#1", "o-0", "info", None)];
        let sends = sends.into_iter().map(|mut send| {
            (send["t"], send["end"]["t"]) = (json!(1), json!(2));
            send
        });
        let logs = [end(None), log(None, 0, "p#0"), end(Some(2)), log(Some(2), 0, "p#0"), log(Some(2), 0, again)];
        let report = History::from_events(sends.chain(logs).map(event)).unwrap().check();
        assert_eq!(report.codes().contains(&Code::LogMatch), differs, "{report}");
    };
    check("p#0", false);
    check("p#1", true);
}
