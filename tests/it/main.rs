//! A whole cluster from outside: through sockets or in memory, with clients and without.

mod bad_input;
mod client;
mod cluster;
mod endings;
mod exactly_once;
mod expectations;
mod fault_plans;
mod faults;
mod fencing;
mod group_admin;
mod groups;
mod hostile;
mod journal;
mod mixed;
mod peer;
mod racks;
mod replication;
mod scenarios_txn;
mod tap;
mod transactions;
mod virtual_time;
mod watching;
mod zero_copy;
