//! Compares every message in our tables, field by field and version by version, with Kafka's own definitions.
//!
//! `parity <directory>...` takes directories of the JSON files that lie under `common/message` in a kafka-clients jar,
//! the newest release first. The first one that has a version of a message decides about it.

use rehearsal::ApiKey;
use rehearsal::wire::Message;
use rehearsal::wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use rehearsal::wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use rehearsal::wire::schema::FieldFacts;
use rehearsal::wire::schema::FieldType;
use rehearsal::wire::schema::MessageFacts;
use rehearsal::wire::schema::Struct;
use rehearsal::wire::schema::Versions;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The definitions of one release by message name.
type Release = BTreeMap<String, Value>;

fn main() -> ExitCode {
    let releases: Vec<Release> =
        std::env::args().skip(1).map(|directory| read_release(Path::new(&directory))).collect();
    assert!(!releases.is_empty(), "usage: parity <directory of message definitions>...");
    let mut parity = Parity { releases, differences: Vec::new(), fields: 0, versions: 0 };
    let mut messages = 0;
    for api in ApiKey::ALL {
        for facts in [api.request_facts(), api.response_facts()] {
            parity.message(facts);
            messages += 1;
        }
    }
    for facts in [&ConsumerProtocolSubscription::FACTS, &ConsumerProtocolAssignment::FACTS] {
        parity.message(facts);
        messages += 1;
    }
    parity.missing_apis();
    for difference in &parity.differences {
        println!("{difference}");
    }
    println!(
        "{messages} messages, {} versions, {} fields compared: {} differences",
        parity.versions,
        parity.fields,
        parity.differences.len()
    );
    ExitCode::from(u8::from(!parity.differences.is_empty()))
}

fn read_release(directory: &Path) -> Release {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut release = Release::new();
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = without_comments(&fs::read_to_string(&path).expect("a readable file"));
            let definition: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            release.insert(definition["name"].as_str().expect("a name").to_owned(), definition);
        }
    }
    release
}

/// Removes `// ...` outside of strings, which JSON does not have and Kafka uses.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let (mut in_string, mut previous) = (false, ' ');
        let comment = line.char_indices().find(|&(at, c)| {
            in_string ^= c == '"' && previous != '\\';
            previous = c;
            !in_string && line[at..].starts_with("//")
        });
        out.push_str(&line[..comment.map_or(line.len(), |(at, _)| at)]);
        out.push('\n');
    }
    out
}

struct Parity {
    releases: Vec<Release>,
    differences: Vec<String>,
    fields: usize,
    versions: usize,
}

impl Parity {
    fn differ(&mut self, path: &str, what: &str, ours: impl ToString, kafkas: impl ToString) {
        let (ours, kafkas) = (ours.to_string(), kafkas.to_string());
        if ours != kafkas {
            self.differences.push(format!("{path}: {what} is {ours}, Kafka says {kafkas}"));
        }
    }

    fn message(&mut self, facts: &MessageFacts) {
        let name = facts.body.name;
        let known: Vec<Value> = self.releases.iter().filter_map(|release| release.get(name).cloned()).collect();
        let ranges: Vec<Versions> = known.iter().map(|message| versions(&message["validVersions"])).collect();
        let Some(newest) = ranges.first() else {
            return self.differences.push(format!("{name}: Kafka has no such message"));
        };
        let oldest = ranges.iter().map(|range| range.min).min().expect("there is one");
        // The request says whether its last version, and that of the response, is one that no release serves yet.
        let request = self.releases[0].get(&name.replace("Response", "Request"));
        let unstable = request.is_some_and(|request| request["latestVersionUnstable"] == true);
        self.differ(name, "the last version", facts.versions.max, newest.max - i16::from(unstable));
        if facts.versions.min > newest.min || facts.versions.min < oldest {
            self.differences.push(format!(
                "{name}: the first version is {}, Kafka's is {}, and {oldest} in older releases",
                facts.versions.min, newest.min
            ));
        }
        for version in facts.versions.iter() {
            let Some(at) = ranges.iter().position(|range| range.contains(version)) else {
                continue;
            };
            let message = &known[at];
            let path = format!("{name} v{version}");
            self.versions += 1;
            let key = message["apiKey"].as_i64();
            self.differ(&path, "the API key", format!("{:?}", facts.api_key.map(i64::from)), format!("{key:?}"));
            let flexible = versions(&message["flexibleVersions"]).contains(version);
            self.differ(&path, "being flexible", facts.flexible.contains(version), flexible);
            self.fields_of(&path, facts.body, &message["fields"], message, version);
        }
    }

