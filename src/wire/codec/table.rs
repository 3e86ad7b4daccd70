//! `message!`: from a table of facts to a struct, its decoder, its encoder and its schema.
//!
//! The generated code is one function per direction and struct, not generic, so that all messages build in seconds.

use super::DecodeError;
use super::DecodeErrorKind;
use super::Decoder;
use super::EncodeError;
use super::Encoder;
use super::Field;
use crate::wire::api_key::ApiKey;
use crate::wire::schema::MessageFacts;
use bytes::Bytes;

/// A request, a response, or data that Kafka keeps inside bytes.
pub trait Message: Field + Default {
    /// The table of facts.
    const FACTS: MessageFacts;

    /// Reads a whole message of the given version, to the last byte.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a message, or the version does not exist.
    fn from_bytes(bytes: Bytes, version: i16) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes, false);
        let message = Self::decode_body(&mut decoder, version)?;
        decoder.finish()?;
        Ok(message)
    }

    /// Writes the message into one piece.
    ///
    /// # Errors
    /// [`EncodeError`] when the version does not exist or cannot hold a value.
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut encoder = Encoder::new(false);
        self.encode_body(&mut encoder, version)?;
        Ok(encoder.into_bytes())
    }

    /// Reads the message where the decoder stands.
    ///
    /// # Errors
    /// As [`Message::from_bytes`], but bytes may follow.
    fn decode_body(decoder: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
        if !Self::FACTS.versions.contains(version) {
            return decoder.fail(DecodeErrorKind::UnsupportedVersion(version));
        }
        decoder.set_flexible(Self::FACTS.flexible.contains(version));
        Self::decode(decoder, version, false)
    }

    /// Writes the message after what the encoder has.
    ///
    /// # Errors
    /// As [`Message::to_bytes`].
    fn encode_body(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        if !Self::FACTS.versions.contains(version) {
            return Err(EncodeError::UnsupportedVersion(version));
        }
        encoder.set_flexible(Self::FACTS.flexible.contains(version));
        self.encode(encoder, version, false)
    }
}

/// A request, which has a key and an answer.
pub trait RequestMessage: Message {
    /// The API.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Message;
}

/// `0..` and `0..=3` as [`Versions`](crate::wire::schema::Versions).
macro_rules! versions {
    () => {
        $crate::wire::schema::Versions::NONE
    };
    ($min:literal ..) => {
        $crate::wire::schema::Versions::new($min, i16::MAX)
    };
    ($min:literal ..= $max:literal) => {
        $crate::wire::schema::Versions::new($min, $max)
    };
}

/// An optional token as an `Option` of its source.
macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some(stringify!($value))
    };
}

