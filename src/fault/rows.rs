//! What a message is about: its topics, partitions, groups and transactional ids, found by the tables of facts.
//!
//! Not here: typed messages. All APIs name these things in a few ways, so one walk over their JSON serves all of them.

use crate::base::Uuid;
use crate::wire::schema::FieldType;
use crate::wire::schema::Struct;
use serde_json::Map;
use serde_json::Value;

/// One thing that a message is about, as far as the message names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) topic: Option<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) group: Option<String>,
    pub(crate) transactional_id: Option<String>,
}

/// Which rows a fault is about; a part that is `None` fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowMatch {
    pub(crate) topic: Option<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) group: Option<String>,
    pub(crate) transactional_id: Option<String>,
}

impl RowMatch {
    /// Whether every row fits.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The same as far as messages of this table can tell.
    pub(crate) fn as_told_by(&self, facts: &Struct) -> Self {
        let kinds = kinds(facts);
        Self {
            topic: self.topic.clone().filter(|_| kinds.topics),
            partition: self.partition.filter(|_| kinds.partitions),
            group: self.group.clone().filter(|_| kinds.groups),
            transactional_id: self.transactional_id.clone().filter(|_| kinds.transactional_ids),
        }
    }

    pub(crate) fn fits(&self, row: &Row) -> bool {
        is_wanted(self.topic.as_ref(), row.topic.as_ref())
            && is_wanted(self.partition.as_ref(), row.partition.as_ref())
            && is_wanted(self.group.as_ref(), row.group.as_ref())
            && is_wanted(self.transactional_id.as_ref(), row.transactional_id.as_ref())
    }

    /// Whether a partition fits.
    pub(crate) fn fits_partition(&self, topic: &str, partition: i32) -> bool {
        self.topic.as_deref().is_none_or(|wanted| wanted == topic) && self.partition.is_none_or(|p| p == partition)
    }

    /// Whether anything of a topic fits.
    pub(crate) fn fits_topic(&self, topic: &str) -> bool {
        self.topic.as_deref().is_none_or(|wanted| wanted == topic)
    }
}

fn is_wanted<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
    wanted.is_none() || wanted == found
}

/// What a struct of a message stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Topic,
    Partition,
    Group,
    Transaction,
    /// What `resource_type` says.
    Resource,
    /// What `key_type` says, if there is one: the coordinators of `FindCoordinator`.
    Coordinated,
    Other,
}

fn role(facts: &Struct) -> Role {
    let has = |names: &[&str]| facts.fields.iter().any(|field| names.contains(&field.name));
    let is_number = |name: &str| facts.fields.iter().any(|f| f.name == name && matches!(f.ty, FieldType::Int32));
    let named = |word: &str| facts.name.contains(word);
    if named("Assignment") || named("Cursor") || named("Forgotten") || named("Config") && !named("Resource") {
        Role::Other
    } else if ["partition_index", "index", "partition"].into_iter().any(is_number) {
        Role::Partition
    } else if has(&["resource_type"]) && has(&["resource_name"]) {
        Role::Resource
    } else if has(&["coordinator_keys"]) || facts.name == "Coordinator" {
        Role::Coordinated
    } else if named("Topic") && has(&["name", "topic", "topic_name", "topic_id"]) {
        Role::Topic
    } else if has(&["group_id"]) {
        Role::Group
    } else if has(&["transactional_id"]) {
        Role::Transaction
    } else {
        Role::Other
    }
}

/// A list of strings or numbers that are rows themselves.
fn listed(field: &str, row: &mut Row, element: &Value) -> bool {
    let text = || element.as_str().map(str::to_owned);
    match field {
        "partitions" | "partition_indexes" => row.partition = number(element),
        "topic_names" | "subscribed_topic_names" => row.topic = text(),
        "groups" | "groups_names" | "group_ids" => row.group = text(),
        "transactional_ids" => row.transactional_id = text(),
        "coordinator_keys" => {
            // The kind of the keys is known to the struct around them, which has left its mark in the row.
            if row.transactional_id.is_none() {
                row.group = text();
            } else {
                row.transactional_id = text();
            }
        }
        _ => return false,
    }
    true
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| i32::try_from(number).ok())
}

