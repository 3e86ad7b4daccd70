//! Membership of consumer groups: who owns which partition, as this client sees it.
//!
//! Not here: records. The memberships are state machines that are told what happened and what time it is, and say what
//! to do next; the assignors are plain functions.

pub(super) mod assignor;
mod classic;
mod consumer;
pub(super) mod coordinator;
pub(super) mod membership;
pub(super) mod offsets;
mod subscription;

#[cfg(test)]
mod tests;
