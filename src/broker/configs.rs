//! How configuration changes while the cluster runs: which resources have some, and who refuses what.
//!
//! Not here: what a config means and takes; that is [`crate::config`]. Requests are read by the handlers.
//!
//! A change is checked in two places, in this order, as in Kafka: by the broker that was asked (the request's form, and
//! its own configs), then by the controller (all others, and whether the resource exists).

use super::outcome::RequestContext;
use super::state::State;
use super::topics::Refusal;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::TopicName;
use crate::config::ConfigKind;
use crate::config::ConfigOp;
use crate::config::Overrides;
use crate::config::apply;
use crate::config::find;
use crate::config::validate;
use crate::config::validate_dynamic;
use std::collections::BTreeSet;

/// What can be configured, as the protocol numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceType {
    Topic = 2,
    Broker = 4,
    BrokerLogger = 8,
    ClientMetrics = 16,
    Group = 32,
}

impl ResourceType {
    /// In the order in which `ListConfigResources` answers.
    pub(crate) const ALL: [Self; 5] = [Self::Group, Self::ClientMetrics, Self::BrokerLogger, Self::Broker, Self::Topic];

    /// The type with this number.
    pub(crate) fn from_number(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }

    /// Its number.
    pub(crate) const fn number(self) -> i8 {
        self as i8
    }
}

/// What a request wants of one resource.
pub(crate) struct Alteration<'a> {
    /// The number of the resource's type.
    pub(crate) resource_type: i8,
    /// The resource's name.
    pub(crate) name: &'a str,
    /// The changes in the request's order.
    pub(crate) changes: Vec<Change<'a>>,
    /// Whether what the request does not name goes back to its default.
    pub(crate) replaces: bool,
}

/// One change of one config.
pub(crate) struct Change<'a> {
    pub(crate) name: &'a str,
    /// The number of the operation.
    pub(crate) op: i8,
    pub(crate) value: Option<&'a str>,
}

impl State {
    /// Alters resources one by one, and says for each in turn why not; one that is refused stays as it was.
    pub(crate) fn alter_configs(
        &mut self,
        ctx: &RequestContext,
        all: &[Alteration<'_>],
        validate_only: bool,
    ) -> Vec<Result<(), Refusal>> {
        let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
        for id in all.iter().map(|one| (one.resource_type, one.name)) {
            if !seen.insert(id) {
                repeated.insert(id);
            }
        }
        let alter = |one: &Alteration<'_>| {
            if repeated.contains(&(one.resource_type, one.name)) {
                return Err(invalid_request("Each resource must appear at most once."));
            }
            self.alter_config(ctx.broker, one, validate_only)
        };
        all.iter().map(alter).collect()
    }

    fn alter_config(&mut self, asked: BrokerId, one: &Alteration<'_>, validate_only: bool) -> Result<(), Refusal> {
        let mut names = BTreeSet::new();
        if !one.changes.iter().all(|change| names.insert(change.name)) {
            return Err(invalid_request("Error due to duplicate config keys"));
        }
        let valueless = one.changes.iter().filter(|change| change.value.is_none() && change.op != DELETE);
        let valueless: Vec<&str> = valueless.map(|change| change.name).collect();
        if !valueless.is_empty() {
            return Err(invalid_request(format!("Null value not supported for : {}", valueless.join(", "))));
        }
        let unknown = || invalid_request(format!("Unknown resource type {}", one.resource_type));
        match ResourceType::from_number(one.resource_type).ok_or_else(unknown)? {
            ResourceType::BrokerLogger if one.replaces => Err(unknown()),
            ResourceType::BrokerLogger => self.alter_loggers(asked, one, validate_only),
            ResourceType::Broker => self.alter_broker(asked, one, validate_only),
            ResourceType::Topic => self.alter_topic(one, validate_only),
            ResourceType::Group => self.alter_named(ConfigKind::Group, one, validate_only),
            ResourceType::ClientMetrics => self.alter_named(ConfigKind::ClientMetrics, one, validate_only),
        }
    }

    fn alter_topic(&mut self, one: &Alteration<'_>, validate_only: bool) -> Result<(), Refusal> {
        let topic = self.topics.get(one.name);
        let next = one.applied(ConfigKind::Topic, topic.map(|topic| &topic.config))?;
        if one.name.is_empty() {
            return Err(invalid_request("Default topic resources are not allowed."));
        }
        TopicName::new(one.name)
            .map_err(|error| Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))?;
        validate(ConfigKind::Topic, &next, self.settings.cluster())?;
        if topic.is_none() {
            let message = format!("The topic '{}' does not exist.", one.name);
            return Err(Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
        }
        if !validate_only {
            self.set_topic_config(one.name, next);
        }
        Ok(())
    }

