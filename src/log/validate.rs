//! What must hold of a batch before it is appended, checked in Kafka's order and answered in Kafka's words.
//!
//! Not here: sequence numbers and leadership. Compressed records stay closed unless the topic needs their keys or
//! another codec, so what they hide is found by their reader; Kafka opens them always.

use super::AppendError;
use super::AppendOrigin;
use super::RecordError;
use super::segment::to_u64;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::config::CompressionType;
use crate::config::MessageTimestampType;
use crate::config::TopicConfig;
use crate::wire::batch::Batch;
use crate::wire::batch::BatchBuilder;
use crate::wire::batch::BatchError;
use crate::wire::batch::RecordView;
use crate::wire::batch::TimestampType;
use crate::wire::compression::Compression;
use bytes::Bytes;
use std::ops::ControlFlow;

/// What a batch is held against.
pub(super) struct Validator<'a> {
    pub(super) topic: &'a TopicName,
    pub(super) partition: PartitionIndex,
    pub(super) config: &'a TopicConfig,
    pub(super) origin: AppendOrigin,
    pub(super) now: Timestamp,
}

/// Takes the one batch out of the records of a produce request.
///
/// # Errors
/// `INVALID_RECORD` unless there is exactly one batch of format 2, `CORRUPT_MESSAGE` for a senseless length,
/// `UNSUPPORTED_COMPRESSION_TYPE` for zstd before version 7.
///
/// Source: `ProduceRequest.validateRecords`. As there, bytes behind the batch that are less than a batch are ignored.
pub(super) fn only_batch(records: &Bytes, produce_version: i16) -> Result<Batch, AppendError> {
    let refuse = |what: &str| {
        let reason = format!("Produce requests with version {produce_version} {what}");
        Err(AppendError::new(ErrorCode::INVALID_RECORD, reason))
    };
    let mut batches = Batch::split(records).ignoring_partial_tail();
    let batch = match batches.next() {
        None => return refuse("must have at least one record batch per partition"),
        Some(batch) => batch?,
    };
    if batch.header.magic != 2 {
        return refuse("are only allowed to contain record batches with magic version 2");
    }
    if produce_version < 7 && batch.header.compression() == Ok(Compression::Zstd) {
        let reason =
            format!("Produce requests with version {produce_version} are not allowed to use ZStandard compression");
        return Err(AppendError::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, reason));
    }
    if let Some(second) = batches.next() {
        second?;
        return refuse("are only allowed to contain exactly one record batch per partition");
    }
    Ok(batch)
}