/// Whether the walk goes into a list of these: rows, or what holds rows.
fn leads_to_rows(facts: &Struct) -> bool {
    if facts.name.contains("Forgotten") || facts.name.contains("Assignment") || facts.name.contains("Cursor") {
        return false;
    }
    role(facts) != Role::Other || facts.fields.iter().any(|field| holds_rows(field.name, &field.ty))
}

fn holds_rows(name: &str, ty: &FieldType) -> bool {
    match ty {
        FieldType::Array(FieldType::Struct(inner)) => leads_to_rows(inner),
        FieldType::Array(FieldType::String | FieldType::Int32) => listed(name, &mut Row::default(), &Value::Null),
        _ => false,
    }
}

type Names<'a> = &'a dyn Fn(Uuid) -> Option<String>;

/// Reads what a struct says of itself into `row`; whether it says anything.
fn describe(facts: &Struct, object: &Map<String, Value>, row: &mut Row, names: Names<'_>) -> bool {
    let text = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match role(facts) {
        Role::Topic => {
            let by_id = || names(object.get("topic_id")?.as_str()?.parse().ok()?);
            row.topic = text("name").or_else(|| text("topic")).or_else(|| text("topic_name")).or_else(by_id);
        }
        Role::Partition => {
            let names = ["partition_index", "index", "partition"];
            row.partition = names.into_iter().find_map(|name| number(object.get(name)?));
        }
        Role::Group => row.group = text("group_id"),
        Role::Transaction => row.transactional_id = text("transactional_id"),
        Role::Resource => match object.get("resource_type").and_then(Value::as_i64) {
            Some(2) => row.topic = text("resource_name"),
            Some(32) => row.group = text("resource_name"),
            _ => {}
        },
        Role::Coordinated => {
            let is_transaction = object.get("key_type").and_then(Value::as_i64) == Some(1);
            let key = text("key");
            if facts.name == "Coordinator" {
                // An answer does not say of which kind its keys are.
                row.group.clone_from(&key);
                row.transactional_id = key;
            } else if is_transaction {
                row.transactional_id = Some(key.unwrap_or_default());
            } else {
                row.group = key;
            }
        }
        Role::Other => return false,
    }
    if role(facts) == Role::Group && row.transactional_id.is_none() {
        row.transactional_id = text("transactional_id");
    }
    true
}

/// Takes out the rows of a message that `keep` does not want, and what becomes empty by that.
pub(crate) fn retain_rows(
    facts: &Struct,
    message: &mut Value,
    names: Names<'_>,
    keep: &mut dyn FnMut(&Row) -> bool,
) -> bool {
    retain(facts, message, &Row::default(), names, keep)
}

fn retain(
    facts: &Struct,
    value: &mut Value,
    outer: &Row,
    names: Names<'_>,
    keep: &mut dyn FnMut(&Row) -> bool,
) -> bool {
    let Value::Object(object) = value else { return true };
    let mut row = outer.clone();
    let speaks = describe(facts, object, &mut row, names);
    let (mut has_inner, mut is_left) = (false, false);
    for field in facts.fields {
        let FieldType::Array(element) = &field.ty else { continue };
        let Some(Value::Array(elements)) = object.get_mut(field.name) else { continue };
        match element {
            FieldType::Struct(inner) if leads_to_rows(inner) => elements.retain_mut(|element| {
                let stays = retain(inner, element, &row, names, keep);
                has_inner = true;
                is_left |= stays;
                stays
            }),
            FieldType::String | FieldType::Int32 => elements.retain(|element| {
                let mut own = row.clone();
                if !listed(field.name, &mut own, element) {
                    return true;
                }
                let stays = keep(&own);
                has_inner = true;
                is_left |= stays;
                stays
            }),
            _ => {}
        }
    }
    match (has_inner, speaks) {
        (true, _) => is_left,
        (false, true) => keep(&row),
        (false, false) => true,
    }
}

