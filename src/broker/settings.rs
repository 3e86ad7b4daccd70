//! Configuration as the brokers hold it: what was set, and the typed values that follow from it.
//!
//! Not here: what each name means; that is [`crate::config`].

use crate::base::BrokerId;
use crate::base::BrokerMutants;
use crate::base::Instant;
use crate::base::Timestamp;
use crate::config::BrokerConfig;
use crate::config::BrokerLayers;
use crate::config::ConfigKind;
use crate::config::Overrides;
use crate::config::TopicConfig;
use crate::config::validate;
use crate::coordinator::Moment;
use crate::coordinator::SubscribableTopic;
use crate::coordinator::TopicsImage;
use crate::metadata::Broker;
use crate::metadata::Brokers;
use crate::metadata::Topics;
use std::collections::BTreeMap;
use std::sync::Arc;

const MIN_ISR: &str = "min.insync.replicas";

/// What is set on brokers, groups and client metrics subscriptions, and typed views of it.
///
/// The views are made on every change, so that a request does not parse texts; each log holds its topic's.
#[derive(Debug)]
pub(crate) struct Settings {
    brokers: BTreeMap<BrokerId, (BrokerLayers, BrokerConfig)>,
    groups: BTreeMap<String, Overrides>,
    client_metrics: BTreeMap<String, Overrides>,
    /// The level of each logger, by broker.
    loggers: BTreeMap<BrokerId, BTreeMap<String, String>>,
    /// The topics as coordinators are told of them, and the version of all topics that this is of.
    image: TopicsImage,
    /// What is wrong with the brokers on purpose.
    pub(super) mutants: BrokerMutants,
}

/// The loggers of a broker as Kafka's own log4j2.yaml sets them.
const LOGGERS: [(&str, &str); 10] = [
    ("kafka", "INFO"),
    ("kafka.authorizer.logger", "INFO"),
    ("kafka.network.RequestChannel$", "WARN"),
    ("kafka.request.logger", "WARN"),
    ("org.apache.kafka", "INFO"),
    ("org.apache.kafka.controller", "INFO"),
    ("org.apache.kafka.storage.internals.log.LogCleaner", "INFO"),
    ("org.apache.kafka.storage.internals.log.LogCleaner$CleanerThread", "INFO"),
    ("root", "INFO"),
    ("state.change.logger", "INFO"),
];

