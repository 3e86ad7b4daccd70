//! The bytes of record batches inside a message.

use bytes::Bytes;
use bytes::BytesMut;

/// Record batches as the message carries them: opaque bytes, possibly in several slices.
///
/// A request read from a socket has one slice; a fetch answer has the slices that the log handed out.
#[derive(Clone, Debug, Default)]
pub struct Records {
    slices: Vec<Bytes>,
}

impl Records {
    /// No records.
    pub const EMPTY: Self = Self { slices: Vec::new() };

    /// The concatenation of `slices`.
    pub fn from_slices(slices: Vec<Bytes>) -> Self {
        Self { slices }
    }

    /// Adds a slice at the end.
    pub fn push(&mut self, slice: Bytes) {
        self.slices.push(slice);
    }

    /// How many bytes there are in all.
    pub fn len(&self) -> usize {
        self.slices.iter().map(Bytes::len).sum()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.slices.iter().all(Bytes::is_empty)
    }

    /// The slices in order.
    pub fn slices(&self) -> &[Bytes] {
        &self.slices
    }

    /// All bytes in one piece; copies them unless there is one slice.
    pub fn into_bytes(mut self) -> Bytes {
        match self.slices.len() {
            0 => Bytes::new(),
            1 => self.slices.swap_remove(0),
            _ => {
                let mut whole = BytesMut::with_capacity(self.len());
                self.slices.iter().for_each(|slice| whole.extend_from_slice(slice));
                whole.freeze()
            }
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self { slices: vec![bytes] }
    }
}

/// Equal bytes are equal records, however they are cut into slices.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.slices.iter().flatten().eq(other.slices.iter().flatten())
    }
}

impl Eq for Records {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_into_slices_is_no_part_of_the_value() {
        let cut = Records::from_slices(vec![Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"c")]);
        assert_eq!(cut, Records::from(Bytes::from_static(b"abc")));
        assert_ne!(cut, Records::from(Bytes::from_static(b"abd")));
        assert_eq!(cut.into_bytes(), Bytes::from_static(b"abc"));
    }
}
