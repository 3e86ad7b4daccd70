//! What happens to a request that a fault hits.

use super::error::FaultError;
use super::error::code_named;
use super::matching::Matching;
use super::target::Target;
use crate::base::Command;
use crate::base::ErrorCode;
use crate::base::Rng;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Where on a request's way a fault acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before the broker has looked at the request: nothing of it is applied, unless the action lets it go on.
    Request,
    /// After the request was applied: what happens, happens to the answer.
    Answer,
    /// On the bytes of the answer.
    Bytes,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// It is answered with an error code, in every place where the API has one for what was matched.
    Error(#[serde(with = "code_by_name")] ErrorCode),
    /// It takes longer: the request before it is looked at, or its answer.
    Delay(Delay),
    /// The request, or its answer, is lost; the connection goes on.
    Drop,
    /// The connection is closed.
    Close,
    /// Nothing is answered on this connection any more; it stays open.
    Silence,
    /// It waits until [`release`](crate::server::FaultGuard::release) is called or the fault ends.
    Hold,
    /// It waits until a later request that fits has been handled, or the fault ends.
    HoldUntil(Box<Matching>),
    /// The request arrives twice, and the second answer is sent; or the answer is sent twice.
    Duplicate,
    /// The answer has the number of another request: its own, plus one.
    WrongCorrelationId,
    /// The connection is closed after so many bytes of the answer, its length field included.
    Truncate {
        /// How many bytes still come.
        bytes: usize,
    },
    /// The answer's length field says this, whatever follows.
    Oversize {
        /// The announced length.
        length: i32,
    },
    /// A bit of the last record batch is flipped, in the request or in the answer, whichever carries records.
    CorruptRecords,
    /// The answer comes slowly.
    Slow {
        /// How fast.
        bytes_per_second: u64,
    },
    /// The answer comes in pieces of this size, each written for itself.
    Chunks {
        /// How large a piece is.
        bytes: usize,
    },
    /// Something is done to the cluster; the request goes on, or its answer.
    Command(Command<Target>),
    /// The answer says that the client is throttled for so long, and the broker reads no further request until then.
    Throttle {
        /// How long.
        ms: u32,
    },
}

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Delay {
    /// Always as long.
    FixedMs(u64),
    /// Evenly distributed between two bounds.
    UniformMs(u64, u64),
    /// Exponentially distributed with this mean: mostly short, sometimes very long; at most twenty times the mean.
    ExponentialMs(u64),
}

/// What a connection does to the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BytesFault {
    /// Sends it twice.
    Duplicate,
    /// Gives it another number.
    WrongCorrelationId,
    /// Sends so many bytes and closes the connection.
    Truncate {
        /// How many.
        bytes: usize,
    },
    /// Announces another length.
    Oversize {
        /// Which.
        length: i32,
    },
    /// Sends it slowly.
    Slow {
        /// How fast.
        bytes_per_second: u64,
    },
    /// Sends it in pieces.
    Chunks {
        /// How large.
        bytes: usize,
    },
}

impl Action {
    /// Where it acts unless told otherwise.
    pub fn natural_stage(&self) -> Stage {
        match self {
            Self::WrongCorrelationId
            | Self::Truncate { .. }
            | Self::Oversize { .. }
            | Self::Slow { .. }
            | Self::Chunks { .. } => Stage::Bytes,
            Self::Throttle { .. } => Stage::Answer,
            _ => Stage::Request,
        }
    }

    /// Whether it can act there.
    pub(super) fn acts_at(&self, stage: Stage) -> bool {
        match self.natural_stage() {
            Stage::Bytes => stage == Stage::Bytes,
            Stage::Answer => stage == Stage::Answer,
            Stage::Request => match self {
                Self::Duplicate => true,
                _ => stage != Stage::Bytes,
            },
        }
    }

    /// What a connection has to do, if it is a matter of bytes.
    pub(crate) fn on_bytes(&self) -> Option<BytesFault> {
        Some(match self {
            Self::Duplicate => BytesFault::Duplicate,
            Self::WrongCorrelationId => BytesFault::WrongCorrelationId,
            Self::Truncate { bytes } => BytesFault::Truncate { bytes: *bytes },
            Self::Oversize { length } => BytesFault::Oversize { length: *length },
            Self::Slow { bytes_per_second } => BytesFault::Slow { bytes_per_second: *bytes_per_second },
            Self::Chunks { bytes } => BytesFault::Chunks { bytes: *bytes },
            _ => return None,
        })
    }

