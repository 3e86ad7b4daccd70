//! Chance from one seed: counter-based streams with names.
//!
//! A stream's n-th value depends on the seed, the stream's name and n alone, so using one stream more or less
//! never changes what another one gives.

/// The one number from which everything random in a cluster or a simulation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// One named stream of values.
/// ```
/// use rehearsal::base::Seed;
/// let mut faults = Seed(7).stream("faults");
/// let first = faults.next_u64();
/// assert_eq!(Seed(7).stream("faults").next_u64(), first);
/// assert_ne!(Seed(7).stream("network").next_u64(), first);
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    key: u64,
    counter: u64,
}

impl Seed {
    /// The stream called `name`, from its beginning.
    pub fn stream(self, name: &str) -> Rng {
        // FNV-1a turns the name into a number; `mix` then spreads it over all bits.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Rng { key: mix(self.0 ^ mix(hash)), counter: 0 }
    }
}

impl Rng {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        mix(self.key ^ mix(self.counter))
    }

    /// A value in `0..bound`; 0 when `bound` is 0. The bias is below 2⁻³² for bounds below 2³².
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("a product of two 64-bit numbers, shifted by 64, has 64 bits")
    }

    /// Whether an event of probability `p` (0 to 1) happens this time.
    pub fn chance(&mut self, p: f64) -> bool {
        /// 2⁵³: every multiple of its inverse in 0..1 is an exact `f64`.
        const STEPS: u64 = 1 << 53;
        #[allow(clippy::cast_precision_loss, reason = "both are at most 2^53, where f64 is exact")]
        let unit = (self.next_u64() % STEPS) as f64 / STEPS as f64;
        unit < p
    }
}

/// The finalizer of SplitMix64: a bijection in which every input bit reaches every output bit.
const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_never_change() {
        // Saved seeds must replay in later versions.
        let mut rng = Seed(42).stream("golden");
        let values: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(values, GOLDEN);
    }

    const GOLDEN: [u64; 3] = [10_360_004_385_758_045_021, 13_801_526_266_374_792_439, 14_373_787_399_496_414_821];

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut rng = Seed(1).stream("below");
        let mut seen = [0u32; 6];
        for _ in 0..6_000 {
            seen[usize::try_from(rng.below(6)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&n| (850..1_150).contains(&n)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn chance_honours_its_ends() {
        let mut rng = Seed(1).stream("chance");
        assert!((0..1_000).all(|_| rng.chance(1.0) && !rng.chance(0.0)));
    }
}
