//! Messages as JSON by field name: an interpreter of the tables in [`crate::wire::messages`], over the bytes of a message.
//!
//! Not here: code per message, and JSON of records' contents.
//!
//! Names are those of the protocol guide in lower case with underscores. Numbers are JSON numbers (64-bit ones too),
//! UUIDs are Kafka's 22 characters, bytes and records are base64 (RFC 4648, padded), null is null. A tagged field
//! appears if the message carries it; tags that the tables do not know stand under `unknown_tagged_fields` as
//! `{"tag": 7, "bytes": "AA=="}`. Floating-point numbers beyond JSON are `"NaN"`, `"Infinity"` and `"-Infinity"`, and
//! `"NaN:7ffe000000000000"` for a NaN with other bits than Rust's.
//! ```
//! use rehearsal::ApiKey;
//! use rehearsal::wire::json;
//! use serde_json::json;
//!
//! let facts = ApiKey::FindCoordinator.request_facts();
//! let bytes = json::from_json(facts, &json!({"key": "shipping"}), 1).unwrap();
//! assert_eq!(&bytes[..], b"\x00\x08shipping\x00");
//! assert_eq!(json::to_json(facts, bytes, 1).unwrap(), json!({"key": "shipping", "key_type": 0}));
//! ```

pub(crate) mod base64;
mod error;
mod read;
mod write;

pub use error::JsonError;
pub use error::JsonErrorKind;
pub use read::request_summary;
pub use read::response_summary;
pub use read::summary;
pub use read::to_json;
pub use write::from_json;
pub(in crate::wire) use write::write_default;

use crate::wire::api_key::ApiKey;
use crate::wire::codec::Decoder;
use crate::wire::codec::EncodeError;
use crate::wire::codec::Encoder;
use crate::wire::messages::Request;
use crate::wire::messages::Response;
use crate::wire::schema::MessageFacts;
use serde_json::Value;

/// The name under which tagged fields stand that the tables do not know.
const UNKNOWN_TAGGED_FIELDS: &str = "unknown_tagged_fields";

impl Request {
    /// The request as JSON, with the fields of `version`.
    ///
    /// # Errors
    /// [`EncodeError`] when the version does not exist or cannot hold a value.
    pub fn to_json(&self, version: i16) -> Result<Value, EncodeError> {
        let mut encoder = Encoder::new(false);
        self.encode(&mut encoder, version)?;
        Ok(own_bytes_to_json(self.api_key().request_facts(), encoder, version))
    }

    /// Reads a request from JSON; fields that are not there take their defaults.
    ///
    /// # Errors
    /// [`JsonError`] with the path of the field that is unknown or of another type.
    pub fn from_json(api: ApiKey, value: &Value, version: i16) -> Result<Self, JsonError> {
        let bytes = from_json(api.request_facts(), value, version)?;
        let mut decoder = Decoder::new(bytes, false);
        Self::decode(&mut decoder, api, version).map_err(|error| JsonErrorKind::Unreadable(error).at("$"))
    }
}

impl Response {
    /// The response as JSON, with the fields of `version`.
    ///
    /// # Errors
    /// [`EncodeError`] when the version does not exist or cannot hold a value.
    pub fn to_json(&self, version: i16) -> Result<Value, EncodeError> {
        let mut encoder = Encoder::new(false);
        self.encode(&mut encoder, version)?;
        Ok(own_bytes_to_json(self.api_key().response_facts(), encoder, version))
    }

    /// Reads a response from JSON; fields that are not there take their defaults.
    ///
    /// # Errors
    /// [`JsonError`] with the path of the field that is unknown or of another type.
    pub fn from_json(api: ApiKey, value: &Value, version: i16) -> Result<Self, JsonError> {
        let bytes = from_json(api.response_facts(), value, version)?;
        let mut decoder = Decoder::new(bytes, false);
        Self::decode(&mut decoder, api, version).map_err(|error| JsonErrorKind::Unreadable(error).at("$"))
    }
}