/// The rows of a message.
pub(crate) fn rows(facts: &Struct, message: &mut Value, names: Names<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    retain_rows(facts, message, names, &mut |row| {
        rows.push(row.clone());
        true
    });
    rows
}

/// What kinds of rows a message can have: topics, partitions, groups, transactional ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) topics: bool,
    pub(super) partitions: bool,
    pub(super) groups: bool,
    pub(super) transactional_ids: bool,
}

pub(super) fn kinds(facts: &Struct) -> Kinds {
    let mut kinds = Kinds::default();
    collect_kinds(facts, &mut kinds);
    kinds
}

fn collect_kinds(facts: &Struct, kinds: &mut Kinds) {
    match role(facts) {
        Role::Topic => kinds.topics = true,
        Role::Partition => kinds.partitions = true,
        Role::Group => kinds.groups = true,
        Role::Transaction => kinds.transactional_ids = true,
        Role::Resource => (kinds.topics, kinds.groups) = (true, true),
        Role::Coordinated => (kinds.groups, kinds.transactional_ids) = (true, true),
        Role::Other => {}
    }
    kinds.transactional_ids |= facts.fields.iter().any(|field| field.name == "transactional_id");
    for field in facts.fields {
        match &field.ty {
            FieldType::Array(FieldType::Struct(inner)) if leads_to_rows(inner) => collect_kinds(inner, kinds),
            FieldType::Array(FieldType::String | FieldType::Int32) => match field.name {
                "partitions" | "partition_indexes" => kinds.partitions = true,
                "topic_names" | "subscribed_topic_names" => kinds.topics = true,
                "groups" | "groups_names" | "group_ids" => kinds.groups = true,
                "transactional_ids" => kinds.transactional_ids = true,
                _ => {}
            },
            _ => {}
        }
    }
}

/// Puts the rows of `more` where those of the same topic or group stand in `message`, or behind all others.
pub(crate) fn merge_rows(facts: &Struct, message: &mut Value, more: Value) {
    let (Value::Object(object), Value::Object(more)) = (message, more) else { return };
    for (name, value) in more {
        let Some(field) = facts.fields.iter().find(|field| field.name == name) else { continue };
        let FieldType::Array(FieldType::Struct(inner)) = &field.ty else { continue };
        let (Value::Array(added), true) = (value, leads_to_rows(inner)) else { continue };
        let own = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if own.is_null() {
            *own = Value::Array(Vec::new());
        }
        let Value::Array(own) = own else { continue };
        for element in added {
            match own.iter_mut().find(|found| is_same(inner, found, &element)) {
                Some(found) => merge_rows(inner, found, element),
                None => own.push(element),
            }
        }
    }
}

