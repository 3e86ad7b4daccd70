//! Variable-length integers: seven bits to a byte, the lowest first, and zigzag for signed ones.
//!
//! Not here: what they measure or count. A reader moves its slice forward only when it succeeds.

use bytes::BufMut;
use std::fmt;

/// Why bytes are no variable-length integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarintError {
    /// The bytes end inside the number.
    Truncated,
    /// The number does not fit: more than 5 bytes for 32 bits, 10 for 64, or bits beyond the last one.
    Overflow,
}

/// Reads an unsigned 32-bit number of at most 5 bytes.
///
/// ```
/// use rehearsal::wire::varint;
/// let mut bytes: &[u8] = &[0xac, 0x02, 0x07];
/// assert_eq!(varint::read_u32(&mut bytes), Ok(300));
/// assert_eq!(bytes, [0x07]);
/// ```
///
/// # Errors
/// [`VarintError`]; the slice is then unchanged.
#[inline]
pub fn read_u32(bytes: &mut &[u8]) -> Result<u32, VarintError> {
    // Most lengths and deltas are below 128.
    if let [first @ 0..=0x7f, rest @ ..] = *bytes {
        *bytes = rest;
        return Ok(u32::from(*first));
    }
    let wide = read_at_most(bytes, 5, 0x0f)?;
    Ok(u32::try_from(wide).expect("four times seven bits and four"))
}

/// Reads an unsigned 64-bit number of at most 10 bytes.
///
/// # Errors
/// [`VarintError`]; the slice is then unchanged.
#[inline]
pub fn read_u64(bytes: &mut &[u8]) -> Result<u64, VarintError> {
    if let [first @ 0..=0x7f, rest @ ..] = *bytes {
        *bytes = rest;
        return Ok(u64::from(*first));
    }
    read_at_most(bytes, 10, 0x01)
}

/// Reads a zigzag 32-bit number of at most 5 bytes.
///
/// # Errors
/// [`VarintError`]; the slice is then unchanged.
#[inline]
pub fn read_i32(bytes: &mut &[u8]) -> Result<i32, VarintError> {
    let raw = read_u32(bytes)?;
    Ok(i32::from_ne_bytes(((raw >> 1) ^ (raw & 1).wrapping_neg()).to_ne_bytes()))
}

/// Reads a zigzag 64-bit number of at most 10 bytes.
///
/// # Errors
/// [`VarintError`]; the slice is then unchanged.
#[inline]
pub fn read_i64(bytes: &mut &[u8]) -> Result<i64, VarintError> {
    let raw = read_u64(bytes)?;
    Ok(i64::from_ne_bytes(((raw >> 1) ^ (raw & 1).wrapping_neg()).to_ne_bytes()))
}

/// Appends an unsigned 32-bit number: 1 to 5 bytes.
#[inline]
pub fn write_u32(out: &mut impl BufMut, value: u32) {
    write_u64(out, u64::from(value));
}

/// Appends an unsigned 64-bit number: 1 to 10 bytes.
#[inline]
pub fn write_u64(out: &mut impl BufMut, mut value: u64) {
    while value > 0x7f {
        out.put_u8(low_seven(value) | 0x80);
        value >>= 7;
    }
    out.put_u8(low_seven(value));
}

/// Appends a zigzag 32-bit number: 1 to 5 bytes.
#[inline]
pub fn write_i32(out: &mut impl BufMut, value: i32) {
    write_u32(out, zigzag_32(value));
}

/// Appends a zigzag 64-bit number: 1 to 10 bytes.
#[inline]
pub fn write_i64(out: &mut impl BufMut, value: i64) {
    write_u64(out, zigzag_64(value));
}

/// How many bytes [`write_u32`] appends.
#[inline]
pub const fn size_u32(value: u32) -> usize {
    size_of_bits(32 - value.leading_zeros())
}

