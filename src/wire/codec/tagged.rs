//! Tagged fields (KIP-482) whose tags this version of the tables does not know.

use super::DecodeError;
use super::Decoder;
use super::EncodeError;
use super::Encoder;
use super::decoder::DecodeErrorKind;
use bytes::Bytes;

/// Unknown tagged fields, kept as they came so that a message can be passed on unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedFields(Vec<(u32, Bytes)>);

impl TaggedFields {
    /// The tags with their bytes, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.0.iter().map(|(tag, bytes)| (*tag, bytes))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a field.
    pub fn push(&mut self, tag: u32, bytes: Bytes) {
        self.0.push((tag, bytes));
    }

    /// Reads a section of tagged fields; `known` reads those it knows and says so.
    pub(crate) fn decode(
        decoder: &mut Decoder,
        mut known: impl FnMut(u32, &mut Decoder) -> Result<bool, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut unknown = Self::default();
        for _ in 0..decoder.unsigned_varint()? {
            let tag = decoder.unsigned_varint()?;
            let size = usize::try_from(decoder.unsigned_varint()?).expect("32 bits fit");
            let start = decoder.position();
            if size > decoder.remaining() {
                return decoder.fail(DecodeErrorKind::Truncated);
            }
            if !known(tag, decoder)? {
                // Three times, because a list that grows is moved to one of twice its size.
                decoder.book(3, size_of::<(u32, Bytes)>())?;
                unknown.push(tag, decoder.slice(size)?);
            }
            match decoder.position() - start {
                read if read < size => return decoder.fail(DecodeErrorKind::TrailingBytes(size - read)),
                read if read > size => return decoder.fail(DecodeErrorKind::Truncated),
                _ => {}
            }
        }
        Ok(unknown)
    }

    /// Writes the unknown fields; their number has been written together with that of the known ones.
    pub(crate) fn encode(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        for (tag, bytes) in &self.0 {
            encoder.tagged(*tag, |encoder| {
                encoder.slice(bytes);
                Ok(())
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_empty_fields_is_refused() {
        // 100,000 fields of two bytes each would need twenty times the memory of the frame, and more to grow.
        let mut frame = vec![0xa0, 0x8d, 0x06];
        (0..100_000).for_each(|_| frame.extend([9, 0]));
        let refused = TaggedFields::decode(&mut Decoder::new(frame.into(), true), |_, _| Ok(false));
        assert_eq!(refused.unwrap_err().kind, DecodeErrorKind::TooManyElements);
    }
}
