//! Everything that the brokers of a cluster know.
//!
//! Not here: connections and waiting requests; those are the engine's. How topics come and go is in `topics`.

use super::changes::Changes;
use super::control::Aftermath;
use super::coordinator_writes::Unfinished;
use super::coordinator_writes::Write;
use super::effects::Groups;
use super::effects::Transactions;
use super::engine::EngineConfig;
use super::fetch_session::FetchSessions;
use super::fetch_session::Plan;
use super::fetch_session::Wanted;
use super::outcome::RequestContext;
use super::outcome::Watch;
use super::reassignment::Reassignment;
use super::release::Release;
use super::replication::PartitionKey;
use super::replication::Replication;
use super::settings::Settings;
use super::view::View;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::ProducerId;
use crate::base::Rng;
use crate::base::Timestamp;
use crate::base::Uuid;
use crate::config::BrokerConfig;
use crate::log::PartitionLog;
use crate::metadata::Brokers;
use crate::metadata::Topics;
use crate::wire::messages::fetch::FetchRequest;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) struct State {
    start_time: Timestamp,
    release: Release,
    pub(crate) cluster_id: String,
    pub(crate) brokers: Brokers,
    pub(crate) topics: Topics,
    pub(super) partitions: BTreeMap<(Uuid, PartitionIndex), PartitionLog>,
    pub(crate) settings: Settings,
    sessions: BTreeMap<BrokerId, FetchSessions>,
    session_ids: Rng,
    pub(super) topic_ids: Rng,
    pub(super) next_producer_id: i64,
    pub(super) groups: Groups,
    pub(super) transactions: Transactions,
    /// What was chosen as `transaction.version`.
    pub(super) chosen_transaction_version: i16,
    /// How often a feature has changed.
    pub(crate) features_epoch: i64,
    /// How long a new coordinator reads its log before it answers.
    pub(super) coordinator_load_time: Duration,
    /// The last thing that a coordinator has written, if it is not replicated yet.
    pub(super) coordinator_write: Option<Write>,
    pub(super) unfinished: Vec<Unfinished>,
    touched: BTreeSet<Watch>,
    pub(super) replication: Replication,
    pub(super) reassignments: BTreeMap<PartitionKey, Reassignment>,
    pub(super) aftermath: Vec<Aftermath>,
    pub(super) changes: Changes,
    pub(super) views: BTreeMap<BrokerId, View>,
    /// When logs were last cleaned.
    pub(super) cleaned_at: Instant,
    pub(super) next_retention: Instant,
    pub(super) next_compaction: Instant,
    pub(super) next_expiration: Instant,
}

impl State {
    pub(super) fn new(config: EngineConfig) -> Result<Self, String> {
        let mut brokers = Brokers::default();
        config.brokers.iter().cloned().for_each(|broker| brokers.register(broker));
        let mut ids = config.seed.stream("cluster id");
        let mut state = Self {
            start_time: config.start_time,
            release: config.release,
            cluster_id: random_uuid(&mut ids).to_string(),
            settings: Settings::new(&brokers, config.broker_config)?,
            brokers,
            topics: Topics::default(),
            partitions: BTreeMap::new(),
            sessions: BTreeMap::new(),
            session_ids: config.seed.stream("fetch session ids"),
            topic_ids: config.seed.stream("topic ids"),
            next_producer_id: 0,
            groups: Groups::new(config.seed),
            transactions: Transactions::default(),
            chosen_transaction_version: 2,
            features_epoch: 0,
            coordinator_load_time: Duration::ZERO,
            coordinator_write: None,
            unfinished: Vec::new(),
            touched: BTreeSet::new(),
            replication: Replication::new(config.seed),
            reassignments: BTreeMap::new(),
            aftermath: Vec::new(),
            changes: Changes::default(),
            views: BTreeMap::new(),
            cleaned_at: Instant::START,
            next_retention: Instant::START,
            next_compaction: Instant::START,
            next_expiration: Instant::START.plus(super::topics::PRODUCER_EXPIRATION_CHECK_INTERVAL),
        };
        // A rack may come from the static configuration as well.
        for mut broker in config.brokers {
            broker.rack.clone_from(&state.broker_config(broker.id).broker_rack);
            state.brokers.register(broker);
        }
        state.schedule_cleaning(Instant::START);
        Ok(state)
    }

    pub(crate) fn release(&self) -> Release {
        self.release
    }

    /// The time in the world at `now`.
    pub(crate) fn timestamp(&self, now: Instant) -> Timestamp {
        self.start_time.plus(now.since_start())
    }

    /// Whether this bug was planted.
    pub(crate) fn has(&self, mutant: BrokerMutant) -> bool {
        self.settings.mutants.has(mutant)
    }

    /// The configuration in force on a broker.
    pub(crate) fn broker_config(&self, broker: BrokerId) -> &BrokerConfig {
        self.settings.broker(broker)
    }

    /// The level of the feature `transaction.version`: what was chosen, as far as the release knows it.
    pub(crate) fn transaction_version(&self) -> i16 {
        self.chosen_transaction_version.min(self.release.transaction_version_max())
    }