    /// Alters what is set on the broker that was asked, or on all when the resource has no name.
    fn alter_broker(&mut self, asked: BrokerId, one: &Alteration<'_>, validate_only: bool) -> Result<(), Refusal> {
        let every = one.name.is_empty();
        if !every {
            let id = node_id(one.name, "Node id")?;
            if id != asked {
                let message = format!("Unexpected broker id, expected {asked}, but received {}", one.name);
                return Err(invalid_request(message));
            }
        }
        if let Some(change) = one.changes.iter().find(|change| ConfigOp::from_number(change.op).is_none()) {
            return Err(invalid_request(format!("Unknown operations type {}", change.op)));
        }
        let layers = self.settings.layers(asked);
        let now = if every { &layers.dynamic_default } else { &layers.dynamic };
        let next = one.applied(ConfigKind::Broker, Some(now))?;
        validate_dynamic(&next, layers, !every)?;
        let refuse = |message: &str| Err(Refusal::new(ErrorCode::INVALID_CONFIG, message));
        if every && !next.contains_key(MIN_ISR) {
            return refuse("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
        }
        if !every && one.changes.iter().any(|change| change.name == MIN_ISR) {
            return refuse("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
        }
        // As in Kafka, `01` passes for 1 here but is a resource of its own that no broker reads.
        let read = every || one.name == asked.to_string();
        if !validate_only && read {
            self.set_broker_config((!every).then_some(asked), &next);
        }
        Ok(())
    }

    fn alter_named(&mut self, kind: ConfigKind, one: &Alteration<'_>, validate_only: bool) -> Result<(), Refusal> {
        let next = one.applied(kind, self.settings.named(kind).and_then(|all| all.get(one.name)))?;
        if one.name.is_empty() {
            return Err(invalid_request(match kind {
                ConfigKind::Group => "Default group resources are not allowed.",
                _ => "Subscription name can't be empty",
            }));
        }
        validate(kind, &next, self.settings.cluster())?;
        if !validate_only {
            self.settings.set_named(kind, one.name, next);
        }
        Ok(())
    }

    fn alter_loggers(&mut self, asked: BrokerId, one: &Alteration<'_>, validate_only: bool) -> Result<(), Refusal> {
        if node_id(one.name, "Node id")? != asked {
            return Err(invalid_request(format!("Unexpected node id. Expected {asked}, but received {}", one.name)));
        }
        let mut next = self.settings.loggers(asked).clone();
        for change in &one.changes {
            let op = ConfigOp::from_number(change.op).ok_or_else(controller_failed)?;
            let refuse = |message: String| Err(Refusal::new(ErrorCode::INVALID_CONFIG, message));
            let verb = match op {
                ConfigOp::Append => Some("APPEND"),
                ConfigOp::Subtract => Some("SUBTRACT"),
                ConfigOp::Set | ConfigOp::Delete => None,
            };
            if let Some(verb) = verb {
                let message = format!("{verb} operation is not allowed for the BROKER_LOGGER resource");
                return Err(invalid_request(message));
            }
            if !next.contains_key(change.name) {
                return refuse(format!("Logger {} does not exist!", change.name));
            }
            let level = match change.value.filter(|_| op == ConfigOp::Set) {
                Some(level) if !LOG_LEVELS.contains(&level) => {
                    return refuse(format!(
                        "Cannot set the log level of {} to {level} as it is not a supported log level. Valid log \
                         levels are {}",
                        change.name,
                        LOG_LEVELS.join(", ")
                    ));
                }
                Some(level) => level.to_owned(),
                None if change.name == ROOT_LOGGER => {
                    return Err(invalid_request("Removing the log level of the root logger is not allowed"));
                }
                // Without a level of its own a logger has that of the root.
                None => next.get(ROOT_LOGGER).cloned().unwrap_or_default(),
            };
            next.insert(change.name.to_owned(), level);
        }
        if !validate_only {
            self.settings.set_loggers(asked, next);
        }
        Ok(())
    }

    /// The names of the resources of a type, sorted.
    pub(crate) fn config_resources(&self, kind: ResourceType) -> Vec<String> {
        let named = |kind| self.settings.named(kind).into_iter().flat_map(|all| all.keys().cloned()).collect();
        match kind {
            ResourceType::Group => named(ConfigKind::Group),
            ResourceType::ClientMetrics => named(ConfigKind::ClientMetrics),
            ResourceType::Broker | ResourceType::BrokerLogger => {
                self.brokers.iter().map(|broker| broker.id.to_string()).collect()
            }
            ResourceType::Topic => self.topics.iter().map(|topic| topic.name.to_string()).collect(),
        }
    }
}

impl Alteration<'_> {
    /// What the changes make of what is set `now`.
    fn applied(&self, kind: ConfigKind, now: Option<&Overrides>) -> Result<Overrides, Refusal> {
        let mut next = now.filter(|_| !self.replaces).cloned().unwrap_or_default();
        for change in &self.changes {
            let op = ConfigOp::from_number(change.op).ok_or_else(controller_failed)?;
            let of_list = matches!(op, ConfigOp::Append | ConfigOp::Subtract);
            if kind == ConfigKind::Broker && of_list && find(kind, change.name).is_none() {
                return Err(controller_failed());
            }
            apply(kind, &mut next, change.name, op, change.value)?;
        }
        Ok(next)
    }
}

/// The logger that all others are below.
const ROOT_LOGGER: &str = "root";

/// The levels that a logger can have, in the order of Kafka's sentence.
const LOG_LEVELS: [&str; 6] = ["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"];

/// Bound to the cluster since eligible leader replicas (KIP-966), on which it depends.
const MIN_ISR: &str = "min.insync.replicas";

/// The number of the operation that sets a value.
pub(crate) const SET: i8 = 0;

/// The number of the operation that needs no value.
const DELETE: i8 = 1;

/// Reads the name of a broker resource as Java reads an `int`.
pub(crate) fn node_id(name: &str, what: &str) -> Result<BrokerId, Refusal> {
    let wrong = |_| invalid_request(format!("{what} must be an integer, but it is: {name}"));
    name.parse().map(BrokerId).map_err(wrong)
}

/// A refusal of the request's form.
pub(crate) fn invalid_request(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::INVALID_REQUEST, message)
}

/// What comes back when Kafka did not foresee a mistake: a code without words.
fn controller_failed() -> Refusal {
    Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, "")
}
