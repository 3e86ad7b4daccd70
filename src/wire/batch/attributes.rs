//! The sixteen attribute bits of a batch.

use super::BatchError;
use crate::wire::compression::Compression;

const COMPRESSION: i16 = 0x07;
const TIMESTAMP_TYPE: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

/// What a batch says about all its records: codec, kind of timestamp, and three flags.
///
/// Bits without a meaning are kept.
/// ```
/// use rehearsal::wire::batch::Attributes;
/// use rehearsal::wire::compression::Compression;
/// let attributes = Attributes::default().with_compression(Compression::Zstd).with_transactional(true);
/// assert_eq!(attributes, Attributes(0x14));
/// assert!(attributes.is_transactional() && !attributes.is_control());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Attributes(pub i16);

/// Whose clock the timestamps of a batch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum TimestampType {
    /// The producer's, one per record.
    #[default]
    CreateTime,
    /// The leader's at the append, the same for all records: the batch's `max_timestamp`.
    LogAppendTime,
}

impl Attributes {
    /// The codec of the records.
    ///
    /// # Errors
    /// [`BatchError::UnknownCompression`] for the ids 5 to 7.
    pub const fn compression(self) -> Result<Compression, BatchError> {
        let id = self.0 & COMPRESSION;
        match Compression::from_id(id) {
            Some(codec) => Ok(codec),
            None => Err(BatchError::UnknownCompression(id)),
        }
    }

    /// Whose clock the timestamps come from.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(TIMESTAMP_TYPE) { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the records belong to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.has(TRANSACTIONAL)
    }

    /// Whether the records are a broker's own: transaction markers, for one.
    pub const fn is_control(self) -> bool {
        self.has(CONTROL)
    }

    /// Whether the base timestamp is the moment from which compaction may drop tombstones and markers.
    pub const fn has_delete_horizon(self) -> bool {
        self.has(DELETE_HORIZON)
    }

    /// These attributes with another codec.
    #[must_use]
    pub const fn with_compression(self, codec: Compression) -> Self {
        Self(self.0 & !COMPRESSION | codec.id())
    }

    /// These attributes with another kind of timestamp.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(TIMESTAMP_TYPE, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    /// These attributes with the transactional flag set or cleared.
    #[must_use]
    pub const fn with_transactional(self, on: bool) -> Self {
        self.with(TRANSACTIONAL, on)
    }

    /// These attributes with the control flag set or cleared.
    #[must_use]
    pub const fn with_control(self, on: bool) -> Self {
        self.with(CONTROL, on)
    }

    /// These attributes with the delete-horizon flag set or cleared.
    #[must_use]
    pub const fn with_delete_horizon(self, on: bool) -> Self {
        self.with(DELETE_HORIZON, on)
    }

    const fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }

    const fn with(self, bit: i16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }
}
