//! From bytes to JSON.

use super::UNKNOWN_TAGGED_FIELDS;
use super::base64;
use crate::wire::api_key::ApiKey;
use crate::wire::codec::DecodeError;
use crate::wire::codec::DecodeErrorKind;
use crate::wire::codec::Decoder;
use crate::wire::codec::TaggedFields;
use crate::wire::header::RequestHeader;
use crate::wire::header::ResponseHeader;
use crate::wire::schema::FieldFacts;
use crate::wire::schema::FieldType;
use crate::wire::schema::MessageFacts;
use crate::wire::schema::Struct;
use bytes::Bytes;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use serde_json::json;

type Result<T> = std::result::Result<T, DecodeError>;

/// The body of a message as JSON, so that [`from_json`](super::from_json) gives the same bytes back.
///
/// JSON needs memory: up to a few hundred times that of the bytes, if these are small elements of large arrays.
///
/// # Errors
/// [`DecodeError`] when the bytes are not such a message, or the version does not exist.
pub fn to_json(facts: &MessageFacts, body: Bytes, version: i16) -> Result<Value> {
    let mut decoder = Decoder::new(body, false);
    read_body(facts, &mut decoder, version, Show::Everything)
}

/// The body of a message as JSON for people to read: records are `{"bytes": 160, "batches": 2, "records": 6}`.
///
/// # Errors
/// [`DecodeError`] when the bytes are not such a message, or the version does not exist.
pub fn summary(facts: &MessageFacts, body: Bytes, version: i16) -> Result<Value> {
    let mut decoder = Decoder::new(body, false);
    read_body(facts, &mut decoder, version, Show::Summary)
}

/// The header of a request and the [`summary`] of its body, from a frame without its length.
///
/// # Errors
/// [`DecodeError`] when the frame is not a request of an API and version that clients use.
/// ```
/// use rehearsal::wire::json;
/// let frame = b"\x00\x0a\x00\x00\x00\x00\x00\x07\x00\x02me\x00\x08shipping";
/// let (header, body) = json::request_summary(frame.as_slice().into()).unwrap();
/// assert_eq!(header.correlation_id, 7);
/// assert_eq!(body.to_string(), r#"{"key":"shipping"}"#);
/// ```
pub fn request_summary(frame: Bytes) -> Result<(RequestHeader, Value)> {
    let mut decoder = Decoder::new(frame, false);
    let header = RequestHeader::decode(&mut decoder)?;
    let api = header.api().ok_or_else(|| DecodeErrorKind::UnknownApiKey(header.api_key).at(0))?;
    let body = read_body(api.request_facts(), &mut decoder, header.api_version, Show::Summary)?;
    Ok((header, body))
}

/// The header of the response to a request of `api` in `version` and the [`summary`] of its body, from a frame
/// without its length.
///
/// # Errors
/// [`DecodeError`] when the frame is not such a response.
pub fn response_summary(frame: Bytes, api: ApiKey, version: i16) -> Result<(ResponseHeader, Value)> {
    let mut decoder = Decoder::new(frame, false);
    let header = ResponseHeader::decode(&mut decoder, api, version)?;
    let body = read_body(api.response_facts(), &mut decoder, version, Show::Summary)?;
    Ok((header, body))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Everything,
    Summary,
}

fn read_body(facts: &MessageFacts, decoder: &mut Decoder, version: i16, show: Show) -> Result<Value> {
    if !facts.versions.contains(version) {
        return decoder.fail(DecodeErrorKind::UnsupportedVersion(version));
    }
    decoder.set_flexible(facts.flexible.contains(version));
    let value = read_struct(facts.body, decoder, version, show)?;
    decoder.finish()?;
    Ok(value)
}

