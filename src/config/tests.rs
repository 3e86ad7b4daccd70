//! The tables and what is made of them, against what Kafka 4.2.1 said.

use std::collections::BTreeSet;

use super::*;

const KINDS: [ConfigKind; 4] = [ConfigKind::Topic, ConfigKind::Broker, ConfigKind::Group, ConfigKind::ClientMetrics];

macro_rules! fact {
    ($file:literal) => {
        include_str!(concat!("../../fixtures/facts/kafka-4.x/", $file))
    };
}

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect()
}

#[test]
fn every_table_is_sorted_without_repetition() {
    for kind in KINDS {
        assert!(definitions(kind).windows(2).all(|pair| pair[0].name < pair[1].name), "{kind:?}");
    }
}

#[test]
fn every_config_is_documented_in_one_sentence() {
    for row in KINDS.into_iter().flat_map(definitions) {
        let text = row.documentation;
        assert!(text.ends_with('.') && !text.contains(". ") && text.len() < 160, "{}: {text}", row.name);
    }
}

#[test]
fn every_default_is_legal_and_shown_as_it_is_written() {
    for row in KINDS.into_iter().flat_map(definitions) {
        if let Some(default) = row.default {
            assert_eq!(row.parse(default).unwrap().to_string(), default, "{}", row.name);
        }
    }
}

#[test]
fn what_is_applied_is_what_the_typed_views_read() {
    let flagged =
        |kind| -> BTreeSet<&str> { definitions(kind).iter().filter(|row| row.applied).map(|row| row.name).collect() };
    let mut read = BTreeSet::new();
    TopicConfig::read(&mut |name| {
        read.insert(name);
        find(ConfigKind::Topic, name).unwrap().default.and_then(|text| find(ConfigKind::Topic, name)?.parse(text).ok())
    });
    assert_eq!(read, flagged(ConfigKind::Topic));
    let mut read: BTreeSet<&str> =
        read.into_iter().flat_map(|name| find(ConfigKind::Topic, name).unwrap().synonyms).copied().collect();
    BrokerConfig::read(&mut |name| {
        read.insert(name);
        None
    });
    assert_eq!(read, flagged(ConfigKind::Broker));
}

#[test]
fn the_typed_topic_without_overrides_is_kafkas_default() {
    assert_eq!(TopicConfig::new(&Overrides::new(), &BrokerLayers::default()), TopicConfig::default());
}