/// Whether two elements are about the same thing and hold rows that can be put together.
fn is_same(facts: &Struct, a: &Value, b: &Value) -> bool {
    const NAMES: [&str; 8] =
        ["name", "topic", "topic_name", "topic_id", "group_id", "transactional_id", "resource_type", "resource_name"];
    let holds = facts.fields.iter().any(|field| holds_rows(field.name, &field.ty));
    holds && NAMES.into_iter().all(|name| a.get(name) == b.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ApiKey;
    use serde_json::json;

    fn seen(api: ApiKey, mut request: Value) -> Vec<String> {
        let show = |row: &Row| {
            let topic = row.topic.as_deref().unwrap_or("-");
            let partition = row.partition.map_or_else(|| "-".to_owned(), |partition| partition.to_string());
            let group = row.group.as_deref().unwrap_or("-");
            format!("{topic} {partition} {group} {}", row.transactional_id.as_deref().unwrap_or("-"))
        };
        rows(api.request_facts().body, &mut request, &|_| Some("by id".to_owned())).iter().map(show).collect()
    }

    #[test]
    fn each_api_tells_what_it_is_about() {
        let check = |api: ApiKey, request: Value, expected: &[&str]| assert_eq!(seen(api, request), expected, "{api}");
        let two = json!({"name": "t", "partition_data": [{"index": 0}, {"index": 1}]});
        check(ApiKey::Produce, json!({"transactional_id": "x", "topic_data": [two]}), &["t 0 - x", "t 1 - x"]);
        let fetch = json!({
            "topics": [{"topic_id": "AAAAAAAAAAAAAAAAAAAAAQ", "partitions": [{"partition": 3}]}],
            "forgotten_topics_data": [{"topic": "gone", "partitions": [7]}],
        });
        check(ApiKey::Fetch, fetch, &["by id 3 - -"]);
        check(ApiKey::Metadata, json!({"topics": [{"name": "t"}, {"name": "u"}]}), &["t - - -", "u - - -"]);
        check(ApiKey::Metadata, json!({"topics": null}), &[]);
        let commit = json!({"group_id": "g", "topics": [{"name": "t", "partitions": [{"partition_index": 4}]}]});
        check(ApiKey::OffsetCommit, commit, &["t 4 g -"]);
        let offsets = json!({"groups": [
            {"group_id": "g", "topics": [{"name": "t", "partition_indexes": [1, 2]}]},
            {"group_id": "h", "topics": null},
        ]});
        check(ApiKey::OffsetFetch, offsets, &["t 1 g -", "t 2 g -", "- - h -"]);
        check(ApiKey::FindCoordinator, json!({"key_type": 0, "coordinator_keys": ["g", "h"]}), &["- - g -", "- - h -"]);
        check(ApiKey::FindCoordinator, json!({"key_type": 1, "coordinator_keys": ["x"]}), &["- - - x"]);
        check(ApiKey::FindCoordinator, json!({"key_type": 0, "key": "g"}), &["- - g -"]);
        check(ApiKey::FindCoordinator, json!({"key_type": 1, "key": "x"}), &["- - - x"]);
        let create = json!({"topics": [{"name": "t", "assignments": [{"partition_index": 0, "broker_ids": [1]}],
            "configs": [{"name": "c", "value": "v"}]}]});
        check(ApiKey::CreateTopics, create, &["t - - -"]);
        check(ApiKey::DeleteTopics, json!({"topic_names": ["t"]}), &["t - - -"]);
        check(ApiKey::DescribeGroups, json!({"groups": ["g"]}), &["- - g -"]);
        check(ApiKey::DeleteGroups, json!({"groups_names": ["g"]}), &["- - g -"]);
        let join = json!({"group_id": "g", "protocols": [{"name": "range"}]});
        check(ApiKey::JoinGroup, join, &["- - g -"]);
        let configs = json!({"resources": [
            {"resource_type": 2, "resource_name": "t"}, {"resource_type": 4, "resource_name": "1"}]});
        check(ApiKey::DescribeConfigs, configs, &["t - - -", "- - - -"]);
        let commit = json!({"group_id": "g", "transactional_id": "x",
            "topics": [{"name": "t", "partitions": [{"partition_index": 4}]}]});
        check(ApiKey::TxnOffsetCommit, commit, &["t 4 g x"]);
        check(ApiKey::ListGroups, json!({}), &[]);
    }

    #[test]
    fn rows_are_taken_out_and_put_back_beside_those_of_their_topic() {
        let facts = ApiKey::Produce.response_facts().body;
        let row = |index: i32, code: i16| json!({"index": index, "error_code": code});
        let mut answer = json!({"responses": [
            {"name": "t", "partition_responses": [row(0, 0), row(1, 0)]},
            {"name": "u", "partition_responses": [row(0, 0)]},
        ]});
        let fits = |row: &Row| row.partition == Some(0);
        assert!(retain_rows(facts, &mut answer, &|_| None, &mut |row| !fits(row)));
        assert_eq!(answer, json!({"responses": [{"name": "t", "partition_responses": [row(1, 0)]}]}));
        let more = json!({"responses": [
            {"name": "t", "partition_responses": [row(0, 6)]}, {"name": "u", "partition_responses": [row(0, 6)]}]});
        merge_rows(facts, &mut answer, more);
        let expected = json!({"responses": [
            {"name": "t", "partition_responses": [row(1, 0), row(0, 6)]},
            {"name": "u", "partition_responses": [row(0, 6)]},
        ]});
        assert_eq!(answer, expected);
    }
}
