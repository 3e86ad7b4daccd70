//! How long does the checker take for ten million sends, log entries and reads, and how much memory?
//!
//! The same for transactions, each of which reads what others have written, writes, and commits.
//!
//! One run each, with the process's peak memory; Criterion would repeat what takes a second and a gigabyte. Give a
//! number of millions to do another size, and the name of a row to see only that:
//! `cargo bench --bench check -- transactions 1`.

use rehearsal::base::Instant;
use rehearsal::check::Code;
use rehearsal::check::Event;
use rehearsal::check::History;
use rehearsal::check::HistoryBuilder;
use rehearsal::check::Mistake;
use rehearsal::check::RecordName;
use rehearsal::check::event;
use rehearsal::check::event::Answer;
use rehearsal::check::event::Delivered;
use rehearsal::check::event::End;
use rehearsal::check::event::FinalLog;
use std::time::Duration;

const PRODUCERS: u64 = 16;
const PARTITIONS: usize = 12;
const BATCH: usize = 100;
const POLL: usize = 500;

/// The name of a row, and what does it with so many millions.
type Row = (&'static str, fn(u64));

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = arguments.iter().find_map(|argument| argument.parse::<u64>().ok());
    let rows: [Row; 2] = [("records", records), ("transactions", transactions)];
    let is_named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !rows.iter().any(|(name, _)| is_named(name));
    for (_, row) in rows.iter().filter(|(name, _)| all || is_named(name)) {
        wanted.map_or_else(|| vec![1, 10], |millions| vec![millions]).into_iter().for_each(row);
    }
}

fn records(millions: u64) {
    let what = format!("{millions} M sends + {millions} M log entries + {millions} M reads");
    measure(&what, || history(millions * 1_000_000).expect("a history that can have happened"), &[]);
}

fn transactions(millions: u64) {
    let rounds = millions * 1_000_000 / PRODUCERS;
    let what = format!("{millions} M transactions with {} cycles", rounds / CYCLE_EACH);
    measure(&what, || transactional_history(rounds), &[Code::G0]);
}

fn measure(what: &str, history: impl FnOnce() -> History, found: &[Code]) {
    let started = std::time::Instant::now();
    let history = history();
    let built = started.elapsed();
    let (started, cpu) = (std::time::Instant::now(), cpu_seconds());
    let report = history.check();
    let (checked, cpu) = (started.elapsed(), cpu_seconds() - cpu);
    assert_eq!(report.codes(), found, "{report}");
    println!(
        "{what}: built in {built:.2?}, checked in {checked:.2?} ({cpu:.2} s of CPU), peak memory {} MB so far",
        peak_megabytes().map_or_else(|| "?".to_owned(), |megabytes| megabytes.to_string())
    );
}

fn history(count: u64) -> Result<History, Mistake> {
    let mut builder = History::builder();
    let mut t = Instant::START;
    let mut tick = || {
        t = t.plus(Duration::from_nanos(100));
        t
    };
    let mut partitions = Vec::new();
    for partition in 0..PARTITIONS {
        partitions.push(builder.partition(&format!("orders-{partition}"))?);
    }
    let mut producers = Vec::new();
    for producer in 0..PRODUCERS {
        producers.push(builder.producer(&format!("p{producer}"))?);
    }
    let mut logs: Vec<Vec<(u8, u32)>> = vec![Vec::new(); PARTITIONS];
    for number in 0..count {
        let (producer, seq) = (usize::try_from(number % PRODUCERS).expect("small"), number / PRODUCERS);
        // A producer changes partition after each batch.
        let partition = (usize::try_from(number / PRODUCERS).expect("small") / BATCH + producer) % PARTITIONS;
        let offset = i64::try_from(logs[partition].len()).expect("small");
        // Small rows: what the bench remembers counts as memory, too.
        logs[partition].push((u8::try_from(producer).expect("small"), u32::try_from(seq).expect("small")));
        let (t, end) = (tick(), tick());
        builder.dense_send(t, producers[producer], seq, partitions[partition], Some((end, offset)))?;
    }
    for (partition, log) in logs.iter().enumerate() {
        let process = format!("c{partition}");
        for (poll, records) in log.chunks(POLL).enumerate() {
            let first = i64::try_from(poll * POLL).expect("small");
            let records = (first..).zip(records);
            let records = records.map(|(offset, (producer, seq))| {
                (partitions[partition], offset, producers[usize::from(*producer)], u64::from(*seq))
            });
            let (t, end) = (tick(), tick());
            builder.dense_poll(t, end, &process, records)?;
        }
    }
    for (partition, log) in logs.iter().enumerate() {
        let line = FinalLog {
            partition: format!("orders-{partition}"),
            broker: None,
            log_start: 0,
            high_watermark: i64::try_from(log.len()).expect("small"),
        };
        builder.push(Event::FinalLog(line)).map_err(|error| error.mistake)?;
        for (batch, records) in log.chunks(BATCH).enumerate() {
            let offset = i64::try_from(batch * BATCH).expect("small");
            let records = records.iter().map(|(producer, seq)| (producers[usize::from(*producer)], u64::from(*seq)));
            builder.dense_log(partitions[partition], offset, records)?;
        }
    }
    builder.build().map_err(|error| error.mistake)
}

