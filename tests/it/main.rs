//! A whole cluster from outside: through sockets or in memory, with clients and without.

mod cluster;
mod hostile;
mod virtual_time;
