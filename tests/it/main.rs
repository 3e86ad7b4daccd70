//! A whole cluster from outside: through sockets or in memory, with clients and without.

mod client;
mod cluster;
mod hostile;
mod virtual_time;
mod zero_copy;
