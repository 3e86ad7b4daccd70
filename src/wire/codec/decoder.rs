//! Reading values from a frame that may lie about everything.

use crate::base::Uuid;
use bytes::Bytes;
use bytestring::ByteString;
use std::fmt;

/// A cursor over one frame. Strings and bytes that it hands out are slices of the frame.
///
/// It refuses lengths beyond the frame, and collections that would need more than 32 times the frame's size in
/// memory (plus 64 KiB) or more than 64 MiB, so that a hostile frame cannot make a large allocation.
#[derive(Debug)]
pub struct Decoder {
    frame: Bytes,
    at: usize,
    flexible: bool,
    budget: usize,
}

/// What the collections of one message may need in memory: some hundred thousand partitions. Records do not count.
const COLLECTIONS_BYTES_MAX: usize = 64 << 20;

/// Why bytes are not the message they should be, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The byte of the frame (from 0) at which it was noticed.
    pub at: usize,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The frame ends inside a value, or a length points beyond it.
    Truncated,
    /// The message is complete and this many bytes are left over.
    TrailingBytes(usize),
    /// A negative length other than the -1 that means null.
    NegativeLength,
    /// Null where this version allows none.
    NullNotAllowed,
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// A variable-length integer of more bytes than its type can need.
    InvalidVarint,
    /// Collections whose elements would need far more memory than the frame has bytes.
    TooManyElements,
    /// A version that this API does not have.
    UnsupportedVersion(i16),
    /// An API key that nobody knows.
    UnknownApiKey(i16),
}

impl DecodeErrorKind {
    pub(crate) const fn at(self, at: usize) -> DecodeError {
        DecodeError { kind: self, at }
    }
}

type Result<T> = std::result::Result<T, DecodeError>;

macro_rules! fixed_width {
    ($($(#[$doc:meta])* $name:ident -> $ty:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`DecodeErrorKind::Truncated`].
        #[inline]
        pub fn $name(&mut self) -> Result<$ty> {
            Ok(<$ty>::from_be_bytes(self.array()?))
        }
    )*};
}

impl Decoder {
    /// Starts at the beginning of `frame`, in the encoding of flexible versions (KIP-482) or the older one.
    pub fn new(frame: Bytes, flexible: bool) -> Self {
        let budget = frame.len().saturating_mul(32).saturating_add(64 << 10).min(COLLECTIONS_BYTES_MAX);
        Self { frame, at: 0, flexible, budget }
    }

    /// Whether compact lengths and tagged fields are in use.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.frame.len() - self.at
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn fail<T>(&self, kind: DecodeErrorKind) -> Result<T> {
        Err(kind.at(self.at))
    }

    /// Checks that nothing is left over.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TrailingBytes`].
    pub fn finish(&self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => self.fail(DecodeErrorKind::TrailingBytes(left)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.frame.get(self.at..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => self.fail(DecodeErrorKind::Truncated),
        }
    }

    fixed_width! {
        /// Reads a signed byte.
        int8 -> i8;
        /// Reads a 16-bit number.
        int16 -> i16;
        /// Reads an unsigned 16-bit number.
        uint16 -> u16;
        /// Reads a 32-bit number.
        int32 -> i32;
        /// Reads a 64-bit number.
        int64 -> i64;
        /// Reads a 64-bit floating point number.
        float64 -> f64;
    }

    /// Reads a boolean: as in Java, every byte but 0 is true.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`].
    pub fn boolean(&mut self) -> Result<bool> {
        Ok(self.int8()? != 0)
    }

    /// Reads 16 bytes.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`].
    pub fn uuid(&mut self) -> Result<Uuid> {
        Ok(Uuid(self.array()?))
    }

    /// Reads an unsigned number of up to five bytes, seven bits each, the lowest first.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] and [`DecodeErrorKind::InvalidVarint`].
    pub fn unsigned_varint(&mut self) -> Result<u32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = u32::from(self.array::<1>()?[0]);
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.fail(DecodeErrorKind::InvalidVarint)
    }

    /// Reads the length of an array or of bytes; `None` is null.
    pub(crate) fn length(&mut self) -> Result<Option<usize>> {
        if self.flexible {
            let plus_one = self.unsigned_varint()?;
            return Ok(plus_one.checked_sub(1).map(to_usize));
        }
        let length = self.int32()?;
        self.signed_length(length)
    }

    /// Reads the length of a string, which has 16 bits in the older encoding; `None` is null.
    fn string_length(&mut self) -> Result<Option<usize>> {
        if self.flexible {
            return self.length();
        }
        let length = self.int16()?;
        self.signed_length(length.into())
    }

    fn signed_length(&self, length: i32) -> Result<Option<usize>> {
        match length {
            -1 => Ok(None),
            _ => usize::try_from(length).map(Some).or_else(|_| self.fail(DecodeErrorKind::NegativeLength)),
        }
    }

    /// Takes the next `length` bytes without copying them.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`].
    pub fn slice(&mut self, length: usize) -> Result<Bytes> {
        if length > self.remaining() {
            return self.fail(DecodeErrorKind::Truncated);
        }
        let slice = self.frame.slice(self.at..self.at + length);
        self.at += length;
        Ok(slice)
    }

    pub(crate) fn nullable_bytes(&mut self) -> Result<Option<Bytes>> {
        self.length()?.map(|length| self.slice(length)).transpose()
    }

    pub(crate) fn nullable_string(&mut self) -> Result<Option<ByteString>> {
        let Some(length) = self.string_length()? else {
            return Ok(None);
        };
        let at = self.at;
        let slice = self.slice(length)?;
        ByteString::try_from(slice).map(Some).map_err(|_| DecodeErrorKind::InvalidUtf8.at(at))
    }

    /// Reads the number of elements of an array and books the memory they will need; `None` is null.
    pub(crate) fn array_length(&mut self, element_size: usize) -> Result<Option<usize>> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        if length > self.remaining() {
            return self.fail(DecodeErrorKind::Truncated);
        }
        self.book(length, element_size)?;
        Ok(Some(length))
    }

    /// Books the memory that `count` elements of `size` bytes will need.
    pub(crate) fn book(&mut self, count: usize, size: usize) -> Result<()> {
        match count.checked_mul(size).and_then(|need| self.budget.checked_sub(need)) {
            Some(left) => self.budget = left,
            None => return self.fail(DecodeErrorKind::TooManyElements),
        }
        Ok(())
    }
}