    /// Refuses numbers with which nothing could ever happen.
    pub(super) fn check(&self) -> Result<(), FaultError> {
        let impossible = |why: &str| Err(FaultError::Impossible(why.to_owned()));
        match self {
            Self::Error(ErrorCode::NONE) => impossible("NONE is no error; name the code that is to be answered"),
            Self::Error(code) if code.name().is_none() => {
                Err(FaultError::UnknownErrorCode { name: code.code().to_string(), nearest: None })
            }
            Self::Delay(Delay::UniformMs(min, max)) if min > max => {
                impossible("a delay must have its lower bound first")
            }
            Self::Slow { bytes_per_second: 0 } => {
                impossible("an answer of 0 bytes per second never comes: use silence")
            }
            Self::Chunks { bytes: 0 } => impossible("a chunk has at least one byte"),
            Self::HoldUntil(other) => other.check(),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(code) => write!(f, "error {code}"),
            Self::Delay(delay) => write!(f, "delay {delay}"),
            Self::Drop => f.write_str("drop"),
            Self::Close => f.write_str("close"),
            Self::Silence => f.write_str("silence"),
            Self::Hold => f.write_str("hold"),
            Self::HoldUntil(other) => write!(f, "hold until {other}"),
            Self::Duplicate => f.write_str("duplicate"),
            Self::WrongCorrelationId => f.write_str("wrong correlation id"),
            Self::Truncate { bytes } => write!(f, "truncate after {bytes} bytes"),
            Self::Oversize { length } => write!(f, "announce {length} bytes"),
            Self::CorruptRecords => f.write_str("corrupt records"),
            Self::Slow { bytes_per_second } => write!(f, "{bytes_per_second} bytes per second"),
            Self::Chunks { bytes } => write!(f, "chunks of {bytes} bytes"),
            Self::Command(command) => write!(f, "{command}"),
            Self::Throttle { ms } => write!(f, "throttle {ms} ms"),
        }
    }
}

impl Delay {
    /// How long it is this time.
    pub(super) fn draw(self, rng: &mut Rng) -> Duration {
        match self {
            Self::FixedMs(ms) => Duration::from_millis(ms),
            Self::UniformMs(min, max) => {
                let span = Duration::from_millis(max.saturating_sub(min));
                let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
                Duration::from_millis(min) + Duration::from_nanos(rng.below(nanos.saturating_add(1)))
            }
            Self::ExponentialMs(mean) => {
                // In microseconds and integers, so that it is the same on every machine.
                let micros =
                    (u128::from(mean.min(1 << 40)) * 1000 * u128::from(minus_log2(rng.next_u64())) * LN_2) >> 64;
                let most = mean.saturating_mul(20_000);
                Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX).min(most))
            }
        }
    }
}

/// ln 2 in units of 2⁻³².
const LN_2: u128 = 2_977_044_472;

/// −log₂(x / 2⁶⁴) in units of 2⁻³², by squaring.
fn minus_log2(x: u64) -> u64 {
    let x = x.max(1);
    let zeros = x.leading_zeros();
    // The leading bit is bit 63 from here on: a number in 1..2 as a fixed point.
    let mut mantissa = u128::from(x << zeros);
    let mut fraction: u64 = 0;
    for bit in (0..32).rev() {
        mantissa = (mantissa * mantissa) >> 63;
        if mantissa >= 1 << 64 {
            mantissa >>= 1;
            fraction |= 1 << bit;
        }
    }
    ((u64::from(zeros) + 1) << 32) - fraction
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedMs(ms) => write!(f, "{ms} ms"),
            Self::UniformMs(min, max) => write!(f, "{min}..={max} ms"),
            Self::ExponentialMs(mean) => write!(f, "exponential, {mean} ms on average"),
        }
    }
}

impl From<Duration> for Delay {
    /// In whole milliseconds.
    fn from(delay: Duration) -> Self {
        Self::FixedMs(millis(delay))
    }
}

impl From<RangeInclusive<Duration>> for Delay {
    /// In whole milliseconds.
    fn from(range: RangeInclusive<Duration>) -> Self {
        Self::UniformMs(millis(*range.start()), millis(*range.end()))
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An error code as Kafka's name.
mod code_by_name {
    use super::ErrorCode;
    use super::code_named;
    use serde::Deserialize as _;

    pub(super) fn serialize<S: serde::Serializer>(code: &ErrorCode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(code)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
        code_named(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn delays_keep_to_their_bounds_and_their_mean() {
        let mut rng = Seed(3).stream("delays");
        let uniform: Vec<u128> = (0..1000).map(|_| Delay::UniformMs(10, 20).draw(&mut rng).as_micros()).collect();
        assert!(uniform.iter().all(|us| (10_000..=20_000).contains(us)));
        let all: Vec<u128> = (0..10_000).map(|_| Delay::ExponentialMs(100).draw(&mut rng).as_micros()).collect();
        let mean = all.iter().sum::<u128>() / 10_000;
        assert!((97_000..103_000).contains(&mean), "{mean}");
        let below_mean = all.iter().filter(|us| **us < 100_000).count();
        assert!((6_200..6_450).contains(&below_mean), "1 - 1/e is 63.2 %, not {below_mean}");
        assert_eq!(Delay::FixedMs(7).draw(&mut rng), Duration::from_millis(7));
    }

    #[test]
    fn the_logarithm_is_right_at_powers_of_two() {
        let check = |x: u64, expected: u64| assert_eq!(minus_log2(x) >> 16, expected << 16, "{x}");
        check(1 << 63, 1);
        check(1 << 60, 4);
        check(1, 64);
    }
}
