//! What a principal may do, as the sets of operations that some answers carry.
//!
//! Not here: deciding it. There are no ACLs yet, so everybody may do everything.

/// A set of operations as the protocol writes it: bit n stands for the operation with number n.
const fn set<const N: usize>(operations: [u8; N]) -> i32 {
    let mut bits = 0;
    let mut at = 0;
    while at < N {
        bits |= 1 << operations[at];
        at += 1;
    }
    bits
}

// The numbers of `AclOperation`.
const READ: u8 = 3;
const WRITE: u8 = 4;
const CREATE: u8 = 5;
const DELETE: u8 = 6;
const ALTER: u8 = 7;
const DESCRIBE: u8 = 8;
const CLUSTER_ACTION: u8 = 9;
const DESCRIBE_CONFIGS: u8 = 10;
const ALTER_CONFIGS: u8 = 11;
const IDEMPOTENT_WRITE: u8 = 12;

/// Everything that can be done with a topic (KIP-430).
pub(super) const ON_TOPIC: i32 = set([READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);

/// Everything that can be done with the cluster (KIP-430).
pub(super) const ON_CLUSTER: i32 =
    set([CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE]);

/// Everything that can be done with a group (KIP-430).
pub(super) const ON_GROUP: i32 = set([READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);

/// The answer to a client that did not ask.
pub(super) const NOT_ASKED: i32 = i32::MIN;