fn to_usize(n: u32) -> usize {
    usize::try_from(n).expect("targets of fewer than 32 bits are not supported")
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DecodeErrorKind::Truncated => f.write_str("the frame ends inside a value")?,
            DecodeErrorKind::TrailingBytes(left) => write!(f, "{left} bytes follow the end of the message")?,
            DecodeErrorKind::NegativeLength => f.write_str("a length is negative")?,
            DecodeErrorKind::NullNotAllowed => f.write_str("a value is null that may not be null")?,
            DecodeErrorKind::InvalidUtf8 => f.write_str("a string is not UTF-8")?,
            DecodeErrorKind::InvalidVarint => f.write_str("a variable-length integer is too long")?,
            DecodeErrorKind::TooManyElements => f.write_str("an array has more elements than such a frame may")?,
            DecodeErrorKind::UnsupportedVersion(version) => write!(f, "version {version} is not supported")?,
            DecodeErrorKind::UnknownApiKey(key) => write!(f, "API key {key} is not known")?,
        }
        write!(f, " (byte {})", self.at)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(bytes: &'static [u8], flexible: bool) -> Decoder {
        Decoder::new(Bytes::from_static(bytes), flexible)
    }

    #[test]
    fn a_length_beyond_the_frame_is_refused_without_allocating() {
        let check = |bytes, flexible, expected: DecodeErrorKind| {
            let error = decoder(bytes, flexible).array_length(1000).unwrap_err();
            assert_eq!(error.kind, expected, "{bytes:x?}");
        };
        check(&[0x7f, 0xff, 0xff, 0xff], false, DecodeErrorKind::Truncated);
        check(&[0xff, 0xff, 0xff, 0xfe], false, DecodeErrorKind::NegativeLength);
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], true, DecodeErrorKind::Truncated);
        check(&[0xff, 0xff, 0xff, 0xff, 0x1f], true, DecodeErrorKind::InvalidVarint);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], true, DecodeErrorKind::InvalidVarint);
    }

    #[test]
    fn elements_may_not_need_far_more_memory_than_the_frame_has_bytes() {
        let mut frame = vec![0, 1, 0, 0];
        frame.resize(4 + (1 << 16), 0);
        let mut decoder = Decoder::new(frame.into(), false);
        assert_eq!(decoder.array_length(64).unwrap_err().kind, DecodeErrorKind::TooManyElements);
    }
}
