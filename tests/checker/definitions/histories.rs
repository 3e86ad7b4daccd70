//! Random histories of up to twelve events and small logs, most of them wrong in several ways.

use crate::generator::event;
use rehearsal::base::Rng;
use rehearsal::base::Seed;
use rehearsal::check::Event;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

struct Source {
    rng: Rng,
    /// The number of the event that is being made; its time follows from it.
    at: u64,
    seqs: [u64; 2],
    /// What the histories of this seed are about.
    theme: u64,
}

/// A history that may be anything that can be said.
pub(super) fn random(seed: u64) -> Vec<Event> {
    let mut source = Source { rng: Seed(seed).stream("definitions"), at: 0, seqs: [0; 2], theme: seed % 8 };
    let mut events = vec![event(source.setup())];
    let count = 2 + source.rng.below(11);
    for at in 0..count {
        source.at = at;
        let line = source.line();
        events.push(event(line));
    }
    let logged = source.theme.is_multiple_of(2) || source.rng.chance(0.3);
    if logged {
        let replicas: &[Option<i32>] = if source.theme == 6 { &[None, Some(2)] } else { &[None] };
        for p in ["o-0", "o-1"] {
            if source.rng.chance(0.7) {
                for broker in replicas {
                    source.log(&mut events, p, *broker);
                }
            }
        }
    }
    events
}

