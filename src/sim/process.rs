//! The processes of a running system: how they start, and what can happen to them.
//!
//! Not here: when it happens; plans and nemeses say that.

use super::gate::Gated;
use super::node::Inner;
use super::node::Node;
use super::node::name_of;
use super::run::Ending;
use super::system::System;
use super::system::SystemInner;
use super::watcher::Watcher;
use crate::base::Command;
use crate::base::LinkAction;
use crate::base::Node as End;
use crate::base::ProcessAction;
use crate::base::Seed;
use crate::client::Client;
use crate::client::ClientBuilder;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a client waits before it tries again to connect for the next life of its process.
const RECONNECT_AFTER: Duration = Duration::from_millis(100);

/// A process in its present life.
pub(super) struct Process {
    incarnation: u32,
    watcher: Arc<Watcher>,
    /// What it is to the application, once it has a client.
    node: Option<Node>,
    life: Life,
    /// Whether it was asked to end, and whether it is to start again when it has.
    asked: Option<Again>,
}

type Again = bool;

enum Life {
    Running(JoinHandle<Result<(), super::AppError>>),
    /// It has ended in the midst of things; whether somebody will start it again.
    Down {
        how: Ending,
        returns: bool,
    },
    Over(Ending),
}

impl Process {
    pub(super) fn ending(&self) -> Ending {
        match &self.life {
            Life::Running(_) | Life::Down { returns: true, .. } => Ending::Running,
            Life::Down { how: ending, .. } | Life::Over(ending) => ending.clone(),
        }
    }
}

impl System {
    /// Ends a process at once, with all that it had under way, and starts it again after a while. Its consumers leave
    /// their groups, as those of a process do that is told to end; one that is gone without a word, for as long as its
    /// session lasts, is [`ProcessAction::Crash`].
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

    /// Does something to a process; nothing to one that does not exist, or once the run is over.
    pub fn act(&self, index: usize, action: ProcessAction) {
        if self.inner.stop.is_given() || index >= self.inner.processes.borrow().len() {
            return;
        }
        match action {
            ProcessAction::Crash => {
                self.hold_links(index, true);
                if !self.kill(index, false) {
                    self.hold_links(index, false);
                }
            }
            ProcessAction::Restart => self.restart(index),
            ProcessAction::Pause | ProcessAction::Resume => {
                let paused = action == ProcessAction::Pause;
                if matches!(self.inner.processes.borrow()[index].life, Life::Running(_)) {
                    self.inner.processes.borrow()[index].watcher.gate().pause(paused);
                    self.hold_links(index, paused);
                }
            }
            ProcessAction::Slow { ms } => {
                let slowness = Duration::from_millis(ms.into());
                self.inner.processes.borrow()[index].watcher.gate().slow_down(slowness);
            }
            ProcessAction::Cancel => self.cancel(index),
            ProcessAction::Stop => {
                let mut processes = self.inner.processes.borrow_mut();
                let process = &mut processes[index];
                if matches!(process.life, Life::Running(_)) && process.asked.is_none() {
                    process.asked = Some(false);
                    self.inner.stop.ask(index, process.incarnation);
                }
            }
        }
    }

    /// Holds everything between a process and the brokers, or lets it go.
    fn hold_links(&self, index: usize, hold: bool) {
        let name = name_of(index, self.inner.processes.borrow()[index].incarnation);
        let action = if hold { LinkAction::Clog } else { LinkAction::Release };
        for (from, to) in [(End::Client(name.clone()), End::AnyBroker), (End::AnyBroker, End::Client(name.clone()))] {
            self.inner.cluster.apply(&Command::Link { from, to, action }).expect("every client may be held up");
        }
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
        process.node = None;
        process.life = Life::Down { how: Ending::Crashed, returns };
        true
    }

