//! A whole cluster as plain data, to be written to a file and started from again.
//!
//! Not here: connections, fetch sessions and the journal; a restart loses those on a real cluster too.

use super::engine::Engine;
use super::state::State;
use crate::base::BrokerId;
use crate::base::Instant;
use crate::base::PartitionIndex;
use crate::base::ProducerId;
use crate::base::Timestamp;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::config::ConfigKind;
use crate::config::Overrides;
use crate::config::validate;
use crate::config::validate_dynamic;
use crate::coordinator::GroupCoordinator;
use crate::log::PartitionLog;
use crate::log::SavedPartition;
use crate::metadata::Topic;
use crate::wire::batch::Batch;
use crate::wire::json::base64;
use bytes::Bytes;
use std::collections::BTreeMap;

/// What a cluster keeps over a restart.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedState {
    /// The version of this form; 1 is the only one so far.
    format: u32,
    cluster_id: String,
    /// What time it was in the cluster when it was saved.
    timestamp: Timestamp,
    brokers: Vec<BrokerId>,
    next_producer_id: ProducerId,
    /// The level of `transaction.version`; absent in files of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transaction_version: Option<i16>,
    configs: SavedConfigs,
    topics: Vec<SavedTopic>,
}

/// What was set while the cluster ran, other than on topics. Levels of loggers are not kept, as Kafka does not either.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedConfigs {
    /// On all brokers.
    cluster: Overrides,
    brokers: BTreeMap<BrokerId, Overrides>,
    groups: BTreeMap<String, Overrides>,
    client_metrics: BTreeMap<String, Overrides>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTopic {
    name: TopicName,
    id: Uuid,
    assignment: Vec<Vec<BrokerId>>,
    config: Overrides,
    partitions: Vec<SavedLog>,
}

/// A partition and its batches, which stand one after the other in base64.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedLog {
    log: SavedPartition,
    batches: String,
}

const FORMAT: u32 = 1;

impl SavedState {
    /// What time it was in the cluster when it was saved.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// How many brokers the cluster had.
    pub fn brokers(&self) -> usize {
        self.brokers.len()
    }
}

impl Engine {
    /// Gives out everything that a restart keeps.
    pub fn save(&self, now: Instant) -> SavedState {
        let state = &self.state;
        let topics = state.topics.iter().map(|topic| SavedTopic {
            name: topic.name.clone(),
            id: topic.id,
            assignment: topic.assignment.clone(),
            config: topic.config.clone(),
            partitions: topic
                .partitions()
                .filter_map(|index| state.find_partition(topic.id, index))
                .map(save_log)
                .collect(),
        });
        SavedState {
            format: FORMAT,
            cluster_id: state.cluster_id.clone(),
            timestamp: state.timestamp(now),
            brokers: state.brokers.ids(),
            next_producer_id: ProducerId(state.next_producer_id),
            transaction_version: Some(state.transaction_version()),
            configs: save_configs(state),
            topics: topics.collect(),
        }
    }

    /// Takes over what [`Engine::save`] gave out, in a cluster that has just been made.
    ///
    /// # Errors
    /// A sentence that says which part of the data cannot be used and why.
    pub fn restore(&mut self, saved: SavedState) -> Result<(), String> {
        if saved.format != FORMAT {
            return Err(format!("the saved cluster has format {}; this version reads {FORMAT}", saved.format));
        }
        if saved.brokers != self.state.brokers.ids() {
            let (was, is) = (saved.brokers, self.state.brokers.ids());
            return Err(format!("the saved cluster had brokers {was:?}, this one has {is:?}"));
        }
        if let Some(level) = saved.transaction_version {
            if !(0..=2).contains(&level) {
                return Err(format!("the saved cluster has transaction.version {level}; there are 0, 1 and 2"));
            }
            self.state.set_transaction_version(level);
        }
        self.state.cluster_id = saved.cluster_id;
        self.state.next_producer_id = saved.next_producer_id.0;
        restore_configs(&mut self.state, saved.configs)?;
        saved.topics.into_iter().try_for_each(|topic| restore_topic(&mut self.state, topic))?;
        // Nothing is wrong with the new cluster's brokers and links, whatever was with the old one's.
        self.state.elect_for_leaderless(Instant::START);
        self.state.refresh_all_followers(Instant::START);
        // There may be logs to compact.
        self.state.schedule_cleaning(Instant::START);
        self.state.seat_all::<GroupCoordinator>(Instant::START);
        self.state.load_transactions(Instant::START);
        Ok(())
    }
}

