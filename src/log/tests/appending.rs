//! What may be appended, and what an append answers.

use super::*;
use crate::base::ErrorCode;
use crate::config::CompressionType;
use crate::config::MessageTimestampType;
use crate::wire::batch::TimestampType;
use crate::wire::compression::Compression;
use bytes::Bytes;

#[test]
fn offsets_follow_each_other_and_the_body_is_not_copied() {
    let mut log = partition(3, TopicConfig::default());
    let bytes = batch(&[("a", "1"), ("b", "2")]).to_bytes();
    assert_eq!(log.append(BrokerId(0), NOW, &bytes, CLIENT, -1).unwrap().base_offset, Offset(0));
    let info = log.append(BrokerId(0), NOW, &bytes, CLIENT, -1).unwrap();
    assert_eq!((info.base_offset, info.last_offset), (Offset(2), Offset(3)));
    assert_eq!((info.log_append_time, info.log_start_offset), (Timestamp::NONE, Offset(0)));
    assert!(info.high_watermark_moved && !info.is_duplicate);
    for broker in 0..3 {
        assert_eq!(ends(&log, broker), (0, 4, 4));
        let stored = log.replica(BrokerId(broker)).unwrap().log().batches(Offset(0)).next().unwrap().body.as_ptr();
        assert_eq!(stored, bytes[61..].as_ptr(), "broker {broker} holds the client's own bytes");
    }
}

fn refused(config: TopicConfig, origin: AppendOrigin, records: &Bytes) -> (ErrorCode, i64) {
    let mut log = partition(1, config);
    let error = log.append(BrokerId(0), NOW, records, origin, 1).unwrap_err();
    assert_eq!(log.log_end_offset(), Offset(0), "nothing is appended");
    (error.code, error.log_start_offset.0)
}

#[test]
fn what_a_client_may_not_send_is_refused_with_kafkas_code() {
    let good = batch(&[("a", "1")]);
    let check = |name: &str, records: Bytes, expected: (ErrorCode, i64)| {
        assert_eq!(refused(TopicConfig::default(), CLIENT, &records), expected, "{name}");
    };
    let with = |change: fn(&mut Batch)| {
        let mut batch = good.clone();
        change(&mut batch);
        batch.header.crc = batch.computed_crc();
        batch.to_bytes()
    };
    check("nothing", Bytes::new(), (ErrorCode::INVALID_RECORD, -1));
    check("half a batch", good.to_bytes().slice(..40), (ErrorCode::INVALID_RECORD, -1));
    let two = Bytes::from([good.to_bytes(), good.to_bytes()].concat());
    check("two batches", two, (ErrorCode::INVALID_RECORD, -1));
    let mut flipped = good.to_bytes().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    check("a wrong CRC", flipped.into(), (ErrorCode::CORRUPT_MESSAGE, -1));
    check("a base offset", with(|batch| batch.header.base_offset = Offset(7)), (ErrorCode::INVALID_RECORD, 0));
    check("a wrong count", with(|batch| batch.header.records_count = 2), (ErrorCode::INVALID_RECORD, 0));
    check("a wrong last offset", with(|batch| batch.header.last_offset_delta = 1), (ErrorCode::INVALID_RECORD, 0));
    let control = with(|batch| batch.header.attributes = batch.header.attributes.with_control(true));
    check("a control batch", control, (ErrorCode::INVALID_RECORD, 0));
    check("no sequence", with(|batch| batch.header.producer_id = ProducerId(1)), (ErrorCode::INVALID_RECORD, 0));
    let mut old_format = good.to_bytes().to_vec();
    old_format[16] = 1;
    check("magic 1", old_format.into(), (ErrorCode::INVALID_RECORD, -1));
}

