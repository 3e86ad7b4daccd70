//! The types that a field of a message can have.

use super::DecodeError;
use super::Decoder;
use super::EncodeError;
use super::Encoder;
use super::decoder::DecodeErrorKind;
use super::records::Records;
use crate::base::Uuid;
use crate::wire::schema::FieldType;
use bytes::Bytes;
use bytestring::ByteString;

/// A value that a message can hold in a field.
pub trait Field: Sized {
    /// The type as data, for JSON and checks.
    const TYPE: FieldType;

    /// Reads the value; `nullable` says whether this version lets it be null.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no such value.
    fn decode(decoder: &mut Decoder, version: i16, nullable: bool) -> Result<Self, DecodeError>;

    /// Writes the value; `nullable` says whether this version lets it be null.
    ///
    /// # Errors
    /// [`EncodeError`] when the value is null and may not be, or too long.
    fn encode(&self, encoder: &mut Encoder, version: i16, nullable: bool) -> Result<(), EncodeError>;
}

macro_rules! numbers {
    ($($ty:ty => $variant:ident, $read:ident;)*) => {$(
        impl Field for $ty {
            const TYPE: FieldType = FieldType::$variant;

            #[inline]
            fn decode(decoder: &mut Decoder, _: i16, _: bool) -> Result<Self, DecodeError> {
                decoder.$read()
            }

            #[inline]
            fn encode(&self, encoder: &mut Encoder, _: i16, _: bool) -> Result<(), EncodeError> {
                encoder.raw(&self.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

numbers! {
    i8 => Int8, int8;
    i16 => Int16, int16;
    u16 => Uint16, uint16;
    i32 => Int32, int32;
    i64 => Int64, int64;
    f64 => Float64, float64;
}

impl Field for bool {
    const TYPE: FieldType = FieldType::Bool;

    fn decode(decoder: &mut Decoder, _: i16, _: bool) -> Result<Self, DecodeError> {
        decoder.boolean()
    }

    fn encode(&self, encoder: &mut Encoder, _: i16, _: bool) -> Result<(), EncodeError> {
        encoder.raw(&[u8::from(*self)]);
        Ok(())
    }
}

impl Field for Uuid {
    const TYPE: FieldType = FieldType::Uuid;

    fn decode(decoder: &mut Decoder, _: i16, _: bool) -> Result<Self, DecodeError> {
        decoder.uuid()
    }

    fn encode(&self, encoder: &mut Encoder, _: i16, _: bool) -> Result<(), EncodeError> {
        encoder.uuid(*self);
        Ok(())
    }
}

/// `T` and `Option<T>` for values that are preceded by a length.
macro_rules! lengthy {
    ($ty:ty => $variant:ident, $read:expr, $write:expr) => {
        impl Field for $ty {
            const TYPE: FieldType = FieldType::$variant;

            fn decode(decoder: &mut Decoder, _: i16, _: bool) -> Result<Self, DecodeError> {
                match $read(decoder)? {
                    Some(value) => Ok(value.into()),
                    None => decoder.fail(DecodeErrorKind::NullNotAllowed),
                }
            }

            fn encode(&self, encoder: &mut Encoder, _: i16, _: bool) -> Result<(), EncodeError> {
                $write(encoder, Some(self))
            }
        }

        impl Field for Option<$ty> {
            const TYPE: FieldType = FieldType::$variant;

            fn decode(decoder: &mut Decoder, _: i16, nullable: bool) -> Result<Self, DecodeError> {
                match $read(decoder)? {
                    Some(value) => Ok(Some(value.into())),
                    None if nullable => Ok(None),
                    None => decoder.fail(DecodeErrorKind::NullNotAllowed),
                }
            }

            fn encode(&self, encoder: &mut Encoder, _: i16, nullable: bool) -> Result<(), EncodeError> {
                if self.is_none() && !nullable {
                    return Err(EncodeError::NullNotAllowed(stringify!($variant)));
                }
                $write(encoder, self.as_ref())
            }
        }
    };
}

lengthy!(ByteString => String, Decoder::nullable_string, |e: &mut Encoder, v: Option<&ByteString>| {
    e.nullable_string(v.map(|text| &**text))
});
lengthy!(Bytes => Bytes, Decoder::nullable_bytes, Encoder::nullable_bytes);
lengthy!(Records => Records, Decoder::nullable_bytes, encode_records);

fn encode_records(encoder: &mut Encoder, records: Option<&Records>) -> Result<(), EncodeError> {
    encoder.length(records.map(Records::len))?;
    for slice in records.into_iter().flat_map(Records::slices) {
        encoder.slice(slice);
    }
    Ok(())
}

fn decode_elements<T: Field>(decoder: &mut Decoder, version: i16) -> Result<Option<Vec<T>>, DecodeError> {
    let Some(length) = decoder.array_length(size_of::<T>())? else {
        return Ok(None);
    };
    let mut elements = Vec::with_capacity(length);
    for _ in 0..length {
        elements.push(T::decode(decoder, version, false)?);
    }
    Ok(Some(elements))
}

fn encode_elements<T: Field>(
    encoder: &mut Encoder,
    version: i16,
    elements: Option<&Vec<T>>,
) -> Result<(), EncodeError> {
    encoder.length(elements.map(Vec::len))?;
    elements.into_iter().flatten().try_for_each(|element| element.encode(encoder, version, false))
}

impl<T: Field> Field for Vec<T> {
    const TYPE: FieldType = FieldType::Array(&T::TYPE);

    fn decode(decoder: &mut Decoder, version: i16, _: bool) -> Result<Self, DecodeError> {
        match decode_elements(decoder, version)? {
            Some(elements) => Ok(elements),
            None => decoder.fail(DecodeErrorKind::NullNotAllowed),
        }
    }

    fn encode(&self, encoder: &mut Encoder, version: i16, _: bool) -> Result<(), EncodeError> {
        encode_elements(encoder, version, Some(self))
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    const TYPE: FieldType = FieldType::Array(&T::TYPE);

    fn decode(decoder: &mut Decoder, version: i16, nullable: bool) -> Result<Self, DecodeError> {
        match decode_elements(decoder, version)? {
            None if !nullable => decoder.fail(DecodeErrorKind::NullNotAllowed),
            elements => Ok(elements),
        }
    }

    fn encode(&self, encoder: &mut Encoder, version: i16, nullable: bool) -> Result<(), EncodeError> {
        if self.is_none() && !nullable {
            return Err(EncodeError::NullNotAllowed("array"));
        }
        encode_elements(encoder, version, self.as_ref())
    }
}

/// Reads a struct that may be null: a byte says whether it is (negative) or follows.
pub(crate) fn decode_nullable_struct<T: Field>(
    decoder: &mut Decoder,
    version: i16,
    nullable: bool,
) -> Result<Option<T>, DecodeError> {
    if !nullable {
        return T::decode(decoder, version, false).map(Some);
    }
    if decoder.int8()? < 0 { Ok(None) } else { T::decode(decoder, version, false).map(Some) }
}

/// Writes a struct that may be null.
pub(crate) fn encode_nullable_struct<T: Field>(
    value: Option<&T>,
    encoder: &mut Encoder,
    version: i16,
    nullable: bool,
) -> Result<(), EncodeError> {
    match value {
        None if !nullable => Err(EncodeError::NullNotAllowed("struct")),
        None => {
            encoder.raw(&[0xff]);
            Ok(())
        }
        Some(value) => {
            if nullable {
                encoder.raw(&[1]);
            }
            value.encode(encoder, version, false)
        }
    }
}
