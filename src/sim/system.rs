//! A system while it runs: the cluster and the application's processes, which start, crash and start again.
//!
//! Not here: what is done to it (plans and nemeses), and when a run is over (`liveness`).

use super::error::Error;
use super::file::RunFile;
use super::ledger::Ledger;
use super::node::AppError;
use super::node::Node;
use super::process::Process;
use super::run::Run;
use super::stop::Stop;
use crate::base::Seed;
use crate::check::Event;
use crate::check::Recorder;
use crate::check::Setup;
use crate::check::event;
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

/// A running system, for those who break it.
#[derive(Clone)]
pub struct System {
    pub(super) inner: Rc<SystemInner>,
}

pub(super) struct SystemInner {
    pub(super) cluster: Cluster,
    pub(super) seed: Seed,
    pub(super) app: App,
    pub(super) configure: Option<Configure>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) stop: Arc<Stop>,
    pub(super) processes: RefCell<Vec<Process>>,
    nemesis: RefCell<Option<JoinHandle<Result<(), AppError>>>>,
}

impl System {
    pub(super) fn new(cluster: Cluster, seed: Seed, app: App, configure: Option<Configure>, started: Instant) -> Self {
        // At one virtual instant much happens, and time alone does not say in which order.
        let onlooker = cluster.onlooker();
        let clock = move || crate::base::Instant::after_start(started.elapsed());
        let recorder = Recorder::beside(Setup::default(), clock, move || onlooker.events());
        let (ledger, stop) = (Ledger::new(recorder, cluster.onlooker()), Arc::default());
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
        nemesis.as_ref().is_some_and(|nemesis| !nemesis.is_finished()) || self.is_any_process_busy()
    }

    pub(super) fn spawn(
        &self,
        life: impl Future<Output = Result<(), AppError>> + 'static,
    ) -> JoinHandle<Result<(), AppError>> {
        let stop = Arc::clone(&self.inner.stop);
        tokio::task::spawn_local(async move {
            let _told = stop.tell_when_dropped();
            life.await
        })
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
        let logs = cluster.look(|engine, _| {
            let topics = tap::Incarnations::last(engine.journal());
            tap::final_logs(engine, &topics, &|_, _, record| tap::id_of(record))
        });
        let version = cluster.look(|engine, _| engine.transaction_version());
        let journal = cluster.take_journal();
        let mut events = ledger.recorder().take();
        tap::tell_topics_apart(&journal, &mut events);
        let mut changes = tap::changes(&journal, version, events.iter().map(|(_, event)| event), &logs);
        let last = u64::MAX;
        if let Some(after) = healed {
            changes.push((last, Event::Healed(event::Healed { t: crate::base::Instant::after_start(after) })));
        }
        changes.push((last, Event::Ended(event::Ended { t: ledger.recorder().now() })));
        // The simulated brokers have no eligible leader replicas, whatever is said of them.
        let setup = Setup { eligible_leader_replicas: false, ..setup };
        let history = tap::in_order(setup, events, changes, logs).map_err(Error::History)?;
        let report = history.check();
        Ok(Run {
            seed: *seed,
            elapsed: cluster.now().since_start(),
            endings: processes.borrow().iter().map(Process::ending).collect(),
            snapshot: cluster.snapshot(),
            file,
            unmet,
            faults: cluster.faults(),
            unreached: Vec::new(),
            broken: Vec::new(),
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
