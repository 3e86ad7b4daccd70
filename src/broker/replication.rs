//! How followers get what leaders have when it takes time: fetches that travel over links, followers that lag, and
//! the ISR that follows from it.
//!
//! As long as nothing is wrong with a link, its followers copy each append at once and nothing is kept of them here.
//!
//! Not here: who leads; the steps of a fetch are the log's.
//!
//! ```text
//! follower               link                 leader
//!    | -- ReplicaFetch --- latency, cut, clog --> |  learns the follower's end, raises the high watermark
//!    |                                            |  waits until there is something new
//!    | <-- ReplicaFetched -- latency, cut, clog - |
//!    |  truncates or appends, asks again          |
//! ```

use super::links::Links;
use super::links::Transit;
use super::outcome::Watch;
use super::state::State;
use crate::base::BrokerId;
use crate::base::BrokerMutant;
use crate::base::Instant;
use crate::base::LeaderEpoch;
use crate::base::Node;
use crate::base::Offset;
use crate::base::PartitionIndex;
use crate::base::Seed;
use crate::base::Uuid;
use crate::journal::Event;
use crate::log::ReplicaFetch;
use crate::log::ReplicaFetched;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a fetch and the frame of its answer are taken to weigh, in bytes, where a link has a bandwidth.
const FETCH_BYTES: usize = 100;

/// A partition.
pub(super) type PartitionKey = (Uuid, PartitionIndex);
/// A replica.
pub(super) type ReplicaKey = (Uuid, PartitionIndex, BrokerId);

/// Everything about replication that is not in the logs.
#[derive(Debug)]
pub(super) struct Replication {
    pub(super) links: Links,
    /// The followers that do not copy at once.
    followers: BTreeMap<ReplicaKey, Follower>,
    /// The followers that were told not to fetch.
    pub(super) held: BTreeSet<ReplicaKey>,
    /// The followers that were told to stay out of the ISR.
    pub(super) kept_out: BTreeSet<ReplicaKey>,
    /// The brokers that were fenced by a command, and so are not taken back because they are heard of.
    pub(super) fenced: BTreeSet<BrokerId>,
    /// When brokers that the controller does not hear of are fenced.
    pub(super) sessions: BTreeMap<BrokerId, Instant>,
    due: BTreeMap<(Instant, u64), Due>,
    sequence: u64,
    /// Partitions that were changed, of which some follower may wait for news.
    changed: BTreeSet<PartitionKey>,
    /// Partitions that were just made, whose followers do not all copy at once.
    new: BTreeSet<PartitionKey>,
    /// Whether the leaders will be balanced.
    is_balance_due: bool,
    /// What happened, for the journal.
    pub(super) news: Vec<Event>,
}

/// A follower that does not copy at once.
#[derive(Debug)]
struct Follower {
    mode: Mode,
    leader_epoch: LeaderEpoch,
    /// Raised whenever it begins anew; what is on the way from before does not count.
    generation: u64,
    /// Its fetch, while the leader has nothing new for it.
    parked: Option<ReplicaFetch>,
    /// When it last had all that the leader had.
    caught_up_at: Instant,
    last_fetch_at: Instant,
    last_fetch_leader_end: Offset,
    is_check_due: bool,
}

/// How a follower gets what its leader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Instant,
    Timed,
    Stopped,
}

/// Something that falls due.
#[derive(Debug)]
enum Due {
    /// A fetch arrives at the leader.
    Fetch(ReplicaKey, u64, ReplicaFetch),
    /// The answer arrives at the follower.
    Fetched(ReplicaKey, u64, ReplicaFetched),
    /// Whether a follower lags is looked at.
    Check(ReplicaKey),
    /// Leaders go back to the preferred replicas.
    Balance,
}

