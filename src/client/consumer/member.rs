//! The task that is a member of a group on behalf of a consumer: it sends what the membership asks for, commits, and
//! looks up what is committed.
//!
//! Not here: what a member does when; that is [`super::super::group`].

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::error::Result;
use super::super::group::coordinator::Coordinator;
use super::super::group::membership::Action;
use super::super::group::membership::Answer;
use super::super::group::membership::Departure;
use super::super::group::membership::GroupConfig;
use super::super::group::membership::GroupProtocol;
use super::super::group::membership::Identity;
use super::super::group::membership::Membership;
use super::super::group::membership::OnClose;
use super::super::group::membership::Target;
use super::super::group::membership::Wanted;
use super::super::group::offsets;
use super::super::group::offsets::Committed;
use super::super::group::offsets::Offsets;
use super::super::metadata::Metadata;
use super::super::mutant::ClientMutant;
use super::super::routing;
use super::super::routing::Lane;
use super::super::routing::Router;
use super::super::routing::lock;
use super::super::transaction::OffsetAndMetadata;
use super::IsolationLevel;
use super::Shared;
use super::group::GivenUp;
use crate::base::ErrorCode;
use crate::base::Offset;
use crate::base::TopicName;
use crate::base::Uuid;
use crate::wire::ApiKey;
use crate::wire::messages::metadata::MetadataRequest;
use crate::wire::messages::metadata::MetadataRequestTopic;
use bytestring::ByteString;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout;

/// How long a consumer that is closed or dropped tries to commit and to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the answer to a `JoinGroup` may take beyond the rebalance time-out.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);
/// How often topics that do not exist are asked for.
const MISSING_INTERVAL: Duration = Duration::from_secs(1);

/// What a consumer tells its member.
#[derive(Debug)]
pub(super) enum Command {
    Subscribe(Subscription),
    /// The user has given everything up.
    Unsubscribe {
        given_up: GivenUp,
    },
    /// The user owns what it was told to.
    Owned {
        id: u64,
        given_up: GivenUp,
    },
    Commit {
        offsets: Offsets,
        reply: Option<oneshot::Sender<Result<()>>>,
    },
    Committed {
        partitions: Vec<TopicPartition>,
        reply: oneshot::Sender<Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>>>,
    },
    /// There may be partitions that go on at what is committed.
    Look,
    Close {
        given_up: GivenUp,
        reply: oneshot::Sender<Result<()>>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Subscription {
    Topics(BTreeSet<TopicName>),
    Pattern(Regex, ByteString),
}

/// What a user has to see to before it gets records.
#[derive(Debug, Default)]
pub(super) struct Attention {
    pub(super) target: Option<Target>,
    pub(super) commit_due: bool,
    /// The group does not want this member.
    pub(super) failed: Option<Error>,
    pub(super) identity: Identity,
}

/// Whether the user asks for records, and whether somebody calls for its attention. Both are looked at for each record.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    asked: AtomicU64,
    waits: AtomicBool,
    called: AtomicBool,
}

/// Says on dropping that the user does not wait any more.
pub(super) struct Leaving<'a>(&'a Pulse);

impl Pulse {
    pub(super) fn enter(&self) {
        // There is one consumer, so nobody else counts.
        self.asked.store(self.asked.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.waits.store(true, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.waits.store(false, Ordering::Relaxed);
    }

    pub(super) const fn leave_later(&self) -> Leaving<'_> {
        Leaving(self)
    }

    /// To be called with the state locked, so that no waker is missed.
    fn call(&self) {
        self.called.store(true, Ordering::Release);
    }

    pub(super) fn is_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }

