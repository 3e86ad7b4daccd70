//! A whole system in virtual time from one seed: a cluster, the application's processes, faults and the checker.
//!
//! Not here: what a promise is and whether it was kept (`check`), and how a fault works (`fault`, `server`).
//!
//! ```
//! use rehearsal::client::ProducerRecord;
//! use rehearsal::sim::Simulation;
//!
//! let run = Simulation::new(7)
//!     .brokers(3)
//!     .topic("orders", 6)
//!     .app(|node| async move {
//!         let producer = node.client().producer().build();
//!         producer.send(ProducerRecord::new("orders").value("two apples")).await?;
//!         Ok(())
//!     })
//!     .run()
//!     .unwrap();
//! run.assert_ok();
//! assert_eq!(run.trace_hash(), Simulation::new(7).brokers(3).topic("orders", 6).app(|node| async move {
//!     let producer = node.client().producer().build();
//!     producer.send(ProducerRecord::new("orders").value("two apples")).await?;
//!     Ok(())
//! }).run().unwrap().trace_hash());
//! ```

mod counters;
mod determinism;
mod error;
mod file;
mod gate;
mod ledger;
mod liveness;
mod node;
mod probe;
mod process;
mod regressions;
mod reporting;
mod run;
mod shrink;
mod simulation;
mod stop;
mod swarm;
mod system;
mod watcher;
mod workload;

pub use determinism::Divergence;
pub use determinism::check_determinism;
pub use error::Error;
pub use file::ClusterFile;
pub use file::Expect;
pub use file::FileError;
pub use file::RunFile;
pub use node::AppError;
pub use node::Node;
pub use regressions::replay_all;
pub use run::Ending;
pub use run::Run;
pub use shrink::Contrast;
pub use shrink::Failure;
pub use shrink::Progress;
pub use shrink::Shrink;
pub use shrink::ShrinkError;
pub use shrink::ShrinkStep;
pub use shrink::Shrunk;
pub use simulation::Faults;
pub use simulation::Simulation;
pub use swarm::Swarm;
pub use system::System;
pub use workload::GroupProtocolName;
pub use workload::Kind as WorkloadKind;
pub use workload::Workload;
pub use workload::WorkloadConfig;
