//! Compaction, as readers see it: what may be missing, and what may not.

use super::generator::event;
use rehearsal::check::Code;
use rehearsal::check::History;
use serde_json::Value;
use serde_json::json;

/// Records 0 to 3 of the keys `a b a b`, all in the log at the end, and what readers did meanwhile.
fn check(compacted: bool, more: &[Value], expected: &[Code]) {
    let keys = ["a", "b", "a", "b"];
    let setup = json!({"event": "setup", "topics": {"o": {"compacted": compacted}}});
    let sends = (0..4).map(|n| {
        json!({"event": "send", "t": n + 1, "id": format!("p#{n}"), "to": "o-0", "key": keys[n],
            "end": {"t": n + 1, "result": "ok", "offset": n}})
    });
    let log = json!({"event": "final_log", "partition": "o-0", "high_watermark": 4});
    let entry = |n: i64| json!({"event": "log", "partition": "o-0", "offset": n, "ids": [format!("p#{n}")], "seq": n, "pid": 1});
    let mut events: Vec<Value> = std::iter::once(setup).chain(sends).collect();
    for (place, operation) in more.iter().enumerate() {
        let mut operation = operation.clone();
        operation["t"] = json!(10 + place);
        if let Some(end) = operation.get_mut("end") {
            end["t"] = json!(10 + place);
        }
        events.push(operation);
    }
    events.push(log);
    events.extend((0..4).map(entry));
    let report = History::from_events(events.into_iter().map(event)).unwrap().check();
    assert_eq!(report.codes(), expected, "{more:?}\n{report}");
}

fn poll(offsets: &[i64]) -> Value {
    let records: Vec<Value> = offsets.iter().map(|offset| json!([offset, format!("p#{offset}")])).collect();
    json!({"event": "poll", "process": "c", "end": {"result": "ok", "records": {"o-0": records}}})
}

/// The leader's cleaner had been there, and then a follower became leader whose cleaner had not: what a reader had not
/// found was in the log at the end, and the reader was blamed.
#[test]
fn what_a_cleaner_has_taken_at_one_leader_may_be_there_at_the_next() {
    let from_1 = json!({"event": "assigned", "process": "c", "partitions": {"o-0": 1}});
    check(true, &[poll(&[0]), poll(&[2, 3])], &[]);
    check(true, &[from_1.clone(), poll(&[2, 3])], &[]);
    check(false, &[poll(&[0]), poll(&[2, 3])], &[Code::PollSkip]);
    check(false, &[from_1.clone(), poll(&[2, 3])], &[Code::StartSkip]);
    // The last value of a key stays.
    check(true, &[poll(&[0]), poll(&[3])], &[Code::PollSkip]);
    check(true, &[from_1, poll(&[3])], &[Code::StartSkip]);
}

#[test]
fn what_a_cleaner_may_have_taken_need_not_be_read_before_it_is_committed_or_processed() {
    let member = json!({"event": "assigned", "process": "c", "group": "g", "generation": 1, "partitions": {"o-0": 0}});
    let done = |n: i64| json!({"event": "processed", "process": "c", "group": "g", "id": format!("p#{n}")});
    let commit = |offset: i64| json!({"event": "commit", "process": "c", "group": "g", "offsets": {"o-0": offset}, "end": {"result": "ok"}});
    let all = |compacted: bool, expected: &[Code]| {
        check(compacted, &[member.clone(), poll(&[2]), done(2), commit(3)], expected);
    };
    all(true, &[]);
    all(false, &[Code::StartSkip, Code::CommitAhead, Code::GroupLoss]);
}
