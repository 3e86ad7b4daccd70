//! A consumer as a member of a group: subscribing, rebalancing, committing.
//!
//! Not here: the membership itself; a task of its own looks after it.

use super::super::TopicPartition;
use super::super::error::Error;
use super::super::error::Result;
use super::super::group::membership::Target;
use super::super::group::offsets::Offsets;
use super::super::legal;
use super::super::mutant::ClientMutant;
use super::super::routing::Router;
use super::super::routing::lock;
use super::super::transaction::OffsetAndMetadata;
use super::Consumer;
use super::ConsumerRecord;
use super::Event;
use super::Shared;
use super::StartFrom;
use super::member::Command;
use super::member::Member;
use super::member::Subscription;
use super::position::Chunk;
use super::position::State;
use crate::base::Offset;
use futures_core::Stream;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// The way to the task that is a member of the group.
pub(super) struct Link {
    commands: mpsc::UnboundedSender<Command>,
    subscribed: bool,
    listener: Option<Box<dyn RebalanceListener>>,
}

impl Link {
    /// Starts the task, if there is a group.
    pub(super) fn start(number: u64, router: &Arc<Router>, shared: &Arc<Shared>) -> Option<Self> {
        if shared.settings.group.group_id.is_empty() {
            return None;
        }
        let (commands, incoming) = mpsc::unbounded_channel();
        tokio::spawn(Member::new(number, Arc::clone(router), Arc::clone(shared), incoming).run());
        Some(Self { commands, subscribed: false, listener: None })
    }

    /// The task ends after the consumer does, so somebody is there to read it.
    fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            tracing::debug!("the membership's task is gone with its runtime");
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("subscribed", &self.subscribed).finish_non_exhaustive()
    }
}

/// Is told when partitions come and go, in the midst of [`Consumer::recv`] and its like.
///
/// It should be quick: the whole group may be waiting. What it commits is committed before the partitions are given
/// up.
/// ```
/// use rehearsal::client::{Rebalance, RebalanceListener, TopicPartition};
///
/// struct Store;
///
/// impl RebalanceListener for Store {
///     fn on_revoked(&mut self, rebalance: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
///         // Everything that was handed out has been written, so it need not be read again.
///         for partition in partitions {
///             rebalance.commit(partition);
///         }
///     }
///
///     fn on_lost(&mut self, _: &mut Rebalance<'_>, partitions: &[TopicPartition]) {
///         println!("somebody else may be reading {partitions:?} already");
///     }
/// }
/// # fn check(_: impl RebalanceListener) {}
/// # check(Store);
/// ```
pub trait RebalanceListener: Send + 'static {
    /// These are this consumer's from now on. Where it reads them from can still be changed.
    fn on_assigned(&mut self, _rebalance: &mut Rebalance<'_>, _partitions: &[TopicPartition]) {}

    /// These will be somebody else's; until this returns they are this consumer's still.
    fn on_revoked(&mut self, _rebalance: &mut Rebalance<'_>, _partitions: &[TopicPartition]) {}

    /// These may be somebody else's already: nothing can be committed for them any more.
    fn on_lost(&mut self, _rebalance: &mut Rebalance<'_>, _partitions: &[TopicPartition]) {}
}

/// What a [`RebalanceListener`] can do.
#[derive(Debug)]
pub struct Rebalance<'a> {
    state: &'a mut State,
    commits: &'a mut Offsets,
    moved: &'a mut Vec<(TopicPartition, StartFrom)>,
}

/// What a member has given up, because of the group or for good.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    /// What is to be committed first.
    pub(super) commits: Offsets,
    /// The partitions, but for those that were lost before.
    pub(super) partitions: Vec<TopicPartition>,
}