    fn fields_of(&mut self, path: &str, ours: &Struct, theirs: &Value, message: &Value, version: i16) {
        let none = Vec::new();
        let tag_of =
            |field: &Value| versions(&field["taggedVersions"]).contains(version).then(|| field["tag"].as_u64());
        let theirs = theirs.as_array().unwrap_or(&none).iter().filter(|f| versions(&f["versions"]).contains(version));
        let (mut tagged, mut theirs): (Vec<&Value>, Vec<&Value>) = theirs.partition(|field| tag_of(field).is_some());
        tagged.sort_by_key(|field| field["tag"].as_u64());
        theirs.extend(tagged);
        let ours: Vec<&FieldFacts> = ours.fields.iter().filter(|field| field.versions.contains(version)).collect();
        let our_names: Vec<&str> = ours.iter().map(|field| field.name).collect();
        let their_names: Vec<String> =
            theirs.iter().map(|field| snake_case(field["name"].as_str().unwrap_or(""))).collect();
        self.differ(path, "the list of fields", format!("{our_names:?}"), format!("{their_names:?}"));
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            self.fields += 1;
            let path = format!("{path}.{}", ours.name);
            let tag = tag_of(theirs).flatten();
            self.differ(&path, "the tag", format!("{:?}", ours.tag.map(u64::from)), format!("{tag:?}"));
            let nullable = versions(&theirs["nullableVersions"]).contains(version);
            self.differ(&path, "being nullable", ours.nullable.contains(version), nullable);
            self.differ(&path, "the type", type_name(&ours.ty), their_type_name(&theirs["type"]));
            self.default(&path, ours, theirs, nullable);
            if let Some(part) = part_of(&ours.ty) {
                let type_name = theirs["type"].as_str().unwrap_or("").trim_start_matches("[]");
                let common = message["commonStructs"].as_array().into_iter().flatten();
                let fields = match theirs.get("fields") {
                    Some(fields) => fields.clone(),
                    None => {
                        common.clone().find(|s| s["name"] == type_name).map_or(Value::Null, |s| s["fields"].clone())
                    }
                };
                self.fields_of(&path, part, &fields, message, version);
            }
        }
    }

    fn default(&mut self, path: &str, ours: &FieldFacts, theirs: &Value, nullable: bool) {
        let theirs = match &theirs["default"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let number = matches!(
            ours.ty,
            FieldType::Int8 | FieldType::Int16 | FieldType::Uint16 | FieldType::Int32 | FieldType::Int64
        );
        let ours_null = nullable && ours.default.is_none();
        let ours_text = match ours.default {
            _ if ours_null => "null".to_owned(),
            Some("i32::MAX") => i32::MAX.to_string(),
            Some("i32::MIN") => i32::MIN.to_string(),
            Some("i64::MAX") => i64::MAX.to_string(),
            Some(text) => text.replace(' ', ""),
            None if number => "0".to_owned(),
            None if matches!(ours.ty, FieldType::Bool) => "false".to_owned(),
            None => String::new(),
        };
        let theirs_text = match theirs.as_deref() {
            // Ours is null wherever it may be; on the wire this shows in tagged fields only.
            None if ours_null && ours.tag.is_none() => "null".to_owned(),
            None if number => "0".to_owned(),
            None if matches!(ours.ty, FieldType::Bool) => "false".to_owned(),
            None => String::new(),
            Some(text) => match text.strip_prefix("0x") {
                Some(hex) => i64::from_str_radix(hex, 16).expect("a hexadecimal number").to_string(),
                None => text.to_owned(),
            },
        };
        self.differ(path, "the default", ours_text, theirs_text);
    }

    /// Every API that the newest release offers to clients should be in our list.
    fn missing_apis(&mut self) {
        let mut missing = Vec::new();
        for message in self.releases[0].values().filter(|message| message["type"] == "request") {
            let listeners = message["listeners"].as_array().into_iter().flatten();
            let for_clients = listeners.clone().any(|listener| listener == "broker");
            let key = message["apiKey"].as_i64().and_then(|key| i16::try_from(key).ok());
            if for_clients && key.and_then(ApiKey::new).is_none() && !versions(&message["validVersions"]).is_empty() {
                missing.push(message["name"].as_str().unwrap_or("").to_owned());
            }
        }
        missing.sort();
        println!("requests that brokers take and that have no table here: {missing:?}");
    }
}

fn part_of(ty: &FieldType) -> Option<&'static Struct> {
    match ty {
        FieldType::Array(element) => part_of(element),
        FieldType::Struct(part) => Some(part),
        _ => None,
    }
}

fn type_name(ty: &FieldType) -> String {
    match ty {
        FieldType::Array(element) => format!("[]{}", type_name(element)),
        FieldType::Struct(_) => "struct".to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

fn their_type_name(ty: &Value) -> String {
    let ty = ty.as_str().unwrap_or("");
    let element = ty.trim_start_matches("[]");
    let element = if element.starts_with(char::is_uppercase) { "struct" } else { element };
    format!("{}{element}", if ty.starts_with("[]") { "[]" } else { "" })
}

/// `3-13`, `9+`, `4` and `none`; nothing at all is `none`, too.
fn versions(text: &Value) -> Versions {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no version"));
    match text.as_str().unwrap_or("none") {
        "none" => Versions::NONE,
        text => match text.split_once('-') {
            Some((min, max)) => Versions::new(number(min), number(max)),
            None => match text.strip_suffix('+') {
                Some(min) => Versions::new(number(min), i16::MAX),
                None => Versions::new(number(text), number(text)),
            },
        },
    }
}

/// `TopicData` as `topic_data`; a capital after a capital (or before the end of a row of them) begins no word.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let after_small = i > 0 && !letters[i - 1].is_uppercase();
        let before_small = i > 0 && letters.get(i + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_in_rust() {
        let check = |name, expected: &str| assert_eq!(snake_case(name), expected);
        check("TimeoutMs", "timeout_ms");
        check("topicId", "topic_id");
        check("ISRNodes", "isr_nodes");
    }

    #[test]
    fn comments_are_removed_and_strings_are_kept() {
        assert_eq!(without_comments("// a\n{\"a\": \"http://b\"} // c"), "\n{\"a\": \"http://b\"} \n");
    }

    #[test]
    fn ranges_are_read() {
        let check = |text: &str, expected: Versions| assert_eq!(versions(&Value::from(text)), expected);
        check("3-13", Versions::new(3, 13));
        check("9+", Versions::new(9, i16::MAX));
        check("4", Versions::new(4, 4));
        check("none", Versions::NONE);
    }
}