fn own_bytes_to_json(facts: &MessageFacts, encoder: Encoder, version: i16) -> Value {
    to_json(facts, encoder.into_bytes(), version).expect("the bytes were written from the same table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::json;

    fn round_trip(api: ApiKey, version: i16, request: bool, value: &Value) -> Bytes {
        let facts = if request { api.request_facts() } else { api.response_facts() };
        let bytes = from_json(facts, value, version).unwrap();
        assert_eq!(&to_json(facts, bytes.clone(), version).unwrap(), value);
        bytes
    }

    #[test]
    fn every_kind_of_field_comes_back() {
        let fetch = json!({
            "throttle_time_ms": 1, "error_code": 0, "session_id": 7,
            "responses": [{
                "topic_id": "AAAAAAAAAAAAAAAAAAAAAQ",
                "partitions": [{
                    "partition_index": 3, "error_code": 1, "high_watermark": i64::MAX, "last_stable_offset": -1,
                    "log_start_offset": i64::MIN, "aborted_transactions": null, "preferred_read_replica": -1,
                    "records": "AAECAwQ=", "current_leader": {"leader_id": 2, "leader_epoch": 9},
                    "unknown_tagged_fields": [{"tag": 77, "bytes": "/w=="}],
                }],
            }],
            "node_endpoints": [{"node_id": 2, "host": "h\u{fc}", "port": 9092, "rack": null}],
        });
        round_trip(ApiKey::Fetch, 17, false, &fetch);
        round_trip(
            ApiKey::DescribeTopicPartitions,
            0,
            true,
            &json!({
                "topics": [{"name": "a"}], "response_partition_limit": 2000,
                "cursor": {"topic_name": "a", "partition_index": 1},
            }),
        );
        round_trip(
            ApiKey::AlterClientQuotas,
            1,
            true,
            &json!({
                "entries": [{
                    "entity": [{"entity_type": "user", "entity_name": null}],
                    "ops": [
                        {"key": "a", "value": 0.5, "remove": false},
                        {"key": "b", "value": "-Infinity", "remove": true},
                        {"key": "c", "value": "NaN", "remove": true},
                    {"key": "d", "value": "NaN:7ffe000000000000", "remove": true},
                    ],
                }],
                "validate_only": true,
            }),
        );
    }

    #[test]
    fn absent_fields_take_their_defaults() {
        let facts = ApiKey::Fetch.request_facts();
        let value = to_json(facts, from_json(facts, &json!({}), 15).unwrap(), 15).unwrap();
        assert_eq!(
            value,
            json!({
                "max_wait_ms": 0, "min_bytes": 0, "max_bytes": i32::MAX, "isolation_level": 0, "session_id": 0,
                "session_epoch": -1, "topics": [], "forgotten_topics_data": [], "rack_id": "",
            })
        );
        // A field that may be null, in a version in which it may not, is empty.
        let facts = ApiKey::Metadata.request_facts();
        assert_eq!(from_json(facts, &json!({}), 0).unwrap(), Bytes::from_static(&[0, 0, 0, 0]));
        assert_eq!(from_json(facts, &json!({}), 1).unwrap(), Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]));
    }

    #[test]
    fn mistakes_are_named_with_their_path() {
        let check = |value: Value, expected: &str| {
            let error = from_json(ApiKey::Produce.request_facts(), &value, 9).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(json!([]), "$: expected an object, found an array");
        check(json!({"ack": 1}), "$.ack: unknown field; did you mean `acks`?");
        check(json!({"completely": 1}), "$.completely: unknown field");
        check(json!({"acks": 40_000}), "$.acks: expected a 16-bit integer, found 40000");
        check(json!({"acks": "1"}), "$.acks: expected a 16-bit integer, found \"1\"");
        check(json!({"acks": null}), "$.acks: expected a 16-bit integer, found null");
        check(
            json!({"topic_data": [{}, {"partition_data": [{"records": "A"}]}]}),
            "$.topic_data[1].partition_data[0].records: expected base64, found \"A\"",
        );
        check(
            json!({"topic_data": [{"topic_id": "x"}]}),
            "$.topic_data[0].topic_id: this field has versions 13+, but the message is version 9",
        );
        check(
            json!({"unknown_tagged_fields": [{"tag": -1}]}),
            "$.unknown_tagged_fields[0]: expected {\"tag\": number, \"bytes\": base64}, found an object",
        );
        let error = from_json(ApiKey::Produce.request_facts(), &json!({}), 99).unwrap_err();
        assert_eq!(error.to_string(), "$: version 99 does not exist (3\u{2013}13 do)");
    }

    #[test]
    fn typed_messages_and_json_agree() {
        let value = json!({"group_id": "g", "generation_id": 4, "member_id": "m", "group_instance_id": null});
        let request = Request::from_json(ApiKey::Heartbeat, &value, 4).unwrap();
        assert_eq!(request.to_json(4).unwrap(), value);
        let value = json!({"throttle_time_ms": 5, "error_code": 25});
        let response = Response::from_json(ApiKey::Heartbeat, &value, 4).unwrap();
        assert_eq!(response.to_json(4).unwrap(), value);
    }

    #[test]
    fn a_summary_counts_records_instead_of_showing_them() {
        let mut batch = vec![0u8; 70];
        batch[11] = 58;
        batch[16] = 2;
        batch[60] = 3;
        let mut records = batch.clone();
        records.extend_from_slice(&batch);
        records.extend_from_slice(&batch[..20]);
        let facts = ApiKey::Produce.request_facts();
        let value =
            json!({"topic_data": [{"partition_data": [{"records": base64::encode(&records)}, {"records": null}]}]});
        let bytes = from_json(facts, &value, 9).unwrap();
        let summary = summary(facts, bytes, 9).unwrap();
        let partitions = &summary["topic_data"][0]["partition_data"];
        assert_eq!(partitions[0]["records"], json!({"bytes": 160, "batches": 2, "records": 6}));
        assert_eq!(partitions[1]["records"], json!(null));
    }
}