impl Replication {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            links: Links::new(seed.stream("links")),
            followers: BTreeMap::new(),
            held: BTreeSet::new(),
            kept_out: BTreeSet::new(),
            fenced: BTreeSet::new(),
            sessions: BTreeMap::new(),
            due: BTreeMap::new(),
            sequence: 0,
            changed: BTreeSet::new(),
            new: BTreeSet::new(),
            is_balance_due: false,
            news: Vec::new(),
        }
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), due);
    }

    /// Notes that a partition has changed.
    pub(super) fn note(&mut self, partition: PartitionKey) {
        if !self.followers.is_empty() {
            self.changed.insert(partition);
        }
    }

    /// Notes that a partition is new, or that other rules hold for it.
    pub(super) fn note_new(&mut self, partition: PartitionKey) {
        self.new.insert(partition);
    }

    /// Forgets a topic that was deleted; its timers find nothing.
    pub(super) fn forget_topic(&mut self, topic: Uuid) {
        self.followers.retain(|key, _| key.0 != topic);
        self.held.retain(|key| key.0 != topic);
        self.kept_out.retain(|key| key.0 != topic);
    }

    /// Lets leaders go back to the preferred replicas at `at`, unless that is due already.
    pub(super) fn schedule_balance(&mut self, at: Instant) {
        if !std::mem::replace(&mut self.is_balance_due, true) {
            self.schedule(at, Due::Balance);
        }
    }

    fn mode(&self, state: &State, leader: BrokerId, follower: ReplicaKey) -> Mode {
        let broker = follower.2;
        let both_run = state.brokers.is_running(leader) && state.brokers.is_running(broker);
        if !both_run || self.held.contains(&follower) || !self.links.are_connected(leader, broker) {
            Mode::Stopped
        } else if self.links.are_instant(leader, broker) {
            Mode::Instant
        } else {
            Mode::Timed
        }
    }
}