#[test]
fn values_are_taken_and_refused_in_kafkas_words() {
    let text = |escaped: &str| escaped.replace("\\t", "\t").replace("\\n", "\n");
    let mut wrong = Vec::new();
    for line in fact!("config_values.tsv").lines() {
        let [kind, name, value, verdict, said] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let kind = match kind {
            "topic" => ConfigKind::Topic,
            "broker" => ConfigKind::Broker,
            "group" => ConfigKind::Group,
            _ => ConfigKind::ClientMetrics,
        };
        let (verdict, said) = (verdict == "ok", text(said));
        let ours = find(kind, name).unwrap().parse(&text(value));
        let same = match &ours {
            Ok(value) => verdict && value.to_string() == said,
            Err(why) => !verdict && why.to_string() == said,
        };
        if !same {
            wrong.push(format!("{line}\n  ours: {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a description says, in the words of the recorded facts.
fn told(all: &[Described]) -> Vec<serde_json::Value> {
    let source = |source: ConfigSource| match source {
        ConfigSource::TopicConfig => "DYNAMIC_TOPIC_CONFIG".into(),
        other => serde_json::to_value(other).unwrap(),
    };
    all.iter()
        .map(|one| {
            let synonyms: Vec<_> = one
                .synonyms
                .iter()
                .map(|s| serde_json::json!({"name": s.name, "value": s.value, "source": source(s.source)}))
                .collect();
            serde_json::json!({
                "name": one.name, "value": one.value, "source": source(one.source),
                "type": one.definition.map_or_else(|| "UNKNOWN".into(), |row| row.kind.to_string()),
                "read_only": one.read_only, "sensitive": one.is_sensitive(), "synonyms": synonyms,
            })
        })
        .collect()
}

fn same_as_recorded(ours: &[Described], recorded: &str, of_the_machine: &[&str]) {
    let recorded: Vec<serde_json::Value> = serde_json::from_str(recorded).unwrap();
    let ours = told(ours);
    let names = |all: &[serde_json::Value]| all.iter().map(|one| one["name"].to_string()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&recorded));
    for (ours, kafkas) in ours.iter().zip(&recorded) {
        if !of_the_machine.contains(&kafkas["name"].as_str().unwrap()) {
            assert_eq!(ours, kafkas);
        }
    }
}

/// A new cluster of 4.2 sets this for all brokers by itself.
fn fresh() -> BrokerLayers {
    BrokerLayers { dynamic_default: overrides(&[("min.insync.replicas", "1")]), ..BrokerLayers::default() }
}

#[test]
fn a_new_topic_is_described_as_kafka_describes_it() {
    same_as_recorded(&fresh().describe_topic(&Overrides::new()), fact!("describe_configs_topic.json"), &[]);
}

#[test]
fn a_new_broker_is_described_as_kafka_describes_it() {
    let machine = [
        "advertised.listeners",
        "broker.id",
        "controller.listener.names",
        "controller.quorum.voters",
        "listener.security.protocol.map",
        "listeners",
        "log.dirs",
        "node.id",
        "offsets.topic.replication.factor",
        "process.roles",
    ];
    same_as_recorded(&fresh().describe(), fact!("describe_configs_broker.json"), &machine);
}

#[test]
fn changes_are_taken_and_refused_in_kafkas_words() {
    // What needs the cluster itself, or a guard that we do not have: listeners, patterns that are no regular expression.
    let not_here = [
        "nosuch",
        "num.network.threads=100",
        "listeners=",
        "throttled.rate=abc",
        "Default group resources",
        "Subscription name",
        "NumberFormatException",
        "TimeoutException",
        "client_id=[",
    ];
    let (mut topic, mut group, mut metrics) = (Overrides::new(), Overrides::new(), Overrides::new());
    let mut wrong = Vec::new();
    for line in fact!("config_changes.tsv").lines().filter(|line| !not_here.iter().any(|part| line.contains(part))) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (resource, op) = (fields[1], fields[2]);
        let (name, value) = fields[3].split_once('=').unwrap();
        let (kind, set) = match fields[0] {
            "TOPIC" => (ConfigKind::Topic, &mut topic),
            "GROUP" => (ConfigKind::Group, &mut group),
            "BROKER" => (ConfigKind::Broker, &mut Overrides::new()),
            _ => (ConfigKind::ClientMetrics, &mut metrics),
        };
        let op = match op {
            "SET" => ConfigOp::Set,
            "DELETE" => ConfigOp::Delete,
            "APPEND" => ConfigOp::Append,
            _ => ConfigOp::Subtract,
        };
        let mut next = set.clone();
        let value = Some(value).filter(|value| *value != "null");
        let ours = apply(kind, &mut next, name, op, value).and_then(|()| match kind {
            ConfigKind::Broker => validate_dynamic(&next, &BrokerLayers::default(), !resource.is_empty()),
            _ => validate(kind, &next, &BrokerLayers::default()),
        });
        if ours.is_ok() {
            *set = next;
        }
        let said = match &ours {
            Ok(()) => "OK".to_owned(),
            Err(why) if why.error_code() == crate::base::ErrorCode::INVALID_CONFIG => {
                format!("InvalidConfigurationException\t{why}")
            }
            Err(why) => format!("InvalidRequestException\t{why}"),
        };
        if said != fields[4..].join("\t") {
            wrong.push(format!("{line}\n  ours: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_broker_in_hours_stands_in_for_a_topic_in_milliseconds() {
    let check = |fixed: &[(&str, &str)], expected: Option<i64>| {
        let broker = BrokerLayers { fixed: overrides(fixed), ..BrokerLayers::default() };
        assert_eq!(TopicConfig::new(&Overrides::new(), &broker).retention_ms, expected, "{fixed:?}");
    };
    check(&[], Some(604_800_000));
    check(&[("log.retention.hours", "2")], Some(7_200_000));
    check(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")], Some(180_000));
    check(&[("log.retention.minutes", "3"), ("log.retention.ms", "5")], Some(5));
    check(&[("log.retention.hours", "-1")], None);
}

#[test]
fn a_description_reads_well() {
    let topic = overrides(&[("cleanup.policy", "compact"), ("retention.ms", "60000")]);
    let lines: Vec<String> = fresh()
        .describe_topic(&topic)
        .iter()
        .map(|one| format!("{} = {} ({:?})", one.name, one.value.as_deref().unwrap_or("null"), one.source))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
