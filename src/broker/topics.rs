//! How topics come, grow and go.
//!
//! Not here: how requests ask for it; those are the handlers of `CreateTopics` and its siblings.

use super::outcome::Watch;
use super::state::State;
use super::state::random_uuid;
use crate::base::BrokerId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::config::ConfigError;
use crate::config::ConfigKind;
use crate::config::NewTopic;
use crate::config::Overrides;
use crate::config::TopicConfig;
use crate::config::validate;
use crate::log::Maintained;
use crate::log::PartitionLog;
use crate::metadata::Topic;
use crate::metadata::place;
use bytestring::ByteString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Kafka's default for `producer.id.expiration.check.interval.ms`, a setting that it keeps to itself.
pub(super) const PRODUCER_EXPIRATION_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Why something is refused: Kafka's code and Kafka's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// The sentence that the protocol carries beside the code.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The code and the sentence as answers carry them; without words the sentence is null.
    pub(crate) fn answer(self) -> (ErrorCode, Option<ByteString>) {
        (self.code, Some(self.message).filter(|message| !message.is_empty()).map(ByteString::from))
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self { code: error.error_code(), message: error.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

/// The topic of the controllers' own log, which is no topic to clients.
pub(crate) const CLUSTER_METADATA: &str = "__cluster_metadata";

/// More partitions than this in one request are refused, so that one frame cannot fill the memory.
///
/// Source: `ReplicationControlManager` (`MAX_PARTITIONS_PER_BATCH`).
pub(crate) const PARTITIONS_MAX: i64 = 10_000;

/// Why a request for more than [`PARTITIONS_MAX`] partitions is refused.
pub(crate) fn too_many_partitions() -> Refusal {
    Refusal::new(ErrorCode::POLICY_VIOLATION, "Excessively large number of partitions per request.")
}

/// Checks that a request which chooses the replicas leaves their number and that of the partitions open.
///
/// # Errors
/// `INVALID_REQUEST`.
pub(crate) fn check_given_by_assignment(partitions: i32, replication_factor: i16) -> Result<(), Refusal> {
    let refuse = |what: &str| {
        let message = format!("A manual partition assignment was specified, but {what} was not set to -1.");
        Err(Refusal::new(ErrorCode::INVALID_REQUEST, message))
    };
    if replication_factor != -1 {
        return refuse("replication factor");
    }
    if partitions != -1 {
        return refuse("numPartitions");
    }
    Ok(())
}

impl State {
    /// Creates a topic.
    ///
    /// # Errors
    /// In Kafka's order: `INVALID_TOPIC_EXCEPTION`, `TOPIC_ALREADY_EXISTS`, `INVALID_CONFIG`, `INVALID_REQUEST`,
    /// `INVALID_REPLICA_ASSIGNMENT`, `INVALID_REPLICATION_FACTOR`, `INVALID_PARTITIONS`, `POLICY_VIOLATION`.
    pub(crate) fn create_topic(&mut self, new: NewTopic) -> Result<(), Refusal> {
        let name = self.check_new_name(&new.name)?;
        self.check_topic_config(&new.configs)?;
        let assignment = if new.assignment.is_empty() {
            self.place_topic(new.partitions, new.replication_factor)?
        } else {
            check_given_by_assignment(new.partitions, new.replication_factor)?;
            let mut replication_factor = None;
            for replicas in &new.assignment {
                self.check_replicas(replicas, replication_factor)?;
                replication_factor = Some(replicas.len());
            }
            new.assignment
        };
        let topic = self.name_topic(name, assignment, new.configs);
        self.install_topic(topic);
        Ok(())
    }

    /// Checks the name of a topic that does not exist yet.
    ///
    /// # Errors
    /// `INVALID_TOPIC_EXCEPTION`, `INVALID_REQUEST` (`__cluster_metadata`), `TOPIC_ALREADY_EXISTS`.
    pub(crate) fn check_new_name(&self, name: &str) -> Result<TopicName, Refusal> {
        let name = TopicName::new(name)
            .map_err(|error| Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))?;
        if name.as_str() == CLUSTER_METADATA {
            let message = format!("Creation of internal topic {name} is prohibited.");
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
        }
        if self.topics.get(name.as_str()).is_some() {
            return Err(Refusal::new(ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists.")));
        }
        if let Some(other) = self.topics.colliding(name.as_str()) {
            let message = format!("Topic '{name}' collides with existing topic: {}", other.name);
            return Err(Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message));
        }
        Ok(name)
    }

    /// Checks what is to be set on a new topic.
    ///
    /// # Errors
    /// `INVALID_CONFIG`.
    pub(crate) fn check_topic_config(&self, configs: &Overrides) -> Result<(), Refusal> {
        Ok(validate(ConfigKind::Topic, configs, self.settings.cluster())?)
    }

    /// Gives a new topic its id; nothing else knows of it yet.
    pub(crate) fn name_topic(&mut self, name: TopicName, assignment: Vec<Vec<BrokerId>>, config: Overrides) -> Topic {
        Topic { id: random_uuid(&mut self.topic_ids), name, assignment, config }
    }

    /// Places the replicas of a new topic; -1 stands for the broker's default of either number.
    ///
    /// # Errors
    /// `INVALID_REPLICATION_FACTOR`, `INVALID_PARTITIONS`, `POLICY_VIOLATION`.
    pub(crate) fn place_topic(&self, partitions: i32, replication_factor: i16) -> Result<Vec<Vec<BrokerId>>, Refusal> {
        if replication_factor < -1 || replication_factor == 0 {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(Refusal::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        if partitions < -1 || partitions == 0 {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(Refusal::new(ErrorCode::INVALID_PARTITIONS, message));
        }
        if i64::from(partitions) > PARTITIONS_MAX {
            return Err(too_many_partitions());
        }
        let partitions = if partitions == -1 { self.default_partitions() } else { partitions };
        let factor = match replication_factor {
            -1 => self.broker_config(self.brokers.controller()).default_replication_factor,
            factor => factor.into(),
        };
        self.place_replicas(0, partitions, factor)
    }

    /// `num.partitions`.
    pub(crate) fn default_partitions(&self) -> i32 {
        self.broker_config(self.brokers.controller()).num_partitions
    }

    /// Places the partitions from number `first` up to `end`, each with `factor` replicas.
    ///
    /// # Errors
    /// `INVALID_REPLICATION_FACTOR` when there are too few brokers.
    pub(crate) fn place_replicas(&self, first: i32, end: i32, factor: i32) -> Result<Vec<Vec<BrokerId>>, Refusal> {
        let brokers = self.brokers.usable();
        let active = brokers.iter().filter(|id| self.brokers.is_active(**id)).count();
        match usize::try_from(factor) {
            Ok(factor) if factor <= brokers.len() => {
                // Fenced brokers get a replica where there are too few others.
                let among = &brokers[..active.max(factor)];
                let place = |index| place(among, usize::try_from(index).expect("indexes are not negative"), factor);
                Ok((first..end).map(place).collect())
            }
            _ => Err(Refusal::new(
                ErrorCode::INVALID_REPLICATION_FACTOR,
                format!(
                    "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                     cannot be reached because only {} broker(s) are registered.",
                    brokers.len()
                ),
            )),
        }
    }

    /// Checks the replicas of one partition that a client has chosen, against how many other partitions have.
    ///
    /// # Errors
    /// `INVALID_REPLICA_ASSIGNMENT`.
    ///
    /// Source: `ReplicationControlManager.validateManualPartitionAssignment`.
    pub(crate) fn check_replicas(
        &self,
        replicas: &[BrokerId],
        replication_factor: Option<usize>,
    ) -> Result<(), Refusal> {
        let refuse = |what: String| {
            let message = format!("The manual partition assignment includes {what}");
            Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
        };
        if replicas.is_empty() {
            return refuse("an empty replica list.".to_owned());
        }
        let mut sorted = replicas.to_vec();
        sorted.sort();
        let mut before = None;
        for id in sorted {
            if self.brokers.get(id).is_none() {
                return refuse(format!("broker {id}, but no such broker is registered."));
            }
            if before == Some(id) {
                return refuse(format!("the broker {id} more than once."));
            }
            before = Some(id);
        }
        match replication_factor {
            Some(factor) if factor != replicas.len() => refuse(format!(
                "a partition with {} replica(s), but this is not consistent with previous partitions, which have \
                 {factor} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }

    /// Makes a topic and its empty logs.
    pub(crate) fn install_topic(&mut self, topic: Topic) {
        let config = self.settings.topic(&topic.config);
        for (index, replicas) in topic.partitions().zip(&topic.assignment) {
            let log = PartitionLog::new(topic.name.clone(), index, Arc::clone(&config), replicas);
            self.install_partition((topic.id, index), log);
        }
        self.topics.insert(topic);
        if config.is_compacted() {
            self.schedule_cleaning(self.cleaned_at);
        }
    }

    /// Whether a client that asks for a missing topic gets one.
    pub(crate) fn auto_create_topics(&self) -> bool {
        self.broker_config(self.brokers.controller()).auto_create_topics_enable
    }

    /// Creates a topic because somebody asked for it.
    pub(crate) fn auto_create_topic(&mut self, name: &str) -> Result<(), Refusal> {
        let new = NewTopic::new(name);
        self.create_topic(new)
    }

    /// Deletes a topic with all its records.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`.
    pub(crate) fn delete_topic(&mut self, now: Instant, name: &str) -> Result<Uuid, Refusal> {
        let Some(topic) = self.topics.remove(name) else {
            let message = "This server does not host this topic-partition.";
            return Err(Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
        };
        for index in topic.partitions() {
            self.partitions.remove(&(topic.id, index));
            self.touch(Watch::Partition(topic.id, index));
        }
        self.replication.forget_topic(topic.id);
        self.reassignments.retain(|key, _| key.0 != topic.id);
        self.forget_offsets(now, name);
        Ok(topic.id)
    }

    /// Adds partitions to a topic, with these replicas.
    pub(crate) fn add_partitions(&mut self, name: &str, assignment: Vec<Vec<BrokerId>>) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        let config = self.settings.topic(&topic.config);
        let mut logs = Vec::with_capacity(assignment.len());
        for replicas in assignment {
            let index = PartitionIndex(i32::try_from(topic.assignment.len()).expect("a topic has fewer than 2^31"));
            let log = PartitionLog::new(topic.name.clone(), index, Arc::clone(&config), &replicas);
            logs.push(((topic.id, index), log));
            topic.assignment.push(replicas);
        }
        logs.into_iter().for_each(|(key, log)| self.install_partition(key, log));
    }

    /// Replaces what is set on a topic.
    pub(crate) fn set_topic_config(&mut self, name: &str, config: Overrides) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        topic.config = config;
        let config = self.settings.topic(&topic.config);
        for index in topic.partitions() {
            if let Some(log) = self.partitions.get_mut(&(topic.id, index)) {
                log.set_config(Arc::clone(&config));
                if log.leader() == BrokerId::NONE {
                    // Now there may be somebody who may lead.
                    self.replication.note_new((topic.id, index));
                }
            }
        }
        // Now there may be a log to compact.
        self.schedule_cleaning(self.cleaned_at);
    }

    /// Replaces what is set on one broker, or on all when `broker` is `None`, while they run.
    pub(crate) fn set_broker_config(&mut self, broker: Option<BrokerId>, set: &Overrides) {
        self.settings.set_dynamic(broker, set);
        self.apply_settings();
    }

    /// The values in force for a topic with `own` set on it.
    pub(super) fn topic_settings(&self, own: &Overrides) -> Arc<TopicConfig> {
        self.settings.topic(own)
    }

    /// Puts what is set in force on every log.
    fn apply_settings(&mut self) {
        for topic in self.topics.iter() {
            let config = self.settings.topic(&topic.config);
            for index in topic.partitions() {
                if let Some(log) = self.partitions.get_mut(&(topic.id, index)) {
                    log.set_config(Arc::clone(&config));
                }
            }
        }
        // Now there may be a log to compact, or another interval.
        self.schedule_cleaning(self.cleaned_at);
    }

    /// When something is due that nobody asked for.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let next = self.next_retention.min(self.next_compaction).min(self.next_expiration);
        let cleaning = (!self.topics.is_empty()).then_some(next);
        let own = [self.next_group_timeout(), self.next_replication_timeout(), self.next_transaction_timeout()];
        cleaning.into_iter().chain(own.into_iter().flatten()).min()
    }

    /// Cleans logs when that is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.handle_replication_timeouts(now);
        self.handle_group_timeouts(now);
        self.handle_transaction_timeouts(now);
        if self.next_retention.min(self.next_compaction) <= now && !self.topics.is_empty() {
            self.trim_logs(now);
            self.schedule_cleaning(now);
        }
        if self.next_expiration <= now {
            self.expire_producers(now);
            self.next_expiration = now.plus(PRODUCER_EXPIRATION_CHECK_INTERVAL);
        }
    }

    pub(super) fn schedule_cleaning(&mut self, now: Instant) {
        let config = self.broker_config(self.brokers.controller());
        let (retention, compaction) = (config.log_retention_check_interval_ms, config.log_cleaner_backoff_ms);
        let compacts = config.log_cleaner_enable && self.partitions.values().any(|log| log.config().is_compacted());
        self.cleaned_at = now;
        self.next_retention = now.plus_ms(retention.max(1));
        self.next_compaction = if compacts { now.plus_ms(compaction.max(1)) } else { Instant::FAR_FUTURE };
    }

    /// Applies retention and compaction to every partition, and forgets producers that were silent for long.
    pub(super) fn clean_logs(&mut self, now: Instant) {
        self.expire_producers(now);
        self.trim_logs(now);
    }

    /// Forgets producers that were silent for long, by the timestamps of their records.
    fn expire_producers(&mut self, now: Instant) {
        let timestamp = self.timestamp(now);
        let expiration_ms = self.broker_config(self.brokers.controller()).producer_id_expiration_ms;
        let known = self.known_producers();
        self.partitions.values_mut().for_each(|log| log.expire_producers(timestamp, expiration_ms));
        self.note_forgotten(known.unwrap_or_default());
    }

    /// Applies retention and compaction to every partition.
    fn trim_logs(&mut self, now: Instant) {
        let timestamp = self.timestamp(now);
        let compacts = self.broker_config(self.brokers.controller()).log_cleaner_enable;
        let mut changed = Vec::new();
        for ((topic, index), log) in &mut self.partitions {
            let done = if compacts {
                log.maintain(timestamp)
            } else {
                Maintained { log_start_moved: log.apply_retention(timestamp), compacted: false }
            };
            if done.log_start_moved || done.compacted {
                changed.push(Watch::Partition(*topic, *index));
            }
        }
        changed.into_iter().for_each(|watch| self.touch(watch));
    }
}
