//! From JSON to bytes.

use super::UNKNOWN_TAGGED_FIELDS;
use super::base64;
use super::error::JsonError;
use super::error::JsonErrorKind;
use crate::base::Uuid;
use crate::wire::codec::EncodeError;
use crate::wire::codec::Encoder;
use crate::wire::schema::FieldFacts;
use crate::wire::schema::FieldType;
use crate::wire::schema::MessageFacts;
use crate::wire::schema::Struct;
use bytes::Bytes;
use serde_json::Map;
use serde_json::Value;

type Result<T> = std::result::Result<T, JsonError>;

/// The bytes of the message that `value` describes; fields that are not there take their defaults.
///
/// # Errors
/// [`JsonError`] with the path of the field that is unknown, not in this version, or of another type.
pub fn from_json(facts: &MessageFacts, value: &Value, version: i16) -> Result<Bytes> {
    if !facts.versions.contains(version) {
        return Err(JsonErrorKind::UnsupportedVersion(facts.versions, version).at("$"));
    }
    let mut encoder = Encoder::new(facts.flexible.contains(version));
    write_struct(facts.body, value, &mut encoder, version, &Path::Root)?;
    Ok(encoder.into_bytes())
}

/// Where in the value the writer is; becomes text only for an error.
enum Path<'a> {
    Root,
    Field(&'a Self, &'a str),
    Element(&'a Self, usize),
}

impl Path<'_> {
    fn fail<T>(&self, kind: JsonErrorKind) -> Result<T> {
        Err(kind.at(self.to_string()))
    }

    fn check<T>(&self, written: std::result::Result<T, EncodeError>) -> Result<T> {
        written.or_else(|error| self.fail(JsonErrorKind::Unwritable(error)))
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn write_struct(facts: &Struct, value: &Value, encoder: &mut Encoder, version: i16, path: &Path<'_>) -> Result<()> {
    let Value::Object(object) = value else {
        return path.fail(JsonErrorKind::wrong_type("an object", value));
    };
    refuse_strange_fields(facts, object, encoder.is_flexible(), version, path)?;
    let mut tagged: Vec<(u32, Bytes)> = Vec::new();
    for field in facts.fields.iter().filter(|field| field.versions.contains(version)) {
        let path = Path::Field(path, field.name);
        match (field.tag, object.get(field.name)) {
            (None, Some(value)) => write_field(field, value, encoder, version, &path)?,
            (None, None) => path.check(write_default(field, encoder, version))?,
            (Some(tag), Some(value)) => {
                let mut bytes = Encoder::new(encoder.is_flexible());
                write_field(field, value, &mut bytes, version, &path)?;
                let mut default = Encoder::new(encoder.is_flexible());
                path.check(write_default(field, &mut default, version))?;
                let bytes = bytes.into_bytes();
                // A tagged field with its default is not written.
                if bytes != default.into_bytes() {
                    tagged.push((tag, bytes));
                }
            }
            (Some(_), None) => {}
        }
    }
    if encoder.is_flexible() {
        let path = Path::Field(path, UNKNOWN_TAGGED_FIELDS);
        tagged.extend(unknown_tagged_fields(object.get(UNKNOWN_TAGGED_FIELDS), &path)?);
        let count = u32::try_from(tagged.len()).or_else(|_| path.fail(JsonErrorKind::Unwritable(EncodeError::TooLong)));
        encoder.unsigned_varint(count?);
        for (tag, bytes) in &tagged {
            path.check(encoder.tagged(*tag, |encoder| {
                encoder.slice(bytes);
                Ok(())
            }))?;
        }
    }
    Ok(())
}

fn refuse_strange_fields(
    facts: &Struct,
    object: &Map<String, Value>,
    flexible: bool,
    version: i16,
    path: &Path<'_>,
) -> Result<()> {
    for name in object.keys() {
        let kind = match facts.fields.iter().find(|field| field.name == name) {
            Some(field) if field.versions.contains(version) => continue,
            Some(field) => JsonErrorKind::NotInVersion(field.versions, version),
            None if name == UNKNOWN_TAGGED_FIELDS && flexible => continue,
            None => JsonErrorKind::UnknownField(nearest_name(facts, name)),
        };
        return Path::Field(path, name).fail(kind);
    }
    Ok(())
}

fn unknown_tagged_fields(list: Option<&Value>, path: &Path<'_>) -> Result<Vec<(u32, Bytes)>> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let Value::Array(list) = list else {
        return path.fail(JsonErrorKind::wrong_type("an array", list));
    };
    let read = |value: &Value| {
        let tag = value.get("tag")?.as_u64()?.try_into().ok()?;
        Some((tag, base64::decode(value.get("bytes")?.as_str()?)?.into()))
    };
    let fields = list.iter().enumerate().map(|(i, value)| {
        let expected = r#"{"tag": number, "bytes": base64}"#;
        read(value).map_or_else(|| Path::Element(path, i).fail(JsonErrorKind::wrong_type(expected, value)), Ok)
    });
    fields.collect()
}