fn read_struct(facts: &Struct, decoder: &mut Decoder, version: i16, show: Show) -> Result<Value> {
    let mut object = Map::new();
    for field in facts.fields.iter().filter(|field| field.tag.is_none() && field.versions.contains(version)) {
        object.insert(field.name.to_owned(), read_field(field, decoder, version, show)?);
    }
    if decoder.is_flexible() {
        let unknown = TaggedFields::decode(decoder, |tag, decoder| {
            match facts.fields.iter().find(|field| field.tag == Some(tag) && field.versions.contains(version)) {
                None => Ok(false),
                Some(field) => {
                    object.insert(field.name.to_owned(), read_field(field, decoder, version, show)?);
                    Ok(true)
                }
            }
        })?;
        if !unknown.is_empty() {
            let list = unknown.iter().map(|(tag, bytes)| json!({"tag": tag, "bytes": base64::encode(bytes)})).collect();
            object.insert(UNKNOWN_TAGGED_FIELDS.to_owned(), list);
        }
    }
    Ok(Value::Object(object))
}

fn read_field(field: &FieldFacts, decoder: &mut Decoder, version: i16, show: Show) -> Result<Value> {
    read_value(&field.ty, decoder, version, field.nullable.contains(version), show)
}

fn read_value(ty: &FieldType, decoder: &mut Decoder, version: i16, nullable: bool, show: Show) -> Result<Value> {
    let value = match ty {
        FieldType::Bool => Some(decoder.boolean()?.into()),
        FieldType::Int8 => Some(decoder.int8()?.into()),
        FieldType::Int16 => Some(decoder.int16()?.into()),
        FieldType::Uint16 => Some(decoder.uint16()?.into()),
        FieldType::Int32 => Some(decoder.int32()?.into()),
        FieldType::Int64 => Some(decoder.int64()?.into()),
        FieldType::Float64 => Some(float_to_json(decoder.float64()?)),
        FieldType::Uuid => Some(decoder.uuid()?.to_string().into()),
        FieldType::String => decoder.nullable_string()?.map(|text| (*text).into()),
        FieldType::Bytes => decoder.nullable_bytes()?.map(|bytes| base64::encode(&bytes).into()),
        FieldType::Records => decoder.nullable_bytes()?.map(|bytes| match show {
            Show::Everything => base64::encode(&bytes).into(),
            Show::Summary => summarize_records(&bytes),
        }),
        FieldType::Array(element) => match decoder.array_length(size_of::<Value>())? {
            None => None,
            Some(length) => {
                let elements = (0..length).map(|_| read_value(element, decoder, version, false, show));
                Some(Value::Array(elements.collect::<Result<_>>()?))
            }
        },
        FieldType::Struct(facts) => {
            if nullable && decoder.int8()? < 0 {
                None
            } else {
                Some(read_struct(facts, decoder, version, show)?)
            }
        }
    };
    match value {
        Some(value) => Ok(value),
        None if nullable => Ok(Value::Null),
        None => decoder.fail(DecodeErrorKind::NullNotAllowed),
    }
}

fn float_to_json(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.to_bits() == f64::NAN.to_bits() => "NaN".into(),
        // There are 2^53 of them, and the bytes must come back.
        None if value.is_nan() => format!("NaN:{:016x}", value.to_bits()).into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// Counts by the headers alone; bytes that are no batch, and a batch that was cut off, end the count.
fn summarize_records(bytes: &[u8]) -> Value {
    /// Up to and including the length field, which counts what comes after it.
    const PREFIX_BYTES: usize = 12;
    const MAGIC_AT: usize = 16;
    const RECORD_COUNT_AT: usize = 57;
    let (mut batches, mut records) = (0u64, 0i64);
    let mut rest = bytes;
    while let Some(length) = int32_at(rest, 8).and_then(|length| usize::try_from(length).ok()) {
        let Some((batch, after)) = length.checked_add(PREFIX_BYTES).and_then(|end| rest.split_at_checked(end)) else {
            break;
        };
        let count = match batch.get(MAGIC_AT) {
            Some(0 | 1) => Some(1), // a message of its own, or a compressed set of messages
            Some(2) => int32_at(batch, RECORD_COUNT_AT),
            _ => None,
        };
        let Some(count) = count else {
            break;
        };
        batches += 1;
        records += i64::from(count.max(0));
        rest = after;
    }
    json!({"bytes": bytes.len(), "batches": batches, "records": records})
}

fn int32_at(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|chunk| i32::from_be_bytes(*chunk))
}
