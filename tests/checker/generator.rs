//! Valid histories from a seed: a small Kafka that does everything right, with producers, transactions, members of a
//! group that change owners, a reader, elections, and a white box around it all.

use rehearsal::base::Rng;
use rehearsal::base::Seed;
use rehearsal::check::Event;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Reads an event from its JSON.
pub(crate) fn event(value: Value) -> Event {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

#[derive(Clone)]
struct Entry {
    id: Option<String>,
    txn: Option<usize>,
    marker: Option<bool>,
    epoch: i32,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Open,
    Committed,
    Aborted,
}

struct World {
    rng: Rng,
    t: u64,
    events: Vec<Event>,
    logs: Vec<Vec<Entry>>,
    epoch: i32,
    leader: i32,
    txns: Vec<Outcome>,
    touched: Vec<usize>,
    /// By producer: incarnation and next number.
    producers: Vec<(u32, u64)>,
    txn_seq: u64,
    /// The reader's position by partition.
    reader: Vec<i64>,
    /// By partition: the owner, and how far the group is.
    owners: Vec<usize>,
    positions: Vec<i64>,
    committed: Vec<i64>,
    generation: i64,
    source: i64,
    waiting_offsets: Option<i64>,
}

/// A valid history.
pub(crate) fn valid(seed: u64, steps: u64) -> Vec<Event> {
    let mut world = World {
        rng: Seed(seed).stream("history"),
        t: 0,
        events: Vec::new(),
        logs: vec![Vec::new(), Vec::new()],
        epoch: 0,
        leader: 1,
        txns: Vec::new(),
        touched: Vec::new(),
        producers: vec![(0, 0), (0, 0)],
        txn_seq: 0,
        reader: vec![0, 0],
        owners: vec![0, 1],
        positions: vec![0, 0],
        committed: vec![0, 0],
        generation: 1,
        source: 0,
        waiting_offsets: None,
    };
    world.begin();
    for _ in 0..steps {
        match world.rng.below(20) {
            0..=6 => world.plain_send(),
            7..=11 => world.txn_step(),
            12..=13 => world.read(3),
            14..=17 => world.member_polls(3),
            18 => world.rebalance(),
            _ => world.elect(),
        }
    }
    world.finish();
    world.events
}

fn name(partition: usize) -> String {
    format!("o-{partition}")
}

impl World {
    fn now(&mut self) -> u64 {
        self.t += 1 + self.rng.below(3);
        self.t
    }

    fn say(&mut self, value: Value) {
        self.events.push(event(value));
    }

    fn begin(&mut self) {
        self.say(json!({
            "event": "setup", "min_insync_replicas": 2, "isolation": "read_committed", "commit": "after_processed",
            "auto_offset_reset": "earliest", "session_timeout_ms": 0, "converge_ms": 0, "require_stable": true,
        }));
        for partition in 0..2 {
            let t = self.now();
            self.say(json!({"event": "leader", "t": t, "partition": name(partition), "broker": 1, "epoch": 0}));
            let t = self.now();
            self.say(json!({"event": "isr", "t": t, "partition": name(partition), "brokers": [1, 2, 3]}));
        }
        let t = self.now();
        self.say(json!({"event": "epoch", "t": t, "scope": "group:g", "value": 1}));
        for member in 0..2 {
            let t = self.now();
            self.say(json!({"event": "assigned", "t": t, "process": format!("m{member}"), "group": "g",
                "generation": 1, "partitions": {name(member): 0}}));
        }
        let t = self.now();
        self.say(json!({"event": "assigned", "t": t, "process": "r", "partitions": {"o-0": 0, "o-1": 0}}));
    }

    fn end(&self, partition: usize) -> i64 {
        i64::try_from(self.logs[partition].len()).unwrap()
    }

    fn stable(&self, partition: usize) -> i64 {
        let open = |entry: &Entry| entry.txn.is_some_and(|txn| self.txns[txn] == Outcome::Open);
        let first = self.logs[partition].iter().position(open);
        first.map_or_else(|| self.end(partition), |first| i64::try_from(first).unwrap())
    }

    /// Appends, replicates, moves the watermarks.
    fn append(&mut self, partition: usize, entry: Entry, ending: Option<usize>) -> i64 {
        let offset = self.end(partition);
        let (t, epoch, leader) = (self.now(), self.epoch, self.leader);
        let mut line = json!({"event": "append", "t": t, "partition": name(partition), "broker": leader,
            "epoch": epoch, "offset": offset});
        if let Some(txn) = entry.txn.or(ending) {
            line["txn"] = json!(format!("T{txn}"));
        }
        if let Some(commit) = entry.marker {
            line["marker"] = json!(if commit { "commit" } else { "abort" });
            line["cause"] = line["txn"].clone();
        }
        self.say(line);
        self.logs[partition].push(entry);
        for broker in 1..=3 {
            let t = self.now();
            self.say(
                json!({"event": "leo", "t": t, "partition": name(partition), "broker": broker, "offset": offset + 1}),
            );
        }
        let t = self.now();
        self.say(json!({"event": "hw", "t": t, "partition": name(partition), "epoch": epoch, "offset": offset + 1}));
        if ending.is_none() {
            self.say_stable(partition);
        }
        offset
    }

    fn say_stable(&mut self, partition: usize) {
        let (t, epoch, offset) = (self.now(), self.epoch, self.stable(partition));
        self.say(json!({"event": "lso", "t": t, "partition": name(partition), "epoch": epoch, "offset": offset}));
    }

    fn plain_send(&mut self) {
        let (who, partition) =
            (usize::try_from(self.rng.below(2)).unwrap(), usize::try_from(self.rng.below(2)).unwrap());
        let (incarnation, seq) = self.producers[who];
        let id = format!("p{who}.{incarnation}#{seq}");
        self.producers[who].1 += 1;
        let began = self.now();
        let place = self.events.len();
        let send = |t: u64, end: Value| json!({"event": "send", "t": t, "id": id, "to": name(partition), "end": end});
        let epoch = self.epoch;
        match self.rng.below(16) {
            0 => {
                let t = self.now();
                let end = json!({"t": t, "result": "fail", "error": "NOT_ENOUGH_REPLICAS"});
                self.events.push(event(send(began, end)));
                return;
            }
            1 => {
                // Refused, and tried again.
                let t = self.now();
                let end = json!({"t": t, "result": "fail", "error": "NOT_ENOUGH_REPLICAS"});
                self.events.push(event(send(began, end)));
                let began = self.now();
                let place = self.events.len();
                let offset =
                    self.append(partition, Entry { id: Some(id.clone()), txn: None, marker: None, epoch }, None);
                let t = self.now();
                self.events.insert(place, event(send(began, json!({"t": t, "result": "ok", "offset": offset}))));
                return;
            }
            _ => {}
        }
        let offset = self.append(partition, Entry { id: Some(id.clone()), txn: None, marker: None, epoch }, None);
        let t = self.now();
        self.say(json!({"event": "acked", "t": t, "partition": name(partition), "offset": offset}));
        let t = self.now();
        let end = if self.rng.below(16) == 0 {
            self.producers[who] = (incarnation + 1, 0);
            json!({"t": t, "result": "info", "error": "REQUEST_TIMED_OUT"})
        } else {
            json!({"t": t, "result": "ok", "offset": offset})
        };
        self.events.insert(place, event(send(began, end)));
    }

    fn txn_step(&mut self) {
        let open = self.txns.last() == Some(&Outcome::Open);
        if open && self.rng.below(3) == 0 {
            let commit = self.rng.below(3) > 0;
            return self.end_txn(commit);
        }
        if !open {
            self.txns.push(Outcome::Open);
            self.touched.clear();
            let t = self.now();
            self.say(json!({"event": "txn_state", "t": t, "pid": 77, "state": "ongoing"}));
        }
        let txn = self.txns.len() - 1;
        if self.rng.below(6) == 0 && self.waiting_offsets.is_none() {
            self.source += 1;
            self.waiting_offsets = Some(self.source);
            let (t, end, offset) = (self.now(), self.now(), self.source);
            self.say(json!({"event": "commit", "t": t, "process": "t", "group": "gt", "txn": format!("T{txn}"),
                "offsets": {"src-0": offset}, "end": {"t": end, "result": "ok"}}));
        }
        let partition = usize::try_from(self.rng.below(2)).unwrap();
        if !self.touched.contains(&partition) {
            self.touched.push(partition);
        }
        let id = format!("t#{}", self.txn_seq);
        self.txn_seq += 1;
        let (began, place, epoch) = (self.now(), self.events.len(), self.epoch);
        let offset = self.append(partition, Entry { id: Some(id.clone()), txn: Some(txn), marker: None, epoch }, None);
        let t = self.now();
        let line = json!({"event": "send", "t": began, "id": id, "to": name(partition), "txn": format!("T{txn}"),
            "end": {"t": t, "result": "ok", "offset": offset}});
        self.events.insert(place, event(line));
    }

    fn end_txn(&mut self, commit: bool) {
        let txn = self.txns.len() - 1;
        let (began, place, epoch) = (self.now(), self.events.len(), self.epoch);
        for partition in self.touched.clone() {
            self.append(partition, Entry { id: None, txn: None, marker: Some(commit), epoch }, Some(txn));
        }
        self.txns[txn] = if commit { Outcome::Committed } else { Outcome::Aborted };
        for partition in self.touched.clone() {
            self.say_stable(partition);
        }
        if self.waiting_offsets.take().is_some() {
            let t = self.now();
            let outcome = if commit { "commit" } else { "abort" };
            self.say(json!({"event": "settled", "t": t, "txn": format!("T{txn}"), "group": "gt", "partition": "src-0",
                "outcome": outcome}));
        }
        let t = self.now();
        let state = if commit { "complete_commit" } else { "complete_abort" };
        self.say(json!({"event": "txn_state", "t": t, "pid": 77, "state": state}));
        let t = self.now();
        let line = json!({"event": "end_txn", "t": began, "process": "t", "txn": format!("T{txn}"), "commit": commit,
            "end": {"t": t, "result": "ok"}});
        self.events.insert(place, event(line));
    }

    /// What a reader of committed data gets from `position` on, and where it stands afterwards.
    fn fetch(&mut self, partition: usize, position: i64, max: usize) -> (Vec<Value>, i64) {
        let stable = self.stable(partition);
        let mut records = Vec::new();
        let mut at = position;
        while at < stable && records.len() < max {
            let entry = &self.logs[partition][usize::try_from(at).unwrap()];
            let aborted = entry.txn.is_some_and(|txn| self.txns[txn] == Outcome::Aborted);
            if let (Some(id), false) = (&entry.id, aborted) {
                records.push(json!([at, id]));
            }
            at += 1;
        }
        if at > position {
            let (t, end) = (self.now(), self.end(partition));
            let epoch = self.epoch;
            self.say(json!({"event": "served", "t": t, "partition": name(partition), "broker": self.leader,
                "read_committed": true, "last": at - 1, "hw": end, "lso": stable, "epoch": epoch}));
        }
        (records, at)
    }

    fn poll(
        &mut self,
        process: &str,
        group: Option<&str>,
        partitions: &[usize],
        max: usize,
        from: &mut [i64],
    ) -> Vec<String> {
        let (began, place) = (self.now(), self.events.len());
        let mut by_partition: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut ids = Vec::new();
        for partition in partitions {
            let (records, at) = self.fetch(*partition, from[*partition], max);
            from[*partition] = at;
            ids.extend(records.iter().map(|record| record[1].as_str().unwrap().to_owned()));
            if !records.is_empty() {
                by_partition.insert(name(*partition), records);
            }
        }
        let t = self.now();
        let mut line = json!({"event": "poll", "t": began, "process": process,
            "end": {"t": t, "result": "ok", "records": by_partition}});
        if let Some(group) = group {
            line["group"] = json!(group);
        }
        self.events.insert(place, event(line));
        ids
    }

    fn read(&mut self, max: usize) {
        let mut from = self.reader.clone();
        self.poll("r", None, &[0, 1], max, &mut from);
        self.reader = from;
    }

    fn member_polls(&mut self, max: usize) {
        let member = usize::try_from(self.rng.below(2)).unwrap();
        let owned: Vec<usize> = (0..2).filter(|partition| self.owners[*partition] == member).collect();
        if owned.is_empty() {
            return;
        }
        let mut from = self.positions.clone();
        let ids = self.poll(&format!("m{member}"), Some("g"), &owned, max, &mut from);
        self.positions = from;
        for id in ids {
            let t = self.now();
            self.say(json!({"event": "processed", "t": t, "process": format!("m{member}"), "group": "g", "id": id}));
        }
        if self.rng.below(2) == 0 {
            self.commit(member, &owned);
        }
    }

    fn commit(&mut self, member: usize, owned: &[usize]) {
        let offsets: BTreeMap<String, i64> = owned.iter().map(|p| (name(*p), self.positions[*p])).collect();
        if offsets.is_empty() {
            return;
        }
        for partition in owned {
            self.committed[*partition] = self.positions[*partition];
        }
        let (t, end, generation) = (self.now(), self.now(), self.generation);
        self.say(json!({"event": "commit", "t": t, "process": format!("m{member}"), "group": "g",
            "generation": generation, "offsets": offsets, "end": {"t": end, "result": "ok"}}));
        let t = self.now();
        self.say(json!({"event": "accepted", "t": t, "scope": "group:g", "value": generation, "what": "commit"}));
        if self.rng.below(2) == 0 {
            let (t, end) = (self.now(), self.now());
            self.say(json!({"event": "fetch_offsets", "t": t, "process": format!("m{member}"), "group": "g",
                "require_stable": true, "end": {"t": end, "result": "ok", "offsets": offsets}}));
        }
    }

    /// The members exchange what they own, and commit before.
    fn rebalance(&mut self) {
        for member in 0..2 {
            let owned: Vec<usize> = (0..2).filter(|partition| self.owners[*partition] == member).collect();
            self.commit(member, &owned);
            let t = self.now();
            let names: Vec<String> = owned.iter().map(|partition| name(*partition)).collect();
            self.say(json!({"event": "released", "t": t, "process": format!("m{member}"), "group": "g", "partitions": names}));
        }
        self.generation += 1;
        let (t, generation) = (self.now(), self.generation);
        self.say(json!({"event": "epoch", "t": t, "scope": "group:g", "value": generation}));
        for partition in 0..2 {
            self.owners[partition] = usize::try_from(self.rng.below(2)).unwrap();
        }
        for member in 0..2 {
            let owned = (0..2).filter(|partition| self.owners[*partition] == member);
            let from: BTreeMap<String, i64> =
                owned.map(|partition| (name(partition), self.committed[partition])).collect();
            let t = self.now();
            self.say(json!({"event": "assigned", "t": t, "process": format!("m{member}"), "group": "g",
                "generation": generation, "partitions": from}));
        }
    }

    fn elect(&mut self) {
        self.epoch += 1;
        self.leader = 1 + self.leader % 3;
        for partition in 0..2 {
            let (t, epoch, leader) = (self.now(), self.epoch, self.leader);
            self.say(
                json!({"event": "leader", "t": t, "partition": name(partition), "broker": leader, "epoch": epoch}),
            );
            self.say_stable(partition);
        }
    }

    fn finish(&mut self) {
        if self.txns.last() == Some(&Outcome::Open) {
            self.end_txn(true);
        }
        let t = self.now();
        self.say(json!({"event": "healed", "t": t}));
        self.read(1_000);
        for member in 0..2 {
            let owned: Vec<usize> = (0..2).filter(|partition| self.owners[*partition] == member).collect();
            if owned.is_empty() {
                continue;
            }
            let mut from = self.positions.clone();
            let ids = self.poll(&format!("m{member}"), Some("g"), &owned, 1_000, &mut from);
            self.positions = from;
            for id in ids {
                let t = self.now();
                self.say(
                    json!({"event": "processed", "t": t, "process": format!("m{member}"), "group": "g", "id": id}),
                );
            }
            self.commit(member, &owned);
        }
        for broker in [None, Some(2)] {
            for partition in 0..2 {
                self.final_log(partition, broker);
            }
        }
    }

    fn final_log(&mut self, partition: usize, broker: Option<i32>) {
        let mut line =
            json!({"event": "final_log", "partition": name(partition), "high_watermark": self.end(partition)});
        if let Some(broker) = broker {
            line["broker"] = json!(broker);
        }
        self.say(line);
        let mut seqs: BTreeMap<i64, i32> = BTreeMap::new();
        for (offset, entry) in self.logs[partition].clone().into_iter().enumerate() {
            let mut line =
                json!({"event": "log", "partition": name(partition), "offset": offset, "epoch": entry.epoch});
            if let Some(broker) = broker {
                line["broker"] = json!(broker);
            }
            if let Some(commit) = entry.marker {
                line["marker"] = json!(if commit { "commit" } else { "abort" });
                line["pid"] = json!(77);
                line["pepoch"] = json!(0);
            } else {
                let id = entry.id.unwrap();
                let pid = match entry.txn {
                    Some(_) => 77,
                    // Each incarnation has a producer id of its own.
                    None => {
                        let (who, incarnation) = id[1..id.find('#').unwrap()].split_once('.').unwrap();
                        100 * who.parse::<i64>().unwrap() + incarnation.parse::<i64>().unwrap()
                    }
                };
                let seq = seqs.entry(pid).or_default();
                line["ids"] = json!([id]);
                line["pid"] = json!(pid);
                line["pepoch"] = json!(0);
                line["seq"] = json!(*seq);
                *seq += 1;
                if entry.txn.is_some() {
                    line["transactional"] = json!(true);
                }
            }
            self.say(line);
        }
    }
}
