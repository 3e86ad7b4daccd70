//! Writing values to a list of slices, so that record bytes are never copied on their way to a socket.

use super::records::Records;
use crate::base::Uuid;
use bytes::Bytes;
use bytes::BytesMut;
use std::fmt;

/// Slices shorter than this are copied: a copy is cheaper than one more entry in a vectored write.
const SLICE_BYTES_MIN: usize = 1024;
/// How many bytes stand in front of a frame, and say how long it is.
const LENGTH_SIZE: usize = 4;
/// Most frames but for their records have no more; one that has costs another allocation.
const FRAME_CAPACITY: usize = 256;

/// Collects the bytes of one message.
#[derive(Debug)]
pub struct Encoder {
    done: Vec<Bytes>,
    done_len: usize,
    tail: Vec<u8>,
    /// How many bytes at the beginning are kept free for the length.
    lead: usize,
    flexible: bool,
    /// Whether bytes are counted only.
    counts: bool,
}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The named field is null, which this version does not allow.
    NullNotAllowed(&'static str),
    /// A string, array or message is longer than its length field can say.
    TooLong,
    /// This message has no such version.
    UnsupportedVersion(i16),
}

type Result<T> = std::result::Result<T, EncodeError>;

impl Encoder {
    /// Starts with nothing written, in the encoding of flexible versions (KIP-482) or the older one.
    pub fn new(flexible: bool) -> Self {
        Self { done: Vec::new(), done_len: 0, tail: Vec::new(), lead: 0, flexible, counts: false }
    }

    /// Starts a frame, to be finished by [`Encoder::into_frame`].
    pub fn frame() -> Self {
        let mut tail = Vec::with_capacity(FRAME_CAPACITY);
        tail.extend([0; LENGTH_SIZE]);
        Self { tail, lead: LENGTH_SIZE, ..Self::new(false) }
    }

    /// An encoder that keeps nothing and knows in the end how long the message would be.
    pub(crate) fn counting() -> Self {
        Self { counts: true, ..Self::new(false) }
    }

    /// Whether compact lengths and tagged fields are in use.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.done_len + self.tail.len() - self.lead
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The written bytes, in order, as slices none of which is empty.
    pub fn into_slices(mut self) -> Vec<Bytes> {
        self.flush_tail();
        self.done
    }

    /// What [`Encoder::frame`] has begun, with its length in four bytes in front, as slices none of which is empty.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] beyond 2 GiB.
    ///
    /// # Panics
    /// When it was not begun as a frame.
    pub fn into_frame(mut self) -> Result<Vec<Bytes>> {
        assert_eq!(self.lead, LENGTH_SIZE, "a frame is begun with `Encoder::frame`");
        let length = i32::try_from(self.len()).map_err(|_| EncodeError::TooLong)?.to_be_bytes();
        match self.done.first_mut() {
            None => self.tail[..LENGTH_SIZE].copy_from_slice(&length),
            Some(first) => {
                // Nobody else has it yet, so it is not copied.
                let mut head = BytesMut::from(std::mem::take(first));
                head[..LENGTH_SIZE].copy_from_slice(&length);
                *first = head.freeze();
            }
        }
        Ok(self.into_slices())
    }

    /// The written bytes in one piece; copies them unless they are one slice.
    pub fn into_bytes(self) -> Bytes {
        Records::from_slices(self.into_slices()).into_bytes()
    }

    fn flush_tail(&mut self) {
        if !self.tail.is_empty() {
            // No longer than it is: a frame inside the process is kept as it was written.
            let tail = Bytes::from(std::mem::take(&mut self.tail).into_boxed_slice());
            self.done_len += tail.len();
            self.done.push(tail);
        }
    }

    /// Writes raw bytes by copying them.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.counts {
            self.done_len += bytes.len();
        } else {
            self.tail.extend_from_slice(bytes);
        }
    }

    /// Writes a slice by reference when it is long enough to be worth it.
    pub fn slice(&mut self, bytes: &Bytes) {
        if self.counts || bytes.len() < SLICE_BYTES_MIN {
            self.raw(bytes);
        } else {
            self.flush_tail();
            self.done_len += bytes.len();
            self.done.push(bytes.clone());
        }
    }

    /// Writes a number of up to five bytes, seven bits each, the lowest first.
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.raw(&[value.to_le_bytes()[0] | 0x80]);
            value >>= 7;
        }
        self.raw(&[value.to_le_bytes()[0]]);
    }

    /// Writes 16 bytes.
    pub fn uuid(&mut self, id: Uuid) {
        self.raw(&id.0);
    }

    /// Writes the length of an array or of bytes; `None` is null.
    pub(crate) fn length(&mut self, length: Option<usize>) -> Result<()> {
        let length = length.map(i32::try_from).transpose().map_err(|_| EncodeError::TooLong)?;
        if self.flexible {
            let plus_one = length.map_or(0, |length| length.unsigned_abs() + 1);
            self.unsigned_varint(plus_one);
        } else {
            self.raw(&length.unwrap_or(-1).to_be_bytes());
        }
        Ok(())
    }

    pub(crate) fn nullable_string(&mut self, text: Option<&str>) -> Result<()> {
        if self.flexible {
            self.length(text.map(str::len))?;
        } else {
            let length = text.map_or(Ok(-1), |text| i16::try_from(text.len())).map_err(|_| EncodeError::TooLong)?;
            self.raw(&length.to_be_bytes());
        }
        self.raw(text.unwrap_or_default().as_bytes());
        Ok(())
    }

    pub(crate) fn nullable_bytes(&mut self, bytes: Option<&Bytes>) -> Result<()> {
        self.length(bytes.map(Bytes::len))?;
        if let Some(bytes) = bytes {
            self.slice(bytes);
        }
        Ok(())
    }

    /// Writes `tag`, the size of what `write` writes, and that.
    pub(crate) fn tagged(&mut self, tag: u32, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut value = Self { counts: self.counts, ..Self::new(self.flexible) };
        write(&mut value)?;
        self.unsigned_varint(tag);
        self.unsigned_varint(u32::try_from(value.len()).map_err(|_| EncodeError::TooLong)?);
        self.done_len += if self.counts { value.len() } else { 0 };
        for slice in value.into_slices() {
            self.slice(&slice);
        }
        Ok(())
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullNotAllowed(field) => write!(f, "`{field}` is null, which this version does not allow"),
            Self::TooLong => f.write_str("a value is longer than its length field can say"),
            Self::UnsupportedVersion(version) => write!(f, "the message has no version {version}"),
        }
    }
}

impl std::error::Error for EncodeError {}
