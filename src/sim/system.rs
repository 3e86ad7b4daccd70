//! A system while it runs: the cluster and the application's processes, which start, crash and start again.
//!
//! Not here: what is done to it (plans and nemeses), and when a run is over (`liveness`).

use super::error::Error;
use super::file::RunFile;
use super::ledger::Ledger;
use super::node::AppError;
use super::node::Inner;
use super::node::Node;
use super::node::name_of;
use super::run::Ending;
use super::run::Run;
use super::stop::Stop;
use super::watcher::Watcher;
use crate::base::Seed;
use crate::check::Event;
use crate::check::History;
use crate::check::Setup;
use crate::check::event;
use crate::client::Client;
use crate::client::ClientBuilder;
use crate::server::Cluster;
use crate::tap;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(super) type App = Rc<dyn Fn(Node) -> Pin<Box<dyn Future<Output = Result<(), AppError>>>>>;
pub(super) type Configure = Rc<dyn Fn(ClientBuilder, usize) -> ClientBuilder>;

/// How long a client waits before it tries again to connect for the next life of its process.
const RECONNECT_AFTER: Duration = Duration::from_millis(100);

/// A running system, for those who break it.
#[derive(Clone)]
pub struct System {
    inner: Rc<SystemInner>,
}

struct SystemInner {
    cluster: Cluster,
    seed: Seed,
    app: App,
    configure: Option<Configure>,
    ledger: Arc<Ledger>,
    stop: Arc<Stop>,
    processes: RefCell<Vec<Process>>,
    nemesis: RefCell<Option<JoinHandle<Result<(), AppError>>>>,
}

/// A process in its present life.
struct Process {
    incarnation: u32,
    watcher: Arc<Watcher>,
    life: Life,
}

enum Life {
    Running(JoinHandle<Result<(), AppError>>),
    /// It has crashed; whether somebody will start it again.
    Down {
        returns: bool,
    },
    Over(Ending),
}

