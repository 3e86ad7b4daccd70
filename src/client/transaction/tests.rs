//! Transactions against a scripted peer.
