//! Records into logs and out of them, past the protocol.

use super::error::Error;
use super::error::Result;
use super::record::Record;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::murmur2;
use crate::broker::Engine;
use crate::broker::Refusal;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::Header;
use std::collections::BTreeMap;

/// Reads one record per line; empty lines are passed over.
pub(super) fn parse_lines(name: &str, text: &str) -> Result<Vec<Record>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let records = lines.map(|(at, line)| {
        Record::from_json_line(line).map_err(|source| Error::Line {
            path: name.to_owned(),
            line: at + 1,
            source: Box::new(source),
        })
    });
    records.collect()
}

/// Appends `records`, one batch per partition, and tells where each one went.
pub(super) fn seed(
    engine: &mut Engine,
    now: Instant,
    topic: &str,
    records: &[Record],
) -> Result<Vec<(PartitionIndex, Offset)>, Refusal> {
    let refuse = |message: String| Refusal { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message };
    let count = engine.topic_snapshot(topic).map_or(0, |topic| topic.partitions.len());
    if count == 0 {
        let topics: Vec<String> = engine.snapshot(now).topics.iter().map(|topic| topic.name.to_string()).collect();
        return Err(refuse(format!("there is no topic `{topic}` to seed; there are [{}]", topics.join(", "))));
    }
    // Records without key go round the partitions, beginning where the topic's records so far leave off.
    let before: i64 = engine
        .topic_snapshot(topic)
        .map_or(0, |topic| topic.partitions.iter().map(|partition| partition.log_end_offset.0).sum());
    let mut turn = usize::try_from(before).unwrap_or(0);
    let mut batches: BTreeMap<PartitionIndex, Vec<usize>> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        let partition = match (&record.partition, &record.key) {
            (Some(partition), _) => *partition,
            (None, Some(key)) => murmur2::partition(key, count),
            (None, None) => {
                turn += 1;
                index((turn - 1) % count)
            }
        };
        if usize::try_from(partition.0).map_or(true, |at| at >= count) {
            return Err(refuse(format!(
                "record {at} names partition {partition}, but `{topic}` has {count} partitions"
            )));
        }
        batches.entry(partition).or_default().push(at);
    }
    let timestamp = engine.timestamp(now);
    let mut places = vec![(PartitionIndex(0), Offset(0)); records.len()];
    let (mut built, mut places_of) = (Vec::new(), Vec::new());
    for (partition, members) in batches {
        let mut builder = BatchBuilder::new();
        for &at in &members {
            let record = &records[at];
            let headers =
                record.headers.iter().map(|(name, value)| Header { key: name.as_str().into(), value: value.clone() });
            let headers: Vec<Header> = headers.collect();
            builder.append(
                record.timestamp.unwrap_or(timestamp),
                record.key.as_deref(),
                record.value.as_deref(),
                &headers,
            );
        }
        let batch =
            builder.build().map_err(|error| Refusal { code: error.error_code(), message: error.to_string() })?;
        built.push((partition, batch));
        places_of.push(members);
    }
    let partitions: Vec<PartitionIndex> = built.iter().map(|(partition, _)| *partition).collect();
    let bases = engine.append(now, topic, built)?;
    for ((partition, base), members) in partitions.into_iter().zip(bases).zip(places_of) {
        for (delta, at) in (0..).zip(members) {
            places[at] = (partition, base.plus(delta));
        }
    }
    Ok(places)
}

fn index(at: usize) -> PartitionIndex {
    PartitionIndex(i32::try_from(at).expect("a topic has fewer than 2^31 partitions"))
}
