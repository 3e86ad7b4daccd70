//! What somebody looks up in a running cluster who notes what goes on beside it.
//!
//! Not here: what tests look at (`cluster`).

use super::shell::Shell;
use crate::base::Instant;
use std::fmt;
use std::sync::Arc;

/// Somebody who may look into a cluster at any time, and from anywhere.
pub(crate) struct Onlooker {
    shell: Arc<Shell>,
}

impl Onlooker {
    pub(super) fn new(shell: Arc<Shell>) -> Self {
        Self { shell }
    }

    /// How many events the journal has had: what comes next gets this number.
    pub(crate) fn events(&self) -> u64 {
        self.shell.look(|engine, _| engine.journal().next_sequence())
    }

    /// What time it is in the cluster.
    pub(crate) fn now(&self) -> Instant {
        self.shell.look(|_, now| now)
    }

    /// From where to where the leader of a partition has a log.
    #[cfg(feature = "sim")]
    pub(crate) fn log_bounds(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        self.shell.look(|engine, _| {
            let mut logs = engine.partition_logs();
            let (_, _, log) = logs.find(|(name, index, _)| name.as_str() == topic && index.0 == partition)?;
            let log = log.leader_replica()?.log();
            Some((log.log_start_offset().0, log.log_end_offset().0))
        })
    }
}

impl fmt::Debug for Onlooker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onlooker").finish_non_exhaustive()
    }
}
