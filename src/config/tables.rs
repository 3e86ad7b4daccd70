//! The four tables and how to look into them.
//!
//! Not here: the rows.

use crate::config::broker_table::BROKER;
use crate::config::client_metrics_table::CLIENT_METRICS;
use crate::config::definition::Definition;
use crate::config::group_table::GROUP;
use crate::config::topic_table::TOPIC;

/// What a config belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigKind {
    /// A topic.
    Topic,
    /// A broker, or all of them.
    Broker,
    /// A consumer, share or streams group.
    Group,
    /// A client metrics subscription.
    ClientMetrics,
}

/// The rows of `kind`, sorted by name.
pub const fn definitions(kind: ConfigKind) -> &'static [Definition] {
    match kind {
        ConfigKind::Topic => TOPIC,
        ConfigKind::Broker => BROKER,
        ConfigKind::Group => GROUP,
        ConfigKind::ClientMetrics => CLIENT_METRICS,
    }
}

/// The row of `kind` called `name`.
pub fn find(kind: ConfigKind, name: &str) -> Option<&'static Definition> {
    let rows = definitions(kind);
    rows.binary_search_by(|row| row.name.cmp(name)).ok().map(|at| &rows[at])
}