    /// To be called with the state locked.
    pub(super) fn answer(&self) {
        self.called.store(false, Ordering::Relaxed);
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Notices that a user has not asked for a record for too long.
#[derive(Debug)]
struct Watchdog {
    seen: u64,
    since: Instant,
    /// It has been told, until the user is back.
    barked: bool,
}

/// A commit on its way.
#[derive(Debug)]
struct Pending {
    /// What is not committed yet.
    offsets: Offsets,
    /// All that was asked for.
    all: Offsets,
    reply: Option<oneshot::Sender<Result<()>>>,
    deadline: Instant,
    identity: Identity,
    /// The partitions are given up when this is done; the target has this number.
    gives_up: Option<Option<u64>>,
    /// Those partitions.
    released: Vec<TopicPartition>,
    failures: u32,
    error: Option<Error>,
    /// An attempt may have been made without anybody being told.
    in_doubt: bool,
}

impl Pending {
    /// Commits for these partitions only. Others may be somebody else's, who has committed more.
    fn keep(&mut self, held: &BTreeSet<TopicPartition>) {
        let other = self.offsets.keys().find(|partition| !held.contains(*partition));
        if let Some(other) = other {
            let error = Error::broker(ErrorCode::ILLEGAL_GENERATION, ApiKey::OffsetCommit);
            self.error = Some(error.about(&other.topic, Some(other.partition)));
        }
        self.offsets.retain(|partition, _| held.contains(partition));
    }
}

/// How it ends.
#[derive(Debug)]
struct Closing {
    deadline: Instant,
    reply: Option<oneshot::Sender<Result<()>>>,
    result: Result<()>,
    leaving: bool,
}

enum Done {
    Answered(Answer),
    Committed(Result<BTreeMap<TopicPartition, ErrorCode>>),
    Fetched(BTreeMap<TopicPartition, u64>, Result<BTreeMap<TopicPartition, Committed>>),
    /// The metadata that somebody waited for is there, or cannot be had.
    Resolved,
    Listed(Result<BTreeSet<TopicName>>),
    Refreshed,
    Left,
    Nothing,
}

pub(super) struct Member {
    number: u64,
    router: Arc<Router>,
    shared: Arc<Shared>,
    config: Arc<GroupConfig>,
    coordinator: Arc<Coordinator>,
    /// A `JoinGroup` is answered late; commits do not wait behind it.
    lane: Lane,
    membership: Membership,
    subscription: Option<Subscription>,
    wanted: Wanted,
    /// The last target.
    promised: Option<Target>,
    /// What the user owned when it last said so: it commits for nothing else.
    held: BTreeSet<TopicPartition>,
    commands: mpsc::UnboundedReceiver<Command>,
    metadata: watch::Receiver<Arc<Metadata>>,
    work: JoinSet<Done>,
    commits: VecDeque<Pending>,
    committing: bool,
    commit_at: Instant,
    auto_commit_at: Option<Instant>,
    watchdog: Watchdog,
    list_at: Option<Instant>,
    missing_at: Option<Instant>,
    refreshing: bool,
    closing: Option<Closing>,
    /// How many times the group is being left at this moment.
    leaves: usize,
    finished: bool,
}

impl Member {
    pub(super) fn new(
        number: u64,
        router: Arc<Router>,
        shared: Arc<Shared>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let config = Arc::new(shared.settings.group.clone());
        let now = Instant::now();
        let client = router.settings.number;
        let rng = router.settings.seed.stream(&format!("client/group/{}/{client}/{number}", config.group_id));
        let membership = Membership::new(&config, now, rng);
        Self {
            number,
            coordinator: Arc::new(Coordinator::new(Arc::clone(&router), config.group_id.clone())),
            lane: router.open_lane(),
            metadata: router.watch(),
            router,
            shared,
            config,
            membership,
            subscription: None,
            wanted: Wanted::default(),
            promised: None,
            held: BTreeSet::new(),
            commands,
            work: JoinSet::new(),
            commits: VecDeque::new(),
            committing: false,
            commit_at: now,
            auto_commit_at: None,
            watchdog: Watchdog { seen: 0, since: now, barked: false },
            list_at: None,
            missing_at: None,
            refreshing: false,
            closing: None,
            leaves: 0,
            finished: false,
        }
    }

    /// Runs until the consumer is closed, or dropped and the group left.
    pub(super) async fn run(mut self) {
        let mut linked = true;
        loop {
            let wake = self.step();
            if self.finished {
                break;
            }
            tokio::select! {
                biased;
                Some(done) = self.work.join_next() => match done {
                    Ok(done) => self.on_done(done),
                    // Only a panic of ours ends a task early; it must not be lost.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                command = self.commands.recv(), if linked => match command {
                    Some(command) => self.on_command(command),
                    None => {
                        linked = false;
                        self.on_dropped();
                        self.close(None);
                    }
                },
                () = self.router.changed(&self.metadata) => {
                    let metadata = Arc::clone(&self.metadata.borrow_and_update());
                    self.membership.on_metadata(Instant::now(), &metadata);
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
        self.router.close_lane(self.lane);
        if let Some(closing) = self.closing {
            if let Some(reply) = closing.reply {
                // Whoever closes may have stopped waiting.
                let _ = reply.send(closing.result);
            }
        }
    }

    /// Does what is due, and says when to look again even if nothing happens.
    fn step(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut wake: Option<Instant> = None;
        let mut again_at = |at: Option<Instant>| {
            if let Some(at) = at {
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            }
        };
        again_at(self.watch_user(now));
        again_at(self.auto_commit(now));
        again_at(self.look_for_topics(now));
        let commit_at = loop {
            while let Some(action) = self.membership.poll(now) {
                self.act(action);
            }
            self.tell_identity();
            let waiting = self.commits.len();
            let commit_at = self.commit_next(now);
            // With the last commit for what is given up, the membership goes on.
            if self.commits.len() == waiting {
                break commit_at;
            }
        };
        again_at(self.membership.timeout());
        again_at(commit_at);
        again_at(self.fetch_committed(now));
        again_at(self.depart(now));
        // What is overdue has been begun; its end wakes the task.
        wake.map(|wake| wake.max(now + Duration::from_millis(1)))
    }

    // --- the user

    /// Sees to it that a user who does not ask for records does not keep partitions.
    fn watch_user(&mut self, now: Instant) -> Option<Instant> {
        self.subscription.as_ref()?;
        let pulse = &self.shared.pulse;
        let asked = pulse.asked.load(Ordering::Relaxed);
        if asked != self.watchdog.seen || pulse.waits.load(Ordering::Relaxed) {
            self.watchdog = Watchdog { seen: asked, since: now, barked: false };
        }
        let expires_at = self.watchdog.since + self.config.poll_interval_max;
        if self.watchdog.barked {
            return None;
        }
        if expires_at <= now {
            self.watchdog.barked = true;
            self.membership.on_poll_expired();
            return None;
        }
        Some(expires_at)
    }

    fn auto_commit(&mut self, now: Instant) -> Option<Instant> {
        let interval = self.shared.settings.auto_commit?;
        let at = *self.auto_commit_at.get_or_insert(now + interval);
        if at > now {
            return Some(at);
        }
        self.call(|attention| attention.commit_due = true);
        self.auto_commit_at = Some(now + interval);
        self.auto_commit_at
    }

    /// Calls for the user's attention.
    fn call(&self, change: impl FnOnce(&mut Attention)) {
        let waker = {
            let mut state = lock(&self.shared.state);
            change(&mut state.attention);
            self.shared.pulse.call();
            state.waiting()
        };
        waker.into_iter().for_each(Waker::wake);
        self.shared.called.notify_one();
    }

    fn on_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Subscribe(subscription) => self.subscribe(now, subscription),
            Command::Unsubscribe { given_up } => {
                self.give_up(given_up, None);
                self.unsubscribe();
            }
            Command::Owned { id, given_up } => {
                if let Some(target) = self.promised.take_if(|target| target.id == id) {
                    self.held = target.partitions;
                }
                // What was asked to be committed before comes before the group goes on.
                self.give_up(given_up, Some(id));
            }
            Command::Commit { offsets, reply } => self.commit(offsets, reply, None),
            Command::Committed { partitions, reply } => self.tell_committed(partitions, reply),
            Command::Look => {}
            Command::Close { given_up, reply } => {
                self.give_up(given_up, None);
                self.close(Some(reply));
            }
        }
    }

    fn subscribe(&mut self, now: Instant, subscription: Subscription) {
        {
            let mut state = lock(&self.shared.state);
            state.attention.failed = None;
        }
        self.list_at = None;
        let by_coordinator = self.config.protocol == GroupProtocol::Consumer;
        match &subscription {
            Subscription::Topics(topics) => {
                topics.iter().for_each(|topic| self.router.track(topic));
                self.want(Wanted { topics: topics.clone(), regex: None });
            }
            Subscription::Pattern(_, pattern) if by_coordinator => {
                self.want(Wanted { topics: BTreeSet::new(), regex: Some(pattern.clone()) });
            }
            Subscription::Pattern(..) => self.list_at = Some(now),
        }
        self.watchdog = Watchdog { seen: self.shared.pulse.asked.load(Ordering::Relaxed), since: now, barked: false };
        self.subscription = Some(subscription);
    }

    fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted.clone();
        self.missing_at = None;
        self.membership.on_wanted(Instant::now(), wanted);
    }

    fn unsubscribe(&mut self) {
        self.subscription = None;
        self.list_at = None;
        self.wanted = Wanted::default();
        self.held.clear();
        // Who unsubscribes means it; only closing can be meant to be short.
        let departure = self.membership.leave(OnClose::Default);
        self.call(|attention| attention.target = None);
        if let Some(departure) = departure {
            self.leave(departure);
        }
    }

    // --- topics

    fn look_for_topics(&mut self, now: Instant) -> Option<Instant> {
        if self.list_at.is_some_and(|at| at <= now) {
            self.list_at = Some(now + self.router.settings.metadata_age_max);
            let router = Arc::clone(&self.router);
            self.work.spawn(async move { Done::Listed(list_topics(&router).await) });
        }
        let metadata = self.router.metadata();
        let missing = self.wanted.topics.iter().any(|topic| metadata.topic(topic.as_str()).is_none());
        if missing && self.missing_at.is_none_or(|at| at <= now) && !self.refreshing {
            self.missing_at = Some(now + MISSING_INTERVAL);
            self.refreshing = true;
            let router = Arc::clone(&self.router);
            self.work.spawn(async move {
                if let Err(error) = router.refresh(&metadata).await {
                    tracing::debug!(%error, "topics could not be looked for");
                }
                Done::Refreshed
            });
        }
        let missing_at = self.missing_at.filter(|_| missing && !self.refreshing);
        self.list_at.into_iter().chain(missing_at).min()
    }

    fn on_listed(&mut self, listed: Result<BTreeSet<TopicName>>) {
        let Some(Subscription::Pattern(regex, _)) = &self.subscription else { return };
        match listed {
            Ok(mut topics) => {
                topics.retain(|topic| !topic.is_internal() && regex.is_match(topic.as_str()));
                topics.iter().for_each(|topic| self.router.track(topic));
                self.want(Wanted { topics, regex: None });
            }
            Err(error) => {
                tracing::debug!(%error, "topics could not be listed");
                self.list_at = Some(Instant::now() + self.router.retry_delay(3));
            }
        }
    }

    // --- the membership

    fn act(&mut self, action: Action) {
        let coordinator = Arc::clone(&self.coordinator);
        let lane = self.lane;
        match action {
            Action::Join(request) => {
                let patience = self.config.poll_interval_max + JOIN_PATIENCE;
                self.work.spawn(async move {
                    let result = coordinator.call(lane, &request, i16::MAX, patience).await;
                    let code = result.as_ref().map_or(0, |response| response.error_code);
                    coordinator.on_code(ErrorCode::new(code));
                    Done::Answered(Answer::Joined(result))
                });
            }
            Action::Sync(request) => {
                // It is held back until the leader has assigned.
                let patience = self.config.poll_interval_max;
                self.work.spawn(async move {
                    let result = coordinator.call(lane, &request, i16::MAX, patience).await;
                    let code = result.as_ref().map_or(0, |response| response.error_code);
                    coordinator.on_code(ErrorCode::new(code));
                    Done::Answered(Answer::Synced(result))
                });
            }
            Action::Heartbeat(request) => {
                self.work.spawn(async move {
                    let result = coordinator.call(lane, &request, i16::MAX, Duration::ZERO).await;
                    let code = result.as_ref().map_or(0, |response| response.error_code);
                    coordinator.on_code(ErrorCode::new(code));
                    Done::Answered(Answer::Heartbeat(result))
                });
            }
            Action::ConsumerHeartbeat(request) => {
                self.work.spawn(async move {
                    let result = coordinator.call(lane, &request, i16::MAX, Duration::ZERO).await;
                    let code = result.as_ref().map_or(0, |response| response.error_code);
                    coordinator.on_code(ErrorCode::new(code));
                    Done::Answered(Answer::ConsumerHeartbeat(result))
                });
            }
            Action::Assign(members) => {
                let topics: BTreeSet<TopicName> = members.into_iter().flat_map(|member| member.topics).collect();
                let router = Arc::clone(&self.router);
                self.work.spawn(async move {
                    topics.iter().for_each(|topic| router.track(topic));
                    let metadata = router.metadata();
                    if topics.iter().any(|topic| metadata.topic(topic.as_str()).is_none()) {
                        // What is not known after that does not exist.
                        if let Err(error) = router.refresh(&metadata).await {
                            tracing::debug!(%error, "the leader of a group does not know all topics");
                        }
                    }
                    Done::Resolved
                });
            }
            Action::Resolve(ids) => {
                let router = Arc::clone(&self.router);
                self.work.spawn(async move {
                    if let Err(error) = resolve(&router, &ids).await {
                        tracing::debug!(%error, "topics of an assignment are not known");
                    }
                    Done::Resolved
                });
            }
            Action::Leave(departure) => self.leave(departure),
            Action::Own(target) => {
                self.promised = Some(target.clone());
                self.call(|attention| {
                    let lost = attention.target.as_ref().is_some_and(|before| before.lost);
                    attention.target = Some(Target { lost: lost || target.lost, ..target });
                });
            }
            Action::Fail(error) => {
                tracing::warn!(group = &*self.config.group_id, %error, "the group cannot be joined");
                self.subscription = None;
                self.call(|attention| attention.failed = Some(error));
            }
        }
    }

    /// Leaves the group without waiting for it; whoever closes does.
    fn leave(&mut self, departure: Departure) {
        self.leaves += 1;
        let coordinator = Arc::clone(&self.coordinator);
        self.work.spawn(async move {
            let asked = async {
                let code = match departure {
                    Departure::Classic(request) => {
                        let asked = coordinator.call(Lane::SHARED, &request, i16::MAX, Duration::ZERO);
                        asked.await?.error_code
                    }
                    Departure::Consumer(request) => {
                        let asked = coordinator.call(Lane::SHARED, &request, i16::MAX, Duration::ZERO);
                        asked.await?.error_code
                    }
                };
                ErrorCode::new(code).ok().map_err(|code| Error::broker(code, ApiKey::LeaveGroup))
            };
            if let Err(error) = asked.await {
                tracing::debug!(%error, "the group could not be left");
            }
            Done::Left
        });
    }

    // --- offsets

    /// Commits what there is to commit for what the user has given up, and goes on after that.
    fn give_up(&mut self, given_up: GivenUp, target: Option<u64>) {
        self.commit(given_up.commits, None, Some(target));
        if let Some(pending) = self.commits.back_mut() {
            pending.released = given_up.partitions;
        }
    }

    fn commit(&mut self, offsets: Offsets, reply: Option<oneshot::Sender<Result<()>>>, gives_up: Option<Option<u64>>) {
        let now = Instant::now();
        // Nobody waits for what is committed by itself: the next one will do.
        let patience = match (&reply, gives_up) {
            (Some(_), _) => self.router.settings.api_timeout,
            (None, Some(_)) => self.router.settings.api_timeout.min(self.config.poll_interval_max),
            (None, None) => self.shared.settings.auto_commit.unwrap_or(self.router.settings.request_timeout),
        };
        let identity = self.membership.identity();
        let mut pending = Pending {
            all: offsets.clone(),
            offsets,
            reply,
            deadline: now + patience,
            identity,
            gives_up,
            released: Vec::new(),
            failures: 0,
            error: None,
            in_doubt: false,
        };
        if self.subscription.is_some() && gives_up.is_none() {
            pending.keep(&self.held);
        }
        if let Some(interceptor) = &self.router.settings.interceptor {
            interceptor.on_commit_begin(self.number, &self.config.group_id, &offsets_of(&pending.all));
        }
        self.commits.push_back(pending);
    }

    /// Sends the oldest commit; one at a time, so that no older one overtakes a newer one.
    fn commit_next(&mut self, now: Instant) -> Option<Instant> {
        if self.committing {
            return None;
        }
        let pending = self.commits.front_mut()?;
        if self.commit_at > now {
            return Some(self.commit_at);
        }
        let identity = self.membership.identity();
        if identity != pending.identity && pending.gives_up.is_none() {
            // After a rebalance only what is still this member's may be committed.
            pending.keep(&self.held);
        }
        if pending.offsets.is_empty() {
            self.end_commit(Ok(()));
            return self.commit_next(now);
        }
        let outside = identity.generation < 0 && pending.identity.generation >= 0;
        let dares = pending.gives_up.is_some() && self.router.settings.mutants.has(ClientMutant::LostAsRevoked);
        if !dares && (outside || self.subscription.is_some() && identity.generation < 0) {
            let error = Error::broker(ErrorCode::UNKNOWN_MEMBER_ID, ApiKey::OffsetCommit);
            self.end_commit(Err(error));
            return self.commit_next(now);
        }
        self.committing = true;
        pending.identity = identity.clone();
        let (coordinator, config) = (Arc::clone(&self.coordinator), Arc::clone(&self.config));
        let offsets = pending.offsets.clone();
        self.work
            .spawn(async move { Done::Committed(offsets::commit(&coordinator, &config, &identity, &offsets).await) });
        None
    }

    fn on_committed(&mut self, result: Result<BTreeMap<TopicPartition, ErrorCode>>) {
        self.committing = false;
        let now = Instant::now();
        let Some(pending) = self.commits.front_mut() else { return };
        let mut refused = None;
        pending.in_doubt |= match &result {
            // A group's log that is not written in time is told by the same code as one that is elsewhere.
            Ok(codes) => {
                codes.len() < pending.offsets.len()
                    || codes.values().any(|code| *code == ErrorCode::COORDINATOR_NOT_AVAILABLE)
            }
            Err(Error::Connection { sent, .. }) => *sent,
            Err(_) => true,
        };
        let again = match result {
            Ok(codes) => {
                let mut again = None;
                pending.offsets.retain(|partition, _| {
                    // One that is not answered is asked again.
                    let code = codes.get(partition).copied().unwrap_or(ErrorCode::COORDINATOR_NOT_AVAILABLE);
                    let error =
                        || Error::broker(code, ApiKey::OffsetCommit).about(&partition.topic, Some(partition.partition));
                    let passing = matches!(code, ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::STALE_MEMBER_EPOCH);
                    match code {
                        ErrorCode::NONE => false,
                        code if code.is_retriable() || passing => {
                            again = Some(error());
                            true
                        }
                        code => {
                            refused = Some(code);
                            pending.error = Some(error());
                            false
                        }
                    }
                });
                again
            }
            Err(error) if error.is_retriable() => Some(error),
            Err(error) => {
                pending.error = Some(error);
                pending.offsets.clear();
                None
            }
        };
        if let Some(code) = refused {
            let identity = pending.identity.clone();
            self.membership.on_commit_refused(&identity, code);
        }
        let Some(pending) = self.commits.front_mut() else { return };
        match again {
            None => self.end_commit(Ok(())),
            Some(error) => {
                let delay = self.router.retry_delay(pending.failures);
                pending.failures += 1;
                if now + delay >= pending.deadline {
                    let operation = "OffsetCommit";
                    let after = self.router.settings.api_timeout;
                    self.end_commit(Err(Error::Timeout { operation, after, cause: Some(Box::new(error)) }));
                } else {
                    self.commit_at = now + delay;
                }
            }
        }
    }

    fn end_commit(&mut self, result: Result<()>) {
        let Some(pending) = self.commits.pop_front() else { return };
        self.commit_at = Instant::now();
        let result = pending.error.map_or(result, Err);
        if let Some(interceptor) = &self.router.settings.interceptor {
            let told = match &result {
                // The last attempt was refused; what became of those before is not told by that.
                Err(error @ Error::Broker { .. }) if pending.in_doubt => {
                    let (operation, after) = ("OffsetCommit", self.router.settings.request_timeout);
                    Err(Error::Timeout { operation, after, cause: Some(Box::new(error.clone())) })
                }
                result => result.clone(),
            };
            interceptor.on_commit(self.number, &self.config.group_id, &offsets_of(&pending.all), &told);
            if !pending.released.is_empty() {
                interceptor.on_released(self.number, &self.config.group_id, &pending.released, false);
            }
        }
        {
            let mut state = lock(&self.shared.state);
            for (partition, committed) in &pending.all {
                if let Some(position) = state.partitions.get_mut(partition) {
                    // After a failure nobody knows; it is committed again, though the position may be the same.
                    position.committed = result.as_ref().ok().map(|()| committed.offset);
                }
            }
        }
        if let Err(error) = &result {
            if pending.reply.is_none() {
                tracing::warn!(group = &*self.config.group_id, %error, "a commit failed");
            }
            if let Some(closing) = &mut self.closing {
                closing.result = Err(error.clone());
            }
        }
        if let Some(reply) = pending.reply {
            let _ = reply.send(result);
        }
        if let Some(Some(id)) = pending.gives_up {
            self.membership.on_owned(Instant::now(), id);
        }
    }

    fn require_stable(&self) -> bool {
        self.shared.settings.isolation == IsolationLevel::ReadCommitted
    }

    /// Asks for the committed positions that partitions wait for.
    fn fetch_committed(&mut self, now: Instant) -> Option<Instant> {
        let (asked, later) = lock(&self.shared.state).uncommitted(now);
        if !asked.is_empty() {
            let asked: BTreeMap<TopicPartition, u64> = asked.into_iter().collect();
            let partitions: Vec<TopicPartition> = asked.keys().cloned().collect();
            let (coordinator, config) = (Arc::clone(&self.coordinator), Arc::clone(&self.config));
            let (identity, stable) = (self.membership.identity(), self.require_stable());
            self.work.spawn(async move {
                let result = offsets::fetch(&coordinator, &config, &identity, &partitions, stable).await;
                Done::Fetched(asked, result)
            });
        }
        later
    }

    fn on_fetched(&self, asked: &BTreeMap<TopicPartition, u64>, result: Result<BTreeMap<TopicPartition, Committed>>) {
        let now = Instant::now();
        let otherwise = self.shared.settings.reset.spec(self.router.settings.clock.now());
        let gives_up = self.router.settings.mutants.has(ClientMutant::OffsetFetchGivesUp);
        let mut waker = None;
        {
            let mut state = lock(&self.shared.state);
            for (partition, generation) in asked {
                let answer = match &result {
                    Ok(answers) => answers.get(partition).cloned().unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
                    Err(error) if error.is_retriable() => Err(error.code().unwrap_or(ErrorCode::NETWORK_EXCEPTION)),
                    Err(error) => {
                        let woken = state.on_failure(partition, *generation, error.clone());
                        waker = waker.or(woken);
                        continue;
                    }
                };
                let woken = match answer {
                    Ok(committed) => state.on_committed(partition, *generation, committed.as_ref(), otherwise),
                    // As `looking` as it was.
                    Err(_) if gives_up => None,
                    Err(code) if passes(code) => {
                        let failures = state.partitions.get(partition).map_or(0, |position| position.failures);
                        state.delay(partition, *generation, now + self.router.retry_delay(failures));
                        None
                    }
                    Err(code) => {
                        let error = Error::broker(code, ApiKey::OffsetFetch);
                        let error = error.about(&partition.topic, Some(partition.partition));
                        state.on_failure(partition, *generation, error)
                    }
                };
                waker = waker.or(woken);
            }
        }
        waker.into_iter().for_each(Waker::wake);
        self.shared.wake.notify_one();
    }

    fn tell_committed(
        &mut self,
        partitions: Vec<TopicPartition>,
        reply: oneshot::Sender<Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>>>,
    ) {
        let (coordinator, config) = (Arc::clone(&self.coordinator), Arc::clone(&self.config));
        let (identity, stable) = (self.membership.identity(), self.require_stable());
        self.work.spawn(async move {
            let router = coordinator.router();
            let deadline = Instant::now() + router.settings.api_timeout;
            let (partitions, coordinator, config, identity) = (&partitions, &coordinator, &config, &identity);
            let result = router.until(deadline, "OffsetFetch", |_| async move {
                let answers = offsets::fetch(coordinator, config, identity, partitions, stable).await?;
                let row = |(partition, answer): (TopicPartition, Committed)| match answer {
                    Ok(committed) => Ok((partition, committed)),
                    Err(code) => {
                        let error = Error::broker(code, ApiKey::OffsetFetch);
                        Err(error.about(&partition.topic, Some(partition.partition)))
                    }
                };
                answers.into_iter().map(row).collect()
            });
            let _ = reply.send(result.await);
            Done::Nothing
        });
    }

    // --- the end

    /// Says as what the group knows this member. Where the coordinator assigns, a new epoch may change nothing else.
    fn tell_identity(&self) {
        let identity = self.membership.identity();
        let mut state = lock(&self.shared.state);
        let before = std::mem::replace(&mut state.attention.identity, identity);
        let generation = state.attention.identity.generation;
        let is_kept = before.generation > 0 && generation > before.generation;
        if self.config.protocol != GroupProtocol::Consumer || !is_kept || state.partitions.is_empty() {
            return;
        }
        if let Some(interceptor) = &self.router.settings.interceptor {
            let owned: Vec<TopicPartition> = state.partitions.keys().cloned().collect();
            interceptor.on_kept(self.number, &self.config.group_id, generation, &owned);
        }
    }

    /// Whoever drops a consumer owns nothing any more.
    fn on_dropped(&self) {
        let (owned, has_failed) = {
            let state = lock(&self.shared.state);
            (state.partitions.keys().cloned().collect::<Vec<TopicPartition>>(), state.attention.failed.is_some())
        };
        // Of one that cannot go on the user may not have heard, who has not given up anything then.
        let is_member = self.subscription.is_some() || has_failed;
        if let Some(interceptor) = self.router.settings.interceptor.as_ref().filter(|_| is_member) {
            if !owned.is_empty() {
                interceptor.on_released(self.number, &self.config.group_id, &owned, false);
            }
        }
    }

    fn close(&mut self, reply: Option<oneshot::Sender<Result<()>>>) {
        if self.closing.is_none() {
            let deadline = Instant::now() + CLOSE_TIMEOUT;
            self.closing = Some(Closing { deadline, reply, result: Ok(()), leaving: false });
        }
    }

    fn depart(&mut self, now: Instant) -> Option<Instant> {
        let closing = self.closing.as_mut()?;
        let deadline = closing.deadline;
        if self.commits.is_empty() && !closing.leaving {
            closing.leaving = true;
            if let Some(departure) = self.membership.leave(self.config.on_close) {
                self.leave(departure);
            }
        }
        let left = self.closing.as_ref().is_some_and(|closing| closing.leaving) && self.leaves == 0;
        self.finished = left || deadline <= now;
        Some(deadline)
    }

    fn on_done(&mut self, done: Done) {
        let now = Instant::now();
        match done {
            Done::Answered(answer) => self.membership.on_answer(now, answer),
            Done::Committed(result) => self.on_committed(result),
            Done::Fetched(asked, result) => self.on_fetched(&asked, result),
            Done::Resolved => self.membership.on_resolved(now, &self.router.metadata()),
            Done::Listed(listed) => self.on_listed(listed),
            Done::Refreshed => self.refreshing = false,
            Done::Left => self.leaves -= 1,
            Done::Nothing => {}
        }
    }
}

fn offsets_of(offsets: &Offsets) -> BTreeMap<TopicPartition, Offset> {
    offsets.iter().map(|(partition, position)| (partition.clone(), position.offset)).collect()
}

/// Whether asking for a committed position may succeed later; after a rebalance the question may not even arise.
fn passes(code: ErrorCode) -> bool {
    code.is_retriable()
        || matches!(code, ErrorCode::STALE_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION)
}

/// All topics of the cluster by name.
async fn list_topics(router: &Router) -> Result<BTreeSet<TopicName>> {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let response = router.target(routing::Target::Any).await?.call(&request, i16::MAX).await?;
    let name = |name: Option<ByteString>| TopicName::new(&name?).ok();
    Ok(response.topics.into_iter().filter_map(|topic| name(topic.name)).collect())
}

/// Finds the topics that belong to ids, and keeps their metadata fresh from now on.
async fn resolve(router: &Router, ids: &BTreeSet<Uuid>) -> Result<()> {
    let metadata = router.metadata();
    if ids.iter().all(|id| metadata.name_of(*id).is_some()) {
        return Ok(());
    }
    let row = |id: &Uuid| MetadataRequestTopic { topic_id: *id, name: None, ..Default::default() };
    let request = MetadataRequest { topics: Some(ids.iter().map(row).collect()), ..Default::default() };
    let asked = async {
        let response = router.target(routing::Target::Any).await?.call(&request, i16::MAX).await?;
        for topic in response.topics {
            if let Some(name) = topic.name.as_deref().and_then(|name| TopicName::new(name).ok()) {
                router.track(&name);
            }
        }
        router.refresh(&metadata).await
    };
    timeout(router.settings.request_timeout, asked).await.unwrap_or(Ok(()))
}