impl Rebalance<'_> {
    /// All partitions of this consumer at this moment, in order.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.state.partitions.keys().cloned().collect()
    }

    /// The offset of the record that comes next in a partition, as far as that is known.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.state.partitions.get(partition)?.next
    }

    /// Reads a partition from another place on; one that is not assigned is left alone.
    pub fn seek(&mut self, partition: &TopicPartition, start: StartFrom) {
        if self.state.partitions.contains_key(partition) {
            self.state.place(partition.clone(), start);
            self.moved.push((partition.clone(), start));
        }
    }

    /// Commits a partition's position: everything that was handed out counts as processed.
    pub fn commit(&mut self, partition: &TopicPartition) {
        if let Some(position) = position_of(self.state, partition) {
            self.commits.insert(partition.clone(), position);
        }
    }

    /// Commits this offset for a partition.
    pub fn commit_offset(&mut self, partition: &TopicPartition, offset: impl Into<OffsetAndMetadata>) {
        self.commits.insert(partition.clone(), offset.into());
    }
}

/// Takes what the group has said; what it said before need not be done any more, but what was lost is lost.
fn take_target(state: &mut State, pending: &mut Option<Target>) {
    if let Some(target) = state.attention.target.take() {
        let lost = pending.as_ref().is_some_and(|before| before.lost);
        *pending = Some(Target { lost: target.lost || lost, ..target });
    }
}

/// What to commit for a partition when all that was handed out has been processed.
pub(super) fn position_of(state: &State, partition: &TopicPartition) -> Option<OffsetAndMetadata> {
    let position = state.partitions.get(partition)?;
    let offset = position.next.filter(|_| !position.awaits_commit)?;
    if let Some(unfinished) = position.unfinished.first() {
        return Some((*unfinished).into());
    }
    Some(OffsetAndMetadata { leader_epoch: position.epoch, ..offset.into() })
}

/// The positions of all partitions.
fn positions(state: &State) -> Offsets {
    let row = |partition: &TopicPartition| Some((partition.clone(), position_of(state, partition)?));
    state.partitions.keys().filter_map(row).collect()
}

/// The positions that are not committed yet, as far as is known; they count as committed from now on.
fn news(state: &mut State) -> Offsets {
    let mut offsets = positions(state);
    offsets.retain(|partition, position| {
        let known = state.partitions.get_mut(partition).map(|known| known.committed.replace(position.offset));
        known.flatten() != Some(position.offset)
    });
    offsets
}

impl Consumer {
    /// Whether a group gives it partitions; `None` when there is no group.
    pub(super) fn is_subscribed(&self) -> Option<bool> {
        self.link.as_ref().map(|link| link.subscribed)
    }

    /// Reads what the group gives to this consumer of these topics, from now on.
    ///
    /// Topics that do not exist yet are read once they do.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group, or for a name that is not legal.
    pub fn subscribe<S: AsRef<str>>(&mut self, topics: impl IntoIterator<Item = S>) -> Result<()> {
        let topics = topics.into_iter().map(|topic| legal(topic.as_ref())).collect::<Result<BTreeSet<_>>>()?;
        if topics.is_empty() {
            self.unsubscribe();
            return Ok(());
        }
        self.subscribe_to(Subscription::Topics(topics))
    }

