//! Which record is which: the id that a record carries, and a hash of its content.
//!
//! Not here: giving ids.

use crate::base::fnv::Fnv;
use crate::check::RecordName;

/// The id that a record says it has.
pub(crate) fn name_of(header: &[u8]) -> Option<RecordName> {
    std::str::from_utf8(header).ok()?.parse().ok()
}

/// FNV-1a over a record's key and value, each with its length; a missing one is not an empty one.
pub(crate) fn hash(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let mut hash = Fnv::default();
    for part in [key, value] {
        hash.number(part.map_or(u64::MAX, |part| part.len() as u64));
        hash.write(part.unwrap_or_default());
    }
    hash.finish()
}
