//! Kafka's bytes: frames, headers, messages, record batches.
//!
//! Not here: what a message means. Everything in this module turns bytes into plain values and back.

pub mod batch;