    /// Reads what the group gives to this consumer of all topics whose whole name fits a regular expression, those
    /// included that are created later.
    ///
    /// Kafka's own topics are left out. In a classic group this client looks for topics as often as it asks for
    /// metadata; otherwise the coordinator does (in the syntax of RE2).
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group, or when it is no regular expression.
    pub fn subscribe_pattern(&mut self, pattern: &str) -> Result<()> {
        let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| Error::Invalid(error.to_string()))?;
        self.subscribe_to(Subscription::Pattern(regex, pattern.into()))
    }

    fn subscribe_to(&mut self, subscription: Subscription) -> Result<()> {
        let Some(link) = &mut self.link else {
            return Err(Error::Invalid("a consumer needs a group_id to subscribe".to_owned()));
        };
        if !link.subscribed {
            // What was assigned by hand ends.
            self.current = None;
            lock(&self.shared.state).assign(Vec::new());
        }
        link.subscribed = true;
        self.shared.pulse.leave();
        link.send(Command::Subscribe(subscription));
        Ok(())
    }

    /// Gives everything up and leaves the group. What can be committed by itself is.
    pub fn unsubscribe(&mut self) {
        if self.link.as_ref().is_some_and(|link| link.subscribed) {
            let given_up = self.give_everything_up();
            if let Some(link) = &mut self.link {
                link.subscribed = false;
                link.send(Command::Unsubscribe { given_up });
            }
        }
    }

    /// Commits as configured, gives everything up, leaves the group, and ends.
    ///
    /// # Errors
    /// Why the last commit failed.
    pub async fn close(mut self) -> Result<()> {
        if self.link.is_none() {
            return Ok(());
        }
        let given_up = self.give_everything_up();
        let (reply, closed) = oneshot::channel();
        self.tell_member(Command::Close { given_up, reply })?;
        closed.await.unwrap_or(Ok(()))
    }

    /// The partitions of a subscription are gone after this.
    fn give_everything_up(&mut self) -> GivenUp {
        self.put_away();
        let subscribed = self.link.as_ref().is_some_and(|link| link.subscribed);
        take_target(&mut lock(&self.shared.state), &mut self.target);
        let lost = self.target.as_ref().is_some_and(|target| target.lost);
        if subscribed {
            let given_up = self.change_to(BTreeSet::new(), lost);
            self.target = None;
            return given_up;
        }
        let mut state = lock(&self.shared.state);
        let commits = if self.shared.settings.auto_commit.is_some() { news(&mut state) } else { Offsets::new() };
        GivenUp { commits, partitions: Vec::new() }
    }

    /// Is told when partitions come and go.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group.
    pub fn set_rebalance_listener(&mut self, listener: impl RebalanceListener) -> Result<()> {
        match &mut self.link {
            Some(link) => link.listener = Some(Box::new(listener)),
            None => return Err(Error::Invalid("a consumer needs a group_id to rebalance".to_owned())),
        }
        Ok(())
    }

    /// Looks what calls for attention: a rebalance, a commit that is due, or an end of it all.
    pub(super) fn attend(&mut self) -> Option<Result<Event>> {
        self.put_away_position();
        let commit = {
            let mut state = lock(&self.shared.state);
            take_target(&mut state, &mut self.target);
            if self.target.is_some() {
                return Some(Ok(Event::Rebalance));
            }
            if let Some(error) = &state.attention.failed {
                return Some(Err(error.clone()));
            }
            self.shared.pulse.answer();
            if std::mem::take(&mut state.attention.commit_due) { news(&mut state) } else { Offsets::new() }
        };
        if !commit.is_empty() {
            let _ = self.tell_member(Command::Commit { offsets: commit, reply: None });
        }
        None
    }

    /// Does what the group has said.
    pub(super) fn rebalance(&mut self) {
        if let Some(target) = self.target.take() {
            let given_up = self.change_to(target.partitions, target.lost);
            let _ = self.tell_member(Command::Owned { id: target.id, given_up });
        }
    }

    /// Whether the group has said that what this consumer owns is somebody else's.
    pub(super) fn is_lost(&mut self) -> bool {
        take_target(&mut lock(&self.shared.state), &mut self.target);
        self.target.as_ref().is_some_and(|target| target.lost)
    }

    /// What is given up when the group's word is done.
    pub(super) fn to_give_up(&self) -> Vec<TopicPartition> {
        let owned = self.assignment();
        let Some(target) = &self.target else { return Vec::new() };
        owned.into_iter().filter(|partition| target.lost || !target.partitions.contains(partition)).collect()
    }

    fn change_to(&mut self, mut target: BTreeSet<TopicPartition>, lost: bool) -> GivenUp {
        // Of a partition that stays, the rest of what was fetched is still to be handed out.
        self.put_away_position();
        let goes = |chunk: &Chunk| lost || !target.contains(&chunk.partition);
        if self.current.as_ref().is_some_and(goes) {
            self.put_away();
        }
        let mut given_up = GivenUp::default();
        let Some(link) = &mut self.link else { return given_up };
        let commits = &mut given_up.commits;
        let (interceptor, group_id) = (&self.router.settings.interceptor, &self.shared.settings.group.group_id);
        let mut moved = Vec::new();
        let mut state = lock(&self.shared.state);
        let owned: BTreeSet<TopicPartition> = state.partitions.keys().cloned().collect();
        let revoked: Vec<TopicPartition> =
            owned.iter().filter(|partition| lost || !target.contains(*partition)).cloned().collect();
        if !revoked.is_empty() {
            let told = lost && !self.router.settings.mutants.has(ClientMutant::LostAsRevoked);
            tracing::debug!(?revoked, lost, "partitions are given up");
            if self.shared.settings.auto_commit.is_some() && !told {
                *commits = news(&mut state);
            }
            let mut rebalance = Rebalance { state: &mut state, commits, moved: &mut moved };
            match &mut link.listener {
                Some(listener) if told => listener.on_lost(&mut rebalance, &revoked),
                Some(listener) => listener.on_revoked(&mut rebalance, &revoked),
                None => {}
            }
            if told {
                commits.clear();
            }
            revoked.iter().for_each(|partition| state.remove(partition));
            match interceptor {
                Some(interceptor) if lost => interceptor.on_released(self.number, group_id, &revoked, lost),
                // It is still this member's until what there is to commit for it is committed.
                _ => given_up.partitions = revoked,
            }
        }
        if let (Some(interceptor), false) = (interceptor, lost) {
            let kept: Vec<TopicPartition> = owned.intersection(&target).cloned().collect();
            if !kept.is_empty() {
                interceptor.on_kept(self.number, group_id, state.attention.identity.generation, &kept);
            }
        }
        target.retain(|partition| lost || !owned.contains(partition));
        let assigned: Vec<TopicPartition> = target.into_iter().collect();
        if !assigned.is_empty() {
            tracing::debug!(?assigned, "partitions are taken");
            for partition in &assigned {
                self.router.track(&partition.topic);
                state.place(partition.clone(), StartFrom::Committed);
            }
            if let Some(interceptor) = interceptor {
                interceptor.on_assigned(self.number, group_id, state.attention.identity.generation, &assigned);
            }
            let mut rebalance = Rebalance { state: &mut state, commits: &mut given_up.commits, moved: &mut moved };
            if let Some(listener) = &mut link.listener {
                listener.on_assigned(&mut rebalance, &assigned);
            }
        }
        drop(state);
        moved.into_iter().for_each(|(partition, start)| self.tell_moved(&partition, start));
        self.shared.wake.notify_one();
        given_up
    }

    /// Has looked up where partitions go on.
    pub(super) fn look_up(&self) {
        if let Some(link) = &self.link {
            link.send(Command::Look);
        } else {
            lock(&self.shared.state).refuse_committed();
        }
        self.shared.wake.notify_one();
    }

    /// Remembers how far the current chunk was read, without ending it.
    fn put_away_position(&self) {
        if let Some(chunk) = &self.current {
            let mut state = lock(&self.shared.state);
            if let Some(position) = state.partitions.get_mut(&chunk.partition) {
                position.follow(chunk);
            }
        }
    }

    fn tell_member(&self, command: Command) -> Result<()> {
        let Some(link) = &self.link else {
            return Err(Error::Invalid("a consumer needs a group_id to commit".to_owned()));
        };
        link.send(command);
        Ok(())
    }

    /// The group's id, if there is a group.
    pub(super) fn group_id(&self) -> Option<&str> {
        Some(&*self.shared.settings.group.group_id).filter(|id| !id.is_empty())
    }

    /// What to commit for all assigned partitions if everything that was handed out has been processed.
    pub fn positions(&self) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        self.put_away_position();
        positions(&lock(&self.shared.state))
    }

    /// What can commit while records are read.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group.
    pub fn committer(&self) -> Result<Committer> {
        match &self.link {
            Some(link) => Ok(Committer { commands: link.commands.clone() }),
            None => Err(Error::Invalid("a consumer needs a group_id to commit".to_owned())),
        }
    }

    /// Commits the positions of all assigned partitions: all that was handed out counts as processed.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group, and why the commit failed; then nothing or a part of it is committed.
    pub async fn commit(&mut self) -> Result<()> {
        self.put_away_position();
        let offsets = positions(&lock(&self.shared.state));
        self.committer()?.commit_offsets(offsets).await
    }

    /// Begins to commit the positions of all assigned partitions. Commits are made in the order in which they are
    /// asked for; whether they succeed is told to the log.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group.
    pub fn commit_async(&mut self) -> Result<()> {
        self.put_away_position();
        let offsets = positions(&lock(&self.shared.state));
        self.tell_member(Command::Commit { offsets, reply: None })
    }

    /// Commits these offsets: each that of the next record to process.
    ///
    /// # Errors
    /// As [`Consumer::commit`].
    pub async fn commit_offsets<O: Into<OffsetAndMetadata>>(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<()> {
        self.committer()?.commit_offsets(offsets).await
    }

    /// Commits that a record and all before it in its partition have been processed.
    ///
    /// # Errors
    /// As [`Consumer::commit`].
    pub async fn commit_record(&self, record: &ConsumerRecord) -> Result<()> {
        self.commit_offsets([(record.topic_partition(), record.next_offset())]).await
    }

    /// What the group has committed for partitions, whosever they are; `None` where there is nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group, and why the coordinator does not tell.
    pub async fn committed<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>> {
        let partitions: BTreeSet<TopicPartition> = partitions.into_iter().cloned().collect();
        let (reply, answer) = oneshot::channel();
        self.tell_member(Command::Committed { partitions: partitions.into_iter().collect(), reply })?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// The records as a stream without end, each with what commits it.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a group.
    pub fn messages(&mut self) -> Result<MessageStream<'_>> {
        let committer = self.committer()?;
        Ok(MessageStream { consumer: self, committer })
    }
}