/// How many bytes [`write_u64`] appends.
#[inline]
pub const fn size_u64(value: u64) -> usize {
    size_of_bits(64 - value.leading_zeros())
}

/// How many bytes [`write_i32`] appends.
#[inline]
pub const fn size_i32(value: i32) -> usize {
    size_u32(zigzag_32(value))
}

/// How many bytes [`write_i64`] appends.
#[inline]
pub const fn size_i64(value: i64) -> usize {
    size_u64(zigzag_64(value))
}

const fn zigzag_32(value: i32) -> u32 {
    u32::from_ne_bytes(((value << 1) ^ (value >> 31)).to_ne_bytes())
}

const fn zigzag_64(value: i64) -> u64 {
    u64::from_ne_bytes(((value << 1) ^ (value >> 63)).to_ne_bytes())
}

const fn size_of_bits(bits: u32) -> usize {
    // At most ten: seven bits to a byte, and zero takes one.
    let bytes = bits.div_ceil(7);
    if bytes == 0 { 1 } else { bytes as usize }
}

fn low_seven(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

fn read_at_most(bytes: &mut &[u8], limit: usize, last_max: u8) -> Result<u64, VarintError> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().take(limit).enumerate() {
        if i + 1 == limit && byte > last_max {
            return Err(VarintError::Overflow);
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    // With `limit` bytes at hand the last one either ended the number or overflowed.
    Err(VarintError::Truncated)
}

impl fmt::Display for VarintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end inside a variable-length integer",
            Self::Overflow => "a variable-length integer is too large for its type",
        })
    }
}

impl std::error::Error for VarintError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_numbers_have_known_bytes() {
        fn check(value: i64, expected: &[u8]) {
            let mut out = Vec::new();
            write_i64(&mut out, value);
            assert_eq!(out, expected, "{value}");
            assert_eq!(size_i64(value), expected.len());
            assert_eq!(read_i64(&mut expected.to_vec().as_slice()), Ok(value));
        }
        check(0, &[0]);
        check(-1, &[1]);
        check(1, &[2]);
        check(63, &[0x7e]);
        check(-64, &[0x7f]);
        check(64, &[0x80, 1]);
        check(i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        fn check(bytes: &[u8], narrow: VarintError, wide: Result<u64, VarintError>) {
            let mut rest = bytes;
            assert_eq!(read_u32(&mut rest), Err(narrow), "{bytes:x?}");
            assert_eq!(rest, bytes, "a failed read moves nothing");
            assert_eq!(read_u64(&mut rest), wide, "{bytes:x?}");
        }
        check(&[], VarintError::Truncated, Err(VarintError::Truncated));
        check(&[0x80], VarintError::Truncated, Err(VarintError::Truncated));
        check(&[0xff, 0xff, 0xff, 0xff, 0x1f], VarintError::Overflow, Ok((1 << 33) - 1));
        check(&[0xff; 5], VarintError::Overflow, Err(VarintError::Truncated));
        check(&[0xff; 11], VarintError::Overflow, Err(VarintError::Overflow));
    }

    proptest! {
        #[test]
        fn numbers_survive_the_round_trip(narrow: u32, wide: u64, small in 0u64..300) {
            for value in [wide, small, u64::from(narrow)] {
                let mut out = Vec::new();
                write_u64(&mut out, value);
                prop_assert_eq!(out.len(), size_u64(value));
                prop_assert_eq!(read_u64(&mut out.as_slice()), Ok(value));
            }
            let mut out = Vec::new();
            write_u32(&mut out, narrow);
            prop_assert_eq!(out.len(), size_u32(narrow));
            prop_assert_eq!(read_u32(&mut out.as_slice()), Ok(narrow));
            let signed = i32::from_ne_bytes(narrow.to_ne_bytes());
            out.clear();
            write_i32(&mut out, signed);
            prop_assert_eq!(out.len(), size_i32(signed));
            prop_assert_eq!(read_i32(&mut out.as_slice()), Ok(signed));
        }
    }
}