fn save_configs(state: &State) -> SavedConfigs {
    let settings = &state.settings;
    let named = |kind| settings.named(kind).cloned().unwrap_or_default();
    let own = state.brokers.ids().into_iter().map(|id| (id, settings.layers(id).dynamic.clone()));
    SavedConfigs {
        cluster: settings.cluster().dynamic_default.clone(),
        brokers: own.filter(|(_, set)| !set.is_empty()).collect(),
        groups: named(ConfigKind::Group),
        client_metrics: named(ConfigKind::ClientMetrics),
    }
}

/// Sets what was set, having checked it: the file may have been written by hand.
fn restore_configs(state: &mut State, saved: SavedConfigs) -> Result<(), String> {
    let ids = state.brokers.ids();
    if let Some(unknown) = saved.brokers.keys().find(|id| !ids.contains(id)) {
        return Err(format!("there are configs of broker {unknown}, which does not exist"));
    }
    let brokers = saved.brokers.into_iter().map(|(id, set)| (Some(id), set));
    for (broker, set) in std::iter::once((None, saved.cluster)).chain(brokers) {
        let whose = || broker.map_or_else(|| "all brokers".to_owned(), |id| format!("broker {id}"));
        let layers = state.settings.layers(broker.unwrap_or_else(|| state.brokers.controller()));
        validate_dynamic(&set, layers, broker.is_some()).map_err(|error| format!("configs of {}: {error}", whose()))?;
        state.set_broker_config(broker, &set);
    }
    for (kind, all) in [(ConfigKind::Group, saved.groups), (ConfigKind::ClientMetrics, saved.client_metrics)] {
        for (name, set) in all {
            validate(kind, &set, state.settings.cluster()).map_err(|error| format!("configs of `{name}`: {error}"))?;
            state.settings.set_named(kind, &name, set);
        }
    }
    Ok(())
}

fn save_log(log: &PartitionLog) -> SavedLog {
    let log = log.export();
    let mut bytes = Vec::new();
    log.batches.iter().for_each(|batch| batch.encode(&mut bytes));
    SavedLog { log, batches: base64::encode(&bytes) }
}

fn restore_topic(state: &mut State, saved: SavedTopic) -> Result<(), String> {
    let topic = Topic { id: saved.id, name: saved.name, assignment: saved.assignment, config: saved.config };
    let refuse = |what: String| format!("topic {}: {what}", topic.name);
    if saved.partitions.len() != topic.assignment.len() {
        return Err(refuse("partitions and assignment have different lengths".to_owned()));
    }
    state.check_topic_config(&topic.config).map_err(|error| refuse(error.message))?;
    let mut logs = Vec::new();
    for (index, partition) in topic.partitions().zip(saved.partitions) {
        let config = state.topic_settings(&topic.config);
        let log = restore_log(partition)
            .and_then(|log| {
                PartitionLog::import(topic.name.clone(), index, config, log).map_err(|error| error.to_string())
            })
            .map_err(|why| refuse(format!("partition {index}: {why}")))?;
        logs.push((index, log));
    }
    for (index, replicas) in topic.partitions().zip(&topic.assignment) {
        state
            .check_replicas(replicas, None)
            .map_err(|error| refuse(format!("partition {index}: {}", error.message)))?;
    }
    state.install_logs(topic, logs);
    Ok(())
}

fn restore_log(saved: SavedLog) -> Result<SavedPartition, String> {
    let bytes = base64::decode(&saved.batches).ok_or("the batches are no base64")?;
    let batches: Result<Vec<Batch>, _> = Batch::split(&Bytes::from(bytes)).collect();
    Ok(SavedPartition { batches: batches.map_err(|error| error.to_string())?, ..saved.log })
}

impl State {
    /// Makes a topic of logs that exist already.
    fn install_logs(&mut self, topic: Topic, logs: Vec<(PartitionIndex, PartitionLog)>) {
        for (index, log) in logs {
            self.partitions.insert((topic.id, index), log);
            self.note_created((topic.id, index));
        }
        self.topics.insert(topic);
    }
}