/// In every so many rounds two transactions write after each other to two partitions, to each in another order. Kafka
/// lets them, and the checker says so.
const CYCLE_EACH: u64 = 1_000;

/// In each round each producer reads a partition as far as it goes, and writes to another one, in a transaction.
fn transactional_history(rounds: u64) -> History {
    let mut run = Transactions { builder: History::builder(), t: 0, sent: [0; N], ends: [0; N] };
    for partition in 0..N {
        // A record and a marker each.
        let high_watermark = (0..rounds).map(|round| 2 * writers(partition, round).len()).sum::<usize>();
        let high_watermark = i64::try_from(high_watermark).expect("small");
        run.push(Event::FinalLog(FinalLog { partition: name(partition), broker: None, log_start: 0, high_watermark }));
    }
    let mut unread: [Vec<(i64, RecordName)>; N] = Default::default();
    for round in 0..rounds {
        for (reader, unread) in unread.iter_mut().enumerate() {
            run.poll(reader, Some(txn(reader, round)), std::mem::take(unread));
        }
        for (partition, unread) in unread.iter_mut().enumerate() {
            for producer in writers(partition, round) {
                unread.push(run.send(*producer, partition, txn(*producer, round)));
            }
        }
        for producer in 0..N {
            run.commit(producer, txn(producer, round));
        }
        for partition in 0..N {
            writers(partition, round).iter().for_each(|producer| run.mark(*producer, partition));
        }
    }
    for (reader, unread) in unread.into_iter().enumerate() {
        run.poll(reader, None, unread);
    }
    run.builder.build().expect("a history that can have happened")
}

const N: usize = 16;

/// Who writes to a partition in a round, in order.
fn writers(partition: usize, round: u64) -> &'static [usize] {
    const EACH: [[usize; 1]; N] =
        [[0], [1], [2], [3], [4], [5], [6], [7], [8], [9], [10], [11], [12], [13], [14], [15]];
    let turn = usize::try_from(round % N as u64).expect("small");
    match (partition + N - turn) % N {
        0 if round % CYCLE_EACH == CYCLE_EACH - 1 => &[0, 1],
        1 if round % CYCLE_EACH == CYCLE_EACH - 1 => &[1, 0],
        producer => &EACH[producer],
    }
}

fn name(partition: usize) -> String {
    format!("orders-{partition}")
}

fn txn(producer: usize, round: u64) -> String {
    format!("t{producer}@{round}")
}

/// A history while it is put together.
struct Transactions {
    builder: HistoryBuilder,
    t: u64,
    sent: [u64; N],
    /// Where each partition's log ends.
    ends: [i64; N],
}

impl Transactions {
    fn push(&mut self, event: Event) {
        self.builder.push(event).expect("what can have happened");
    }

    fn now(&mut self) -> Instant {
        self.t += 100;
        Instant::START.plus(Duration::from_nanos(self.t))
    }

    fn end(&mut self) -> End {
        End { t: self.now(), result: Answer::Ok, ..End::default() }
    }

    fn poll(&mut self, reader: usize, txn: Option<String>, records: Vec<(i64, RecordName)>) {
        let records = records.into_iter().map(|(offset, id)| Delivered::Record(offset, Some(id))).collect();
        let (t, records) = (self.now(), [(name(reader), records)].into());
        let (process, end) = (format!("c{reader}"), Some(End { records, ..self.end() }));
        self.push(Event::Poll(event::Poll { t, op: None, process, group: None, txn, isolation: None, end }));
    }

    fn send(&mut self, producer: usize, partition: usize, txn: String) -> (i64, RecordName) {
        let (t, to) = (self.now(), name(partition));
        let id = RecordName::new(format!("p{producer}"), self.sent[producer]);
        let offset = self.append(producer, partition, Some(id.clone()));
        self.sent[producer] += 1;
        let end = Some(End { offset: Some(offset), ..self.end() });
        let (key, hash, txn, source) = (None, None, Some(txn), None);
        let send =
            event::Send { t, op: None, process: None, id: id.clone(), to, key, hash, txn, source, acks0: false, end };
        self.push(Event::Send(send));
        (offset, id)
    }

    fn commit(&mut self, producer: usize, txn: String) {
        let (t, process, end) = (self.now(), format!("p{producer}"), Some(self.end()));
        self.push(Event::EndTxn(event::EndTxn { t, op: None, process, txn, commit: true, end }));
    }

    fn mark(&mut self, producer: usize, partition: usize) {
        self.append(producer, partition, None);
    }

    /// Writes a batch of one record, or a marker.
    fn append(&mut self, producer: usize, partition: usize, id: Option<RecordName>) -> i64 {
        let offset = self.ends[partition];
        self.ends[partition] += 1;
        let marker = if id.is_none() { Some(event::Outcome::Commit) } else { None };
        self.push(Event::Log(event::Log {
            partition: name(partition),
            broker: None,
            offset,
            offsets: Vec::new(),
            epoch: 0,
            pid: i64::try_from(producer).ok(),
            pepoch: Some(0),
            seq: None,
            transactional: true,
            marker,
            ids: id.into_iter().map(Some).collect(),
            digest: None,
        }));
        offset
    }
}

/// The processor time that this process has taken, as Linux counts it in hundredths; on a busy machine it says more.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets the 12th and 13th fields are user and system time.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}

/// The most memory that this process ever had, as Linux says.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1_000)
}