/// Makes messages from tables of facts; every file in `wire/messages` is one use of it.
macro_rules! message {
    ($(
        $(#[$meta:meta])*
        $kind:ident $name:ident $(($(key $key:literal,)? versions $min:literal..=$max:literal $(, flexible $flexible:literal..)?))? {
            $($field:ident: $ty:ty [$($v:tt)*] $(nullable [$($n:tt)*])? $(= $default:expr)?,)*
            $(@ $tag:literal $tfield:ident: $tty:ty [$($tv:tt)*] $(nullable [$($tn:tt)*])? $(= $tdefault:expr)?,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!("Versions `", stringify!($($v)*), "`.")]
                pub $field: $ty,
            )*
            $(
                #[doc = concat!("Versions `", stringify!($($tv)*), "`, tag ", $tag, ".")]
                pub $tfield: $tty,
            )*
            /// Tagged fields that the tables do not know.
            pub unknown_tagged_fields: $crate::wire::codec::TaggedFields,
        }

        impl Default for $name {
            fn default() -> Self {
                #[allow(unused_mut, reason = "most structs have only the types' own defaults")]
                let mut this = Self {
                    $($field: Default::default(),)*
                    $($tfield: Default::default(),)*
                    unknown_tagged_fields: Default::default(),
                };
                $($(this.$field = $default;)?)*
                $($(this.$tfield = $tdefault;)?)*
                this
            }
        }

        impl $name {
            const SCHEMA: $crate::wire::schema::Struct = $crate::wire::schema::Struct {
                name: stringify!($name),
                fields: &[
                    $($crate::wire::schema::FieldFacts {
                        name: $crate::wire::schema::field_name(stringify!($field)),
                        ty: <$ty as $crate::wire::codec::Field>::TYPE,
                        versions: versions!($($v)*),
                        nullable: versions!($($($n)*)?),
                        tag: None,
                        default: optional!($($default)?),
                    },)*
                    $($crate::wire::schema::FieldFacts {
                        name: $crate::wire::schema::field_name(stringify!($tfield)),
                        ty: <$tty as $crate::wire::codec::Field>::TYPE,
                        versions: versions!($($tv)*),
                        nullable: versions!($($($tn)*)?),
                        tag: Some($tag),
                        default: optional!($($tdefault)?),
                    },)*
                ],
            };
        }

        impl $crate::wire::codec::Field for $name {
            const TYPE: $crate::wire::schema::FieldType = $crate::wire::schema::FieldType::Struct(&Self::SCHEMA);

            fn decode(
                decoder: &mut $crate::wire::codec::Decoder,
                version: i16,
                _: bool,
            ) -> Result<Self, $crate::wire::codec::DecodeError> {
                let mut this = Self::default();
                $(if versions!($($v)*).contains(version) {
                    let nullable = versions!($($($n)*)?).contains(version);
                    this.$field = $crate::wire::codec::Field::decode(decoder, version, nullable)?;
                })*
                if decoder.is_flexible() {
                    this.unknown_tagged_fields = $crate::wire::codec::TaggedFields::decode(decoder, |_tag, _decoder| {
                        $(if _tag == $tag && versions!($($tv)*).contains(version) {
                            let nullable = versions!($($($tn)*)?).contains(version);
                            this.$tfield = $crate::wire::codec::Field::decode(_decoder, version, nullable)?;
                            return Ok(true);
                        })*
                        Ok(false)
                    })?;
                }
                Ok(this)
            }

            fn encode(
                &self,
                encoder: &mut $crate::wire::codec::Encoder,
                version: i16,
                _: bool,
            ) -> Result<(), $crate::wire::codec::EncodeError> {
                $(if versions!($($v)*).contains(version) {
                    let nullable = versions!($($($n)*)?).contains(version);
                    $crate::wire::codec::Field::encode(&self.$field, encoder, version, nullable)?;
                })*
                if encoder.is_flexible() {
                    message!(@tagged self, encoder, version, $name, $($tag: $tfield: [$($tv)*] [$($($tn)*)?];)*);
                }
                Ok(())
            }
        }

        message!(@nullable $kind $name);

        $(impl $crate::wire::codec::Message for $name {
            const FACTS: $crate::wire::schema::MessageFacts = $crate::wire::schema::MessageFacts {
                api_key: message!(@key $($key)?),
                versions: versions!($min..=$max),
                flexible: versions!($($flexible..)?),
                body: &Self::SCHEMA,
            };
        })?
    )*};

    (@key) => { None };
    (@key $key:literal) => { Some($key) };

    (@tagged $this:ident, $encoder:ident, $version:ident, $name:ident,) => {{
        // Without known tags there is nothing to compare or to sort.
        let count = u32::try_from($this.unknown_tagged_fields.len()).expect("fewer tags than bytes in a frame");
        $encoder.unsigned_varint(count);
        $this.unknown_tagged_fields.encode($encoder)?;
    }};
    (@tagged $this:ident, $encoder:ident, $version:ident, $name:ident, $($tag:literal: $field:ident: [$($v:tt)*] [$($n:tt)*];)+) => {{
        let default = Self::default();
        let mut count = u32::try_from($this.unknown_tagged_fields.len()).expect("fewer tags than bytes in a frame");
        $(count += u32::from(versions!($($v)*).contains($version) && $this.$field != default.$field);)+
        $encoder.unsigned_varint(count);
        $(if versions!($($v)*).contains($version) && $this.$field != default.$field {
            let nullable = versions!($($n)*).contains($version);
            $encoder.tagged($tag, |encoder| {
                $crate::wire::codec::Field::encode(&$this.$field, encoder, $version, nullable)
            })?;
        })+
        $this.unknown_tagged_fields.encode($encoder)?;
    }};

    // Only parts of messages can be null.
    (@nullable nullable_struct $name:ident) => {
        impl $crate::wire::codec::Field for Option<$name> {
            const TYPE: $crate::wire::schema::FieldType = <$name as $crate::wire::codec::Field>::TYPE;

            fn decode(
                decoder: &mut $crate::wire::codec::Decoder,
                version: i16,
                nullable: bool,
            ) -> Result<Self, $crate::wire::codec::DecodeError> {
                $crate::wire::codec::decode_nullable_struct(decoder, version, nullable)
            }

            fn encode(
                &self,
                encoder: &mut $crate::wire::codec::Encoder,
                version: i16,
                nullable: bool,
            ) -> Result<(), $crate::wire::codec::EncodeError> {
                $crate::wire::codec::encode_nullable_struct(self.as_ref(), encoder, version, nullable)
            }
        }
    };
    (@nullable $kind:ident $name:ident) => {};
}