/// Commits for a [`Consumer`], from wherever. Clones share the consumer's order of commits.
#[derive(Clone, Debug)]
pub struct Committer {
    commands: mpsc::UnboundedSender<Command>,
}

impl Committer {
    /// Commits these offsets: each that of the next record to process.
    ///
    /// # Errors
    /// Why the commit failed; [`Error::Closed`] when the consumer is gone.
    pub async fn commit_offsets<O: Into<OffsetAndMetadata>>(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<()> {
        let offsets: Offsets = offsets.into_iter().map(|(partition, offset)| (partition, offset.into())).collect();
        if offsets.is_empty() {
            return Ok(());
        }
        let (reply, done) = oneshot::channel();
        self.commands.send(Command::Commit { offsets, reply: Some(reply) }).map_err(|_| Error::Closed)?;
        done.await.unwrap_or(Err(Error::Closed))
    }
}

/// A record with what commits it.
#[derive(Clone, Debug)]
pub struct Message {
    record: ConsumerRecord,
    committer: Committer,
}

impl Message {
    /// Commits that this record and all before it in its partition have been processed.
    ///
    /// # Errors
    /// As [`Committer::commit_offsets`].
    pub async fn commit(&self) -> Result<()> {
        self.committer.commit_offsets([(self.record.topic_partition(), self.record.next_offset())]).await
    }

    /// The record alone.
    pub fn into_record(self) -> ConsumerRecord {
        self.record
    }
}

impl Deref for Message {
    type Target = ConsumerRecord;

    fn deref(&self) -> &ConsumerRecord {
        &self.record
    }
}

/// The records of a [`Consumer`] with what commits each; it does not end.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct MessageStream<'a> {
    consumer: &'a mut Consumer,
    committer: Committer,
}

impl Drop for MessageStream<'_> {
    fn drop(&mut self) {
        self.consumer.shared.pulse.leave();
    }
}

impl Stream for MessageStream<'_> {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let committer = self.committer.clone();
        let message = |record| Message { record, committer };
        self.consumer.poll_recv(cx).map(|result| Some(result.map(message)))
    }
}