fn write_field(field: &FieldFacts, value: &Value, encoder: &mut Encoder, version: i16, path: &Path<'_>) -> Result<()> {
    let nullable = field.nullable.contains(version);
    if nullable && value.is_null() {
        return path.check(write_null(&field.ty, encoder));
    }
    if nullable && matches!(field.ty, FieldType::Struct(_)) {
        encoder.raw(&[1]);
    }
    write_value(&field.ty, value, encoder, version, path)
}

fn write_null(ty: &FieldType, encoder: &mut Encoder) -> std::result::Result<(), EncodeError> {
    match ty {
        FieldType::String => encoder.nullable_string(None),
        FieldType::Struct(_) => {
            encoder.raw(&[0xff]);
            Ok(())
        }
        _ => encoder.length(None),
    }
}

fn write_value(ty: &FieldType, value: &Value, encoder: &mut Encoder, version: i16, path: &Path<'_>) -> Result<()> {
    match ty {
        FieldType::Struct(facts) => return write_struct(facts, value, encoder, version, path),
        FieldType::Array(element) => {
            let Value::Array(elements) = value else {
                return path.fail(JsonErrorKind::wrong_type(expected(ty), value));
            };
            path.check(encoder.length(Some(elements.len())))?;
            for (i, value) in elements.iter().enumerate() {
                write_value(element, value, encoder, version, &Path::Element(path, i))?;
            }
            return Ok(());
        }
        _ => {}
    }
    match write_scalar(ty, value, encoder) {
        Some(written) => path.check(written),
        None => path.fail(JsonErrorKind::wrong_type(expected(ty), value)),
    }
}

/// Writes a value that has no parts; `None` when it is of another type.
fn write_scalar(ty: &FieldType, value: &Value, encoder: &mut Encoder) -> Option<std::result::Result<(), EncodeError>> {
    match ty {
        FieldType::Bool => encoder.raw(&[u8::from(value.as_bool()?)]),
        FieldType::Int8 => encoder.raw(&i8::try_from(value.as_i64()?).ok()?.to_be_bytes()),
        FieldType::Int16 => encoder.raw(&i16::try_from(value.as_i64()?).ok()?.to_be_bytes()),
        FieldType::Uint16 => encoder.raw(&u16::try_from(value.as_i64()?).ok()?.to_be_bytes()),
        FieldType::Int32 => encoder.raw(&i32::try_from(value.as_i64()?).ok()?.to_be_bytes()),
        FieldType::Int64 => encoder.raw(&value.as_i64()?.to_be_bytes()),
        FieldType::Float64 => encoder.raw(&float_from_json(value)?.to_be_bytes()),
        FieldType::Uuid => encoder.uuid(value.as_str()?.parse::<Uuid>().ok()?),
        FieldType::String => return Some(encoder.nullable_string(Some(value.as_str()?))),
        FieldType::Bytes | FieldType::Records => {
            return Some(encoder.nullable_bytes(Some(&base64::decode(value.as_str()?)?.into())));
        }
        FieldType::Array(_) | FieldType::Struct(_) => return None,
    }
    Some(Ok(()))
}

fn float_from_json(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => {
                let bits = u64::from_str_radix(text.strip_prefix("NaN:")?, 16).ok()?;
                Some(f64::from_bits(bits)).filter(|value| value.is_nan())
            }
        },
        _ => None,
    }
}