impl System {
    pub(super) fn new(cluster: Cluster, seed: Seed, app: App, configure: Option<Configure>, started: Instant) -> Self {
        let (ledger, stop) = (Ledger::new(started), Arc::default());
        ledger.look_into(cluster.log_bounds());
        let (processes, nemesis) = (RefCell::default(), RefCell::default());
        Self { inner: Rc::new(SystemInner { cluster, seed, app, configure, ledger, stop, processes, nemesis }) }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(super) fn ledger(&self) -> &Arc<Ledger> {
        &self.inner.ledger
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.inner.stop
    }

    /// Ends a process at once, with all that it had under way, and starts it again after a while.
    ///
    /// A process that has ended already stays as it is.
    ///
    /// # Errors
    /// None any more: a process that cannot connect for its next life tries until it can.
    pub async fn crash_process(&self, index: usize, restart_after: Duration) -> crate::client::Result<()> {
        if self.kill(index, true) {
            tokio::time::sleep(restart_after).await;
            self.start_again(index);
        }
        Ok(())
    }

    /// Ends a process at once; whether there was one to end.
    fn kill(&self, index: usize, returns: bool) -> bool {
        let mut processes = self.inner.processes.borrow_mut();
        let Some(process) = processes.get_mut(index) else { return false };
        match &process.life {
            Life::Running(task) if !task.is_finished() => task.abort(),
            _ => return false,
        }
        process.watcher.crash();
        process.life = Life::Down { returns };
        true
    }

    /// Starts a process that has crashed; one that has not is left alone.
    fn start_again(&self, index: usize) {
        let incarnation = {
            let processes = self.inner.processes.borrow();
            let Some(process) = processes.get(index) else { return };
            match process.life {
                Life::Down { .. } => process.incarnation + 1,
                _ => return,
            }
        };
        let (builder, watcher) = self.client(index, incarnation);
        let (system, of_node) = (self.clone(), Arc::clone(&watcher));
        let life = async move {
            let client = loop {
                match builder.clone().connect().await {
                    Ok(client) => break client,
                    // Whatever was broken when it came back may be mended yet.
                    Err(_) => tokio::time::sleep(RECONNECT_AFTER).await,
                }
            };
            (system.inner.app)(system.node(index, incarnation, client, of_node)).await
        };
        let life = Life::Running(self.spawn(life));
        self.inner.processes.borrow_mut()[index] = Process { incarnation, watcher, life };
    }

    /// Starts a process for the first time.
    pub(super) async fn start_first(&self, index: usize) -> crate::client::Result<()> {
        let (builder, watcher) = self.client(index, 0);
        let node = self.node(index, 0, builder.connect().await?, Arc::clone(&watcher));
        let life = Life::Running(self.spawn((self.inner.app)(node)));
        self.inner.processes.borrow_mut().push(Process { incarnation: 0, watcher, life });
        Ok(())
    }

    fn client(&self, index: usize, incarnation: u32) -> (ClientBuilder, Arc<Watcher>) {
        let SystemInner { cluster, seed, ledger, configure, .. } = &*self.inner;
        let name = name_of(index, incarnation);
        let watcher = Watcher::new(name.clone(), Arc::clone(ledger));
        let own = Seed(seed.stream(&format!("client/{name}")).next_u64());
        let builder = Client::builder().endpoint(cluster.endpoint()).client_id(name).seed(own);
        let builder = match configure {
            Some(configure) => configure(builder, index),
            None => builder,
        };
        (builder.interceptor(Arc::clone(&watcher) as _), watcher)
    }

    fn node(&self, index: usize, incarnation: u32, client: Client, watcher: Arc<Watcher>) -> Node {
        let SystemInner { cluster, seed, ledger, stop, .. } = &*self.inner;
        let (ledger, stop, endpoint) = (Arc::clone(ledger), Arc::clone(stop), cluster.endpoint());
        let inner = Inner { index, incarnation, seed: *seed, endpoint, client, watcher, ledger, stop };
        Node { inner: Arc::new(inner) }
    }

    fn spawn(&self, life: impl Future<Output = Result<(), AppError>> + 'static) -> JoinHandle<Result<(), AppError>> {
        let stop = Arc::clone(&self.inner.stop);
        tokio::task::spawn_local(async move {
            let _told = stop.tell_when_dropped();
            life.await
        })
    }

    /// Lets somebody loose who breaks things.
    pub(super) fn start_nemesis(&self, nemesis: impl Future<Output = Result<(), AppError>> + 'static) {
        *self.inner.nemesis.borrow_mut() = Some(self.spawn(nemesis));
    }

    /// Waits until everything is broken that was to be.
    pub(super) async fn end_nemesis(&self, deadline: Instant) -> Result<(), Error> {
        let nemesis = self.inner.nemesis.borrow_mut().take();
        let Some(nemesis) = nemesis else { return Ok(()) };
        match tokio::time::timeout_at(deadline, nemesis).await {
            Ok(Ok(result)) => result.map_err(Error::Nemesis),
            Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            Err(_) => Ok(()),
        }
    }

    /// Whether a process has something to do still, one that has neither ended nor waits for the end; or the nemesis.
    pub(super) async fn is_busy(&self) -> bool {
        self.settle().await;
        let nemesis = self.inner.nemesis.borrow();
        if nemesis.as_ref().is_some_and(|nemesis| !nemesis.is_finished()) {
            return true;
        }
        let processes = self.inner.processes.borrow();
        let is_busy = |(index, process): &(usize, &Process)| match process.life {
            Life::Running(_) => !self.inner.stop.is_awaited_by(*index),
            Life::Down { returns } => returns,
            Life::Over(_) => false,
        };
        processes.iter().enumerate().any(|process| is_busy(&process))
    }

    /// Whether all processes have ended, and none comes back.
    pub(super) async fn is_over(&self) -> bool {
        self.settle().await;
        let processes = self.inner.processes.borrow();
        processes.iter().all(|process| matches!(process.life, Life::Over(_) | Life::Down { returns: false }))
    }

    /// Takes note of what ended.
    async fn settle(&self) {
        let count = self.inner.processes.borrow().len();
        for index in 0..count {
            let ended = {
                let mut processes = self.inner.processes.borrow_mut();
                let life = &mut processes[index].life;
                match life {
                    Life::Running(task) if task.is_finished() => std::mem::replace(life, Life::Over(Ending::Running)),
                    _ => continue,
                }
            };
            let Life::Running(task) = ended else { continue };
            let ending = match task.await {
                Ok(Ok(())) => Ending::Finished,
                Ok(Err(error)) => Ending::Failed(error.to_string()),
                Err(panic) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
                Err(_) => Ending::Crashed,
            };
            self.inner.processes.borrow_mut()[index].life = Life::Over(ending);
        }
    }

    /// Starts every process that has crashed and that nobody else would start again.
    pub(super) fn heal(&self) {
        let down = |process: &Process| matches!(process.life, Life::Down { returns: false });
        let count = self.inner.processes.borrow().len();
        for index in 0..count {
            if down(&self.inner.processes.borrow()[index]) {
                self.start_again(index);
            }
        }
    }

    /// Takes everything down and has it checked.
    pub(super) fn finish(
        self,
        setup: Setup,
        file: RunFile,
        healed: Option<Duration>,
        unmet: Vec<String>,
    ) -> Result<Run, Error> {
        let SystemInner { cluster, seed, ledger, processes, .. } = &*self.inner;
        let (journal, logs) = cluster
            .look(|engine, _| (engine.journal().clone(), tap::final_logs(engine, &|_, _, record| tap::id_of(record))));
        let version = cluster.look(|engine, _| engine.transaction_version());
        let mut events = ledger.take();
        let changes = tap::changes(&journal, version, &events, &logs);
        events.extend(changes);
        if let Some(after) = healed {
            events.push(Event::Healed(event::Healed { t: crate::base::Instant::after_start(after) }));
        }
        events.push(Event::Ended(event::Ended { t: ledger.now() }));
        // Stable: at one moment what a client does comes before what the cluster makes of it.
        events.sort_by_key(Event::t);
        let all = [Event::Setup(Box::new(setup))].into_iter().chain(events).chain(logs);
        let history = History::from_events(all).map_err(Error::History)?;
        let report = history.check();
        let ending = |process: &Process| match &process.life {
            Life::Running(_) | Life::Down { returns: true } => Ending::Running,
            Life::Down { returns: false } => Ending::Crashed,
            Life::Over(ending) => ending.clone(),
        };
        Ok(Run {
            seed: *seed,
            elapsed: cluster.now().since_start(),
            endings: processes.borrow().iter().map(ending).collect(),
            snapshot: cluster.snapshot(),
            file,
            unmet,
            faults: cluster.faults(),
            journal,
            history,
            report,
        })
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("cluster", &self.inner.cluster).finish_non_exhaustive()
    }
}
