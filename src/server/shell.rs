//! The engine behind one mutex, the tasks' only way to it, and the task that keeps its deadlines.
//!
//! The critical section is short: frames are decoded and encoded outside it, and an answer that is ready at once
//! is returned to the connection's own task without any hop.

use super::clock::Clock;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::Instant;
use crate::base::ProcessAction;
use crate::broker::BrokerState;
use crate::broker::Engine;
use crate::broker::Input;
use crate::broker::Output;
use crate::fault::BytesFault;
use crate::wire::Response;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Poll;
use std::task::Waker;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::sync::watch;

/// What the engine has for a connection.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A response to send.
    Send {
        correlation_id: i32,
        api_version: i16,
        response: Arc<Response>,
        not_before: Instant,
        fault: Option<BytesFault>,
    },
    /// Nothing to send; the next request may be read.
    Continue,
    /// The connection has to end.
    Close(String),
}

/// Where deliveries wait that do not answer the request just given to the engine. One task empties it.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Mail>);

#[derive(Debug, Default)]
struct Mail {
    deliveries: VecDeque<Delivery>,
    /// The task that waits for the next one.
    waker: Option<Waker>,
}

impl Mailbox {
    fn put(&self, delivery: Delivery) {
        let mut mail = self.lock();
        mail.deliveries.push_back(delivery);
        let waker = mail.waker.take();
        drop(mail);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for the next delivery; cancel safe.
    pub(super) async fn next(&self) -> Delivery {
        poll_fn(|cx| {
            let mut mail = self.lock();
            match (mail.deliveries.pop_front(), &mut mail.waker) {
                (Some(delivery), _) => return Poll::Ready(delivery),
                (None, Some(waker)) => waker.clone_from(cx.waker()),
                (None, none) => *none = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }

    /// A panic elsewhere leaves no delivery half put, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const POISONED: &str = "the engine panicked before, and its state is not to be trusted; its own message says why";

struct Locked {
    engine: Engine,
    mailboxes: BTreeMap<ConnectionId, Arc<Mailbox>>,
    connections: u64,
    /// Whether connections to each broker are accepted.
    listening: BTreeMap<BrokerId, watch::Sender<bool>>,
    /// The deadline for which the timer task sleeps.
    armed: Option<Instant>,
    stopped: bool,
    /// Who does to processes what is to be done to them.
    processes: Option<mpsc::UnboundedSender<(u32, ProcessAction)>>,
}

/// The engine and all that is needed to drive it.
pub(super) struct Shell {
    locked: Mutex<Locked>,
    pub(super) clock: Clock,
    /// Told when an earlier deadline appears than the timer task sleeps for, and at the end.
    rearm: Notify,
    /// Told after every change of the engine's state.
    changed: Notify,
    /// Told once, at the end.
    stopping: Notify,
}

impl Shell {
    pub(super) fn new(engine: Engine, clock: Clock) -> Self {
        let armed = None;
        let (mailboxes, listening) = (BTreeMap::new(), BTreeMap::new());
        let locked = Locked { engine, mailboxes, connections: 0, listening, armed, stopped: false, processes: None };
        let (rearm, changed, stopping) = (Notify::new(), Notify::new(), Notify::new());
        Self { locked: Mutex::new(locked), clock, rearm, changed, stopping }
    }

    /// Panics when the engine has panicked before: it may have been left in the middle of a change.
    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().expect(POISONED)
    }

    /// For those who do not look at the engine, and for those who run while a panic unwinds.
    fn lock_anyway(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether connections to a broker are accepted, now and whenever that changes.
    pub(super) fn listening(&self, broker: BrokerId) -> watch::Receiver<bool> {
        let mut locked = self.lock_anyway();
        // It may have gone down before anybody could accept a connection.
        let is_open = locked.engine.broker_state(broker) != BrokerState::Down;
        locked.listening.entry(broker).or_insert_with(|| watch::channel(is_open).0).subscribe()
    }

    /// Accepts a connection; `None` when the cluster has stopped.
    pub(super) fn connect(&self, broker: BrokerId, peer: &str) -> Option<(ConnectionId, Arc<Mailbox>)> {
        let _fuse = Fuse(self);
        let mut locked = self.lock();
        if locked.stopped {
            return None;
        }
        locked.connections += 1;
        let connection = ConnectionId(locked.connections);
        let mailbox = Arc::new(Mailbox::default());
        locked.mailboxes.insert(connection, Arc::clone(&mailbox));
        let input = Input::Connected { connection, broker, peer: peer.into() };
        locked.engine.handle_input(self.clock.now(), input);
        self.drain(locked, None);
        Some((connection, mailbox))
    }

    /// Tells the engine that a connection has ended.
    pub(super) fn disconnect(&self, connection: ConnectionId, reason: &str) {
        let _fuse = Fuse(self);
        let mut locked = self.lock_anyway();
        locked.mailboxes.remove(&connection);
        if self.locked.is_poisoned() {
            return;
        }
        locked.engine.handle_input(self.clock.now(), Input::Disconnected { connection, reason: reason.into() });
        self.drain(locked, None);
    }

    /// Gives the engine a request; `None` when the answer will come to the connection's mailbox.
    pub(super) fn request(&self, connection: ConnectionId, input: Input) -> Option<Delivery> {
        let _fuse = Fuse(self);
        let mut locked = self.lock();
        locked.engine.handle_input(self.clock.now(), input);
        self.drain(locked, Some(connection))
    }

    /// Looks at the engine. Nobody is told of a change: a condition that is asked after every change would otherwise
    /// be asked again and again because of itself.
    pub(super) fn look<T>(&self, see: impl FnOnce(&Engine, Instant) -> T) -> T {
        see(&self.lock().engine, self.clock.now())
    }

    /// Changes the engine in the test's name.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Engine, Instant) -> T) -> T {
        let _fuse = Fuse(self);
        let mut locked = self.lock();
        let result = act(&mut locked.engine, self.clock.now());
        self.drain(locked, None);
        result
    }

    /// Has everything told to its caller from now on that is done to processes.
    #[cfg(feature = "sim")]
    pub(super) fn host_processes(&self) -> mpsc::UnboundedReceiver<(u32, ProcessAction)> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut locked = self.lock();
        locked.engine.host_processes();
        locked.processes = Some(sender);
        receiver
    }

    /// As [`Shell::with`], for those who run while a panic unwinds: does nothing once the engine has panicked.
    pub(super) fn with_unless_poisoned(&self, act: impl FnOnce(&mut Engine, Instant)) {
        if !self.locked.is_poisoned() {
            self.with(act);
        }
    }

    /// As [`Shell::look`], for those who run while a panic unwinds.
    pub(super) fn look_unless_poisoned<T>(&self, see: impl FnOnce(&Engine) -> T) -> Option<T> {
        self.locked.lock().ok().map(|locked| see(&locked.engine))
    }

    /// Empties the engine's outputs into mailboxes, except what is for `own` first.
    fn drain(&self, mut locked: MutexGuard<'_, Locked>, own: Option<ConnectionId>) -> Option<Delivery> {
        let mut answer = None;
        while let Some(output) = locked.engine.poll_output() {
            let (connection, delivery) = match output {
                Output::Send { connection, correlation_id, api_version, response, not_before, fault } => {
                    (connection, Delivery::Send { correlation_id, api_version, response, not_before, fault })
                }
                Output::Continue { connection } => (connection, Delivery::Continue),
                Output::Close { connection, reason } => (connection, Delivery::Close(reason)),
                Output::Listen { broker, is_open } => {
                    if let Some(listening) = locked.listening.get(&broker) {
                        listening.send_replace(is_open);
                    }
                    continue;
                }
                Output::Process { process, action } => {
                    if let Some(processes) = &locked.processes {
                        // Whoever simulated them may be gone.
                        let _ = processes.send((process, action));
                    }
                    continue;
                }
            };
            if own == Some(connection) && answer.is_none() {
                answer = Some(delivery);
            } else if let Some(mailbox) = locked.mailboxes.get(&connection) {
                mailbox.put(delivery);
            }
        }
        let next = locked.engine.poll_timeout();
        if next.is_some() && (locked.armed.is_none() || next < locked.armed) {
            locked.armed = next;
            self.rearm.notify_one();
        }
        drop(locked);
        self.changed.notify_waiters();
        answer
    }

    /// Keeps the engine's deadlines until [`Shell::stop`].
    pub(super) async fn keep_deadlines(&self) {
        loop {
            let deadline = {
                let mut locked = self.lock_anyway();
                if locked.stopped || self.locked.is_poisoned() {
                    return;
                }
                locked.armed = locked.engine.poll_timeout();
                locked.armed.unwrap_or(Instant::FAR_FUTURE)
            };
            tokio::select! {
                biased;
                () = self.rearm.notified() => {}
                () = self.clock.sleep_until(deadline) => {
                    let _fuse = Fuse(self);
                    let mut locked = self.lock_anyway();
                    if locked.stopped || self.locked.is_poisoned() {
                        return;
                    }
                    locked.engine.handle_timeout(self.clock.now());
                    self.drain(locked, None);
                }
            }
        }
    }

    /// Waits until the next change; call `enable` on it before looking, so that no change is missed.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Ends all connections and the timer task, and refuses new connections.
    pub(super) fn stop(&self) {
        self.end(self.lock_anyway(), "the cluster stops");
    }

    fn end(&self, mut locked: MutexGuard<'_, Locked>, why: &str) {
        locked.stopped = true;
        for mailbox in locked.mailboxes.values() {
            mailbox.put(Delivery::Close(why.to_owned()));
        }
        drop(locked);
        self.rearm.notify_one();
        self.stopping.notify_waiters();
    }

    /// Waits for [`Shell::stop`].
    pub(super) async fn stopped(&self) {
        let news = self.stopping.notified();
        tokio::pin!(news);
        // From here on the end is not missed.
        news.as_mut().enable();
        if !self.lock_anyway().stopped {
            news.await;
        }
    }
}

/// Stops the cluster when the engine panics while this lives, so that clients and waiting tests are not left hanging.
///
/// To be made before the lock is taken: a lock is poisoned when it is let go of.
struct Fuse<'a>(&'a Shell);

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        if self.0.locked.is_poisoned() {
            self.0.end(self.0.lock_anyway(), "the engine panicked");
            self.0.changed.notify_waiters();
        }
    }
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::server::Cluster;
    use std::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;
    use tokio::io::AsyncReadExt;

    /// A second panic while the first unwinds would abort the process and hide why the test failed.
    #[tokio::test]
    async fn a_panic_in_the_engine_ends_the_cluster_and_not_the_process() {
        let cluster = Cluster::in_memory().topic("t", 1).start().await.unwrap();
        let endpoint = cluster.endpoint();
        let mut peer = endpoint.transport().dial(&endpoint.addresses()[0]).await.unwrap();
        tokio::task::yield_now().await;
        let panicked = catch_unwind(AssertUnwindSafe(|| cluster.shell().with(|_, _| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0, "connections are closed");
        let later = catch_unwind(AssertUnwindSafe(|| cluster.snapshot())).unwrap_err();
        assert!(later.downcast_ref::<String>().unwrap().contains("the engine panicked before"));
        cluster.shutdown().await;
    }
}