impl Settings {
    /// Starts with the same static configuration on all brokers.
    ///
    /// # Errors
    /// A sentence about a value that is not valid.
    pub(super) fn new(brokers: &Brokers, fixed: Overrides) -> Result<Self, String> {
        validate(ConfigKind::Broker, &fixed, &BrokerLayers::default()).map_err(|error| error.to_string())?;
        let count = brokers.len();
        // A new cluster with eligible leader replicas (KIP-966) takes the static value as its dynamic default.
        let min_isr = fixed.get(MIN_ISR).map_or("1", String::as_str);
        let dynamic_default = Overrides::from([(MIN_ISR.to_owned(), min_isr.to_owned())]);
        let layers = brokers.iter().map(|broker| {
            let mut own = own_of(broker, count);
            own.extend(fixed.clone());
            // What is said of one broker counts for more than what is said of all.
            own.extend(broker.rack.clone().map(|rack| ("broker.rack".to_owned(), rack)));
            let layers =
                BrokerLayers { fixed: own, dynamic_default: dynamic_default.clone(), ..BrokerLayers::default() };
            let config = BrokerConfig::new(&layers);
            (broker.id, (layers, config))
        });
        let loggers = brokers.iter().map(|broker| (broker.id, LOGGERS.map(owned).into())).collect();
        let (groups, client_metrics) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            brokers: layers.collect(),
            groups,
            client_metrics,
            loggers,
            image: TopicsImage::default(),
            mutants: BrokerMutants::default(),
        })
    }

    /// Takes in a broker that joins later, configured as the first one is.
    pub(super) fn add_broker(&mut self, broker: &Broker) {
        if self.brokers.contains_key(&broker.id) {
            return;
        }
        let first = self.cluster();
        let mut layers = BrokerLayers { dynamic: Overrides::new(), ..first.clone() };
        for (name, value) in own_of(broker, 1) {
            // The rest of it depends on how many brokers there were at the start.
            if ["node.id", "listeners"].contains(&name.as_str()) {
                layers.fixed.insert(name, value);
            }
        }
        layers.fixed.remove("broker.rack");
        layers.fixed.extend(broker.rack.clone().map(|rack| ("broker.rack".to_owned(), rack)));
        let config = BrokerConfig::new(&layers);
        self.brokers.insert(broker.id, (layers, config));
        self.loggers.insert(broker.id, LOGGERS.map(owned).into());
    }

    /// What is set on a broker.
    pub(crate) fn layers(&self, broker: BrokerId) -> &BrokerLayers {
        &self.entry(broker).0
    }

    /// The values in force on a broker.
    pub(super) fn broker(&self, broker: BrokerId) -> &BrokerConfig {
        &self.entry(broker).1
    }

    /// What a coordinator on a broker is told.
    pub(super) fn moment(&self, now: Instant, timestamp: Timestamp, broker: BrokerId) -> Moment<'_> {
        Moment {
            now,
            timestamp,
            config: self.broker(broker),
            group_configs: &self.groups,
            topics: &self.image,
            mutants: self.mutants,
        }
    }

    /// Sees to it that coordinators are told of the topics as they are.
    pub(super) fn update_image(&mut self, topics: &Topics, brokers: &Brokers) {
        if self.image.version() == topics.version() {
            return;
        }
        let rows = topics.iter().map(|topic| {
            let rack = |broker: &BrokerId| brokers.get(*broker).and_then(|broker| broker.rack.as_deref());
            let racks = topic.assignment.iter().flatten().map(rack);
            let partitions = i32::try_from(topic.assignment.len()).unwrap_or(i32::MAX);
            (topic.name.as_str(), SubscribableTopic::new(topic.id, partitions, racks))
        });
        self.image.update(topics.version(), rows);
    }

    fn entry(&self, broker: BrokerId) -> &(BrokerLayers, BrokerConfig) {
        self.brokers.get(&broker).expect("requests are handled for registered brokers only")
    }

    /// The values in force for topics where nothing is set on them: those of the controller's broker.
    pub(crate) fn cluster(&self) -> &BrokerLayers {
        let (layers, _) = self.brokers.values().next().expect("a cluster has a broker");
        layers
    }

    /// The values in force for a topic with `own` set on it.
    pub(super) fn topic(&self, own: &Overrides) -> Arc<TopicConfig> {
        Arc::new(TopicConfig { mutants: self.mutants, ..TopicConfig::new(own, self.cluster()) })
    }

    /// Replaces what was set on one broker, or on all when `broker` is `None`, while they run.
    pub(super) fn set_dynamic(&mut self, broker: Option<BrokerId>, set: &Overrides) {
        for (id, (layers, config)) in &mut self.brokers {
            match broker {
                None => layers.dynamic_default.clone_from(set),
                Some(one) if one == *id => layers.dynamic.clone_from(set),
                Some(_) => continue,
            }
            *config = BrokerConfig::new(layers);
        }
    }

    /// The levels of a broker's loggers, by name.
    pub(crate) fn loggers(&self, broker: BrokerId) -> &BTreeMap<String, String> {
        self.loggers.get(&broker).expect("requests are handled for registered brokers only")
    }

    /// Replaces the levels of a broker's loggers.
    pub(crate) fn set_loggers(&mut self, broker: BrokerId, levels: BTreeMap<String, String>) {
        self.loggers.insert(broker, levels);
    }

    /// What is set on groups or client metrics subscriptions, by their names; `None` for the other kinds.
    pub(crate) fn named(&self, kind: ConfigKind) -> Option<&BTreeMap<String, Overrides>> {
        match kind {
            ConfigKind::Group => Some(&self.groups),
            ConfigKind::ClientMetrics => Some(&self.client_metrics),
            ConfigKind::Topic | ConfigKind::Broker => None,
        }
    }

    /// Replaces what is set on a group or a client metrics subscription; nothing left forgets its name.
    pub(crate) fn set_named(&mut self, kind: ConfigKind, name: &str, set: Overrides) {
        let all = match kind {
            ConfigKind::Group => &mut self.groups,
            ConfigKind::ClientMetrics => &mut self.client_metrics,
            ConfigKind::Topic | ConfigKind::Broker => return,
        };
        if set.is_empty() {
            all.remove(name);
        } else {
            all.insert(name.to_owned(), set);
        }
    }
}

fn owned((name, level): (&str, &str)) -> (String, String) {
    (name.to_owned(), level.to_owned())
}

/// What every broker's own `server.properties` says.
fn own_of(broker: &Broker, count: usize) -> Overrides {
    let replication = count.min(3).to_string();
    [
        ("node.id", broker.id.to_string()),
        ("process.roles", "broker,controller".to_owned()),
        ("listeners", format!("PLAINTEXT://{}:{}", broker.host, broker.port)),
        // A cluster of three is there to see replication at work.
        ("default.replication.factor", replication.clone()),
        ("offsets.topic.replication.factor", replication.clone()),
        ("transaction.state.log.replication.factor", replication),
        ("transaction.state.log.min.isr", count.clamp(1, 2).to_string()),
        // A test waits for nobody, and wants to see a member time out soon.
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("group.min.session.timeout.ms", "1".to_owned()),
        ("group.consumer.heartbeat.interval.ms", "100".to_owned()),
        ("group.consumer.min.heartbeat.interval.ms", "1".to_owned()),
        ("group.consumer.min.session.timeout.ms", "1".to_owned()),
        // Nor for the controller to notice that a broker is dead.
        ("broker.session.timeout.ms", "500".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