#[test]
fn sizes_are_bounded_by_the_message_and_by_the_segment() {
    let records = batch(&[("a", &"x".repeat(1_000))]).to_bytes();
    let config = TopicConfig { max_message_bytes: records.len() - 1, ..TopicConfig::default() };
    assert_eq!(refused(config, CLIENT, &records), (ErrorCode::MESSAGE_TOO_LARGE, -1));
    let config = TopicConfig { segment_bytes: records.len() - 1, ..TopicConfig::default() };
    assert_eq!(refused(config, CLIENT, &records), (ErrorCode::RECORD_LIST_TOO_LARGE, -1));
    let config =
        TopicConfig { max_message_bytes: records.len(), segment_bytes: records.len(), ..TopicConfig::default() };
    assert!(append(&mut partition(1, config), &batch(&[("a", &"x".repeat(1_000))])).is_ok());
}

#[cfg(feature = "compression")]
#[test]
fn zstd_needs_produce_7() {
    let mut builder = BatchBuilder::new().compression(Compression::Zstd);
    builder.append(NOW, None, Some(b"v"), &[]);
    let records = builder.build().unwrap().to_bytes();
    let old = AppendOrigin::Client { produce_version: 6 };
    assert_eq!(refused(TopicConfig::default(), old, &records), (ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, -1));
    let new = AppendOrigin::Client { produce_version: 7 };
    assert!(partition(1, TopicConfig::default()).append(BrokerId(0), NOW, &records, new, 1).is_ok());
}

#[test]
fn a_compacted_topic_names_the_records_without_key() {
    let mut log = partition(1, compacted());
    let error = append(&mut log, &batch(&[("a", "1"), ("", "2")])).unwrap_err();
    assert_eq!((error.code, error.log_start_offset), (ErrorCode::INVALID_RECORD, Offset(0)));
    let message = "Compacted topic cannot accept message without key in topic partition orders-0";
    assert_eq!((error.record_errors[0].batch_index, error.record_errors[0].message.as_str()), (1, message));
    assert!(
        error
            .message
            .unwrap()
            .ends_with(&format!("[RecordError(batchIndex=1, message='{message}.')]").replace(".'", "'"))
    );
}

#[test]
fn timestamps_keep_within_their_bounds() {
    let config = || TopicConfig {
        message_timestamp_before_max_ms: 1_000,
        message_timestamp_after_max_ms: 500,
        ..TopicConfig::default()
    };
    let check = |offset_ms: i64, accepted: bool| {
        let result = append(&mut partition(1, config()), &batch_at(Timestamp(NOW.0 + offset_ms), &[("a", "1")]));
        assert_eq!(result.as_ref().map_err(|error| error.code).is_ok(), accepted, "{offset_ms} ms: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.code, ErrorCode::INVALID_TIMESTAMP);
            assert_eq!(
                error.message.as_deref(),
                Some("One or more records have been rejected due to invalid timestamp")
            );
            assert!(error.record_errors[0].message.starts_with("Timestamp "), "{error:?}");
        }
    };
    check(0, true);
    check(-1_000, true);
    check(-1_001, false);
    check(500, true);
    check(501, false);
    let no_time = append(&mut partition(1, config()), &batch_at(Timestamp::NONE, &[("a", "1")]));
    assert!(no_time.is_ok());
}

