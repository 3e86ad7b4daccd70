//! Leaving records out of a batch, as compaction does.

use super::Batch;
use super::BatchBuilder;
use super::BatchError;
use super::RecordView;
use super::parse;
use crate::base::Timestamp;

impl Batch {
    /// Keeps the records that `keep` wants, at the offsets they have; decompresses at most `limit` bytes.
    ///
    /// Base offset, last offset, producer, sequence and epoch stay as they are, so that nothing that follows from them
    /// changes; the batch may end up without records. With `delete_horizon` the batch remembers that moment, as long
    /// as it had none. When every record is kept and no horizon is added, this is a clone.
    /// ```
    /// use rehearsal::base::Timestamp;
    /// use rehearsal::wire::batch::BatchBuilder;
    /// let mut builder = BatchBuilder::new();
    /// for key in [b"a", b"b", b"a"] {
    ///     builder.append(Timestamp(1), Some(key), Some(b"v"), &[]);
    /// }
    /// let batch = builder.build()?;
    /// let compacted = batch.retain(1000, None, |record| record.offset.0 > 0)?;
    /// assert_eq!(compacted.header.records_count, 2);
    /// assert_eq!(compacted.header.last_offset(), batch.header.last_offset());
    /// assert_eq!(compacted.records()?.next().expect("two are left")?.offset.0, 1);
    /// # Ok::<(), rehearsal::wire::batch::BatchError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Batch::records`], and the first malformed record.
    ///
    /// Source: `MemoryRecords.filterTo`. Differs: an empty batch keeps its timestamps' base.
    pub fn retain(
        &self,
        limit: usize,
        delete_horizon: Option<Timestamp>,
        mut keep: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<Self, BatchError> {
        let header = &self.header;
        let body = self.uncompressed_body(limit)?;
        let new_horizon = delete_horizon.filter(|_| header.delete_horizon().is_none());
        let horizon = header.delete_horizon().or(new_horizon);

        let mut builder = BatchBuilder::rebuilding(header, horizon)?;
        let mut walk = parse::Walk::new(&body, header.records_count)?;
        while let Some(raw) = walk.next()? {
            let view = RecordView::new(header, raw);
            if keep(&view) {
                builder.skip_to(raw.offset_delta);
                builder.write(view.timestamp, view.key, view.value, view.headers());
            }
        }
        if new_horizon.is_none() && builder.records_count() == header.records_count {
            return Ok(self.clone());
        }
        builder.finish(header.last_offset_delta)
    }
}
