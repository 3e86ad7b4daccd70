//! How long does the checker take for ten million sends, log entries and reads, and how much memory?
//!
//! One run each, with the process's peak memory; Criterion would repeat what takes a second and a gigabyte. Give a
//! number of millions to do another size: `cargo bench --bench check -- 1`.

use rehearsal::base::Instant;
use rehearsal::check::Event;
use rehearsal::check::History;
use rehearsal::check::Mistake;
use rehearsal::check::Outcome;
use rehearsal::check::event::FinalLog;
use std::time::Duration;

const PRODUCERS: u64 = 16;
const PARTITIONS: usize = 12;
const BATCH: usize = 100;
const POLL: usize = 500;

fn main() {
    let wanted = std::env::args().filter_map(|argument| argument.parse::<u64>().ok()).next();
    for millions in wanted.map_or_else(|| vec![1, 10], |millions| vec![millions]) {
        let started = std::time::Instant::now();
        let history = history(millions * 1_000_000).expect("a history that can have happened");
        let built = started.elapsed();
        let (started, cpu) = (std::time::Instant::now(), cpu_seconds());
        let report = history.check();
        let (checked, cpu) = (started.elapsed(), cpu_seconds() - cpu);
        assert_eq!(report.outcome(), Outcome::Passed, "{report}");
        println!(
            "{millions} M sends + {millions} M log entries + {millions} M reads: built in {built:.2?}, checked in \
             {checked:.2?} ({cpu:.2} s of CPU), peak memory {} MB",
            peak_megabytes().map_or_else(|| "?".to_owned(), |megabytes| megabytes.to_string())
        );
    }
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