impl Validator<'_> {
    /// Checks `batch` and gives it back as it goes into the log, but for its offset and epoch.
    ///
    /// # Errors
    /// `INVALID_RECORD`, `MESSAGE_TOO_LARGE`, `CORRUPT_MESSAGE`, `INVALID_TIMESTAMP`, `RECORD_LIST_TOO_LARGE`.
    ///
    /// Source: `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`.
    pub(super) fn validate(&self, mut batch: Batch) -> Result<Batch, AppendError> {
        let is_client = matches!(self.origin, AppendOrigin::Client { .. });
        if is_client && batch.header.base_offset != Offset(0) {
            return self.refuse(format!("the base offset should be 0, but it is {}", batch.header.base_offset));
        }
        self.check_size(&batch)?;
        batch.verify()?;
        if is_client {
            self.check_header(&batch)?;
        }
        let source = batch.header.compression()?;
        let target = self.target_compression(source, &batch);
        let max_timestamp = match source {
            Compression::None => self.check_records(&batch)?,
            _ if self.config.is_compacted() || source != target => self.check_records(&batch)?,
            _ => self.check_bounds(&batch)?,
        };
        if source == target {
            self.stamp(&mut batch, max_timestamp);
        } else {
            batch = self.recompress(&batch, target)?;
            self.check_size(&batch)?;
        }
        if batch.size_in_bytes() > self.config.segment_bytes {
            let (size, most) = (batch.size_in_bytes(), self.config.segment_bytes);
            let reason = format!("a batch of {size} bytes does not fit into a segment of {most}");
            return Err(AppendError::new(ErrorCode::RECORD_LIST_TOO_LARGE, reason));
        }
        Ok(batch)
    }

    fn check_size(&self, batch: &Batch) -> Result<(), AppendError> {
        let (size, most) = (batch.size_in_bytes(), self.config.max_message_bytes);
        if to_u64(size) > to_u64(most) {
            let reason = format!("a batch of {size} bytes exceeds max.message.bytes, which is {most}");
            return Err(AppendError::new(ErrorCode::MESSAGE_TOO_LARGE, reason));
        }
        Ok(())
    }

    /// What only clients get wrong.
    fn check_header(&self, batch: &Batch) -> Result<(), AppendError> {
        let header = &batch.header;
        if header.records_count <= 0 || i64::from(header.last_offset_delta) + 1 != i64::from(header.records_count) {
            return self.refuse(format!(
                "{} records are claimed for offsets up to {}",
                header.records_count, header.last_offset_delta
            ));
        }
        if header.is_control() {
            return self.refuse("clients are not allowed to write control records".into());
        }
        if header.has_producer_id() && header.base_sequence < 0 {
            return self.refuse(format!("producer {} has no sequence {}", header.producer_id, header.base_sequence));
        }
        Ok(())
    }

    /// Looks at each record in place; returns the largest timestamp.
    fn check_records(&self, batch: &Batch) -> Result<Timestamp, AppendError> {
        let mut max_timestamp = Timestamp::NONE;
        let (mut errors, mut rejections) = (Vec::new(), 0);
        let mut index = 0;
        let mut misplaced = None;
        batch.walk(batch.records_bytes_max(), |record| {
            if record.offset != batch.header.base_offset.plus(i64::from(index)) {
                misplaced = Some(index);
                return ControlFlow::Break(());
            }
            max_timestamp = max_timestamp.max(record.timestamp);
            if let Some(rejection) = self.check_record(batch, index, &record) {
                rejections += 1;
                if errors.len() < REJECTIONS_MAX {
                    errors.push(rejection);
                }
            }
            index += 1;
            ControlFlow::Continue(())
        })?;
        match misplaced {
            Some(index) => self.refuse(format!("record {index} has another offset than its place says")),
            None if errors.is_empty() => Ok(max_timestamp),
            None => Err(rejected(errors, rejections)),
        }
    }

    /// Looks at what the header says of compressed records; returns the largest timestamp.
    fn check_bounds(&self, batch: &Batch) -> Result<Timestamp, AppendError> {
        let header = &batch.header;
        let mut errors = Vec::new();
        if self.stamps_log_append_time() {
            errors.extend(self.check_timestamp(batch, 0, header.max_timestamp, header.base_offset));
        } else {
            let first = (0, header.base_timestamp, header.base_offset);
            let last = (header.last_offset_delta, header.max_timestamp, header.last_offset());
            for (index, timestamp, offset) in [first, last] {
                // Compaction keeps another time in this field.
                if index == 0 && header.delete_horizon().is_some() {
                    continue;
                }
                errors.extend(self.check_timestamp(batch, index, timestamp, offset));
            }
            errors.dedup();
        }
        let rejections = errors.len();
        if errors.is_empty() { Ok(header.max_timestamp) } else { Err(rejected(errors, rejections)) }
    }

    fn check_record(&self, batch: &Batch, index: i32, record: &RecordView<'_>) -> Option<Rejection> {
        if self.config.is_compacted() && record.key.is_none() && !batch.header.is_control() {
            let message =
                format!("Compacted topic cannot accept message without key in topic partition {}", self.name());
            return Some(Rejection { code: ErrorCode::INVALID_RECORD, index, message });
        }
        self.check_timestamp(batch, index, record.timestamp, record.offset)
    }

    fn check_timestamp(&self, batch: &Batch, index: i32, timestamp: Timestamp, offset: Offset) -> Option<Rejection> {
        let code = ErrorCode::INVALID_TIMESTAMP;
        let (before, after) = (self.config.message_timestamp_before_max_ms, self.config.message_timestamp_after_max_ms);
        if !self.stamps_log_append_time() && timestamp != Timestamp::NONE {
            let age = self.now.0.saturating_sub(timestamp.0);
            if age <= before && age.saturating_neg() <= after {
                return None;
            }
            let (earliest, latest) = (self.now.0.wrapping_sub(before), self.now.0.wrapping_add(after));
            let message = format!(
                "Timestamp {timestamp} of message with offset {offset} is out of range. \
                 The timestamp should be within [{earliest}, {latest}]"
            );
            return Some(Rejection { code, index, message });
        }
        if batch.header.timestamp_type() == TimestampType::LogAppendTime {
            let message = "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.";
            return Some(Rejection { code, index, message: message.into() });
        }
        None
    }

    fn stamps_log_append_time(&self) -> bool {
        self.config.message_timestamp_type == MessageTimestampType::LogAppendTime
    }

    fn target_compression(&self, source: Compression, batch: &Batch) -> Compression {
        if batch.header.is_control() {
            return source;
        }
        match self.config.compression_type {
            CompressionType::Producer => source,
            CompressionType::Uncompressed => Compression::None,
            CompressionType::Gzip => Compression::Gzip,
            CompressionType::Snappy => Compression::Snappy,
            CompressionType::Lz4 => Compression::Lz4,
            CompressionType::Zstd => Compression::Zstd,
        }
    }

    /// Writes the timestamp type and the largest timestamp; the CRC is computed anew only when they were others.
    fn stamp(&self, batch: &mut Batch, max_timestamp: Timestamp) {
        let timestamp_type = batch.header.timestamp_type();
        if self.stamps_log_append_time() {
            batch.stamp_log_append_time(self.now);
        } else if batch.header.max_timestamp != max_timestamp || timestamp_type != TimestampType::CreateTime {
            batch.header.attributes = batch.header.attributes.with_timestamp_type(TimestampType::CreateTime);
            batch.header.max_timestamp = max_timestamp;
            batch.header.crc = batch.computed_crc();
        }
    }

    fn recompress(&self, batch: &Batch, target: Compression) -> Result<Batch, BatchError> {
        let header = &batch.header;
        let mut builder = BatchBuilder::new()
            .compression(target)
            .producer(header.producer_id, header.producer_epoch, header.base_sequence)
            .transactional(header.is_transactional());
        if self.stamps_log_append_time() {
            builder = builder.log_append_time(self.now);
        }
        for record in batch.records()? {
            builder.append_record(&record?);
        }
        builder.build()
    }

    fn name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }

    fn refuse<T>(&self, what: String) -> Result<T, AppendError> {
        Err(AppendError::new(ErrorCode::INVALID_RECORD, format!("{what} in topic partition {}", self.name())))
    }
}