impl State {
    /// When something of replication falls due.
    pub(super) fn next_replication_timeout(&self) -> Option<Instant> {
        let due = self.replication.due.keys().next().map(|(at, _)| *at);
        [due, self.replication.sessions.values().min().copied()].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub(super) fn handle_replication_timeouts(&mut self, now: Instant) {
        while let Some(entry) = self.replication.due.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Due::Fetch(key, generation, fetch) => self.on_replica_fetch(now, key, generation, fetch),
                Due::Fetched(key, generation, fetched) => self.on_replica_fetched(now, key, generation, fetched),
                Due::Check(key) => self.check_lag(now, key),
                Due::Balance => {
                    self.replication.is_balance_due = false;
                    self.balance_leaders(now);
                }
            }
        }
        self.fence_silent_brokers(now);
    }

    /// Takes the followers of a partition off its links, so far as they do not copy at once from `leader`.
    pub(super) fn stop_followers(&mut self, (topic, index): PartitionKey, leader: BrokerId) {
        let Some(log) = self.find_partition(topic, index) else { return };
        let brokers: Vec<BrokerId> = log.replicas().iter().map(|replica| replica.broker()).collect();
        let stopped: Vec<BrokerId> = brokers
            .into_iter()
            .filter(|id| *id != leader && self.replication.mode(self, leader, (topic, index, *id)) != Mode::Instant)
            .collect();
        if let Some(log) = self.partitions.get_mut(&(topic, index)) {
            stopped.into_iter().for_each(|id| {
                log.set_replicating(id, false);
            });
        }
    }

    /// Has every follower of a partition go on as the brokers and links now let it.
    pub(super) fn refresh_followers(&mut self, now: Instant, (topic, index): PartitionKey) {
        let Some(log) = self.find_partition(topic, index) else { return };
        let (leader, leader_epoch) = (log.leader(), log.leader_epoch());
        let brokers: Vec<BrokerId> = log.replicas().iter().map(|replica| replica.broker()).collect();
        for broker in brokers {
            let key = (topic, index, broker);
            if broker == leader {
                self.replication.followers.remove(&key);
                if let Some(log) = self.partitions.get_mut(&(topic, index)) {
                    log.set_replicating(broker, true);
                }
                continue;
            }
            let mode = self.replication.mode(self, leader, key);
            let Some(log) = self.partitions.get_mut(&(topic, index)) else { return };
            let is_as_before = |known: &Follower| known.mode == mode && known.leader_epoch == leader_epoch;
            let is_as_before = self.replication.followers.get(&key).is_some_and(is_as_before);
            if log.config().mutants.has(BrokerMutant::TruncatesToHighWatermark) {
                let resumes = log.replica(broker).filter(|replica| !replica.is_replicating() && !is_as_before);
                if resumes.is_some() && mode != Mode::Stopped {
                    log.truncate_to_high_watermark(broker);
                }
            }
            if mode == Mode::Instant {
                self.replication.followers.remove(&key);
                if log.replica(broker).is_some_and(|replica| !replica.is_replicating()) {
                    log.set_replicating(broker, true);
                }
                continue;
            }
            log.set_replicating(broker, false);
            if is_as_before {
                continue;
            }
            self.replication.sequence += 1;
            let generation = self.replication.sequence;
            let before = self.replication.followers.remove(&key);
            let same_leader = before.filter(|known| known.leader_epoch == leader_epoch);
            let follower = Follower {
                mode,
                leader_epoch,
                generation,
                parked: None,
                caught_up_at: same_leader.as_ref().map_or(now, |known| known.caught_up_at),
                last_fetch_at: now,
                last_fetch_leader_end: Offset::INVALID,
                is_check_due: same_leader.is_some_and(|known| known.is_check_due),
            };
            self.replication.followers.insert(key, follower);
            if mode == Mode::Timed {
                self.send_replica_fetch(now, key);
            }
            self.schedule_check(now, key);
        }
        self.expand_isr(now, (topic, index));
        self.after_replication((topic, index));
    }

    /// As [`State::refresh_followers`], for all partitions.
    pub(super) fn refresh_all_followers(&mut self, now: Instant) {
        let keys: Vec<PartitionKey> = self.partitions.keys().copied().collect();
        keys.into_iter().for_each(|key| self.refresh_followers(now, key));
    }

    /// Forgets a replica that is no more.
    pub(super) fn forget_follower(&mut self, key: ReplicaKey) {
        self.replication.followers.remove(&key);
        self.replication.held.remove(&key);
        self.replication.kept_out.remove(&key);
    }

    /// Tells the journal what was truncated, and those who wait that the partition has changed.
    pub(super) fn after_replication(&mut self, (topic, index): PartitionKey) {
        let Some(log) = self.partitions.get_mut(&(topic, index)) else { return };
        for truncation in log.take_truncations() {
            self.replication.news.push(Event::Truncated {
                topic: log.topic().clone(),
                partition: index,
                broker: truncation.broker,
                from: truncation.from,
                to: truncation.to,
            });
        }
        self.touch(Watch::Partition(topic, index));
    }

    /// The follower asks the leader for what comes next.
    fn send_replica_fetch(&mut self, now: Instant, key: ReplicaKey) {
        let (topic, index, broker) = key;
        let Some(log) = self.partitions.get(&(topic, index)) else { return };
        let (leader, Ok(fetch)) = (log.leader(), log.replica_fetch(broker)) else { return };
        let Some(follower) = self.replication.followers.get_mut(&key) else { return };
        follower.parked = None;
        let generation = follower.generation;
        let (from, to) = (Node::Broker(broker), Node::Broker(leader));
        // What is kept on the way is asked again when the link is whole.
        if let Transit::Arrives(at) = self.replication.links.send(now, &from, &to, FETCH_BYTES) {
            self.replication.schedule(at, Due::Fetch(key, generation, fetch));
        }
    }

    fn on_replica_fetch(&mut self, now: Instant, key: ReplicaKey, generation: u64, fetch: ReplicaFetch) {
        let (topic, index, broker) = key;
        let Some(follower) = self.replication.followers.get_mut(&key) else { return };
        let Some(log) = self.partitions.get_mut(&(topic, index)) else { return };
        if follower.generation != generation {
            return;
        }
        let leader = log.leader();
        let max_bytes = self.settings.broker(broker).replica_fetch_max_bytes;
        let known = log.replica(broker).map(|replica| replica.high_watermark());
        let Ok((fetched, moved)) = log.handle_replica_fetch(fetch, max_bytes) else { return };
        let leader_end = log.log_end_offset();
        if fetched.diverging_epoch.is_none() && fetched.out_of_range.is_none() {
            if fetch.fetch_offset >= leader_end {
                follower.caught_up_at = now;
            } else if fetch.fetch_offset >= follower.last_fetch_leader_end && follower.last_fetch_leader_end.0 >= 0 {
                follower.caught_up_at = follower.caught_up_at.max(follower.last_fetch_at);
            }
            follower.last_fetch_at = now;
            follower.last_fetch_leader_end = leader_end;
        }
        let is_news = !fetched.batches.is_empty()
            || fetched.diverging_epoch.is_some()
            || fetched.out_of_range.is_some()
            || known.is_some_and(|known| known < fetched.high_watermark.min(fetch.fetch_offset));
        if is_news {
            follower.parked = None;
            let bytes = FETCH_BYTES + fetched.batches.iter().map(|batch| batch.size_in_bytes()).sum::<usize>();
            let (from, to) = (Node::Broker(leader), Node::Broker(broker));
            if let Transit::Arrives(at) = self.replication.links.send(now, &from, &to, bytes) {
                self.replication.schedule(at, Due::Fetched(key, generation, fetched));
            }
        } else {
            follower.parked = Some(fetch);
        }
        if moved {
            log.tell_high_watermark();
            self.touch(Watch::Partition(topic, index));
        }
        self.expand_isr(now, (topic, index));
    }

    fn on_replica_fetched(&mut self, now: Instant, key: ReplicaKey, generation: u64, fetched: ReplicaFetched) {
        let (topic, index, broker) = key;
        let timestamp = self.timestamp(now);
        if self.replication.followers.get(&key).is_none_or(|follower| follower.generation != generation) {
            return;
        }
        let Some(log) = self.partitions.get_mut(&(topic, index)) else { return };
        log.handle_replica_fetched(broker, fetched, timestamp);
        self.after_replication((topic, index));
        self.send_replica_fetch(now, key);
    }

    /// Answers the followers that waited for partitions to change.
    pub(super) fn answer_followers(&mut self, now: Instant) {
        while let Some(key) = self.replication.new.pop_first() {
            self.elect_if_leaderless(now, key);
            self.refresh_followers(now, key);
        }
        while let Some((topic, index)) = self.replication.changed.pop_first() {
            let first = (topic, index, BrokerId(i32::MIN));
            let last = (topic, index, BrokerId(i32::MAX));
            let waiting = self.replication.followers.range(first..=last);
            let waiting: Vec<_> =
                waiting.filter_map(|(key, follower)| Some((*key, follower.generation, follower.parked?))).collect();
            for (key, generation, fetch) in waiting {
                // Until now it had all there was.
                if let Some(follower) = self.replication.followers.get_mut(&key) {
                    follower.caught_up_at = now;
                }
                self.on_replica_fetch(now, key, generation, fetch);
            }
        }
    }

    fn schedule_check(&mut self, now: Instant, key: ReplicaKey) {
        let (topic, index, broker) = key;
        let Some(log) = self.partitions.get(&(topic, index)) else { return };
        let lag_max = self.replica_lag_max(log.leader());
        let is_behind =
            log.replica(broker).is_some_and(|replica| replica.known_log_end_offset() < log.log_end_offset());
        if !log.isr().contains(&broker) {
            return;
        }
        let Some(follower) = self.replication.followers.get_mut(&key) else { return };
        if std::mem::replace(&mut follower.is_check_due, true) {
            return;
        }
        let late = follower.caught_up_at.plus(lag_max).plus_ms(1);
        // One that lacks nothing may begin to lag at any time: Kafka looks as often.
        let at = if is_behind && late > now { late } else { now.plus(lag_max / 2).plus_ms(1) };
        self.replication.schedule(at, Due::Check(key));
    }

    fn replica_lag_max(&self, leader: BrokerId) -> Duration {
        let leader = if leader == BrokerId::NONE { self.brokers.controller() } else { leader };
        Duration::from_millis(u64::try_from(self.broker_config(leader).replica_lag_time_max_ms).unwrap_or(0))
    }

    /// Takes a follower out of the ISR that has not caught up for too long, and looks again later.
    ///
    /// Source: `Partition.maybeShrinkIsr`.
    fn check_lag(&mut self, now: Instant, key: ReplicaKey) {
        let (topic, index, broker) = key;
        let Some(follower) = self.replication.followers.get_mut(&key) else { return };
        follower.is_check_due = false;
        let caught_up_at = follower.caught_up_at;
        let Some(log) = self.partitions.get(&(topic, index)) else { return };
        let leader = log.leader();
        let is_behind =
            log.replica(broker).is_some_and(|replica| replica.known_log_end_offset() < log.log_end_offset());
        let lags = is_behind && now.since(caught_up_at) > self.replica_lag_max(leader);
        if lags && self.can_change_isr(leader) && log.isr().contains(&broker) {
            let isr: Vec<BrokerId> = log.isr().iter().copied().filter(|id| *id != broker).collect();
            self.set_isr(now, (topic, index), &isr);
        }
        self.schedule_check(now, key);
    }

    /// Takes the followers back into the ISR that hold what is committed.
    ///
    /// Source: `Partition.maybeExpandIsr`.
    pub(super) fn expand_isr(&mut self, now: Instant, (topic, index): PartitionKey) {
        let Some(log) = self.find_partition(topic, index) else { return };
        if log.isr().len() == log.replicas().len() || !self.can_change_isr(log.leader()) {
            return;
        }
        let can_join = |broker: BrokerId| {
            !log.isr().contains(&broker)
                && self.brokers.is_active(broker)
                && self.brokers.is_running(broker)
                && !self.replication.kept_out.contains(&(topic, index, broker))
                && log.is_follower_in_sync(broker)
        };
        let joining: Vec<BrokerId> =
            log.replicas().iter().map(|replica| replica.broker()).filter(|id| can_join(*id)).collect();
        if joining.is_empty() {
            return;
        }
        let mut isr = log.isr().to_vec();
        isr.extend(joining.iter().copied());
        self.set_isr(now, (topic, index), &isr);
        joining.into_iter().for_each(|broker| self.schedule_check(now, (topic, index, broker)));
    }
}