    /// Changes the level of the feature `transaction.version`.
    pub(crate) fn set_transaction_version(&mut self, level: i16) {
        if self.chosen_transaction_version != level {
            self.chosen_transaction_version = level;
            self.features_epoch += 1;
        }
    }

    /// Takes a producer id that nobody has.
    pub(crate) fn new_producer_id(&mut self) -> ProducerId {
        let id = ProducerId(self.next_producer_id);
        self.next_producer_id += 1;
        id
    }

    /// The id of the topic that a request names in one of two ways.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_ID`, `UNKNOWN_TOPIC_OR_PARTITION`.
    pub(crate) fn topic_by_either(&self, name: &str, id: Uuid, by_id: bool) -> Result<Uuid, ErrorCode> {
        if by_id {
            let wrong = || self.topics.iter().find(|topic| !topic.name.is_internal());
            let wrong = || wrong().filter(|_| self.has(BrokerMutant::MistakesTopicId));
            let found = self.topics.by_id(id).or_else(wrong);
            return found.map(|topic| topic.id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID);
        }
        self.topics.get(name).map(|topic| topic.id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// A partition's log, if there is such a partition.
    pub(crate) fn find_partition(&self, topic: Uuid, index: PartitionIndex) -> Option<&PartitionLog> {
        self.partitions.get(&(topic, index))
    }

    /// The leader of a partition and its epoch as answers carry them; -1 for none.
    pub(crate) fn leader_of(&self, topic: Uuid, index: PartitionIndex) -> (i32, i32) {
        self.find_partition(topic, index).map_or((-1, -1), |log| (log.leader().0, log.leader_epoch().0))
    }

    /// A partition as its leader, if `broker` is that.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`.
    pub(crate) fn partition_led_by(
        &mut self,
        topic: Uuid,
        index: PartitionIndex,
        broker: BrokerId,
    ) -> Result<&mut PartitionLog, ErrorCode> {
        let log = self.partitions.get_mut(&(topic, index)).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if log.leader() == broker { Ok(log) } else { Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) }
    }

    /// A partition of which `broker` holds a replica, leading or not.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`.
    ///
    /// Source: `ReplicaManager.getPartitionOrError`.
    pub(crate) fn partition_hosted_by(
        &self,
        topic: Uuid,
        index: PartitionIndex,
        broker: BrokerId,
    ) -> Result<&PartitionLog, ErrorCode> {
        let log = self.find_partition(topic, index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if log.replica(broker).is_some() { Ok(log) } else { Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) }
    }

    /// Whether every replica that has to has the record at `last_offset`; `None` while that is open.
    ///
    /// Source: `Partition.checkEnoughReplicasReachOffset`.
    pub(crate) fn acknowledged(
        &self,
        topic: Uuid,
        index: PartitionIndex,
        broker: BrokerId,
        last_offset: Offset,
    ) -> Option<Result<(), ErrorCode>> {
        let Some(log) = self.find_partition(topic, index) else {
            return Some(Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        };
        if log.leader() != broker {
            return Some(Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        }
        if log.high_watermark() <= last_offset {
            return None;
        }
        Some(if log.is_under_min_isr() { Err(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND) } else { Ok(()) })
    }

    /// Ends the fetch sessions of a broker that stops.
    pub(super) fn forget_sessions_of(&mut self, broker: BrokerId) {
        self.sessions.remove(&broker);
    }

    /// Reads the session fields of a fetch.
    pub(crate) fn begin_fetch(&mut self, ctx: &RequestContext, request: &FetchRequest) -> Result<Plan, ErrorCode> {
        let slots = self.broker_config(ctx.broker).max_incremental_fetch_session_cache_slots;
        let sessions = self.sessions.entry(ctx.broker).or_default();
        sessions.begin(request, ctx.api_version >= 13, ctx.now, slots, &mut self.session_ids)
    }

    /// The fetch sessions of a broker.
    pub(crate) fn sessions_of(&mut self, broker: BrokerId) -> &mut FetchSessions {
        self.sessions.entry(broker).or_default()
    }

    /// The partitions that a fetch session of a broker reads.
    pub(super) fn session_members(&self, broker: BrokerId, session: i32) -> impl Iterator<Item = &Wanted> {
        self.sessions.get(&broker).into_iter().flat_map(move |sessions| sessions.members(session))
    }

    /// Notes that requests which wait for `watch` have to look again.
    pub(crate) fn touch(&mut self, watch: Watch) {
        if let Watch::Partition(topic, index) = watch {
            self.replication.note((topic, index));
        }
        self.touched.insert(watch);
    }

    /// The partitions that those who wait have to look at again.
    pub(super) fn touched_partitions(&self) -> Vec<PartitionKey> {
        let partitions = self.touched.iter().filter_map(|watch| match watch {
            Watch::Partition(topic, index) => Some((*topic, *index)),
            Watch::Ticket(_) => None,
        });
        partitions.collect()
    }

    pub(super) fn take_touched(&mut self) -> Option<Watch> {
        self.touched.pop_first()
    }
}

/// A version 4 UUID from `rng`, never one that Kafka reserves.
pub(super) fn random_uuid(rng: &mut Rng) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
    bytes[8..].copy_from_slice(&rng.next_u64().to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid(bytes)
}