impl Source {
    fn setup(&mut self) -> Value {
        let mut setup = json!({"event": "setup", "transaction_max_timeout_ms": 0});
        if self.rng.chance(0.5) {
            setup["converge_ms"] = json!(0);
        }
        if self.rng.chance(0.5) {
            setup["session_timeout_ms"] = json!(0);
        }
        if self.rng.chance(0.6) {
            setup["auto_offset_reset"] = json!("earliest");
        }
        if self.rng.chance(0.5) {
            setup["isolation"] = json!("read_committed");
        }
        if self.rng.chance(0.2) {
            setup["staleness_ms"] = json!(0);
        }
        if self.rng.chance(0.2) {
            setup["min_insync_replicas"] = json!(2);
        }
        if self.rng.chance(0.1) {
            setup["offsets_retention_ms"] = json!(0);
        }
        if self.rng.chance(0.15) {
            setup["topics"] = json!({"o": {"compacted": true, "min_compaction_lag_ms": 5, "retention_ms": 50}});
        }
        setup
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.rng.below(u64::try_from(from.len()).unwrap())).unwrap()]
    }

    fn partition(&mut self) -> &'static str {
        self.pick(&["o-0", "o-0", "o-1"])
    }

    fn id(&mut self) -> String {
        format!("{}#{}", self.pick(&["p", "q"]), self.rng.below(4))
    }

    fn t(&self) -> u64 {
        100 * (self.at + 1)
    }

    /// A time that no other event has: ends lie between beginnings.
    fn later(&mut self) -> u64 {
        let steps = [0, 0, 0, 1, 2][usize::try_from(self.rng.below(5)).unwrap()];
        self.t() + 100 * steps + 1 + self.at
    }

    fn end(&mut self, ok: u64) -> Value {
        let t = self.later();
        let result = match self.below(20) {
            roll if roll < ok => "ok",
            roll if roll % 3 == 0 => "info",
            roll if roll % 3 == 1 => "fail",
            _ => return Value::Null,
        };
        json!({"t": t, "result": result})
    }

    fn line(&mut self) -> Value {
        let roll = self.below(20);
        match self.theme {
            // Records.
            0 | 1 => match roll {
                0..=8 => self.send(),
                9..=15 => self.poll(),
                16 => self.position(),
                _ => self.mark(),
            },
            // Transactions.
            2 | 3 => match roll {
                0..=7 => self.send(),
                8..=12 => self.poll(),
                13..=16 => self.end_txn(),
                17 => self.commit(),
                _ => self.cluster(),
            },
            // Groups.
            4 | 5 => match roll {
                0..=3 => self.send(),
                4..=6 => self.poll(),
                7..=9 => self.commit(),
                10..=11 => self.fetch(),
                12..=15 => self.position(),
                16..=17 => self.processed(),
                18 => self.end_txn(),
                _ => self.mark(),
            },
            // The cluster.
            6 => match roll {
                0..=2 => self.send(),
                3..=4 => self.poll(),
                5 => self.mark(),
                _ => self.cluster(),
            },
            // Anything.
            _ => match roll {
                0..=4 => self.send(),
                5..=8 => self.poll(),
                9..=10 => self.commit(),
                11 => self.fetch(),
                12..=13 => self.position(),
                14 => self.processed(),
                15 => self.end_txn(),
                16..=17 => self.mark(),
                _ => self.cluster(),
            },
        }
    }

    fn send(&mut self) -> Value {
        let who = usize::try_from(self.below(2)).unwrap();
        let again = self.seqs[who] > 0 && self.rng.chance(0.1);
        if !again {
            self.seqs[who] += 1;
        }
        let seq = self.seqs[who] - 1;
        let id = format!("{}#{seq}", ["p", "q"][who]);
        let mut send = json!({"event": "send", "t": self.t(), "id": id, "to": self.partition()});
        // What every attempt at a send has in common follows from its number.
        if seq % 3 != 2 {
            send["key"] = json!(["a", "b"][usize::try_from(seq % 2).unwrap()]);
        }
        if seq == 1 {
            send["hash"] = json!(7);
        }
        if self.theme >= 4 && self.theme != 6 && who == 1 {
            send["source"] = json!({"partition": "o-0", "offset": seq % 2});
        }
        if matches!(self.theme, 2 | 3) || self.rng.chance(0.1) {
            send["txn"] = json!(self.pick(&["T1", "T2", "T3"]));
        }
        if self.rng.chance(0.08) {
            send["acks0"] = json!(true);
        }
        let mut end = self.end(16);
        if end["result"] == "ok" && self.rng.chance(0.9) || end["result"] == "info" && self.rng.chance(0.5) {
            end["offset"] = json!(self.below(4));
        }
        with_end(send, end)
    }

    fn poll(&mut self) -> Value {
        let mut poll = json!({"event": "poll", "t": self.t(), "process": self.pick(&["a", "b"])});
        if self.rng.chance(0.5) {
            poll["group"] = json!("g");
        }
        if matches!(self.theme, 2 | 3) && self.rng.chance(0.7) {
            poll["txn"] = json!(self.pick(&["T1", "T2", "T3"]));
        }
        if self.rng.chance(0.4) {
            poll["isolation"] = json!(self.pick(&["read_committed", "read_uncommitted"]));
        }
        let mut end = self.end(18);
        if end["result"] == "ok" {
            let mut records: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
            for p in ["o-0", "o-1"] {
                if self.rng.chance(0.6) {
                    let mut offset = self.below(4);
                    for _ in 0..=self.below(3) {
                        let id = if self.rng.chance(0.1) { Value::Null } else { json!(self.id()) };
                        let hashed = self.rng.chance(0.1);
                        let record = if hashed { json!([offset, id, 6 + self.below(2)]) } else { json!([offset, id]) };
                        records.entry(p).or_default().push(record);
                        offset = if self.rng.chance(0.85) { offset + 1 } else { self.below(5) };
                    }
                }
            }
            end["records"] = json!(records);
        }
        with_end(poll, end)
    }

    fn commit(&mut self) -> Value {
        let mut commit = json!({"event": "commit", "t": self.t(), "process": self.pick(&["a", "b"]), "group": "g",
            "offsets": {self.partition(): self.below(5)}});
        if self.rng.chance(if matches!(self.theme, 2 | 3) { 0.9 } else { 0.2 }) {
            commit["txn"] = json!(self.pick(&["T1", "T2", "T3"]));
        }
        let end = self.end(16);
        with_end(commit, end)
    }

    fn fetch(&mut self) -> Value {
        let mut fetch =
            json!({"event": "fetch_offsets", "t": self.t(), "process": self.pick(&["a", "b"]), "group": "g"});
        if self.rng.chance(0.5) {
            fetch["require_stable"] = json!(true);
        }
        let mut end = self.end(18);
        if !end.is_null() {
            let p = self.partition();
            end["offsets"] = json!({p: i64::try_from(self.below(6)).unwrap() - 1});
        }
        with_end(fetch, end)
    }

    fn end_txn(&mut self) -> Value {
        let end_txn = json!({"event": "end_txn", "t": self.t(), "process": self.pick(&["p", "q", "a"]),
            "txn": self.pick(&["T1", "T2", "T3"]), "commit": self.rng.chance(0.7)});
        let end = self.end(15);
        with_end(end_txn, end)
    }

    /// What changes where a consumer is.
    fn position(&mut self) -> Value {
        let (t, process, p) = (self.t(), self.pick(&["a", "b"]), self.partition());
        let offset = self.below(4);
        match self.below(10) {
            0..=4 => {
                let from = if self.rng.chance(0.5) { json!(offset) } else { Value::Null };
                let mut line = json!({"event": "assigned", "t": t, "process": process, "partitions": {p: from}});
                if self.rng.chance(0.85) {
                    line["group"] = json!("g");
                    line["generation"] = json!(1 + self.below(2));
                }
                line
            }
            5 => json!({"event": "kept", "t": t, "process": process, "group": "g", "generation": 2, "partitions": [p]}),
            6..=7 => json!({"event": "released", "t": t, "process": process, "group": "g", "partitions": [p]}),
            8 => json!({"event": "seek", "t": t, "process": process, "partition": p, "offset": offset}),
            _ => {
                let mut line = json!({"event": "reset", "t": t, "process": process, "partition": p});
                if self.rng.chance(0.7) {
                    line["to"] = json!(offset);
                }
                if self.rng.chance(0.7) {
                    line["position"] = json!(self.below(4));
                    line["log_start"] = json!(0);
                    line["log_end"] = json!(self.below(4));
                }
                line
            }
        }
    }

    fn processed(&mut self) -> Value {
        json!({"event": "processed", "t": self.t(), "process": "a", "group": "g", "id": self.id()})
    }

    fn mark(&mut self) -> Value {
        let (t, p) = (self.t(), self.partition());
        match self.below(11) {
            0..=3 => json!({"event": "healed", "t": t}),
            9 => json!({"event": "stopping", "t": t}),
            4 => json!({"event": "crashed", "t": t, "process": self.pick(&["a", "b", "p"])}),
            5 => json!({"event": "created", "t": t, "partition": p}),
            6 => json!({"event": "deleted", "t": t, "partition": p}),
            7..=8 => json!({"event": "log_start", "t": t, "partition": p, "offset": self.below(3)}),
            _ => json!({"event": "commit_removed", "t": t, "group": "g", "partition": p,
                "by": self.pick(&["expiry", "request"])}),
        }
    }

    fn cluster(&mut self) -> Value {
        let (t, p) = (self.t(), self.partition());
        let (offset, epoch, broker) = (self.below(5), self.below(3), 1 + self.below(2));
        let roll = if matches!(self.theme, 2 | 3) { self.below(4) } else { self.below(19) };
        match roll {
            0 => {
                let mut line = json!({"event": "append", "t": t, "partition": p, "broker": broker, "epoch": epoch,
                    "offset": offset, "txn": self.pick(&["T1", "T2"])});
                if self.rng.chance(0.7) {
                    line["marker"] = json!(self.pick(&["commit", "commit", "abort"]));
                    line["cause"] = json!(self.pick(&["T1", "T2"]));
                }
                line
            }
            1 => json!({"event": "settled", "t": t, "txn": self.pick(&["T1", "T2"]), "group": "g", "partition": p,
                "outcome": self.pick(&["commit", "abort"])}),
            2 => json!({"event": "txn_state", "t": t, "pid": 7 + self.below(2),
                "state": self.pick(&["ongoing", "complete_commit", "complete_abort"])}),
            3..=4 => {
                json!({"event": "append", "t": t, "partition": p, "broker": broker, "epoch": epoch, "offset": offset})
            }
            5 => {
                let mut line = json!({"event": "leader", "t": t, "partition": p, "epoch": epoch});
                if self.rng.chance(0.7) {
                    line["broker"] = json!(broker);
                }
                line
            }
            6 => {
                json!({"event": "isr", "t": t, "partition": p, "brokers": if broker == 1 { vec![1] } else { vec![1, 2] }})
            }
            7..=8 => json!({"event": "leo", "t": t, "partition": p, "broker": broker, "offset": offset}),
            9 => json!({"event": "hw", "t": t, "partition": p, "epoch": epoch, "offset": offset}),
            10 => json!({"event": "lso", "t": t, "partition": p, "epoch": epoch, "offset": offset}),
            11 => json!({"event": "acked", "t": t, "partition": p, "offset": offset}),
            12 => json!({"event": "served", "t": t, "partition": p, "broker": broker, "follower": self.rng.chance(0.5),
                "read_committed": self.rng.chance(0.5), "last": offset, "hw": self.below(5), "lso": self.below(5),
                "epoch": epoch, "request_epoch": self.below(3)}),
            13 => json!({"event": "listed", "t": t, "partition": p, "offset": offset}),
            14 => {
                let (one, other) = (self.epochs(), self.epochs());
                json!({"event": "truncated", "t": t, "partition": p, "broker": broker, "to": offset, "own": one,
                    "own_end": 4 + self.below(3), "leader": other, "leader_end": 4 + self.below(3)})
            }
            15 => json!({"event": "epoch", "t": t, "scope": self.pick(&["group:g", "pid:7"]), "value": epoch}),
            16 => json!({"event": "accepted", "t": t, "scope": self.pick(&["group:g", "pid:7"]), "value": epoch,
                "what": self.pick(&["commit", "produce", "end_txn"])}),
            17 => {
                if self.rng.chance(0.5) {
                    json!({"event": "group_state", "t": t, "group": "g", "state": self.pick(&["stable", "rebalancing"]),
                        "generation": epoch, "subscribed": [p]})
                } else {
                    json!({"event": "segment_deleted", "t": t, "partition": p, "by": self.pick(&["expiry", "request"]),
                        "now_ms": 100, "max_timestamp_ms": self.below(100)})
                }
            }
            _ => {
                let before: Vec<Value> = (0..1 + self.below(4)).map(|offset| self.keyed(offset)).collect();
                let mut after: Vec<Value> = before.iter().filter(|_| self.rng.chance(0.6)).cloned().collect();
                if self.rng.chance(0.2) {
                    let entry = self.keyed(3);
                    after.push(entry);
                }
                json!({"event": "compacted", "t": t, "partition": p, "now_ms": 10, "lso": offset, "before": before,
                    "after": after})
            }
        }
    }

    fn keyed(&mut self, offset: u64) -> Value {
        json!({"offset": offset, "key": self.pick(&["a", "b"]), "timestamp_ms": self.below(10),
            "tombstone": self.rng.chance(0.3)})
    }

    fn epochs(&mut self) -> Vec<(u64, u64)> {
        let mut epochs = vec![(self.below(2), 0)];
        for _ in 0..self.below(3) {
            let (epoch, start) = epochs[epochs.len() - 1];
            epochs.push((epoch + self.below(3), start + self.below(3)));
        }
        epochs
    }

    fn log(&mut self, events: &mut Vec<Event>, p: &str, broker: Option<i32>) {
        let start = if self.rng.chance(0.15) { self.below(2) } else { 0 };
        let mut line =
            json!({"event": "final_log", "partition": p, "log_start": start, "high_watermark": 1 + self.below(6)});
        if broker.is_some() {
            line["broker"] = json!(broker);
        }
        events.push(event(line));
        let mut offset = start;
        for _ in 0..self.below(5) {
            let mut line = json!({"event": "log", "partition": p, "offset": offset, "epoch": self.below(10) / 5});
            if broker.is_some() {
                line["broker"] = json!(broker);
            }
            if self.rng.chance(0.4) {
                line["pid"] = json!(7 + self.below(2));
                line["pepoch"] = json!(self.below(10) / 8);
                line["seq"] = json!(self.below(3));
            }
            let mut count = 1;
            if line["pid"].is_number() && self.rng.chance(0.4) {
                line["marker"] = json!(self.pick(&["commit", "abort"]));
            } else {
                line["transactional"] = json!(line["pid"].is_number() && self.rng.chance(0.8));
                count = 1 + self.below(2);
                let ids: Vec<Value> =
                    (0..count).map(|_| if self.rng.chance(0.1) { Value::Null } else { json!(self.id()) }).collect();
                line["ids"] = json!(ids);
                if self.rng.chance(0.2) {
                    line["digest"] = json!(self.below(2));
                }
            }
            events.push(event(line));
            offset = if self.rng.chance(0.9) { offset + count } else { self.below(4) };
        }
    }
}

fn with_end(mut line: Value, end: Value) -> Value {
    if !end.is_null() {
        line["end"] = end;
    }
    line
}
