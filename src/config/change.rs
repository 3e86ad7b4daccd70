//! What a change makes of the values set so far, and why Kafka refuses one.
//!
//! Not here: whether the resource exists or the principal may change it.

use crate::config::definition::ConfigError;
use crate::config::definition::ConfigType;
use crate::config::definition::Definition;
use crate::config::definition::UpdateMode;
use crate::config::definition::Value;
use crate::config::layers::BrokerLayers;
use crate::config::layers::Overrides;
use crate::config::tables::ConfigKind;
use crate::config::tables::find;

/// One operation of `IncrementalAlterConfigs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigOp {
    /// Sets the value.
    Set,
    /// Goes back to the default.
    Delete,
    /// Adds elements to a list.
    Append,
    /// Takes elements out of a list.
    Subtract,
}

impl ConfigOp {
    /// The operation with this number on the wire.
    pub const fn from_number(number: i8) -> Option<Self> {
        match number {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

/// Checks every value of `all` and what they say together, as `CreateTopics` and `AlterConfigs` need it.
///
/// Unknown names are refused first, then values, each in the order of names, then what values say together; `broker`
/// gives the values that are not in `all`, and the bounds of a group's.
///
/// # Errors
/// [`ConfigError`] in Kafka's words.
pub fn validate(kind: ConfigKind, all: &Overrides, broker: &BrokerLayers) -> Result<(), ConfigError> {
    if let Some(unknown) = all.keys().find(|name| find(kind, name).is_none()) {
        match kind {
            ConfigKind::Topic => return Err(ConfigError::invalid(format!("Unknown topic config name: {unknown}"))),
            ConfigKind::Group => return Err(ConfigError::invalid(format!("Unknown group config name: {unknown}"))),
            ConfigKind::ClientMetrics => {
                return Err(ConfigError::request(format!("Unknown client metrics configuration: {unknown}")));
            }
            // A broker keeps what it does not know: a plug-in may.
            ConfigKind::Broker => {}
        }
    }
    for (name, text) in all {
        if let Some(row) = find(kind, name) {
            row.parse(text).map_err(|why| if kind == ConfigKind::Broker { why.as_invalid_request() } else { why })?;
        }
    }
    match kind {
        ConfigKind::Topic => validate_topic(all, broker),
        ConfigKind::Group => validate_group(all, broker),
        ConfigKind::ClientMetrics => validate_client_metrics(all),
        ConfigKind::Broker => Ok(()),
    }
}

fn validate_topic(all: &Overrides, broker: &BrokerLayers) -> Result<(), ConfigError> {
    let whole = |name| broker.topic_value(all, name).and_then(|value| value.whole()).unwrap_or(0);
    let (min, max) = (whole("min.compaction.lag.ms"), whole("max.compaction.lag.ms"));
    if min > max {
        return Err(ConfigError::invalid(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        )));
    }
    if all.get("remote.storage.enable").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
        return Err(ConfigError::invalid(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
             storage."
                .into(),
        ));
    }
    Ok(())
}

/// The broker configs that bound a group's: config, lower bound, upper bound.
const GROUP_BOUNDS: &[(&str, Option<&str>, Option<&str>)] = &[
    bounds(
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    bounds(
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    bounds(
        "share.heartbeat.interval.ms",
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    bounds("share.session.timeout.ms", "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"),
    bounds(
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    bounds(
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    bounds(
        "streams.session.timeout.ms",
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
    ("streams.num.standby.replicas", None, Some("group.streams.max.standby.replicas")),
];

const fn bounds(
    name: &'static str,
    min: &'static str,
    max: &'static str,
) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    (name, Some(min), Some(max))
}

fn validate_group(all: &Overrides, broker: &BrokerLayers) -> Result<(), ConfigError> {
    for (name, min, max) in GROUP_BOUNDS {
        let own = find(ConfigKind::Group, name).zip(all.get(*name));
        let Some(value) = own.and_then(|(row, text)| row.parse(text).ok()?.whole()) else { continue };
        let bound = |config: &str| broker.value(config).and_then(|value| value.whole());
        if let Some(min) = min.filter(|min| bound(min).is_some_and(|bound| value < bound)) {
            return Err(ConfigError::invalid(format!("{name} must be greater than or equal to {min}")));
        }
        if let Some(max) = max.filter(|max| bound(max).is_some_and(|bound| value > bound)) {
            return Err(ConfigError::invalid(format!("{name} must be less than or equal to {max}")));
        }
    }
    Ok(())
}

fn validate_client_metrics(all: &Overrides) -> Result<(), ConfigError> {
    let interval = all.get("interval.ms").and_then(|text| text.trim().parse::<i32>().ok());
    if let Some(interval) = interval.filter(|interval| !(100..=3_600_000).contains(interval)) {
        return Err(ConfigError::request(format!(
            "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        )));
    }
    let matching = all.get("match").zip(find(ConfigKind::ClientMetrics, "match"));
    if let Some(Ok(Value::List(patterns))) = matching.map(|(text, row)| row.parse(text)) {
        if let Some(illegal) = patterns.iter().find(|pattern| !is_client_pattern(pattern)) {
            return Err(ConfigError::invalid(format!("Illegal client matching pattern: {illegal}")));
        }
    }
    Ok(())
}

/// Whether a text is `name=pattern` with a name that clients can be picked by; the pattern itself is not compiled.
fn is_client_pattern(text: &str) -> bool {
    const NAMES: [&str; 6] = [
        "client_id",
        "client_instance_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    ];
    let named = |(name, pattern): (&str, &str)| NAMES.contains(&name.trim()) && !pattern.is_empty();
    text.split_once('=').is_some_and(|(name, pattern)| named((name, pattern)) && !pattern.contains('='))
}

/// Applies one incremental operation to `set`; nothing is validated but what the operation itself asks for.
///
/// `Append` and `Subtract` start from the default where nothing is set. Follow a whole request by [`validate`].
///
/// # Errors
/// `INVALID_CONFIG` when a config that is no list is appended to or subtracted from, `INVALID_REQUEST` when a value is
/// missing.
pub fn apply(
    kind: ConfigKind,
    set: &mut Overrides,
    name: &str,
    op: ConfigOp,
    value: Option<&str>,
) -> Result<(), ConfigError> {
    if op == ConfigOp::Delete {
        set.remove(name);
        return Ok(());
    }
    let Some(value) = value else {
        return Err(ConfigError::request(format!("Null value not supported for : {name}")));
    };
    if op == ConfigOp::Set {
        set.insert(name.into(), value.into());
        return Ok(());
    }
    // Kafka's controller knows the lists of topics and brokers only.
    let has_lists = matches!(kind, ConfigKind::Topic | ConfigKind::Broker);
    let Some(row) = find(kind, name).filter(|row| has_lists && row.kind == ConfigType::List) else {
        let verb = if op == ConfigOp::Append { "append" } else { "subtract" };
        return Err(ConfigError::invalid(if kind == ConfigKind::Broker {
            format!("Config value {verb} is not allowed for config key: {name}")
        } else {
            format!("Can't {} to key {name} because its type is not LIST.", verb.to_uppercase())
        }));
    };
    let now = set.get(name).map_or_else(|| row.default.unwrap_or(""), String::as_str);
    // As Kafka's controller does it: blanks stay, so " delete" is not "delete".
    let mut elements: Vec<&str> = now.split(',').filter(|element| !element.is_empty()).collect();
    for element in value.split(',') {
        match op {
            ConfigOp::Append if !elements.contains(&element) => elements.push(element),
            ConfigOp::Append => {}
            _ => elements.retain(|one| *one != element),
        }
    }
    let joined = elements.join(",");
    set.insert(name.into(), joined);
    Ok(())
}

/// Checks that a broker with `broker` set on it may take `all` while it runs: as its own, or as what every broker has
/// when `per_broker` is false.
///
/// # Errors
/// `INVALID_REQUEST` in Kafka's words.
pub fn validate_dynamic(all: &Overrides, broker: &BrokerLayers, per_broker: bool) -> Result<(), ConfigError> {
    let refuse = |why: &str, wrong: &dyn Fn(&Definition) -> bool, set: &str| {
        let names = all.keys().filter_map(|name| find(ConfigKind::Broker, name)).filter(|row| wrong(row));
        let names: Vec<&str> = names.map(|row| row.name).collect();
        if names.is_empty() {
            return Ok(());
        }
        // Scala's name for a set of more than four.
        let set = if names.len() > 4 { "HashSet" } else { set };
        Err(ConfigError::request(format!("{why}: {set}({})", names.join(", "))))
    };
    refuse("Cannot update these configs dynamically", &|row| row.update == UpdateMode::ReadOnly, "Set")?;
    refuse(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        &|row| row.name.starts_with("ssl."),
        "HashSet",
    )?;
    validate(ConfigKind::Broker, all, &BrokerLayers::default())?;
    if !per_broker {
        refuse(
            "Cannot update these configs at default cluster level, broker id must be specified",
            &|row| row.update == UpdateMode::PerBroker,
            "Set",
        )?;
    }
    let mut next = broker.clone();
    let layer = if per_broker { &mut next.dynamic } else { &mut next.dynamic_default };
    layer.clone_from(all);
    validate_reconfigured(broker, &next)
}

/// What counts threads that a running broker adds or stops.
const THREADS: [&str; 5] = [
    "background.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

/// Checks what parts of a running broker ask of a change.
fn validate_reconfigured(old: &BrokerLayers, new: &BrokerLayers) -> Result<(), ConfigError> {
    let whole = |layers: &BrokerLayers, name: &str| layers.value(name).and_then(|value| value.whole()).unwrap_or(0);
    let refuse = |why: String| {
        Err(ConfigError::request(format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {why} for configuration Invalid dynamic \
             configuration"
        )))
    };
    for name in THREADS {
        let (now, wanted) = (whole(old, name), whole(new, name));
        let failed = format!("Dynamic thread count update validation failed for {name}={wanted}, value should");
        if wanted < now / 2 {
            return refuse(format!("{failed} be at least half the current value {now}"));
        }
        if wanted > now * 2 {
            return refuse(format!("{failed} not be greater than double the current value {now}"));
        }
    }
    if whole(new, "max.connections") == 0 {
        return refuse("Invalid max.connections 0".to_owned());
    }
    Ok(())
}