/// How many refused records an answer names one by one. Kafka has no limit, but a batch that decompresses into millions
/// of records is answered with a sentence for each of them then.
const REJECTIONS_MAX: usize = 10_000;

/// A record that is refused, and the code that Kafka would give it alone.
#[derive(PartialEq)]
struct Rejection {
    code: ErrorCode,
    index: i32,
    message: String,
}

/// The answer to a batch of which `count` records are refused, the first of them for these reasons.
///
/// Source: `LogValidator.processRecordErrors`.
fn rejected(errors: Vec<Rejection>, count: usize) -> AppendError {
    let about_time = errors.iter().any(|error| error.code == ErrorCode::INVALID_TIMESTAMP);
    let record_errors: Vec<RecordError> =
        errors.into_iter().map(|error| RecordError { batch_index: error.index, message: error.message }).collect();
    let (code, message) = if about_time {
        let message = "One or more records have been rejected due to invalid timestamp".to_owned();
        (ErrorCode::INVALID_TIMESTAMP, message)
    } else {
        let shown: Vec<String> = record_errors
            .iter()
            .take(3)
            .map(|error| format!("RecordError(batchIndex={}, message='{}')", error.batch_index, error.message))
            .collect();
        let message = format!(
            "One or more records have been rejected due to {count} record errors in total, and only showing the first \
             three errors at most: [{}]",
            shown.join(", ")
        );
        (ErrorCode::INVALID_RECORD, message)
    };
    AppendError { message: Some(message.clone()), record_errors, ..AppendError::new(code, message) }
}
