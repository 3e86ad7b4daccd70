//! Which partition a key belongs to, as Java's producer decides it.

use super::PartitionIndex;

/// The partition of `key` among `count`, which must not be 0.
/// ```
/// use rehearsal::base::{PartitionIndex, murmur2};
/// assert_eq!(murmur2::partition(b"order-1", 1), PartitionIndex(0));
/// ```
/// Source: `BuiltInPartitioner.partitionForKey`.
pub fn partition(key: &[u8], count: usize) -> PartitionIndex {
    let positive = usize::try_from(hash(key) & 0x7fff_ffff).expect("targets of fewer than 32 bits are not supported");
    PartitionIndex(i32::try_from(positive % count).expect("at most 2^31 - 1"))
}

/// Murmur2 with Kafka's seed, over little-endian words.
///
/// Source: `org.apache.kafka.common.utils.Utils.murmur2`.
pub fn hash(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    // Java's lengths are 32 bits, so a longer key would wrap there too.
    let length = u32::try_from(key.len() & 0xffff_ffff).expect("masked to 32 bits");
    let mut hash = SEED ^ length;
    let words = key.chunks_exact(4);
    let tail = words.remainder();
    for word in words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |last, byte| last << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_own_vectors_hold() {
        // From the test of `Utils.murmur2` in Kafka.
        let check = |key: &str, expected: i32| {
            assert_eq!(hash(key.as_bytes()), u32::from_ne_bytes(expected.to_ne_bytes()), "{key}");
        };
        check("21", -973_932_308);
        check("foobar", -790_332_482);
        check("a-little-bit-long-string", -985_981_536);
        check("a-little-bit-longer-string", -1_486_304_829);
        check("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971);
        check("abc", 479_470_107);
    }
}