/// Writes the value that a field has when nobody sets it: null if it may be, else its default, zero or empty.
pub(in crate::wire) fn write_default(
    field: &FieldFacts,
    encoder: &mut Encoder,
    version: i16,
) -> std::result::Result<(), EncodeError> {
    if field.nullable.contains(version) && field.default.is_none() {
        return write_null(&field.ty, encoder);
    }
    let number = field.default.map_or(0, default_number);
    let in_range = "a test reads every default in the tables";
    match &field.ty {
        FieldType::Bool => encoder.raw(&[u8::from(number != 0)]),
        FieldType::Int8 => encoder.raw(&i8::try_from(number).expect(in_range).to_be_bytes()),
        FieldType::Int16 => encoder.raw(&i16::try_from(number).expect(in_range).to_be_bytes()),
        FieldType::Uint16 => encoder.raw(&u16::try_from(number).expect(in_range).to_be_bytes()),
        FieldType::Int32 => encoder.raw(&i32::try_from(number).expect(in_range).to_be_bytes()),
        FieldType::Int64 => encoder.raw(&number.to_be_bytes()),
        FieldType::Float64 => encoder.raw(&0f64.to_be_bytes()),
        FieldType::Uuid => encoder.uuid(Uuid::ZERO),
        FieldType::String => return encoder.nullable_string(Some("")),
        FieldType::Bytes | FieldType::Records | FieldType::Array(_) => return encoder.length(Some(0)),
        FieldType::Struct(facts) => {
            for field in facts.fields.iter().filter(|field| field.tag.is_none() && field.versions.contains(version)) {
                write_default(field, encoder, version)?;
            }
            if encoder.is_flexible() {
                encoder.unsigned_varint(0);
            }
        }
    }
    Ok(())
}

/// The defaults that occur, which are Rust source.
fn default_number(source: &str) -> i64 {
    match source {
        "true" => 1,
        "i32::MAX" => i32::MAX.into(),
        "i32::MIN" => i32::MIN.into(),
        "i64::MAX" => i64::MAX,
        number => number.parse().expect("a test reads every default in the tables"),
    }
}

fn expected(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Bool => "true or false",
        FieldType::Int8 => "an 8-bit integer",
        FieldType::Int16 => "a 16-bit integer",
        FieldType::Uint16 => "an unsigned 16-bit integer",
        FieldType::Int32 => "a 32-bit integer",
        FieldType::Int64 => "a 64-bit integer",
        FieldType::Float64 => "a number",
        FieldType::Uuid => "a UUID of 22 characters",
        FieldType::String => "a string",
        FieldType::Bytes | FieldType::Records => "base64",
        FieldType::Array(_) => "an array",
        FieldType::Struct(_) => "an object",
    }
}

/// The field whose name needs the fewest changes to become `name`, if these are few.
fn nearest_name(facts: &Struct, name: &str) -> Option<&'static str> {
    let nearest = facts.fields.iter().map(|field| (edits(field.name, name), field.name)).min()?;
    (nearest.0 <= nearest.1.len().div_ceil(3)).then_some(nearest.1)
}

/// How many letters must be changed, added or removed to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::api_key::ApiKey;
    use serde_json::json;

    #[test]
    fn every_default_in_the_tables_can_be_written() {
        for api in ApiKey::ALL {
            for facts in [api.request_facts(), api.response_facts()] {
                for version in facts.versions.iter() {
                    from_json(facts, &json!({}), version).unwrap();
                    defaults_of(facts.body);
                }
            }
        }
    }

    fn defaults_of(facts: &Struct) {
        for field in facts.fields {
            let mut ty = &field.ty;
            while let FieldType::Array(element) = ty {
                ty = element;
            }
            if let FieldType::Struct(part) = ty {
                defaults_of(part);
            }
            write_default(field, &mut Encoder::new(false), field.versions.min).unwrap();
        }
    }

    #[test]
    fn edits_are_counted() {
        let check = |a, b, expected| assert_eq!(edits(a, b), expected, "{a} {b}");
        check("acks", "acks", 0);
        check("acks", "ack", 1);
        check("", "abc", 3);
        check("topics", "topcis", 2);
    }
}