    /// Drops what a process does, and has it done from the start, by the same process.
    fn cancel(&self, index: usize) {
        let node = {
            let processes = self.inner.processes.borrow();
            let process = &processes[index];
            match (&process.life, &process.node) {
                (Life::Running(task), Some(node)) if !task.is_finished() => {
                    task.abort();
                    node.clone()
                }
                _ => return,
            }
        };
        let gate = Arc::clone(node.inner.watcher.gate());
        let life = Life::Running(self.spawn(Gated::new((self.inner.app)(node), gate)));
        self.inner.processes.borrow_mut()[index].life = life;
    }

    fn restart(&self, index: usize) {
        let is_down = {
            let mut processes = self.inner.processes.borrow_mut();
            let process = &mut processes[index];
            if let Some(again) = &mut process.asked {
                *again = true;
            }
            matches!(process.life, Life::Down { .. })
        };
        if is_down {
            self.start_again(index);
        }
    }

    /// Starts a process that has ended in the midst of things; one that has not is left alone.
    fn start_again(&self, index: usize) {
        let incarnation = {
            let processes = self.inner.processes.borrow();
            match processes.get(index) {
                Some(Process { life: Life::Down { .. }, incarnation, .. }) => incarnation + 1,
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
            let node = system.node(index, incarnation, client, of_node);
            if let Some(process) = system.inner.processes.borrow_mut().get_mut(index) {
                process.node = Some(node.clone());
            }
            (system.inner.app)(node).await
        };
        let life = Life::Running(self.spawn(Gated::new(life, Arc::clone(watcher.gate()))));
        let process = Process { incarnation, watcher, node: None, life, asked: None };
        self.inner.processes.borrow_mut()[index] = process;
    }

    /// Starts a process for the first time.
    pub(super) async fn start_first(&self, index: usize) -> crate::client::Result<()> {
        let (builder, watcher) = self.client(index, 0);
        let node = self.node(index, 0, builder.connect().await?, Arc::clone(&watcher));
        let gated = Gated::new((self.inner.app)(node.clone()), Arc::clone(watcher.gate()));
        let life = Life::Running(self.spawn(gated));
        let process = Process { incarnation: 0, watcher, node: Some(node), life, asked: None };
        self.inner.processes.borrow_mut().push(process);
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

    /// Whether a process has something to do still: one that has neither ended nor waits for the end.
    pub(super) fn is_any_process_busy(&self) -> bool {
        let processes = self.inner.processes.borrow();
        let is_busy = |(index, process): &(usize, &Process)| match process.life {
            Life::Running(_) => !self.inner.stop.is_awaited_by(*index),
            Life::Down { returns, .. } => returns,
            Life::Over(_) => false,
        };
        processes.iter().enumerate().any(|process| is_busy(&process))
    }

    /// Whether all processes have ended, and none comes back.
    pub(super) async fn is_over(&self) -> bool {
        self.settle().await;
        let processes = self.inner.processes.borrow();
        processes.iter().all(|process| matches!(process.life, Life::Over(_) | Life::Down { returns: false, .. }))
    }

    /// Takes note of what ended.
    pub(super) async fn settle(&self) {
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
            let asked = {
                let mut processes = self.inner.processes.borrow_mut();
                let process = &mut processes[index];
                process.node = None;
                // Who was asked to end in the midst of things may be wanted again.
                process.life = match (process.asked, &ending) {
                    (Some(_), Ending::Finished) if !self.inner.stop.is_given() => {
                        Life::Down { how: ending, returns: false }
                    }
                    _ => Life::Over(ending),
                };
                process.asked
            };
            if asked == Some(true) {
                self.start_again(index);
            }
        }
    }

    /// Starts every process that has ended in the midst of things and that nobody else would start again, and lets go
    /// on what stands still.
    pub(super) fn heal(&self) {
        let count = self.inner.processes.borrow().len();
        for index in 0..count {
            let goes_on = {
                let processes = self.inner.processes.borrow();
                !matches!(processes[index].life, Life::Down { returns: true, .. })
            };
            if goes_on {
                if self.inner.processes.borrow()[index].watcher.gate().is_paused() {
                    self.act(index, ProcessAction::Resume);
                }
                self.act(index, ProcessAction::Slow { ms: 0 });
                self.restart(index);
            }
        }
    }
}
