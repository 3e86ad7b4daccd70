//! Cutting concatenated batches apart.

use super::Batch;
use super::BatchError;
use super::BatchHeader;
use super::header;
use bytes::Bytes;

/// The batches in some bytes, one by one; see [`Batch::split`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    partial_tail_allowed: bool,
}

/// A legacy message's header behind the length field; Kafka's lower bound for any length.
const LENGTH_MIN: i32 = 14;

impl Batches {
    pub(super) const fn new(rest: Bytes) -> Self {
        Self { rest, partial_tail_allowed: false }
    }

    /// Ends silently at an incomplete last batch, as a fetch reader must: an answer may be cut anywhere.
    #[must_use]
    pub const fn ignoring_partial_tail(mut self) -> Self {
        self.partial_tail_allowed = true;
        self
    }

    /// The bytes that have not been read yet.
    pub const fn rest(&self) -> &Bytes {
        &self.rest
    }

    /// The size of the batch at the front, or `None` when its header is not there up to the magic.
    fn front_size(&self) -> Result<Option<usize>, BatchError> {
        let Some(start) = self.rest.first_chunk::<{ header::MAGIC_AT + 1 }>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes([start[8], start[9], start[10], start[11]]);
        let magic = i8::from_be_bytes([start[header::MAGIC_AT]]);
        if length < LENGTH_MIN {
            return Err(BatchError::Length(length));
        }
        if magic != 2 {
            return Err(BatchError::Magic(magic));
        }
        let length = usize::try_from(length).expect("not negative");
        Ok(Some(header::LENGTH_OVERHEAD + length))
    }

    fn front(&mut self) -> Result<Option<Batch>, BatchError> {
        let available = self.rest.len();
        let size = self.front_size()?;
        match size {
            Some(size) if size <= available => {
                let header = BatchHeader::read(&self.rest[..size]).map_err(|error| match error {
                    // The batch is all there, and too short for its own header.
                    BatchError::Truncated { .. } => {
                        BatchError::Length(i32::try_from(size - header::LENGTH_OVERHEAD).unwrap_or(i32::MAX))
                    }
                    other => other,
                })?;
                let mut batch = self.rest.split_to(size);
                let body = batch.split_off(super::HEADER_SIZE);
                Ok(Some(Batch { header, body }))
            }
            _ if self.partial_tail_allowed => Ok(None),
            _ => Err(BatchError::Truncated { needed: size.unwrap_or(super::HEADER_SIZE), available }),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let front = self.front();
        if !matches!(front, Ok(Some(_))) {
            self.rest.clear();
        }
        front.transpose()
    }
}
