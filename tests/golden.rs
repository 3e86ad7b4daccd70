//! Bytes that Kafka's own classes wrote, read and written again by ours.
//!
//! `fixtures/frames` holds one file per API; `tests/interop/java-fixtures/frames/run.sh` makes them.

use bytes::Bytes;
use rehearsal::ApiKey;
use rehearsal::wire::frame;
use rehearsal::wire::json;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// One frame from Kafka.
struct Fixture {
    api: ApiKey,
    version: i16,
    request: bool,
    full: bool,
    /// The frame without its length.
    frame: Bytes,
    /// What Kafka's JSON converter says of the body, with names in snake case and records left empty.
    json: Value,
}

impl Fixture {
    fn name(&self) -> String {
        format!("{} {} v{}", self.api, if self.request { "request" } else { "response" }, self.version)
    }

    fn correlation_id(&self) -> i32 {
        1_000 * (i32::from(self.api.code()) + 1) + i32::from(self.version)
    }
}

fn fixtures(api: ApiKey) -> Vec<Fixture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/frames/{api}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        Fixture {
            api: ApiKey::from_name(line["api"].as_str().unwrap()).unwrap(),
            version: line["version"].as_i64().unwrap().try_into().unwrap(),
            request: line["kind"] == "request",
            full: line["fill"] == "full",
            frame: from_hex(line["hex"].as_str().unwrap()).into(),
            json: line["json"].take(),
        }
    };
    text.lines().map(read).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Kafka's JSON converter shows records as empty, so ours are emptied where they are not null.
fn without_records(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "records" && value.is_string() {
                    *value = "".into();
                }
                without_records(value);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_records),
        _ => {}
    }
}

fn check(fixture: &Fixture) {
    let name = fixture.name();
    let (json, written) = if fixture.request {
        let (header, request, _) =
            frame::decode_request(fixture.frame.clone()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(header.correlation_id, fixture.correlation_id(), "{name}");
        assert_eq!(header.client_id.as_deref(), fixture.full.then_some("fixture"), "{name}");
        (request.to_json(fixture.version).unwrap(), frame::encode_request(&header, &request).unwrap())
    } else {
        let decoded = frame::decode_response(fixture.frame.clone(), fixture.api, fixture.version);
        let (header, response) = decoded.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(header.correlation_id, fixture.correlation_id(), "{name}");
        let written = frame::encode_response(header, &response, fixture.version).unwrap();
        (response.to_json(fixture.version).unwrap(), written)
    };
    let facts = if fixture.request { fixture.api.request_facts() } else { fixture.api.response_facts() };
    let written = written.concat();
    assert_eq!(written[..4], i32::try_from(fixture.frame.len()).unwrap().to_be_bytes(), "{name}");
    assert_eq!(written[4..], fixture.frame, "{name}");
    let body = json::from_json(facts, &json, fixture.version).unwrap();
    assert!(fixture.frame.ends_with(&body), "{name}");
    let mut json = json;
    without_records(&mut json);
    assert_eq!(json, fixture.json, "{name}");
}

#[test]
fn kafkas_frames_are_read_and_written_as_kafka_does() {
    for api in ApiKey::ALL.iter().copied() {
        let fixtures = fixtures(api);
        for fixture in fixtures.iter().filter(|fixture| api.versions().contains(fixture.version)) {
            check(fixture);
        }
        for version in api.versions().iter() {
            let of_version = fixtures.iter().filter(|fixture| fixture.version == version);
            assert_eq!(of_version.count(), 4, "requests and responses of {api} v{version}, full and bare");
        }
    }
}

#[test]
fn a_frame_of_a_version_that_is_not_served_names_its_version() {
    for api in ApiKey::ALL.iter().copied() {
        let of_request = |fixture: &Fixture| fixture.request && !api.versions().contains(fixture.version);
        for fixture in fixtures(api).into_iter().filter(of_request) {
            let (header, error) = frame::decode_request(fixture.frame.clone()).unwrap_err();
            assert_eq!(header.unwrap().api_version, fixture.version);
            assert_eq!(error.to_string(), format!("version {} is not supported (byte {})", fixture.version, error.at));
        }
    }
}