#[test]
fn log_append_time_is_stamped_and_checked_by_the_crc() {
    let config = TopicConfig { message_timestamp_type: MessageTimestampType::LogAppendTime, ..TopicConfig::default() };
    let mut log = partition(1, config);
    let info = append(&mut log, &batch_at(Timestamp(5), &[("a", "1")])).unwrap();
    assert_eq!(info.log_append_time, NOW);
    let stored = log.replicas()[0].log().batches(Offset(0)).next().unwrap().clone();
    stored.verify().unwrap();
    assert_eq!(stored.header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(stored.records().unwrap().next().unwrap().unwrap().timestamp, NOW);
}

#[test]
fn a_header_that_lies_about_the_largest_timestamp_is_put_right() {
    let mut log = partition(1, TopicConfig::default());
    let mut lying = batch(&[("a", "1")]);
    lying.header.max_timestamp = Timestamp(NOW.0 + 77);
    lying.header.crc = lying.computed_crc();
    append(&mut log, &lying).unwrap();
    let stored = log.replicas()[0].log().batches(Offset(0)).next().unwrap().clone();
    stored.verify().unwrap();
    assert_eq!(stored.header.max_timestamp, NOW);
}

#[cfg(feature = "compression")]
#[test]
fn compression_type_rewrites_what_has_another_codec() {
    let config = TopicConfig { compression_type: CompressionType::Gzip, ..TopicConfig::default() };
    let mut log = partition(1, config);
    append(&mut log, &sequenced(7, 1, 0, 3)).unwrap();
    let stored = log.replicas()[0].log().batches(Offset(0)).next().unwrap().clone();
    assert_eq!(stored.header.compression(), Ok(Compression::Gzip));
    let header = &stored.header;
    assert_eq!((header.producer_id, header.base_sequence, header.records_count), (ProducerId(7), 0, 3));
    assert_eq!(contents(&log, 0).len(), 3);
}

#[test]
fn only_the_leader_appends_and_acks_all_needs_enough_in_sync() {
    let mut log = partition(3, TopicConfig { min_insync_replicas: 2, ..TopicConfig::default() });
    let records = batch(&[("a", "1")]).to_bytes();
    let mut check = |broker: i32, isr: &[i32], acks: i16, expected: ErrorCode| {
        let isr: Vec<BrokerId> = isr.iter().copied().map(BrokerId).collect();
        log.set_isr(&isr);
        let result = log.append(BrokerId(broker), NOW, &records, CLIENT, acks);
        assert_eq!(result.map_or_else(|error| error.code, |_| ErrorCode::NONE), expected);
    };
    check(1, &[0, 1, 2], 1, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    check(0, &[0], -1, ErrorCode::NOT_ENOUGH_REPLICAS);
    check(0, &[0], 1, ErrorCode::NONE);
    check(0, &[0, 2], -1, ErrorCode::NONE);
}

#[test]
fn an_idempotent_producer_is_held_to_its_sequence() {
    let mut log = partition(2, TopicConfig::default());
    let mut check = |epoch: i16, base_sequence: i32, count: usize, expected: Result<(i64, bool), ErrorCode>| {
        let result = append(&mut log, &sequenced(1, epoch, base_sequence, count));
        let seen = result.map(|info| (info.base_offset.0, info.is_duplicate)).map_err(|error| error.code);
        assert_eq!(seen, expected, "epoch {epoch}, sequence {base_sequence}, {count} records");
    };
    check(0, 5, 2, Ok((0, false)));
    check(0, 5, 2, Ok((0, true)));
    check(0, 7, 1, Ok((2, false)));
    check(0, 9, 1, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    check(0, 5, 3, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    check(1, 8, 1, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    check(1, 0, 1, Ok((3, false)));
    check(0, 8, 1, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    // Five batches are remembered, the sixth pushes the first out.
    (1..=5).for_each(|at| check(1, at, 1, Ok((3 + i64::from(at), false))));
    check(1, 1, 1, Ok((4, true)));
    check(1, 0, 1, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(contents(&log, 0), contents(&log, 1));
}

#[test]
fn a_sequence_goes_on_from_zero_behind_the_largest() {
    let mut log = partition(1, TopicConfig::default());
    append(&mut log, &sequenced(1, 0, i32::MAX - 1, 2)).unwrap();
    assert_eq!(append(&mut log, &sequenced(1, 0, 0, 1)).unwrap().base_offset, Offset(2));
    // A batch whose own numbers wrap.
    append(&mut log, &sequenced(2, 0, i32::MAX, 2)).unwrap();
    assert_eq!(append(&mut log, &sequenced(2, 0, 1, 1)).unwrap().base_offset, Offset(5));
}
